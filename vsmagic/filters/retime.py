"""Even motion over repeated frames: animation on twos moves from each drawing to the next, not in steps."""

from collections.abc import Callable, Sequence
from fractions import Fraction

import msgspec
import vapoursynth as vs

from vsmagic.filters import repeats
from vsmagic.filters.pattern import Pattern
from vsmagic.tempo import Tempo, place

Compute = Callable[[vs.VideoNode, vs.VideoNode, vs.VideoNode], vs.VideoNode]
"""Makes the picture between two at a time: RGBS, RGBS and GRAYS to the source's format."""


class Timing(msgspec.Struct, frozen=True, kw_only=True):
    """When everything is."""

    pattern: Pattern
    tempo: Tempo
    times: Sequence[Fraction]
    """Start of every source frame, and the end of the last."""


def retimed(
    source: vs.VideoNode,
    pictures: vs.VideoNode,
    timing: Timing,
    compute: Compute,
    at_cut: Callable[[vs.VideoNode, vs.VideoNode, Fraction], vs.VideoNode] | None,
) -> vs.VideoNode:
    """Return all output frames, each between its run's picture and the next run's, over the whole of the run.

    A run is followed 5 frames back and ahead; what a repeat is: :data:`vsmagic.filters.repeats.TOLERANCE`.

    Args:
        source: in its own format; ``_SceneChangeNext`` of its frames, where there is one, marks the cuts.
        pictures: the same as RGBS.
        timing: when everything is.
        compute: makes a picture between two.
        at_cut: chooses between, or mixes, the pictures before and after a cut, given how far the frame is from one to
            the other; both in the source's format. None: cuts are nothing special.
    """
    found = timing.pattern
    told = repeats.runs(repeats.marked(source, tolerance=repeats.TOLERANCE))
    around = [found.left(repeats.shifted(told, by)) for by in range(repeats.REACH)]
    before = [found.left(repeats.shifted(pictures, -by)) for by in range(repeats.REACH + 1)]
    after = [found.left(repeats.shifted(pictures, by)) for by in range(1, repeats.REACH + 1)]
    after_cut = [found.left(repeats.shifted(source, by)) for by in range(1, repeats.REACH + 1)]
    blank = before[0].std.BlankClip(format=vs.GRAYS, keep=True)
    made = compute(
        before[0].std.FrameEval(
            lambda n, f: before[f.props["_RunBack"]],  # noqa: ARG005 - the names that VapourSynth calls by
            prop_src=around[0], clip_src=before,
        ),
        after[0].std.FrameEval(
            lambda n, f: after[f.props["_RunAhead"] - 1],  # noqa: ARG005
            prop_src=around[0], clip_src=after,
        ),
        blank.std.FrameEval(lambda n, f: blank.std.BlankClip(color=float(_part(timing, n, f))), prop_src=around[0]),
    )  # fmt: skip

    def choose(n: int, f: Sequence[vs.VideoFrame]) -> vs.VideoNode:
        part, ahead = _part(timing, n, f[0]), f[0].props["_RunAhead"]
        if part == 0:
            return around[0]
        if at_cut is not None and f[ahead - 1].props.get("_SceneChangeNext"):
            return at_cut(around[0], after_cut[ahead - 1], part)
        return made

    return around[0].std.FrameEval(choose, prop_src=around, clip_src=[made, *around[:1], *after_cut])


def _part(timing: Timing, n: int, frame: vs.VideoFrame) -> Fraction:
    """How far output frame n is from its run's beginning to the next run's; 0 in the last run."""
    moment = timing.tempo.moment(n)
    here = place(timing.times, moment).frame
    begin, end = here - int(frame.props["_RunBack"]), here + int(frame.props["_RunAhead"])
    if end >= len(timing.times) - 1:
        return Fraction(0)
    start, stop = timing.times[begin], timing.times[end]
    return (moment - start) / (stop - start)
