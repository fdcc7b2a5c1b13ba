"""The codecs an output can have, as data: encoders, pixel formats, what each quality means. One entry is one codec.

The threads that an encoder works with may change its bits: everything that has such an effect is fixed here, for 2 to
32 cores, so that a job gives the same bits on every machine and whatever runs beside it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from vsmagic.encode import raw
from vsmagic.encode.containers import CONTAINERS, TEXT_SUBTITLES, Container, container_of
from vsmagic.errors import OptionError

__all__ = [
    "CODECS", "CONTAINERS", "QUALITIES", "TEXT_SUBTITLES", "Codec", "Container", "codec_for", "container_of",
    "pixel_format", "quality", "with_alpha",
]  # fmt: skip

QUALITIES = ("fast", "balanced", "best")

_SPEEDS = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow", "placebo")
_SVT_SPEEDS = tuple(str(speed) for speed in range(-1, 14))
_ENCODERS = {"h264": "h264", "h265": "hevc", "av1": "av1"}

# Chroma to the left, the default of video, and at the upper left.
_LEFT = (0,)
_AV1_SITINGS = (0, 2)

Formats = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True, kw_only=True)
class Codec:
    """One video codec and the ffmpeg encoder that writes it."""

    name: str
    """What --codec takes."""
    kind: str
    """What containers and players call it: h264, h265, av1, ffv1 or prores."""
    encoder: str
    """ffmpeg's name of the encoder."""
    formats: Formats
    """Chroma subsampling (gray, 420, 422, 444, 411; rgb) to the bit depths that encoder and pipe take."""
    alpha: Formats = field(default_factory=dict)
    """The same for pictures with transparency; empty: the codec has none."""
    qualities: Mapping[str, Mapping[str, str]]
    """What each of :data:`QUALITIES` means: ffmpeg's options for rate factor, speed and the like."""
    rate: str | None = None
    """ffmpeg's option for the rate factor, lower is better; None: the codec has none."""
    rates: tuple[float, float] = (0, 0)
    """Lowest and highest rate factor."""
    speed: str | None = None
    """ffmpeg's option for --preset; None: the codec has none."""
    presets: tuple[str, ...] = ()
    """Values of --preset."""
    options: tuple[str, ...] = ()
    """Encoder options that always apply."""
    parameters: str | None = None
    """ffmpeg option that takes the encoder's own parameters, joined by colons."""
    fixed: tuple[str, ...] = ()
    """The encoder's own parameters that always apply."""
    sitings: tuple[int, ...] = ()
    """``_ChromaLocation`` of the places of chroma that the codec has a word for, the default first; empty: all."""
    limited: bool = False
    """The codec has no word for full range."""
    layouts: Mapping[str, str] = field(default_factory=dict)
    """Pixel formats of :func:`pixel_format` that the encoder takes under another name, with the same values."""
    hardware: bool = False
    """The encoder needs a device, which only a trial can find."""
    profiles: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Of ProRes, by chroma subsampling: quality to profile."""
    lossless: bool = False


def _steps(rate: str, speed: str, *values: tuple[str, str], **always: str) -> dict[str, dict[str, str]]:
    """Return qualities that differ in rate factor and preset alone."""
    more = {f"-{name.replace('_', '-')}": value for name, value in always.items()}
    return {name: {**more, rate: each[0], speed: each[1]} for name, each in zip(QUALITIES, values, strict=True)}


def _nvenc(name: str, kind: str, formats: Formats, *values: tuple[str, str]) -> Codec:
    """Return a codec of NVIDIA's encoder."""
    return Codec(
        name=name,
        kind=kind,
        encoder=f"{_ENCODERS[kind]}_nvenc",
        formats=formats,
        qualities=_steps("-cq", "-preset", *values, rc="vbr", tune="hq"),
        rate="-cq",
        rates=(0, 51),
        speed="-preset",
        presets=tuple(f"p{speed}" for speed in range(1, 8)),
        sitings=_AV1_SITINGS if kind == "av1" else (),
        layouts={"yuv420p10le": "p010le", "yuv444p10le": "yuv444p10msble"},
        hardware=True,
    )


def _qsv(name: str, kind: str, formats: Formats, *values: tuple[str, str]) -> Codec:
    """Return a codec of Intel's encoder, Quick Sync Video."""
    return Codec(
        name=name,
        kind=kind,
        encoder=f"{_ENCODERS[kind]}_qsv",
        formats=formats,
        qualities=_steps("-global_quality", "-preset", *values),
        rate="-global_quality",
        rates=(1, 51),
        speed="-preset",
        presets=("veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow"),
        sitings=_AV1_SITINGS if kind == "av1" else (),
        layouts={"yuv420p": "nv12", "yuv420p10le": "p010le"},
        hardware=True,
    )


_H264 = Codec(
    name="h264",
    kind="h264",
    encoder="libx264",
    formats={"gray": (8, 10), "420": (8, 10), "422": (8, 10), "444": (8, 10)},
    qualities=_steps("-crf", "-preset", ("20", "veryfast"), ("18", "medium"), ("16", "slower")),
    rate="-crf",
    rates=(0, 51),
    speed="-preset",
    presets=_SPEEDS,
    # Frames encoded at once limit where motion may point to, and so the bits; so do the parts the lookahead works in.
    options=("-threads", "8"),
    parameters="-x264-params",
    # Headers that depend on the options alone, so that pieces encoded on their own can be joined.
    fixed=("lookahead-threads=2", "stitchable=1"),
)
_H265 = Codec(
    name="h265",
    kind="h265",
    encoder="libx265",
    formats={"gray": (8, 10, 12), "420": (8, 10, 12), "422": (8, 10, 12), "444": (8, 10, 12)},
    qualities=_steps("-crf", "-preset", ("22", "fast"), ("20", "medium"), ("18", "slow")),
    rate="-crf",
    rates=(0, 51),
    speed="-preset",
    presets=_SPEEDS,
    parameters="-x265-params",
    # The bits depend on how many frames are encoded at once, not on the size of the pool that does it. The note with
    # x265's options would name the processor, in the headers: pieces from two machines could not be joined.
    fixed=("frame-threads=3", "repeat-headers=0", "info=0", "log-level=error"),
)
_AV1 = Codec(
    name="av1",
    kind="av1",
    encoder="libsvtav1",
    formats={"420": (8, 10)},
    qualities=_steps("-crf", "-preset", ("28", "8"), ("24", "6"), ("17", "4")),
    rate="-crf",
    rates=(1, 63),
    speed="-preset",
    presets=_SVT_SPEEDS,
    parameters="-svtav1-params",
    sitings=_AV1_SITINGS,
    # SVT-AV1's bits do not depend on its parallelism; its memory does.
    fixed=("lp=4",),
)
_FFV1_DEPTHS = (8, 9, 10, 12, 14, 16)
_FFV1 = Codec(
    name="ffv1",
    kind="ffv1",
    encoder="ffv1",
    formats={
        "gray": (8, 9, 10, 12, 16),  # YUV4MPEG2 has no word for gray of 14 bits
        "420": _FFV1_DEPTHS,
        "422": _FFV1_DEPTHS,
        "444": _FFV1_DEPTHS,
        "411": (8,),
        "rgb": _FFV1_DEPTHS,
    },
    alpha={
        "420": (8, 9, 10, 16),
        "422": (8, 9, 10, 12, 16),
        "444": (8, 9, 10, 12, 16),
        "rgb": (8, 10, 12, 14, 16),
    },
    qualities={
        "fast": {"-coder": "rice", "-context": "0"},
        "balanced": {"-coder": "1", "-context": "1"},
        "best": {"-coder": "1", "-context": "1", "-slices": "4"},
    },
    options=("-level", "3", "-g", "1", "-slicecrc", "1"),
    lossless=True,
)
_PRORES = Codec(
    name="prores",
    kind="prores",
    encoder="prores_ks",
    formats={"422": (10,), "444": (10,)},
    alpha={"444": (10,)},
    qualities={name: {"-profile:v": name} for name in QUALITIES},
    speed="-profile:v",
    presets=("proxy", "lt", "standard", "hq", "4444", "4444xq"),
    profiles={
        "422": {"fast": "lt", "balanced": "standard", "best": "hq"},
        "444": {"fast": "4444", "balanced": "4444", "best": "4444xq"},
    },
    options=("-vendor", "apl0"),
    # What every reader takes it for: it has no word for either.
    sitings=_LEFT,
    limited=True,
)

CODECS: dict[str, Codec] = {
    codec.name: codec
    for codec in (
        _H264,
        _H265,
        _AV1,
        _FFV1,
        _PRORES,
        _nvenc("h264_nvenc", "h264", {"420": (8,), "444": (8,)}, ("23", "p3"), ("20", "p5"), ("17", "p7")),
        _nvenc("h265_nvenc", "h265", {"420": (8, 10), "444": (8, 10)}, ("25", "p3"), ("22", "p5"), ("19", "p7")),
        _nvenc("av1_nvenc", "av1", {"420": (8, 10)}, ("32", "p3"), ("28", "p5"), ("24", "p7")),
        _qsv("h264_qsv", "h264", {"420": (8,)}, ("23", "faster"), ("20", "medium"), ("17", "veryslow")),
        _qsv("h265_qsv", "h265", {"420": (8, 10)}, ("25", "faster"), ("22", "medium"), ("19", "veryslow")),
        _qsv("av1_qsv", "av1", {"420": (8, 10)}, ("28", "faster"), ("25", "medium"), ("21", "veryslow")),
    )
}


def with_alpha() -> str:
    """Return the codecs that keep transparency, in words."""
    return " and ".join(codec.name for codec in CODECS.values() if codec.alpha)


def codec_for(container: Container, name: str | None, *, bits: int) -> Codec:
    """Return the codec of an output: the one asked for, else h264 for 8 bits and h265 above where they fit.

    Raises:
        OptionError: the name is unknown, or the container cannot hold it.
    """
    if name is None:
        deep = bits > 8 and "h265" in container.video
        return CODECS["h265" if deep else container.video[0]]
    if name not in CODECS:
        raise OptionError(f"codec {name!r} is unknown; expected one of {', '.join(CODECS)}.")
    kind = CODECS[name].kind
    if kind not in container.video:
        fitting = [suffix for suffix, other in CONTAINERS.items() if kind in other.video]
        raise OptionError(
            f"{container.name} does not hold {kind}; choose another --codec ({', '.join(container.video)}) "
            f"or an output ending in {' or '.join(fitting)}."
        )
    return CODECS[name]


def quality(
    codec: Codec, crf: float | None, preset: str | None, named: str = "balanced", own: Sequence[str] = ()
) -> list[str]:
    """Return ffmpeg's options for what the picture may cost.

    Args:
        codec: the codec.
        crf: rate factor in place of that of the quality.
        preset: the encoder's own word for speed in place of that of the quality.
        named: one of :data:`QUALITIES`.
        own: options of ffmpeg that the user gave; they come last, and win.

    Raises:
        OptionError: a value is outside the codec's range, the codec is lossless, or an option of the user's would
            break the job.
    """
    raw.check(own)
    if named not in QUALITIES:
        raise OptionError(f"--quality is {named!r}; expected {', '.join(QUALITIES)}.")
    options = dict(codec.qualities[named])
    if crf is not None:
        options[_rate(codec, crf)] = f"{crf:g}"
    if preset is not None:
        options[_speed(codec, preset)] = preset
    return [*(word for pair in options.items() for word in pair), *own]


def _rate(codec: Codec, crf: float) -> str:
    if codec.rate is None:
        why = "is lossless" if codec.lossless else "has no rate factor"
        raise OptionError(f"{codec.name} {why} and takes no --crf; leave it out, or give --quality.")
    lowest, highest = codec.rates
    if not lowest <= crf <= highest:
        default = codec.qualities["balanced"][codec.rate]
        raise OptionError(f"--crf is {crf:g}; {codec.name} takes {lowest:g} (best) to {highest:g}, default {default}.")
    return codec.rate


def _speed(codec: Codec, preset: str) -> str:
    if codec.speed is None:
        raise OptionError(f"{codec.name} has no --preset; leave it out, or give --quality.")
    if preset not in codec.presets:
        raise OptionError(f"--preset is {preset!r}; {codec.name} takes one of {', '.join(codec.presets)}.")
    return codec.speed


def pixel_format(subsampling: str, bits: int, *, alpha: bool = False) -> str:
    """Return ffmpeg's name of a planar format, such as ``yuv420p10le``."""
    depth = "" if bits == 8 else f"{bits}le"
    if subsampling == "rgb":
        return f"{'gbrap' if alpha else 'gbrp'}{depth}"
    return f"gray{depth}" if subsampling == "gray" else f"{'yuva' if alpha else 'yuv'}{subsampling}p{depth}"
