"""What a process that measures is told, what it answers, and how it is started and ended."""

import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Generator
from pathlib import Path
from typing import IO

import msgspec

_INSIDE = "from vsmagic.bench.timed import inside; inside()"


class Order(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to measure."""

    steps: str
    """The chain, as JSON."""
    sizes: tuple[tuple[int, int], ...]
    """(width, height) of the input, the smallest first."""
    footage: str
    """File that the pictures are made of."""
    cycle: int = 1
    """Frames after which the pattern of given and made ones repeats."""
    counted: int = 1
    """How many of them count."""
    length: float
    """Seconds of a measurement, from the first counted frame on."""
    seconds: float
    """What all sizes may take: none is begun after that."""


class Answer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How fast it was at a size, or why it does not run."""

    size: tuple[int, int] | None = None
    fps: float = 0.0
    processor: float = 0.0
    """Seconds of all processors' time that a counted frame takes; other programs change it less than the rate."""
    error: str | None = None


def ask(order: Order, *, most: float) -> Generator[Answer]:
    """Let a process of its own measure: a crash, or a network that takes for ever, is then no more than an answer.

    Args:
        order: what to measure.
        most: seconds after which the process is ended.

    Yields:
        Answers as they come; where the process did not end well, one that says why as the last.
    """
    path = os.pathsep.join(filter(None, [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH")]))
    with tempfile.TemporaryFile() as said, subprocess.Popen(
        [sys.executable, "-P", "-c", _INSIDE, msgspec.json.encode(order).decode()],
        env={**os.environ, "PYTHONPATH": path}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=said,
    ) as process:  # fmt: skip
        assert process.stdout is not None  # noqa: S101 - it was asked for
        lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        threading.Thread(target=_read, args=(process.stdout, lines), daemon=True).start()
        end = time.monotonic() + most
        try:
            while (line := lines.get(timeout=max(0.0, end - time.monotonic()))) is not None:
                yield msgspec.json.decode(line, type=Answer)
        except queue.Empty:
            yield Answer(error=_late(order, most))
            return
        finally:
            process.kill()
        code = process.wait()
        if code:
            said.seek(0)
            yield Answer(error=f"the measurement ended with code {code}; its last words: {_last(said.read())}")


def _read(stream: IO[bytes], lines: "queue.SimpleQueue[bytes | None]") -> None:
    for line in stream:
        lines.put(line)
    lines.put(None)


def _late(order: Order, most: float) -> str:
    width, height = order.sizes[0]
    return (
        f"it gave nothing in {most:.0f} s at {width}x{height}: it is far too slow here, or its engine was still being "
        "compiled, which vsmagic mpv prepare does without a limit"
    )


def _last(words: bytes) -> str:
    lines = words.decode(errors="replace").strip().splitlines()
    return lines[-1].strip() if lines else "none"
