"""Gives encoded packets the exact times of their frames."""

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vsmagic.encode.timecodes import Timeline
from vsmagic.errors import EncodeError

if TYPE_CHECKING:
    from av.packet import Packet


def stamp(source: Path, target: Path, timeline: Timeline, rate: Fraction) -> None:
    """Copy the video of one file into another, with each frame at its time in the timeline.

    Args:
        source: file whose only stream was encoded at a constant nominal rate, one packet a frame.
        target: file to write, of the same container.
        timeline: the times, as many as there are packets.
        rate: the nominal rate, frames a second.

    Raises:
        EncodeError: the packets and the timeline do not match.
    """
    import av

    scale = {"video_track_timescale": str(timeline.base.denominator)} if target.suffix == ".mp4" else {}
    with av.open(str(source)) as read, av.open(str(target), "w", options=scale) as written:
        stream = read.streams.video[0]
        base = Fraction(stream.time_base.numerator, stream.time_base.denominator)
        copy = written.add_stream_from_template(stream)
        copy.time_base = timeline.base
        count = 0
        for packet in read.demux(stream):
            if packet.pts is None or packet.dts is None:  # the empty packet that ends the demuxing
                continue
            _restamp(packet, timeline, base * rate)
            packet.stream = copy
            written.mux(packet)
            count += 1
    if count != timeline.frames:
        raise EncodeError(f"the encoder wrote {count} frames of the {timeline.frames} it was given.")


def _restamp(packet: "Packet[Any]", timeline: Timeline, frames_a_tick: Fraction) -> None:
    shown = round((packet.pts or 0) * frames_a_tick)
    decoded = round((packet.dts or 0) * frames_a_tick)
    if not 0 <= shown < timeline.frames:
        raise EncodeError(f"the encoder wrote a frame {shown}; expected 0 to {timeline.frames - 1}.")
    packet.time_base = timeline.base
    packet.pts = timeline.ticks[shown]
    packet.dts = _tick(timeline, decoded)
    packet.duration = timeline.ticks[shown + 1] - timeline.ticks[shown]


def _tick(timeline: Timeline, frame: int) -> int:
    """Tick of a frame; the frames before the first one, where decoding starts early, last as long as the first."""
    if frame < 0:
        return frame * timeline.ticks[1]
    return timeline.ticks[min(frame, timeline.frames)]
