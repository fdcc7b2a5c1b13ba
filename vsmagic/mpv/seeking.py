"""Frames that mpv decodes on its way to a place and throws away: they are not worth a network.

To seek to an exact moment mpv decodes from the keyframe before it, and passes every frame through its filters until the
moment is reached; so it does when a filter is added or removed. ``vsmagic.lua`` reads from mpv's log where such a seek
ends and writes it to a file, ``[COUNT, SECONDS]``; frames before that moment are only resampled here, or left black.

Which moment a frame has is not among its properties. mpv attaches its own record of the picture (``_MP_IMAGE``), in
which the moment stands two numbers before the duration and the rate (``struct mp_image`` in video/mp_image.h: pts, dts,
pkt_duration, nominal_fps, all doubles). Both are known, so the place is found by them; where it is not found, or frames
do not follow each other by their durations, every frame is filtered, which is slower and never wrong.
"""

import logging
import struct
import time
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path

import msgspec
import vapoursynth as vs

from vsmagic.filters import pattern, shares
from vsmagic.filters.pattern import Pattern

log = logging.getLogger(__name__)

MARGIN = 0.01
"""Seconds before the end of a seek from which frames are filtered: mpv shows what is less than 5 ms before it."""
FAR = 1.0
"""Seconds before the end of a seek up to which frames are not even resampled, which would be most of their cost."""

_DOUBLE = struct.Struct("=d")
_ROUNDED = 1e-6  # mpv tells durations in whole microseconds
_APART = 0.002  # seconds by which a frame may be off where the one before ends
_SILENCE = 2.0  # seconds after which no word of a seek comes any more
_counts: dict[Path, int] = {}
"""The last seek that a script which has ended may have heard of, by file: the next script must not believe it."""


class Place:
    """Where the seek ends that is going on.

    Args:
        file: what Lua writes.
        since: only seeks of a higher count matter.
    """

    def __init__(self, file: Path, since: int) -> None:
        self._file = file
        self._since = max(since, _counts.get(file, 0))
        self._silent: float | None = time.monotonic() + _SILENCE
        vs.register_on_destroy(self._forget)

    def seconds(self) -> float | None:
        """Return the moment; None where no seek goes on that this script could take part in."""
        if self._silent is None:
            return None
        count, moment = self._read()
        if count > self._since:
            return moment
        if time.monotonic() > self._silent:  # the next seek ends this script before it is told
            self.reached()
        return None

    def reached(self) -> None:
        """Note that frames are shown: the file need not be read for any more of them."""
        self._silent = None

    def _forget(self) -> None:
        # A seek ends the script before it is told: what stands in the file now is over.
        _counts[self._file] = max(self._since, self._read()[0])

    def _read(self) -> tuple[int, float | None]:
        try:
            count, *moment = msgspec.json.decode(self._file.read_bytes(), type=list[float])
        except FileNotFoundError:
            return 0, None
        return int(count), moment[0] if moment else None


class Clock:
    """Reads the moment of a frame, in seconds.

    Args:
        rate: what mpv calls ``container_fps``.
    """

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._offset: int | None = None
        self._broken = False
        self._ends: dict[int, float] = {}

    def moment(self, n: int, props: Mapping[str, object]) -> float | None:
        """Return when source frame n is shown; None where that cannot be told."""
        record, duration = props.get("_MP_IMAGE"), _duration(props)
        if self._broken or not isinstance(record, bytes) or duration is None:
            return None
        if self._offset is None:
            self._offset = self._find(record, duration)
        if self._offset is None:
            self._give_up("it is not where it was in the releases known")
            return None
        (found,) = _DOUBLE.unpack_from(record, self._offset)
        if abs(self._ends.get(n, found) - found) > _APART:
            self._give_up(f"frame {n} does not begin where the one before it ends")
            return None
        self._ends = {n + 1: found + duration}
        moment: float = found
        return moment

    def _find(self, record: bytes, duration: float) -> int | None:
        places = []
        for offset in range(0, len(record) - 24, 8):
            lasts, rate = _DOUBLE.unpack_from(record, offset + 16)[0], _DOUBLE.unpack_from(record, offset + 24)[0]
            if abs(lasts - duration) <= _ROUNDED and rate == self._rate:
                places.append(offset)
        return places[0] if len(places) == 1 else None

    def _give_up(self, why: str) -> None:
        self._broken = True
        log.warning("the moment of a frame cannot be read from mpv: %s. Exact seeks take longer", why)


def _duration(props: Mapping[str, object]) -> float | None:
    num, den = props.get("_DurationNum"), props.get("_DurationDen")
    return num / den if isinstance(num, int) and isinstance(den, int) and den else None


def passing(source: vs.VideoNode, result: vs.VideoNode, factor: Fraction, place: Place, clock: Clock) -> vs.VideoNode:
    """Return the result with frames that are on the way to a place only resampled.

    Args:
        source: mpv's clip.
        result: what was made of it, ``factor`` frames of one.
        factor: at least 1.
        place: where seeks end.
        clock: tells the moments of the source's frames.
    """
    found = pattern.multiplied(factor, source.num_frames)
    before = found.left(source)
    plain = before.resize.Bilinear(result.width, result.height, format=result.format.id)
    black = result.std.BlankClip(keep=True).std.CopyFrameProps(before)
    if factor != 1:
        plain, black = (shares.lasting(clip, found, source, 1 / factor) for clip in (plain, black))
    choose = _choice([result, plain, black], found, place, clock)
    return result.std.FrameEval(choose, prop_src=before, clip_src=[plain, result])


def _choice(
    clips: Sequence[vs.VideoNode], found: Pattern, place: Place, clock: Clock
) -> Callable[[int, vs.VideoFrame], vs.VideoNode]:
    """Return what chooses for each frame among the result, the frame resampled, and none at all."""
    result, plain, black = clips
    cycle, each = found.cycle, len(found.parts)

    def choose(n: int, f: vs.VideoFrame) -> vs.VideoNode:
        end = place.seconds()
        if end is None:
            return result
        begins = clock.moment(n // each * cycle + found.frames[n % each], f.props)
        if begins is None or begins >= end - MARGIN:
            place.reached()
            return result
        return plain if begins >= end - FAR else black

    return choose
