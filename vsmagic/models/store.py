"""Where model files lie, and whether a file is what its name says.

    models/
      RealESRGAN_x4plus.pth            a fetched file, or one put there by hand, under its authors' name
      RealESRGAN_x4plus.pth.part       what has come so far of one that is being fetched
      verified/RealESRGAN_x4plus.pth.json   its hash, worked out once, with the size and time of the file it is of
      pinned/flownet_v4.15.lite.pkl.json    hash of a file whose authors publish none, from its first download
      added/NAME/                      a model of the user's own: spec.json and network.onnx or weights.safetensors;
                                       one that makes frames in between: motion.json and weights.safetensors
      local/KEY/                       what was read and converted from a file, found again by KEY

All of it is below ``settings().models``.
"""

import shutil
import string
from pathlib import Path
from typing import Literal

import msgspec

from vsmagic.errors import ModelError, OutputError
from vsmagic.files import write_atomically
from vsmagic.models.entry import Entry, File
from vsmagic.settings import settings

State = Literal["built in", "fetched", "added", "damaged", "not fetched", "by hand"]

_CHUNK = 1 << 20

_MARKS = "._+-"
_LETTERS = frozenset(string.ascii_letters + string.digits + _MARKS)


class Pin(msgspec.Struct, frozen=True):
    """What a file was that is known by its first download alone."""

    sha256: str
    size: int


class _Verified(msgspec.Struct, frozen=True):
    """A hash, and what tells that the file has not changed since it was worked out."""

    sha256: str
    size: int
    mtime_ns: int


def path_of(file: File) -> Path:
    """Return where a fetched file lies."""
    return settings().models / file.name


def is_name(name: str) -> bool:
    """Whether a model can be called this: it names a folder, and cannot be mistaken for a path or a strength."""
    return 0 < len(name) <= 100 and name[0] not in _MARKS and _LETTERS.issuperset(name)


def added(name: str) -> Path:
    """Return the folder of a model that the user added."""
    return settings().models / "added" / name


def added_names() -> list[str]:
    """Return the names of the models that the user added and that enlarge."""
    return _with("spec.json")


def added_between() -> list[str]:
    """Return the names of the models that the user added and that make frames in between."""
    return _with("motion.json")


def adds_frames(name: str) -> bool:
    """Whether a model of the user's own has this name and makes frames in between."""
    return (added(name) / "motion.json").is_file()


def is_taken(name: str) -> bool:
    """Whether a model of the user's own has this name."""
    return any((added(name) / facts).exists() for facts in ("spec.json", "motion.json"))


def _with(facts: str) -> list[str]:
    found = (path.parent.name for path in (settings().models / "added").glob(f"*/{facts}"))
    return sorted(name for name in found if is_name(name))


def sha256_of(path: Path) -> str:
    """Return a file's hash.

    Raises:
        ModelError: the file cannot be read.
    """
    import hashlib  # loads OpenSSL; a start that finds everything hashes no file

    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
    except OSError as error:
        raise ModelError(f"{path}: the file cannot be read ({error.strerror}).") from error
    return digest.hexdigest()


def is_whole(file: File) -> bool | None:
    """Whether the file in the models folder is the one its authors published; None if there is none.

    Where no hash of theirs is known, it is the one that was downloaded first, and before that there is none, whatever
    lies there. Its hash is worked out once and remembered; later calls only look at its size and time of change.
    """
    path, wanted = path_of(file), expected(file)
    if wanted is None:
        return None
    try:
        stat = path.stat()
    except OSError:
        return None
    record = _note(file)
    try:
        known = msgspec.json.decode(record.read_bytes(), type=_Verified)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        known = None
    if known is None or (known.size, known.mtime_ns) != (stat.st_size, stat.st_mtime_ns):
        known = _Verified(sha256_of(path), stat.st_size, stat.st_mtime_ns)
        write_atomically(record, msgspec.json.encode(known))
    return known.sha256 == wanted


def expected(file: File) -> str | None:
    """Return the hash that a file must have: its authors', or that of its first download; None before that."""
    if file.sha256 is not None:
        return file.sha256
    try:
        return msgspec.json.decode(pin_of(file).read_bytes(), type=Pin).sha256
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ModelError(
            f"{pin_of(file)}: cannot be read ({error}). It says what {file.name} was when it was first downloaded; "
            "delete it to trust the next download anew."
        ) from error


def pin(file: File, path: Path) -> Pin:
    """Remember what a file is from now on, where its authors publish no hash; return it."""
    made = Pin(sha256_of(path), path.stat().st_size)
    write_atomically(pin_of(file), msgspec.json.encode(made))
    return made


def pin_of(file: File) -> Path:
    """Return where the hash of a file's first download is kept; it outlives the file."""
    return settings().models / "pinned" / f"{file.name}.json"


def state(entry: Entry) -> State:
    """Tell whether a model can be used now."""
    if entry.file is None:
        return "built in"
    if entry.file.by_hand:
        return "by hand"
    match is_whole(entry.file):
        case None:
            return "not fetched"
        case True:
            return "fetched"
        case _:
            return "damaged"


def forget(name: str, file: File | None) -> bool:
    """Delete what is kept of a model: the fetched file, or the folder of an added one.

    Returns:
        Whether there was anything.

    Raises:
        OutputError: it cannot be deleted.
    """
    if file is None:
        places = [added(name)]
    else:
        path = path_of(file)
        places = [path, part_of(path), validators_of(path), _note(file)]
    found = False
    for place in places:
        try:
            if place.is_dir():
                shutil.rmtree(place)
            else:
                place.unlink()
            found = True
        except FileNotFoundError:
            continue
        except OSError as error:
            raise OutputError(f"{place}: cannot be deleted ({error.strerror}).") from error
    return found


def part_of(path: Path) -> Path:
    """Return where a file grows until it is whole."""
    return path.with_name(f"{path.name}.part")


def validators_of(path: Path) -> Path:
    """Return where is kept which version of the file on the server the part is of."""
    return path.with_name(f"{path.name}.part.json")


def _note(file: File) -> Path:
    return settings().models / "verified" / f"{file.name}.json"
