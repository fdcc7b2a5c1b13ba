"""The folder of a job, beside its output: what the job is, its finished chunks, a lock while somebody works on it."""

import errno
import fcntl
import logging
import os
import shutil
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from vsmagic.digest import digest
from vsmagic.encode.chunks import identity, records
from vsmagic.encode.chunks.identity import Identity
from vsmagic.encode.chunks.records import Record
from vsmagic.errors import OutputError
from vsmagic.files import cache_folder, write_atomically
from vsmagic.settings import settings

log = logging.getLogger(__name__)

_JOB, _LOCK, _PLACED = "job.json", "lock", "placed"
_SUFFIX = ".vsmagic"


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """Who works on a job."""

    process: int
    machine: str
    since: str
    """Local time."""

    def __str__(self) -> str:
        return f"process {self.process} on {self.machine}, since {self.since}"


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """What the folder says of its job."""

    source: str
    output: str
    begun: str
    """Time of the first run, in UTC."""
    identity: Identity


class Folder:
    """The folder of a job that this process holds."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def job(self) -> Job | None:
        """Return what was written of the job; None where nothing was, or it is damaged, which is logged."""
        return read_job(self.path)

    def begin(self, job: Job) -> None:
        """Write what the job is; what lies here of another one is thrown away.

        Raises:
            OutputError: the folder cannot be written.
        """
        self.clear()
        write_atomically(self.path / _JOB, msgspec.json.encode(job))

    def finished(self, files: Sequence[str]) -> dict[str, Record]:
        """Return the records of those files that are still what was written, and remove everything else."""
        found = {}
        for file in files:
            record = records.read(self.path, file)
            if isinstance(record, Record):
                found[file] = record
            elif record is not None:
                log.warning("%s: %s; it is made again", file, record)
        kept = {_JOB, _LOCK, *found, *(str(Path(file).with_suffix(".json")) for file in found)}
        _remove(entry for entry in self.path.iterdir() if entry.name not in kept)
        return found

    def tidy(self) -> None:
        """Remove what takes room and would be made again: pictures that were joined, an output without its name."""
        kept = {_JOB, _LOCK, _PLACED}
        _remove(entry for entry in self.path.iterdir() if entry.name not in kept and entry.name[:6] != "chunk-")

    def clear(self) -> None:
        """Remove everything but the lock, and last what says that the output has its name."""
        _remove(entry for entry in self.path.iterdir() if entry.name not in {_LOCK, _PLACED})
        (self.path / _PLACED).unlink(missing_ok=True)

    def placing(self, finished: Path) -> None:
        """Note which file is about to become the output: killed right after that, the folder would be left.

        Raises:
            OutputError: the folder cannot be written.
        """
        write_atomically(self.path / _PLACED, str(finished.stat().st_ino).encode())


def place(output: Path) -> Path:
    """Return where the folder of an output is."""
    return output.parent / f".{output.name}{_SUFFIX}"


@contextmanager
def held(output: Path) -> Iterator[Folder]:
    """Hold the folder of an output, made where it was missing.

    It goes with the ``with`` block unless a chunk in it is finished and the output is not.

    Raises:
        OutputError: it cannot be made, or another process holds it.
    """
    path = place(output)
    try:
        lock = _lock(path, output)
    except OSError as error:
        raise OutputError(
            f"{output.parent}: cannot be written ({error.strerror}); change its permissions or choose another folder."
        ) from error
    try:
        _note(path)
        yield Folder(path)
    except BaseException:
        with suppress(OSError):
            Folder(path).tidy()
        _tell_kept(path)
        raise
    finally:
        if not finished(path):
            remove(path)
        os.close(lock)


def _tell_kept(path: Path) -> None:
    """Say what an unfinished job leaves."""
    kept = len(finished(path))
    if kept:
        chunks = "1 chunk is" if kept == 1 else f"{kept} chunks are"
        log.warning("%s finished and kept; the same command goes on there, vsmagic jobs clean throws them away", chunks)


def finished(path: Path) -> list[Path]:
    """Return the chunks in a job's folder that have a record."""
    return [file for file in sorted(path.glob("chunk-*.json")) if any(path.glob(f"{file.stem}.[!j]*"))]


def sweep(output: Path) -> None:
    """Remove the folder of an output that has its name, where a kill in the last moment has left it."""
    path = place(output)
    if not path.is_dir() or not _stale(path, output):
        return
    try:
        lock = _lock(path, output)
    except (OSError, OutputError):  # somebody works there, or it cannot be removed either
        return
    try:
        if _stale(path, output):  # still, now that nobody else can begin there
            remove(path)
    finally:
        os.close(lock)


def _stale(path: Path, output: Path) -> bool:
    """Whether a folder holds nothing that is still needed: its output has its name, or no job was ever begun."""
    try:
        placed = int((path / _PLACED).read_bytes()) == output.stat().st_ino
    except (OSError, ValueError):
        placed = False
    return placed or not (path / _JOB).exists()


def remove(path: Path) -> None:
    """Remove the folder of a job, and what is noted of it."""
    shutil.rmtree(path, ignore_errors=True)
    with suppress(OSError):
        _noted(path).unlink(missing_ok=True)


def known() -> list[Path]:
    """Return the folders of all jobs that were begun by this user on this machine and are still there."""
    folders = []
    for note in sorted((settings().cache / "jobs").glob("*.txt")):
        folder = Path(note.read_text(encoding="utf-8"))
        if folder.is_dir():
            folders.append(folder)
        else:
            note.unlink(missing_ok=True)
    return folders


def read_job(path: Path) -> Job | None:
    """Return what a folder says of its job; None where it says nothing, or nothing readable, which is logged."""
    try:
        return msgspec.json.decode((path / _JOB).read_bytes(), type=Job)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError as error:
        log.warning("%s: is damaged (%s); the job begins afresh", path / _JOB, error)
        return None


def holder(path: Path) -> Holder | None:
    """Return who works on a job; None when nobody does."""
    try:
        descriptor = os.open(path / _LOCK, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return _told(descriptor)
    else:
        return None
    finally:
        os.close(descriptor)


@contextmanager
def disk_errors(output: Path) -> Iterator[None]:
    """Turn the system's refusals to write into one sentence.

    Raises:
        OutputError: such a refusal.
    """
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise OutputError(f"{output.parent}: the disk is full; free space or choose another folder.") from error
        raise OutputError(f"{output}: cannot be written ({error.strerror or error}).") from error


def job(source: Path, output: Path, what: Identity) -> Job:
    """Return what is written of a job that begins now."""
    begun = datetime.now(UTC).isoformat(timespec="seconds")
    return Job(source=str(source.resolve()), output=str(output.resolve()), begun=begun, identity=what)


def changes(before: Job, now: Job) -> list[str]:
    """Say in words why a job cannot go on where it was; nothing when it can."""
    return identity.changes(before.identity, now.identity)


def _lock(path: Path, output: Path) -> int:
    while True:
        path.mkdir(exist_ok=True)
        try:
            descriptor = os.open(path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except FileNotFoundError:  # the one before removes the folder just now
            continue
        try:
            _take(descriptor, output)
            # It may have been removed since: a lock without its name keeps nobody out.
            if os.path.samestat(os.fstat(descriptor), (path / _LOCK).stat()):
                _sign(descriptor)
                return descriptor
        except FileNotFoundError:
            pass
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _take(descriptor: int, output: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        who = _told(descriptor)
        raise OutputError(
            f"{output}: is being made{f' by {who}' if who else ''}; wait for it, stop it, or choose another name."
        ) from error
    except OSError as error:
        log.warning("%s: the disk cannot lock files (%s); start nothing else that makes it", output, error.strerror)


def _sign(descriptor: int) -> None:
    who = Holder(
        process=os.getpid(),
        machine=socket.gethostname(),
        since=datetime.now().astimezone().strftime("%Y-%m-%d %H:%M:%S"),
    )
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, msgspec.json.encode(who), 0)


def _told(descriptor: int) -> Holder | None:
    try:
        return msgspec.json.decode(os.pread(descriptor, 4096, 0), type=Holder)
    except msgspec.DecodeError:  # it is about to sign
        return None


def _noted(path: Path) -> Path:
    return settings().cache / "jobs" / f"{digest(str(path.resolve()).encode())[:16]}.txt"


def _note(path: Path) -> None:
    """Note where the folder is, for the list of jobs."""
    cache_folder(settings().cache / "jobs")
    write_atomically(_noted(path), str(path.resolve()).encode())


def _remove(entries: Iterator[Path]) -> None:
    for entry in list(entries):
        if entry.is_dir():
            shutil.rmtree(entry)
        else:
            entry.unlink()
