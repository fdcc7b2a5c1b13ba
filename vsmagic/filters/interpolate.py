"""Add frames in between: any rate to any other, or slow motion, each frame at its exact time."""

import logging
from collections.abc import Callable
from fractions import Fraction
from typing import Literal

import msgspec
import vapoursynth as vs

from vsmagic import clips, colours
from vsmagic.backends import select
from vsmagic.backends.between import MotionPlan, between
from vsmagic.errors import OptionError
from vsmagic.filters import blocks, changes, pattern, repeats, shares
from vsmagic.filters.pattern import Pattern
from vsmagic.filters.retime import Timing, retimed
from vsmagic.filters.routes import Enlarged, Rgb
from vsmagic.filters.sizes import Placement
from vsmagic.keyframes import Rect
from vsmagic.models import motion, motions
from vsmagic.models.motion import FlowScale
from vsmagic.tempo import Number, at_least_one, tempo

log = logging.getLogger(__name__)

SceneChanges = Literal["repeat", "blend", "ignore"]
SCENE_CHANGES = ("repeat", "blend", "ignore")
Duplicates = Literal["keep", "retime", "drop"]
DUPLICATES = ("keep", "retime", "drop")


AtCut = Callable[[vs.VideoNode, vs.VideoNode, Fraction], vs.VideoNode]
"""Makes the frame over a cut of those before and after it, given how far it is from one to the other, 0 to 1."""


def interpolate(
    clip: vs.VideoNode,
    *,
    fps: Number | None = None,
    multiplier: Number | None = None,
    slowdown: Number = 1,
    model: str = "auto",
    flow_scale: FlowScale = "auto",
    scene_changes: SceneChanges = "repeat",
    threshold: float | None = None,
    duplicates: Duplicates = "keep",
    backend: str = "auto",
    precision: str = "auto",
    streams: int | None = None,
    device: int = 0,
    strict: bool = False,
) -> vs.VideoNode:
    """Make a clip of a constant rate, with frames in between where the source has none.

    Output frame k lies at exactly k / fps; where that is a source frame's own time, it is that frame, untouched. The
    duration stays to within half an output frame (``slowdown`` times as long), but one frame there always is. A source
    of variable rate is taken at its true times. Accepts any constant YUV, GRAY or RGB format; returns the same format
    and range.

    Reads ``_Matrix``, ``_Range``, ``_ChromaLocation``, ``_FieldBased``, ``_SceneChangeNext``; writes the first four
    where they were absent, and durations; removes ``_SceneChangeNext`` and ``_SceneChangePrev``, which tell of the
    source's frames. Other properties are those of the source frame at or before.

    A clip of variable rate that has no end, as a player's, takes a ``multiplier`` alone: the frames' own durations are
    divided, and the rate stays variable.

    Args:
        clip: the clip. Of variable rate: from ``vsmagic.source``, or its durations are read first.
        fps: frames a second of the result; ``"59.94"`` means 60000/1001.
        multiplier: result's rate over the source's, at least 1: 2, ``"5/2"``.
        slowdown: how many times longer it lasts, at least 1; alone it keeps the rate.
        model: ``auto`` (a RIFE where one is installed, else the model that comes with vsmagic), a model's name, or
            ``mvtools`` (block motion, very fast on processors, less exact).
        flow_scale: at which fraction of the size motion is looked for, smaller ones for what moves farther: 0.25 to 1,
            RIFE to 4, or ``auto`` by height.
        scene_changes: between two frames with a cut between them: ``repeat`` the nearer one, ``blend`` them, or
            ``ignore`` cuts. Marks that the clip brings along (``_SceneChangeNext``) are believed.
        threshold: how different frames with a cut between them are; see ``docs/filters.md``.
        duplicates: what becomes of frames that repeat the one before: ``keep`` them, ``retime`` (motion goes evenly
            over the whole run), or ``drop`` them first; rates are counted from the clip as it was given.
        backend: ``auto`` or one of trt_rtx, trt, ort_cuda, ov, ort, torch.
        precision: arithmetic inside the network: ``auto``, f32, f16 or bf16.
        streams: frames worked on at the same time; None takes what suits the machine and VSMAGIC_MEMORY.
        device: number of the GPU.
        strict: raise instead of warning where something asked for can only be done otherwise.

    Raises:
        FormatError: the clip's format varies or is not supported, or a frame has no duration.
        OptionError: an argument is not acceptable.
        ModelError: the model is unknown or not on this machine.
        BackendError: the backend cannot run on this machine.
    """
    wanted = Wanted(model=model, flow_scale=flow_scale, backend=backend, precision=precision, streams=streams,
                    device=device, strict=strict)  # fmt: skip
    result = interpolated(clip, wanted, fps=fps, multiplier=multiplier, slowdown=slowdown, scene_changes=scene_changes,
                          threshold=threshold, duplicates=duplicates)  # fmt: skip
    log.info("%s become %s", _words(clip), _words(result))
    return result


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What makes the frames, as the user names it; see :func:`interpolate`."""

    model: str
    flow_scale: FlowScale
    backend: str
    precision: str
    streams: int | None
    device: int
    strict: bool


def interpolated(
    clip: vs.VideoNode,
    wanted: Wanted,
    *,
    fps: Number | None = None,
    multiplier: Number | None = None,
    slowdown: Number = 1,
    scene_changes: SceneChanges = "repeat",
    threshold: float | None = None,
    duplicates: Duplicates = "keep",
) -> vs.VideoNode:
    """Do what :func:`interpolate` does, and say nothing of rates."""
    clips.check(clip, name="interpolate")
    _check(scene_changes, SCENE_CHANGES, "scene_changes")
    _check(duplicates, DUPLICATES, "duplicates")
    if threshold is not None:
        changes.check_threshold(threshold)
        if scene_changes == "ignore":
            raise OptionError("interpolate: threshold is given, but scene_changes is ignore; leave one of them out.")
    select.check_names(wanted.backend, wanted.precision)
    select.check_numbers(wanted.streams, wanted.device, name="interpolate")
    if wanted.model == motion.MVTOOLS:
        _check_blocks(wanted, duplicates)
    scenes = _Scenes(between=scene_changes, threshold=threshold)
    if clips.unending(clip):
        by = _factor(fps=fps, multiplier=multiplier, slowdown=slowdown, duplicates=duplicates)
        source = colours.tagged(clip)
        found = pattern.multiplied(by, clip.num_frames)
        return _unmarked(shares.lasting(_made(source, wanted, found, scenes), found, source, 1 / by))
    # By the clip as it was given: without its repeats it lasts as long, at a rate that nobody knows.
    pace = tempo(clips.times(clip), fps=fps, multiplier=multiplier, slowdown=slowdown)
    if pace.count > pattern.MOST_FRAMES:
        raise OptionError(f"interpolate: {pace.count} frames would come of this; a clip has at most 2,147,483,647.")
    if duplicates == "drop":
        clip = repeats.dropped(clip, tolerance=repeats.TOLERANCE)
    source = colours.tagged(clip)
    times, rate = clips.times(clip), Fraction(clip.fps)
    found = (pattern.regular(pace, rate, clip.num_frames) if rate else None) or pattern.listed(pace, times)
    if duplicates == "retime":
        maker = _Network(source=source, plan=_plan(source, wanted))
        timing = Timing(pattern=found, tempo=pace, times=times)
        result = retimed(scenes.marked(source), maker.pictures, timing, maker.compute, scenes.at_cut)
    else:
        result = _made(source, wanted, found, scenes)
    return _unmarked(result.std.AssumeFPS(fpsnum=pace.rate.numerator, fpsden=pace.rate.denominator))


class _Scenes(msgspec.Struct, frozen=True, kw_only=True):
    """What is done between two scenes."""

    between: SceneChanges
    threshold: float | None

    @property
    def at_cut(self) -> AtCut | None:
        """Chooses between, or mixes, the pictures before and after; None where cuts are nothing special."""
        return {"repeat": _nearer, "blend": _mixed, "ignore": None}[self.between]

    def marked(self, source: vs.VideoNode) -> vs.VideoNode:
        """Return the clip with its cuts marked, unless they are ignored."""
        if self.between == "ignore":
            return source
        return changes.marked(source) if self.threshold is None else changes.marked(source, threshold=self.threshold)


def _made(source: vs.VideoNode, wanted: Wanted, found: Pattern, scenes: _Scenes) -> vs.VideoNode:
    """Return all frames of a pattern. Durations are lost."""
    if wanted.model == motion.MVTOOLS:
        made = blocks.made(source, found)
    else:
        made = _Network(source=source, plan=_plan(source, wanted)).make(found)
    return _chosen(scenes.marked(source), found, made, scenes.at_cut)


def _factor(*, fps: Number | None, multiplier: Number | None, slowdown: Number, duplicates: str) -> Fraction:
    """Return the multiplier for a clip whose times are not known ahead; its frames' own durations are divided by it."""
    by = at_least_one(1 if multiplier is None else multiplier, "multiplier")
    if fps is not None or by == 1 or slowdown != 1 or duplicates != "keep":
        raise OptionError(
            "interpolate: the clip has a variable rate and no end, as a player's clip does. Give a multiplier, such as "
            "2 or 5/2, alone, or give the clip a rate with std.AssumeFPS."
        )
    return by


def _unmarked(result: vs.VideoNode) -> vs.VideoNode:
    """Take off what tells of source frames: after the first of many frames made of one there is no cut."""
    return result.std.RemoveFrameProps(["_SceneChangeNext", "_SceneChangePrev"])


def _plan(source: vs.VideoNode, wanted: Wanted) -> MotionPlan:
    found = motions.resolve(wanted.model, flow_scale=wanted.flow_scale, height=min(source.width, source.height))
    plugin = select.choose(wanted.backend, found.path)
    precision = select.choose_precision(wanted.precision, found.spec.precisions, plugin, strict=wanted.strict)
    log.info("%s on %s in %s", found.name, plugin.name, precision)
    return MotionPlan(model=found, backend=plugin, precision=precision, streams=wanted.streams, device=wanted.device)


class _Network(msgspec.Struct, frozen=True, kw_only=True):
    """A network, and the source as it takes it."""

    source: vs.VideoNode
    plan: MotionPlan

    @property
    def pictures(self) -> vs.VideoNode:
        return Rgb.to_model(self.source)

    def make(self, found: Pattern) -> vs.VideoNode:
        """Return all frames of a pattern, in the source's format."""
        pictures = self.pictures
        times = found.times(pictures.width, pictures.height)
        return self.compute(found.left(pictures), found.right(pictures), times, told=found.left(self.source))

    def compute(
        self, first: vs.VideoNode, second: vs.VideoNode, time: vs.VideoNode, *, told: vs.VideoNode | None = None
    ) -> vs.VideoNode:
        """Return what lies between two clips of pictures, in the source's colours, or of each frame of ``told``."""
        made = between(first, second, time, self.plan)
        width, height = self.source.width, self.source.height
        whole = Rect(x=0, y=0, width=width, height=height)
        everywhere = Placement(source=whole, left=0, top=0, width=width, height=height)
        enlarged = Enlarged(clip=made, scale=1)
        return colours.by_colour(
            told or self.source, lambda known: Rgb(known).finish(self.source, enlarged, everywhere, (width, height))
        )


def _chosen(
    source: vs.VideoNode,
    found: Pattern,
    made: vs.VideoNode,
    at_cut: AtCut | None,
) -> vs.VideoNode:
    """Return source frames where output frames coincide with them, and what is made elsewhere but not over cuts."""
    exact = found.left(source)
    if at_cut is None:
        return found.exact_or(exact, made)
    later = found.right(source)

    def choose(n: int, f: vs.VideoFrame) -> vs.VideoNode:
        # Marks from elsewhere may stand on some frames alone.
        return at_cut(exact, later, found.part(n)) if f.props.get("_SceneChangeNext") else made

    return found.exact_or(exact, exact.std.FrameEval(choose, prop_src=exact, clip_src=[made, exact, later]))


def _nearer(before: vs.VideoNode, after: vs.VideoNode, part: Fraction) -> vs.VideoNode:
    return before if part < Fraction(1, 2) else after


def _mixed(before: vs.VideoNode, after: vs.VideoNode, part: Fraction) -> vs.VideoNode:
    return before.std.Merge(after, weight=float(part))


def _check(value: object, known: tuple[str, ...], name: str) -> None:
    if value not in known:
        raise OptionError(f"interpolate: {name} is {value!r}; expected {', '.join(known)}.")


def _check_blocks(wanted: Wanted, duplicates: Duplicates) -> None:
    """Refuse what only a network can do."""
    if duplicates == "retime":
        raise OptionError("interpolate: mvtools cannot retime duplicates; take another model, or duplicates=drop.")
    if wanted.flow_scale != "auto":
        raise OptionError(
            f"interpolate: flow_scale is {wanted.flow_scale!r}, but mvtools has none; leave it out, or take another "
            "model."
        )


def _words(clip: vs.VideoNode) -> str:
    frames = f"{clip.num_frames} frame{'' if clip.num_frames == 1 else 's'}"
    return f"{frames} at {float(clip.fps):.6g} fps" if clip.fps else f"{frames} of variable rate"
