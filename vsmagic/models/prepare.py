"""Make of a model file what runs: its facts, and an ONNX where the file itself cannot be given to a plugin."""

import hashlib
from pathlib import Path

import msgspec

from vsmagic.errors import ModelError
from vsmagic.models import evaluate, inspect, precision, residual
from vsmagic.models.spec import ModelSpec


def prepare(path: Path) -> tuple[ModelSpec, bytes | None]:
    """Read a ``.onnx``, ``.pth`` or ``.safetensors``.

    Returns:
        The facts, and the ONNX to run in place of the file; None where the file itself can be run.

    Raises:
        SetupError: the ``convert`` extra, which other files than ONNX need, is not installed.
        ModelError: not a model that vsmagic can run.
    """
    if path.suffix.lower() != ".onnx":
        from vsmagic.models import convert

        return convert.convert(path)
    content = inspect.read(path)
    spec = msgspec.structs.replace(inspect.inspect_content(content, path), name=path.stem)
    rest = residual.split(content)
    if rest is not None and not residual.adds_up(content, rest, spec.channels, path):
        rest = None
    if rest is not None:
        content, spec = rest, with_nearest_base(spec, rest, path)
    if spec.element == "f16":
        rest = precision.with_f32_io(content)
        spec = msgspec.structs.replace(spec, sha256=hashlib.sha256(rest).hexdigest())
    return spec, rest


def check(path: Path) -> tuple[ModelSpec, bytes | None]:
    """Prepare a file, and compute it once: what is registered has been seen to run.

    Raises:
        SetupError, ModelError: as :func:`prepare`; or the network cannot be computed, gives no numbers, or a size
            that is not the one its graph promises.
    """
    spec, content = prepare(path)
    network = content if content is not None else inspect.read(path)
    for picture in evaluate.pictures(spec.channels, spec.multiple):
        result = evaluate.output(network, picture, path)
        expected = (1, spec.channels, picture.shape[2] * spec.scale, picture.shape[3] * spec.scale)
        if result.shape != expected:
            raise ModelError(f"model {path}: gives {result.shape} of {picture.shape}; expected {expected}.")
        if not abs(result).max() < float("inf"):
            raise ModelError(f"model {path}: gives numbers that are not finite; its weights are damaged.")
    return spec, content


def with_nearest_base(spec: ModelSpec, content: bytes, path: Path) -> ModelSpec:
    """Return the spec of a network whose last addition has been taken out."""
    facts = inspect.inspect_content(content, path)
    return msgspec.structs.replace(facts, name=spec.name, base="nearest")
