"""Whether an NVIDIA GPU can be reached."""

import ctypes
import functools


@functools.cache
def driver_trouble() -> str | None:
    """Say why no NVIDIA GPU can be used, with the remedy; None if one can."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return "no NVIDIA driver was found (libcuda.so.1); install the driver of your GPU, or use another backend"
    count = ctypes.c_int()
    if driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count)) or not count.value:
        return "the NVIDIA driver is installed but finds no GPU; check with: nvidia-smi"
    return None
