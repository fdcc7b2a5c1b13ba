"""Frames that show again what the frame before showed: animation on twos and threes, telecine, screen captures."""

import logging
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise

import vapoursynth as vs

from vsmagic import clips
from vsmagic.errors import FormatError, OptionError

log = logging.getLogger(__name__)

REACH = 5
"""How many frames back and ahead a run is followed by :func:`runs`."""

TOLERANCE = 6.0
"""What suits compressed video, for :func:`marked`.

Clips 480 wide, put on twos and compressed: from one frame to its repeat the median is 1 to 4.4 in H.264 at crf 16 and
23 and in MPEG-2 at q 2 and 6, and 6 at crf 30; to a frame that moves it is 30 to 130.
"""

# How many frames back a repeat is followed to the one that was computed; in a player's clip those are gone soon: mpv
# keeps four for each that it asks for at the same time.
_DEPTH = 8
_DEPTH_PLAYED = 3
# Samples on either side of the middle one that differences are averaged over.
_BOX = 4
# Frames in the longest cycle of a pulldown (24 to 30 takes 5, 25 to 30 takes 6), and how often it must be seen.
_LONGEST_CYCLE = 6
_CYCLES = 3


def shifted(clip: vs.VideoNode, by: int) -> vs.VideoNode:
    """Return a clip of the same length whose frame n is frame n + by; the first and last frames are repeated."""
    steps = min(abs(by), clip.num_frames - 1)
    if not steps:
        return clip
    last = clip.num_frames - 1
    if by > 0:
        return clip.std.DuplicateFrames([last] * steps).std.Trim(first=steps)
    return clip.std.DuplicateFrames([0] * steps).std.Trim(last=last)


def marked(clip: vs.VideoNode, *, tolerance: float = 0) -> vs.VideoNode:
    """Mark every frame that repeats the one before.

    Writes ``_Repeat``: 1 where the frame repeats the one before it, else 0; the first frame has 0. Looks one frame
    back.

    Args:
        clip: any constant format.
        tolerance: 0: only a frame that is identical in every sample of every plane is a repeat. Greater: the largest
            mean difference over any 9x9 samples of any plane, in steps of 8 bits (0 to 255), that is still a repeat;
            a mouth that moves is not averaged away. :data:`TOLERANCE` suits compressed video.

    Raises:
        FormatError: the clip's format or size varies.
        OptionError: the tolerance is not a number from 0 to 255.
    """
    clips.check(clip, name="repeats")
    return clip.std.CopyFrameProps(_flags(clip, tolerance), props=["_Repeat"])


def runs(clip: vs.VideoNode) -> vs.VideoNode:
    """Tell of every frame where its run, the frames that show one picture, begins and where the next one does.

    Reads ``_Repeat`` of 4 frames before and 5 after; writes ``_RunBack``, how many frames ago the run began (0 to 5),
    and ``_RunAhead``, in how many frames the next one begins (1 to 5). A run that reaches further is cut off there. The
    clip's last run ends with the clip: there ``_RunAhead`` points one past the last frame.

    Args:
        clip: a clip from :func:`marked`.
    """
    flags = _tiny(clip).std.CopyFrameProps(clip, props=["_Repeat"])
    # Beyond the ends nothing repeats: frame 0 has 0, and so does what is put after the last.
    after = flags + _tiny(clip)[0].std.SetFrameProps(_Repeat=0) * REACH
    around = [shifted(flags, by) for by in range(0, -REACH, -1)]
    around += [after[by : by + clip.num_frames] for by in range(1, REACH)]

    def reach(n: int, f: Sequence[vs.VideoFrame]) -> vs.VideoFrame:
        frame, repeats = f[0].copy(), [bool(other.props["_Repeat"]) for other in f[1:]]
        frame.props["_RunBack"] = min(_leading(repeats[:REACH]), n)
        frame.props["_RunAhead"] = 1 + _leading(repeats[REACH:])
        return frame

    told = flags.std.ModifyFrame([flags, *around], reach)
    return clip.std.CopyFrameProps(told, props=["_RunBack", "_RunAhead"])


def dropped(clip: vs.VideoNode, *, tolerance: float = 0) -> vs.VideoNode:
    """Leave out the frames that repeat the one before, as a clip of variable rate and the same duration.

    Each picture begins when its run began and lasts until the next one begins, which is what a screen capture or
    animation on irregular twos needs. Where the lengths of the runs go round in a cycle of a pulldown (one frame in
    five or six repeated, or every second picture thrice), at least three times, the pictures were taken at an even
    pace: they are spread evenly over those cycles, and no picture moves by as much as one frame.

    The clip is read through once when this is called; that is logged. Writes ``_DurationNum`` and ``_DurationDen``.

    Args:
        clip: any constant format.
        tolerance: as in :func:`marked`.

    Raises:
        FormatError: the clip's format or size varies, a frame of a variable-rate clip has no duration, or the clip has
            no end that could be reached.
        OptionError: the tolerance is not a number from 0 to 255.
    """
    clips.check(clip, name="repeats")
    if clip.num_frames > clips.MOST_READ:
        raise FormatError(
            f"repeats: the clip claims {clip.num_frames} frames, as a player's clip does; all would have to be read "
            "before the first is shown. Trim it, or keep its repeats."
        )
    log.info("reading %d frames for repeats", clip.num_frames)
    flags = [bool(frame.props["_Repeat"]) for frame in _flags(clip, tolerance).frames(close=True)]
    kept = [n for n, repeat in enumerate(flags) if not repeat]
    if len(kept) == clip.num_frames:
        return clip
    log.info("%d of %d frames repeat the one before and are left out", clip.num_frames - len(kept), clip.num_frames)
    starts = spread([*kept, clip.num_frames], clips.times(clip))
    return _lasting(clip.std.DeleteFrames([n for n, repeat in enumerate(flags) if repeat]), starts)


def spread(kept: Sequence[int], times: Sequence[Fraction]) -> list[Fraction]:
    """Return when each kept picture begins, and the end.

    Args:
        kept: number of the first frame of each run, rising, and the number of frames.
        times: start of each frame and the end of the last, in seconds.
    """
    starts = [times[n] for n in kept]
    lengths = [b - a for a, b in pairwise(kept)]
    first = 0
    while first < len(lengths):
        count = _pulldown(lengths[first:])
        begin, end = starts[first], starts[first + count]
        for k in range(1, count):
            starts[first + k] = begin + (end - begin) * k / count
        first += max(count, 1)
    return starts


def reused(
    given: vs.VideoNode, made: vs.VideoNode, *, planes: int | None = None, seen: vs.VideoNode | None = None
) -> vs.VideoNode:
    """Return ``made``, a costly clip made of ``given`` frame by frame, computing it once for frames that are identical.

    A frame identical to those before it is taken from the first of them, at most 8 back (in a player's clip 3); of a
    longer run every eighth (third) frame is computed. Frame properties come from ``given``, frame by frame.

    Args:
        given: what is made into something.
        made: what was made of it; carries ``given``'s frame properties.
        planes: how many planes of ``seen`` to compare; None for all.
        seen: the clip to compare, which decides ``given`` alone; None for ``given``.
    """
    if given.num_frames == 1:
        return made
    seen = given if seen is None else seen
    count = seen.format.num_planes if planes is None else planes
    reach = _DEPTH_PLAYED if clips.played(seen) else _DEPTH
    back = [made] + [shifted(made, -k).std.CopyFrameProps(given) for k in range(1, reach + 1)]
    same = [seen.std.PlaneStats(shifted(seen, -1), plane=plane) for plane in range(count)]
    chosen = _deepest(back)
    for depth in range(reach - 1, -1, -1):
        for plane in reversed(range(count)):
            chosen = _unless_same(shifted(same[plane], -depth), depth, back[depth], chosen)
    return _unless_same(_middle(seen), 0, made, chosen)


def _unless_same(stats: vs.VideoNode, depth: int, different: vs.VideoNode, same: vs.VideoNode) -> vs.VideoNode:
    """Choose by whether frame n - depth repeats the one before; only what is chosen is asked for more."""

    def choose(n: int, f: vs.VideoFrame) -> vs.VideoNode:
        # The first frame is compared with itself.
        return different if n <= depth or f.props["PlaneStatsDiff"] else same

    return different.std.FrameEval(choose, prop_src=stats, clip_src=[different, same])


def _deepest(back: Sequence[vs.VideoNode]) -> vs.VideoNode:
    """Return what is shown far into a run: the last frame whose number is a multiple of the depth."""
    return back[0].std.FrameEval(lambda n: back[n % (len(back) - 1)], clip_src=list(back))


def _middle(clip: vs.VideoNode) -> vs.VideoNode:
    """Compare the middle of the first plane: what moves is mostly there, and a difference there is enough."""
    plane = clip.std.ShufflePlanes(0, vs.GRAY) if clip.format.color_family != vs.GRAY else clip
    width, height = max(1, plane.width // 2), max(1, plane.height // 8)
    part = plane.std.CropAbs(width, height, (plane.width - width) // 2, (plane.height - height) // 2)
    return part.std.PlaneStats(shifted(part, -1))


def _flags(clip: vs.VideoNode, tolerance: float) -> vs.VideoNode:
    """Return a clip of single pixels with ``_Repeat``."""
    if isinstance(tolerance, bool) or not isinstance(tolerance, int | float) or not 0 <= tolerance <= 255:
        raise OptionError(f"repeats: tolerance is {tolerance!r}; expected steps of 8 bits from 0 (identical) to 255.")
    stats = [_blocks(clip, plane) if tolerance else _whole(clip, plane) for plane in range(clip.format.num_planes)]
    name, most = ("PlaneStatsMax", tolerance * 256) if tolerance else ("PlaneStatsDiff", 0)

    def flag(n: int, f: Sequence[vs.VideoFrame]) -> vs.VideoFrame:
        frame = f[0].copy()
        frame.props["_Repeat"] = int(n > 0 and all(plane.props[name] <= most for plane in f[1:]))
        return frame

    blank = _tiny(clip)
    return blank.std.ModifyFrame([blank, *stats], flag)


def _tiny(clip: vs.VideoNode) -> vs.VideoNode:
    return vs.core.std.BlankClip(clip, width=1, height=1, format=vs.GRAY8, keep=True)


def _whole(clip: vs.VideoNode, plane: int) -> vs.VideoNode:
    """Return a clip with ``PlaneStatsDiff``, the mean difference to the frame before: 0 for none at all."""
    return clip.std.PlaneStats(shifted(clip, -1), plane=plane)


def _blocks(clip: vs.VideoNode, plane: int) -> vs.VideoNode:
    """Return a clip with ``PlaneStatsMax``, the largest mean difference over 9x9 samples, in 1/256 of 8-bit steps."""
    fmt = clip.format
    part = clip.std.ShufflePlanes(plane, vs.GRAY) if fmt.num_planes > 1 else clip
    if fmt.sample_type == vs.FLOAT and fmt.bits_per_sample == 16:
        part = part.resize.Point(format=vs.GRAYS)
    step = 255.0 if fmt.sample_type == vs.FLOAT else 1 / (1 << (fmt.bits_per_sample - 8))
    difference = vs.core.std.Expr([part, shifted(part, -1)], f"x y - abs {step * 256} *", vs.GRAY16)
    # The plugin blurs nothing smaller than 4x4; there each sample counts for itself.
    if min(part.width, part.height) >= 4:
        across, down = (min(_BOX, (length - 1) // 2) for length in (part.width, part.height))
        difference = difference.std.BoxBlur(hradius=across, vradius=down)
    return difference.std.PlaneStats()


def _leading(values: Sequence[bool]) -> int:
    """Return how many values are true before the first that is not."""
    return next((n for n, value in enumerate(values) if not value), len(values))


def _pulldown(lengths: Sequence[int]) -> int:
    """Return how many runs from the first on go round in one cycle of a pulldown, whole cycles only; 0 for too few."""
    for period in range(2, _LONGEST_CYCLE):
        cycle = lengths[:period]
        if len(cycle) < period or max(cycle) - min(cycle) != 1 or sum(cycle) > _LONGEST_CYCLE:
            continue
        count = 0
        while list(lengths[count : count + period]) == list(cycle):
            count += period
        if count >= _CYCLES * period:
            return count
    return 0


def _lasting(clip: vs.VideoNode, starts: Sequence[Fraction]) -> vs.VideoNode:
    """Give each frame its duration, and the clip no rate."""
    durations = [b - a for a, b in pairwise(starts)]
    if len(set(durations)) == 1:
        rate = 1 / durations[0]
        return clip.std.AssumeFPS(fpsnum=rate.numerator, fpsden=rate.denominator)

    def stamp(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        frame = f.copy()
        frame.props["_DurationNum"], frame.props["_DurationDen"] = durations[n].as_integer_ratio()
        return frame

    first = clip[0].std.AssumeFPS(fpsnum=1, fpsden=1)
    second = clip[1:].std.AssumeFPS(fpsnum=2, fpsden=1)
    variable = first + second
    result = variable.std.ModifyFrame(variable, stamp)
    clips.remember_times(result, starts)
    return result
