"""The speed table: how fast each profile was measured to be on this machine.

``vsmagic bench --realtime`` writes it to the cache, Lua and Python read it. The time that a combination takes for a
frame that is shown is 1/fps of its picture, and its share of made frames over fps of its motion. Importing this module
does not import VapourSynth.
"""

import logging
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import msgspec

from vsmagic import __version__
from vsmagic.files import write_atomically
from vsmagic.settings import settings

log = logging.getLogger(__name__)

VERSION = 1
"""Goes up when the file means something else, or is measured otherwise."""

BUSY = 0.3
"""Share of the processors from which on what other programs take spoils a measurement."""

_PREFIXES = ("vapoursynth", "tensorrt", "onnxruntime", "torch", "spandrel")
"""What the packages are called whose release can change a speed."""


class Speed(msgspec.Struct, frozen=True, kw_only=True):
    """One measurement."""

    width: int
    """Of the input, in pixels."""
    height: int
    fps: float
    """Frames a second: shown ones of a picture profile, made ones of a motion profile."""


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """What the measurements hold for."""

    machine: str
    """Processor, memory, system and GPU in words."""
    vsmagic: str
    """Version of this package."""
    packages: dict[str, str]
    """Versions of what does the work."""


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """The whole file. Unknown fields are left alone, so that an older version reads a newer one's table."""

    version: int = VERSION
    machine: str
    vsmagic: str
    packages: dict[str, str] = {}
    made: str
    """When it was last added to, in UTC."""
    busy: float | None = None
    """Share of the processors that other programs took when measuring began, 0 to 1; None where it is not known."""
    complete: bool = False
    """Whether the measurement came to its end; else more will come, or it was stopped."""
    pictures: dict[str, list[Speed]] = {}
    """By profile, the smallest size first."""
    motions: dict[str, list[Speed]] = {}
    lacking: dict[str, str] = {}
    """Why a profile was not measured, with the remedy."""
    chains: dict[str, list[dict[str, Any]]] = {}
    """What each profile's steps were."""

    @property
    def place(self) -> Place:
        """What it holds for."""
        return Place(machine=self.machine, vsmagic=self.vsmagic, packages=self.packages)


def path() -> Path:
    """Return where the table lies."""
    return settings().cache / "realtime.json"


def here() -> Place:
    """Describe this machine and what is installed."""
    return Place(machine=_machine(), vsmagic=__version__, packages=_packages())


def load() -> Table | None:
    """Return the table; None where there is none. A damaged one is told and counts as none."""
    file = path()
    try:
        table = msgspec.json.decode(file.read_bytes(), type=Table)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        log.warning("%s: the speed table cannot be read (%s); it counts as not measured", file, error)
        return None
    return table


def store(table: Table) -> None:
    """Write the table, whole or not at all.

    Raises:
        OutputError: it cannot be written.
    """
    write_atomically(path(), msgspec.json.format(msgspec.json.encode(table), indent=1) + b"\n")


def stale(table: Table, place: Place) -> str | None:
    """Say why a table does not hold for a place; None if it does."""
    if table.version != VERSION:
        return f"it is of version {table.version}; this vsmagic makes version {VERSION}"
    if table.machine != place.machine:
        return f"it was measured on another machine ({table.machine}; this is {place.machine})"
    if table.vsmagic != place.vsmagic:
        return f"it was measured with vsmagic {table.vsmagic}; this is {place.vsmagic}"
    return _changed(table.packages, place.packages)


def unfinished(table: Table) -> str | None:
    """Say so where a measurement was broken off, or is still going on; None for a whole one."""
    return None if table.complete else "the measurement did not come to its end"


def doubt(table: Table) -> str | None:
    """Say why the figures of a table may be too low; None where nothing speaks against them."""
    if table.busy is not None and table.busy > BUSY:
        return f"other programs took {table.busy:.0%} of the processors while it was measured"
    return None


def now() -> str:
    """Return the time as the table writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _changed(before: dict[str, str], after: dict[str, str]) -> str | None:
    for name in sorted({*before, *after}):
        old, new = (f"{name} {known[name]}" if name in known else f"no {name}" for known in (before, after))
        if old != new:
            return f"it was measured with {old}; here is {new}"
    return None


def _machine() -> str:
    from vsmagic.machine import machine

    gpu = _gpu()
    return f"{machine()}, {gpu}" if gpu else str(machine())


def _gpu() -> str | None:
    from vsmagic.engine import gpu
    from vsmagic.errors import BackendError

    try:
        found = gpu.facts(0)
    except BackendError:  # none is no error
        return None
    return f"{found.name}, driver {found.driver}"


def _packages() -> dict[str, str]:
    found = {
        dist.name.lower(): dist.version
        for dist in metadata.distributions()
        if (dist.name or "").lower().startswith(_PREFIXES)
    }
    return dict(sorted(found.items()))
