"""The card's memory in use, asked of the driver's own management library while something else runs."""

import ctypes
import threading
from types import TracebackType

_PERIOD = 0.02


class _Memory(ctypes.Structure):
    _fields_ = (("total", ctypes.c_ulonglong), ("free", ctypes.c_ulonglong), ("used", ctypes.c_ulonglong))


def reader(device: int) -> "Reader | None":
    """Return what reads a card's memory; None where the driver does not tell."""
    try:
        library = ctypes.CDLL("libnvidia-ml.so.1")
    except OSError:
        return None
    handle = ctypes.c_void_p()
    if library.nvmlInit_v2() or library.nvmlDeviceGetHandleByIndex_v2(device, ctypes.byref(handle)):
        return None
    found = Reader(library, handle)
    return found if found.used() is not None else None


class Reader:
    """Bytes of a card's memory that are in use."""

    def __init__(self, library: ctypes.CDLL, handle: ctypes.c_void_p) -> None:
        self._library = library
        self._handle = handle

    def used(self) -> int | None:
        """Return the bytes in use now, by all processes."""
        memory = _Memory()
        failed = self._library.nvmlDeviceGetMemoryInfo(self._handle, ctypes.byref(memory))
        return None if failed else int(memory.used)


class Watch:
    """Follows the memory in use as long as its block runs; ``peak`` is what was added at most, None if unknown."""

    def __init__(self, source: Reader | None) -> None:
        self._source = source
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._before = source.used() if source else None
        self.peak: int | None = None

    def __enter__(self) -> "Watch":
        if self._before is not None:
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        if self._before is not None:
            self._thread.join()

    def _follow(self) -> None:
        while not self._ended.wait(_PERIOD):
            now = self._source.used() if self._source else None
            if now is not None and self._before is not None:
                self.peak = max(self.peak or 0, now - self._before)
