"""The codecs and containers an output can have, as data: encoders, pixel formats, quality scales, what fits where."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from vsmagic.errors import OptionError

_SPEEDS = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow", "placebo")
_SVT_SPEEDS = tuple(str(speed) for speed in range(-1, 14))


@dataclass(frozen=True, kw_only=True)
class Codec:
    """One video codec and the ffmpeg encoder that writes it."""

    name: str
    encoder: str
    """ffmpeg's name of the encoder."""
    formats: Mapping[str, tuple[int, ...]]
    """Chroma subsampling (gray, 420, 422, 444, 411) to the bit depths that encoder and pipe take."""
    crf: tuple[float, float, float] | None
    """Lowest, default and highest constant rate factor (lower is better); None: the codec is lossless."""
    presets: tuple[str, ...]
    """Values of --preset, for speed against size."""
    preset: str | None
    """The default preset."""
    options: tuple[str, ...] = ()
    """Encoder options that always apply."""
    parameters: str | None = None
    """ffmpeg option that takes the encoder's own parameters, joined by colons."""


CODECS = {
    codec.name: codec
    for codec in (
        Codec(
            name="h264",
            encoder="libx264",
            formats={"gray": (8, 10), "420": (8, 10), "422": (8, 10), "444": (8, 10)},
            crf=(0, 18, 51),
            presets=_SPEEDS,
            preset="medium",
            parameters="-x264-params",
        ),
        Codec(
            name="h265",
            encoder="libx265",
            formats={"gray": (8, 10, 12), "420": (8, 10, 12), "422": (8, 10, 12), "444": (8, 10, 12)},
            crf=(0, 20, 51),
            presets=_SPEEDS,
            preset="medium",
            parameters="-x265-params",
        ),
        Codec(
            name="av1",
            encoder="libsvtav1",
            formats={"420": (8, 10)},
            crf=(1, 24, 63),
            presets=_SVT_SPEEDS,
            preset="6",
            parameters="-svtav1-params",
        ),
        Codec(
            name="ffv1",
            encoder="ffv1",
            formats={
                "gray": (8, 9, 10, 12, 16),  # YUV4MPEG2 has no word for gray of 14 bits
                "420": (8, 9, 10, 12, 14, 16),
                "422": (8, 9, 10, 12, 14, 16),
                "444": (8, 9, 10, 12, 14, 16),
                "411": (8,),
            },
            crf=None,
            presets=(),
            preset=None,
            options=("-level", "3", "-g", "1", "-slicecrc", "1", "-coder", "1", "-context", "1"),
        ),
    )
}


@dataclass(frozen=True, kw_only=True)
class Container:
    """One output container: what it can hold, and what becomes of the rest."""

    name: str
    """Words for messages."""
    muxer: str
    """ffmpeg's name of the muxer."""
    video: tuple[str, ...]
    """Codecs of :data:`CODECS` that fit, the default for 8-bit video first."""
    audio: frozenset[str] | None
    """Sound codecs that are copied; None: every one."""
    audio_encoder: str
    """Encoder for sound that does not fit."""
    subtitles: frozenset[str]
    """Subtitle codecs that are copied."""
    text: str
    """Subtitle codec that other text subtitles are turned into."""
    attachments: bool
    """Fonts and other files fit."""
    covers: Literal["track", "attachment"] | None
    """How a cover picture is stored; None: not at all."""
    options: tuple[str, ...] = ()
    """Muxer options that always apply."""


_MP4_AUDIO = frozenset({"aac", "ac3", "alac", "dts", "eac3", "flac", "mp2", "mp3", "opus", "truehd"})
_MOV_AUDIO = frozenset(
    {"aac", "ac3", "adpcm_ima_qt", "alac", "eac3", "mp2", "mp3", "pcm_alaw", "pcm_f32le", "pcm_mulaw", "pcm_s16be",
     "pcm_s16le", "pcm_s24be", "pcm_s24le", "pcm_s32be", "pcm_s32le", "pcm_u8"}
)  # fmt: skip
_MP4 = Container(
    name="MP4",
    muxer="mp4",
    video=("h264", "h265", "av1"),
    audio=_MP4_AUDIO,
    audio_encoder="aac",
    subtitles=frozenset({"mov_text", "dvd_subtitle"}),
    text="mov_text",
    attachments=False,
    covers="track",
)
_MOV = Container(
    name="QuickTime",
    muxer="mov",
    video=("h264", "h265"),
    audio=_MOV_AUDIO,
    audio_encoder="alac",
    subtitles=frozenset({"mov_text"}),
    text="mov_text",
    attachments=False,
    covers="track",
    # Without it the muxer drops every tag it has no four-letter code for.
    options=("-movflags", "use_metadata_tags"),
)
_MATROSKA = Container(
    name="Matroska",
    muxer="matroska",
    video=("h264", "h265", "av1", "ffv1"),
    audio=None,
    audio_encoder="flac",
    subtitles=frozenset(
        {"ass", "dvb_subtitle", "dvd_subtitle", "hdmv_pgs_subtitle", "hdmv_text_subtitle", "subrip", "webvtt"}
    ),
    text="subrip",
    attachments=True,
    covers="attachment",
)
_WEBM = Container(
    name="WebM",
    muxer="webm",
    video=("av1",),
    audio=frozenset({"opus", "vorbis"}),
    audio_encoder="libopus",
    subtitles=frozenset({"webvtt"}),
    text="webvtt",
    attachments=False,
    covers=None,
)
CONTAINERS = {".mp4": _MP4, ".m4v": _MP4, ".mov": _MOV, ".mkv": _MATROSKA, ".webm": _WEBM}

# Subtitles made of text can be turned into one another; the rest are pictures.
TEXT_SUBTITLES = frozenset({"ass", "mov_text", "ssa", "subrip", "text", "webvtt"})


def container_of(output: Path) -> Container:
    """Return the container that an output's extension names.

    Raises:
        OptionError: the extension is unknown or missing.
    """
    container = CONTAINERS.get(output.suffix.lower())
    if container is None:
        given = f"extension {output.suffix!r} is unknown" if output.suffix else "the name has no extension"
        raise OptionError(f"{output}: {given}; expected one of {', '.join(CONTAINERS)}.")
    return container


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
    if name not in container.video:
        fitting = [suffix for suffix, other in CONTAINERS.items() if name in other.video]
        raise OptionError(
            f"{container.name} does not hold {name}; choose another --codec ({', '.join(container.video)}) "
            f"or an output ending in {' or '.join(fitting)}."
        )
    return CODECS[name]


def quality(codec: Codec, crf: float | None, preset: str | None) -> list[str]:
    """Return ffmpeg's options for the rate factor and the preset.

    Raises:
        OptionError: a value is outside the codec's range, or the codec is lossless.
    """
    if codec.crf is None:
        if crf is not None or preset is not None:
            raise OptionError(f"{codec.name} is lossless and takes neither --crf nor --preset; leave them out.")
        return []
    lowest, default, highest = codec.crf
    if crf is not None and not lowest <= crf <= highest:
        raise OptionError(
            f"--crf is {crf:g}; {codec.name} takes {lowest:g} (best) to {highest:g}, default {default:g}."
        )
    if preset is not None and preset not in codec.presets:
        raise OptionError(f"--preset is {preset!r}; {codec.name} takes one of {', '.join(codec.presets)}.")
    return ["-crf", f"{default if crf is None else crf:g}", "-preset", preset or codec.preset or ""]


def pixel_format(subsampling: str, bits: int) -> str:
    """Return ffmpeg's name of a planar format, such as ``yuv420p10le``."""
    depth = "" if bits == 8 else f"{bits}le"
    return f"gray{depth}" if subsampling == "gray" else f"yuv{subsampling}p{depth}"
