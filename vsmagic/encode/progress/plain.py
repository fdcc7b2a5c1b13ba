"""Progress in plain lines on stderr, for log files and pipes."""

import sys
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from vsmagic.encode.progress import words
from vsmagic.encode.progress.tally import Tally

if TYPE_CHECKING:
    from vsmagic.encode.many.report import Entry, Report

_SECONDS = 5.0
_MOST_SECONDS = 60.0
_LINES = 20  # about; then they come as rarely as lets the log of a whole night be read


class PlainFile:
    """One line every few seconds, later every minute, and one at the end."""

    def __init__(self, prefix: str = "") -> None:
        """Make a new one; ``prefix`` begins its lines."""
        self._prefix = prefix
        self._tally = Tally()
        self._began = self._last = time.monotonic()
        self._ended = False

    def stage(self, words: str) -> None:
        """Begin something without frames."""
        if self._due():
            _print(f"{self._prefix}{words}")

    def begin(self, chunks: Sequence[int], kept: Mapping[int, int]) -> None:
        """Begin the frames."""
        self._tally.begin(chunks, kept)
        self._last = time.monotonic()
        self._ended = False

    def frames(self, chunk: int, done: int, size: int) -> None:
        """Tell now and then, and once at the end."""
        self._tally.frames(chunk, done, size)
        self._tell()

    def made(self, chunk: int, size: int) -> None:
        """Tell now and then, and once at the end."""
        self._tally.made(chunk, size)
        self._tell()

    def _due(self) -> bool:
        now = time.monotonic()
        due = now - self._last >= min(max(_SECONDS, (now - self._began) / _LINES), _MOST_SECONDS)
        if due:
            self._last = now
        return due

    def _tell(self) -> None:
        ends = self._tally.whole
        if self._ended or not (self._due() or ends):
            return
        self._ended = ends
        state = self._tally.state()
        if state.total:
            _print(f"{self._prefix}{words.line(state)}")


class Plain:
    """Lines that begin with the file's name and place where there are several files."""

    def __init__(self) -> None:
        self._report: Report | None = None

    def begin(self, report: "Report") -> None:
        """Note what files there are."""
        self._report = report

    def file(self, number: int) -> PlainFile:
        """Return what tells of a file."""
        if self._report is None or not self._report.several:
            return PlainFile()
        return PlainFile(f"[{number + 1} of {len(self._report.files)}] {self._report.files[number].name}: ")

    def ended(self, number: int, entry: "Entry") -> None:
        """Say nothing: what became of each is told by the run."""

    def warned(self, number: int | None, words: str) -> None:
        """Say nothing: it is in the log."""

    def end(self, report: "Report") -> None:
        """Say nothing."""


def _print(text: str) -> None:
    print(f"vsmagic: {text}", file=sys.stderr, flush=True)  # noqa: T201
