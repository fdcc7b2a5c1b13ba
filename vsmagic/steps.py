"""The steps of a chain, as plain data: one for each filter, with that filter's options."""

from typing import Any, Literal

import msgspec

Size = tuple[int, int] | str
Rate = int | float | str
FieldOrder = Literal["auto", "top", "bottom"]


class DezoomStep(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True,
                 tag_field="filter", tag="dezoom"):  # fmt: skip
    """Options of :func:`vsmagic.dezoom`; ``keyframes`` is a path or the entries themselves."""

    keyframes: str | list[dict[str, Any]]
    easing: Literal["linear", "hold", "smooth", "catmull-rom"] = "linear"
    size: Size | None = None
    fit: Literal["contain", "cover", "stretch"] = "contain"


class UpscaleStep(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True,
                  tag_field="filter", tag="upscale"):  # fmt: skip
    """Options of :func:`vsmagic.upscale`."""

    model: str = "auto"
    denoise: float | None = None
    scale: float | None = None
    size: Size | None = None
    target: Literal["auto"] | None = None
    fit: Literal["contain", "cover", "stretch"] = "contain"
    backend: str = "auto"
    precision: str = "auto"
    tile: Size = "auto"
    streams: int | None = None
    device: int = 0
    strict: bool = False


class InterpolateStep(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True,
                      tag_field="filter", tag="interpolate"):  # fmt: skip
    """Options of :func:`vsmagic.interpolate`; exact rates and factors are text, such as "60000/1001" and "5/2"."""

    fps: Rate | None = None
    multiplier: Rate | None = None
    slowdown: Rate = 1
    model: str = "auto"
    flow_scale: float | str = "auto"
    scene_changes: Literal["repeat", "blend", "ignore"] = "repeat"
    threshold: float | None = None
    duplicates: Literal["keep", "retime", "drop"] = "keep"
    backend: str = "auto"
    precision: str = "auto"
    streams: int | None = None
    device: int = 0
    strict: bool = False


class DeinterlaceStep(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True,
                      tag_field="filter", tag="deinterlace"):  # fmt: skip
    """Options of :func:`vsmagic.deinterlace`."""

    rate: Literal["frame", "field"] = "frame"
    order: FieldOrder = "auto"


class InverseTelecineStep(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True,
                          tag_field="filter", tag="inverse_telecine"):  # fmt: skip
    """Options of :func:`vsmagic.inverse_telecine`."""

    order: FieldOrder = "auto"


class AsProgressiveStep(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True,
                        tag_field="filter", tag="as_progressive"):  # fmt: skip
    """:func:`vsmagic.as_progressive`, which has no options."""


class ConstantRateStep(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True,
                       tag_field="filter", tag="constant_rate"):  # fmt: skip
    """Options of :func:`vsmagic.constant_rate`; an exact rate is text, such as "60000/1001"."""

    fps: Rate | None = None


class TrimStep(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True,
               tag_field="filter", tag="trim"):  # fmt: skip
    """Options of :func:`vsmagic.trim`, in seconds."""

    start: float = 0.0
    end: float | None = None


FieldsStep = DeinterlaceStep | InverseTelecineStep | AsProgressiveStep
Step = DezoomStep | InterpolateStep | UpscaleStep | ConstantRateStep | TrimStep | FieldsStep
