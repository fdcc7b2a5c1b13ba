"""Fetch a model's file: resumed where it stopped, given up where it stalls, taken only when its hash is right."""

import errno
import fcntl
import logging
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from vsmagic.errors import ModelError, OutputError
from vsmagic.files import cache_folder
from vsmagic.models import http_part, registry, store
from vsmagic.models.catalogue import Entry
from vsmagic.settings import settings

log = logging.getLogger(__name__)

Progress = Callable[[int, int], None]
"""Told the bytes that are here and the bytes there will be."""


@dataclass(frozen=True, kw_only=True)
class Patience:
    """When to try again, and when to give up."""

    attempts: int = 5
    """Tries in a row that bring nothing new."""
    pause: float = 1.0
    """Seconds before the second try; doubled before each further one."""
    stall: float = 30.0
    """Seconds without a byte, to connect included, that end a try."""


@dataclass(frozen=True, kw_only=True)
class _Job:
    """One file to fetch."""

    name: str
    page: str
    url: str
    sha256: str
    size: int
    path: Path
    progress: Progress
    patience: Patience

    @property
    def part(self) -> Path:
        return store.part_of(self.path)

    @property
    def otherwise(self) -> str:
        """What to do where the download cannot work."""
        return f"get the file from {self.page} and run: vsmagic models fetch {self.name} --from FILE"


def fetch(entry: Entry, *, progress: Progress = lambda _done, _total: None, patience: Patience | None = None) -> Path:
    """Download an entry's file into the models folder.

    A file that is already there and whole stays; one that is there and is not the authors' is replaced. What a
    download left unfinished is continued. Proxies are taken from the environment (``https_proxy``, ``no_proxy``).

    Returns:
        The file's path.

    Raises:
        ModelError: it comes with the package, its hash is not known, the server does not give it, or what came is not
            the authors' file (which is deleted).
        OutputError: the models folder cannot be written.
    """
    file = entry.file
    if file is None or file.url is None or file.sha256 is None or file.bytes is None:
        raise ModelError(_unverifiable(entry))
    job = _Job(
        name=entry.name,
        page=entry.page,
        url=file.url,
        sha256=file.sha256,
        size=file.bytes,
        path=store.path_of(file),
        progress=progress,
        patience=patience or Patience(),
    )
    with _alone(entry):
        if not store.is_whole(file):
            _download(job)
        return registry.fetched(entry)


def take(entry: Entry, source: Path) -> Path:
    """Put a file that the user has into the models folder, if it is the authors'.

    Raises:
        ModelError: it cannot be read, is not the authors' file, or no hash is known to tell by.
        OutputError: the models folder cannot be written.
    """
    if entry.file is None or entry.file.sha256 is None:
        raise ModelError(_unverifiable(entry))
    path = store.path_of(entry.file)
    _expect(entry.file.sha256, source, entry)
    with _alone(entry), _writing(path):
        if not (path.exists() and path.samefile(source)):
            part = store.part_of(path)
            shutil.copyfile(source, part)
            _expect(entry.file.sha256, part, entry)
            _finish(part, path)
    return registry.fetched(entry)


def _expect(sha256: str, source: Path, entry: Entry) -> None:
    found = store.sha256_of(source)
    if found != sha256:
        raise ModelError(
            f"{source}: not the file that the authors of {entry.name} published (its SHA-256 is {found}, expected "
            f"{sha256}); nothing was changed. To use it all the same: vsmagic models add {source}"
        )


def _unverifiable(entry: Entry) -> str:
    return (
        registry.by_hand(entry) if entry.file else f"model {entry.name} comes with vsmagic; there is nothing to fetch."
    )


@contextmanager
def _alone(entry: Entry) -> Iterator[None]:
    """Let one process at a time work on this file."""
    folder = cache_folder(settings().models)
    with _writing(folder), (folder / f".{entry.name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            log.warning("another vsmagic is fetching %s; waiting for it", entry.name)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Turn a failure to write into a sentence."""
    try:
        yield
    except OSError as error:
        more = "Free space" if error.errno == errno.ENOSPC else "Set VSMAGIC_CACHE to a folder that can be written"
        raise OutputError(f"{path}: cannot be written ({error.strerror}). {more}.") from error


def _download(job: _Job) -> None:
    """Fetch the file; one whose hash is wrong after a continuation gets one more chance, from the start."""
    continued = job.part.exists()
    _grow(job)
    found = store.sha256_of(job.part)
    if found != job.sha256 and continued:
        log.warning("%s: what was continued does not fit together; fetching it from the start", job.path.name)
        http_part.discard(job.path)
        _grow(job)
        found = store.sha256_of(job.part)
    if found != job.sha256:
        http_part.discard(job.path)
        raise ModelError(
            f"model {job.name}: what {job.url} gave is not the file its authors published (its SHA-256 is {found}, "
            f"expected {job.sha256}); it was deleted. Try later, or {job.otherwise}"
        )
    _finish(job.part, job.path)
    http_part.discard(job.path)


def _grow(job: _Job) -> None:
    """Fetch until as many bytes are here as the authors' file has."""
    most = failures = 0
    while trouble := _one_try(job):
        size = job.part.stat().st_size if job.part.exists() else 0
        failures = 0 if size > most else failures + 1
        most = max(most, size)
        if failures >= job.patience.attempts:
            raise ModelError(
                f"model {job.name}: {job.url} cannot be fetched ({trouble}). {size} of {job.size} bytes are here and "
                f"will be continued. Try later, or {job.otherwise}"
            )
        log.warning("%s: %s; trying again", job.path.name, trouble)
        time.sleep(job.patience.pause * 2**failures / 2)


def _one_try(job: _Job) -> str | None:
    """Fetch what is missing; return what went wrong where it makes sense to try again."""
    try:
        with http_part.opened(job.url, job.path, job.size, job.patience.stall) as answer:
            return _receive(answer, job) if answer else None
    except http_part.Refused as error:
        http_part.discard(job.path)
        raise ModelError(
            f"model {job.name}: {job.url} {error}. Its authors may have moved it; {job.otherwise}"
        ) from error
    except http_part.Lost as error:
        return str(error)


def _receive(answer: http_part.Answer, job: _Job) -> str | None:
    with job.part.open("ab") as part:
        job.progress(part.tell(), job.size)
        for block in answer.blocks():
            part.write(block)
            # The server's word on the length is not taken: the authors' file has so many bytes, whatever may come.
            if part.tell() > job.size:
                raise http_part.Refused(f"gives more than the {job.size} bytes of the authors' file")
            job.progress(part.tell(), job.size)
        return None if part.tell() == job.size else f"the connection ended after {part.tell()} of {job.size} bytes"


def _finish(part: Path, path: Path) -> None:
    """Flush a whole file to disk and give it its name."""
    with part.open("rb") as file:
        os.fsync(file.fileno())
    part.replace(path)
