"""A lock between processes that vanishes with whoever holds it."""

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from vsmagic.errors import OutputError


@contextlib.contextmanager
def exclusive(path: Path, *, waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Hold a lock named by a file, which is gone afterwards.

    Args:
        path: the file.
        waiting: called once if another process holds the lock.

    Raises:
        OutputError: the file cannot be made.
    """
    try:
        descriptor = _take(path, waiting)
    except OSError as error:
        raise OutputError(
            f"{path}: cannot be locked ({error.strerror}). Set VSMAGIC_CACHE to a folder that can be written."
        ) from error
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            path.unlink()
        os.close(descriptor)


def _take(path: Path, waiting: Callable[[], None]) -> int:
    told = False
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if not told:
                    waiting()
                told = True
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            # The one before deletes the file: a lock on a file without its name keeps nobody out.
            if _is_named(descriptor, path):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _is_named(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
