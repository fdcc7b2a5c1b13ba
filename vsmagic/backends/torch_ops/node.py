"""What every operator is given, and how functions become operators."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


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


def each(run: Callable[..., Tensor]) -> Operator:
    """Make an operator of a function that has no attributes."""
    return lambda _, *tensors: run(*tensors)


def folded(run: Callable[[Tensor, Tensor], Tensor]) -> Operator:
    """Make an operator of any number of inputs."""

    def operator(_: Facts, first: Tensor, *others: Tensor) -> Tensor:
        for other in others:
            first = run(first, other)
        return first

    return operator
