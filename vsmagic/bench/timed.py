"""One chain at several sizes, in a process of its own: how many frames a second its graph gives.

What a process is told comes as JSON, as does a line for each size that it prints.
"""

import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import msgspec
import vapoursynth as vs

from vsmagic import chain
from vsmagic.bench import footage
from vsmagic.bench.orders import Answer, Order
from vsmagic.errors import VsmagicError, reason

SLOW = 2.0
"""Frames a second below which larger sizes are not measured."""

ASKED = 4
"""Frames asked for at once, as the player does with a profile that was measured (``decision.lua`` of its script)."""


def inside() -> None:
    """Do what the command line's one argument orders, and print the answers as they come."""
    order = msgspec.json.decode(sys.argv[1], type=Order)
    try:
        for answer in answers(order):
            _say(answer)
    except (VsmagicError, vs.Error) as error:
        _say(Answer(error=str(error) if isinstance(error, VsmagicError) else reason(error)))


def answers(order: Order) -> Iterator[Answer]:
    """Measure size by size, until the time is up or the chain is far too slow.

    Raises:
        VsmagicError, vs.Error: the chain does not run here.
    """
    end = time.monotonic() + order.seconds
    steps = chain.parse(order.steps, folder=Path.cwd())
    for size in order.sizes:
        clip = chain.apply(steps, footage.moving(Path(order.footage), size))
        pace = speed(clip, cycle=order.cycle, seconds=order.length)
        share = order.counted / order.cycle
        yield Answer(size=size, fps=pace.fps * share, processor=pace.processor / share)
        if pace.fps * share < SLOW or time.monotonic() > end:
            return


class Pace(NamedTuple):
    """How fast a clip is."""

    fps: float
    processor: float
    """Seconds of all processors' time for a frame."""


def speed(clip: vs.VideoNode, *, cycle: int, seconds: float) -> Pace:
    """Return how fast a clip without an end is, with as many frames asked for at a time as a player does.

    The first frames wait for threads and memory and are not counted: two for each thread, or what comes in the time.

    Args:
        clip: what to measure.
        cycle: counts whole multiples of so many frames.
        seconds: how long, from the first counted frame on.
    """
    with closing(clip.frames(prefetch=ASKED, close=True)) as frames:
        began, spent = time.perf_counter(), time.process_time()
        count = _take(frames, most=2 * max(ASKED, vs.core.num_threads), cycle=cycle, seconds=seconds)
        if time.perf_counter() - began <= 4 * seconds:  # beyond that, what starting takes is nothing next to it
            began, spent = time.perf_counter(), time.process_time()
            count = _take(frames, most=sys.maxsize, cycle=cycle, seconds=seconds)
        return Pace(count / (time.perf_counter() - began), (time.process_time() - spent) / count)


def _take(frames: Iterator[vs.VideoFrame], *, most: int, cycle: int, seconds: float) -> int:
    """Take whole cycles, until there are so many frames or the time is up; return how many frames."""
    end, count = time.perf_counter() + seconds, 0
    while count < most and time.perf_counter() < end:
        for _ in range(cycle):
            next(frames)
        count += cycle
    return count


def _say(answer: Answer) -> None:
    sys.stdout.write(msgspec.json.encode(answer).decode() + "\n")
    sys.stdout.flush()
