"""What the processor can do, as far as a backend's choices depend on it."""

import functools
import os
import platform
from pathlib import Path


@functools.cache
def flags() -> frozenset[str]:
    """Return the processor's feature flags as Linux names them; empty where they cannot be read."""
    return frozenset(_told("flags").split())


def name() -> str:
    """Return what the processor calls itself."""
    return _told("model name") or platform.processor() or platform.machine()


def has_bf16() -> bool:
    """Whether bf16 arithmetic is native; without it a network asked for bf16 is computed in f32."""
    return bool(flags() & {"avx512_bf16", "amx_bf16"})


def has_vnni() -> bool:
    """Whether sums of products of 8-bit integers are native; without it they take more than one step."""
    return bool(flags() & {"avx512_vnni", "avx_vnni"})


def count() -> int:
    """Return the number of processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _told(field: str) -> str:
    """Return what Linux tells of the first processor under a name; empty where it does not."""
    line = next((line for line in _first_processor() if line.startswith(field)), "")
    return line.partition(":")[2].strip()


@functools.cache
def _first_processor() -> tuple[str, ...]:
    lines = []
    try:
        with Path("/proc/cpuinfo").open(encoding="utf-8", errors="replace") as file:
            for line in file:  # one block a processor: reading hundreds of them takes time
                if not line.strip():
                    break
                lines.append(line)
    except OSError:  # not Linux
        return ()
    return tuple(lines)
