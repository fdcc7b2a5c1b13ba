"""What every filter does to a clip before and after its own work: check, pad, time. Of colours: :mod:`vsmagic.colours`.

Conventions: luma and RGB handed to a model are full range, 0 to 1, 32-bit float. Integer formats come back
rounded, never dithered, so that equal input gives equal output.
"""

import logging
import weakref
from collections.abc import Sequence
from fractions import Fraction
from itertools import accumulate
from typing import overload

import vapoursynth as vs

from vsmagic.errors import FormatError

log = logging.getLogger(__name__)

MOST_READ = 10_000_000
"""Frames of a clip that is read through before the first is shown: two days at 60 a second. A player's claims more."""

# Start time of every frame and the end of the last, for clips whose timing is known without decoding.
_timelines: "weakref.WeakKeyDictionary[vs.VideoNode, tuple[Fraction, ...]]" = weakref.WeakKeyDictionary()


def check(clip: vs.VideoNode, *, name: str) -> vs.VideoFormat:
    """Return the clip's format, or raise if a filter cannot take it.

    Args:
        clip: what the caller passed.
        name: the filter's name, for the message.

    Raises:
        FormatError: not a video clip, or its format or size varies.
    """
    if not isinstance(clip, vs.VideoNode):
        raise FormatError(f"{name}: got a {type(clip).__name__}; expected a VapourSynth video clip.")
    if not clip.width or not clip.height or clip.format.id == vs.NONE:
        raise FormatError(
            f"{name}: the clip's size or format changes from frame to frame; expected a constant one. "
            "Split it where it changes, or convert it with resize first."
        )
    if clip.format.sample_type == vs.INTEGER and clip.format.bits_per_sample > 16:
        raise FormatError(f"{name}: the clip is {clip.format.name}; expected 8 to 16 bits or float.")
    return clip.format


def pad(clip: vs.VideoNode, multiple: int) -> vs.VideoNode:
    """Extend the clip to the right and downward, by mirroring, until both sizes are multiples of ``multiple``."""
    width = -(-clip.width // multiple) * multiple
    height = -(-clip.height // multiple) * multiple
    if (width, height) == (clip.width, clip.height):
        return clip
    return clip.resize.Point(width, height, src_width=width, src_height=height)


def remember_times(clip: vs.VideoNode, timeline: Sequence[Fraction]) -> None:
    """Note the exact times of a clip that vsmagic made, so that :func:`times` need not decode it."""
    _timelines[clip] = tuple(timeline)


def keep_times(result: vs.VideoNode, clip: vs.VideoNode) -> vs.VideoNode:
    """Return ``result``, a clip made of ``clip`` frame by frame; what is known of the times of one holds for both."""
    if clip in _timelines:
        _timelines[result] = _timelines[clip]
    return result


def known_times(clip: vs.VideoNode) -> Sequence[Fraction] | None:
    """Return the times of a clip if they are known without decoding it, else None.

    A constant frame rate tells them; a variable one only where :func:`remember_times` or :func:`keep_times` was called.
    """
    if clip.fps:
        step = 1 / Fraction(clip.fps)
        return _Regular(step, clip.num_frames)
    return _timelines.get(clip)


def times(clip: vs.VideoNode) -> Sequence[Fraction]:
    """Start time of each frame in seconds, and the end of the last one as the last item, exactly.

    The first frame starts at 0. A clip of variable rate that vsmagic did not open itself is read through once,
    for its durations; that is logged.

    Raises:
        FormatError: a frame of a clip with variable rate carries no ``_DurationNum``/``_DurationDen``, or the clip has
            no end that could be reached.
    """
    known = known_times(clip)
    if known is not None:
        return known
    if unending(clip):
        raise FormatError(
            f"the clip has a variable rate and claims {clip.num_frames} frames, as a player's clip does; "
            "their times cannot be known ahead. Give the clip a rate with std.AssumeFPS."
        )
    log.info("variable frame rate: reading the durations of %d frames", clip.num_frames)
    durations = [duration(frame, n) for n, frame in enumerate(clip.frames(close=True))]
    remember_times(clip, list(accumulate(durations, initial=Fraction(0))))
    return _timelines[clip]


def played(clip: vs.VideoNode) -> bool:
    """Whether a clip comes from a player, by the length it claims: its frames come in order, once, when it plays.

    A frame that is asked for while a script runs is black in mpv, and may stay in a cache as frame 0.
    """
    return bool(clip.num_frames > MOST_READ)


def unending(clip: vs.VideoNode) -> bool:
    """Whether a clip's times cannot be known ahead: of variable rate, and as long as what a player hands out."""
    return known_times(clip) is None and played(clip)


def duration(frame: vs.VideoFrame, n: int) -> Fraction:
    """Return how long frame n is shown, in seconds.

    Raises:
        FormatError: it does not tell.
    """
    num, den = frame.props.get("_DurationNum"), frame.props.get("_DurationDen")
    if not isinstance(num, int) or not isinstance(den, int) or num <= 0 or den <= 0:
        raise FormatError(
            f"frame {n} of a clip with variable rate has no duration (_DurationNum/_DurationDen are {num}/{den}); "
            "open the file with vsmagic.source, or give the clip a rate with std.AssumeFPS."
        )
    return Fraction(num, den)


class _Regular(Sequence[Fraction]):
    """Times of a constant rate, computed when asked: mpv's clips claim 134 million frames."""

    def __init__(self, step: Fraction, frames: int) -> None:
        self._step = step
        self._frames = frames

    def __len__(self) -> int:
        return self._frames + 1

    @overload
    def __getitem__(self, n: int) -> Fraction: ...

    @overload
    def __getitem__(self, n: slice) -> Sequence[Fraction]: ...

    def __getitem__(self, n: int | slice) -> Fraction | Sequence[Fraction]:
        if isinstance(n, slice):
            return [self[i] for i in range(*n.indices(len(self)))]
        place = n if n >= 0 else n + len(self)
        if not 0 <= place <= self._frames:
            raise IndexError(n)
        return place * self._step
