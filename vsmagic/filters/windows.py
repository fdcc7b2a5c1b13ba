"""Windows of few sizes that cover a moving crop, so that a model sees few shapes. Pure arithmetic."""

import math
from collections.abc import Iterable

import msgspec

from vsmagic.keyframes import Rect

# Each size over the next smaller one. Few shapes against little waste: a crop that shrinks evenly is covered by
# windows of 1.36 times its area on average.
_RATIO = 4 / 3
_STEP = 16  # window sizes are multiples of this, as matrix units like them
_HALO_LIMIT = 32  # what lies further away hardly counts, and a deep network's halo would be the whole frame
_KERNEL = 4  # the final resampling looks this far


class Windows(msgspec.Struct, frozen=True, kw_only=True):
    """The sizes, and which of them covers a rectangle where."""

    frame: tuple[int, int]
    """(width, height) of the frame the windows lie in, a multiple of ``phase``."""
    margin: int
    """Pixels around the crop that a window covers too, where the frame has them."""
    phase: int
    """Windows start on multiples of this."""
    sizes: tuple[tuple[int, int], ...]
    """(width, height), the largest first."""

    def cover(self, rect: Rect) -> tuple[int, int, int]:
        """Return (number of the size, left, top) of the smallest window that covers a rectangle with its margin."""
        left, right = self._span(rect.x, rect.width, 0)
        top, bottom = self._span(rect.y, rect.height, 1)
        number = max(
            n for n, (width, height) in enumerate(self.sizes)
            if n == 0 or (width >= right - left and height >= bottom - top)
        )  # fmt: skip
        width, height = self.sizes[number]
        return number, min(left, self.frame[0] - width), min(top, self.frame[1] - height)

    def _span(self, start: float, length: float, axis: int) -> tuple[int, int]:
        low = max(0, math.floor(start) - self.margin)
        high = min(self.frame[axis], math.ceil(start + length) + self.margin)
        return low // self.phase * self.phase, high


def plan(rects: Iterable[Rect], frame: tuple[int, int], *, halo: int | None, phase: int, whole: bool) -> Windows:
    """Choose the sizes for a crop that passes through the given rectangles.

    Args:
        rects: the extremes, inside the frame.
        frame: (width, height), a multiple of ``phase``.
        halo: input pixels the model looks beyond a place; None for all of them.
        phase: what windows start and measure multiples of, for chroma and for the model.
        whole: the crop may grow beyond the rectangles: the largest size is the whole frame.
    """
    margin = min(halo if halo is not None else _HALO_LIMIT, _HALO_LIMIT) + _KERNEL
    sizes = [(rect.width, rect.height) for rect in rects]
    room = 2 * margin + phase + 1  # an edge may cut a pixel, and a start is moved back to its phase
    large = [max(size[axis] for size in sizes) + room for axis in (0, 1)]
    small = [min(size[axis] for size in sizes) + room for axis in (0, 1)]
    series = [tuple(frame)] if whole else []
    factor = 1.0
    while True:
        size = tuple(_window(large[axis] * factor, frame[axis], phase) for axis in (0, 1))
        if any(size[axis] < min(small[axis], frame[axis]) for axis in (0, 1)):
            break
        if size not in series:
            series.append(size)
        if factor < 1 and all(size[axis] == _window(small[axis], frame[axis], phase) for axis in (0, 1)):
            break
        factor /= _RATIO
    return Windows(frame=frame, margin=margin, phase=phase, sizes=tuple(series))  # type: ignore[arg-type]


def _window(length: float, frame: int, phase: int) -> int:
    step = math.lcm(_STEP, phase)
    return min(frame, math.ceil(length / step) * step)
