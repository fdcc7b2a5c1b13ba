"""Turn PyTorch weights into an ONNX network: architecture recognised by Spandrel, result checked against PyTorch."""

import io
import logging
import pickle
import re
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from vsmagic.errors import ModelError, SetupError, reason
from vsmagic.models import evaluate, inspect, residual
from vsmagic.models.prepare import with_nearest_base
from vsmagic.models.spec import ModelSpec

if TYPE_CHECKING:
    import spandrel

    Weights = dict[str, Any]

log = logging.getLogger(__name__)

OPSET = 17
_TOLERANCE = 1 / 1024


def convert(path: Path) -> tuple[ModelSpec, bytes]:
    """Read a ``.pth`` or ``.safetensors`` file and return the model's spec and its ONNX.

    The network has one input and one output ``[batch, channels, height, width]``, luma or RGB from 0 to 1, float32,
    with batch, height and width free; where the model ends by adding its enlarged input, the network leaves that out
    and the spec's ``base`` says so. Pickles are read as plain data (``weights_only``): nothing in them is executed.

    Raises:
        SetupError: the ``convert`` extra is not installed.
        ModelError: the file cannot be read, its architecture is not known, or the ONNX disagrees with PyTorch.
    """
    return _converted(_weights(path), path)


def blend(first: Path, second: Path, strength: float) -> tuple[ModelSpec, bytes]:
    """Mix two models of one architecture: ``strength`` times the first's weights, the rest the second's.

    As Real-ESRGAN's authors define the denoise strength of realesr-general-x4v3 (its ``dni_weight``).

    Raises:
        SetupError, ModelError: as :func:`convert`; or the two are not of the same architecture.
    """
    ours, theirs = _weights(first), _weights(second)
    if {key: value.shape for key, value in ours.items()} != {key: value.shape for key, value in theirs.items()}:
        raise ModelError(f"models {first} and {second} have different layers; only models of one kind can be mixed.")
    mixed = {key: strength * value + (1 - strength) * theirs[key] for key, value in ours.items()}
    return _converted(mixed, first)


def _converted(weights: "Weights", path: Path) -> tuple[ModelSpec, bytes]:
    import torch

    descriptor = _recognised(weights, path)
    log.info("%s: %s, x%d; converting it to ONNX", path.name, descriptor.architecture.name, descriptor.scale)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tracing exporter, chosen because it keeps sizes free, is deprecated
        whole = _export(descriptor, path)
        spec = inspect.inspect_content(whole, path)
        rest = residual.split(whole)
        if rest is not None:
            spec = with_nearest_base(spec, rest, path)
        content = rest or whole
        _verify(descriptor, spec, content, path)
    return msgspec.structs.replace(spec, name=path.stem), content


def _weights(path: Path) -> "Weights":
    """Read a file's tensors by name, and nothing else that may be in it."""
    try:
        import torch
        from safetensors.torch import load_file
        from spandrel import canonicalize_state_dict
    except ImportError as error:
        raise SetupError(
            f"model {path}: reading {path.suffix} files needs PyTorch and Spandrel ({error.name} is missing); "
            "install them with: pip install 'vsmagic[convert]'"
        ) from error
    inspect.read(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of storage classes that old files name
            if path.suffix.lower() == ".safetensors":
                found: Any = load_file(path)
            else:
                found = torch.load(path, map_location="cpu", weights_only=True)
        weights = canonicalize_state_dict(found)
    except pickle.UnpicklingError as error:
        named = re.search(r"GLOBAL ([\w.]+)", str(error))
        what = f"it names {named[1]}" if named else "it is no pickle of tensors"
        raise ModelError(
            f"model {path}: not plain weights ({what}), so nothing in it was run. Expected a state dict saved by "
            "PyTorch; get it from its authors again, or as .safetensors."
        ) from error
    except Exception as error:  # torch and safetensors raise many kinds; all of them mean the same to the user
        raise ModelError(f"model {path}: not a complete file of weights ({reason(error)}). Fetch it again.") from error
    return {str(key): value for key, value in weights.items() if isinstance(value, torch.Tensor)}


def _recognised(weights: "Weights", path: Path) -> "spandrel.ImageModelDescriptor[Any]":
    from spandrel import ImageModelDescriptor, ModelLoader

    try:
        descriptor = ModelLoader(device="cpu").load_from_state_dict(weights)
    except Exception as error:  # the same: many kinds, one meaning
        raise ModelError(
            f"model {path}: not weights of an architecture that Spandrel knows ({reason(error)}). A network of another "
            "kind can be added as .onnx."
        ) from error
    if not isinstance(descriptor, ImageModelDescriptor) or descriptor.input_channels not in (1, 3):
        raise ModelError(f"model {path}: not a network from one picture to one picture of 1 or 3 channels.")
    descriptor.model.float().eval()
    return descriptor


def _export(descriptor: "spandrel.ImageModelDescriptor[Any]", path: Path) -> bytes:
    import torch

    size = max(16, descriptor.size_requirements.get_padding(16, 16)[0] + 16)
    example = torch.rand(1, descriptor.input_channels, size, size)
    free = {0: "batch", 2: "height", 3: "width"}
    file = io.BytesIO()
    try:
        torch.onnx.export(
            descriptor.model,
            (example,),
            file,  # type: ignore[arg-type]  # its own annotation is narrower than what it takes
            dynamo=False,
            opset_version=OPSET,
            input_names=["input"],
            output_names=["output"],
            dynamic_axes={"input": free, "output": free},
        )
    except ImportError as error:
        raise SetupError(
            f"model {path}: exporting it needs {error.name}; install it with: pip install 'vsmagic[convert]'"
        ) from error
    except Exception as error:  # an operator without an ONNX counterpart; torch raises several kinds
        name = descriptor.architecture.name
        raise ModelError(f"model {path}: {name} cannot be turned into ONNX ({reason(error)}).") from error
    return file.getvalue()


def _verify(descriptor: "spandrel.ImageModelDescriptor[Any]", spec: ModelSpec, content: bytes, path: Path) -> None:
    """Compare with PyTorch on noise and on something like a picture, at sizes that the export did not see."""
    import torch

    for picture in evaluate.pictures(spec.channels, spec.multiple):
        expected = descriptor.model(torch.from_numpy(picture)).numpy()
        result = evaluate.output(content, picture, path)
        if spec.base == "nearest":
            result = result + evaluate.enlarge(picture, spec.scale)
        if result.shape != expected.shape:
            raise ModelError(f"model {path}: the converted network gives {result.shape}, PyTorch {expected.shape}.")
        worst = float(abs(result - expected).max()) / max(1.0, float(abs(expected).max()))
        if not worst <= _TOLERANCE:
            raise ModelError(
                f"model {path}: the converted network differs from PyTorch by {worst:.2g} (allowed {_TOLERANCE:.2g})."
            )
