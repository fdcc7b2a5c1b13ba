"""The containers an output can have, as data: what each can hold, and what becomes of the rest."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from vsmagic.errors import OptionError


@dataclass(frozen=True, kw_only=True)
class Container:
    """One output container: what it can hold, and what becomes of the rest."""

    name: str
    """Words for messages."""
    muxer: str
    """ffmpeg's name of the muxer."""
    video: tuple[str, ...]
    """Kinds of video (see :class:`vsmagic.encode.codecs.Codec`) that fit, the default for 8 bits first."""
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
    films: frozenset[str] | None
    """Codecs of further video tracks that are copied; None: every one."""
    data: frozenset[str] = frozenset()
    """Data codecs that are copied."""
    tags: frozenset[str] | None = None
    """Tags of the whole file that are kept; None: every one."""
    track_tags: frozenset[str] | None = None
    """Tags of a track that are kept; None: every one."""
    dispositions: frozenset[str] = frozenset({"default"})
    """What can be said of a track's purpose."""
    options: tuple[str, ...] = ()
    """Muxer options that always apply."""


_MP4_AUDIO = frozenset({"aac", "ac3", "alac", "dts", "eac3", "flac", "mp2", "mp3", "opus", "truehd"})
_MOV_AUDIO = frozenset(
    {"aac", "ac3", "adpcm_ima_qt", "alac", "eac3", "mp2", "mp3", "pcm_alaw", "pcm_f32le", "pcm_mulaw", "pcm_s16be",
     "pcm_s16le", "pcm_s24be", "pcm_s24le", "pcm_s32be", "pcm_s32le", "pcm_u8"}
)  # fmt: skip
# What ffmpeg's muxer has four letters for.
_MP4_TAGS = frozenset(
    {"album", "album_artist", "artist", "comment", "compilation", "composer", "copyright", "creation_time", "date",
     "description", "disc", "episode_id", "episode_sort", "gapless_playback", "genre", "grouping", "hd_video",
     "keywords", "location", "location-eng", "lyrics", "media_type", "network", "season_number", "show", "synopsis",
     "timecode", "title", "track"}
)  # fmt: skip
_MP4_TRACK_TAGS = frozenset({"creation_time", "handler_name", "language", "name", "timecode", "title", "vendor_id"})
_MP4 = Container(
    name="MP4",
    muxer="mp4",
    video=("h264", "h265", "av1"),
    audio=_MP4_AUDIO,
    audio_encoder="aac",
    subtitles=frozenset({"mov_text", "dvd_subtitle", "ttml"}),
    text="mov_text",
    attachments=False,
    covers="track",
    films=frozenset({"av1", "h264", "hevc", "mpeg1video", "mpeg2video", "mpeg4", "vp9", "vvc"}),
    data=frozenset({"bin_data"}),
    tags=_MP4_TAGS,
    track_tags=_MP4_TRACK_TAGS,
    dispositions=frozenset(
        {"captions", "comment", "default", "descriptions", "dub", "forced", "hearing_impaired", "visual_impaired"}
    ),
)
_MOV = Container(
    name="QuickTime",
    muxer="mov",
    video=("h264", "h265", "prores"),
    audio=_MOV_AUDIO,
    audio_encoder="alac",
    subtitles=frozenset({"mov_text", "ttml"}),
    text="mov_text",
    attachments=False,
    covers="track",
    films=frozenset({"dnxhd", "dvvideo", "h264", "hevc", "mjpeg", "mpeg2video", "mpeg4", "prores"}),
    data=frozenset({"bin_data"}),
    track_tags=_MP4_TRACK_TAGS,
    # Without it the muxer drops every tag it has no four-letter code for.
    options=("-movflags", "use_metadata_tags"),
)
_MATROSKA = Container(
    name="Matroska",
    muxer="matroska",
    video=("h264", "h265", "av1", "ffv1", "prores"),
    audio=None,
    audio_encoder="flac",
    subtitles=frozenset(
        {
            "arib_caption",
            "ass",
            "dvb_subtitle",
            "dvd_subtitle",
            "hdmv_pgs_subtitle",
            "hdmv_text_subtitle",
            "subrip",
            "webvtt",
        }
    ),
    text="subrip",
    attachments=True,
    covers="attachment",
    films=None,
    dispositions=frozenset(
        {"comment", "default", "descriptions", "dub", "forced", "hearing_impaired", "original", "visual_impaired"}
    ),
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
    films=frozenset({"av1", "vp8", "vp9"}),
    dispositions=frozenset({"captions", "default", "descriptions", "forced", "metadata"}),
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
