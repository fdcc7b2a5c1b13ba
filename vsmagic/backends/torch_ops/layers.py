"""Layers of a network: activations, normalizations and products of matrices."""

import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from torch import Tensor

from vsmagic.backends.torch_ops.node import Facts, Operator, UnknownError, each


def _prelu(_: Facts, x: Tensor, slope: Tensor) -> Tensor:
    channels = slope.numel() in (1, x.shape[1]) and slope.numel() == max(slope.shape[-3:-2] or (1,))
    return F.prelu(x, slope.flatten()) if channels else torch.where(x < 0, slope * x, x)


def _gemm(facts: Facts, a: Tensor, b: Tensor, c: Tensor | None = None) -> Tensor:
    a, b = a.T if facts.get("transA", 0) else a, b.T if facts.get("transB", 0) else b
    result: Tensor = facts.get("alpha", 1.0) * (a @ b)
    return result if c is None else result + facts.get("beta", 1.0) * c


def _softmax(facts: Facts, x: Tensor) -> Tensor:
    axis = facts.get("axis", -1 if facts.opset >= 13 else 1)
    if facts.opset < 13 and axis % x.ndim != x.ndim - 1:
        raise UnknownError("a Softmax of opset 12 or older over several axes")
    return torch.softmax(x, axis)


def _layer_norm(facts: Facts, x: Tensor, scale: Tensor, bias: Tensor | None = None) -> Tensor:
    shape = x.shape[facts.get("axis", -1) % x.ndim :]
    return F.layer_norm(x, shape, scale.expand(shape), bias, facts.get("epsilon", 1e-5))


def _batch_norm(facts: Facts, x: Tensor, scale: Tensor, bias: Tensor, *statistics: Tensor) -> Tensor:
    mean, var = statistics
    return F.batch_norm(x, mean, var, scale, bias, training=False, eps=facts.get("epsilon", 1e-5))


def _instance_norm(facts: Facts, x: Tensor, scale: Tensor, bias: Tensor) -> Tensor:
    return F.instance_norm(x, weight=scale, bias=bias, eps=facts.get("epsilon", 1e-5))


OPERATORS: dict[str, Operator] = {
    "BatchNormalization": _batch_norm,
    "Einsum": lambda facts, *parts: torch.einsum(facts.get("equation").decode(), *parts),
    "Elu": lambda facts, x: F.elu(x, facts.get("alpha", 1.0)),
    "Gelu": lambda facts, x: F.gelu(x, approximate=facts.get("approximate", b"none").decode()),
    "Gemm": _gemm,
    "HardSigmoid": lambda facts, x: (facts.get("alpha", 0.2) * x + facts.get("beta", 0.5)).clamp(0, 1),
    "HardSwish": each(F.hardswish),
    "InstanceNormalization": _instance_norm,
    "LayerNormalization": _layer_norm,
    "LeakyRelu": lambda facts, x: F.leaky_relu(x, facts.get("alpha", 0.01)),
    "LpNormalization": lambda facts, x: F.normalize(x, facts.get("p", 2), facts.get("axis", -1)),
    "MatMul": each(torch.matmul),
    "Mish": each(F.mish),
    "PRelu": _prelu,
    "Relu": each(torch.relu),
    "Selu": each(F.selu),
    "Sigmoid": each(torch.sigmoid),
    "Softmax": _softmax,
    "Softplus": each(F.softplus),
    "Tanh": each(torch.tanh),
}
