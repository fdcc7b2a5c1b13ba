"""Operators on numbers: arithmetic, comparisons, types, sums along axes, and 8 bits."""

from collections.abc import Callable

import torch
from torch import Tensor

from vsmagic.backends.torch_ops.node import Facts, Operator, UnknownError, each, folded

_FLOATS = frozenset({1, 10, 11, 16})  # onnx.TensorProto: FLOAT, FLOAT16, DOUBLE, BFLOAT16
_KINDS = {2: torch.uint8, 3: torch.int8, 6: torch.int32, 7: torch.int64, 9: torch.bool}


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


OPERATORS: dict[str, Operator] = {
    "Abs": each(torch.abs),
    "Add": each(torch.add),
    "And": each(torch.logical_and),
    "Cast": _cast,
    "CastLike": lambda facts, x, like: x.to(facts.real if like.is_floating_point() else like.dtype),
    "Ceil": each(torch.ceil),
    "Clip": _clip,
    "Cos": each(torch.cos),
    "CumSum": _cumsum,
    "DequantizeLinear": _dequantize,
    "Div": _div,
    "Equal": each(torch.eq),
    "Erf": each(torch.erf),
    "Exp": each(torch.exp),
    "Floor": each(torch.floor),
    "Greater": each(torch.gt),
    "GreaterOrEqual": each(torch.ge),
    "Less": each(torch.lt),
    "LessOrEqual": each(torch.le),
    "Log": each(torch.log),
    "Max": folded(torch.maximum),
    "Min": folded(torch.minimum),
    "Mod": _mod,
    "Mul": each(torch.mul),
    "Neg": each(torch.neg),
    "Not": each(torch.logical_not),
    "Or": each(torch.logical_or),
    "Pow": lambda _, x, y: torch.pow(x, y).to(x.dtype),
    "QuantizeLinear": _quantize,
    "Reciprocal": each(torch.reciprocal),
    "ReduceL2": _reduce(lambda x, axes, keepdim: torch.linalg.vector_norm(x, dim=axes, keepdim=keepdim)),
    "ReduceMax": _reduce(torch.amax),
    "ReduceMean": _reduce(torch.mean),
    "ReduceMin": _reduce(torch.amin),
    "ReduceSum": _reduce(torch.sum),
    "Round": each(torch.round),
    "Sign": each(torch.sign),
    "Sin": each(torch.sin),
    "Sqrt": each(torch.sqrt),
    "Sub": each(torch.sub),
    "Sum": folded(torch.add),
    "Where": each(torch.where),
}
