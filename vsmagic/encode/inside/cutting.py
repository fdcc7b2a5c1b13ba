"""The script's look at where a clip can be cut into chunks: near every so many frames, where the scene changes.

Runs inside vspipe. The same clip, chain and length always give the same bounds.
"""

import bisect
from collections.abc import Sequence
from fractions import Fraction

import vapoursynth as vs

from vsmagic.clips import times
from vsmagic.filters import changes

LEAST = 48
"""Frames of the shortest chunk: fewer would cost size, for each begins with a picture encoded by itself."""

_MOST = 10_000
_SECONDS = 60.0
"""Seconds of work in a chunk, about, on the machine that these were measured on: two cores at 150 GFLOP/s."""
_OPERATIONS_A_SECOND = 150e9
_SECONDS_A_PIXEL = 25e-9
# Source frames on either side that are looked at: each costs its decoding.
_WINDOW = 24


def length(operations: float, pixels: int) -> int:
    """Return how many frames a chunk has.

    Args:
        operations: of the networks, for a frame of the output.
        pixels: of a frame of the output.
    """
    seconds = operations / _OPERATIONS_A_SECOND + pixels * _SECONDS_A_PIXEL
    return min(_MOST, max(LEAST, round(_SECONDS / seconds)))


def bounds(
    clip: vs.VideoNode, source: vs.VideoNode, each: int, *, begin: Fraction, slowdown: Fraction
) -> tuple[int, ...]:
    """Return the frames at which a clip is cut, 0 and its length included.

    Args:
        clip: the whole output.
        source: what it is made of, before any filter.
        each: frames a chunk should have.
        begin: seconds from the source's first frame to the clip's first.
        slowdown: how many times longer the clip lasts than what it was made of.
    """
    count = max(1, round(clip.num_frames / each))
    even = [clip.num_frames * n // count for n in range(1, count)]
    shown, taken = times(clip), times(source)
    reach = min(_WINDOW, max(1, round(each * source.num_frames / max(1, clip.num_frames)) // 4))

    def moved(bound: int) -> int:
        middle = begin + shown[bound] / slowdown
        near = bisect.bisect_left(taken, middle, 0, source.num_frames)
        cut = _nearest(source, near, reach)
        if cut is None:
            return bound
        return bisect.bisect_left(shown, (taken[cut] - begin) * slowdown, 0, clip.num_frames)

    return _ordered([moved(bound) for bound in even], clip.num_frames)


def _nearest(source: vs.VideoNode, middle: int, reach: int) -> int | None:
    """Return the first frame of a scene that begins nearest to a frame; None where none begins within reach."""
    first = max(0, middle - reach)
    part = changes.marked(source[first : min(source.num_frames, middle + reach + 1)])
    cuts = [n for n, frame in enumerate(part.frames(close=True), first + 1) if frame.props["_SceneChangeNext"]]
    return min(cuts, key=lambda cut: abs(cut - middle), default=None)


def _ordered(inner: Sequence[int], frames: int) -> tuple[int, ...]:
    """Return bounds that rise: of two that meet, one is enough."""
    return tuple(sorted({0, frames, *(bound for bound in inner if 0 < bound < frames)}))
