"""Turn PyTorch weights into an ONNX network: architecture recognised by Spandrel, result checked against PyTorch."""

import contextlib
import hashlib
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from vsmagic.errors import ModelError
from vsmagic.models import convert_onnx, evaluate, inspect, reach, residual, weights
from vsmagic.models.rife import architecture
from vsmagic.models.spec import ModelSpec

if TYPE_CHECKING:
    from vsmagic.models.weights import Descriptor, Weights

log = logging.getLogger(__name__)


def convert(path: Path) -> tuple[ModelSpec, bytes]:
    """Read ``.pth``, ``.pkl`` or ``.safetensors``; return the model's spec and its ONNX, or what PyTorch runs.

    The network has one input and one output ``[batch, channels, height, width]``, luma or RGB from 0 to 1, float32,
    with batch, height and width free; where the model ends by adding its enlarged input, the network leaves that out
    and the spec's ``base`` says so. An architecture that cannot be turned into ONNX for any size (windows of
    attention, as a rule) is kept as weights, and the spec's ``form`` says so: only PyTorch runs it. Pickles are read as
    plain data (``weights_only``): nothing in them is executed.

    Raises:
        SetupError: the ``convert`` extra is not installed.
        ModelError: the file cannot be read, its architecture is not known, or it cannot be run.
    """
    return _converted(weights.read(path), path)


def blend(first: Path, second: Path, strength: float) -> tuple[ModelSpec, bytes]:
    """Mix two models of one architecture: ``strength`` times the first's weights, the rest the second's.

    As Real-ESRGAN's authors define the denoise strength of realesr-general-x4v3 (its ``dni_weight``).

    Raises:
        SetupError, ModelError: as :func:`convert`; or the two are not of the same architecture.
    """
    ours, theirs = weights.read(first), weights.read(second)
    if {key: value.shape for key, value in ours.items()} != {key: value.shape for key, value in theirs.items()}:
        raise ModelError(f"models {first} and {second} have different layers; only models of one kind can be mixed.")
    mixed = {key: strength * value + (1 - strength) * theirs[key] for key, value in ours.items()}
    return _converted(mixed, first)


def _converted(tensors: "Weights", path: Path) -> tuple[ModelSpec, bytes]:
    if architecture.is_rife({name: tuple(values.shape) for name, values in tensors.items()}):
        raise ModelError(f"model {path}: a RIFE, which makes frames in between; to enlarge, take another one.")
    descriptor = weights.recognised(tensors, path)
    log.info("%s: %s, x%d; converting it to ONNX", path.name, descriptor.architecture.name, descriptor.scale)
    try:
        spec, content = _as_onnx(descriptor, path)
    except ModelError as error:
        found = weights.kept(descriptor, tensors, path)
        name = descriptor.architecture.name
        log.warning("%s: this %s has no ONNX for every size; only backend torch runs it (%s)", path.name, name, error)
        spec, content = found
    sha256 = hashlib.sha256(content).hexdigest()
    return msgspec.structs.replace(spec, name=path.stem, sha256=sha256), content


def _as_onnx(descriptor: "Descriptor", path: Path) -> tuple[ModelSpec, bytes]:
    import torch

    with torch.no_grad(), warnings.catch_warnings(), _silent():
        warnings.simplefilter("ignore")  # the tracing exporter, chosen because it keeps sizes free, is deprecated
        whole = _export(descriptor, path)
        spec = inspect.inspect_content(whole, path)
        rest = residual.split(whole)
        if rest is not None:
            spec = inspect.with_nearest_base(spec, rest, path)
        content = rest or whole
        if descriptor.size_requirements.minimum > evaluate.SMALLEST:  # of smaller ones the check below tells
            spec = msgspec.structs.replace(spec, multiple=weights.multiple(descriptor, spec.multiple))
        _verify(descriptor, spec, content, path)
        spec = reach.nearer(
            spec, lambda picture: weights.forward(descriptor, torch.from_numpy(picture)).numpy(), path.name
        )
    return spec, content


def _export(descriptor: "Descriptor", path: Path) -> bytes:
    import torch

    size = max(16, descriptor.size_requirements.get_padding(16, 16)[0] + 16)
    example = torch.rand(1, descriptor.input_channels, size, size)

    class Called(torch.nn.Module):
        """The network as its architecture is called, which may be more than its own forward."""

        def __init__(self) -> None:
            super().__init__()
            self.network = descriptor.model

        def forward(self, picture: torch.Tensor) -> torch.Tensor:
            return weights.forward(descriptor, picture)

    free = {0: "batch", 2: "height", 3: "width"}
    return convert_onnx.exported(Called().eval(), example, free=free, what=descriptor.architecture.name, path=path)


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """Keep what PyTorch's own code writes to stdout, a whole graph where it cannot export one, out of the video."""
    sys.stdout.flush()
    stdout = os.dup(1)
    try:
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), 1)
        yield
    finally:
        os.dup2(stdout, 1)
        os.close(stdout)


def _verify(descriptor: "Descriptor", spec: ModelSpec, content: bytes, path: Path) -> None:
    """Compare with PyTorch on noise and on something like a picture, at sizes that the export did not see."""
    for picture in evaluate.pictures(spec.channels, spec.multiple):
        expected = weights.output(descriptor, picture, path)
        result = evaluate.output(content, picture, path)
        if spec.base == "nearest":
            result = result + evaluate.enlarge(picture, spec.scale)
        convert_onnx.compare(result, expected, path)
