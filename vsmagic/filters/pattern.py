"""Which source frames each output frame is made from: native filters pick them, whatever the pattern.

A constant rate to another repeats after so many frames, and the pattern is one cycle; a variable rate has none, and
the pattern is as long as the clip.
"""

import math
from collections.abc import Sequence
from fractions import Fraction

import msgspec
import vapoursynth as vs

from vsmagic.errors import OptionError
from vsmagic.tempo import Tempo, place

MOST_FRAMES = 2**31 - 1
"""Frames that a clip can have."""

_LONGEST_CYCLE = 4096
_MOST_LEVELS = 1024


class Pattern(msgspec.Struct, frozen=True, kw_only=True):
    """One cycle of output frames."""

    cycle: int
    """Source frames of a cycle."""
    frames: tuple[int, ...]
    """For each output frame the number, in the cycle, of the last source frame at or before it."""
    parts: tuple[Fraction, ...]
    """For each output frame how far it is from that frame to the next, from 0 to below 1."""
    count: int
    """Output frames in all."""
    tail: int
    """The first output frame that no source frame follows: from there on the last one stays."""

    def part(self, k: int) -> Fraction:
        """How far output frame k is from its source frame to the next."""
        return self.parts[k % len(self.parts)]

    def left(self, clip: vs.VideoNode) -> vs.VideoNode:
        """Return the frame at or before each output frame."""
        return picked(clip, self.cycle, self.frames, self.count)

    def right(self, clip: vs.VideoNode) -> vs.VideoNode:
        """Return the frame after it; at the end of the clip the last one again."""
        later = clip[1:] + clip[-1] if clip.num_frames > 1 else clip
        return picked(later, self.cycle, self.frames, self.count)

    def exact_or(self, exact: vs.VideoNode, made: vs.VideoNode) -> vs.VideoNode:
        """Return ``exact`` for the output frames that coincide with a source frame, ``made`` for the others.

        Both have one frame for each output frame; what is not returned is never asked for. Durations are lost.
        """
        if not any(self.parts) or not self.tail:
            return exact
        alike = [clip.std.AssumeFPS(fpsnum=1, fpsden=1) for clip in (exact, made)]
        both = vs.core.std.Interleave(alike, modify_duration=False)
        choice = [2 * k + (part != 0) for k, part in enumerate(self.parts)]
        result = picked(both, 2 * len(self.parts), choice, self.tail)
        return result if self.tail == self.count else result + alike[0][self.tail :]

    def times(self, width: int, height: int) -> vs.VideoNode:
        """Return GRAYS planes that hold each output frame's part."""
        levels = sorted(set(self.parts))
        if len(levels) > _MOST_LEVELS:
            return self._many_times(width, height)
        blank = vs.core.std.BlankClip
        # One small frame a level, enlarged when it is wanted: full frames of all levels would fill the memory.
        small = vs.core.std.Splice(
            [blank(width=16, height=16, format=vs.GRAYS, length=1, color=float(level)) for level in levels]
        )
        number = {level: n for n, level in enumerate(levels)}
        cycle = picked(small, len(levels), [number[part] for part in self.parts], len(self.parts))
        return cycle.std.Loop(-(-self.count // len(self.parts)))[: self.count].resize.Point(width, height)

    def _many_times(self, width: int, height: int) -> vs.VideoNode:
        blank = vs.core.std.BlankClip(width=width, height=height, format=vs.GRAYS, length=self.count, keep=True)
        return blank.std.FrameEval(lambda n: blank.std.BlankClip(color=float(self.part(n))))


def regular(tempo: Tempo, rate: Fraction, frames: int) -> Pattern | None:
    """Return the pattern from a constant rate; None where its cycle is longer than is worth it.

    Args:
        tempo: the output's pace.
        rate: the source's frames a second.
        frames: the source's.
    """
    step = tempo.step * rate  # source frames to an output frame
    if step.denominator > _LONGEST_CYCLE or step.numerator > _LONGEST_CYCLE:
        return None
    places = [k * step for k in range(step.denominator)]
    return Pattern(
        cycle=step.numerator,
        frames=tuple(int(at) for at in places),
        parts=tuple(at - int(at) for at in places),
        count=tempo.count,
        tail=min(tempo.count, math.ceil((frames - 1) / step)),
    )


def multiplied(by: Fraction, frames: int) -> Pattern:
    """Return the pattern that makes ``by`` frames of each, on the average, whatever their durations.

    Args:
        by: at least 1.
        frames: the source's, in whole cycles as many as the result has room for.

    Raises:
        OptionError: the cycle is too long to be worth it.
    """
    if by.numerator > _LONGEST_CYCLE:
        raise OptionError(f"interpolate: multiplier is {by}; expected a fraction of smaller numbers, such as 5/2.")
    cycles = min(frames, int(MOST_FRAMES / by)) // by.denominator
    places = [k / by for k in range(by.numerator)]
    return Pattern(
        cycle=by.denominator,
        frames=tuple(int(at) for at in places),
        parts=tuple(at - int(at) for at in places),
        count=cycles * by.numerator,
        tail=math.ceil((cycles * by.denominator - 1) * by),
    )


def listed(tempo: Tempo, times: Sequence[Fraction]) -> Pattern:
    """Return the pattern from frames of any durations.

    Args:
        tempo: the output's pace.
        times: start of every source frame, and the end of the last.
    """
    places = [place(times, tempo.moment(k)) for k in range(tempo.count)]
    return Pattern(
        cycle=len(times) - 1,
        frames=tuple(at.frame for at in places),
        parts=tuple(at.part for at in places),
        count=tempo.count,
        tail=next((k for k, at in enumerate(places) if at.frame == len(times) - 2), tempo.count),
    )


def picked(clip: vs.VideoNode, cycle: int, offsets: Sequence[int], count: int) -> vs.VideoNode:
    """Return ``count`` frames: of every ``cycle`` frames those at ``offsets``, in any order and any number of times.

    Where the clip ends, its last frame goes on. Frames keep their own properties.
    """
    if list(offsets) == list(range(cycle)) and count <= clip.num_frames:
        return clip[:count]
    if cycle == 1:  # SelectEvery takes no such cycle
        cycle, offsets = 2, [*offsets, *(offset + 1 for offset in offsets)]
    cycles = -(-count // len(offsets))
    missing = cycles * cycle - clip.num_frames
    if missing > 0:
        clip = clip + clip[-1].std.Loop(missing)
    elif missing < 0:  # of what is beyond, there would be more frames than a clip can have
        clip = clip[: cycles * cycle]
    chosen = clip.std.SelectEvery(cycle, list(offsets), modify_duration=False)
    return chosen[:count]
