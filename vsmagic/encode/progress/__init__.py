"""Tells how far a job is: live on a terminal, a plain line now and then elsewhere, or as JSON for another program.

What a job tells goes to a :class:`Progress`, one for each file; what all files of a run share is a :class:`Display`.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from vsmagic.encode.many.report import Entry, Report

Kind = Literal["auto", "live", "plain", "json", "none"]
KINDS: tuple[Kind, ...] = ("auto", "live", "plain", "json", "none")


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
        """So many frames of a chunk have left the filters, and its file has so many bytes; fewer if it began anew."""

    def made(self, chunk: int, size: int) -> None:
        """A chunk is finished and its file has so many bytes."""


class Display(Protocol):
    """Where the progress of the files of one run is shown. Called from one thread."""

    def begin(self, report: "Report") -> None:
        """The run begins; the report tells of all its files, those that are settled already among them."""

    def file(self, number: int) -> Progress:
        """A file of the report, counted from 0, is begun; return what hears how far it is."""

    def ended(self, number: int, entry: "Entry") -> None:
        """Nothing more comes of a file: what became of it."""

    def warned(self, number: int | None, words: str) -> None:
        """A warning was said, of a file or of the whole run."""

    def end(self, report: "Report") -> None:
        """The run is over."""


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


class Nothing:
    """A display that shows nothing."""

    def begin(self, report: "Report") -> None:
        """Say nothing."""

    def file(self, number: int) -> Progress:  # noqa: ARG002
        """Return what says nothing."""
        return Silent()

    def ended(self, number: int, entry: "Entry") -> None:
        """Say nothing."""

    def warned(self, number: int | None, words: str) -> None:
        """Say nothing."""

    def end(self, report: "Report") -> None:
        """Say nothing."""


@contextmanager
def shown(kind: Kind = "auto") -> Iterator[Display]:
    """Choose how progress is told: live on a terminal, in plain lines elsewhere, both on stderr; as JSON on stdout."""
    if kind == "auto":
        kind = "live" if sys.stderr.isatty() else "plain"
    if kind == "none":
        yield Nothing()
    elif kind == "plain":
        from vsmagic.encode.progress.plain import Plain

        yield Plain()
    elif kind == "json":
        from vsmagic.encode.progress.lines import Lines

        yield Lines(sys.stdout)
    else:
        from vsmagic.encode.progress.live import live

        with live() as display:
            yield display
