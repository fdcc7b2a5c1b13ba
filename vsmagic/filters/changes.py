"""Scene changes: after which frames another picture begins, told by small pictures of their neighbours.

A cut is where the structure of the picture changes, not its brightness, and where it changes more than it does
around. Each frame is taken down to 32x18 samples of luma, from which the local mean is taken and which the local
contrast divides, so that fades, flashes and changes of exposure keep most of it. Two frames differ by how far the
samples of each leave the range of the other's nearest neighbours, so that what moves by up to 3 % of the width does
not count. After frame n lies a cut if

- n and n + 1, n - 1 and n + 1, n and n + 2, n - 1 and n + 2 all differ by more than the threshold: what comes back
  after one frame was a flash;
- brightness changes, in all of these pairs, by more than 1.25 times what it does from frame to frame before and
  after: the last step of a fade takes all structure away, but is no larger than the steps before.

The numbers were chosen on one half of the marked set of ``tests/marked.py`` and checked on the other.
"""

from collections.abc import Sequence

import msgspec
import vapoursynth as vs

from vsmagic import clips
from vsmagic.errors import OptionError
from vsmagic.filters.repeats import shifted

THRESHOLD = 0.22
"""Mean difference of structure above which two frames show different scenes."""

_SIZE = (32, 18)
_RADIUS = 6
# What contrast, as a part of the whole range, is still divided by itself: below it noise would be taken for structure.
_FAINT = 0.04
# How much more than its neighbours a change has to be.
_ABOVE = 1.25
# Difference of structure up to which a frame is taken to repeat the one before; then the change before that one counts.
_REPEATED = 0.05


def marked(clip: vs.VideoNode, *, threshold: float = THRESHOLD) -> vs.VideoNode:
    """Mark the frames between which the scene changes.

    Writes ``_SceneChangeNext`` (1: a cut lies between this frame and the next, else 0; the last frame has 0) and
    ``_SceneChangePrev`` (the same for the frame before). A clip whose first frame has ``_SceneChangeNext`` was marked
    elsewhere and is returned as it is, unless it is a player's, which cannot be looked at. Looks two frames back from
    either side of a cut and two ahead: 3 frames back and 3 ahead for both properties together.

    Args:
        clip: any constant format.
        threshold: how much the structure of two frames must differ: the mean over the picture of differences in units
            of the local contrast, each counted up to 1. Above 0, at most 1; greater finds fewer cuts.

    Raises:
        FormatError: the clip's format or size varies.
        OptionError: the threshold is not such a number.
    """
    clips.check(clip, name="scene changes")
    check_threshold(threshold)
    if not clips.played(clip) and "_SceneChangeNext" in clip.get_frame(0).props:
        return clip
    cuts = _cuts(_luma(clip), threshold)
    return clip.std.CopyFrameProps(cuts, props=["_SceneChangeNext", "_SceneChangePrev"])


def _luma(clip: vs.VideoNode) -> vs.VideoNode:
    """Return the small pictures, 0 to 1, whatever the range: differences count."""
    clip = clip.std.SetFieldBased(0)
    if clip.format.color_family == vs.RGB:
        small = clip.resize.Bilinear(*_SIZE, format=vs.RGBS)
        return small.resize.Point(format=vs.GRAYS, matrix=vs.MATRIX_BT709)
    grey = clip.std.ShufflePlanes(0, vs.GRAY) if clip.format.color_family == vs.YUV else clip
    return grey.std.SetFrameProps(_Range=vs.RANGE_FULL).resize.Bilinear(*_SIZE, format=vs.GRAYS)


def _structure(luma: vs.VideoNode) -> vs.VideoNode:
    detail = vs.core.std.Expr([luma, luma.std.BoxBlur(hradius=_RADIUS, vradius=_RADIUS)], "x y -")
    power = vs.core.std.Expr([detail], "x x *").std.BoxBlur(hradius=_RADIUS, vradius=_RADIUS)
    return vs.core.std.Expr([detail, power], f"x y {_FAINT**2} + sqrt /")


def _differences(luma: vs.VideoNode, ahead: int, scene: Sequence[vs.VideoNode]) -> vs.VideoNode:
    """Return a clip that tells how far frame n and frame n + ahead are apart.

    Writes ``StructureAverage`` and ``LumaDiff``.

    Args:
        luma: the small pictures.
        ahead: in frames.
        scene: structure, and its least and its largest value around each sample.
    """
    beyond = "x c - b x - max 0 max a z - y a - max 0 max + 1 min"
    apart = vs.core.std.Expr([*scene, *(shifted(part, ahead) for part in scene)], beyond)
    level = luma.std.PlaneStats(shifted(luma, ahead), prop="Luma")
    return apart.std.PlaneStats(prop="Structure").std.CopyFrameProps(level, props=["LumaDiff"])


def check_threshold(threshold: float) -> None:
    """Refuse what is no threshold.

    Raises:
        OptionError: not a number above 0 and at most 1.
    """
    if isinstance(threshold, bool) or not isinstance(threshold, int | float) or not 0 < threshold <= 1:
        raise OptionError(f"scene changes: threshold is {threshold!r}; expected a number above 0 and at most 1.")


def _cuts(luma: vs.VideoNode, threshold: float) -> vs.VideoNode:
    """Return a clip with both properties."""
    structure = _structure(luma)
    scene = [structure, structure.std.Minimum(), structure.std.Maximum()]
    one, two, three = (_differences(luma, ahead, scene) for ahead in (1, 2, 3))
    steps = [shifted(one, by) for by in (-2, -1, 0, 1, 2)]
    wider = [shifted(two, -1), two, shifted(three, -1)]
    last = luma.num_frames - 1

    def after(n: int, f: Sequence[vs.VideoFrame]) -> vs.VideoFrame:
        frame = f[0].copy()
        # What would lie beyond the ends of the clip is left out: a frame is repeated there only to have one.
        changes = [_told(f[3 + k]) if 0 <= n + k < last else _NONE for k in (-2, -1, 0, 1, 2)]
        known = (n > 0, n + 1 < last, n > 0 and n + 1 < last)
        across = [_told(stats) for stats, inside in zip(f[6:], known, strict=True) if inside]
        frame.props["_SceneChangeNext"] = int(n < last and _is_cut(changes, across, threshold))
        return frame

    marks = luma.std.ModifyFrame([luma, *steps, *wider], after)

    def before(n: int, f: Sequence[vs.VideoFrame]) -> vs.VideoFrame:
        frame = f[0].copy()
        frame.props["_SceneChangePrev"] = int(n > 0 and bool(f[1].props["_SceneChangeNext"]))
        return frame

    return marks.std.ModifyFrame([marks, shifted(marks, -1)], before)


class _Change(msgspec.Struct, frozen=True):
    """How far two frames are apart."""

    structure: float
    luma: float


_NONE = _Change(0.0, 0.0)


def _told(stats: vs.VideoFrame) -> _Change:
    return _Change(stats.props["StructureAverage"], stats.props["LumaDiff"])


def _is_cut(changes: Sequence[_Change], across: Sequence[_Change], threshold: float) -> bool:
    """Decide whether a cut lies in the middle.

    Args:
        changes: from each frame to the next: two before, the one in question, two after.
        across: between frames on either side, where there are such.
        threshold: of structure.
    """
    pairs = [changes[2], *across]
    usual = max(_usual(changes[1], changes[0]), _usual(changes[3], changes[4]))
    return min(pair.structure for pair in pairs) > threshold and min(pair.luma for pair in pairs) > _ABOVE * usual


def _usual(near: _Change, far: _Change) -> float:
    """Return how much brightness changes on one side; on twos every second change is none."""
    return near.luma if near.structure > _REPEATED else max(near.luma, far.luma)
