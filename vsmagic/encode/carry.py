"""What becomes of everything in the input beside the picture that is enhanced: copied, converted or left out."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from vsmagic.encode.codecs import TEXT_SUBTITLES, Container
from vsmagic.media import Media, Track, VideoTrack

log = logging.getLogger(__name__)

Sound = Literal["stretch", "keep", "drop"]
SOUNDS: tuple[Sound, ...] = ("stretch", "keep", "drop")

COVERS = {"mjpeg": "image/jpeg", "png": "image/png"}
"""Codecs of pictures that can be covers, and their types."""

# Their times stand in the container alone; DVD and DVB subtitles hold some of their own.
_STRETCHED_SUBTITLES = TEXT_SUBTITLES | {"hdmv_pgs_subtitle"}


@dataclass(frozen=True, kw_only=True)
class Carried:
    """What becomes of one track of the input that is not the enhanced one."""

    track: Track
    action: Literal["copy", "convert", "attach", "leave"]
    encoder: str = "copy"
    reason: str | None = None
    """Why it is not simply copied; None when it is, and for data tracks, which are told of together."""


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
    if track.kind == "cover" and container.covers and track.codec in COVERS:
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
