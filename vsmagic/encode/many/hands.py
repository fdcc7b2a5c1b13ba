"""Starts and stops the processes that make one file each, and gathers what they tell."""

import logging
import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from vsmagic.encode.job import Job
from vsmagic.encode.many.hand import Event

log = logging.getLogger(__name__)

_KEPT_LINES = 10
_PATIENCE = 30.0  # seconds that a process may take to end in order


@dataclass(frozen=True)
class Ended:
    """The process of a file is gone; of one that told neither :class:`Made` nor :class:`Failed`, how, in words."""

    words: str


class Hands:
    """The processes of a run. All methods are called from one thread."""

    def __init__(self) -> None:
        self._events: queue.SimpleQueue[tuple[int, Event | Ended]] = queue.SimpleQueue()
        self._running: dict[int, _Hand] = {}

    def __len__(self) -> int:
        return len(self._running)

    def start(self, number: int, job: Job) -> None:
        """Begin a file."""
        self._running[number] = _Hand(number, job, self._events)

    def next(self) -> tuple[int, Event | Ended]:
        """Wait for the next event of any file."""
        number, event = self._events.get()
        if isinstance(event, Ended):
            self._running.pop(number).join()
        return number, event

    def stop(self) -> None:
        """End all, in order where they can, and wait for it; what they tell meanwhile is not heard."""
        for hand in self._running.values():
            hand.ask()
        for hand in self._running.values():
            hand.end(_PATIENCE)
        self._running.clear()


class _Hand:
    def __init__(self, number: int, job: Job, events: "queue.SimpleQueue[tuple[int, Event | Ended]]") -> None:
        self._number, self._events = number, events
        self._lines: deque[str] = deque(maxlen=_KEPT_LINES)
        # In a session of its own, so that Ctrl-C reaches the process that was started alone.
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "vsmagic.encode.many.hand"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, start_new_session=True, env=_environment(),
        )  # fmt: skip
        self._threads = [threading.Thread(target=each, daemon=True) for each in (self._hear, self._keep)]
        for thread in self._threads:
            thread.start()
        self._give(job)

    def ask(self) -> None:
        """Ask it to stop."""
        assert self._process.stdin is not None  # noqa: S101 - asked for above
        with suppress(BrokenPipeError):
            self._process.stdin.close()

    def end(self, seconds: float) -> None:
        """Wait for its end, which comes at the latest after so many seconds."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self.join()

    def join(self) -> None:
        """Wait until nothing of it is left; it has ended or is about to."""
        self.ask()
        self._process.wait()
        for thread in self._threads:
            thread.join()

    def _give(self, job: Job) -> None:
        assert self._process.stdin is not None  # noqa: S101 - asked for above
        with suppress(BrokenPipeError):  # it ended at once, and is heard of
            pickle.dump((job, logging.getLogger("vsmagic").level), self._process.stdin)
            self._process.stdin.flush()

    def _hear(self) -> None:
        assert self._process.stdout is not None  # noqa: S101 - asked for above
        with self._process.stdout as lines:
            for line in lines:
                self._events.put((self._number, msgspec.json.decode(line, type=Event)))
        code = self._process.wait()
        self._threads[1].join()
        self._events.put((self._number, Ended(self._words(code))))

    def _keep(self) -> None:
        assert self._process.stderr is not None  # noqa: S101 - asked for above
        with self._process.stderr as lines:
            for line in lines:
                text = line.decode(errors="replace").strip()
                if text:
                    self._lines.append(text)
                    log.debug("%s", text)

    def _words(self, code: int) -> str:
        how = f"{signal.Signals(-code).name} ended it" if code < 0 else f"it ended with code {code}"
        said = f" ({self._lines[-1]})" if self._lines else ""
        return f"the process that made it broke off: {how}{said}. Run the same command again."


def _environment() -> dict[str, str]:
    """Let the process find this very package."""
    import vsmagic

    here = str(Path(vsmagic.__file__).parents[1])
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [here, os.environ.get("PYTHONPATH")]))}
