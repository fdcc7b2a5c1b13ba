"""The contract between filters and plugins, and the one place where a plugin is called."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import vapoursynth as vs

from vsmagic.engine.store import Engine
from vsmagic.errors import BackendError, ModelError, reason
from vsmagic.models.spec import Precision
from vsmagic.settings import settings

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Request:
    """One network on one device: what a backend translates into its plugin's arguments."""

    network: Path
    """ONNX file with float32 input and output."""
    precision: Precision = "f32"
    """Precision of the arithmetic inside the network."""
    streams: int = 1
    """Frames that the plugin works on at the same time."""
    device: int = 0
    """Number of the device among those of its kind."""
    model: str = ""
    """The model's name, for messages and for what is kept of it."""
    sha256: str | None = None
    """Hash that the model is known by; None where only the file is known."""


@dataclass(frozen=True, kw_only=True)
class Backend:
    """A plugin, as plain facts and one function that translates."""

    name: str
    """Name the backend is asked for by."""
    namespace: str
    """The plugin's namespace on the core."""
    package: str
    """What to give to ``pip install``."""
    precisions: tuple[Precision, ...]
    """Precisions the plugin can compute in."""
    arguments: Callable[[Request], Mapping[str, Any]]
    """Turns a request into the plugin's keyword arguments."""
    streams: Callable[[], int] = field(default=lambda: 1)
    """How many streams use this machine best."""
    trouble: Callable[[], str | None] = field(default=lambda: None)
    """Why the backend cannot run on this machine although its plugin is there, with the remedy; None if it can."""
    memory: Callable[[int], int] = field(default=lambda device: settings().memory)  # noqa: ARG005
    """Bytes that the streams on a device, given by its number, may take together."""
    compiled: Callable[[Request, vs.VideoNode, Engine | None], Engine] | None = None
    """For a plugin that loads an engine: returns the one for this clip, built if there is none. The engine it is
    given is one that the plugin has refused."""
    excludes: frozenset[str] = frozenset()
    """ONNX operators the plugin must not be given."""


def run(clip: vs.VideoNode, backend: Backend, request: Request) -> vs.VideoNode:
    """Apply a network to an RGBS or GRAYS clip; the result is larger by the network's scale.

    Keeps frame count, durations and frame properties.

    Raises:
        ModelError: the plugin cannot load the network.
        BackendError: the plugin's device or library fails.
    """
    try:
        return _load(clip, backend, request)
    except vs.Error as error:
        message = f"backend {backend.name}: cannot run {request.network.name} on a {clip.width}x{clip.height} clip"
        kind = BackendError if "device" in str(error).lower() else ModelError
        raise kind(f"{message} ({reason(error)}). Try another backend or model.") from error


def _load(clip: vs.VideoNode, backend: Backend, request: Request) -> vs.VideoNode:
    """Call the plugin; an engine that it refuses is built again, once."""

    def model(file: Path) -> vs.VideoNode:
        result: vs.VideoNode = plugin.Model(clip, str(file), **backend.arguments(request))
        return result

    plugin = getattr(vs.core, backend.namespace)
    if backend.compiled is None:
        return model(request.network)
    engine = backend.compiled(request, clip, None)
    try:
        return model(engine.path)
    except vs.Error as error:
        if "engine" not in str(error):  # the device, not the file
            raise
        log.warning("backend %s: engine %s does not load (%s); building it again", backend.name, engine.path, error)
    return model(backend.compiled(request, clip, engine).path)
