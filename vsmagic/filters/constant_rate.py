"""Give a clip of variable rate a constant one by showing whole frames longer, or not at all."""

import logging
import math
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise

import vapoursynth as vs

from vsmagic import clips
from vsmagic.errors import OptionError
from vsmagic.source import USUAL_RATES
from vsmagic.tempo import FASTEST, Number, parse_rate

log = logging.getLogger(__name__)

_SHORT = 10  # one frame in so many may be shorter than those the rate is taken from
_NEAR = Fraction(1, 10)  # how far a usual rate may be from them


def constant_rate(clip: vs.VideoNode, *, fps: Number | None = None) -> vs.VideoNode:
    """Make a clip of a constant rate of the very frames of another: they are repeated and dropped, never changed.

    Output frame k is the frame that is on the screen at (k + 1/2) / fps, the middle of its time: so no picture is
    shown more than half an output frame before or after its own time, and small jitter costs no frame. The duration
    stays to within half an output frame, but one frame there always is. Accepts any format. Whatever changed a frame
    before has done so once, however often it is shown.

    Args:
        clip: of variable rate, or of a constant one that is to be another.
        fps: frames a second; ``"59.94"`` and its like mean their exact NTSC rates. None: of a clip of variable rate,
            the usual rate nearest to that of its shorter frames (a tenth of all are shorter still), so that hardly any
            is dropped; a constant rate stays.

    Raises:
        OptionError: the rate is not acceptable, or the clip is a player's.
    """
    clips.check(clip, name="constant_rate")
    if clips.played(clip):
        raise OptionError(
            "constant_rate: the clip is a player's, whose frame times cannot be known ahead; leave this filter out."
        )
    if fps is None and clip.fps:
        return clip
    times = clips.times(clip)
    rate = usual(times) if fps is None else parse_rate(fps, "constant_rate: fps")
    if clip.fps == rate:
        return clip
    shown = frames_shown(times, rate)
    counts = [0] * clip.num_frames
    for frame in shown:
        counts[frame] += 1
    dropped = counts.count(0)
    log.info(
        "constant rate of %s fps: %d of %d frames are shown longer, %d dropped",
        f"{float(rate):.6g}", sum(count > 1 for count in counts), clip.num_frames, dropped,
    )  # fmt: skip
    # Both are VapourSynth's own: no Python runs between frames, and nothing is held.
    repeats = [frame for frame, count in enumerate(counts) for _ in range(count - 1)]
    result = clip.std.DuplicateFrames(repeats) if repeats else clip
    if dropped:
        places, place = [], 0
        for count in counts:
            places += [place] if count == 0 else []
            place += max(1, count)
        result = result.std.DeleteFrames(places)
    return result.std.AssumeFPS(fpsnum=rate.numerator, fpsden=rate.denominator)


def frames_shown(times: Sequence[Fraction], rate: Fraction) -> list[int]:
    """Return for each frame of a constant rate the one that is on the screen in the middle of its time.

    Args:
        times: start of every frame in seconds, from 0, and the end of the last.
        rate: frames a second.
    """
    count = max(1, math.floor(times[len(times) - 1] * rate + Fraction(1, 2)))
    last, frame, shown = len(times) - 2, 0, []
    for k in range(count):
        moment = (k + Fraction(1, 2)) / rate
        while frame < last and times[frame + 1] <= moment:
            frame += 1
        shown.append(frame)
    return shown


def usual(times: Sequence[Fraction]) -> Fraction:
    """Return the usual rate nearest to that of a clip's shorter frames; a whole number where none is near.

    Args:
        times: start of every frame in seconds, from 0, and the end of the last.
    """
    durations = sorted(after - before for before, after in pairwise(times))
    wanted = min(1 / durations[len(durations) // _SHORT], Fraction(FASTEST))
    best = min(USUAL_RATES, key=lambda rate: abs(rate / wanted - 1))
    return best if abs(best / wanted - 1) < _NEAR else Fraction(max(1, round(wanted)))
