"""What a file says of itself: its container, its tracks and their facts, read with PyAV and no VapourSynth.

Nothing is decoded beyond what libavformat needs to open the file, so the numbers are what the container and
the stream headers *claim*; ``vsmagic.source`` tells the truth about frames and their times.
"""

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from vsmagic.errors import SourceError
from vsmagic.h273 import MATRICES, PRIMARIES, RANGES, TRANSFERS
from vsmagic.sidedata import Hdr, read_display, read_hdr
from vsmagic.unreadable import check_readable, why_unreadable

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.stream import Stream

Kind = Literal["video", "audio", "subtitle", "data", "attachment", "cover"]
FieldOrder = Literal["progressive", "top", "bottom"]

_CLOCK = re.compile(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)")
_FIELD_ORDERS: dict[int, FieldOrder] = {1: "progressive", 2: "top", 3: "bottom", 4: "top", 5: "bottom"}


@dataclass(frozen=True, kw_only=True)
class Track:
    """One stream of a file. A cover is a still picture attached to the file, not a video track."""

    kind: Kind
    stream: int
    """Number among all streams of the file, as ffmpeg counts."""
    codec: str
    """ffmpeg's name of the codec, ``unknown`` when it has none."""
    time_base: Fraction | None
    """Seconds per tick of the container's time stamps."""
    start: Fraction | None
    """Seconds from the file's zero to the first time stamp; None when unknown."""
    duration: Fraction | None
    """Seconds the container claims; None when it claims nothing."""
    language: str | None
    """Language tag as written in the file; None when absent or undetermined."""
    title: str | None
    default: bool
    """The file asks that this track be played unless another is chosen."""
    dispositions: tuple[str, ...]
    """Everything the file says of the track's purpose: default, forced, comment, ..."""
    metadata: Mapping[str, str] = field(repr=False)

    @property
    def length(self) -> Fraction | None:
        """Seconds the container or, in Matroska, its DURATION tag claims; None where neither does."""
        tagged = _tagged_duration(self.metadata)  # which counts from the file's zero, not from a late first frame
        return self.duration or (None if tagged is None else max(tagged - (self.start or 0), Fraction(0)) or None)


@dataclass(frozen=True, kw_only=True)
class AudioTrack(Track):
    """A sound track."""

    rate: int
    """Samples a second."""
    channels: int
    layout: str
    """Such as mono, stereo or 5.1(side)."""


@dataclass(frozen=True, kw_only=True)
class VideoTrack(Track):
    """A video track as its container and headers describe it."""

    number: int
    """Number among the file's video tracks: what ``--track`` and ``source(track=…)`` take."""
    width: int
    """Stored width in pixels, before any rotation."""
    height: int
    """Stored height in pixels, before any rotation."""
    pixel_format: str | None
    """ffmpeg's name; None when the decoder cannot tell."""
    bits: int | None
    """Bits a sample."""
    average_rate: Fraction | None
    """Frames over seconds, frames a second."""
    guessed_rate: Fraction | None
    """libavformat's guess of the nominal rate, frames a second."""
    frames: int | None
    """Frames the container claims; None when it claims nothing."""
    rotation: int
    """Degrees the picture is turned clockwise for display."""
    mirrored: bool
    """The display matrix also mirrors the picture."""
    pixel_aspect: Fraction
    """Width of a pixel over its height; 1 when the file says nothing."""
    range: Literal["limited", "full"] | None
    matrix: str | None
    """ffmpeg's name; None when untagged. The same for ``transfer`` and ``primaries``."""
    transfer: str | None
    primaries: str | None
    field_order: FieldOrder | None
    """progressive, or the field that comes first; None when untagged."""
    alpha: bool
    """The track carries transparency, as a plane or as VP8/VP9's second layer."""
    hdr: Hdr


@dataclass(frozen=True, kw_only=True)
class Chapter:
    """A named span of the file, in seconds from its zero; the end is exclusive."""

    start: Fraction
    end: Fraction
    title: str | None


@dataclass(frozen=True, kw_only=True)
class Media:
    """A file, its tracks and what it says of itself."""

    path: Path
    format: str
    """libavformat's name of the container, such as ``matroska,webm``."""
    duration: Fraction | None
    """Seconds the container claims; None when it claims nothing."""
    start: Fraction
    """Seconds of the earliest time stamp."""
    tracks: tuple[Track, ...]
    """Every stream in the file's order, covers and attachments too."""
    chapters: tuple[Chapter, ...]
    metadata: Mapping[str, str]

    @property
    def video(self) -> tuple[VideoTrack, ...]:
        """The video tracks; covers are not among them."""
        return tuple(track for track in self.tracks if isinstance(track, VideoTrack))

    @property
    def audio(self) -> tuple[AudioTrack, ...]:
        """The sound tracks."""
        return tuple(track for track in self.tracks if isinstance(track, AudioTrack))

    def of_kind(self, kind: Kind) -> tuple[Track, ...]:
        """The tracks of one kind, in the file's order."""
        return tuple(track for track in self.tracks if track.kind == kind)


def probe(path: Path | str) -> Media:
    """Read what a file says of itself.

    Raises:
        SourceError: the file is missing, a directory, empty, not a video, cut off, unreadable, or holds no video
            track that a decoder can be found for.
    """
    path = Path(path)
    check_readable(path)
    import av

    try:
        # The prefix keeps a name such as "a:b.mp4" from being taken for a protocol.
        with av.open(f"file:{path}", "r") as container:
            media = _media(path, container)
    except (av.FFmpegError, ValueError, EOFError) as error:
        raise SourceError(why_unreadable(path, error)) from error
    _check_video(media)
    return media


def first_time(media: Media, track: VideoTrack) -> Fraction:
    """Return when a track's first frame is shown, in seconds from the file's earliest time stamp.

    Decodes that frame, for the time stamp a container claims may belong to one that cannot be decoded.
    """
    import av

    start = track.start
    with suppress(av.FFmpegError), av.open(f"file:{media.path}", "r") as container:
        frame = next(container.decode(container.streams[track.stream]), None)
        if frame is not None and frame.pts is not None and track.time_base is not None:
            start = frame.pts * track.time_base
    return Fraction(0) if start is None else max(start - media.start, Fraction(0))


def hidden_start(media: Media, track: AudioTrack) -> Fraction:
    """Return how many seconds of sound an edit list hides before the first that is heard: priming, or a former cut."""
    import av

    with suppress(av.FFmpegError), av.open(f"file:{media.path}", "r") as container:
        packet = next(container.demux(container.streams[track.stream]), None)
        if packet is not None and packet.has_sidedata("skip_samples"):
            samples = int.from_bytes(bytes(packet.get_sidedata("skip_samples"))[:4], "little")
            return Fraction(samples, max(1, track.rate))
    return Fraction(0)


def _check_video(media: Media) -> None:
    if media.format == "tty" or any(track.codec == "ansi" for track in media.video):
        raise SourceError(f"{media.path}: is a text file; expected a video file.")
    if not media.video:
        held = ", ".join(f"{track.kind} ({track.codec})" for track in media.tracks) or "nothing"
        raise SourceError(f"{media.path}: holds no video track: it holds {held}; expected a video file.")
    if all(track.pixel_format is None for track in media.video):
        codecs = ", ".join(track.codec for track in media.video)
        raise SourceError(
            f"{media.path}: no frame of its {codecs} video can be decoded; the stream is damaged, get the file again."
        )


def _media(path: Path, container: "InputContainer") -> Media:
    tracks: list[Track] = []
    for stream in container.streams:
        number = sum(isinstance(track, VideoTrack) for track in tracks)
        tracks.append(_track(stream, number))
    chapters = container.chapters()
    return Media(
        path=path,
        format=container.format.name,
        duration=Fraction(container.duration, 1_000_000) if container.duration else None,
        start=Fraction(container.start_time or 0, 1_000_000),
        tracks=tuple(tracks),
        chapters=tuple(
            Chapter(
                start=chapter["start"] * _exact(chapter["time_base"]),
                end=chapter["end"] * _exact(chapter["time_base"]),
                title=chapter["metadata"].get("title"),
            )
            for chapter in chapters
        ),
        metadata=_clean(container.metadata),
    )


def _track(stream: "Stream", number: int) -> Track:
    kind = _kind(stream)
    common = _common(stream, kind)
    context: Any = stream.codec_context
    if kind == "audio" and context is not None:
        return AudioTrack(
            **common, rate=context.sample_rate or 0, channels=context.channels or 0, layout=_layout(context)
        )
    if kind == "video" and context is not None:
        return _video(stream, number, common)
    return Track(**common)


def _layout(context: Any) -> str:
    """Name the speakers; old containers tell only how many there are."""
    usual = {1: "mono", 2: "stereo"}
    name = str(context.layout.name)
    return usual.get(context.channels, name) if name.endswith("channels") else name


def _kind(stream: "Stream") -> Kind:
    if stream.type == "video":
        # A video stream without a decoder has no sizes: it is carried along like data.
        if stream.codec_context is None:
            return "data"
        return "cover" if "attached_pic" in _dispositions(stream) else "video"
    return "data" if stream.type == "unknown" else stream.type


def _dispositions(stream: "Stream") -> tuple[str, ...]:
    from av.stream import Disposition

    return tuple(flag.name for flag in Disposition(stream.disposition) if flag.name)


def _common(stream: "Stream", kind: Kind) -> dict[str, Any]:
    base = _fraction(stream.time_base) or None
    metadata = _clean(stream.metadata)
    tags = {key.lower(): value for key, value in metadata.items()}
    language = tags.get("language")
    dispositions = _dispositions(stream)
    context = stream.codec_context
    return {
        "kind": kind,
        "stream": stream.index,
        "codec": context.codec.canonical_name if context is not None else _undecoded(stream, kind),
        "time_base": base,
        "start": None if stream.start_time is None or base is None else stream.start_time * base,
        "duration": None if not stream.duration or base is None else stream.duration * base,
        "language": None if language in {None, "", "und"} else language,
        "title": tags.get("title") or tags.get("name"),  # ffmpeg's word for it in MP4
        "default": "default" in dispositions,
        "dispositions": dispositions,
        "metadata": metadata,
    }


def _undecoded(stream: "Stream", kind: Kind) -> str:
    """Name the codec of data and subtitles that have no decoder but can be copied."""
    return str((stream.name if kind in {"data", "subtitle"} else None) or "unknown")


def _video(stream: Any, number: int, common: dict[str, Any]) -> VideoTrack:
    context = stream.codec_context
    side = context.coded_side_data
    rotation, mirrored = read_display(side.get("display_matrix"))
    pixel_format = context.format
    alpha_mode = {key.lower(): value for key, value in stream.metadata.items()}.get("alpha_mode")
    return VideoTrack(
        **common,
        number=number,
        width=context.width,
        height=context.height,
        pixel_format=context.pix_fmt,
        bits=pixel_format.components[0].bits if pixel_format else None,
        average_rate=_fraction(stream.average_rate),
        guessed_rate=_fraction(stream.guessed_rate),
        frames=stream.frames or None,
        rotation=rotation,
        mirrored=mirrored,
        pixel_aspect=_fraction(stream.sample_aspect_ratio) or _fraction(context.sample_aspect_ratio) or Fraction(1),
        range=RANGES.get(context.color_range),
        matrix=MATRICES.get(context.colorspace),
        transfer=TRANSFERS.get(context.color_trc),
        primaries=PRIMARIES.get(context.color_primaries),
        field_order=_FIELD_ORDERS.get(context.field_order),
        alpha=alpha_mode == "1" or _has_alpha(pixel_format),
        hdr=read_hdr(side),
    )


def _has_alpha(pixel_format: Any) -> bool:
    return pixel_format is not None and any(part.is_alpha for part in pixel_format.components)


def _fraction(value: Any) -> Fraction | None:
    """PyAV's rational, or None for absent, zero and infinite ones."""
    if value is None or not value.numerator or not value.denominator:
        return None
    return _exact(value)


def _clean(metadata: Mapping[str, str]) -> dict[str, str]:
    """Return tags with the bytes that are no UTF-8, which PyAV hands over as lone surrogates, replaced."""
    return {key: value.encode("utf-8", "replace").decode() for key, value in metadata.items()}


def _exact(value: Any) -> Fraction:
    return Fraction(value.numerator, value.denominator)


def _tagged_duration(metadata: Mapping[str, str]) -> Fraction | None:
    """Read Matroska's DURATION tag, such as 00:00:05.280000000."""
    for key, value in metadata.items():
        if key.upper().startswith("DURATION") and (parts := _CLOCK.fullmatch(value.strip())):
            return int(parts[1]) * 3600 + int(parts[2]) * 60 + Fraction(parts[3])
    return None
