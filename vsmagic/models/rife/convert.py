"""From a file of RIFE's weights to an ONNX network, checked against PyTorch on the way.

The published files are pickles. They are read as plain data: nothing in them is executed.
"""

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vsmagic.errors import ModelError
from vsmagic.models import convert_onnx, evaluate, weights
from vsmagic.models.rife import architecture
from vsmagic.models.rife.architecture import Architecture

if TYPE_CHECKING:
    import numpy as np
    import torch

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
        example, free = torch.rand(1, 7, step, 2 * step), {2: "height", 3: "width"}
        content = convert_onnx.exported(network, example, free=free, what=found.architecture.name, path=path)
        for picture in pictures(step):
            expected = network(torch.from_numpy(picture)).numpy()
            convert_onnx.compare(evaluate.output(content, picture, path), expected, path)
    return content


def pictures(multiple: int) -> "list[np.ndarray]":
    """Return input to check a network on, ``[1, 7, h, w]`` of two sizes and at two times."""
    import numpy as np

    pairs = evaluate.pictures(6, multiple)
    return [
        np.concatenate([pair, np.full_like(pair[:, :1], time)], 1) for pair, time in zip(pairs, _TIMES, strict=True)
    ]
