"""The last step: the new picture, and everything else of the input that the output's container can hold."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Literal

from vsmagic.encode.codecs import TEXT_SUBTITLES, Codec, Container
from vsmagic.encode.ffmpeg import Ffmpeg
from vsmagic.media import AudioTrack, Media, Track, VideoTrack

log = logging.getLogger(__name__)

# What describes the former file and not the film.
_STALE_TAGS = ("major_brand", "minor_version", "compatible_brands", "encoder")
_COVERS = {"mjpeg": "image/jpeg", "png": "image/png"}
_AAC_BITS_A_CHANNEL = 96_000
_OPUS_RATE = 48_000


@dataclass(frozen=True, kw_only=True)
class Carried:
    """What becomes of one track of the input that is not the enhanced one."""

    track: Track
    action: Literal["copy", "convert", "attach", "leave"]
    encoder: str = "copy"
    reason: str | None = None
    """Why it is not simply copied; None when it is, and for data tracks, which are told of together."""


@dataclass(frozen=True, kw_only=True)
class Span:
    """The part of the input that the new picture stands for."""

    lead: Fraction
    """Seconds from the file's zero to the first frame of the picture's track."""
    begin: Fraction = Fraction(0)
    """Seconds from the track's first frame to the first one kept."""
    length: Fraction | None = None
    """Seconds kept, where something was cut away; None: everything else is kept whole."""

    @property
    def position(self) -> Fraction:
        """Seconds from the file's zero to the first frame kept."""
        return self.lead + self.begin


@dataclass(frozen=True, kw_only=True)
class Original:
    """The input, and what of it goes into the output beside the new picture."""

    media: Media
    track: VideoTrack
    """The track that was enhanced."""
    carried: Sequence[Carried]
    """What becomes of the other tracks."""
    span: Span
    """The part that is kept."""

    @property
    def kept(self) -> list[Carried]:
        """The tracks that are tracks of the output too."""
        return [one for one in self.carried if one.action in {"copy", "convert"}]


def plan(media: Media, video: VideoTrack, container: Container) -> tuple[Carried, ...]:
    """Decide what becomes of every other track of the input."""
    return tuple(_decide(track, container) for track in media.tracks if track is not video)


def _decide(track: Track, container: Container) -> Carried:
    if track.kind == "audio":
        return _decide_audio(track, container)
    if track.kind == "subtitle":
        return _decide_subtitle(track, container)
    if track.kind == "attachment" and container.attachments:
        return Carried(track=track, action="copy")
    if track.kind == "cover" and container.covers and track.codec in _COVERS:
        return Carried(track=track, action="attach" if container.covers == "attachment" else "copy")
    reasons = {
        "video": "only one video track is enhanced (see --track)",
        # Only the container they come from takes them, if any.
        "data": None,
    }
    return Carried(track=track, action="leave", reason=reasons.get(track.kind, f"{container.name} does not hold it"))


def _decide_audio(track: Track, container: Container) -> Carried:
    if track.codec == "unknown":
        return Carried(track=track, action="leave", reason="its codec is unknown")
    if container.audio is None or track.codec in container.audio:
        return Carried(track=track, action="copy")
    return _converted(track, container, f"{container.name} does not hold {track.codec}")


def _converted(track: Track, container: Container, reason: str) -> Carried:
    return Carried(track=track, action="convert", encoder=container.audio_encoder, reason=reason)


def _decide_subtitle(track: Track, container: Container) -> Carried:
    if track.codec in container.subtitles:
        return Carried(track=track, action="copy")
    reason = f"{container.name} does not hold {track.codec}"
    if track.codec in TEXT_SUBTITLES:
        return Carried(track=track, action="convert", encoder=container.text, reason=reason)
    return Carried(track=track, action="leave", reason=f"{reason}; .mkv would keep it")


def fallbacks(carried: Sequence[Carried], container: Container) -> list[tuple[Carried, ...]]:
    """Return what to try one after the other when ffmpeg refuses: as planned, sound encoded anew, picture alone."""
    encoded = tuple(
        _converted(one.track, container, "ffmpeg could not copy it")
        if one.action == "copy" and one.track.kind == "audio"
        else one
        for one in carried
    )
    alone = tuple(
        one
        if one.action == "leave"
        else replace(one, action="leave", reason="ffmpeg could neither copy nor convert it")
        for one in carried
    )
    tries = [tuple(carried)]
    return tries + [other for other in (encoded, alone) if other != tries[0]]


def changes(carried: Sequence[Carried]) -> list[str]:
    """Say what is not simply copied, and why."""
    told = []
    for one in carried:
        if one.reason is not None:
            name = f"{one.track.kind} track {one.track.stream} ({one.track.codec})"
            done = f"is stored as {one.encoder}" if one.action == "convert" else "is left out"
            told.append(f"{name} {done}: {one.reason}")
    data = [str(one.track.stream) for one in carried if one.track.kind == "data"]
    if data:
        told.append(f"data tracks {', '.join(data)} (timecodes, readings of sensors) are left out")
    return told


def tell(carried: Sequence[Carried]) -> None:
    """Log what is not simply copied, and why."""
    for sentence in changes(carried):
        log.warning("%s", sentence)


def mux_command(
    ffmpeg: Ffmpeg,
    picture: Path,
    original: Original,
    container: Container,
    output: Path,
    *,
    options: Sequence[str] = (),
) -> list[str]:
    """Return the command that writes the finished file.

    Args:
        ffmpeg: the program.
        picture: file that holds the new picture alone, from time 0.
        original: where the rest comes from.
        container: of the output.
        output: the file to write.
        options: of the muxer.
    """
    return [
        *(str(ffmpeg.program), "-hide_banner", "-nostdin", "-nostats", "-loglevel", "warning", "-y"),
        *lead_options(original.span),
        *("-i", str(picture)),
        *original_options(original),
        *("-c:0", "copy"),
        *options,
        *("-f", container.muxer, str(output)),
    ]


def container_options(container: Container, codec: Codec, base: Fraction | None) -> list[str]:
    """Return muxer options: the tag that Apple's players want, and a clock in which every time is exact."""
    if container.muxer not in {"mp4", "mov"}:
        return [*container.options]
    options = [*container.options, *(["-tag:v", "hvc1"] if codec.name == "h265" else [])]
    if base is not None:
        scale = base.denominator
        while scale < 1000:  # a coarse clock would round the start of the sound's edit list
            scale *= 10
        options += ["-video_track_timescale", str(scale)]
    return options


def attach_covers(original: Original, folder: Path) -> list[str]:
    """Write cover pictures out as files, and return the options that attach them.

    ffmpeg's Matroska muxer would make a video track of a copied cover.
    """
    import av

    options: list[str] = []
    number = sum(one.track.kind == "attachment" for one in original.kept)
    for one in original.carried:
        if one.action != "attach":
            continue
        mime = _COVERS[one.track.codec]
        name = one.track.metadata.get("filename") or f"cover.{mime.rpartition('/')[2]}"
        file = folder / f"cover{one.track.stream}"
        with av.open(f"file:{original.media.path}") as container:
            file.write_bytes(bytes(next(container.demux(container.streams[one.track.stream]))))
        options += ["-attach", str(file)]
        options += [f"-metadata:s:t:{number}", f"mimetype={mime}", f"-metadata:s:t:{number}", f"filename={name}"]
        number += 1
    return options


def lead_options(span: Span) -> list[str]:
    """Return input options that delay the picture as it was delayed against the sound."""
    return ["-itsoffset", seconds(span.lead)] if span.length is None and span.lead > 0 else []


def original_options(original: Original) -> list[str]:
    """Return the original as ffmpeg's input 1, and what is taken from it; the new picture is input 0."""
    span, track = original.span, original.track
    options = []
    if span.length is not None:
        options += [*(["-ss", seconds(span.position)] if span.position > 0 else []), "-t", seconds(span.length)]
    options += ["-i", f"file:{original.media.path}", "-map", "0:v:0"]
    for one in original.kept:
        options += ["-map", f"1:{one.track.stream}"]
    options += ["-map_metadata", "1", "-map_chapters", "1"]
    for number, one in enumerate(original.kept, start=1):
        options += [f"-c:{number}", one.encoder, *_encoder_options(number, one)]
        if span.length is not None:
            options += _cut_options(number, one, span.length)
    if span.length is not None:
        options += ["-t", seconds(span.length)]
    for tag in _STALE_TAGS:
        options += ["-metadata", f"{tag}="]
    for tag, value in (("language", track.language), ("title", track.title)):
        if value:
            options += ["-metadata:s:v:0", f"{tag}={value}"]
    return [*options, "-disposition:v:0", "+".join(track.dispositions) or "default"]


def _encoder_options(number: int, one: Carried) -> list[str]:
    if not isinstance(one.track, AudioTrack) or one.action != "convert":
        return []
    if one.encoder == "aac":
        return [f"-b:{number}", str(_AAC_BITS_A_CHANNEL * max(1, one.track.channels))]
    if one.encoder == "libopus":
        return [f"-ar:{number}", str(_OPUS_RATE)]
    return []


def _cut_options(number: int, one: Carried, length: Fraction) -> list[str]:
    """Return options that keep what lies before the cut out of a copied track.

    A subtitle that is shown across a cut is shortened: a packet from before time 0 would make the muxer delay
    all the others.
    """
    if one.track.kind != "subtitle" or one.track.codec not in TEXT_SUBTITLES:
        return [f"-copypriorss:{number}", "0"]
    duration = f"min(PTS+DURATION,{seconds(length)}/TB)-max(PTS,0)"
    over = "noise=amount=0:drop='lte(pts+duration,0)'"
    return [f"-bsf:{number}", f"{over},setts=pts='max(PTS,0)':dts='max(DTS,0)':duration='{duration}'"]


def seconds(time: Fraction) -> str:
    """Write a time as ffmpeg reads it, to the microsecond it works in."""
    return f"{float(time):.6f}"
