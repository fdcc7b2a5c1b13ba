"""Progress as a live picture on a terminal: a bar for each file in the making, a line for each of its chunks."""

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.live import Live as Screen
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from vsmagic.encode.progress import words
from vsmagic.encode.progress.tally import Chunk, State, Tally

if TYPE_CHECKING:
    from vsmagic.encode.many.report import Entry, Report

_WIDTH = 120
_CHUNKS = 6
"""Lines of chunks at most."""
_REFRESH = 4  # a second
_SURE = 0.02  # of all the work: less foretells nothing


class LiveFile:
    """One file: a bar with its figures below, and its chunks."""

    def __init__(self, name: str, lock: threading.RLock) -> None:
        self._name, self._lock = name, lock
        self._tally = Tally()
        self._words: str | None = "starting"

    def stage(self, words: str) -> None:
        """Begin something without frames."""
        with self._lock:
            self._words = words

    def begin(self, chunks: Sequence[int], kept: Mapping[int, int]) -> None:
        """Begin the frames."""
        with self._lock:
            self._words = None
            self._tally.begin(chunks, kept)

    def frames(self, chunk: int, done: int, size: int) -> None:
        """Move the bar."""
        with self._lock:
            self._words = None
            self._tally.frames(chunk, done, size)

    def made(self, chunk: int, size: int) -> None:
        """Move the bar."""
        with self._lock:
            self._tally.made(chunk, size)

    @property
    def share(self) -> float:
        """How much is done, 0 to 1."""
        return self._tally.state().share

    @property
    def kept(self) -> float:
        """How much an earlier run had done, 0 to 1."""
        state = self._tally.state()
        return state.kept / state.total if state.total else 0.0

    @property
    def left(self) -> float:
        """Seconds left, 0 where they are unknown."""
        return self._tally.state().left or 0.0

    def lines(self) -> Iterator[RenderableType]:
        """Give what is shown of it."""
        state = self._tally.state()
        yield _bar(self._name, state.done, state.total, words.percent(state) if state.total else "")
        yield Text("  " + (self._words or words.line(state, share=False)), no_wrap=True, overflow="ellipsis")
        if state.chunks > 1 and state.finished < state.chunks:
            yield _chunks(state)


class Live:
    """All files in the making, and how many there are; drawn again and again by a thread of its own."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._report: Report | None = None
        self._files: dict[int, LiveFile] = {}
        self._worked = self._given = 0.0
        self._began = time.monotonic()

    def begin(self, report: "Report") -> None:
        """Note what files there are."""
        with self._lock:
            self._report, self._began = report, time.monotonic()

    def file(self, number: int) -> LiveFile:
        """Show a file."""
        name = "" if self._report is None else self._report.files[number].name
        with self._lock:
            shown = self._files[number] = LiveFile(name, self._lock)
        return shown

    def ended(self, number: int, entry: "Entry") -> None:
        """Show it no more."""
        with self._lock:
            file = self._files.pop(number, None)
            if file is not None and entry.status == "made":
                self._worked += _weight(entry) * (1 - file.kept)
                self._given += _weight(entry) * file.kept

    def warned(self, number: int | None, words: str) -> None:
        """Say nothing: it is in the log."""

    def end(self, report: "Report") -> None:
        """Say nothing: what is drawn goes away."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Give the lines as they are now."""
        with self._lock:
            yield Group(*self._lines())

    def _lines(self) -> Iterator[RenderableType]:
        for file in self._files.values():
            yield from file.lines()
        if self._report is not None and self._report.several:
            yield from self._overall(self._report)

    def _overall(self, report: "Report") -> Iterator[RenderableType]:
        settled = sum(entry.status not in ("waiting", "running") for entry in report.files)
        failed = sum(entry.status == "failed" for entry in report.files)
        done, total, left = self._work(report)
        yield _bar(
            f"{settled} of {len(report.files)} files", done, total, f"{int(100 * done / total)}%" if total else ""
        )
        parts = [f"{failed} failed" if failed else "", f"{words.clock(time.monotonic() - self._began)} so far",
                 "" if left is None else f"about {words.clock(left)} left in all"]  # fmt: skip
        yield Text("  " + ", ".join(part for part in parts if part), no_wrap=True, overflow="ellipsis")

    def _work(self, report: "Report") -> tuple[float, float, float | None]:
        """Return the work done and in all, and the seconds left; None where they cannot be told yet."""
        running = [(file, _weight(report.files[number])) for number, file in self._files.items()]
        worked = self._worked + sum(weight * (file.share - file.kept) for file, weight in running)
        done = worked + self._given + sum(weight * file.kept for file, weight in running)
        waiting = sum(_weight(entry) for entry in report.files if entry.status == "waiting")
        total = self._worked + self._given + sum(weight for _, weight in running) + waiting
        if not total or worked < total * _SURE:
            return done, total, None
        left = (total - done) * (time.monotonic() - self._began) / worked
        return done, total, max([left, *(file.left for file, _ in running)])


@contextmanager
def live() -> Iterator[Live]:
    """Show progress on the terminal that stderr is; what is logged meanwhile appears above it."""
    display = Live()
    # What writes to stderr meanwhile goes through the screen, or a warning in the middle of a job would tear the bar.
    with Screen(
        display, console=Console(stderr=True), transient=True, refresh_per_second=_REFRESH, redirect_stdout=False,
        vertical_overflow="crop",
    ):  # fmt: skip
        yield display


def _weight(entry: "Entry") -> float:
    """Return about how much work a file is: pixels that last so many seconds."""
    width, height = entry.input_size or (640, 480)
    return (entry.input_duration or 60.0) * width * height


def _bar(name: str, done: float, total: float, percent: str) -> RenderableType:
    table = Table.grid(padding=(0, 1), expand=True)
    table.add_column(no_wrap=True, overflow="ellipsis", max_width=36)
    table.add_column(ratio=1)
    table.add_column(width=4, justify="right")
    table.add_row(Text(name), ProgressBar(total=total or 1, completed=done), percent)
    return _Limited(table)


def _chunks(state: State) -> RenderableType:
    table = Table.grid(padding=(0, 1), expand=True)
    table.add_column(no_wrap=True)
    table.add_column(ratio=1)
    table.add_column(no_wrap=True, justify="right")
    for chunk in state.making[:_CHUNKS]:
        table.add_row(
            f"  chunk {chunk.number + 1} of {state.chunks}", _chunk_bar(chunk), f"{chunk.done} of {chunk.frames}"
        )
    if not state.making:  # so that what is below does not jump
        table.add_row("  next chunk")
    more = len(state.making) - _CHUNKS
    if more > 0:
        table.add_row(f"  and {more} more")
    return _Limited(table)


def _chunk_bar(chunk: Chunk) -> ProgressBar:
    return ProgressBar(total=chunk.frames, completed=chunk.done, complete_style="cyan", finished_style="cyan")


class _Limited:
    """Something of the terminal's width, and no wider than the eye follows."""

    def __init__(self, inner: RenderableType) -> None:
        self._inner = inner

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield from console.render(self._inner, options.update(width=min(options.max_width, _WIDTH)))
