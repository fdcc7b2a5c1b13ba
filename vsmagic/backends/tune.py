"""Measure how a model runs best on a device: in which precision, and with how many streams.

Tiles follow from the streams: the largest that the memory limit has room for. Smaller ones are not tried: they
compute their halos twice, and as a rule that costs more than what they save in the processor's cache.

Two ways are compared by running them in turns, so that a machine that slows down slows both alike, and by the fastest
turn of each, because what other programs take only ever adds time. No more than two are in memory at once.
"""

import ctypes
import itertools
import logging
import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial

import msgspec
import vapoursynth as vs
from msgspec.structs import replace

from vsmagic.backends import devices, infer, tuned
from vsmagic.backends.base import Plugin
from vsmagic.backends.infer import Plan
from vsmagic.backends.tuned import Key, Record, Taken
from vsmagic.engine.lock import exclusive
from vsmagic.errors import OutputError, VsmagicError
from vsmagic.files import cache_folder
from vsmagic.models.spec import Precision

log = logging.getLogger(__name__)

SECONDS = 6.0
"""What a measurement may take."""

_EXACTNESS: tuple[Precision, ...] = ("f32", "f16", "bf16", "int8")
"""24, 11 and 8 bits of each value, whatever its size; 8 bits of the largest one."""
_LESS_EXACT = 1.15
"""How many times as fast a less exact precision must be to be taken."""
_OTHER_STREAMS = 1.05
"""The same for other streams than the usual, which change nothing but memory: only noise has to be overcome."""

_TURNS = 4
_LEAST_TURNS = 2
_TURN_SECONDS = 0.1
_MOST_FRAMES = 1000  # a turn
_PART = 128  # pixels a side of the first, small frame
_LENGTH = 1_000_000

Clock = Callable[[], float]


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """One way to run the model, which can be compared with another."""

    precision: Precision
    streams: int
    size: tuple[int, int]
    """(width, height) of the frames."""

    def __str__(self) -> str:
        return f"{self.precision} with {_streams(self.streams)}"


def first_use(key: Key, plan: Plan, size: tuple[int, int]) -> Record | None:
    """Measure and keep the result; None where it could not be kept, or the model does not run.

    Of two processes one measures; the other waits and takes what it found.
    """
    try:
        cache_folder(tuned.folder())
        with exclusive(tuned.lock_file(key), waiting=_tell_waiting):
            found = tuned.load(key)
            if found is None:
                told = partial(
                    log.info, "measuring how %s runs best here, once; this takes about %.0f s", plan.model.name, SECONDS
                )
                found = measure(key, plan, size, seconds=SECONDS, ready=told)
                tuned.store(found)
                log.info("%s", summary(found))
            return found
    except OutputError as error:
        log.warning("how %s runs best cannot be kept, so the usual is taken: %s", plan.model.name, error)
    except (VsmagicError, vs.Error) as error:  # what uses the model next will tell in full
        log.debug("how %s runs best was not measured: %s", plan.model.name, error)
    return None


def measure(
    key: Key, plan: Plan, size: tuple[int, int], *, seconds: float, clock: Clock = time.perf_counter,
    ready: Callable[[], None] | None = None,
) -> Record:  # fmt: skip
    """Measure how a model runs best on frames of a size; nothing is kept.

    Args:
        key: what it will be kept under; tells what may be chosen.
        plan: the model; what it leaves open is chosen.
        size: (width, height) of the frames.
        seconds: what it may take. A turn that has begun is ended: one frame of a slow network may take longer.
        clock: tells the time in seconds.
        ready: called once the model has run, so that nothing is announced of one that is refused.

    Raises:
        VsmagicError, vs.Error: the model does not run in the usual way.
    """
    track = _Track(plan, clock, seconds)
    _, usual_streams = infer.arrangement(infer.padded(size, plan.model.spec.multiple), plan)
    usual = Way(precision=plan.precision, streams=usual_streams, size=size)
    # A slow network is first met on a small frame. Engines are built for one size, and GPUs are fast.
    part = usual if _compiled(plan) else replace(usual, size=(min(size[0], _PART), min(size[1], _PART)))
    pace = track.pace(part, ready)
    if _compiled(plan):  # its engine may have been built, which will be needed anyway
        track = _Track(plan, clock, seconds)
    quick = pace * size[0] * size[1] <= _TURN_SECONDS
    precision, streams, reasons = plan.precision, None, []
    if key.precision is None:
        precision, why = _best_precision(track, plan, usual if quick else part, pace)
        reasons.append(why)
    if key.streams is None:
        streams, why = _best_streams(track, plan, replace(usual, precision=precision), pace)
        reasons.append(why)
    return Record(
        key=key,
        model=plan.model.name,
        precision=precision,
        streams=streams,
        taken=tuple(_taken(way, fps, plan) for way, fps in track.fps.items()),
        reason="; ".join(filter(None, reasons)),
        measured=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def summary(record: Record) -> str:
    """Return what was chosen, in words."""
    streams = "as many streams as usual" if record.streams is None else _streams(record.streams)
    reason = f" ({record.reason})" if record.reason else ""
    return f"{record.model} on {record.key.backend}: {record.precision}, {streams}{reason}"


def _streams(count: int) -> str:
    return "1 stream" if count == 1 else f"{count} streams"


class _Track:
    """Runs one way against another until the time is up."""

    def __init__(self, plan: Plan, clock: Clock, seconds: float) -> None:
        self._plan, self._clock, self._end = plan, clock, clock() + seconds
        self.fps: dict[Way, float] = {}
        """The best of every way that ran."""

    def left(self) -> float:
        """Return the seconds that are left."""
        return self._end - self._clock()

    def pace(self, way: Way, ready: Callable[[], None] | None = None) -> float:
        """Return the seconds that a pixel takes, from the second frame on; ``ready`` is called after the first."""
        runner = self._runner(way)
        if ready:
            ready()
        seconds = min(self._turn(runner, 1) for _ in range(_LEAST_TURNS))
        return seconds / (way.size[0] * way.size[1])

    def ratio(self, champion: Way, challenger: Way, frames: int) -> float | None:
        """Return how many times as fast the challenger is; None if the time is up before that is known."""
        runners = [self._runner(champion), self._runner(challenger)]
        turns: list[list[float]] = []
        while len(turns) < _TURNS:
            if self.left() < (sum(turns[-1]) * frames if len(turns) >= _LEAST_TURNS else 0):
                break
            turns.append([self._turn(runner, frames) for runner in runners])
        if len(turns) < _LEAST_TURNS:
            return None
        first, second = min(turn[0] for turn in turns), min(turn[1] for turn in turns)
        for way, taken in ((champion, first), (challenger, second)):
            self.fps[way] = max(self.fps.get(way, 0.0), 1 / taken)
        return first / second

    def _runner(self, way: Way) -> Iterator[vs.VideoNode]:
        """Build a graph, render its first frame, which takes longest, and return what is left of it, piece by piece."""
        plan = replace(self._plan, precision=way.precision, preferred=way.streams)
        node = infer.compute(_noise(way.size, plan.model.spec.channels), plan)
        node.get_frame(0).close()
        return (node[start:] for start in itertools.count(1, _MOST_FRAMES))

    def _turn(self, runner: Iterator[vs.VideoNode], frames: int) -> float:
        """Return the seconds a frame takes."""
        began = self._clock()
        for _ in next(runner)[:frames].frames(close=True):
            pass
        return max(self._clock() - began, 1e-6) / frames


def _best_precision(track: _Track, plan: Plan, start: Way, pace: float) -> tuple[Precision, str]:
    """Return the most exact precision that no other beats by far; or the usual one, and why that is not known."""
    backend, spec = plan.backend, plan.model.spec
    fit = [one for one in _EXACTNESS if one in spec.unasked and one in backend.precisions]
    if len(fit) < 2:
        return plan.precision, ""
    if _compiled(plan):
        return plan.precision, "precisions were not compared, since each needs an engine of its own"
    ways = [replace(start, precision=one) for one in fit]
    best, why = climb(ways[0], ways[1:], partial(_ratio, track, pace), margin=_LESS_EXACT)
    return (plan.precision if why and best == ways[0] else best.precision), why


def _best_streams(track: _Track, plan: Plan, start: Way, pace: float) -> tuple[int | None, str]:
    """Return the number of streams that is fastest, or None and why that is not known."""
    most = max(start.streams, devices.kind(plan.backend).streams())
    counts = [2**power for power in range(most.bit_length()) if 2**power != start.streams]
    usual = _arranged(start, plan)
    ways = []
    for count in sorted({*counts, most} - {start.streams}):
        way = replace(start, streams=count)
        tile, streams = _arranged(way, plan)
        # The memory limit may have no room for so many; an engine of another size would have to be built.
        if streams == count and (tile == usual[0] or not _compiled(plan)):
            ways.append(way)
    fewer, more = [w for w in ways if w.streams < start.streams], [w for w in ways if w.streams > start.streams]
    best, why = start, ""
    for side in (more, fewer[::-1]):
        if best == start and not why:
            best, why = climb(start, side, partial(_ratio, track, pace), margin=_OTHER_STREAMS, stop=True)
    return (None if why and best == start else best.streams), why


def climb(
    start: Way, challengers: Sequence[Way], ratio: Callable[[Way, Way], float | None], *, margin: float,
    stop: bool = False,
) -> tuple[Way, str]:  # fmt: skip
    """Let one way after the other challenge the best so far.

    Args:
        start: the way that is taken unless another is clearly faster.
        challengers: the others, in the order they are tried.
        ratio: tells how many times as fast the second of two ways is; None where that could not be found out.
        margin: the ratio from which the challenger wins.
        stop: whether the first that loses ends it.

    Returns:
        The best, and why it may not be: empty where every comparison that was wanted was made.
    """
    best = start
    for challenger in challengers:
        found = ratio(best, challenger)
        if found is None:
            return best, f"there was no time for {challenger}"
        if found >= margin:
            best = challenger
        elif stop:
            break
    return best, ""


def _ratio(track: _Track, pace: float, champion: Way, challenger: Way) -> float | None:
    """Compare two ways, unless even the fewest turns would take longer than there is time."""
    frame = pace * champion.size[0] * champion.size[1]
    # Whole rounds of the streams: a last round that is not full would look slow.
    most = max(champion.streams, challenger.streams)
    frames = most * min(math.ceil(_TURN_SECONDS / (frame * most)), _MOST_FRAMES // most)
    if 2 * frame * (frames * _LEAST_TURNS + 1) > track.left():
        return None
    return track.ratio(champion, challenger, frames)


def _arranged(way: Way, plan: Plan) -> tuple[tuple[int, int], int]:
    size = infer.padded(way.size, plan.model.spec.multiple)
    return infer.arrangement(size, replace(plan, preferred=way.streams))


def _taken(way: Way, fps: float, plan: Plan) -> Taken:
    tile, streams = _arranged(way, plan)
    return Taken(precision=way.precision, streams=streams, tile=tile, size=way.size, fps=round(fps, 3))


def _compiled(plan: Plan) -> bool:
    """Whether the backend loads engines, each built for one size and one precision."""
    return isinstance(plan.backend, Plugin) and plan.backend.compiled is not None


def _noise(size: tuple[int, int], channels: int) -> vs.VideoNode:
    """Return a long clip of one picture of noise: constant pictures and tiny values are not typical of speed.

    Args:
        size: (width, height) in pixels.
        channels: 1 for GRAYS, 3 for RGBS.
    """
    width, height = size
    format_ = vs.GRAY8 if channels == 1 else vs.RGB24
    blank = vs.core.std.BlankClip(format=format_, width=width, height=height, length=1, keep=True)

    def fill(n: int, f: vs.VideoFrame) -> vs.VideoFrame:  # noqa: ARG001
        frame = f.copy()
        for plane in range(frame.format.num_planes):
            start, stride = frame.get_write_ptr(plane).value, frame.get_stride(plane)
            for line in range(height):
                ctypes.memmove(start + line * stride, os.urandom(width), width)
        return frame

    picture = blank.std.ModifyFrame(blank, fill).resize.Point(
        format=vs.GRAYS if channels == 1 else vs.RGBS, range_in=vs.RANGE_FULL
    )
    picture.std.SetVideoCache(mode=1, fixedsize=1, maxsize=1)
    clip: vs.VideoNode = picture.std.Loop(times=_LENGTH)
    return clip


def _tell_waiting() -> None:
    log.info("another process is measuring the same model; waiting for it")
