"""Gives the chunks that a cluster made their names in the job's folder, with their records."""

import hashlib
import os
import shutil
import time
from pathlib import Path

from vsmagic.encode.chunks import records
from vsmagic.encode.chunks.chunk import MAKING
from vsmagic.encode.chunks.records import Record
from vsmagic.errors import EncodeError

_SWEEPS = 20
_PAUSE = 0.1


class Arrival:
    """One attempt at a chunk, made in a folder of its own: by the node where that sees the job's, else from pieces."""

    def __init__(self, folder: Path, attempt: str) -> None:
        self._folder = folder
        self._place = folder / f"{MAKING}{attempt}"
        self._hash = hashlib.sha256()
        self._pieces = 0

    def add(self, file: str, data: bytes) -> None:
        """Append a piece.

        Raises:
            OSError: it cannot be written.
        """
        self._place.mkdir(exist_ok=True)
        with (self._place / file).open("ab") as opened:
            opened.write(data)
        self._hash.update(data)
        self._pieces += 1

    def finish(self, record: Record) -> None:
        """Flush the file to disk and give it its name, then write the record.

        Raises:
            EncodeError: it is not what the node made.
            OSError: it cannot be written.
        """
        made = self._place / record.file
        if not made.is_file() or made.stat().st_size != record.size:
            raise EncodeError(f"{record.file} did not arrive whole.")
        if self._pieces and self._hash.hexdigest() != record.sha256:
            raise EncodeError(f"{record.file} was damaged on its way.")
        with made.open("rb+") as file:
            os.fsync(file.fileno())
        made.replace(self._folder / record.file)
        records.write(record, self._folder)
        self.discard()

    def discard(self) -> None:
        """Remove what is there."""
        shutil.rmtree(self._place, ignore_errors=True)


def sweep(folder: Path) -> None:
    """Remove what attempts have left; an encoder whose worker was killed may write for a moment yet."""
    for _ in range(_SWEEPS):
        left = list(folder.glob(f"{MAKING}*"))
        for place in left:
            shutil.rmtree(place, ignore_errors=True)
        if not left:
            return
        time.sleep(_PAUSE)
