"""The folder of compiled engines.

engines/
  KEY.engine         the binary
  KEY.json           what it is, its size and hash; written last, so that an engine without one does not exist
  KEY.lock           held while somebody builds it
  timing/NAME.cache  how long the builder found each way of computing to take, shared by all engines
"""

import contextlib
import hashlib
import os
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from vsmagic.engine.key import EngineKey
from vsmagic.errors import OutputError
from vsmagic.files import cache_folder, write_atomically
from vsmagic.settings import settings

DAYS = 90
"""Days after which an engine that nobody used is deleted."""
BYTES = 8 * 2**30
"""Size of all engines together beyond which the least recently used ones are deleted."""

_CHUNK = 1 << 20
_LEFT_BEHIND = 24 * 3600  # seconds after which a temporary file can only come from a build that was killed


class Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What lies beside an engine, as JSON."""

    key: EngineKey
    name: str
    """Name of the model."""
    bytes: int
    sha256: str
    """Hash of the engine."""
    built: str
    """When, in UTC."""
    seconds: float
    """How long the build took."""
    builder: str
    """The library's full version."""


@dataclass(frozen=True, kw_only=True)
class Engine:
    """An engine on disk."""

    path: Path
    record: Record
    stamp: tuple[int, int]
    """Tells this file from one that is written under the same name later."""
    used: float
    """When it was last looked up, in seconds since 1970."""

    @property
    def digest(self) -> str:
        """The key, as hexadecimal."""
        return self.path.stem


class Store:
    """Engines by key."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or settings().cache / "engines"

    def find(self, key: EngineKey, *, exact: bool = False) -> Engine | None:
        """Return the engine of a key, or (unless ``exact``) one that can stand for it; None if there is none.

        Reads small files only: neither an engine's content nor its hash.
        """
        found = self._read(self._sidecar(key.digest()))
        if found and found.record.key == key:
            return _touched(found)
        if exact:
            return None
        fitting = [engine for engine in self.all() if engine.record.key.serves(key)]
        if not fitting:
            return None
        wanted = key.shapes.opt
        # A static engine of the right size before dynamic ones, and of those the one that is best at nearly that size.
        return _touched(min(fitting, key=lambda e: (not e.record.key.shapes.static, _distance(e, wanted), e.digest)))

    def all(self) -> list[Engine]:
        """Return every complete engine, the most recently used first."""
        found = (self._read(path) for path in self.folder.glob("*.json"))
        return sorted((engine for engine in found if engine), key=lambda engine: (-engine.used, engine.digest))

    def add(self, key: EngineKey, content: bytes, *, name: str, builder: str, seconds: float) -> Engine:
        """Keep an engine.

        Raises:
            OutputError: the folder cannot be written, or the disk is full.
        """
        digest = key.digest()
        record = Record(
            key=key,
            name=name,
            bytes=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
            built=datetime.now(UTC).isoformat(timespec="seconds"),
            seconds=round(seconds, 2),
            builder=builder,
        )
        sidecar = self._sidecar(digest)
        with contextlib.suppress(OSError):  # what keeps it from being deleted is told by what follows
            sidecar.unlink()
        write_atomically(sidecar.with_suffix(".engine"), content)
        write_atomically(sidecar, msgspec.json.format(msgspec.json.encode(record), indent=2) + b"\n")
        engine = self._read(sidecar)
        if engine is None:
            raise OutputError(f"{sidecar}: vanished while it was written. Is another program clearing {self.folder}?")
        return engine

    def incomplete(self) -> list[Path]:
        """Return the files of engines that are not whole or not described: what a killed build or a full disk left."""
        whole = {engine.digest for engine in self.all()}
        files = (*self.folder.glob("*.engine"), *self.folder.glob("*.json"))
        return sorted(path for path in files if path.stem not in whole)

    def remove(self, engine: Engine) -> None:
        """Delete an engine, unless another one has been written in its place.

        Raises:
            OutputError: it cannot be deleted.
        """
        if _stamp(engine.path) not in (None, engine.stamp):
            return
        try:
            self._sidecar(engine.digest).unlink(missing_ok=True)
            engine.path.unlink(missing_ok=True)
        except OSError as error:
            raise OutputError(f"{engine.path}: cannot be deleted ({error.strerror}).") from error

    def prune(self, *, days: float = DAYS, size: int = BYTES, keep: Engine | None = None) -> list[Engine]:
        """Delete what is old or too much, and what killed builds have left.

        Args:
            days: age since the last use from which an engine goes.
            size: bytes of all engines together; the least recently used ones beyond it go.
            keep: one that stays in any case.

        Returns:
            The engines that were deleted.
        """
        oldest = time.time() - days * 86400
        total = keep.record.bytes if keep else 0
        gone = []
        for engine in self.all():
            if keep and engine.path == keep.path:
                continue
            total += engine.record.bytes
            if engine.used < oldest or total > size:
                total -= engine.record.bytes
                self.remove(engine)
                gone.append(engine)
        self._sweep()
        return gone

    def lock_file(self, key: EngineKey) -> Path:
        """Return the file that is locked while an engine is built.

        Raises:
            OutputError: the folder cannot be made.
        """
        return cache_folder(self.folder) / f"{key.digest()}.lock"

    def timing(self, name: str) -> Path:
        """Return where timings are kept; ``name`` tells library, version and GPU."""
        return self.folder / "timing" / f"{name}.cache"

    def _sidecar(self, digest: str) -> Path:
        return self.folder / f"{digest}.json"

    def _read(self, sidecar: Path) -> Engine | None:
        path = sidecar.with_suffix(".engine")
        try:
            record = msgspec.json.decode(sidecar.read_bytes(), type=Record)
            stat, used = path.stat(), sidecar.stat().st_mtime
        except (
            OSError,
            msgspec.DecodeError,
            UnicodeDecodeError,
        ):  # not there, half deleted, or of another version of this package
            return None
        if stat.st_size != record.bytes:
            return None
        return Engine(path=path, record=record, stamp=(stat.st_ino, stat.st_mtime_ns), used=used)

    def _sweep(self) -> None:
        """Delete engines that are incomplete, and temporary files that are too old to be somebody's."""
        complete = {engine.digest for engine in self.all()}
        oldest = time.time() - _LEFT_BEHIND
        with contextlib.suppress(OSError):
            for path in self.folder.iterdir():
                known = path.suffix in (".engine", ".json", ".lock") or path.name.startswith(".")
                if path.is_file() and known and path.stem not in complete and path.stat().st_mtime < oldest:
                    path.unlink(missing_ok=True)


def damage(engine: Engine) -> str | None:
    """Read a whole engine and compare it with its hash; say what is wrong with it, None if nothing is."""
    digest = hashlib.sha256()
    try:
        with engine.path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    return None if digest.hexdigest() == engine.record.sha256 else "its content has changed since it was built"


def _touched(engine: Engine) -> Engine:
    with contextlib.suppress(OSError):  # somebody else's store, which can be read only
        os.utime(engine.path.with_suffix(".json"))
    return engine


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_ino, stat.st_mtime_ns


def _distance(engine: Engine, size: tuple[int, int]) -> int:
    best = engine.record.key.shapes.opt
    return abs(best[0] * best[1] - size[0] * size[1])
