"""Facts of a RIFE that the user added, kept beside its weights: the network itself is made for each flow scale."""

from pathlib import Path

import msgspec

from vsmagic.errors import ModelError
from vsmagic.models.spec import Precision

PRECISIONS: tuple[Precision, ...] = ("f32", "f16")
"""f16 keeps motion and coordinates in f32. bf16 knows a motion of 40 pixels to a quarter of one only."""


class Added(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The facts of one RIFE, stored as ``motion.json`` beside ``weights.safetensors``."""

    name: str
    """Name the model is asked for by."""
    version: str
    """Published version whose network it is."""
    licence: str = "unknown"
    """SPDX identifier, or 'unknown'."""
    sha256: str
    """Hash of the weights' file, lower-case hexadecimal."""


def load(folder: Path) -> Added:
    """Read the facts of an added RIFE.

    Raises:
        ModelError: they are missing or damaged.
    """
    path = folder / "motion.json"
    try:
        return msgspec.json.decode(path.read_bytes(), type=Added)
    except OSError as error:
        raise ModelError(f"{path}: the model's facts cannot be read ({error.strerror}).") from error
    except msgspec.DecodeError as error:
        raise ModelError(f"{path}: not the facts of a RIFE: {error}.") from error


def encode(facts: msgspec.Struct) -> bytes:
    """Return facts as readable JSON."""
    return msgspec.json.format(msgspec.json.encode(facts), indent=2) + b"\n"
