"""The script's end of the pipe: brings a clip into a format that the encoder takes, and describes it.

Runs inside vspipe; the side that started vspipe reads the description with :mod:`vsmagic.encode.description`.
"""

import logging
import os
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import msgspec
import vapoursynth as vs
from msgspec.structs import asdict

from vsmagic.clips import times
from vsmagic.colours import guess_matrix
from vsmagic.encode.description import Description, Light, Refusal, Shape, Subsampling
from vsmagic.encode.losses import NO_BASE_LAYER
from vsmagic.errors import FormatError

log = logging.getLogger(__name__)

Formats = Mapping[str, tuple[int, ...]]

Y4M: Formats = {
    "gray": (8, 9, 10, 12, 16),
    "420": (8, 9, 10, 12, 14, 16),
    "422": (8, 9, 10, 12, 14, 16),
    "444": (8, 9, 10, 12, 14, 16),
    "411": (8,),
}
"""What vspipe writes as YUV4MPEG2 and ffmpeg reads."""

_SUBSAMPLINGS = {(0, 0): "444", (1, 0): "422", (1, 1): "420", (2, 0): "411", (0, 1): "440", (2, 2): "410"}
_SHIFTS = {name: shifts for shifts, name in _SUBSAMPLINGS.items()}
# Where a subsampling goes when the encoder does not take it: what loses nothing first.
_INSTEAD = {
    "rgb": ("444", "422", "420"),
    "gray": ("420", "444"),
    "444": ("422", "420"),
    "422": ("444", "420"),
    "440": ("444", "420"),
    "420": ("422", "444"),
    "411": ("422", "444", "420"),
    "410": ("420", "422", "444"),
}
_SITES = ("left", "center", "top left", "top", "bottom left", "bottom")
_ON_LINES = {2: 0, 4: 0, 3: 1, 5: 1}
_DYNAMIC = {"DolbyVisionRPU": "Dolby Vision", "HDR10Plus": "HDR10+"}


def fit(clip: vs.VideoNode, formats: Formats = Y4M) -> vs.VideoNode:
    """Convert a clip to the nearest format an encoder takes; the clip itself when it is one already.

    Args:
        clip: any constant format.
        formats: chroma subsamplings, and the bit depths each may have.

    Raises:
        FormatError: the only formats left need even sizes and the clip's are odd.
    """
    subsampling, bits = _name(clip), clip.format.bits_per_sample
    if clip.format.sample_type == vs.INTEGER and bits in formats.get(subsampling, ()):
        return clip
    target = next(name for name in (subsampling, *_INSTEAD[subsampling], *formats) if name in formats)
    wanted = 16 if clip.format.sample_type == vs.FLOAT else bits
    depth = min((depth for depth in formats[target] if depth >= wanted), default=max(formats[target]))
    _check_even(clip, target)
    lost = _lost(clip, subsampling, target, depth)
    log.log(
        logging.WARNING if lost else logging.INFO,
        "the clip is %s and is stored as %s, the nearest the encoder takes%s",
        clip.format.name, _words(target, depth), f": it loses {' and '.join(lost)}" if lost else "",
    )  # fmt: skip
    return _convert(clip, target, depth)


def limited(clip: vs.VideoNode) -> vs.VideoNode:
    """Return a clip of full range in limited range, for a codec that has no word for the former."""
    if clip.format.color_family == vs.RGB or _int(clip.get_frame(0).props, "_Range") != vs.RANGE_FULL:
        return clip
    log.info("full range becomes limited range, for the codec has no word for the former")
    return clip.resize.Point(format=clip.format.id, range_in=vs.RANGE_FULL, range=vs.RANGE_LIMITED)


def sited(clip: vs.VideoNode, sitings: Sequence[int]) -> vs.VideoNode:
    """Return the clip with its chroma where a codec can tell that it is: moved to the default if need be.

    Args:
        clip: what :func:`fit` returned.
        sitings: ``_ChromaLocation`` of the places that the codec has a word for, the default first; empty: all.
    """
    location = _int(clip.get_frame(0).props, "_ChromaLocation")
    # In 4:2:2 and 4:1:1 chroma stands on every line: left and the corners are one place.
    flat = not clip.format.subsampling_h
    here = _ON_LINES.get(location or 0, location) if flat else location
    if not clip.format.subsampling_w or location is None or not sitings or here in sitings:
        return clip
    log.info("chroma is moved from %s to %s, which the codec has a word for", _SITES[location], _SITES[sitings[0]])
    return clip.resize.Spline36(format=clip.format.id, chromaloc_in=location, chromaloc=sitings[0])


def pack(clip: vs.VideoNode, alpha: vs.VideoNode | None) -> vs.VideoNode:
    """Bring a clip into a form that passes as YUV4MPEG2, value by value; the encoder's side takes it apart again.

    Args:
        clip: what :func:`fit` returned. RGB becomes planes G, B, R of a YUV 4:4:4 clip.
        alpha: gray, full range, of the clip's size and frames: it is put below the picture, as luma.
    """
    if clip.format.color_family == vs.RGB:
        clip = vs.core.std.ShufflePlanes(clip, planes=[1, 2, 0], colorfamily=vs.YUV)
    if alpha is None:
        return clip
    to = vs.core.query_video_format(vs.GRAY, vs.INTEGER, clip.format.bits_per_sample)
    if alpha.format.id != to.id:
        alpha = alpha.resize.Point(format=to.id, range_in=vs.RANGE_FULL, range=vs.RANGE_FULL)
    # What stands in the chroma below is not looked at.
    below = vs.core.std.ShufflePlanes([alpha, clip, clip], planes=[0, 1, 2], colorfamily=vs.YUV)
    return vs.core.std.StackVertical([clip, below])


def _lost(clip: vs.VideoNode, subsampling: str, target: str, bits: int) -> list[str]:
    """Say what of a clip a format cannot hold."""
    lost = []
    if bits < clip.format.bits_per_sample and clip.format.sample_type == vs.INTEGER:
        lost.append(f"{clip.format.bits_per_sample - bits} of {clip.format.bits_per_sample} bits")
    elif clip.format.sample_type == vs.FLOAT:
        lost.append("float precision")
    if subsampling == "rgb" and target != "rgb":
        lost.append("the rounding of RGB to YUV" if target == "444" else "chroma")
    elif subsampling != "gray" and (target == "gray" or _fewer(subsampling, target)):
        lost.append("chroma")
    return lost


def _fewer(subsampling: str, target: str) -> bool:
    """Whether a subsampling has less chroma than another in either direction."""
    return any(there > here for here, there in zip(_SHIFTS[subsampling], _SHIFTS[target], strict=True))


def _name(clip: vs.VideoNode) -> str:
    if clip.format.color_family == vs.RGB:
        return "rgb"
    if clip.format.color_family == vs.GRAY:
        return "gray"
    return _SUBSAMPLINGS.get((clip.format.subsampling_w, clip.format.subsampling_h), "444")


def _words(subsampling: str, bits: int) -> str:
    words = {"gray": "gray", "rgb": "RGB"}.get(subsampling) or ":".join(subsampling)
    return f"{words}, {bits} bits"


def _check_even(clip: vs.VideoNode, subsampling: str) -> None:
    across, down = _SHIFTS.get(subsampling, (0, 0))
    if clip.width % (1 << across) or clip.height % (1 << down):
        raise FormatError(
            f"the output is {clip.width}x{clip.height} and the encoder takes only {':'.join(subsampling)}, which needs "
            "even sizes; choose another codec, such as h265, or an even --size."
        )


def _convert(clip: vs.VideoNode, subsampling: str, bits: int) -> vs.VideoNode:
    family = {"gray": vs.GRAY, "rgb": vs.RGB}.get(subsampling, vs.YUV)
    across, down = _SHIFTS.get(subsampling, (0, 0))
    to = vs.core.query_video_format(family, vs.INTEGER, bits, across, down)
    options: dict[str, Any] = {"format": to.id}
    if clip.format.color_family == vs.RGB != family:
        options |= {"matrix": guess_matrix(clip.width, clip.height), "range": vs.RANGE_LIMITED}
    elif clip.format.color_family != family:
        options["matrix"] = clip.get_frame(0).props.get("_Matrix", guess_matrix(clip.width, clip.height))
    if bits < clip.format.bits_per_sample or clip.format.sample_type == vs.FLOAT:
        options["dither_type"] = "error_diffusion"
    return clip.resize.Spline36(**options)


def shape(clip: vs.VideoNode, *, alpha: bool = False) -> Shape:
    """Tell of a clip, which comes with transparency or not, what can be told without rendering a frame."""
    return Shape(
        width=clip.width,
        height=clip.height,
        subsampling=cast(Subsampling, _name(clip)),
        bits=clip.format.bits_per_sample,
        rate=(clip.fps.numerator, clip.fps.denominator) if clip.fps else None,
        frames=clip.num_frames,
        alpha=alpha,
    )


def describe(
    clip: vs.VideoNode,
    source: vs.VideoNode,
    *,
    begin: Fraction,
    whole: bool,
    slowdown: Fraction = Fraction(1),
    alpha: bool = False,
) -> Description:
    """Tell everything about a clip that the encoder must know; renders its first frame.

    Args:
        clip: what :func:`fit` returned.
        source: the clip as the file gave it.
        begin: seconds from the source's first frame to the clip's first.
        whole: nothing of the source was cut away.
        slowdown: how many times longer the clip lasts than what it was made of.
        alpha: it comes with transparency.

    Raises:
        FormatError: Dolby Vision whose picture nothing can show without its metadata.
    """
    props = dict(clip.get_frame(0).props)
    if "DolbyVisionRPU" in props and _known(props, "_Transfer") is None:
        raise FormatError(NO_BASE_LAYER)
    aspect = (_int(props, "_SARNum") or 0, _int(props, "_SARDen") or 0)
    fields = {vs.FIELD_PROGRESSIVE: "progressive", vs.FIELD_BOTTOM: "bottom", vs.FIELD_TOP: "top"}
    full = _int(props, "_Range")
    return Description(
        **asdict(shape(clip, alpha=alpha)),
        matrix=_known(props, "_Matrix"),
        transfer=_known(props, "_Transfer"),
        primaries=_known(props, "_Primaries"),
        full_range=None if full is None else full == vs.RANGE_FULL,
        chroma=_int(props, "_ChromaLocation"),
        pixel_aspect=aspect if all(aspect) else None,
        fields=cast(Any, fields.get(vs.FieldBased(_int(props, "_FieldBased") or 0))),
        light=_light(props),
        dynamic_hdr=tuple(words for key, words in _DYNAMIC.items() if key in props),
        begin=begin.as_integer_ratio(),
        duration=times(clip)[clip.num_frames].as_integer_ratio(),
        whole=whole,
        source_frames=source.num_frames,
        source_duration=times(source)[source.num_frames].as_integer_ratio(),
        slowdown=slowdown.as_integer_ratio(),
    )


def _int(props: Mapping[str, Any], key: str) -> int | None:
    value = props.get(key)
    return None if value is None else int(value)


def _known(props: Mapping[str, Any], key: str) -> int | None:
    """Return a colour tag, or None when it is absent or says 'unspecified' (2)."""
    value = _int(props, key)
    return None if value == 2 else value


def _light(props: Mapping[str, Any]) -> Light:
    def floats(*keys: str) -> tuple[float, ...] | None:
        values = [props.get(f"MasteringDisplay{key}") for key in keys]
        if any(value is None for value in values):
            return None
        parts: list[Any] = [one for value in values for one in (value if isinstance(value, list) else [value])]
        return tuple(float(part) for part in parts)

    level = (_int(props, "ContentLightLevelMax"), _int(props, "ContentLightLevelAverage"))
    return Light(
        primaries_x=cast(Any, floats("PrimariesX")),
        primaries_y=cast(Any, floats("PrimariesY")),
        white=cast(Any, floats("WhitePointX", "WhitePointY")),
        luminance=cast(Any, floats("MinLuminance", "MaxLuminance")),
        level=cast(Any, None if None in level else level),
    )


def write(path: Path, content: Description | Shape | Refusal) -> None:
    """Write what is told so that a reader sees the whole of it or nothing."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}")
    temporary.write_bytes(msgspec.json.encode(content))
    temporary.replace(path)
