"""Child processes that never outlive the job, and the words they say on stderr."""

import logging
import os
import queue
import shlex
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Self

from vsmagic.errors import EncodeError

log = logging.getLogger(__name__)

_KEPT_LINES = 40


class Child:
    """One running process; its stderr is read line by line as it comes, a carriage return ends a line too."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        stdin: int = subprocess.DEVNULL,
        stdout: int = subprocess.DEVNULL,
        heard: Callable[[str], None] | None = None,
        ended: "queue.SimpleQueue[Child]",
    ) -> None:
        self.lines: deque[str] = deque(maxlen=_KEPT_LINES)
        """What it said last."""
        self._heard = heard
        self._ended = ended
        # In a session of its own, so that Ctrl-C reaches vsmagic alone and the children end in order.
        self._process = subprocess.Popen(
            command, env=environment, stdin=stdin, stdout=stdout, stderr=subprocess.PIPE, start_new_session=True
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def code(self) -> int | None:
        """Exit status; negative when a signal ended it; None while it runs."""
        return self._process.poll()

    def kill(self) -> None:
        """End it, and whatever it started, at once."""
        if self._process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._reader.join()

    def finish(self, *, seconds: float) -> None:
        """Let it end by itself, at most this long."""
        self._reader.join(seconds)
        self.kill()

    def _read(self) -> None:
        stream = self._process.stderr
        assert stream is not None  # noqa: S101 - asked for a pipe above
        try:
            with stream:
                rest = b""
                while chunk := os.read(stream.fileno(), 65536):
                    *lines, rest = (rest + chunk).replace(b"\r", b"\n").split(b"\n")
                    for line in lines:
                        self._hear(line)
                self._hear(rest)
        finally:
            self._process.wait()
            self._ended.put(self)

    def _hear(self, line: bytes) -> None:
        text = line.decode(errors="replace").strip()
        if not text:
            return
        self.lines.append(text)
        if self._heard is not None:
            self._heard(text)


class Children:
    """The children of one chunk or step: all of them are gone when the ``with`` block is left, however it is left."""

    def __init__(self) -> None:
        self._children: list[Child] = []
        self._stopped = False
        self._starting = threading.Lock()
        self._ended: queue.SimpleQueue[Child] = queue.SimpleQueue()

    def start(
        self,
        command: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        stdin: int = subprocess.DEVNULL,
        stdout: int = subprocess.DEVNULL,
        heard: Callable[[str], None] | None = None,
    ) -> Child:
        """Start a child; ``heard`` is called with each line it says, from another thread.

        Raises:
            EncodeError: :meth:`stop` was called.
        """
        log.debug("running: %s", shlex.join(command))
        with self._starting:
            if self._stopped:
                raise EncodeError("stopped before it was finished.")
            child = Child(command, environment=environment, stdin=stdin, stdout=stdout, heard=heard, ended=self._ended)
            self._children.append(child)
        return child

    def stop(self) -> None:
        """End all children, from another thread than the one that waits for them, and let no more be started."""
        with self._starting:
            self._stopped = True
        for child in self._children:
            child.kill()

    def next_end(self) -> Child:
        """Wait until one more of the children has ended, and return it."""
        return self._ended.get()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        for child in self._children:
            child.kill()
