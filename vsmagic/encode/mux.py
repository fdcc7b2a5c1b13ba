"""The last step: the new picture, and everything else of the input that the output's container can hold."""

import base64
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Literal

from vsmagic.encode.codecs import TEXT_SUBTITLES, Codec, Container
from vsmagic.encode.ffmpeg import Ffmpeg
from vsmagic.media import AudioTrack, Media, Track, VideoTrack

log = logging.getLogger(__name__)

Sound = Literal["stretch", "keep", "drop"]
SOUNDS: tuple[Sound, ...] = ("stretch", "keep", "drop")

# What describes the former file and not the film.
_STALE_TAGS = ("major_brand", "minor_version", "compatible_brands", "encoder")
_COVERS = {"mjpeg": "image/jpeg", "png": "image/png"}
# Their times stand in the container alone; DVD and DVB subtitles hold some of their own.
_STRETCHED_SUBTITLES = TEXT_SUBTITLES | {"hdmv_pgs_subtitle"}
_SLOWEST_TEMPO = Fraction(1, 2)  # of one atempo filter
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
    slowdown: Fraction = Fraction(1)
    """How many times longer the new picture lasts than the part of the input it stands for."""

    @property
    def position(self) -> Fraction:
        """Seconds from the file's zero to the first frame kept."""
        return self.lead + self.begin

    @property
    def lasts(self) -> Fraction | None:
        """Seconds of the output, where something was cut away."""
        return None if self.length is None else self.length * self.slowdown


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
    sound: Sound = "stretch"
    """What becomes of it where the picture lasts longer."""

    @property
    def kept(self) -> list[Carried]:
        """The tracks that are tracks of the output too."""
        return [one for one in self.carried if one.action in {"copy", "convert"}]


def plan(
    media: Media, video: VideoTrack, container: Container, *, sound: Sound = "stretch", slowed: bool = False
) -> tuple[Carried, ...]:
    """Decide what becomes of every other track of the input.

    Args:
        media: the input.
        video: the track that is enhanced.
        container: of the output.
        sound: what becomes of the sound: ``drop`` always leaves it out, the others tell slow motion what to do.
        slowed: the picture lasts longer than in the input.
    """
    decided = tuple(_decide(track, container) for track in media.tracks if track is not video)
    return tuple(_timed(one, container, sound, slowed=slowed) for one in decided)


def _timed(one: Carried, container: Container, sound: Sound, *, slowed: bool) -> Carried:
    """Change what cannot stay as it is when time is stretched, or is not wanted."""
    if one.action == "leave":
        return one
    if one.track.kind == "audio" and sound == "drop":
        return Carried(track=one.track, action="leave")  # told once for all of it
    if one.track.kind == "audio" and slowed and sound == "stretch":
        return Carried(track=one.track, action="convert", encoder=container.audio_encoder)
    if one.track.kind == "subtitle" and slowed and one.track.codec not in _STRETCHED_SUBTITLES:
        return replace(one, action="leave", reason="slow motion cannot stretch the times inside it")
    return one


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


def tell_of_sound(original: Original) -> None:
    """Log what became of the sound, and of what else has times, where that was not simply copied."""
    slowdown = original.span.slowdown
    has = {one.track.kind for one in original.carried}
    if original.sound == "drop" and "audio" in has:
        log.info("the sound is left out")
    if slowdown == 1:
        return
    sound = {"stretch": "the sound is stretched likewise, at its pitch",
             "keep": "the sound keeps its speed and ends earlier"}.get(original.sound)  # fmt: skip
    parts = [sound] if sound and "audio" in has else []
    moved = [*(["subtitles"] if "subtitle" in has else []), *(["chapters"] if original.media.chapters else [])]
    parts += [f"{' and '.join(moved)} move with the picture"] if moved else []
    log.info("%s times slower%s", f"{float(slowdown):g}", "".join(f"; {part}" for part in parts))


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
    return ["-itsoffset", seconds(span.lead * span.slowdown)] if span.length is None and span.lead > 0 else []


def original_options(original: Original) -> list[str]:
    """Return the original as ffmpeg's input 1, and what is taken from it; the new picture is input 0."""
    span, track = original.span, original.track
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
        options += _time_options(number, one, original)
    if span.lasts is not None:
        options += ["-t", seconds(span.lasts)]
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


def _time_options(number: int, one: Carried, original: Original) -> list[str]:
    """Return options that put a track's packets or samples where the new picture has them."""
    span, sound = original.span, one.track.kind == "audio"
    options: list[str] = []
    changed: list[str] = []
    if span.length is not None:
        if one.track.kind == "subtitle" and one.track.codec in TEXT_SUBTITLES:
            changed += _cut(span.length)
        else:
            options += [f"-copypriorss:{number}", "0"]
    if span.slowdown != 1 and one.track.kind == "subtitle":
        factor = _exact(span.slowdown)
        changed.append(f"setts=pts='PTS*{factor}':dts='DTS*{factor}':duration='DURATION*{factor}'")
    if span.slowdown != 1 and isinstance(one.track, AudioTrack) and original.sound == "stretch":
        options += [f"-filter:{number}", _slower(one.track, span)]
    delay = span.lead * (span.slowdown - 1)
    if sound and original.sound == "keep" and span.length is None and delay:
        changed.append(f"setts=pts='PTS+{seconds(delay)}/TB':dts='DTS+{seconds(delay)}/TB'")
    return [*options, *([f"-bsf:{number}", ",".join(changed)] if changed else [])]


def _cut(length: Fraction) -> list[str]:
    """Return packet filters that keep what lies before the cut out of a copied text track.

    A subtitle that is shown across a cut is shortened: a packet from before time 0 would make the muxer delay
    all the others.
    """
    duration = f"min(PTS+DURATION,{seconds(length)}/TB)-max(PTS,0)"
    over = "noise=amount=0:drop='lte(pts+duration,0)'"
    return [over, f"setts=pts='max(PTS,0)':dts='max(DTS,0)':duration='{duration}'"]


def _slower(track: AudioTrack, span: Span) -> str:
    """Return the filter that makes sound last longer at the same pitch; its start is moved likewise.

    atempo joins windows of the power of two from a 24th of a second on. The middle of the first stays where it is, so
    all that follows comes early: by half a window for each time more that it lasts. It is delayed by that, and where
    its length is known, silence fills the end.
    """
    slowdown, window = span.slowdown, 1 << (max(1, track.rate // 24) - 1).bit_length()
    early = Fraction(window, 2 * max(1, track.rate)) * (slowdown - 1)
    speed, parts = 1 / slowdown, []
    while speed < _SLOWEST_TEMPO:
        parts.append(_SLOWEST_TEMPO)
        speed /= _SLOWEST_TEMPO
    tempos = ",".join(f"atempo={float(part):.15g}" for part in (*parts, speed))
    length = span.length or track.duration
    fill = "" if length is None else f",apad=whole_dur={seconds(length * slowdown)}"
    return f"asetpts=PTS*{_exact(slowdown)}+{seconds(early)}/TB,{tempos},aresample=async=1:first_pts=0{fill}"


def chapters(original: Original) -> str | None:
    """Return the stretched chapters as the name of an input for ffmpeg, which holds them itself; None without any."""
    span, media = original.span, original.media
    before = span.position if span.length is not None else Fraction(0)
    lines = [";FFMETADATA1"]
    for chapter in media.chapters:
        start, end = (max(time - media.start - before, Fraction(0)) for time in (chapter.start, chapter.end))
        if span.length is not None:
            start, end = min(start, span.length), min(end, span.length)
        if start < end:
            ticks = [round(time * span.slowdown * 1_000_000) for time in (start, end)]
            lines += ["[CHAPTER]", "TIMEBASE=1/1000000", f"START={ticks[0]}", f"END={ticks[1]}"]
            lines += [f"title={_SPECIAL.sub(_escaped, chapter.title)}"] if chapter.title else []
    text = "\n".join([*lines, ""])
    return f"data:text/plain;base64,{base64.b64encode(text.encode()).decode()}" if len(lines) > 1 else None


# What ffmpeg's metadata files want a backslash before.
_SPECIAL = re.compile(r"[=;#\\\n]")


def _escaped(found: re.Match[str]) -> str:
    return f"\\{found[0]}"


def _exact(factor: Fraction) -> str:
    """Write a factor for ffmpeg's expressions."""
    return f"{factor.numerator}/{factor.denominator}"


def seconds(time: Fraction) -> str:
    """Write a time as ffmpeg reads it, to the microsecond it works in."""
    return f"{float(time):.6f}"
