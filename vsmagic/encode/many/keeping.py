"""Keeps the report of a run true while it runs: every change goes to its file and to the display."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from vsmagic.encode.many import report as reports
from vsmagic.encode.many.report import DAMAGED, Entry, Report, text
from vsmagic.encode.progress import Display, Progress
from vsmagic.encode.work import Result
from vsmagic.errors import OutputError

log = logging.getLogger(__name__)


class Keeping:
    """The report, the display, and the file that the report goes to."""

    def __init__(self, report: Report, display: Display, path: Path | None) -> None:
        """Begin; ``path`` may be None.

        Raises:
            OutputError: the report cannot be written; later that is only logged.
        """
        self.report, self._display, self._path = report, display, path
        report.count()
        if path is not None:
            reports.write(report, path)
        display.begin(report)

    def started(self, number: int, chain: str) -> Progress:
        """A file is begun; return what hears how far it is."""
        self._set(number, status="running", chain=msgspec.json.decode(chain))
        return _Counting(self._display.file(number), self, number)

    def chunked(self, number: int, chunks: int) -> None:
        """Note how many chunks a file has."""
        self._set(number, chunks=chunks, write=False)

    def warned(self, number: int, words: str) -> None:
        """Note a warning."""
        entry, words = self.report.files[number], text(words)
        if words not in entry.warnings:
            self._set(number, warnings=(*entry.warnings, words), write=False)
            self._display.warned(number, words)

    def made(self, number: int, result: Result) -> Entry:
        """Note what was made."""
        output = Path(self.report.files[number].output)
        seconds, duration = result.elapsed, float(result.duration)
        return self._end(
            number,
            status="made",
            frames=result.frames,
            frames_made=result.made,
            duration=round(duration, 6),
            width=result.width,
            height=result.height,
            fps=round(result.frames / duration, 6) if duration else None,
            bytes_out=output.stat().st_size if output.is_file() else None,
            seconds=round(seconds, 3),
            mean_fps=round(result.made / seconds, 3) if seconds else None,
            error=None if result.loss is None else text(result.loss),
            exit_code=DAMAGED if result.loss else 0,
        )

    def failed(self, number: int, words: str, code: int) -> Entry:
        """Note why there is no output."""
        return self._end(number, status="failed", error=text(words), exit_code=code)

    def skipped(self, number: int, words: str) -> Entry:
        """Note why nothing is made, as what is said of the output."""
        return self._end(number, status="skipped", error=text(words))

    def stopped(self, code: int) -> None:
        """Note that what runs was stopped."""
        for number, entry in enumerate(self.report.files):
            if entry.status == "running":
                self._end(number, status="stopped", exit_code=code)

    def end(self, seconds: float, *, code: int | None = None) -> int:
        """Note the end of the run, and return its exit code: a given one, or that of its files."""
        found = self.report.end(seconds, code=code)
        self._write()
        self._display.end(self.report)
        return found

    def _end(self, number: int, **facts: Any) -> Entry:
        entry = self._set(number, **facts)
        self._display.ended(number, entry)
        return entry

    def _set(self, number: int, *, write: bool = True, **facts: Any) -> Entry:
        entry = self.report.files[number] = replace(self.report.files[number], **facts)
        if write:
            self._write()
        return entry

    def _write(self) -> None:
        self.report.count()
        if self._path is None:
            return
        try:
            reports.write(self.report, self._path)
        except OutputError as error:  # no reason to give up a night's work
            log.warning("the report could not be written: %s", error)


class _Counting:
    """Passes progress on, and notes the chunks."""

    def __init__(self, inner: Progress, keeping: Keeping, number: int) -> None:
        self._inner, self._keeping, self._number = inner, keeping, number
        self.stage = inner.stage
        self.frames = inner.frames
        self.made = inner.made

    def begin(self, chunks: Sequence[int], kept: Mapping[int, int]) -> None:
        self._keeping.chunked(self._number, len(chunks))
        self._inner.begin(chunks, kept)


class _Warnings(logging.Handler):
    def __init__(self, keeping: Keeping, number: int) -> None:
        super().__init__(logging.WARNING)
        self._keeping, self._number = keeping, number

    def emit(self, record: logging.LogRecord) -> None:
        self._keeping.warned(self._number, record.getMessage())


@contextmanager
def warnings_of(keeping: Keeping, number: int) -> Iterator[None]:
    """Note the warnings that this process logs as those of a file."""
    logger, handler = logging.getLogger("vsmagic"), _Warnings(keeping, number)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
