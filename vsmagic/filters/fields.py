"""Make whole pictures of frames that are woven of two fields."""

import logging
from fractions import Fraction
from typing import Literal, cast, get_args

import vapoursynth as vs

from vsmagic import clips
from vsmagic.errors import BackendError, FormatError, OptionError
from vsmagic.filters.look import CYCLE, Order, look, tagged_order

log = logging.getLogger(__name__)

Rate = Literal["frame", "field"]
RATES: tuple[Rate, ...] = ("frame", "field")
ORDERS = ("auto", *get_args(Order))

# What is written on the frames while they are matched.
_NOTES = ("_Combed", "VFM*")
# Rows that differ by 12 steps of 8 bits are combed, and 40 such samples in 16x16 make a frame combed. Of 30 frames of
# three interlaced clips 8, 23 and 22 are then deinterlaced, with the defaults (9 and 80) 0, 22 and 12; of film none.
_COMBED = {"cthresh": 12, "mi": 40}
_LOWEST = 8
_PLUGINS = {"bwdif": "vapoursynth-bwdif", "vivtc": "vapoursynth-vivtc"}


def deinterlace(clip: vs.VideoNode, *, rate: Rate = "frame", order: Order | Literal["auto"] = "auto") -> vs.VideoNode:
    """Make a whole picture of each frame's first field, or of each field, with bwdif.

    Rows that a field lacks are taken from the fields before and after where nothing moves, and are interpolated where
    something does. Accepts any constant format; returns the same one. Keeps frame count and durations, or with
    ``rate="field"`` makes twice as many frames of half the duration each, exactly, of variable rates too. Looks one
    frame back and ahead.

    Reads ``_FieldBased``; writes it (0), and ``_DurationNum`` and ``_DurationDen`` with ``rate="field"``.

    Args:
        clip: woven of fields, as it was coded: not turned by 90 degrees, not resized, not cropped by an odd number.
        rate: ``frame``, or ``field`` for the full motion of interlaced video.
        order: the field that comes first: ``top``, ``bottom``, or ``auto``: what the first frame's ``_FieldBased``
            says; where it tells of no field, some frames are looked at.

    Raises:
        FormatError: the clip's format or size varies, or it has fewer than 8 rows.
        OptionError: an argument is not acceptable.
        BackendError: the plugin is missing.
    """
    clips.check(clip, name="deinterlace")
    if rate not in RATES:
        raise OptionError(f"deinterlace: rate is {rate!r}; expected {' or '.join(RATES)}.")
    _check(clip, "deinterlace", "bwdif")
    top = first_field(clip, order, name="deinterlace") == "top"
    result = _bwdif(clip, top=top, double=rate == "field")
    return clips.keep_times(result, clip) if rate == "frame" else _halved(result, clip)


def inverse_telecine(clip: vs.VideoNode, *, order: Order | Literal["auto"] = "auto") -> vs.VideoNode:
    """Give film in video its own frames back: of 30000/1001 frames a second 24000/1001.

    Fields of the same picture are woven again (VIVTC's VFM), and of five frames the one that is there twice is left
    out (VDecimate). Frames that match no field around are deinterlaced. Accepts any constant format; returns the same
    one, its samples untouched but for those frames. Four fifths of the frames remain, each for five fourths of the
    time; the duration stays to within one frame. Looks up to ten frames around.

    Reads ``_FieldBased``; writes it (0), ``_DurationNum`` and ``_DurationDen``.

    Args:
        clip: of constant rate, as it was coded: not turned by 90 degrees, not resized, not cropped by an odd number.
        order: as for :func:`deinterlace`.

    Raises:
        FormatError: the clip's format, size or rate varies, or it has fewer than 8 rows.
        OptionError: the order is not acceptable, or the clip is a player's.
        BackendError: a plugin is missing.
    """
    clips.check(clip, name="inverse_telecine")
    _check(clip, "inverse_telecine", "bwdif", "vivtc")
    if clips.played(clip):
        raise OptionError(
            "inverse_telecine: the clip is a player's, whose frames are counted anew after every seek, so that cycles "
            "of five have no place in it; use the player's own filter instead, in mpv --vf=pullup."
        )
    if not clip.fps:
        raise FormatError(
            "inverse_telecine: the clip has a variable rate; expected a constant one, as film in video has. "
            "Use deinterlace, or give the clip its rate with std.AssumeFPS."
        )
    top = first_field(clip, order, name="inverse_telecine") == "top"
    matched = _decimated(_flagged(clip, top=top), top=top)
    rate = Fraction(clip.fps) * Fraction(CYCLE - 1, CYCLE)
    whole = matched.std.RemoveFrameProps(list(_NOTES)).std.SetFieldBased(0)
    return whole.std.AssumeFPS(fpsnum=rate.numerator, fpsden=rate.denominator)


def as_progressive(clip: vs.VideoNode) -> vs.VideoNode:
    """Take the frames for whole pictures, whatever their tags say; nothing else is changed.

    Film and video taken 25 or 30 times a second are often tagged as interlaced. Writes ``_FieldBased`` (0).

    Args:
        clip: any constant format.

    Raises:
        FormatError: the clip's format or size varies.
    """
    clips.check(clip, name="as_progressive")
    return clips.keep_times(clip.std.SetFieldBased(0), clip)


def first_field(clip: vs.VideoNode, order: str, *, name: str) -> Order:
    """Return the field that comes first.

    Args:
        clip: the clip.
        order: as a user names it; see :func:`deinterlace`.
        name: of the filter, for messages.

    Raises:
        OptionError: no such order, or a player's clip, which cannot be looked at.
    """
    if order in get_args(Order):
        return cast("Order", order)
    if order != "auto":
        raise OptionError(f"{name}: order is {order!r}; expected {', '.join(ORDERS)}.")
    if clips.played(clip):
        raise OptionError(f"{name}: the clip is a player's, which cannot be looked at; give order top or bottom.")
    found = tagged_order(clip) or look(clip).order
    if found is None:
        log.warning("%s: neither tag nor frames tell which field comes first; taking the top one", name)
    return found or "top"


def _check(clip: vs.VideoNode, name: str, *plugins: str) -> None:
    for plugin in plugins:
        if not hasattr(vs.core, plugin):
            raise BackendError(
                f"{name}: the plugin {plugin} is not installed; install it with: pip install {_PLUGINS[plugin]}"
            )
    if clip.height < _LOWEST or clip.width < _LOWEST:
        raise FormatError(f"{name}: the clip is {clip.width}x{clip.height}; expected at least {_LOWEST}x{_LOWEST}.")


def _flagged(clip: vs.VideoNode, *, top: bool) -> vs.VideoNode:
    """Write the order on every frame: plugins believe it before their arguments."""
    return clip.std.SetFieldBased(vs.FIELD_TOP if top else vs.FIELD_BOTTOM)


def _bwdif(clip: vs.VideoNode, *, top: bool, double: bool) -> vs.VideoNode:
    fmt = clip.format
    half = fmt.sample_type == vs.FLOAT and fmt.bits_per_sample == 16
    if half:  # the plugin takes single precision alone; half of it comes back as it was
        single = vs.core.query_video_format(fmt.color_family, vs.FLOAT, 32, fmt.subsampling_w, fmt.subsampling_h)
        clip = clip.std.SetFieldBased(0).resize.Point(format=single.id)
    made = _flagged(clip, top=top).bwdif.Bwdif(field=2 * double + top).std.SetFieldBased(0)
    return made.resize.Point(format=fmt.id) if half else made


def _halved(result: vs.VideoNode, clip: vs.VideoNode) -> vs.VideoNode:
    """Return a clip of twice as many frames with the exact times that come of the other's."""
    if clip.fps:
        rate = 2 * Fraction(clip.fps)
        return result.std.AssumeFPS(fpsnum=rate.numerator, fpsden=rate.denominator)

    def halve(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        frame = f[0].copy()
        half = clips.duration(f[1], n // 2) / 2
        frame.props["_DurationNum"], frame.props["_DurationDen"] = half.as_integer_ratio()
        return frame

    given = vs.core.std.Interleave([clip, clip], modify_duration=False)
    lasting = result.std.ModifyFrame([result, given], halve)
    if clips.unending(clip):
        return lasting
    times = clips.times(clip)
    middles = [(times[n // 2] + times[n // 2 + n % 2]) / 2 for n in range(2 * clip.num_frames)]
    clips.remember_times(lasting, [*middles, times[clip.num_frames]])
    return lasting


def _decimated(clip: vs.VideoNode, *, top: bool) -> vs.VideoNode:
    """Match fields, deinterlace what matches none, and leave out one frame of five; durations are wrong.

    What is decided on has 8 bits, which is all that the plugin takes; what is returned is the clip's own.
    """
    eight = _flagged(_eight(clip), top=top)
    options = {"order": int(top), "field": int(top), **_COMBED}
    seen = eight.vivtc.VFM(**options)
    matched = eight.vivtc.VFM(**options, clip2=clip) if eight.format.id != clip.format.id else seen
    made = _bwdif(clip, top=top, double=False)

    def choose(n: int, f: vs.VideoFrame) -> vs.VideoNode:  # noqa: ARG001 - both are given by name
        return made if f.props["_Combed"] else matched

    whole = matched.std.FrameEval(choose, prop_src=seen, clip_src=[matched, made])
    return seen.vivtc.VDecimate(cycle=CYCLE, clip2=whole)


def _eight(clip: vs.VideoNode) -> vs.VideoNode:
    """Return the clip, or what of it the plugin takes: 8 bits of YUV, or of one plane."""
    fmt = clip.format
    clip = clip.std.SetFieldBased(0).std.RemoveFrameProps(["_Matrix"])
    if fmt.color_family == vs.YUV and max(fmt.subsampling_w, fmt.subsampling_h) <= 1:
        target = vs.core.query_video_format(vs.YUV, vs.INTEGER, 8, fmt.subsampling_w, fmt.subsampling_h)
        return clip if target.id == fmt.id else clip.resize.Point(format=target.id)
    plane = clip if fmt.color_family == vs.GRAY else clip.std.ShufflePlanes(int(fmt.color_family == vs.RGB), vs.GRAY)
    return plane if plane.format.id == vs.GRAY8 else plane.resize.Point(format=vs.GRAY8)
