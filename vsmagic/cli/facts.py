"""Everything that decides how a file is handled, gathered as plain data."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vsmagic.encode.codecs import CONTAINERS, codec_for, with_alpha
from vsmagic.encode.tracks import carry
from vsmagic.errors import OptionError
from vsmagic.h273 import MATRICES
from vsmagic.media import AudioTrack, Media, Track, VideoTrack, probe
from vsmagic.sidedata import Hdr

if TYPE_CHECKING:
    import vapoursynth as vs

_SHOWN_CONTAINERS = (".mp4", ".mkv")


def gather(path: Path, *, track: int = 0, loader: str = "bestsource") -> dict[str, Any]:
    """Return what is known of a file, as JSON can hold it; exact rates and times are fractions written as text.

    Indexes the file if that has not been done before.

    Raises:
        SourceError: the file cannot be opened or decoded.
        OptionError: it has no such video track.
    """
    media = probe(path)
    if not 0 <= track < len(media.video):
        raise OptionError(f"--track is {track}; {path.name} has {len(media.video)} video track(s), counted from 0.")
    video = media.video[track]
    with _warnings() as told:
        from vsmagic.source import source

        clip = source(path, track=track, loader=loader)
        picture = _picture(clip, video) | {"woven": _woven(clip, video)}
    return {
        "file": str(path),
        "container": media.format,
        "bytes": path.stat().st_size,
        "duration": _seconds(media.duration),
        "picture": picture,
        "tracks": [_track(each) for each in media.tracks],
        "chapters": [
            {"title": chapter.title, "start": _seconds(chapter.start), "end": _seconds(chapter.end)}
            for chapter in media.chapters
        ],
        "metadata": dict(media.metadata),
        "enhance": _enhance(media, video, clip),
        "warnings": [*told, *_concerns(video, picture)],
    }


@contextmanager
def _warnings() -> Iterator[list[str]]:
    """Collect what the library warns of instead of letting it reach stderr."""
    told: list[str] = []

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            told.append(record.getMessage())

    logger = logging.getLogger("vsmagic")
    handlers, logger.handlers = logger.handlers, [Collector(logging.WARNING)]
    try:
        yield told
    finally:
        logger.handlers = handlers


def _picture(clip: "vs.VideoNode", video: VideoTrack) -> dict[str, Any]:
    """Describe the video as a filter gets it: rotated, decoded, timed."""
    from vsmagic.clips import times
    from vsmagic.colours import colour

    known = colour(clip)
    timeline = times(clip)
    aspect = _pixel_aspect(clip)
    return {
        "width": clip.width,
        "height": clip.height,
        "pixel_aspect": str(aspect),
        "shown_as": [round(clip.width * aspect), clip.height],
        "format": clip.format.name,
        "bits": clip.format.bits_per_sample,
        "rate": str(clip.fps) if clip.fps else None,
        "frames": clip.num_frames,
        "duration": _seconds(timeline[clip.num_frames]),
        "frame_seconds": _spread(timeline) if not clip.fps else None,
        "matrix": MATRICES.get(known.matrix, str(known.matrix)),
        "range": "full" if known.range else "limited",
        "guessed": list(known.guessed),
        "transfer": video.transfer,
        "primaries": video.primaries,
        "fields": video.field_order,
        "rotation": video.rotation,
        "alpha": video.alpha,
        "hdr": _hdr(video.hdr),
    }


def _woven(clip: "vs.VideoNode", video: VideoTrack) -> dict[str, Any]:
    """Say whether the frames are whole pictures, by a look at them."""
    from vsmagic.encode.weaving import words
    from vsmagic.filters.look import look

    found = look(clip.std.Transpose() if video.rotation % 180 else clip)
    return {
        "kind": found.kind,
        "order": found.order,
        "looked": found.looked,
        "telling": found.telling,
        "woven": found.woven,
        "words": words(found),
    }


def _pixel_aspect(clip: "vs.VideoNode") -> Fraction:
    props = clip.get_frame(0).props
    num, den = props.get("_SARNum"), props.get("_SARDen")
    return Fraction(int(num), int(den)) if num and den else Fraction(1)


def _spread(timeline: Sequence[Fraction]) -> list[float]:
    """Return the shortest and the longest duration of a frame."""
    steps = [after - before for before, after in pairwise(timeline)]
    return [float(min(steps)), float(max(steps))]


def _hdr(hdr: Hdr) -> dict[str, Any] | None:
    kinds = {
        "mastering_luminance": [float(value) for value in hdr.mastering.luminance or ()] if hdr.mastering else None,
        "light_level": list(hdr.light_level) if hdr.light_level else None,
        "dolby_vision_profile": hdr.dolby_vision.profile if hdr.dolby_vision else None,
    }
    return {name: value for name, value in kinds.items() if value} or None


def _track(track: Track) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "stream": track.stream,
        "kind": track.kind,
        "codec": track.codec,
        "language": track.language,
        "title": track.title,
        "dispositions": list(track.dispositions),
        "start": _seconds(track.start),
        "duration": _seconds(track.duration),
    }
    if isinstance(track, AudioTrack):
        facts |= {"rate": track.rate, "channels": track.channels, "layout": track.layout}
    if isinstance(track, VideoTrack):
        facts |= {
            "number": track.number,
            "width": track.width,
            "height": track.height,
            "pixel_format": track.pixel_format,
            "claimed_rate": str(track.average_rate) if track.average_rate else None,
            "claimed_frames": track.frames,
        }
    if track.kind == "attachment":
        facts["name"] = track.metadata.get("filename")
    return facts


def _enhance(media: Media, video: VideoTrack, clip: "vs.VideoNode") -> dict[str, Any]:
    """Say what ``vsmagic enhance`` would make without any flags."""
    from vsmagic.filters.sizes import Target, output_size

    width, height = output_size(Target(auto=True), clip.width, clip.height, float(_pixel_aspect(clip)))
    outputs = {}
    for suffix in _SHOWN_CONTAINERS:
        container = CONTAINERS[suffix]
        carried = carry.plan(media, video, container)
        outputs[suffix] = {
            "codec": codec_for(container, None, bits=clip.format.bits_per_sample).name,
            "changes": carry.changes(carried),
        }
    return {"width": width, "height": height, "outputs": outputs}


def _concerns(video: VideoTrack, picture: dict[str, Any]) -> list[str]:
    """Say what about the video a person should know before enhancing it."""
    concerns = []
    if picture["woven"]["kind"] != "progressive":
        concerns.append(f"{picture['woven']['words']}: enhance asks what is to be done, or see its --fields")
    if video.alpha:
        concerns.append(f"transparency is kept by --codec {with_alpha()} alone, and not that of VP8 and VP9")
    if video.hdr.dolby_vision:
        concerns.append("Dolby Vision metadata is left out; the base layer is kept")
    if video.frames is not None and video.frames > picture["frames"]:
        concerns.append(f"the container claims {video.frames} frames, {picture['frames']} can be decoded")
    return concerns


def _seconds(time: Fraction | None) -> dict[str, Any] | None:
    return None if time is None else {"seconds": round(float(time), 6), "exact": str(time)}
