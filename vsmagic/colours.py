"""How a clip's numbers stand for colours, and how wide its pixels are: read, guessed where untold, written.

A player's clip cannot be looked at before it plays (see :func:`vsmagic.clips.played`): there everything is read and
decided frame by frame. mpv writes ``_ColorSpace`` in place of ``_Matrix``.
"""

import logging
from collections.abc import Callable, Mapping
from fractions import Fraction

import msgspec
import vapoursynth as vs

from vsmagic.clips import played
from vsmagic.errors import FormatError

log = logging.getLogger(__name__)

_LEFT = {vs.CHROMA_LEFT, vs.CHROMA_TOP_LEFT, vs.CHROMA_BOTTOM_LEFT}
_TOP = {vs.CHROMA_TOP_LEFT, vs.CHROMA_TOP}
_BOTTOM = {vs.CHROMA_BOTTOM_LEFT, vs.CHROMA_BOTTOM}


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

    Args:
        clip: not a player's.
    """
    return told(clip.get_frame(0).props, clip)


def told(props: Mapping[str, object], clip: vs.VideoNode) -> Colour:
    """Return what a frame tells, as :func:`colour` does; ``_ColorSpace`` counts where there is no ``_Matrix``.

    Args:
        props: the frame's.
        clip: of its format and size.
    """
    rgb = clip.format.color_family == vs.RGB
    guessed = []
    matrix = _number(props, "_Matrix", _number(props, "_ColorSpace", int(vs.MATRIX_UNSPECIFIED)))
    if rgb:
        matrix = int(vs.MATRIX_RGB)
    elif matrix in (vs.MATRIX_UNSPECIFIED, vs.MATRIX_RGB):
        matrix = guess_matrix(clip.width, clip.height)
        guessed.append("matrix")
    if "_Range" not in props and not rgb:
        guessed.append("range")
    value_range = _number(props, "_Range", int(vs.RANGE_FULL if rgb else vs.RANGE_LIMITED))
    location = _number(props, "_ChromaLocation", int(vs.CHROMA_LEFT))
    return Colour(matrix=matrix, range=value_range, chroma=location, guessed=tuple(guessed))


def _number(props: Mapping[str, object], name: str, absent: int) -> int:
    value = props.get(name)
    return value if isinstance(value, int) else absent


def by_colour(clip: vs.VideoNode, make: Callable[[Colour], vs.VideoNode]) -> vs.VideoNode:
    """Return what is made for the clip's colour; for a player's clip what is made for the colour of each frame.

    Args:
        clip: from :func:`tagged`; frame n decides about frame n of the result.
        make: returns a clip that has the same size, format and length for every colour; is called once for each.
    """
    if not played(clip):
        return make(colour(clip))
    made: dict[Colour, vs.VideoNode] = {}

    def choose(n: int, f: vs.VideoFrame) -> vs.VideoNode:  # noqa: ARG001 - both are given by name
        known = told(f.props, clip)
        if known not in made:
            made[known] = make(known)
        return made[known]

    usual = told({}, clip)
    usual = Colour(matrix=usual.matrix, range=usual.range, chroma=usual.chroma)
    made[usual] = make(usual)
    return made[usual].std.FrameEval(choose, prop_src=clip)


def guess_matrix(width: int, height: int) -> int:
    """Return the matrix that untagged video of this size most likely has."""
    return int(vs.MATRIX_BT709 if width >= 1280 or height >= 720 else vs.MATRIX_ST170_M)


def tagged(clip: vs.VideoNode) -> vs.VideoNode:
    """Return the clip with matrix, range and progressive order written on every frame.

    What had to be guessed, and interlacing (which no model here understands), is told once as a warning.
    Writes ``_Matrix``, ``_Range``, ``_ChromaLocation`` and ``_FieldBased``.
    """
    if not played(clip):
        props = clip.get_frame(0).props
        return clip.std.SetFrameProps(**_tags(told(props, clip), clip, fields=_number(props, "_FieldBased", 0)))
    written: dict[tuple[Colour, int], dict[str, int]] = {}

    def write(n: int, f: vs.VideoFrame) -> vs.VideoFrame:  # noqa: ARG001
        frame = f.copy()
        known = told(frame.props, clip), _number(frame.props, "_FieldBased", 0)
        if known not in written:
            written[known] = _tags(known[0], clip, fields=known[1])
        frame.props.update(written[known])
        return frame

    return clip.std.ModifyFrame(clip, write)


def _tags(known: Colour, clip: vs.VideoNode, *, fields: int) -> dict[str, int]:
    """Return the properties to write, and tell what was not certain."""
    if "matrix" in known.guessed and clip.format.color_family == vs.YUV:
        name = vs.MatrixCoefficients(known.matrix).name.removeprefix("MATRIX_")
        log.warning("the clip does not tell its colour matrix; taking %s, as is usual for its size", name)
    if fields and not played(clip):  # a player has a deinterlacer of its own
        log.warning(
            "the clip is tagged as interlaced and is treated as progressive; if its frames are combed, deinterlace it "
            "first, with vsmagic.deinterlace or vsmagic.inverse_telecine; if not, say so with vsmagic.as_progressive"
        )
    props = {"_Range": known.range, "_FieldBased": 0, "_Matrix": known.matrix}
    if clip.format.subsampling_w or clip.format.subsampling_h:
        props["_ChromaLocation"] = known.chroma
    return props


def pixel_aspect(clip: vs.VideoNode) -> Fraction:
    """Return the width of a pixel over its height; 1 where the first frame tells none (``_SARNum``, ``_SARDen``).

    Args:
        clip: not a player's.
    """
    return _aspect(clip.get_frame(0).props)


def _aspect(props: Mapping[str, object]) -> Fraction:
    num, den = props.get("_SARNum"), props.get("_SARDen")
    if isinstance(num, int) and isinstance(den, int) and num > 0 and den > 0:
        return Fraction(num, den)
    return Fraction(1)


def with_pixel_aspect(clip: vs.VideoNode, aspect: Fraction) -> vs.VideoNode:
    """Write the pixel aspect on every frame; ``resize`` changes it on its own whenever it changes a size."""
    return clip.std.SetFrameProps(_SARNum=aspect.numerator, _SARDen=aspect.denominator)


def with_pixel_aspect_of(clip: vs.VideoNode, source: vs.VideoNode) -> vs.VideoNode:
    """Write the pixel aspect of each frame of another clip on the frames of the same number."""
    return clip.std.CopyFrameProps(source, props=["_SARNum", "_SARDen"])


def square(clip: vs.VideoNode, *, name: str) -> vs.VideoNode:
    """Return a player's clip that fails with a sentence where its pixels are not square.

    mpv shows what a filter makes with the pixel aspect of what it was made of: a size in square pixels, which another
    program would get, would be shown too wide or too narrow.

    Args:
        clip: whose pixel aspect is to be 1.
        name: the filter's name, for the message.
    """

    def check(n: int, f: vs.VideoFrame) -> vs.VideoFrame:  # noqa: ARG001
        aspect = _aspect(f.props)
        if aspect != 1:
            raise FormatError(
                f"{name}: a size in square pixels is asked for, but the pixels of this video are {aspect} as wide as "
                "high, which a player keeps. Give scale instead of size or target."
            )
        return f

    return clip.std.ModifyFrame(clip, check)


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
