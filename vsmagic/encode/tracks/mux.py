"""The last step: the new picture, and everything else of the input that the output's container can hold."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from vsmagic.encode.codecs import Codec
from vsmagic.encode.containers import Container
from vsmagic.encode.ffmpeg import Ffmpeg
from vsmagic.encode.timecodes import clock
from vsmagic.encode.tracks.carry import COVERS, Carried
from vsmagic.encode.tracks.moved import chapters, seconds, time_options, timecode
from vsmagic.encode.tracks.original import Original, Span
from vsmagic.encode.tracks.tags import STALE, stale
from vsmagic.media import AudioTrack

_AAC_BITS_A_CHANNEL = 96_000
_OPUS_RATE = 48_000


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
    options = [*container.options, *(["-tag:v", "hvc1"] if codec.kind == "h265" else [])]
    if base is not None:
        options += ["-video_track_timescale", str(clock(base))]
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
        mime = COVERS[one.track.codec]
        name = one.track.metadata.get("filename") or f"cover.{mime.rpartition('/')[2]}"
        file = folder / f"cover{one.track.stream}"
        with av.open(f"file:{original.media.path}") as container:
            file.write_bytes(bytes(next(container.demux(container.streams[one.track.stream]))))
        options += ["-attach", str(file)]
        told = {"mimetype": mime, "filename": name, "title": one.track.title}
        for tag, value in told.items():
            options += [f"-metadata:s:t:{number}", f"{tag}={value}"] if value else []
        number += 1
    return options


def lead_options(span: Span) -> list[str]:
    """Return input options that delay the picture as it was delayed against the sound."""
    return ["-itsoffset", seconds(span.lead * span.slowdown)] if span.length is None and span.lead > 0 else []


def original_options(original: Original) -> list[str]:
    """Return the original as ffmpeg's input 1, and what is taken from it; the new picture is input 0."""
    span = original.span
    options = []
    if span.length is not None:
        options += [*(["-ss", seconds(span.position)] if span.position > 0 else []), "-t", seconds(span.length)]
    options += ["-i", f"file:{original.media.path}"]
    stretched = chapters(original) if span.slowdown != 1 else None
    if stretched is not None:
        options += ["-f", "ffmetadata", "-i", stretched]
    options += ["-map", "0:v:0"]
    for one in original.kept:
        options += ["-map", f"1:{one.track.stream}"]
    options += ["-map_metadata", "1", "-map_chapters", "1" if span.slowdown == 1 else "2" if stretched else "-1"]
    for number, one in enumerate(original.kept, start=1):
        options += [f"-c:{number}", one.encoder, *_encoder_options(number, one)]
        options += time_options(number, one, original)
    if span.lasts is not None:
        options += ["-t", seconds(span.lasts)]
    return [*options, *_tag_options(original), "-disposition:v:0", _dispositions(original)]


def _dispositions(original: Original) -> str:
    """Return what is said of the picture's purpose; where a container has no words for any, it is the one to play."""
    telling = {"mov", "matroska"} & set(original.media.format.split(","))
    return "+".join(original.track.dispositions) or ("0" if telling else "default")


def _tag_options(original: Original) -> list[str]:
    """Return options that carry tags over, but for those that are not true of the new file."""
    track = original.track
    options = [f"-map_metadata:s:v:0=1:s:{track.stream}"]
    options += [f"-map_metadata:s:{number}=1:s:{one.track.stream}" for number, one in enumerate(original.kept, start=1)]
    options = [word for option in options for word in option.split("=")]
    for tag in STALE:
        options += ["-metadata", f"{tag}="]
    for tag in stale(track.metadata):
        options += ["-metadata:s:v:0", f"{tag}="]
    moved = timecode(track, original.span)
    if moved is not None:
        options += ["-metadata:s:v:0", f"timecode={moved}", "-metadata", "timecode="]
    for number, one in enumerate((None, *original.kept)):
        if one is not None and one.action == "convert":
            for tag in stale(one.track.metadata):
                options += [f"-metadata:s:{number}", f"{tag}="]
        title = (track if one is None else one.track).title
        if title:  # which ffmpeg reads under another name in MP4
            options += [f"-metadata:s:{number}", f"title={title}"]
    return options


def _encoder_options(number: int, one: Carried) -> list[str]:
    if not isinstance(one.track, AudioTrack) or one.action != "convert":
        return []
    if one.encoder == "aac":
        return [f"-b:{number}", str(_AAC_BITS_A_CHANNEL * max(1, one.track.channels))]
    if one.encoder == "libopus":
        return [f"-ar:{number}", str(_OPUS_RATE)]
    return []
