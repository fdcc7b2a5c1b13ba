"""What a user is told of an output: what is not in it as it was, and what became of the sound."""

import logging

from vsmagic.encode.containers import CONTAINERS, Container
from vsmagic.encode.tracks import carry, tags
from vsmagic.encode.tracks.original import Original

log = logging.getLogger(__name__)

_MATROSKA = CONTAINERS[".mkv"]


def tell(original: Original, container: Container) -> None:
    """Log what of the input is not simply copied, in one warning, and what became of the sound."""
    told = losses(original, container)
    if told:
        log.warning("%s: not all of it is in the output as it was: %s", original.media.path.name, "; ".join(told))
    _tell_of_sound(original)


def losses(original: Original, container: Container) -> list[str]:
    """Say what of the input is not in the output, or not as it was, and what would keep it."""
    media, kept = original.media, [one.track for one in original.kept]
    told = carry.changes(original.carried)
    better = carry.better(original.carried, media)
    gone = tags.lost(media.metadata, container.tags)
    for track in (original.track, *kept):
        gone += [f"{tag} of track {track.stream}" for tag in tags.lost(track.metadata, container.track_tags)]
    if gone:
        told.append(f"{container.name} does not hold the tag{'s' if len(gone) > 1 else ''} {carry.listed(gone)}")
    marks = [
        f"{mark} of track {track.stream}"
        for track in (original.track, *kept)
        for mark in track.dispositions
        if track.kind != "cover" and mark not in container.dispositions
    ]
    if marks:
        told.append(f"{container.name} does not hold the mark{'s' if len(marks) > 1 else ''} {carry.listed(marks)}")
    languages = tags.unwritten((track.language for track in (original.track, *kept)), container)
    if languages:
        told.append(f"{container.name} has no word for the language {carry.listed(languages)}")
    words = [f"track{'s' if len(better) > 1 else ''} {carry.listed(better)}"] if better else []
    words += ["the tags"] if gone else []
    words += ["the languages"] if languages else []
    words += ["the marks"] if any(mark.split()[0] in _MATROSKA.dispositions for mark in marks) else []
    if words:
        told.append(f"an output ending in .mkv would keep {carry.listed(words)}")
    return told


def _tell_of_sound(original: Original) -> None:
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
    if any(one.track.codec == "ass" and one.action == "copy" for one in original.carried):
        log.warning("effects inside ASS subtitles (karaoke, movement, fades) keep their own pace")
