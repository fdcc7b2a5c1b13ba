"""Puts the packets of chunks one behind the other, each at the exact time of its frame; nothing is decoded."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vsmagic.encode.chunks.records import Record
from vsmagic.encode.timecodes import Timeline, clock
from vsmagic.errors import EncodeError

if TYPE_CHECKING:
    from av.packet import Packet


def join(records: Sequence[Record], folder: Path, target: Path, timeline: Timeline, rate: Fraction) -> None:
    """Write one file with the video of all chunks.

    Args:
        records: of the chunks, in their order, of which at least one holds frames.
        folder: where their files are.
        target: file to write, of the same container.
        timeline: the times of all frames.
        rate: the constant nominal rate at which the chunks were encoded, frames a second.

    Raises:
        EncodeError: the chunks do not fit together, or packets and times do not match.
    """
    import av

    held = [record for record in records if record.frames]
    if len({record.head for record in held}) != 1:
        raise EncodeError(
            "the encoder began its chunks with different headers, so they do not make one stream; choose another "
            "--codec or other options of the encoder."
        )
    delay = max(record.delay for record in held)
    scale = {"video_track_timescale": str(clock(timeline.base))} if target.suffix in {".mp4", ".mov"} else {}
    with av.open(f"file:{folder / held[0].file}") as first, av.open(str(target), "w", options=scale) as written:
        template = first.streams.video[0]
        copy = written.add_stream_from_template(template, opaque=True)
        copy.time_base = timeline.base
        # What PyAV leaves out: ProRes and AV1 tell their pixel aspect nowhere else, and ProRes its profile.
        copy.codec_context.sample_aspect_ratio = template.sample_aspect_ratio or Fraction(1)
        if target.suffix == ".mov":
            copy.codec_context.codec_tag = template.codec_context.codec_tag
        total = 0
        for place, (packet, shown) in zip(count(), _packets(held, folder, rate), strict=False):
            _stamp(packet, timeline, shown, place - delay)
            packet.stream = copy
            written.mux(packet)
            total = place + 1
    if total != timeline.frames:
        raise EncodeError(f"the chunks hold {total} frames of the {timeline.frames} they should.")


def _packets(records: Sequence[Record], folder: Path, rate: Fraction) -> "Iterator[tuple[Packet[Any], int]]":
    """Give each packet in the order of decoding, with the number of its frame in the whole."""
    import av

    before = 0
    for record in records:
        with av.open(f"file:{folder / record.file}") as file:
            stream = file.streams.video[0]
            frames_a_tick = Fraction(stream.time_base.numerator, stream.time_base.denominator) * rate
            for packet in file.demux(stream):
                if packet.size and packet.pts is not None:
                    yield packet, before + round(packet.pts * frames_a_tick)
        before += record.frames


def _stamp(packet: "Packet[Any]", timeline: Timeline, shown: int, decoded: int) -> None:
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
    return timeline.ticks[frame]
