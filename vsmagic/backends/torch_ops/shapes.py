"""Operators that arrange tensors, and compute nothing."""

import math
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from torch import Tensor

from vsmagic.backends.torch_ops.node import Facts, Operator, UnknownError, each


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


OPERATORS: dict[str, Operator] = {
    "Concat": lambda facts, *parts: torch.cat(parts, facts.get("axis")),
    "ConstantOfShape": lambda facts, shape: torch.full(
        shape.tolist(), facts.get("value", torch.zeros(1)).item(), dtype=facts.get("value", torch.zeros(1)).dtype
    ),
    "Dropout": lambda _, x, *__: x,
    "Expand": _expand,
    "Flatten": _flatten,
    "Gather": _gather,
    "Identity": each(lambda x: x),
    "Pad": _pad,
    "Range": lambda _, start, end, step: torch.arange(start.item(), end.item(), step.item(), dtype=start.dtype),
    "Reshape": _reshape,
    "Slice": _slice,
    "Split": _split,
    "Squeeze": _squeeze,
    "Tile": lambda _, x, times: x.repeat(times.tolist()),
    "Transpose": lambda facts, x: x.permute(facts.get("perm", list(reversed(range(x.ndim))))),
    "Unsqueeze": _unsqueeze,
}
