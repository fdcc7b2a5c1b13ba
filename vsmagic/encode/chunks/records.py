"""What is kept of each finished part of a job, as a small file beside it, and whether the part is still what it was."""

import hashlib
from fractions import Fraction
from itertools import groupby
from pathlib import Path

import msgspec

from vsmagic.errors import OutputError
from vsmagic.files import write_atomically

_BLOCK = 2**20


class Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One finished file that holds pictures first to end of the output, the end exclusive."""

    first: int
    end: int
    file: str
    """Its name; the record has the same one, ending in .json."""
    size: int
    """Bytes."""
    sha256: str
    durations: tuple[tuple[int, int, int], ...]
    """Runs of frames that last equally long: seconds as numerator and denominator, and how many there are."""
    delay: int
    """How many frames at most are decoded before the one that is shown next."""
    head: str
    """SHA-256 of what a decoder must know first: parameter sets, sequence header."""
    damage: str | None = None
    """The source filter's words about the frame at which it gave up, which ends the output; None when all came."""
    seconds: float
    """It took."""

    @property
    def frames(self) -> int:
        """How many frames the file holds; fewer than it should where the source is damaged."""
        return sum(count for _, _, count in self.durations)

    @property
    def lengths(self) -> list[Fraction]:
        """Seconds that each frame is shown."""
        return [length for num, den, count in self.durations for length in [Fraction(num, den)] * count]


def runs(durations: list[Fraction]) -> tuple[tuple[int, int, int], ...]:
    """Return durations as :class:`Record` keeps them."""
    return tuple((length.numerator, length.denominator, len(list(same))) for length, same in groupby(durations))


def sha256_of(path: Path) -> str:
    """Return the hash of a file.

    Raises:
        OSError: it cannot be read.
    """
    found = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            found.update(block)
    return found.hexdigest()


def write(record: Record, folder: Path) -> None:
    """Write a record beside its file.

    Raises:
        OutputError: it cannot be written.
    """
    write_atomically(_path(folder, record.file), msgspec.json.encode(record))


def read(folder: Path, file: str) -> Record | str | None:
    """Return the record of a file that is still what it was; None where there is none, else what is wrong, in words.

    Raises:
        OutputError: the file is there and cannot be read.
    """
    try:
        record = msgspec.json.decode(_path(folder, file).read_bytes(), type=Record)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError as error:
        return f"its record is damaged ({error})"
    except OSError as error:
        raise OutputError(f"{_path(folder, file)}: cannot be read ({error.strerror}).") from error
    return _wrong(record, folder, file) or record


def _wrong(record: Record, folder: Path, file: str) -> str | None:
    path = folder / file
    if record.file != file:
        return f"its record is that of {record.file}"
    if not path.is_file():
        return "its file is gone"
    if path.stat().st_size != record.size:
        return f"it has {path.stat().st_size} bytes instead of {record.size}"
    return None if sha256_of(path) == record.sha256 else "it is not what was written (its SHA-256 differs)"


def _path(folder: Path, file: str) -> Path:
    return (folder / file).with_suffix(".json")
