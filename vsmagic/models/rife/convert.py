"""From a file of RIFE's weights to an ONNX network, checked against PyTorch on the way.

The published files are pickles. They are read as plain data: nothing in them is executed.
"""

import io
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vsmagic.errors import ModelError, SetupError, reason
from vsmagic.models import evaluate, weights
from vsmagic.models.rife import architecture
from vsmagic.models.rife.architecture import Architecture

if TYPE_CHECKING:
    import numpy as np
    import torch

OPSET = 17
_TOLERANCE = 1 / 1024
_TIMES = (0.5, 0.2)  # that the checks are made at


@dataclass(frozen=True, kw_only=True)
class Weights:
    """The tensors that make frames, under their published names, and the network they are of."""

    architecture: Architecture
    tensors: "dict[str, torch.Tensor]"
    """In float32."""


def read(path: Path) -> Weights | None:
    """Read a ``.pkl``, ``.pth`` or ``.safetensors``; None where it is of another family of networks.

    Raises:
        SetupError: the ``convert`` extra is not installed.
        ModelError: the file cannot be read, holds something other than tensors, or is a RIFE that is not known:
            a tensor is missing, of another shape, or has no place.
    """
    found = {name.removeprefix("module."): values for name, values in weights.read(path).items()}
    shapes = {name: tuple(values.shape) for name, values in found.items()}
    if not architecture.is_rife(shapes):
        return None
    which = architecture.recognise(shapes, path)
    tensors = {name: found[name].detach().float() for name in which.tensors()}
    for name, values in tensors.items():
        if not values.isfinite().all():
            raise ModelError(f"model {path}: tensor {name} holds numbers that are not finite; fetch the file again.")
    return Weights(architecture=which, tensors=tensors)


def kept(found: Weights) -> bytes:
    """Return the tensors as a safetensors file."""
    from safetensors.torch import save

    return bytes(save({name: values.contiguous() for name, values in found.tensors.items()}))


def export(found: Weights, flow_scale: float, path: Path) -> bytes:
    """Return the ONNX network for one flow scale, compared with PyTorch at two sizes.

    One input ``[1, 7, height, width]`` (RGB of both frames from 0 to 1, and the time), one output ``[1, 3, height,
    width]``, float32; height and width are free multiples of ``architecture.multiple(flow_scale)``.

    Args:
        found: the weights.
        flow_scale: how much larger than usual each block sees the frames: 0.25 to 4.
        path: names the model in messages.

    Raises:
        SetupError: the ``convert`` extra is not installed.
        ModelError: the network gives other pictures than PyTorch, or none.
    """
    import torch

    from vsmagic.models.rife.network import Network

    network = Network(found.architecture, found.tensors, flow_scale).eval()
    step = found.architecture.multiple(flow_scale)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tracing exporter, chosen because it keeps sizes free, is deprecated
        content = _exported(network, torch.rand(1, 7, step, 2 * step), path)
        for picture in pictures(step):
            _verify(content, picture, network(torch.from_numpy(picture)).numpy(), path)
    return content


def pictures(multiple: int) -> "list[np.ndarray]":
    """Return input to check a network on, ``[1, 7, h, w]`` of two sizes and at two times."""
    import numpy as np

    pairs = evaluate.pictures(6, multiple)
    return [
        np.concatenate([pair, np.full_like(pair[:, :1], time)], 1) for pair, time in zip(pairs, _TIMES, strict=True)
    ]


def _exported(network: "torch.nn.Module", example: "torch.Tensor", path: Path) -> bytes:
    import torch

    free = {2: "height", 3: "width"}
    file = io.BytesIO()
    try:
        torch.onnx.export(
            network,
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
    except Exception as error:  # torch raises several kinds
        raise ModelError(f"model {path}: cannot be turned into ONNX ({reason(error)}).") from error
    return file.getvalue()


def _verify(content: bytes, picture: "np.ndarray", expected: "np.ndarray", path: Path) -> None:
    result = evaluate.output(content, picture, path)
    if result.shape != expected.shape:
        raise ModelError(f"model {path}: the converted network gives {result.shape}, PyTorch {expected.shape}.")
    worst = float(abs(result - expected).max())
    if not worst <= _TOLERANCE:  # numbers that are not finite are no better
        raise ModelError(
            f"model {path}: the converted network differs from PyTorch by {worst:.2g} (allowed {_TOLERANCE:.2g})."
        )
