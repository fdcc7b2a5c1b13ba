"""Facts of an NVIDIA GPU that engines depend on, asked of the driver itself: no library, no process."""

import ctypes
import functools
import re
from dataclasses import dataclass
from pathlib import Path

from vsmagic.errors import BackendError

_MAJOR, _MINOR = 75, 76  # CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_*
_DRIVER_FILE = Path("/proc/driver/nvidia/version")


@dataclass(frozen=True, kw_only=True)
class Gpu:
    """One device."""

    name: str
    capability: str
    """Compute capability, such as 8.6."""
    memory: int
    """Bytes in all."""
    driver: str


@functools.cache
def count() -> int:
    """Return how many GPUs the driver shows; 0 without a driver."""
    try:
        cuda = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return 0
    found = ctypes.c_int()
    return 0 if cuda.cuInit(0) or cuda.cuDeviceGetCount(ctypes.byref(found)) else found.value


@functools.cache
def facts(device: int) -> Gpu:
    """Describe a GPU by its number.

    Raises:
        BackendError: there is no such GPU, or no driver.
    """
    try:
        cuda = ctypes.CDLL("libcuda.so.1")
    except OSError as error:
        raise BackendError(f"GPU {device}: no NVIDIA driver was found (libcuda.so.1). Install it.") from error
    handle, count = ctypes.c_int(), ctypes.c_int()
    if cuda.cuInit(0) or cuda.cuDeviceGetCount(ctypes.byref(count)) or not 0 <= device < count.value:
        raise BackendError(f"GPU {device}: not found; the driver shows {count.value}, numbered from 0. See: nvidia-smi")
    cuda.cuDeviceGet(ctypes.byref(handle), device)
    name, memory = ctypes.create_string_buffer(256), ctypes.c_size_t()
    cuda.cuDeviceGetName(name, len(name), handle)
    cuda.cuDeviceTotalMem_v2(ctypes.byref(memory), handle)

    def attribute(number: int) -> int:
        value = ctypes.c_int()
        cuda.cuDeviceGetAttribute(ctypes.byref(value), number, handle)
        return value.value

    return Gpu(
        name=name.value.decode(errors="replace"),
        capability=f"{attribute(_MAJOR)}.{attribute(_MINOR)}",
        memory=memory.value,
        driver=_driver(cuda),
    )


def _driver(cuda: ctypes.CDLL) -> str:
    try:
        found = re.search(r"Kernel Module.*?\s(\d+(?:\.\d+)+)", _DRIVER_FILE.read_text(errors="replace"))
    except OSError:
        found = None
    if found:
        return found[1]
    version = ctypes.c_int()
    cuda.cuDriverGetVersion(ctypes.byref(version))
    return f"CUDA {version.value // 1000}.{version.value % 1000 // 10}"
