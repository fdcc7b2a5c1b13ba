"""Tells how far a job is: a live line on a terminal, a plain line now and then elsewhere."""

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

_PLAIN_SECONDS = 5.0


class Progress(Protocol):
    """What a job tells of itself. Called from one thread, but for :meth:`frames` while nothing else is."""

    def stage(self, words: str) -> None:
        """Something begins that has no frames to count."""

    def begin(self, chunks: Sequence[int], kept: Mapping[int, int]) -> None:
        """Frames are about to come.

        Args:
            chunks: frames in each chunk, in their order; one for a job that is not cut.
            kept: bytes of the chunks, by their number, that an earlier run has finished.
        """

    def frames(self, chunk: int, done: int, size: int) -> None:
        """So many frames of a chunk have left the filters, and its file has so many bytes; less when it is begun anew."""

    def made(self, chunk: int, size: int) -> None:
        """A chunk is finished and its file has so many bytes."""


class Silent:
    """Tells nothing."""

    def stage(self, words: str) -> None:
        """Say nothing."""

    def begin(self, chunks: Sequence[int], kept: Mapping[int, int]) -> None:
        """Say nothing."""

    def frames(self, chunk: int, done: int, size: int) -> None:
        """Say nothing."""

    def made(self, chunk: int, size: int) -> None:
        """Say nothing."""


class Counted:
    """Adds up the frames of all chunks."""

    def __init__(self) -> None:
        self.total = 0
        self.done = 0
        self.kept = 0
        self._lengths: list[int] = []
        self._each: dict[int, int] = {}

    def begin(self, chunks: Sequence[int], kept: Mapping[int, int]) -> None:
        """See :class:`Progress`."""
        self._lengths = list(chunks)
        self._each = {number: chunks[number] for number in kept}
        self.total, self.kept = sum(chunks), sum(self._each.values())
        self.done = self.kept

    def frames(self, chunk: int, done: int) -> None:
        """See :class:`Progress`."""
        if self._lengths:
            self._each[chunk] = min(done, self._lengths[chunk])
            self.done = sum(self._each.values())

    def made(self, chunk: int) -> None:
        """See :class:`Progress`."""
        self.frames(chunk, self._lengths[chunk])


class Plain:
    """One line to stderr every few seconds, for log files and pipes."""

    def __init__(self) -> None:
        self._count = Counted()
        self._ended = False
        self._started = self._last = time.monotonic()

    def stage(self, words: str) -> None:
        """Begin something without frames."""
        now = time.monotonic()
        if now - self._last >= _PLAIN_SECONDS:
            self._last = now
            print(f"vsmagic: {words}", file=sys.stderr, flush=True)  # noqa: T201

    def begin(self, chunks: Sequence[int], kept: Mapping[int, int]) -> None:
        """Begin the frames."""
        self._count.begin(chunks, kept)
        self._ended = False
        self._started = self._last = time.monotonic()

    def frames(self, chunk: int, done: int, size: int) -> None:  # noqa: ARG002
        """Tell now and then, and once at the end."""
        self._count.frames(chunk, done)
        self._tell()

    def made(self, chunk: int, size: int) -> None:  # noqa: ARG002
        """Tell now and then, and once at the end."""
        self._count.made(chunk)
        self._tell()

    def _tell(self) -> None:
        now, count = time.monotonic(), self._count
        early = now - self._last < _PLAIN_SECONDS and count.done < count.total
        if early or self._ended or not count.total:
            return
        self._last = now
        self._ended = count.done >= count.total
        print(f"vsmagic: {_words(count, now - self._started)}", file=sys.stderr, flush=True)  # noqa: T201


def _words(count: Counted, seconds: float) -> str:
    """Tell how far it is, never more than all of it."""
    done, total = count.done, count.total
    rate = (done - count.kept) / seconds if seconds > 0 else 0.0
    left = f", {timedelta(seconds=round((total - done) / rate))} left" if rate and done < total else ""
    return f"frame {done} of {total} ({done / max(total, 1):.0%}), {rate:.1f} fps{left}"


class Live:
    """A bar with frames a second and the time left."""

    def __init__(self, bar: "Bar") -> None:
        self._bar = bar
        self._task = bar.add_task("starting", total=None)
        self._count = Counted()
        self._started = time.monotonic()

    def stage(self, words: str) -> None:
        """Begin something without frames."""
        self._bar.update(self._task, description=words)

    def begin(self, chunks: Sequence[int], kept: Mapping[int, int]) -> None:
        """Begin the frames."""
        self._count.begin(chunks, kept)
        self._started = time.monotonic()
        self._bar.reset(self._task, total=self._count.total, description=_words(self._count, 0))
        self._show()

    def frames(self, chunk: int, done: int, size: int) -> None:  # noqa: ARG002
        """Move the bar."""
        self._count.frames(chunk, done)
        self._show()

    def made(self, chunk: int, size: int) -> None:  # noqa: ARG002
        """Move the bar."""
        self._count.made(chunk)
        self._show()

    def _show(self) -> None:
        words = _words(self._count, time.monotonic() - self._started)
        self._bar.update(self._task, completed=self._count.done, description=words)


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
