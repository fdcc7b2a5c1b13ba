"""Models that make frames in between: their facts, and how a name becomes one that runs."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec

from vsmagic.errors import ModelError, OptionError
from vsmagic.models import catalogue
from vsmagic.models.spec import Precision, load_spec

EMBEDDED = Path(__file__).with_name("embedded")

EMBEDDED_SCALES = (0.25, 0.5, 1.0)
"""Flow scales that embedded models have: each half of another reaches twice as far."""

EMBEDDED_LIMITS = ((300, 1.0), (1200, 0.5))
"""Up to how many lines ``auto`` takes which of them. Things cross about as much of a large frame as of a small one; at
540 lines (DAVIS) 0.5 was measured to be better than 1, at 240 (UCF101) both were the same."""

MVTOOLS = "mvtools"
"""Not a network: block motion by the mvtools plugin."""

FlowScale = Literal["auto"] | float


class MotionSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The facts of one network that makes frames in between, stored as ``NAME.json`` beside ``NAME.onnx``.

    The ONNX has one input ``[1, 7, height, width]``: R'G'B' of the first frame, of the second, 0 to 1, and a plane
    that holds the time between them, above 0 and below 1; and one output, ``[1, 3, height, width]``.
    """

    name: str
    """Name the model is asked for by."""
    multiple: int
    """Width and height must be multiples of this; the filter pads by mirroring and crops."""
    precisions: tuple[Precision, ...] = ("f32",)
    """Precisions of arithmetic that the model tolerates, the preferred one first."""
    activations: int
    """Values that are alive at once at the widest place of the network, per pixel."""
    content: str = "any"
    """Pictures the model is for: any, photo, anime."""
    licence: str = "unknown"
    """SPDX identifier, or 'unknown'."""
    sha256: str
    """Hash of the ONNX file, lower-case hexadecimal."""


class MotionModel(msgspec.Struct, frozen=True, kw_only=True):
    """A network for frames in between that can run now."""

    spec: MotionSpec
    path: Path

    @property
    def name(self) -> str:
        """Name the model is asked for by."""
        return self.spec.name


def scaled(
    flow_scale: FlowScale, height: int, *, scales: Sequence[float], limits: Sequence[tuple[int, float]]
) -> float:
    """Return the flow scale to use on frames of a height; for upright pictures, give their width.

    Args:
        flow_scale: what was asked for.
        height: lines of the frames.
        scales: those that the model has, the smallest first.
        limits: up to how many lines ``auto`` takes which scale; larger frames get the smallest.

    Raises:
        OptionError: the model has no such scale.
    """
    if flow_scale == "auto":
        return next((scale for most, scale in limits if height <= most), scales[0])
    if isinstance(flow_scale, str) or flow_scale not in scales:
        known = ", ".join(f"{scale:g}" for scale in scales)
        raise OptionError(f"flow_scale: {flow_scale!r} is none of this model; expected auto or one of {known}.")
    return float(flow_scale)


def embedded(name: str, *, flow_scale: float = 1.0) -> MotionModel:
    """Return a model that comes with the package, as it looks for motion at one of :data:`EMBEDDED_SCALES`."""
    file = embedded_name(name, flow_scale)
    return MotionModel(spec=load_spec(EMBEDDED / f"{file}.json", MotionSpec), path=EMBEDDED / f"{file}.onnx")


def embedded_name(name: str, flow_scale: float) -> str:
    """Return what the files of an embedded model are called, without their endings."""
    return name if flow_scale == 1 else f"{name}-{flow_scale:g}"


def unknown(name: str) -> ModelError:
    """Return the error for a name that no model has."""
    import difflib  # only a mistake needs it

    names = ["auto", MVTOOLS, *(entry.name for entry in catalogue.ENTRIES if entry.kind == "interpolate")]
    close = difflib.get_close_matches(name.casefold(), names, n=1)
    hint = f" (did you mean {close[0]}?)" if close else ""
    return ModelError(f"model {name!r} does not make frames in between; expected {', '.join(names)}{hint}.")
