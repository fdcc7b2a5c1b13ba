"""What the processor can do, as far as a backend's choices depend on it."""

import functools
import os
from pathlib import Path


@functools.cache
def flags() -> frozenset[str]:
    """Return the processor's feature flags as Linux names them; empty where they cannot be read."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return frozenset()
    line = next((line for line in text.splitlines() if line.startswith("flags")), "")
    return frozenset(line.partition(":")[2].split())


def has_bf16() -> bool:
    """Whether bf16 arithmetic is native; without it a network asked for bf16 is computed in f32."""
    return bool(flags() & {"avx512_bf16", "amx_bf16"})


def count() -> int:
    """Return the number of processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
