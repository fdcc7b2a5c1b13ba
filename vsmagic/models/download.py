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
from vsmagic.models.entry import Entry, File
from vsmagic.settings import settings

log = logging.getLogger(__name__)

_MOST = 1 << 30
"""Bytes beyond which a file is not taken."""

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
    origin: str
    """Whose file it is, in words."""
    url: str
    sha256: str | None
    """None where it is the first download that says what the file is."""
    size: int | None
    """None where it is the server that says how many bytes there are."""
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
    Where the authors publish no hash, the first download is trusted, and told; later ones must give the same file.

    Returns:
        The file's path.

    Raises:
        ModelError: it comes with the package or has no address, the server does not give it, or what came is not the
            authors' file (which is deleted).
        OutputError: the models folder cannot be written.
    """
    file = entry.file
    if file is None or file.url is None:
        raise ModelError(_unverifiable(entry))
    job = _Job(
        name=entry.name,
        page=entry.page,
        origin=_origin(entry),
        url=file.url,
        sha256=store.expected(file),
        size=file.bytes,
        path=store.path_of(file),
        progress=progress,
        patience=patience or Patience(),
    )
    with _alone(entry):
        if not store.is_whole(file):
            _download(job)
            if job.sha256 is None:
                _pin(entry, file, job.path)
        return registry.fetched(entry)


def take(entry: Entry, source: Path) -> Path:
    """Put a file that the user has into the models folder, if it is the authors'.

    Where the authors publish no hash, the first file is trusted, and told; later ones must be the same.

    Raises:
        ModelError: it cannot be read, is not the authors' file, or nothing is known to tell by.
        OutputError: the models folder cannot be written.
    """
    if entry.file is None or entry.file.by_hand:
        raise ModelError(_unverifiable(entry))
    path, first = store.path_of(entry.file), store.expected(entry.file) is None
    sha256 = store.expected(entry.file) or store.sha256_of(source)
    _expect(sha256, source, entry)
    with _alone(entry), _writing(path):
        if not (path.exists() and path.samefile(source)):
            part = store.part_of(path)
            shutil.copyfile(source, part)
            _expect(sha256, part, entry)
            _finish(part, path)
        if first:
            _pin(entry, entry.file, path)
    return registry.fetched(entry)


def _pin(entry: Entry, file: File, path: Path) -> None:
    pin = store.pin(file, path)
    log.warning(
        "%s: no published hash of %s is known to compare with; its SHA-256 is %s (%d bytes), pinned on first download: "
        "from now on it must be that",
        entry.name, file.name, pin.sha256, pin.size,
    )  # fmt: skip


def _expect(sha256: str, source: Path, entry: Entry) -> None:
    found = store.sha256_of(source)
    if found != sha256:
        raise ModelError(
            f"{source}: not the file that {_origin(entry)} (its SHA-256 is {found}, expected {sha256}); nothing was "
            f"changed. To use it all the same: vsmagic models add {source}"
        )


def _origin(entry: Entry) -> str:
    if entry.file and entry.file.sha256 is None:
        return f"was first downloaded as {entry.name}"
    return f"the authors of {entry.name} published"


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
    wanted = job.sha256 or found
    if found != wanted and continued:
        log.warning("%s: what was continued does not fit together; fetching it from the start", job.path.name)
        http_part.discard(job.path)
        _grow(job)
        found = store.sha256_of(job.part)
    if found != wanted:
        http_part.discard(job.path)
        raise ModelError(
            f"model {job.name}: what {job.url} gave is not the file that {job.origin} (its SHA-256 is {found}, "
            f"expected {wanted}); it was deleted. Try later, or {job.otherwise}"
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
                f"model {job.name}: {job.url} cannot be fetched ({trouble}). {size} of {job.size or '?'} bytes are "
                f"here and will be continued. Try later, or {job.otherwise}"
            )
        log.warning("%s: %s; trying again", job.path.name, trouble)
        time.sleep(job.patience.pause * 2**failures / 2)


def _one_try(job: _Job) -> str | None:
    """Fetch what is missing; return what went wrong where it makes sense to try again."""
    if job.sha256 is None and not store.validators_of(job.path).exists():
        http_part.discard(job.path)  # nothing would tell that a part and the rest are of two versions
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
    # Where the authors' file is known, the server's word on its length is not taken, whatever may come.
    size = job.size or answer.total
    if size is None or size > _MOST:
        raise http_part.Refused("does not say how long the file is" if size is None else f"offers {size} bytes")
    with job.part.open("ab") as part:
        job.progress(part.tell(), size)
        for block in answer.blocks():
            part.write(block)
            if part.tell() > size:
                raise http_part.Refused(f"gives more than the {size} bytes of the authors' file")
            job.progress(part.tell(), size)
        return None if part.tell() == size else f"the connection ended after {part.tell()} of {size} bytes"


def _finish(part: Path, path: Path) -> None:
    """Flush a whole file to disk and give it its name."""
    with part.open("rb") as file:
        os.fsync(file.fileno())
    part.replace(path)
