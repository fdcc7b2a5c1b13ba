"""How each model was found to run best on each device: small JSON files, read at every start.

What is measured stands in :mod:`vsmagic.backends.tune`; who reads it, in :mod:`vsmagic.backends.settle`.
"""

import logging
import math
from pathlib import Path

import msgspec

from vsmagic.backends import devices
from vsmagic.backends.infer import Plan
from vsmagic.digest import digest
from vsmagic.files import write_atomically
from vsmagic.models.spec import Precision
from vsmagic.settings import settings

log = logging.getLogger(__name__)

_STEPS = 1
"""Goes up when measurements are made or weighed otherwise, so that no earlier one counts."""


class Key(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that a measurement depends on."""

    device: str
    """Name of the device; for a processor also the cores this process may use, for a GPU its driver."""
    backend: str
    version: str
    """Versions of what does the backend's work."""
    model: str
    """SHA-256 of the network."""
    int8: str | None = None
    """The same of that in 8-bit integers; None where the model has none, or the backend would not take it unasked."""
    passes: int
    area: int
    """Pixels of a frame, as the nearest power of 4: small frames want more streams than large ones."""
    memory: int
    """Bytes that all streams may take together."""
    precision: Precision | None = None
    """The one that was asked for; None where it may be chosen."""
    streams: int | None = None
    """The same for the streams."""
    tile: tuple[int, int] | None = None
    """The same for the largest tile."""
    steps: int = _STEPS

    def digest(self) -> str:
        """Return the name it is stored under: the start of SHA-256 over canonical JSON, lower-case hexadecimal."""
        return digest(msgspec.json.encode(self, order="sorted"))[:32]


class Taken(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One way to run a model, and how fast it was."""

    precision: Precision
    streams: int
    tile: tuple[int, int]
    """(width, height) of the largest part of a frame given to the network at once."""
    size: tuple[int, int]
    """(width, height) of the frames it was measured on."""
    fps: float


class Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was chosen, and why."""

    key: Key
    model: str
    """The model's name."""
    precision: Precision
    streams: int | None
    """None: as many as usual, because it was asked for a number or not measured."""
    taken: tuple[Taken, ...]
    """All that was measured."""
    reason: str
    """Why something was not measured; empty where all was."""
    measured: str
    """When, in UTC."""


def key_of(plan: Plan, size: tuple[int, int], *, precision_open: bool) -> Key:
    """Return what a measurement for frames of a size (width, height) is kept under.

    Args:
        plan: the model and how it is to be run; what it leaves open is what may be chosen.
        size: of the frames.
        precision_open: whether the plan's precision is only the usual one, and may be chosen too.
    """
    int8 = plan.model.spec.int8 if "int8" in plan.backend.precisions else None
    return Key(
        device=devices.kind(plan.backend).name(plan.device),
        backend=plan.backend.name,
        version=plan.backend.version(),
        model=plan.model.spec.sha256,
        int8=int8.sha256 if int8 else None,
        passes=plan.model.passes,
        area=4 ** round(math.log(size[0] * size[1], 4)),
        memory=plan.backend.memory(plan.device),
        precision=None if precision_open else plan.precision,
        streams=plan.streams,
        tile=None if plan.tile == "auto" else plan.tile,
    )


def folder() -> Path:
    """Return where the records lie."""
    return settings().cache / "tuning"


def load(key: Key) -> Record | None:
    """Return what was measured under a key; None where nothing was. A damaged record is told and counts as none."""
    path = _path(key)
    try:
        record = msgspec.json.decode(path.read_bytes(), type=Record)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        log.warning("%s: what was measured cannot be read (%s); it counts as not measured", path, error)
        return None
    return record if record.key == key else None


def store(record: Record) -> None:
    """Keep a record, in place of an earlier one of the same key.

    Raises:
        OutputError: it cannot be written.
    """
    write_atomically(_path(record.key), msgspec.json.format(msgspec.json.encode(record), indent=2) + b"\n")


def lock_file(key: Key) -> Path:
    """Return the file that is locked while somebody measures under a key."""
    return _path(key).with_suffix(".lock")


def _path(key: Key) -> Path:
    return folder() / f"{key.digest()}.json"
