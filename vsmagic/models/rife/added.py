"""Facts of a RIFE that the user added, kept beside its weights: the network itself is made for each flow scale."""

from pathlib import Path

import msgspec

from vsmagic.models.spec import Precision, load_spec

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
    return load_spec(folder / "motion.json", Added)
