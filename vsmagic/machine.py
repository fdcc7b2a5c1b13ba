"""The machine in words, for the doctor and for the head of a benchmark."""

import functools
import os
import platform
from dataclasses import dataclass

from vsmagic.backends import cpu

# What a network's speed depends on, under names people know; the right side is Linux's names.
_FEATURES = {
    "AVX2": {"avx2"},
    "AVX-512": {"avx512f"},
    "VNNI": {"avx512_vnni", "avx_vnni"},
    "BF16": {"avx512_bf16", "amx_bf16"},
    "AMX": {"amx_tile"},
}


@dataclass(frozen=True, kw_only=True)
class Machine:
    """Processor, memory and system."""

    processor: str
    cores: int
    """Processors this process may use."""
    features: tuple[str, ...]
    """Instruction sets that networks profit from, of those this processor has."""
    lacking: tuple[str, ...]
    """The same, of those it lacks; both are empty where they cannot be read."""
    memory: int
    """Bytes of main memory; 0 when unknown."""
    system: str

    def __str__(self) -> str:
        has = f", {' '.join(self.features)}" if self.features else ""
        return f"{self.processor}, {self.cores} cores{has}, {self.memory / 2**30:.0f} GiB, {self.system}"


@functools.cache
def machine() -> Machine:
    """Describe the machine this runs on."""
    flags = cpu.flags()
    known = {name: bool(flags & needed) for name, needed in _FEATURES.items()} if flags else {}
    return Machine(
        processor=cpu.name(),
        cores=cpu.count(),
        features=tuple(name for name, has in known.items() if has),
        lacking=tuple(name for name, has in known.items() if not has),
        memory=_memory(),
        system=f"{platform.system()} {platform.machine()}",
    )


def load() -> float | None:
    """Return how many processes wanted a processor over the last minute; None where the system does not tell."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None


def _memory() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # not POSIX, or the names are unknown
        return 0
