"""The contract between filters and what runs a network, and the one place where a plugin is called."""

import logging
from abc import ABCMeta, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import vapoursynth as vs

from vsmagic.errors import BackendError, ModelError, reason
from vsmagic.models.spec import Base, Form, Precision
from vsmagic.settings import settings

if TYPE_CHECKING:
    from vsmagic.engine.store import Engine

log = logging.getLogger(__name__)

# Key of a plugin's own facts to the name of the library it stands for.
_LIBRARIES = {
    "openvino_version_build": "OpenVINO",
    "onnxruntime_version": "ONNX Runtime",
    "ncnn_version": "ncnn",
    "tensorrt_rtx_version": "TensorRT-RTX",
    "tensorrt_version": "TensorRT",
}


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One network on one device: what a backend is given."""

    network: Path
    """ONNX file with float32 input and output, or the weights of a model of the form ``torch``."""
    precision: Precision = "f32"
    """Precision of the arithmetic inside the network."""
    streams: int = 1
    """Frames that are worked on at the same time."""
    device: int = 0
    """Number of the device among those of its kind."""
    model: str = ""
    """The model's name, for messages and for what is kept of it."""
    sha256: str | None = None
    """Hash that the model is known by; None where only the file is known."""
    weights: Path | None = None
    """The authors' own file, where the network was made from one."""
    base: Base = "none"
    """What is added to the network's output afterwards, which the authors' own file adds itself."""


class _Contract(msgspec.StructMeta, ABCMeta):
    """Of a class whose fields are facts and whose methods others fill in."""


class Backend(msgspec.Struct, metaclass=_Contract, frozen=True, kw_only=True):
    """What runs networks on clips, as plain facts and one method."""

    name: str
    """Name the backend is asked for by."""
    package: str
    """What to give to ``pip install``."""
    computes: Callable[[], tuple[Precision, ...]]
    """Precisions it can compute in on this machine."""
    on_request: frozenset[Precision] = frozenset()
    """Precisions that it computes in on any machine where they are asked for; where they are not native they need not
    be faster, so that nothing else takes them."""
    streams: Callable[[], int] = msgspec.field(default=lambda: 1)
    """How many streams use this machine best."""
    prompt: Callable[[], int] | None = None
    """How many streams suit somebody who waits for the first frame after every seek: fewer, each of them quicker. None
    where that makes no difference."""
    trouble: Callable[[], str | None] = msgspec.field(default=lambda: None)
    """Why the backend cannot run on this machine although it is installed, with the remedy; None if it can."""
    memory: Callable[[int], int] = msgspec.field(default=lambda device: settings().memory)  # noqa: ARG005
    """Bytes that the streams on a device, given by its number, may take together."""
    excludes: frozenset[str] = frozenset()
    """ONNX operators the backend must not be given."""
    forms: frozenset[Form] = frozenset({"onnx"})
    """What a network may be kept as."""
    loads: str | None = None
    """Suffix of the authors' own files, for a backend that loads nothing else."""

    @property
    def precisions(self) -> tuple[Precision, ...]:
        """Precisions it can compute in on this machine."""
        return self.computes()

    def offers(self, precision: str) -> bool:
        """Whether a precision can be asked for."""
        return precision in self.precisions or precision in self.on_request

    @abstractmethod
    def missing(self) -> str | None:
        """Name what of the backend is not installed; None if all of it is."""

    @abstractmethod
    def version(self) -> str:
        """Return the versions of the libraries that do the work, in words; the backend is installed."""

    @abstractmethod
    def model(self, clips: Sequence[vs.VideoNode], request: Request) -> vs.VideoNode:
        """Apply a network to RGBS and GRAYS clips, as :func:`run` promises it.

        Raises:
            vs.Error: the network, the library or the device refuses.
        """


class Plugin(Backend, frozen=True, kw_only=True):
    """A native plugin: a namespace, and functions that translate a request into its arguments."""

    namespace: str
    """The plugin's namespace on the core."""
    arguments: Callable[[Request], Mapping[str, Any]]
    """Turns a request into the plugin's keyword arguments."""
    compiled: "Callable[[Request, Sequence[vs.VideoNode], Engine | None], Engine] | None" = None
    """For a plugin that loads an engine: returns the one for this clip, built if there is none. The engine it is
    given is one that the plugin has refused."""

    def missing(self) -> str | None:
        """See :class:`Backend`."""
        return None if hasattr(vs.core, self.namespace) else "its plugin"

    def version(self) -> str:
        """See :class:`Backend`."""
        told = {key: _plain(value) for key, value in getattr(vs.core, self.namespace).Version().items()}
        library = next((f"{name} {told[key]}, " for key, name in _LIBRARIES.items() if key in told), "")
        return f"{library}plugin {told['version']}"

    def model(self, clips: Sequence[vs.VideoNode], request: Request) -> vs.VideoNode:
        """Call the plugin; an engine that it refuses is built again, once."""

        def call(file: Path) -> vs.VideoNode:
            result: vs.VideoNode = plugin.Model(list(clips), str(file), **self.arguments(request))
            return result

        plugin = getattr(vs.core, self.namespace)
        if self.compiled is None:
            return call(request.network)
        engine = self.compiled(request, clips, None)
        try:
            return call(engine.path)
        except vs.Error as error:
            if "engine" not in str(error):  # the device, not the file
                raise
            log.warning("backend %s: engine %s does not load (%s); building it again", self.name, engine.path, error)
        return call(self.compiled(request, clips, engine).path)


Listener = Callable[[Sequence[vs.VideoNode], Backend, Request], None]
_listeners: list[Listener] = []


@contextmanager
def told(listener: Listener) -> Iterator[None]:
    """Tell a listener of every network that is applied inside the ``with`` block: to which clips, by what and how."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)


def run(clips: Sequence[vs.VideoNode], backend: Backend, request: Request) -> vs.VideoNode:
    """Apply a network to RGBS and GRAYS clips of one size, whose planes together are its input.

    The result has the first clip's format, frame count, durations and frame properties, and is larger by the
    network's scale.

    Raises:
        ModelError: the backend cannot load the network.
        BackendError: the backend's device or library fails.
    """
    for listener in _listeners:
        listener(clips, backend, request)
    try:
        return backend.model(clips, request)
    except vs.Error as error:
        size = f"{clips[0].width}x{clips[0].height}"
        message = f"backend {backend.name}: cannot run {request.network.name} on a {size} clip"
        kind = BackendError if "device" in str(error).lower() else ModelError
        raise kind(f"{message} ({reason(error)}). Try another backend or model.") from error


def _plain(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
