"""Files that appear under their name only when they are complete."""

import os
from pathlib import Path

from vsmagic.errors import OutputError


def cache_folder(path: Path) -> Path:
    """Return a folder of the cache, made where it was missing.

    Raises:
        OutputError: it cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"{path}: the cache folder cannot be made ({error.strerror}). Set VSMAGIC_CACHE to one that can be written."
        ) from error
    return path


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file under a temporary name in the same folder, flush it to disk, then give it its name.

    Two processes that write the same file end with one complete file.

    Raises:
        OutputError: the folder cannot be written, or the disk is full.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Not a temporary file of Python's, which nobody else could ever read.
        with (path.parent / f".{path.name}.{os.urandom(6).hex()}").open("xb") as file:
            try:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
                Path(file.name).replace(path)
            except BaseException:
                Path(file.name).unlink(missing_ok=True)
                raise
    except OSError as error:
        raise OutputError(
            f"{path}: cannot be written ({error.strerror}). Free space or choose another folder."
        ) from error
