"""Every model that can be asked for by name, and how a name or a file becomes a model that runs."""

import difflib
import hashlib
import math
from dataclasses import dataclass
from pathlib import Path

from vsmagic.errors import ModelError
from vsmagic.files import write_atomically
from vsmagic.models.spec import ModelSpec, encode_spec, load_spec
from vsmagic.settings import settings

EMBEDDED = Path(__file__).with_name("embedded")


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One model as it is asked for."""

    name: str
    """What a user types."""
    spec: str
    """Name of the network's spec and ONNX under ``models/embedded``."""
    passes: int = 1
    """How many times the network is applied, each pass to the result of the one before."""


ENTRIES = (
    Entry(name="magic-x2", spec="magic-x2"),
    Entry(name="magic-x4", spec="magic-x2", passes=2),
)


@dataclass(frozen=True, kw_only=True)
class Model:
    """A network on disk that can run now: its facts, its file, and how often it is applied."""

    name: str
    spec: ModelSpec
    path: Path
    """ONNX with float32 input and output."""
    passes: int = 1

    @property
    def scale(self) -> int:
        """Output size over input size, after all passes."""
        return int(self.spec.scale**self.passes)


def resolve(name: str, *, factor: float = 1.0) -> Model:
    """Turn what a user typed into a model that runs.

    Args:
        name: ``auto`` (the embedded model whose scale is the smallest that reaches ``factor``, else the largest),
            a name of the registry, or the path of a local ``.onnx``, ``.pth`` or ``.safetensors``.
        factor: enlargement that is wanted, used by ``auto``.

    Raises:
        ModelError: no such model or file, or a file that is not a model vsmagic can run.
        SetupError: a ``.pth`` or ``.safetensors`` needs the ``convert`` extra, which is not installed.
    """
    if name == "auto":
        models = sorted((_embedded(entry) for entry in ENTRIES), key=lambda model: model.scale)
        return next((model for model in models if model.scale >= factor - 1e-9), models[-1])
    for entry in ENTRIES:
        if entry.name == name:
            return _embedded(entry)
    path = Path(name)
    if path.suffix.lower() in (".onnx", ".pth", ".safetensors"):
        return _local(path)
    raise ModelError(f"model {name!r} is not known; expected {_known(name)}, or the path of an .onnx file.")


def _known(name: str) -> str:
    names = ["auto", *(entry.name for entry in ENTRIES)]
    close = difflib.get_close_matches(name, names, n=1)
    return f"{', '.join(names)}" + (f" (did you mean {close[0]}?)" if close else "")


def _embedded(entry: Entry) -> Model:
    spec = load_spec(EMBEDDED / f"{entry.spec}.json")
    return Model(name=entry.name, spec=spec, path=EMBEDDED / f"{entry.spec}.onnx", passes=entry.passes)


def _local(path: Path) -> Model:
    """Read a local file's facts once; later calls find them by the file's path, size and time of change."""
    try:
        stat = path.stat()
    except OSError as error:
        raise ModelError(f"model {path}: the file cannot be read ({error.strerror}).") from error
    identity = f"{path.resolve()}\0{stat.st_size}\0{stat.st_mtime_ns}"
    folder = settings().models / "local" / hashlib.sha256(identity.encode()).hexdigest()[:32]
    facts, network = folder / "spec.json", folder / "network.onnx"
    if not facts.exists():
        _prepare(path, facts, network)
    spec = load_spec(facts)
    return Model(name=spec.name, spec=spec, path=network if network.exists() else path)


def _prepare(path: Path, facts: Path, network: Path) -> None:
    """Write a local file's spec, and an ONNX that runs where the file itself cannot."""
    from vsmagic.models import inspect, precision

    if path.suffix.lower() == ".onnx":
        spec = inspect.inspect(path)
        if spec.element == "f16":
            write_atomically(network, precision.with_f32_io(path.read_bytes()))
    else:
        from vsmagic.models import convert

        spec, content = convert.convert(path)
        write_atomically(network, content)
    write_atomically(facts, encode_spec(spec))


def memory_per_pixel(spec: ModelSpec) -> int:
    """Bytes one stream takes per input pixel, as an estimate.

    Half as much again as the widest place in float32: OpenVINO takes 1.0 to 1.3 times that place.
    """
    return math.ceil(1.5 * spec.activations * 4)
