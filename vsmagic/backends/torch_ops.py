"""The operators of ONNX in PyTorch, each as the specification defines it; those that networks for pictures use.

https://onnx.ai/onnx/operators/ - an operator, or a way of using one, that is not here raises :class:`UnknownError`.
Every function takes the node's facts and its inputs in order, ``None`` for one that is left out.
"""

import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from torch import Tensor

_FLOATS = frozenset({1, 10, 11, 16})  # onnx.TensorProto: FLOAT, FLOAT16, DOUBLE, BFLOAT16
_KINDS = {2: torch.uint8, 3: torch.int8, 6: torch.int32, 7: torch.int64, 9: torch.bool}


class UnknownError(Exception):
    """The network uses something that is not here; the message names it."""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What a node says beside its inputs."""

    attributes: Mapping[str, Any]
    opset: int
    real: torch.dtype
    """What floating-point numbers are computed in, whatever type the node names."""

    def get(self, name: str, default: Any = None) -> Any:
        """Return an attribute, or what the specification takes in its absence."""
        return self.attributes.get(name, default)


Operator = Callable[..., Tensor | tuple[Tensor, ...]]


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


def _prelu(_: Facts, x: Tensor, slope: Tensor) -> Tensor:
    channels = slope.numel() in (1, x.shape[1]) and slope.numel() == max(slope.shape[-3:-2] or (1,))
    return F.prelu(x, slope.flatten()) if channels else torch.where(x < 0, slope * x, x)


def _depth_to_space(facts: Facts, x: Tensor) -> Tensor:
    block = facts.get("blocksize")
    if facts.get("mode", b"DCR") == b"CRD":
        return F.pixel_shuffle(x, block)
    n, c, h, w = x.shape
    apart = x.reshape(n, block, block, c // block**2, h, w).permute(0, 3, 4, 1, 5, 2)
    return apart.reshape(n, c // block**2, h * block, w * block)


def _space_to_depth(facts: Facts, x: Tensor) -> Tensor:
    block = facts.get("blocksize")
    n, c, h, w = x.shape
    apart = x.reshape(n, c, h // block, block, w // block, block).permute(0, 3, 5, 1, 2, 4)
    return apart.reshape(n, c * block**2, h // block, w // block)


def _resize(facts: Facts, x: Tensor, *more: Tensor | None) -> Tensor:
    given = (None, *more) if facts.opset < 11 or len(more) == 1 else more
    roi_scales_sizes = (*given, None, None, None)
    scales, sizes = roi_scales_sizes[1], roi_scales_sizes[2]
    if facts.get("axes") or facts.get("antialias", 0) or facts.get("exclude_outside", 0):
        raise UnknownError("a Resize of single axes, with antialiasing or without what is outside")
    wanted = [int(size) for size in sizes] if sizes is not None and sizes.numel() else None
    if wanted is None:
        factors = scales.tolist() if scales is not None else facts.get("scales")
        wanted = [math.floor(length * factor) for length, factor in zip(x.shape, factors, strict=True)]
    if x.ndim != 4 or wanted[:2] != list(x.shape[:2]):
        raise UnknownError("a Resize of other axes than height and width")
    mode = facts.get("mode", b"nearest").decode()
    where = facts.get("coordinate_transformation_mode", b"asymmetric" if facts.opset < 11 else b"half_pixel").decode()
    if mode == "nearest":
        rounded = facts.get("nearest_mode", b"floor" if facts.opset < 11 else b"round_prefer_floor").decode()
        return F.interpolate(x, wanted[2:], mode=_nearest(tuple(x.shape[2:]), tuple(wanted[2:]), where, rounded))
    if mode == "cubic" and not math.isclose(facts.get("cubic_coeff_a", -0.75), -0.75):
        raise UnknownError(f"a cubic Resize by {facts.get('cubic_coeff_a')}")
    if where not in ("half_pixel", "pytorch_half_pixel", "align_corners"):
        raise UnknownError(f"a {mode} Resize by {where}")
    kind = {"linear": "bilinear", "cubic": "bicubic"}[mode]
    return F.interpolate(x, wanted[2:], mode=kind, align_corners=where == "align_corners")


@functools.cache
def _nearest(old: tuple[int, ...], new: tuple[int, ...], where: str, rounded: str) -> str:
    """Return the one of PyTorch's two ways to choose a pixel that chooses the same ones as the node."""
    rounding: Callable[[float], int] = {
        "floor": math.floor,
        "ceil": math.ceil,
        "round_prefer_floor": lambda place: math.ceil(place - 0.5),
        "round_prefer_ceil": lambda place: math.floor(place + 0.5),
    }[rounded]

    def wanted(n: int, before: int, after: int) -> int:
        ratio = before / after
        match where:
            case "asymmetric":
                place = n * ratio
            case "align_corners":
                place = n * (before - 1) / max(1, after - 1)
            case _:
                place = (n + 0.5) * ratio - 0.5
        return min(max(rounding(place), 0), before - 1)

    offsets = {"nearest": 0.0, "nearest-exact": 0.5}
    for name, offset in offsets.items():
        if all(
            wanted(n, before, after) == min(math.floor((n + offset) * before / after), before - 1)
            for before, after in zip(old, new, strict=True)
            for n in range(after)
        ):
            return name
    raise UnknownError(f"a nearest Resize by {where}, {rounded}")


def _pad(facts: Facts, x: Tensor, pads: Tensor | None = None, value: Tensor | None = None, axes: Any = None) -> Tensor:
    amounts = pads.tolist() if pads is not None else facts.get("pads")
    which = [axis % x.ndim for axis in axes.tolist()] if axes is not None else list(range(x.ndim))
    sides = {axis: (amounts[n], amounts[len(which) + n]) for n, axis in enumerate(which)}
    around = [side for axis in reversed(range(x.ndim)) for side in sides.get(axis, (0, 0))]
    while around and not any(around[-2:]):
        del around[-2:]
    mode = {b"constant": "constant", b"reflect": "reflect", b"edge": "replicate"}.get(facts.get("mode", b"constant"))
    if mode is None:
        raise UnknownError(f"a Pad by {facts.get('mode').decode()}")
    fill = float(value) if value is not None else facts.get("value", 0.0)
    return F.pad(x, around, mode, fill if mode == "constant" else None) if around else x


def _slice(facts: Facts, x: Tensor, *more: Tensor | None) -> Tensor:
    names = ("starts", "ends", "axes", "steps")
    given: list[Any] = [None if part is None else part.tolist() for part in more] or [
        facts.get(name) for name in names[:3]
    ]
    starts, ends, axes, steps = [*given, None, None][:4]
    for n, (start, end) in enumerate(zip(starts, ends, strict=True)):
        axis = (axes[n] if axes else n) % x.ndim
        places = range(x.shape[axis])[start : end : steps[n] if steps else 1]
        low, high = (min(places), max(places) + 1) if places else (0, 0)
        x = x[(*[slice(None)] * axis, slice(low, high, abs(places.step)))]
        x = x.flip(axis) if places.step < 0 else x
    return x


def _gather(facts: Facts, x: Tensor, places: Tensor) -> Tensor:
    axis = facts.get("axis", 0) % x.ndim
    places = torch.where(places < 0, places + x.shape[axis], places)
    if places.ndim == 0:
        return x.select(axis, int(places))
    return x.index_select(axis, places.flatten()).reshape(*x.shape[:axis], *places.shape, *x.shape[axis + 1 :])


def _split(facts: Facts, x: Tensor, sizes: Tensor | None = None) -> tuple[Tensor, ...]:
    axis = facts.get("axis", 0)
    parts = sizes.tolist() if sizes is not None else facts.get("split")
    return torch.split(x, parts or -(-x.shape[axis] // facts.get("num_outputs", facts.get("outputs"))), axis)


def _reshape(facts: Facts, x: Tensor, shape: Tensor) -> Tensor:
    keep = not facts.get("allowzero", 0)
    return x.reshape([x.shape[n] if size == 0 and keep else size for n, size in enumerate(shape.tolist())])


def _flatten(facts: Facts, x: Tensor) -> Tensor:
    return x.reshape(math.prod(x.shape[: facts.get("axis", 1)]), -1)


def _squeeze(facts: Facts, x: Tensor, axes: Tensor | None = None) -> Tensor:
    which = axes.tolist() if axes is not None else facts.get("axes")
    return x.squeeze(tuple(which)) if which else x.squeeze()


def _unsqueeze(facts: Facts, x: Tensor, axes: Tensor | None = None) -> Tensor:
    which = axes.tolist() if axes is not None else facts.get("axes")
    for axis in sorted(axis % (x.ndim + len(which)) for axis in which):
        x = x.unsqueeze(axis)
    return x


def _expand(_: Facts, x: Tensor, shape: Tensor) -> Tensor:
    return x.expand(np.broadcast_shapes(x.shape, tuple(shape.tolist())))


def _cast(facts: Facts, x: Tensor, *_: Tensor) -> Tensor:
    kind = facts.get("to")
    if kind not in _FLOATS and kind not in _KINDS:
        raise UnknownError(f"a Cast to type {kind}")
    return x.to(facts.real if kind in _FLOATS else _KINDS[kind])


def _clip(facts: Facts, x: Tensor, low: Tensor | None = None, high: Tensor | None = None) -> Tensor:
    least = low.item() if low is not None else facts.get("min")
    most = high.item() if high is not None else facts.get("max")
    return x if least is None and most is None else x.clamp(least, most)


def _div(_: Facts, x: Tensor, y: Tensor) -> Tensor:
    whole = not (x.is_floating_point() or y.is_floating_point())
    return torch.div(x, y, rounding_mode="trunc" if whole else None)


def _mod(facts: Facts, x: Tensor, y: Tensor) -> Tensor:
    return torch.fmod(x, y) if facts.get("fmod", 0) else torch.remainder(x, y)


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


def _grid_sample(facts: Facts, x: Tensor, grid: Tensor) -> Tensor:
    mode = {b"linear": "bilinear", b"bilinear": "bilinear", b"nearest": "nearest", b"cubic": "bicubic",
            b"bicubic": "bicubic"}[facts.get("mode", b"linear")]  # fmt: skip
    beyond = facts.get("padding_mode", b"zeros").decode()
    # Places are kept in float32 whatever the rest computes in: half a precision is half a pixel on wide frames.
    found = F.grid_sample(x.float(), grid.float(), mode, beyond, align_corners=bool(facts.get("align_corners", 0)))
    return found.to(x.dtype)


def _cumsum(facts: Facts, x: Tensor, axis: Tensor) -> Tensor:
    """Sums along an axis, in float32 for any floating type: networks count pixels with it."""
    if facts.get("exclusive", 0) or facts.get("reverse", 0):
        raise UnknownError("an exclusive or reversed CumSum")
    along = int(axis)
    return torch.cumsum(x.float(), along) if x.is_floating_point() else torch.cumsum(x, along)


def _reduce(run: Callable[..., Tensor]) -> Operator:
    def operator(facts: Facts, x: Tensor, axes: Tensor | None = None) -> Tensor:
        which = axes.tolist() if axes is not None else facts.get("axes")
        if not which and facts.get("noop_with_empty_axes", 0):
            return x
        return run(x, tuple(which or range(x.ndim)), keepdim=bool(facts.get("keepdims", 1)))

    return operator


def _quantize(facts: Facts, x: Tensor, scale: Tensor, zero: Tensor | None = None) -> Tensor:
    kind = zero.dtype if zero is not None else torch.uint8
    limits = torch.iinfo(kind)
    steps = torch.round(x / _along(facts, scale, x)) + (0 if zero is None else _along(facts, zero, x))
    return steps.clamp(limits.min, limits.max).to(kind)


def _dequantize(facts: Facts, x: Tensor, scale: Tensor, zero: Tensor | None = None) -> Tensor:
    steps = x.to(facts.real) - (0 if zero is None else _along(facts, zero, x).to(facts.real))
    return steps * _along(facts, scale, x)


def _along(facts: Facts, values: Tensor, x: Tensor) -> Tensor:
    """Shape one number per channel so that it meets its channel."""
    if values.numel() == 1:
        return values.reshape(())
    axis = facts.get("axis", 1) % x.ndim
    return values.reshape([-1 if n == axis else 1 for n in range(x.ndim)])


def _each(run: Callable[..., Tensor]) -> Operator:
    """Make an operator of a function that has no attributes."""
    return lambda _, *tensors: run(*tensors)


def _all(run: Callable[[Tensor, Tensor], Tensor]) -> Operator:
    """Make an operator of any number of inputs."""

    def operator(_: Facts, first: Tensor, *others: Tensor) -> Tensor:
        for other in others:
            first = run(first, other)
        return first

    return operator


OPERATORS: dict[str, Operator] = {
    "Abs": _each(torch.abs),
    "Add": _each(torch.add),
    "And": _each(torch.logical_and),
    "AveragePool": _average_pool,
    "BatchNormalization": _batch_norm,
    "Cast": _cast,
    "CastLike": lambda facts, x, like: x.to(facts.real if like.is_floating_point() else like.dtype),
    "Ceil": _each(torch.ceil),
    "Clip": _clip,
    "Concat": lambda facts, *parts: torch.cat(parts, facts.get("axis")),
    "ConstantOfShape": lambda facts, shape: torch.full(
        shape.tolist(), facts.get("value", torch.zeros(1)).item(), dtype=facts.get("value", torch.zeros(1)).dtype
    ),
    "Conv": _conv,
    "ConvTranspose": _conv_transpose,
    "Cos": _each(torch.cos),
    "CumSum": _cumsum,
    "DepthToSpace": _depth_to_space,
    "DequantizeLinear": _dequantize,
    "Div": _div,
    "Dropout": lambda _, x, *__: x,
    "Einsum": lambda facts, *parts: torch.einsum(facts.get("equation").decode(), *parts),
    "Elu": lambda facts, x: F.elu(x, facts.get("alpha", 1.0)),
    "Equal": _each(torch.eq),
    "Erf": _each(torch.erf),
    "Exp": _each(torch.exp),
    "Expand": _expand,
    "Flatten": _flatten,
    "Floor": _each(torch.floor),
    "Gather": _gather,
    "Gelu": lambda facts, x: F.gelu(x, approximate=facts.get("approximate", b"none").decode()),
    "Gemm": _gemm,
    "GlobalAveragePool": lambda _, x: x.mean(tuple(range(2, x.ndim)), keepdim=True),
    "Greater": _each(torch.gt),
    "GreaterOrEqual": _each(torch.ge),
    "GridSample": _grid_sample,
    "HardSigmoid": lambda facts, x: (facts.get("alpha", 0.2) * x + facts.get("beta", 0.5)).clamp(0, 1),
    "HardSwish": _each(F.hardswish),
    "Identity": _each(lambda x: x),
    "InstanceNormalization": _instance_norm,
    "LayerNormalization": _layer_norm,
    "LeakyRelu": lambda facts, x: F.leaky_relu(x, facts.get("alpha", 0.01)),
    "Less": _each(torch.lt),
    "LessOrEqual": _each(torch.le),
    "Log": _each(torch.log),
    "LpNormalization": lambda facts, x: F.normalize(x, facts.get("p", 2), facts.get("axis", -1)),
    "MatMul": _each(torch.matmul),
    "Max": _all(torch.maximum),
    "MaxPool": _max_pool,
    "Min": _all(torch.minimum),
    "Mish": _each(F.mish),
    "Mod": _mod,
    "Mul": _each(torch.mul),
    "Neg": _each(torch.neg),
    "Not": _each(torch.logical_not),
    "Or": _each(torch.logical_or),
    "PRelu": _prelu,
    "Pad": _pad,
    "Pow": lambda _, x, y: torch.pow(x, y).to(x.dtype),
    "QuantizeLinear": _quantize,
    "Range": lambda _, start, end, step: torch.arange(start.item(), end.item(), step.item(), dtype=start.dtype),
    "Reciprocal": _each(torch.reciprocal),
    "ReduceL2": _reduce(lambda x, axes, keepdim: torch.linalg.vector_norm(x, dim=axes, keepdim=keepdim)),
    "ReduceMax": _reduce(torch.amax),
    "ReduceMean": _reduce(torch.mean),
    "ReduceMin": _reduce(torch.amin),
    "ReduceSum": _reduce(torch.sum),
    "Relu": _each(torch.relu),
    "Reshape": _reshape,
    "Resize": _resize,
    "Round": _each(torch.round),
    "Selu": _each(F.selu),
    "Sigmoid": _each(torch.sigmoid),
    "Sign": _each(torch.sign),
    "Sin": _each(torch.sin),
    "Slice": _slice,
    "Softmax": _softmax,
    "Softplus": _each(F.softplus),
    "SpaceToDepth": _space_to_depth,
    "Split": _split,
    "Sqrt": _each(torch.sqrt),
    "Squeeze": _squeeze,
    "Sub": _each(torch.sub),
    "Sum": _all(torch.add),
    "Tanh": _each(torch.tanh),
    "Tile": lambda _, x, times: x.repeat(times.tolist()),
    "Transpose": lambda facts, x: x.permute(facts.get("perm", list(reversed(range(x.ndim))))),
    "Unsqueeze": _unsqueeze,
    "Upsample": _resize,
    "Where": _each(torch.where),
}

NUMBERS: dict[str, frozenset[int]] = {
    "Clip": frozenset({1, 2}),
    "ConstantOfShape": frozenset({0}),
    "CumSum": frozenset({1}),
    "Expand": frozenset({1}),
    "Pad": frozenset({1, 2, 3}),
    "Range": frozenset({0, 1, 2}),
    "Reshape": frozenset({1}),
    "Resize": frozenset({1, 2, 3}),
    "Slice": frozenset({1, 2, 3, 4}),
    "Split": frozenset({1}),
    "Squeeze": frozenset({1}),
    "Tile": frozenset({1}),
    "Unsqueeze": frozenset({1}),
    "Upsample": frozenset({1}),
    **{name: frozenset({1}) for name in ("ReduceL2", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceSum")},
}
"""Inputs that are sizes, places or limits: they are read by the processor and stay there."""
