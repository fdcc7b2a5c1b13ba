"""Where NVIDIA's libraries are that the plugins load, and whether they load.

The plugins look for CUDA beside themselves, in ``nvidia/*/lib`` of their own site-packages. Where PyTorch brought
CUDA into other site-packages, its folders have to be put on the loader's path before a process starts.
"""

import ctypes
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

# What the plugins' files name (readelf -d: NEEDED) or open by name while they work. Plugins of vs-mlrt 17.
NEEDED: Mapping[str, tuple[str, ...]] = {
    "ort_cuda": (
        "libcuda.so.1", "libcudart.so.13", "libcublas.so.13", "libcublasLt.so.13", "libcurand.so.10", "libcudnn.so.9",
    ),
    "trt": ("libnvinfer.so.11", "libnvinfer_plugin.so.11"),
    "trt_rtx": ("libtensorrt_rtx.so.1",),
    "ncnn": ("libvulkan.so.1",),
}  # fmt: skip

_PATTERNS = ("nvidia/*/lib", "tensorrt_libs", "tensorrt_rtx_libs")


def folders(search: list[str] | None = None) -> list[str]:
    """Return the folders of NVIDIA's libraries among installed packages, in Python's own order.

    Args:
        search: folders to look in; by default those of ``sys.path``.
    """
    found: list[str] = []
    for place in map(Path, sys.path if search is None else search):
        if place.is_dir():
            found += [str(path) for path in _below(place) if str(path) not in found]
    return found


def _below(place: Path) -> Iterator[Path]:
    for pattern in _PATTERNS:
        yield from (path for path in sorted(place.glob(pattern)) if any(path.glob("*.so*")))


def environment(library_folders: list[str]) -> dict[str, str]:
    """Return this process's environment with folders added to the loader's path, before those already there."""
    path = os.pathsep.join([*library_folders, *filter(None, [os.environ.get("LD_LIBRARY_PATH")])])
    return {**os.environ, "LD_LIBRARY_PATH": path} if path else dict(os.environ)


def loaded(names: tuple[str, ...]) -> dict[str, str]:
    """Load libraries, and return by name where each was found, or the loader's error."""
    answers = {}
    for name in names:
        try:
            ctypes.CDLL(name)
        except OSError as error:
            answers[name] = f"missing: {error}"
        else:
            answers[name] = _place(name)
    return answers


def _place(name: str) -> str:
    """Return the path of a library that this process has loaded."""
    try:
        maps = Path("/proc/self/maps").read_text(encoding="utf-8", errors="replace").split()
    except OSError:
        return "loaded"
    stem = name.partition(".so")[0]
    return next((word for word in maps if Path(word).name.startswith((name, f"{stem}.so"))), "loaded")
