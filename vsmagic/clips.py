"""What every filter does to a clip before and after its own work: check, tag, convert, pad, split, time.

Conventions: luma and RGB handed to a model are full range, 0 to 1, 32-bit float. Integer formats come back
rounded, never dithered, so that equal input gives equal output.
"""

import logging
import weakref
from collections.abc import Sequence
from fractions import Fraction
from itertools import accumulate
from typing import overload

import msgspec
import vapoursynth as vs

from vsmagic.errors import FormatError

log = logging.getLogger(__name__)

_LEFT = {vs.CHROMA_LEFT, vs.CHROMA_TOP_LEFT, vs.CHROMA_BOTTOM_LEFT}
_TOP = {vs.CHROMA_TOP_LEFT, vs.CHROMA_TOP}
_BOTTOM = {vs.CHROMA_BOTTOM_LEFT, vs.CHROMA_BOTTOM}

MOST_READ = 10_000_000
"""Frames of a clip that is read through before the first is shown: two days at 60 a second. A player's claims more."""

# Start time of every frame and the end of the last, for clips whose timing is known without decoding.
_timelines: "weakref.WeakKeyDictionary[vs.VideoNode, tuple[Fraction, ...]]" = weakref.WeakKeyDictionary()


def check(clip: vs.VideoNode, *, name: str) -> vs.VideoFormat:
    """Return the clip's format, or raise if a filter cannot take it.

    Args:
        clip: what the caller passed.
        name: the filter's name, for the message.

    Raises:
        FormatError: not a video clip, or its format or size varies.
    """
    if not isinstance(clip, vs.VideoNode):
        raise FormatError(f"{name}: got a {type(clip).__name__}; expected a VapourSynth video clip.")
    if not clip.width or not clip.height or clip.format.id == vs.NONE:
        raise FormatError(
            f"{name}: the clip's size or format changes from frame to frame; expected a constant one. "
            "Split it where it changes, or convert it with resize first."
        )
    if clip.format.sample_type == vs.INTEGER and clip.format.bits_per_sample > 16:
        raise FormatError(f"{name}: the clip is {clip.format.name}; expected 8 to 16 bits or float.")
    return clip.format


class Colour(msgspec.Struct, frozen=True, kw_only=True):
    """How a clip's numbers stand for colours, as VapourSynth's frame properties name it."""

    matrix: int
    """``_Matrix``: ITU-T H.273 matrix coefficients; 0 for RGB."""
    range: int
    """``_Range``: ``vs.RANGE_LIMITED`` or ``vs.RANGE_FULL``."""
    chroma: int
    """``_ChromaLocation`` of subsampled formats."""
    guessed: tuple[str, ...] = ()
    """Names of what the clip did not tell."""


def colour(clip: vs.VideoNode) -> Colour:
    """Read matrix, range and chroma location from the first frame; guess by size what is absent.

    SD (below 720 lines and below 1280 columns) is taken for BT.601, the rest for BT.709; YUV for limited range.
    Reads ``_Matrix``, ``_Range`` and ``_ChromaLocation``.
    """
    props = clip.get_frame(0).props
    guessed = []
    matrix = int(props.get("_Matrix", vs.MATRIX_UNSPECIFIED))
    if clip.format.color_family == vs.RGB:
        matrix = vs.MATRIX_RGB
    elif matrix in (vs.MATRIX_UNSPECIFIED, vs.MATRIX_RGB):
        matrix = guess_matrix(clip.width, clip.height)
        guessed.append("matrix")
    full = clip.format.color_family == vs.RGB
    value = props.get("_Range")
    if value is None and not full:
        guessed.append("range")
    value_range = (vs.RANGE_FULL if full else vs.RANGE_LIMITED) if value is None else int(value)
    return Colour(
        matrix=matrix,
        range=value_range,
        chroma=int(props.get("_ChromaLocation", vs.CHROMA_LEFT)),
        guessed=tuple(guessed),
    )


def guess_matrix(width: int, height: int) -> int:
    """Return the matrix that untagged video of this size most likely has."""
    return int(vs.MATRIX_BT709 if width >= 1280 or height >= 720 else vs.MATRIX_ST170_M)


def tagged(clip: vs.VideoNode) -> tuple[vs.VideoNode, Colour]:
    """Return the clip with matrix, range and progressive order written on every frame, and what they are.

    What had to be guessed, and interlacing (which no model here understands), is told once as a warning.
    Writes ``_Matrix``, ``_Range``, ``_ChromaLocation`` and ``_FieldBased``.
    """
    known = colour(clip)
    if "matrix" in known.guessed and clip.format.color_family == vs.YUV:
        name = vs.MatrixCoefficients(known.matrix).name.removeprefix("MATRIX_")
        log.warning("the clip does not tell its colour matrix; taking %s, as is usual for its size", name)
    if int(clip.get_frame(0).props.get("_FieldBased", 0)):
        log.warning("the clip is interlaced and is treated as progressive; deinterlace it first for a clean picture")
    props = {"_Range": known.range, "_FieldBased": 0, "_Matrix": known.matrix}
    if clip.format.subsampling_w or clip.format.subsampling_h:
        props["_ChromaLocation"] = known.chroma
    return clip.std.SetFrameProps(**props), known


def pixel_aspect(clip: vs.VideoNode) -> Fraction:
    """Return the width of a pixel over its height; 1 where the first frame tells none (``_SARNum``, ``_SARDen``)."""
    props = clip.get_frame(0).props
    num, den = props.get("_SARNum", 1), props.get("_SARDen", 1)
    valid = isinstance(num, int) and isinstance(den, int) and num > 0 and den > 0
    return Fraction(num, den) if valid else Fraction(1)


def with_pixel_aspect(clip: vs.VideoNode, aspect: Fraction) -> vs.VideoNode:
    """Write the pixel aspect on every frame; ``resize`` changes it on its own whenever it changes a size."""
    return clip.std.SetFrameProps(_SARNum=aspect.numerator, _SARDen=aspect.denominator)


def chroma_shift(clip_format: vs.VideoFormat, location: int, ratio: tuple[float, float]) -> tuple[float, float]:
    """Shift, in input chroma samples, that keeps chroma sited when its plane is resized on its own.

    A plane resized alone is taken as centred. Sample k of a left-sited plane with subsampling s stands at luma
    position s*k + 1/2, not at s*k + s/2, and so does the result's.

    Args:
        clip_format: a YUV format.
        location: ``_ChromaLocation``.
        ratio: output size over input size, (horizontal, vertical).
    """
    side_x = 0.5 - 0.5 / (1 << clip_format.subsampling_w)
    side_y = 0.5 - 0.5 / (1 << clip_format.subsampling_h)
    x = side_x if location in _LEFT else 0.0
    y = side_y if location in _TOP else -side_y if location in _BOTTOM else 0.0
    return x * (1 - 1 / ratio[0]), y * (1 - 1 / ratio[1])


def pad(clip: vs.VideoNode, multiple: int) -> vs.VideoNode:
    """Extend the clip to the right and downward, by mirroring, until both sizes are multiples of ``multiple``."""
    width = -(-clip.width // multiple) * multiple
    height = -(-clip.height // multiple) * multiple
    if (width, height) == (clip.width, clip.height):
        return clip
    return clip.resize.Point(width, height, src_width=width, src_height=height)


def remember_times(clip: vs.VideoNode, timeline: Sequence[Fraction]) -> None:
    """Note the exact times of a clip that vsmagic made, so that :func:`times` need not decode it."""
    _timelines[clip] = tuple(timeline)


def keep_times(result: vs.VideoNode, clip: vs.VideoNode) -> vs.VideoNode:
    """Return ``result``, a clip made of ``clip`` frame by frame; what is known of the times of one holds for both."""
    if clip in _timelines:
        _timelines[result] = _timelines[clip]
    return result


def known_times(clip: vs.VideoNode) -> Sequence[Fraction] | None:
    """Return the times of a clip if they are known without decoding it, else None.

    A constant frame rate tells them; a variable one only where :func:`remember_times` or :func:`keep_times` was called.
    """
    if clip.fps:
        step = 1 / Fraction(clip.fps)
        return _Regular(step, clip.num_frames)
    return _timelines.get(clip)


def times(clip: vs.VideoNode) -> Sequence[Fraction]:
    """Start time of each frame in seconds, and the end of the last one as the last item, exactly.

    The first frame starts at 0. A clip of variable rate that vsmagic did not open itself is read through once,
    for its durations; that is logged.

    Raises:
        FormatError: a frame of a clip with variable rate carries no ``_DurationNum``/``_DurationDen``, or the clip has
            no end that could be reached.
    """
    known = known_times(clip)
    if known is not None:
        return known
    if unending(clip):
        raise FormatError(
            f"the clip has a variable rate and claims {clip.num_frames} frames, as a player's clip does; "
            "their times cannot be known ahead. Give the clip a rate with std.AssumeFPS."
        )
    log.info("variable frame rate: reading the durations of %d frames", clip.num_frames)
    durations = [duration(frame, n) for n, frame in enumerate(clip.frames(close=True))]
    remember_times(clip, list(accumulate(durations, initial=Fraction(0))))
    return _timelines[clip]


def unending(clip: vs.VideoNode) -> bool:
    """Whether a clip's times cannot be known ahead: of variable rate, and as long as what a player hands out."""
    return known_times(clip) is None and clip.num_frames > MOST_READ


def duration(frame: vs.VideoFrame, n: int) -> Fraction:
    """Return how long frame n is shown, in seconds.

    Raises:
        FormatError: it does not tell.
    """
    num, den = frame.props.get("_DurationNum"), frame.props.get("_DurationDen")
    if not isinstance(num, int) or not isinstance(den, int) or num <= 0 or den <= 0:
        raise FormatError(
            f"frame {n} of a clip with variable rate has no duration (_DurationNum/_DurationDen are {num}/{den}); "
            "open the file with vsmagic.source, or give the clip a rate with std.AssumeFPS."
        )
    return Fraction(num, den)


class _Regular(Sequence[Fraction]):
    """Times of a constant rate, computed when asked: mpv's clips claim 134 million frames."""

    def __init__(self, step: Fraction, frames: int) -> None:
        self._step = step
        self._frames = frames

    def __len__(self) -> int:
        return self._frames + 1

    @overload
    def __getitem__(self, n: int) -> Fraction: ...

    @overload
    def __getitem__(self, n: slice) -> Sequence[Fraction]: ...

    def __getitem__(self, n: int | slice) -> Fraction | Sequence[Fraction]:
        if isinstance(n, slice):
            return [self[i] for i in range(*n.indices(len(self)))]
        place = n if n >= 0 else n + len(self)
        if not 0 <= place <= self._frames:
            raise IndexError(n)
        return place * self._step
