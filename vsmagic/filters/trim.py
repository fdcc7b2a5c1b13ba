"""Cut a clip by time."""

import bisect
import math
from collections.abc import Sequence
from fractions import Fraction

import vapoursynth as vs

from vsmagic import clips
from vsmagic.errors import OptionError


def trim(clip: vs.VideoNode, *, start: float | Fraction = 0, end: float | Fraction | None = None) -> vs.VideoNode:
    """Keep the frames that begin from ``start`` on and before ``end``.

    Accepts any format; frames and their durations are not changed.

    Args:
        clip: the clip; its first frame stands at 0.
        start: seconds.
        end: seconds, exclusive; None for the clip's end.

    Raises:
        OptionError: no frame lies between the two, or the clip is a player's.
    """
    clips.check(clip, name="trim")
    if clips.played(clip):
        raise OptionError(
            "trim: the clip is a player's, whose times are counted anew after every seek; use the player's own options "
            "instead, in mpv --start and --end."
        )
    starts = clips.times(clip)
    first = _first_at(starts, start, clip.num_frames)
    last = clip.num_frames if end is None else _first_at(starts, end, clip.num_frames)
    if first >= last:
        whole = float(starts[clip.num_frames])
        until = "the end" if end is None else f"{float(end):g} s"
        raise OptionError(f"no frame lies between {float(start):g} s and {until}; the clip is {whole:g} s long.")
    part = clip[first:last]
    if not clip.fps:
        clips.remember_times(part, [starts[n] - starts[first] for n in range(first, last + 1)])
    return part


def _first_at(starts: Sequence[Fraction], moment: float | Fraction, frames: int) -> int:
    if isinstance(moment, bool) or not isinstance(moment, int | float | Fraction) or math.isnan(moment):
        raise OptionError(f"trim: {moment!r} is no moment; expected seconds.")
    if isinstance(moment, float) and math.isinf(moment):
        return frames if moment > 0 else 0
    exact = Fraction(repr(moment)) if isinstance(moment, float) else Fraction(moment)
    return bisect.bisect_left(starts, exact, 0, frames)
