"""Durations of frames made of a player's: shares of those of the source frames that they lie in."""

from fractions import Fraction

import vapoursynth as vs

from vsmagic import clips
from vsmagic.filters.pattern import Pattern


def lasting(result: vs.VideoNode, found: Pattern, source: vs.VideoNode, step: Fraction) -> vs.VideoNode:
    """Give each frame what is its own of the durations of the source frames that it begins and ends in.

    Args:
        result: the frames of the pattern.
        found: the pattern.
        source: frames with durations.
        step: source frames to an output frame, at most 1.
    """
    before, after = found.left(source), found.right(source)

    def timed(frame: vs.VideoFrame, length: Fraction) -> vs.VideoFrame:
        changed = frame.copy()
        changed.props.update(_DurationNum=length.numerator, _DurationDen=length.denominator)
        return changed

    def within(n: int, f: list[vs.VideoFrame]) -> vs.VideoFrame:
        return timed(f[0], step * clips.duration(f[1], n))

    def across(n: int, f: list[vs.VideoFrame]) -> vs.VideoFrame:
        left = 1 - found.part(n)
        length = left * clips.duration(f[1], n) + (step - left) * clips.duration(f[2], n)
        return timed(f[0], length)

    # Of variable rate, as the source is. What lies within one source frame must not wait for the next: there is none
    # after the last, and a player has to be shown the first at once.
    kind = before.resize.Point(result.width, result.height, format=result.format.id)
    inside = kind.std.ModifyFrame([result, before], within)
    between_two = kind.std.ModifyFrame([result, before, after], across)

    def choose(n: int) -> vs.VideoNode:
        return inside if found.part(n) + step <= 1 else between_two

    return inside.std.FrameEval(choose, clip_src=[inside, between_two])
