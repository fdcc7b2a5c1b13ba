"""One chain at several sizes, in a process of its own: how many frames a second its graph gives.

What a process is told comes as JSON, as does a line for each size that it prints.
"""

import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import vapoursynth as vs

from vsmagic import chain
from vsmagic.bench import footage
from vsmagic.bench.orders import Answer, Order
from vsmagic.errors import VsmagicError, reason

SLOW = 2.0
"""Frames a second below which larger sizes are not measured."""


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
        fps = speed(clip, cycle=order.cycle, seconds=order.length) * order.counted / order.cycle
        yield Answer(size=size, fps=fps)
        if fps < SLOW or time.monotonic() > end:
            return


def speed(clip: vs.VideoNode, *, cycle: int, seconds: float) -> float:
    """Return how many frames a second a clip without an end gives, as many at a time as a player asks for.

    The first frames wait for threads and memory and are not counted: two for each thread, or what comes in the time.

    Args:
        clip: what to measure.
        cycle: counts whole multiples of so many frames.
        seconds: how long, from the first counted frame on.
    """
    with closing(clip.frames(close=True)) as frames:
        began = time.perf_counter()
        first = _take(frames, most=2 * vs.core.num_threads, cycle=cycle, seconds=seconds)
        warm = time.perf_counter()
        if warm - began > 4 * seconds:  # next to that, what starting takes is nothing
            return first / (warm - began)
        count = _take(frames, most=sys.maxsize, cycle=cycle, seconds=seconds)
        return count / (time.perf_counter() - warm)


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
