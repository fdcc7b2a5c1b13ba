"""Turn PyTorch weights into an ONNX network: architecture recognised by Spandrel, result checked against PyTorch."""

import io
import logging
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from vsmagic.errors import ModelError, SetupError, reason
from vsmagic.models import inspect
from vsmagic.models.spec import ModelSpec

if TYPE_CHECKING:
    import spandrel

log = logging.getLogger(__name__)

OPSET = 17
_TOLERANCE = 1 / 1024


def convert(path: Path) -> tuple[ModelSpec, bytes]:
    """Read a ``.pth`` or ``.safetensors`` file and return the model's spec and its ONNX.

    The network has one input and one output ``[batch, 3, height, width]``, RGB from 0 to 1, float32, with batch,
    height and width free. Pickles are read as plain data (``weights_only``): nothing in them is executed.

    Raises:
        SetupError: the ``convert`` extra is not installed.
        ModelError: the file cannot be read, its architecture is not known, or the ONNX disagrees with PyTorch.
    """
    try:
        import torch
        from spandrel import ImageModelDescriptor, ModelLoader
    except ImportError as error:
        raise SetupError(
            f"model {path}: reading {path.suffix} files needs PyTorch and Spandrel ({error.name} is missing); "
            "install them with: pip install 'vsmagic[convert]'"
        ) from error
    try:
        descriptor = ModelLoader(device="cpu").load_from_file(path)
    except Exception as error:  # Spandrel and torch raise many kinds; all of them mean the same to the user
        raise ModelError(f"model {path}: not weights of a known architecture ({reason(error)}).") from error
    if not isinstance(descriptor, ImageModelDescriptor) or descriptor.input_channels not in (1, 3):
        raise ModelError(f"model {path}: not a network from one picture to one picture of 1 or 3 channels.")
    log.info("%s: %s, x%d; converting it to ONNX", path.name, descriptor.architecture.name, descriptor.scale)
    with torch.no_grad():
        content = _export(descriptor)
        _verify(descriptor, content, path)
    return msgspec.structs.replace(inspect.inspect_content(content, path), name=path.stem), content


def _export(descriptor: "spandrel.ImageModelDescriptor") -> bytes:
    import torch

    size = max(16, descriptor.size_requirements.get_padding(16, 16)[0] + 16)
    example = torch.rand(1, descriptor.input_channels, size, size)
    free = {0: "batch", 2: "height", 3: "width"}
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the tracing exporter, chosen: it keeps sizes free
        torch.onnx.export(
            descriptor.model.eval(),
            (example,),
            file,  # type: ignore[arg-type]  # its own annotation is narrower than what it takes
            dynamo=False,
            opset_version=OPSET,
            input_names=["input"],
            output_names=["output"],
            dynamic_axes={"input": free, "output": free},
        )
    return file.getvalue()


def _verify(descriptor: "spandrel.ImageModelDescriptor", content: bytes, path: Path) -> None:
    """Compare with PyTorch at a size that the export did not see."""
    import torch
    from onnx.reference import ReferenceEvaluator

    picture = torch.rand(1, descriptor.input_channels, 24, 40, generator=torch.Generator().manual_seed(1))
    expected = descriptor.model(picture).numpy()
    (result,) = ReferenceEvaluator(content).run(None, {"input": picture.numpy()})
    worst = float(abs(result - expected).max())
    if not worst <= _TOLERANCE:
        raise ModelError(
            f"model {path}: the converted network differs from PyTorch by {worst:.2g} (allowed {_TOLERANCE:.2g})."
        )
