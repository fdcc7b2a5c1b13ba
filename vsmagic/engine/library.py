"""The two builder libraries, whose Python APIs are the same: TensorRT and TensorRT-RTX."""

import importlib
import importlib.util
from dataclasses import dataclass
from typing import Any

from vsmagic.engine.key import LibraryName
from vsmagic.errors import BackendError, reason


@dataclass(frozen=True, kw_only=True)
class Library:
    """A builder library, as plain facts."""

    name: LibraryName
    title: str
    backend: str
    """Backend whose plugin loads its engines."""
    modules: tuple[str, ...]
    """Names it is imported by; the first that is installed."""
    packages: tuple[str, ...]
    """What to give to ``pip install``."""
    capabilities: tuple[str, ...] = ()
    """Compute capabilities that engines can be built for without a GPU; none: only for the GPU at hand."""
    timing_cache: bool = False
    """Whether builds are quicker with the timings of earlier ones. In TensorRT-RTX they are not: it times nothing
    while it builds."""
    note: str = ""
    """What to know before installing it."""

    def pip(self, version: str | None) -> str:
        """Return the command that installs it, in the version that is wanted."""
        pinned = f"=={version}.*" if version else ""
        return " ".join(["pip install", *(f"'{package}{pinned}'" for package in self.packages)])

    def installed(self) -> bool:
        """Whether it can be imported; looks, and imports nothing."""
        return any(importlib.util.find_spec(name) for name in self.modules)

    def load(self, wanted: str | None) -> Any:
        """Import it.

        Args:
            wanted: version that the plugin loads; None where there is no plugin to ask.

        Raises:
            BackendError: it is not installed, cannot be imported, or is of another version.
        """
        plugin = f"its plugin loads {self.title} {wanted}" if wanted else "its plugin is not installed either"
        for name in self.modules:
            try:
                module = importlib.import_module(name)
            except ModuleNotFoundError as error:
                if error.name == name:
                    continue
                raise BackendError(self._broken(name, error)) from error
            except Exception as error:  # bindings raise many kinds where their library is absent or does not load
                raise BackendError(self._broken(name, error)) from error
            found = short(module.__version__)
            if wanted and found != wanted:
                raise BackendError(
                    f"backend {self.backend}: {plugin}, and {self.title} {module.__version__} is installed to build "
                    f"with; engines load in the same version only. Run: {self.pip(wanted)}{self.note}"
                )
            return module
        raise BackendError(
            f"backend {self.backend}: an engine has to be built, and {self.title} is not installed ({plugin}). "
            f"Run: {self.pip(wanted)}{self.note}"
        )

    def _broken(self, name: str, error: Exception) -> str:
        return (
            f"backend {self.backend}: {self.title} ({name}) is installed and cannot be imported ({reason(error)}). "
            f"Run: {self.pip(None)}{self.note}"
        )


def short(version: str) -> str:
    """Return the first three numbers of a version, which decide whether an engine loads."""
    return ".".join(version.split(".")[:3])


def of_plugin(number: int) -> str:
    """Turn the number that a plugin tells of its library, such as 10701, into a version, such as 1.7.1."""
    step = 100 if number >= 10_000 else 10  # TensorRT counted 8.6.1 as 8601 until version 9
    return f"{number // (step * 100)}.{number // 100 % step}.{number % 100}"


TENSORRT = Library(
    name="tensorrt",
    title="TensorRT",
    backend="trt",
    modules=("tensorrt", "tensorrt_bindings"),
    packages=("tensorrt-cu13-libs", "tensorrt-cu13-bindings"),
    timing_cache=True,
    note=" (they come from NVIDIA's own package index)",
)

TENSORRT_RTX = Library(
    name="tensorrt_rtx",
    title="TensorRT-RTX",
    backend="trt_rtx",
    modules=("tensorrt_rtx", "tensorrt_rtx_bindings"),
    packages=("tensorrt-rtx-cu13-libs", "tensorrt-rtx-cu13-bindings"),
    capabilities=("7.5", "8.0", "8.6", "8.9", "12.0", "12.1"),
)

LIBRARIES = {library.backend: library for library in (TENSORRT, TENSORRT_RTX)}


def title(name: LibraryName) -> str:
    """Return what a library calls itself."""
    return next(library.title for library in LIBRARIES.values() if library.name == name)
