"""How busy this machine is with other programs, and waiting until it is not. Asks the system itself."""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from vsmagic.backends import cpu

IDLE = 0.15
"""Share of the processors up to which a machine counts as idle: a desktop that nobody uses takes a few hundredths."""

_PAUSE = 5.0  # seconds between two looks
_STAT = Path("/proc/stat")


def busy(seconds: float = 2.0) -> float | None:
    """Return the share of the processors that is taken, 0 to 1; this process itself only sleeps meanwhile.

    On Linux and Windows it is that of the next seconds; elsewhere the system's load over the last minute.

    Args:
        seconds: how long to look.

    Returns:
        The share; None where the system does not tell.
    """
    before = _ticks()
    if before is None:
        return min(1.0, os.getloadavg()[0] / cpu.count()) if hasattr(os, "getloadavg") else None
    time.sleep(seconds)
    after = _ticks() or before
    whole = after[1] - before[1]
    return max(0.0, (after[0] - before[0]) / whole) if whole > 0 else 0.0


def wait(
    *, tell: Callable[[str], None], look: Callable[[], float | None] = busy, pause: float = _PAUSE
) -> float | None:
    """Return once the machine is idle; where it cannot be told whether it is, say so and return at once.

    Args:
        tell: hears what is waited for, once.
        look: tells how busy the machine is.
        pause: seconds between two looks.

    Returns:
        How busy it was found last; None where that is not known.
    """
    told = False
    while True:
        share = look()
        if share is None:
            tell("this system does not tell how busy it is: not waiting until it is idle")
            return None
        if share <= IDLE:
            return share
        if not told:
            tell(f"waiting until the machine is idle: other programs take {share:.0%} of its processors")
            told = True
        time.sleep(pause)


def _ticks() -> tuple[int, int] | None:
    """Return the time that all processors together were busy, and that they were there; None where it is not told."""
    if sys.platform == "win32":
        return _windows()
    try:
        fields = _STAT.read_text(encoding="ascii", errors="replace").split("\n", 1)[0].split()
        times = [int(field) for field in fields[1:9]]  # those after these are counted in the first two already
    except (OSError, ValueError):
        return None
    if fields[:1] != ["cpu"] or len(times) < 5:
        return None
    return sum(times) - times[3] - times[4], sum(times)  # idle, and waiting for a disk


def _windows() -> tuple[int, int] | None:
    import ctypes

    idle, kernel, user = (ctypes.c_ulonglong() for _ in range(3))
    library = getattr(ctypes, "windll").kernel32  # noqa: B009 - there is none elsewhere, and mypy knows
    if not library.GetSystemTimes(ctypes.byref(idle), ctypes.byref(kernel), ctypes.byref(user)):
        return None
    whole = kernel.value + user.value  # the kernel's time includes that of its idle loop
    return whole - idle.value, whole
