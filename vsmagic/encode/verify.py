"""Looks at a finished file before it takes its name, and at how much of a damaged input there was."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from vsmagic.digest import digest
from vsmagic.encode.description import Description
from vsmagic.encode.timecodes import Timeline
from vsmagic.errors import EncodeError, OutputError
from vsmagic.media import Media, VideoTrack

# A container's claim may be off by a little without a frame being lost.
_SLACK_FRAMES = Fraction(3, 4)


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What a file really holds."""

    frames: int
    duration: Fraction
    """Seconds from the start of its first frame to the end of its last."""
    audio: int
    """Sound tracks with at least one packet."""


@dataclass(frozen=True, kw_only=True)
class Stored:
    """What the file of a chunk really holds."""

    frames: int
    delay: int
    """How many frames at most are decoded before the one that is shown next."""
    head: str
    """SHA-256 of what a decoder must know first."""


def stored(path: Path) -> Stored:
    """Read the packets of a file with one video stream; none where the encoder was given no frame.

    Raises:
        EncodeError: it cannot be read.
    """
    import av

    if not path.exists() or not path.stat().st_size:
        return Stored(frames=0, delay=0, head="")
    try:
        with av.open(f"file:{path}") as file:
            if not file.streams.video:
                return Stored(frames=0, delay=0, head="")
            video = file.streams.video[0]
            shown = [packet.pts for packet in file.demux(video) if packet.size and packet.pts is not None]
            head = digest(bytes(video.codec_context.extradata or b""))
    except av.FFmpegError as error:
        raise EncodeError(
            f"the encoder ended without an error, but left a file that cannot be read ({error})."
        ) from error
    ranks = {pts: rank for rank, pts in enumerate(sorted(shown))}
    return Stored(
        frames=len(shown), delay=max((place - ranks[pts] for place, pts in enumerate(shown)), default=0), head=head
    )


def look(path: Path) -> Seen:
    """Count the packets of a file and measure its picture."""
    import av

    frames = 0
    first: int | None = None
    end = 0
    sounding = set()
    with av.open(f"file:{path}") as file:
        video = next(stream for stream in file.streams.video if "attached_pic" not in str(stream.disposition))
        for packet in file.demux(video, *file.streams.audio):
            if packet.size == 0 or packet.pts is None:
                continue
            if packet.stream_index != video.index:
                sounding.add(packet.stream_index)
                continue
            frames += 1
            first = packet.pts if first is None else min(first, packet.pts)
            end = max(end, packet.pts + (packet.duration or 0))
        base = Fraction(video.time_base.numerator, video.time_base.denominator)
    return Seen(frames=frames, duration=(end - (first or 0)) * base, audio=len(sounding))


def check(path: Path, timeline: Timeline, *, audio: int) -> Seen:
    """Compare a finished file with what went into it.

    Args:
        path: the file.
        timeline: the frames that were piped.
        audio: sound tracks it must have.

    Raises:
        OutputError: frames, duration or sound tracks are not what they must be.
    """
    seen = look(path)
    wrong = []
    if seen.frames != timeline.frames:
        wrong.append(f"{seen.frames} frames instead of {timeline.frames}")
    if abs(seen.duration - timeline.duration) > timeline.longest:
        wrong.append(f"{float(seen.duration):.3f} s instead of {float(timeline.duration):.3f}")
    if seen.audio < audio:
        wrong.append(f"{seen.audio} sound tracks instead of {audio}")
    if wrong:
        raise OutputError(f"the finished file has {', '.join(wrong)}; it was thrown away. Please report this.")
    return seen


def shortfall(media: Media, track: VideoTrack, description: Description) -> str | None:
    """Say what of the video its container promises was not there to decode; None when all of it was.

    A damaged file may lose frames, or end early, without the source filter complaining.
    """
    if track.frames is not None:
        if track.frames <= description.source_frames:
            return None
        playable = _playable(media, track)
        missing = playable - description.source_frames
        return f"{missing} of {playable} frames could not be decoded" if missing > 0 else None
    claimed = track.length
    found = Fraction(*description.source_duration)
    if claimed is None or claimed - found < _SLACK_FRAMES * found / description.source_frames:
        return None
    return f"it ends after {float(found):.3f} s of {float(claimed):.3f}"


def _playable(media: Media, track: VideoTrack) -> int:
    """Count the packets that the container's edit list does not cut away."""
    import av

    with av.open(f"file:{media.path}") as file:
        packets = file.demux(file.streams[track.stream])
        return sum(packet.size > 0 and not packet.is_discard for packet in packets)
