"""Progress as JSON, one object a line, for a program that starts this one. docs/encoding.md tells the fields."""

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TextIO

import msgspec

from vsmagic.encode.progress.tally import Tally
from vsmagic.errors import OutputError

if TYPE_CHECKING:
    from vsmagic.encode.many.report import Entry, Report

VERSION = 1
"""Rises when a field changes its meaning or goes; new fields and types may come without."""
_SECONDS = 0.5
"""Between two lines of progress of a file, at least."""


class FileLines:
    """Lines of one file."""

    def __init__(self, out: "Lines", number: int) -> None:
        self._out, self._number = out, number
        self._tally = Tally()
        self._last = 0.0
        self._stage = ""

    def stage(self, words: str) -> None:
        """Begin something without frames."""
        if words != self._stage:
            self._stage = words
            self._write("stage", words=words)

    def begin(self, chunks: Sequence[int], kept: Mapping[int, int]) -> None:
        """Begin the frames."""
        self._tally.begin(chunks, kept)
        state = self._tally.state()
        self._write(
            "begin", frames=state.total, frames_kept=state.kept, chunks=list(chunks), chunks_kept=sorted(kept)
        )  # fmt: skip

    def frames(self, chunk: int, done: int, size: int) -> None:
        """Tell now and then."""
        self._tally.frames(chunk, done, size)
        if time.monotonic() - self._last >= _SECONDS:
            self._tell()

    def made(self, chunk: int, size: int) -> None:
        """Tell of it, and how far all is."""
        self._tally.made(chunk, size)
        self._write("chunk", chunk=chunk, bytes=size)
        self._tell()

    def _tell(self) -> None:
        self._last = time.monotonic()
        state = self._tally.state()
        self._write(
            "progress",
            frames=state.done,
            frames_total=state.total,
            frames_kept=state.kept,
            fps=round(state.fps, 3),
            mean_fps=round(state.mean, 3),
            seconds=round(state.elapsed, 3),
            seconds_left=None if state.left is None else round(state.left, 1),
            bytes=state.size,
            bytes_expected=state.expected,
            making=[
                {"chunk": one.number, "frames": one.done, "frames_total": one.frames, "bytes": one.size}
                for one in state.making
            ],
        )

    def _write(self, kind: str, **fields: Any) -> None:
        self._out.write(kind, file=self._number, **fields)


class Lines:
    """Lines of a run."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def begin(self, report: "Report") -> None:
        """The first line, which names the files."""
        files = [{"input": entry.input, "output": entry.output, "status": entry.status} for entry in report.files]
        self.write("run", versions=report.versions, files=files)

    def file(self, number: int) -> FileLines:
        """Return what writes of a file."""
        self.write("file", file=number)
        return FileLines(self, number)

    def ended(self, number: int, entry: "Entry") -> None:
        """Write what became of a file."""
        self.write("file-end", file=number, **msgspec.to_builtins(entry))

    def warned(self, number: int | None, words: str) -> None:
        """Write a warning."""
        self.write("warning", file=number, words=words)

    def end(self, report: "Report") -> None:
        """The last line."""
        self.write("end", made=report.made, skipped=report.skipped, failed=report.failed, seconds=report.seconds,
                   exit_code=report.exit_code)  # fmt: skip

    def write(self, kind: str, **fields: Any) -> None:
        """Write one object, at once.

        Raises:
            OutputError: nobody reads any more.
        """
        line = msgspec.json.encode({"v": VERSION, "type": kind, "time": round(time.time(), 3), **fields})
        try:
            self._out.write(line.decode() + "\n")
            self._out.flush()
        except OSError as error:
            raise OutputError(
                f"progress cannot be written to stdout ({error.strerror}), so the run was stopped; the same command "
                "goes on there."
            ) from error
