"""Tells how far a job is: a live line on a terminal, a plain line now and then elsewhere."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

_PLAIN_SECONDS = 5.0


class Progress(Protocol):
    """What a job tells of itself. Called from several threads."""

    def stage(self, words: str) -> None:
        """Something begins that has no frames to count."""

    def total(self, frames: int) -> None:
        """Frames are about to come, this many."""

    def frames(self, done: int) -> None:
        """This many frames have left the filters."""


class Silent:
    """Tells nothing."""

    def stage(self, words: str) -> None:
        """Say nothing."""

    def total(self, frames: int) -> None:
        """Say nothing."""

    def frames(self, done: int) -> None:
        """Say nothing."""


class Plain:
    """One line to stderr every few seconds, for log files and pipes."""

    def __init__(self) -> None:
        self._total = 0
        self._ended = False
        self._started = self._last = time.monotonic()

    def stage(self, words: str) -> None:
        """Begin something without frames."""
        now = time.monotonic()
        if now - self._last >= _PLAIN_SECONDS:
            self._last = now
            print(f"vsmagic: {words}", file=sys.stderr, flush=True)  # noqa: T201

    def total(self, frames: int) -> None:
        """Begin the frames."""
        self._total = frames
        self._ended = False
        self._started = self._last = time.monotonic()

    def frames(self, done: int) -> None:
        """Tell now and then, and once at the end, of which vspipe and the pipeline both tell."""
        now = time.monotonic()
        early = now - self._last < _PLAIN_SECONDS and done < self._total
        if early or self._ended or not self._total:  # vspipe may count before its description has been read
            return
        self._last = now
        self._ended = done >= self._total
        print(f"vsmagic: {_words(done, self._total, now - self._started)}", file=sys.stderr, flush=True)  # noqa: T201


def _words(done: int, total: int, seconds: float) -> str:
    """Tell how far it is, never more than all of it."""
    done = min(done, total)
    rate = done / seconds if seconds > 0 else 0.0
    left = f", {timedelta(seconds=round((total - done) / rate))} left" if rate and done < total else ""
    return f"frame {done} of {total} ({done / max(total, 1):.0%}), {rate:.1f} fps{left}"


class Live:
    """A bar with frames a second and the time left."""

    def __init__(self, bar: "Bar") -> None:
        self._bar = bar
        self._task = bar.add_task("starting", total=None)
        self._total = 0
        self._started = time.monotonic()

    def stage(self, words: str) -> None:
        """Begin something without frames."""
        self._bar.update(self._task, description=words)

    def total(self, frames: int) -> None:
        """Begin the frames."""
        self._total = frames
        self._started = time.monotonic()
        self._bar.reset(self._task, total=frames, description=_words(0, frames, 0))

    def frames(self, done: int) -> None:
        """Move the bar."""
        if not self._total:
            return
        words = _words(done, self._total, time.monotonic() - self._started)
        self._bar.update(self._task, completed=min(done, self._total), description=words)


@contextmanager
def shown(*, quiet: bool = False) -> Iterator[Progress]:
    """Choose how progress is told: not at all, as a live bar on a terminal, or in plain lines; on stderr."""
    if quiet:
        yield Silent()
        return
    if not sys.stderr.isatty():
        yield Plain()
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (BarColumn(), TextColumn("{task.description}"))
    # Redirecting keeps a warning in the middle of the job from tearing the bar.
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        yield Live(bar)
