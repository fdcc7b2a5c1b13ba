"""Changes to files as plain data: shown before they are made, and made all together or not at all."""

import contextlib
import errno
import os
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from vsmagic.errors import OutputError

PART = ".vsmagic-part"
"""Ending of files that are being written; one that is found belongs to a run that was killed."""


@dataclass(frozen=True, kw_only=True)
class Write:
    """A file that is to hold these bytes."""

    path: Path
    content: bytes
    what: str
    """What happens to it, in words."""
    remedy: str = "Make it writable, or name another folder with --config-dir."
    """What to do where it cannot be written."""


@dataclass(frozen=True, kw_only=True)
class Changes:
    """What is to be done, in this order; empty where everything is already so."""

    folders: tuple[Path, ...] = ()
    """To be made, each after those it lies in."""
    writes: tuple[Write, ...] = ()
    removals: tuple[Path, ...] = ()
    emptied: tuple[Path, ...] = ()
    """Folders to be removed if nothing is left in them, each before those it lies in."""

    def __bool__(self) -> bool:
        return bool(self.folders or self.writes or self.removals or self.emptied)

    def told(self) -> Iterator[str]:
        """Tell every change on a line."""
        yield from (f"make    {folder}{os.sep}" for folder in self.folders)
        yield from (f"write   {write.path}: {write.what}" for write in self.writes)
        yield from (f"remove  {path}" for path in self.removals)
        yield from (f"remove  {folder}{os.sep} when it is empty" for folder in self.emptied)

    def make(self) -> None:
        """Make the changes. Every file is written in full beside its place first; then they only change names.

        Raises:
            OutputError: something cannot be written, and nothing was changed; or cannot be removed.
        """
        made: list[Path] = []
        parts: list[tuple[Path, Path]] = []
        try:
            for folder in self.folders:
                folder.mkdir()
                made.append(folder)
            for write in self.writes:
                parts.append((write.path.with_name(f".{write.path.name}.{secrets.token_hex(4)}{PART}"), write.path))
                _write(parts[-1][0], write)
            _rename(parts)
        except BaseException as error:
            _undo(parts, made)
            if isinstance(error, OSError):
                raise _refused(error) from error
            raise
        self._remove()

    def _remove(self) -> None:
        try:
            for path in self.removals:
                path.unlink(missing_ok=True)
        except OSError as error:
            raise _refused(error) from error
        for folder in self.emptied:
            with contextlib.suppress(OSError):  # something of the user's lies in it
                folder.rmdir()


def _write(part: Path, write: Write) -> None:
    try:
        with part.open("xb") as file:
            file.write(write.content)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:  # the part's own name would tell nobody anything
        remedy = "Free some space." if error.errno == errno.ENOSPC else write.remedy
        raise OutputError(f"{write.path}: cannot be written ({error.strerror}). {remedy}") from error
    with contextlib.suppress(FileNotFoundError):  # a new file has the mode that every new file has
        part.chmod(write.path.stat().st_mode & 0o7777)


def _rename(parts: list[tuple[Path, Path]]) -> None:
    for _, path in parts:
        if path.is_dir():
            raise IsADirectoryError(0, "there is a folder of that name", str(path))
    for part, path in parts:
        part.replace(path)


def _undo(parts: Sequence[tuple[Path, Path]], made: Sequence[Path]) -> None:
    for part, _ in parts:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
    for folder in reversed(made):
        with contextlib.suppress(OSError):  # what has its name already stays, for the next run to complete
            folder.rmdir()


def _refused(error: OSError) -> OutputError:
    return OutputError(
        f"{error.filename}: cannot be changed ({error.strerror}). Make it writable, or name another folder with "
        "--config-dir."
    )
