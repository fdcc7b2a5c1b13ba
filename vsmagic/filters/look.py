"""Whether a clip's frames are whole pictures or woven of two fields, by a look at some of them.

In a frame of interlaced video the rows of the top field (0, 2, 4, …) and those of the bottom field were taken at two
moments: what moves has combed edges. Each frame is compared with two others woven of its own fields and those of the
frame before, this frame's top field with the bottom field before and the other way round:

- whole pictures: both are combed, and the frame itself is not;
- interlaced, top field first: this frame's top field follows the bottom field before, so that weave is combed like the
  frame itself, and the other, of fields three moments apart, more; bottom field first: the other way round;
- telecined film: of five frames two or three are woven, always the same ones, and fields are shown twice.

What is static is combed nowhere and fine horizontal lines are combed everywhere alike, so neither tells anything:
only the difference between both weaves does. The measure is 1, -3, 4, -3, 1 down the rows, where the picture changes
from the frame before. The numbers below were chosen on real clips, woven, telecined and compressed; see
``docs/filters.md``.
"""

import logging
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Literal

import msgspec
import vapoursynth as vs

from vsmagic import clips
from vsmagic.filters.repeats import shifted

log = logging.getLogger(__name__)

Kind = Literal["progressive", "interlaced", "telecined"]
Order = Literal["top", "bottom"]

GROUPS = 5
"""Places of the clip that are looked at, spread evenly; fewer in a short one, for each costs a seek."""
_APART = 700
"""Frames of the clip for each of them: half a minute."""
TOGETHER = 12
"""Frames of one place: two cycles of film in video, and the frame before."""
CYCLE = 5
"""Frames of video that four frames of film become."""

# Columns that are looked at: fewer ones are a mean over several, which takes noise away and keeps the rows apart.
_WIDTH = 480
_LOWEST = 8
# Rows below which nothing is taken for woven that is not tagged: a fourth of what a frame of interlaced television has.
# In smaller pictures a few rows of a moving pattern are a large part of it.
_FEWEST_ROWS = 120
# Steps of 8 bits: a sample that changes by less than this from frame to frame is noise.
_CHANGES = 6
# A quarter of the measure above which a sample is combed: rows 8 steps of 8 bits apart, in turn.
_COMBED = 12
# Mean of what exceeds it over the whole picture, below which nothing has moved that could tell.
_FAINT = 0.02
# How much more one weave is combed than the other in woven frames, and as a part of how much more than the frame.
_MORE = 1.25
_PART = 0.42
# A field is shown twice if it changes by less than this part of what the other one does.
_SAME = 0.4
# The fewest woven frames, and their least part of those that tell, of which one is sure.
_FEWEST = 3
_LEAST = 0.1
# Pairs of frames a cycle apart in film, the part of them that must be alike, and the part that tells it alone or where
# the pairs are few.
_PAIRS = 8
_MANY = 16
_ALIKE = 0.78
_ALL_ALIKE = 0.9
# Parts of the frames in film: those that are whole, and those with a field that is shown twice (two fifths, or fewer
# where compression has changed it).
_WHOLE = (0.25, 0.75)
_AGAIN = 0.15


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What the frames are, and what was seen of it."""

    kind: Kind
    order: Order | None = None
    """The field that comes first; None in whole pictures."""
    tagged: Order | None = None
    """The field that comes first by the first frame's ``_FieldBased``; None where it tells of none."""
    looked: int = 0
    """Frames that were looked at."""
    telling: int = 0
    """Those in which enough moves to tell."""
    woven: int = 0
    """Those of them in which the two fields show two moments."""

    @property
    def sure(self) -> bool:
        """Whether frames told it; else it is what the tag says, or what most video is."""
        return self.telling >= _FEWEST


class _Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What one frame tells."""

    number: int
    order: Order | None = None
    """The field that comes first in a woven frame."""
    whole: bool = False
    repeats: Order | None = None
    """The field that was shown in the frame before, too, while the other one changes."""

    @property
    def told(self) -> bool:
        return self.whole or self.order is not None


def look(clip: vs.VideoNode) -> Finding:
    """Look at no more than 60 frames, in groups spread over the clip, and tell what they are.

    Accepts any constant format. Reads ``_FieldBased``. Frames that cannot be decoded are passed over. Where nothing
    moves, the tag decides.

    Args:
        clip: the frames as they were coded: not turned by 90 degrees, for then its fields stand in columns.

    Raises:
        FormatError: the clip's format or size varies.
    """
    clips.check(clip, name="look")
    if clips.played(clip):
        return Finding(kind="progressive")
    tagged = tagged_order(clip)
    if clip.height < _LOWEST or clip.num_frames < 2 or (tagged is None and clip.height < _FEWEST_ROWS):
        return _untold(tagged, 0)
    groups = [list(_seen(_luma(clip[first:end]))) for first, end in places(clip.num_frames)]
    return conclude(groups, tagged)


def places(frames: int) -> list[tuple[int, int]]:
    """Return the half-open ranges of frames to look at."""
    if frames <= GROUPS * TOGETHER:
        return [(0, frames)]
    groups = min(GROUPS, max(3, frames // _APART))
    starts = [round(n * (frames - TOGETHER) / (groups - 1)) for n in range(groups)]
    return [(start, start + TOGETHER) for start in starts]


def conclude(groups: Sequence[Sequence[_Seen]], tagged: Order | None) -> Finding:
    """Make one finding of what each frame tells."""
    frames = [frame for group in groups for frame in group]
    telling = [frame for frame in frames if frame.told]
    if len(telling) < _FEWEST:
        return _untold(tagged, len(frames))
    woven = [frame.order for frame in telling if frame.order]
    order: Order = max(("top", "bottom"), key=woven.count)
    count = woven.count(order)
    sure = count >= max(_FEWEST, _LEAST * len(telling)) and count >= 3 * (len(woven) - count)
    kind: Kind = ("telecined" if _in_cycles(groups) else "interlaced") if sure else "progressive"
    return Finding(kind=kind, order=order if sure else None, tagged=tagged, looked=len(frames),
                   telling=len(telling), woven=len(woven))  # fmt: skip


def _untold(tagged: Order | None, looked: int) -> Finding:
    kind: Kind = "interlaced" if tagged else "progressive"
    return Finding(kind=kind, order=tagged, tagged=tagged, looked=looked)


def _in_cycles(groups: Sequence[Sequence[_Seen]]) -> bool:
    """Whether woven and whole frames follow each other as in film that was made 30 frames a second."""
    pairs = [(one, other) for group in groups for one, other in _apart(group) if one.told and other.told]
    alike = sum((one.order is None) == (other.order is None) for one, other in pairs)
    told = [frame for group in groups for frame in group if frame.told]
    whole = sum(frame.whole for frame in told)
    again = sum(frame.repeats is not None for frame in told)
    if len(pairs) < _PAIRS or not _WHOLE[0] * len(told) <= whole <= _WHOLE[1] * len(told):
        return False
    if any(_longest(group) >= CYCLE for group in groups):
        return False
    certain = again >= _AGAIN * len(told) and len(pairs) >= _MANY
    return alike >= (_ALIKE if certain else _ALL_ALIKE) * len(pairs)


def _longest(group: Sequence[_Seen]) -> int:
    """Return how many woven frames follow each other at most; in film there are three."""
    return max((len(list(run)) for woven, run in groupby(group, key=lambda frame: frame.order is not None) if woven),
               default=0)  # fmt: skip


def _apart(group: Sequence[_Seen]) -> Iterator[tuple[_Seen, _Seen]]:
    """Return the pairs of frames that are one cycle apart."""
    known = {frame.number: frame for frame in group}
    return ((frame, known[n + CYCLE]) for n, frame in known.items() if n + CYCLE in known)


def tagged_order(clip: vs.VideoNode) -> Order | None:
    """Return the field that comes first by the first frame's ``_FieldBased``; None where it tells of none."""
    orders: dict[object, Order] = {int(vs.FIELD_TOP): "top", int(vs.FIELD_BOTTOM): "bottom"}
    try:
        return orders.get(clip.get_frame(0).props.get("_FieldBased"))
    except vs.Error:  # told where the frame is wanted
        return None


def _luma(clip: vs.VideoNode) -> vs.VideoNode:
    """Return what is looked at: 8 bits, an even number of rows, all of them the clip's own."""
    family = clip.format.color_family
    grey = clip if family == vs.GRAY else clip.std.ShufflePlanes(1 if family == vs.RGB else 0, vs.GRAY)
    # A clip that says it is interlaced would be resized field by field.
    grey = grey.std.RemoveFrameProps(["_FieldBased", "_Matrix", "_ColorSpace"])
    small = grey.resize.Bilinear(min(clip.width, _WIDTH), clip.height, format=vs.GRAY8)
    return small.std.Crop(bottom=1) if clip.height % 2 else small


def _seen(luma: vs.VideoNode) -> Iterator[_Seen]:
    """Tell of each frame but the first; ends early where a frame cannot be decoded."""
    before = shifted(luma, -1)
    moved = vs.core.std.Expr([luma, before], f"x y - abs {_CHANGES} > 255 0 ?").std.Maximum()
    combed = [_combed(clip, moved) for clip in (luma, _weave(luma, top=True), _weave(luma, top=False))]
    changed = (
        vs.core.std.Expr([luma, before], f"x y - abs {_CHANGES} - 0 max").std.SeparateFields(tff=True).std.PlaneStats()
    )
    parts = [clip.frames(close=True) for clip in (*combed, changed[::2], changed[1::2])]
    try:
        for n, frames in enumerate(zip(*parts, strict=True)):
            if n:
                own, *woven, top, bottom = (255 * frame.props["PlaneStatsAverage"] for frame in frames)
                yield _told(n, own, (woven[0], woven[1]), (top, bottom))
    except vs.Error as error:
        log.debug("a frame that cannot be decoded is passed over: %s", error)


def _weave(luma: vs.VideoNode, *, top: bool) -> vs.VideoNode:
    """Return frames of one field of each frame and the other one of the frame before; the first is of no use."""
    woven = luma.std.SeparateFields(tff=top).std.DoubleWeave(tff=top)[1::2]
    return shifted(woven, -1)[: luma.num_frames]


def _combed(clip: vs.VideoNode, moved: vs.VideoNode) -> vs.VideoNode:
    """Return a clip with ``PlaneStatsAverage``: how much is combed where something moves."""
    combs = clip.std.Convolution([1, -3, 4, -3, 1], mode="v", saturate=False, divisor=4)
    return vs.core.std.Expr([combs, moved], f"y x {_COMBED} - 0 max 0 ?").std.PlaneStats()


def _told(n: int, own: float, woven: tuple[float, float], changed: tuple[float, float]) -> _Seen:
    """Tell what a frame is.

    Args:
        n: number in its group.
        own: how much it is combed.
        woven: the same of its top field with the bottom field before, and of its bottom field with the top one before.
        changed: mean difference of its top field and of its bottom field to the ones before.
    """
    low, high = sorted(woven)
    if high < _FAINT:
        return _Seen(number=n)
    apart = high > _MORE * low and high - low > _PART * (high + low - 2 * min(own, low))
    order = _lesser(woven) if apart else None
    again = _lesser(changed) if min(changed) < _SAME * max(changed) else None
    return _Seen(number=n, order=order, whole=not apart and low > _MORE * own, repeats=again)


def _lesser(both: tuple[float, float]) -> Order:
    return "top" if both[0] < both[1] else "bottom"
