"""Sizes and rectangles: where a picture goes in a frame of another size. Pure arithmetic, no VapourSynth."""

import math
import re
from typing import Literal, get_args

import msgspec

from vsmagic.errors import FormatError, OptionError
from vsmagic.keyframes import Rect

Fit = Literal["contain", "cover", "stretch"]
FITS: tuple[str, ...] = get_args(Fit)

_LANDSCAPE, _PORTRAIT = (3840, 2160), (1080, 1920)
_LANDSCAPE_ASPECTS, _PORTRAIT_ASPECTS = (1.7, 1.8), (0.55, 0.6)


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """How large the result shall be; exactly one of the three."""

    scale: float | None = None
    """Factor on the clip's stored size; the pixel aspect stays."""
    size: tuple[int, int] | None = None
    """(width, height) in square pixels."""
    auto: bool = False
    """The usual size for the clip's display aspect."""


def parse_target(
    scale: float | None = None,
    size: tuple[int, int] | str | None = None,
    target: str | None = None,
    *,
    model_scale: int | None = None,
) -> Target:
    """Check what was asked for. Nothing asked for is ``auto``; the size stays where the model does not enlarge.

    Args:
        scale: factor on the stored size.
        size: (width, height), or text such as 1280x720.
        target: ``auto``.
        model_scale: output size over input size of the model that was named; None where none was.

    Raises:
        OptionError: more than one is given, or a value is not acceptable.
    """
    given = {"scale": scale, "size": size, "target": target}
    named = [name for name, value in given.items() if value is not None]
    if len(named) > 1:
        raise OptionError(f"{' and '.join(named)} are both given; expected one of scale, size and target.")
    if scale is not None:
        if isinstance(scale, bool) or not isinstance(scale, int | float) or not math.isfinite(scale) or scale <= 0:
            raise OptionError(f"scale is {scale!r}; expected a number above 0, such as 2.")
        return Target(scale=float(scale))
    if size is not None:
        return Target(size=parse_size(size, "size"))
    if target not in (None, "auto"):
        raise OptionError(f"target is {target!r}; expected auto (or give size=(width, height)).")
    if not named and model_scale == 1:
        return Target(scale=1.0)
    return Target(auto=True)


def parse_size(value: tuple[int, int] | str, name: str) -> tuple[int, int]:
    """Return (width, height) from a pair or from text such as 1280x720.

    Raises:
        OptionError: not a pair of positive whole numbers.
    """
    if isinstance(value, str):
        match = re.fullmatch(r"(\d{1,5})[x:](\d{1,5})", value.strip())
        pair = (int(match[1]), int(match[2])) if match else None
    else:
        pair = tuple(value) if isinstance(value, tuple | list) else None  # type: ignore[assignment]
    if pair is None or len(pair) != 2 or not all(type(n) is int and n > 0 for n in pair):
        raise OptionError(f"{name} is {value!r}; expected width and height above 0, such as 1280x720.")
    return pair


def output_size(target: Target, width: int, height: int, pixel_aspect: float) -> tuple[int, int]:
    """Return the size to produce, (width, height).

    Args:
        target: what was asked for.
        width: of the picture, in stored pixels.
        height: likewise.
        pixel_aspect: width of a stored pixel over its height.

    Returns:
        For ``scale`` the stored size times the scale, rounded; for ``size`` that size; for ``auto`` 3840x2160 or
        1080x1920 where the display aspect is 1.7 to 1.8 or 0.55 to 0.6, else the nearer of the two made smaller in
        one direction to keep the aspect, always even.
    """
    if target.scale is not None:
        return max(1, round(width * target.scale)), max(1, round(height * target.scale))
    if target.size is not None:
        return target.size
    aspect = width * pixel_aspect / height
    if _LANDSCAPE_ASPECTS[0] <= aspect <= _LANDSCAPE_ASPECTS[1]:
        return _LANDSCAPE
    if _PORTRAIT_ASPECTS[0] <= aspect <= _PORTRAIT_ASPECTS[1]:
        return _PORTRAIT
    near = min(_LANDSCAPE, _PORTRAIT, key=lambda box: abs(math.log(aspect * box[1] / box[0])))
    fit = min(near[0] / aspect, near[1])
    return even(fit * aspect), even(fit)


def even(value: float) -> int:
    """Return the nearest even number above 0."""
    return nearest(value, 2)


def nearest(value: float, step: int) -> int:
    """Return the nearest multiple of ``step`` above 0."""
    return max(step, step * round(value / step))


def fitted(size: tuple[int, int], step: tuple[int, int], *, name: str) -> tuple[int, int]:
    """Return a size that somebody asked for, if subsampled chroma allows it.

    Args:
        size: (width, height).
        step: what they must be multiples of.
        name: the filter's, for the message.

    Raises:
        FormatError: they are not.
    """
    if size[0] % step[0] or size[1] % step[1]:
        raise FormatError(
            f"{name}: size is {size[0]}x{size[1]}; with the clip's chroma subsampling width and height must be "
            f"multiples of {step[0]} and {step[1]}."
        )
    return size


class Placement(msgspec.Struct, frozen=True, kw_only=True):
    """One resampling: a rectangle of the source, and the box of the output it fills. The rest stays black."""

    source: Rect
    """In source pixels."""
    left: int
    """Output columns before the box."""
    top: int
    """Output rows above the box."""
    width: int
    height: int


def place(
    rect: Rect, size: tuple[int, int], fit: Fit, aspect: float = 1.0, step: tuple[int, int] = (2, 2)
) -> Placement:
    """Put a rectangle into a frame.

    Args:
        rect: what to show, in source pixels.
        size: the frame, (width, height).
        fit: ``contain`` shows all of the rectangle, with black bars; ``cover`` fills the frame and cuts off what
            does not fit; ``stretch`` fills it by distortion.
        aspect: aspect of a source pixel over the aspect of an output pixel.
        step: the box and its place are multiples of this, (horizontal, vertical), for subsampled chroma.
    """
    width, height = size
    shape = rect.width * aspect / rect.height
    if fit == "stretch" or abs(shape * height / width - 1) < 1e-3:  # under half a pixel in 500: no bars, no cut
        return Placement(source=rect, left=0, top=0, width=width, height=height)
    if fit == "cover":
        return Placement(source=_cut(rect, width / height / aspect), left=0, top=0, width=width, height=height)
    scale = min(width / (rect.width * aspect), height / rect.height)
    box_width = min(width, _near(rect.width * aspect * scale, 2 * step[0], width))
    box_height = min(height, _near(rect.height * scale, 2 * step[1], height))
    return Placement(
        source=rect,
        left=(width - box_width) // 2 // step[0] * step[0],
        top=(height - box_height) // 2 // step[1] * step[1],
        width=box_width,
        height=box_height,
    )


def _near(value: float, step: int, limit: int) -> int:
    """Nearest size whose bars on both sides are multiples of half the step."""
    return max(step, limit - step * round((limit - value) / step)) if limit > step else limit


def _cut(rect: Rect, shape: float) -> Rect:
    """Return the largest part of a rectangle, about its centre, with a width over height of ``shape``."""
    width, height = min(rect.width, rect.height * shape), min(rect.height, rect.width / shape)
    return Rect(x=rect.x + (rect.width - width) / 2, y=rect.y + (rect.height - height) / 2, width=width, height=height)
