"""The record of a run: what became of every file, as data that other programs read and that outlives a crash."""

import platform
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import msgspec

from vsmagic import __version__
from vsmagic.files import write_atomically

SCHEMA = 1
"""Rises when a field changes its meaning or goes; new fields may come without."""
MIXED = 11
"""Exit code of a run in which files failed for different reasons."""
DAMAGED = 9

Status = Literal["waiting", "running", "made", "skipped", "failed", "stopped"]


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One file. What is not known, or not yet, is null."""

    input: str
    output: str
    status: Status = "waiting"
    """``running`` in the record of a run that has ended means that it was killed in the middle of this file."""
    frames: int | None = None
    """Of the output."""
    frames_made: int | None = None
    """By this run; the others an earlier one had made."""
    duration: float | None = None
    """Seconds of picture in the output."""
    input_duration: float | None = None
    """Seconds, as the input claims."""
    input_size: tuple[int, int] | None = None
    """Width and height of the input's pictures, as it claims."""
    width: int | None = None
    height: int | None = None
    fps: float | None = None
    """Frames of the output over its duration."""
    bytes_in: int | None = None
    bytes_out: int | None = None
    seconds: float | None = None
    """It took, all steps together."""
    mean_fps: float | None = None
    """Frames made over the seconds it took."""
    chunks: int | None = None
    warnings: tuple[str, ...] = ()
    error: str | None = None
    """Why it failed; of a file that was skipped, why; of one that was made, what of its input is damaged."""
    exit_code: int | None = None
    """What the file alone would have ended with."""
    chain: Any = None
    """The filters as they were applied, as in a chain file."""

    @property
    def name(self) -> str:
        """What the file is called in messages."""
        return Path(self.input).name


class Report(msgspec.Struct, kw_only=True):
    """A run."""

    schema: int = SCHEMA
    arguments: tuple[str, ...]
    """Of the command."""
    versions: dict[str, str]
    machine: str
    begun: str
    """Time in UTC."""
    ended: str | None = None
    """Null while it runs, and for ever if it was killed."""
    seconds: float | None = None
    made: int = 0
    skipped: int = 0
    failed: int = 0
    exit_code: int | None = None
    files: list[Entry]

    @property
    def several(self) -> bool:
        """Whether there is more than one file."""
        return len(self.files) > 1

    def count(self) -> None:
        """Bring the counts up to date."""
        found = [entry.status for entry in self.files]
        self.made, self.skipped, self.failed = (found.count(each) for each in ("made", "skipped", "failed"))

    def end(self, seconds: float, *, code: int | None = None) -> int:
        """Note that the run is over, and return its exit code."""
        self.ended, self.seconds = _now(), round(seconds, 3)
        self.exit_code = code_of(self.files) if code is None else code
        return self.exit_code


def new(files: list[Entry], versions: dict[str, str]) -> Report:
    """Return the report of a run that begins now."""
    from vsmagic.machine import machine

    return Report(
        arguments=tuple(map(text, sys.argv[1:])),
        versions={"vsmagic": __version__, "python": platform.python_version(), **versions},
        machine=str(machine()),
        begun=_now(),
        files=files,
    )


def text(value: object) -> str:
    """Return words or a path as text that can be written anywhere: bytes of names that are no UTF-8 are replaced."""
    return str(value).encode(errors="surrogateescape").decode(errors="replace")


def code_of(files: list[Entry]) -> int:
    """Return the exit code of a run: 0 when all is well, that of the failures when they are alike, else 11.

    Files that were made as far as a damaged input could be decoded count where nothing failed.
    """
    failed = {entry.exit_code or 1 for entry in files if entry.status == "failed"}
    if not failed:
        return DAMAGED if any(entry.exit_code == DAMAGED for entry in files) else 0
    return failed.pop() if len(failed) == 1 else MIXED


def write(report: Report, path: Path) -> None:
    """Write the report; whoever reads it finds the former one or this one, whole.

    Raises:
        OutputError: it cannot be written.
    """
    report.count()
    write_atomically(path, msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
