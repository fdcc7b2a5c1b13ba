"""Says in one sentence why a file cannot be opened as a video."""

import struct
from pathlib import Path

from vsmagic.errors import SourceError


def check_readable(path: Path) -> None:
    """Raise SourceError for what is no file with something in it that can be read."""
    try:
        if path.is_dir():
            raise SourceError(f"{path}: is a directory; expected a video file.")
        with path.open("rb") as file:
            if not file.read(1):
                raise SourceError(f"{path}: the file is empty; copy or download it again.")
    except FileNotFoundError as error:
        raise SourceError(f"{path}: no such file; check the name and the folder.") from error
    except OSError as error:
        raise SourceError(f"{path}: cannot be read ({error.strerror}); check its permissions.") from error


def why_unreadable(path: Path, error: Exception) -> str:
    """Return the sentence for a file that libavformat refused."""
    with path.open("rb") as file:
        head = file.read(4096)
    if _is_text(head):
        return f"{path}: is a text file; expected a video file."
    if head[4:8] == b"ftyp" and "moov" not in _boxes(path):
        return f"{path}: the file is cut off: its index (moov) is missing; copy or download it again."
    reason = getattr(error, "strerror", None) or str(error)
    return f"{path}: not a video file that can be opened ({reason}); expected a container with a header, such as MP4."


def _is_text(head: bytes) -> bool:
    if b"\0" in head:
        return False
    try:
        head[: len(head) - 3 if len(head) == 4096 else None].decode()
    except UnicodeDecodeError:
        return False
    return True


def _boxes(path: Path) -> list[str]:
    """Names of the boxes at the top level of an ISO file (MP4, MOV)."""
    names = []
    size = path.stat().st_size
    with path.open("rb") as file:
        while file.tell() + 8 <= size:
            begin = file.tell()
            length, name = struct.unpack(">I4s", file.read(8))
            names.append(name.decode("latin-1"))
            if length == 1:
                length = int.from_bytes(file.read(8))
            if length < 8:
                break
            file.seek(begin + length)
    return names
