"""Make of a model file what runs: its facts, and a network where the file itself cannot be given to a backend."""

import hashlib
from pathlib import Path

import msgspec

from vsmagic.models import evaluate, inspect, precision, reach, residual
from vsmagic.models.spec import ModelSpec


def prepare(path: Path) -> tuple[ModelSpec, bytes | None]:
    """Read a ``.onnx``, ``.pth``, ``.pkl`` or ``.safetensors``.

    Returns:
        The facts, and the network to run in place of the file, in the form that the facts name; None where the file
        itself can be run.

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
        content, spec = rest, inspect.with_nearest_base(spec, rest, path)
    if spec.element == "f16":
        rest = precision.with_f32_io(content)
        spec = msgspec.structs.replace(spec, sha256=hashlib.sha256(rest).hexdigest())
    return reach.nearer(spec, lambda picture: evaluate.output(content, picture, path), path.name), rest


def check(path: Path) -> tuple[ModelSpec, bytes | None]:
    """Prepare a file, and compute it once: what is registered has been seen to run.

    Raises:
        SetupError, ModelError: as :func:`prepare`; or the network cannot be computed, gives no numbers, or a size
            that is not the one its graph promises.
    """
    spec, content = prepare(path)
    if spec.form == "torch":
        return spec, content  # it was run to find out that it must stay what it is
    network = content if content is not None else inspect.read(path)
    for picture in evaluate.pictures(spec.channels, spec.multiple):
        evaluate.check(evaluate.output(network, picture, path), picture, spec, path)
    return spec, content
