"""One file of many, made by a process of its own, ``python -m vsmagic.encode.many.hand``, that :mod:`.hands` starts.

Its job comes on stdin, what it tells goes to stdout, one JSON object a line. It stops, in order, when stdin ends: when
it is asked to, and when the process that started it is no more.
"""

import logging
import os
import pickle
import signal
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from typing import BinaryIO

import msgspec

from vsmagic.encode.job import Job, prepare
from vsmagic.encode.many.report import text
from vsmagic.encode.stopping import Stopped, stoppable
from vsmagic.encode.work import run
from vsmagic.errors import VsmagicError

_SECONDS = 0.1
"""Between two words about the frames of one chunk, at least."""


class Staged(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """See :meth:`~vsmagic.encode.progress.Progress.stage`."""

    words: str


class Begun(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """See :meth:`~vsmagic.encode.progress.Progress.begin`."""

    chunks: list[int]
    kept: dict[int, int]


class Rendered(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """See :meth:`~vsmagic.encode.progress.Progress.frames`."""

    chunk: int
    done: int
    size: int


class Chunked(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """See :meth:`~vsmagic.encode.progress.Progress.made`."""

    chunk: int
    size: int


class Logged(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Something was logged."""

    level: int
    logger: str
    words: str


class Made(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The output is there."""

    frames: int
    frames_made: int
    duration: float
    width: int
    height: int
    seconds: float
    loss: str | None
    """What of a damaged input could not be decoded."""


class Failed(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """It is not."""

    words: str
    code: int


Event = Staged | Begun | Rendered | Chunked | Logged | Made | Failed


class _Teller(logging.Handler):
    """Tells progress, and what is logged."""

    def __init__(self, out: BinaryIO) -> None:
        super().__init__()
        self._out = out
        self._telling = threading.Lock()
        self._last: dict[int, float] = {}

    def tell(self, event: Event) -> None:
        """Write a line; nobody may be there any more to read it, of which stdin tells too."""
        with self._telling:
            try:
                self._out.write(msgspec.json.encode(event) + b"\n")
                self._out.flush()
            except BrokenPipeError:
                pass

    def emit(self, record: logging.LogRecord) -> None:
        self.tell(Logged(level=record.levelno, logger=record.name, words=text(record.getMessage())))

    def stage(self, words: str) -> None:
        self.tell(Staged(words=text(words)))

    def begin(self, chunks: Sequence[int], kept: Mapping[int, int]) -> None:
        self.tell(Begun(chunks=list(chunks), kept=dict(kept)))

    def frames(self, chunk: int, done: int, size: int) -> None:
        now = time.monotonic()
        if now - self._last.get(chunk, 0.0) >= _SECONDS:
            self._last[chunk] = now
            self.tell(Rendered(chunk=chunk, done=done, size=size))

    def made(self, chunk: int, size: int) -> None:
        self.tell(Chunked(chunk=chunk, size=size))


def main() -> int:
    """Read the job, make it, and return the exit code."""
    # Whatever else writes to stdout must not come between the lines.
    teller = _Teller(os.fdopen(os.dup(1), "wb"))
    os.dup2(2, 1)
    job, level = pickle.load(sys.stdin.buffer)  # noqa: S301 - from the process that started this one
    logger = logging.getLogger("vsmagic")
    logger.setLevel(level)
    logger.propagate = False
    logger.handlers = [teller]
    try:
        with stoppable():
            threading.Thread(target=_watch, daemon=True).start()
            teller.tell(_made(job, teller))
    except Stopped as stopped:
        return stopped.exit_code
    except VsmagicError as error:
        teller.tell(Failed(words=text(error), code=error.exit_code))
    return 0


def _made(job: Job, teller: _Teller) -> Made:
    result = run(prepare(job), teller)
    return Made(
        frames=result.frames,
        frames_made=result.made,
        duration=float(result.duration),
        width=result.width,
        height=result.height,
        seconds=result.elapsed,
        loss=None if result.loss is None else text(result.loss),
    )


def _watch() -> None:
    """Wait for the end of stdin."""
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    os._exit(code)  # nothing is left to do, and a thread still reads stdin
