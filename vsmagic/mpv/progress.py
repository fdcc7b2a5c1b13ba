"""How far a preparation is: a small file that the player reads."""

import contextlib
import threading
import time
from pathlib import Path
from typing import Literal

import msgspec

from vsmagic.errors import OutputError
from vsmagic.files import write_atomically

_PAUSE = 0.2  # seconds between two writings


class Interrupted(BaseException):
    """The preparation was told to stop; like KeyboardInterrupt, no error, so that nothing catches it by accident."""


class Progress(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The file."""

    state: Literal["working", "ready", "failed"]
    share: float
    """Of the work that is done, 0 to 1; never falls."""
    what: str
    """What is being done, in words."""
    error: str | None = None
    """Why it failed, with the remedy."""


class Report:
    """Writes the file, whole each time. Threads may share it."""

    def __init__(self, file: Path | None) -> None:
        """Begin with an empty report.

        Args:
            file: where to; None for nowhere.
        """
        self._file = file
        self._lock = threading.RLock()
        self._now = Progress(state="working", share=0.0, what="")
        self._written = float("-inf")
        self._stopped = False

    def working(self, what: str, share: float | None = None) -> None:
        """Tell what is done and how far it is; not every call is written.

        Raises:
            Interrupted: after :meth:`stop`.
            OutputError: the file cannot be written.
        """
        with self._lock:
            if self._stopped:
                raise Interrupted
            another = what != self._now.what
            self._now = Progress(state="working", share=max(self._now.share, min(1.0, share or 0.0)), what=what)
            if another or time.monotonic() - self._written > _PAUSE:
                self._write()

    def ready(self) -> None:
        """Tell that all is done."""
        self._end(Progress(state="ready", share=1.0, what="ready"))

    def failed(self, error: str) -> None:
        """Tell why it cannot be done, if the file can be written at all."""
        with contextlib.suppress(OutputError):
            self._end(Progress(state="failed", share=self._now.share, what=self._now.what, error=error))

    def stop(self) -> None:
        """Let the work end where it next tells of itself, and nothing be written any more."""
        with self._lock:
            self._stopped = True

    def remove(self) -> None:
        """Delete the file."""
        if self._file:
            self._file.unlink(missing_ok=True)

    def _end(self, last: Progress) -> None:
        with self._lock:
            if not self._stopped:
                self._now = last
                self._write()

    def _write(self) -> None:
        self._written = time.monotonic()
        if self._file:
            write_atomically(self._file, msgspec.json.encode(self._now) + b"\n")
