"""Operators that see windows of pictures: convolutions and pools."""

import math

import torch.nn.functional as F  # noqa: N812 - its usual name
from torch import Tensor

from vsmagic.backends.torch_ops.node import Facts, Operator, UnknownError


def _conv(facts: Facts, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    x, pads = _padded(facts, x, weight.ndim - 2)
    run = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}[weight.ndim - 2]
    ones = [1] * (weight.ndim - 2)
    strides, dilations = facts.get("strides", ones), facts.get("dilations", ones)
    return run(x, weight, bias, strides, pads, dilations, facts.get("group", 1))


def _conv_transpose(facts: Facts, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    pads = facts.get("pads", [0] * 4)
    if weight.ndim != 4 or pads[:2] != pads[2:] or facts.get("output_shape") or _auto_pad(facts):
        raise UnknownError("a ConvTranspose with a given output shape or uneven padding")
    return F.conv_transpose2d(
        x, weight, bias, facts.get("strides", [1, 1]), pads[:2], facts.get("output_padding", [0, 0]),
        facts.get("group", 1), facts.get("dilations", [1, 1]),
    )  # fmt: skip


def _average_pool(facts: Facts, x: Tensor) -> Tensor:
    kernel = facts.get("kernel_shape")
    counted = bool(facts.get("count_include_pad", 0))
    before = facts.get("pads", [0] * 4)
    if len(kernel) != 2 or (before[:2] != before[2:] and not counted):
        raise UnknownError("an AveragePool with uneven padding")
    x, pads = _padded(facts, x, 2)
    return F.avg_pool2d(x, kernel, facts.get("strides", [1, 1]), pads, bool(facts.get("ceil_mode", 0)), counted)


def _max_pool(facts: Facts, x: Tensor) -> Tensor:
    kernel = facts.get("kernel_shape")
    if len(kernel) != 2:
        raise UnknownError(f"a MaxPool of {len(kernel)} dimensions")
    x, pads = _padded(facts, x, 2, -math.inf)
    strides, dilations = facts.get("strides", [1, 1]), facts.get("dilations", [1, 1])
    return F.max_pool2d(x, kernel, strides, pads, dilations, bool(facts.get("ceil_mode", 0)))


def _padded(facts: Facts, x: Tensor, axes: int, value: float = 0.0) -> tuple[Tensor, list[int]]:
    """Return the input and the padding that is the same on both sides; what is not is laid around the input."""
    if _auto_pad(facts):
        raise UnknownError(f"padding by {facts.get('auto_pad').decode()}")
    pads = facts.get("pads", [0] * 2 * axes)
    if pads[:axes] == pads[axes:]:
        return x, pads[:axes]
    around = [side for n in reversed(range(axes)) for side in (pads[n], pads[axes + n])]
    return F.pad(x, around, value=value), [0] * axes


def _auto_pad(facts: Facts) -> bool:
    return facts.get("auto_pad", b"NOTSET") not in (b"NOTSET", b"VALID")


OPERATORS: dict[str, Operator] = {
    "AveragePool": _average_pool,
    "Conv": _conv,
    "ConvTranspose": _conv_transpose,
    "GlobalAveragePool": lambda _, x: x.mean(tuple(range(2, x.ndim)), keepdim=True),
    "MaxPool": _max_pool,
}
