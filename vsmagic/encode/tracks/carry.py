"""What becomes of everything in the input beside the picture that is enhanced: copied, converted or left out."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal

from vsmagic.encode.containers import CONTAINERS, TEXT_SUBTITLES, Container
from vsmagic.media import AudioTrack, Media, Track, VideoTrack, hidden_start

Sound = Literal["stretch", "keep", "drop"]
SOUNDS: tuple[Sound, ...] = ("stretch", "keep", "drop")

COVERS = {"mjpeg": "image/jpeg", "png": "image/png"}
"""Codecs of pictures that can be covers, and their types."""

# Their times stand in the container alone; DVD and DVB subtitles hold some of their own.
_STRETCHED_SUBTITLES = TEXT_SUBTITLES | {"hdmv_pgs_subtitle"}
_TIMECODE = "timecode"
_QUICKTIME = "mov"
# They note once for a track how much of its start is not heard; of what ffmpeg copies, it is noted whole.
_HIDING = {"matroska", "webm"}
_MOST_HIDDEN = Fraction(1, 10)  # seconds; priming is less


@dataclass(frozen=True, kw_only=True)
class Carried:
    """What becomes of one track of the input that is not the enhanced one."""

    track: Track
    action: Literal["copy", "convert", "attach", "leave"]
    encoder: str = "copy"
    reason: str | None = None
    """Why it is not simply copied; None when it is, or when that needs no words."""


def plan(
    media: Media,
    video: VideoTrack,
    container: Container,
    *,
    sound: Sound = "stretch",
    slowed: bool = False,
    cut: bool = False,
    late: bool = False,
) -> tuple[Carried, ...]:
    """Decide what becomes of every other track of the input.

    Args:
        media: the input.
        video: the track that is enhanced.
        container: of the output.
        sound: what becomes of the sound: ``drop`` always leaves it out, the others tell slow motion what to do.
        slowed: the picture lasts longer than in the input.
        cut: something is cut away.
        late: what is kept begins after the input does.
    """
    decided = tuple(_decide(track, media, container) for track in media.tracks if track is not video)
    timed = (_timed(one, container, sound, slowed=slowed, cut=cut) for one in decided)
    return tuple(_begun(one, media, container) if late else one for one in timed)


def _timed(one: Carried, container: Container, sound: Sound, *, slowed: bool, cut: bool) -> Carried:
    """Change what cannot stay as it is when time is stretched or cut, or is not wanted."""
    if one.action == "leave":
        return one
    if one.track.kind == "video" and (slowed or cut):
        what = "slow motion would leave it behind" if slowed else "it can only be cut where it has a keyframe"
        return replace(one, action="leave", reason=f"{what}; enhance it by itself with --track")
    if isinstance(one.track, AudioTrack) and (sound == "drop" or (slowed and sound == "stretch")):
        action: Literal["convert", "leave"] = "leave" if sound == "drop" else "convert"  # told once for all of it
        return Carried(track=one.track, action=action, encoder=container.audio_encoder)
    if one.track.kind == "subtitle" and slowed and one.track.codec not in _STRETCHED_SUBTITLES:
        return replace(one, action="leave", reason="slow motion cannot stretch the times inside it")
    return one


def _begun(one: Carried, media: Media, container: Container) -> Carried:
    """Change sound of which a later part cannot be copied: more of its start is hidden than a decoder needs."""
    if not isinstance(one.track, AudioTrack) or one.action != "copy" or container.muxer not in _HIDING:
        return one
    hidden = hidden_start(media, one.track)
    if hidden <= _MOST_HIDDEN:
        return one
    reason = f"{float(hidden):.1f} s of its start are hidden, which {container.name} would hide of any part"
    return _converted(one.track, container, reason)


def _decide(track: Track, media: Media, container: Container) -> Carried:
    if track.kind == "audio":
        return _decide_audio(track, container)
    if track.kind == "subtitle":
        return _decide_subtitle(track, container)
    if track.kind == "data":
        return _decide_data(track, media, container)
    if track.kind == "cover" and container.covers and track.codec in COVERS:
        return Carried(track=track, action="attach" if container.covers == "attachment" else "copy")
    fits = container.films is None or track.codec in container.films
    if (track.kind == "video" and fits) or (track.kind == "attachment" and container.attachments):
        return Carried(track=track, action="copy")
    what = track.codec if track.kind == "video" else "it"
    return Carried(track=track, action="leave", reason=f"{container.name} does not hold {what}")


def _decide_data(track: Track, media: Media, container: Container) -> Carried:
    if _TIMECODE in {name.lower() for name in track.metadata}:
        return Carried(track=track, action="leave")  # the picture has it as a tag, of which muxers make a track again
    # Of another family's data, the muxer would make a camera's.
    if track.codec in container.data and _QUICKTIME in media.format.split(","):
        return Carried(track=track, action="copy")
    known = "" if track.codec == "unknown" else f" {track.codec}"
    return Carried(track=track, action="leave", reason=f"ffmpeg can put no such data{known} into {container.name}")


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
    return Carried(track=track, action="leave", reason=reason)


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
    """Say what is not simply copied, and why: tracks of one kind and fate together."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for one in carried:
        if one.reason is not None:
            fate = (one.track.kind, one.track.codec, one.action, one.encoder, one.reason)
            groups.setdefault(fate, []).append(str(one.track.stream))
    told = []
    for (kind, codec, action, encoder, reason), streams in groups.items():
        several = len(streams) > 1
        name = f"{kind} track{'s' if several else ''} {listed(streams)} ({codec})"
        done = f"stored as {encoder}" if action == "convert" else "left out"
        told.append(f"{name} {'are' if several else 'is'} {done}: {reason}")
    return told


def better(carried: Sequence[Carried], media: Media) -> list[str]:
    """Return the numbers of the changed tracks that Matroska would keep as they are."""
    matroska = CONTAINERS[".mkv"]
    return [
        str(one.track.stream)
        for one in carried
        if one.reason is not None
        and " does not hold " in one.reason
        and _decide(one.track, media, matroska).action in {"copy", "attach"}
    ]


def listed(words: Sequence[str]) -> str:
    """Join words as a sentence does."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
