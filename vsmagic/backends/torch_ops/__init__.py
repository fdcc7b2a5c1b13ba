"""The operators of ONNX in PyTorch, each as the specification defines it; those that networks for pictures use.

https://onnx.ai/onnx/operators/ - an operator, or a way of using one, that is not here raises :class:`UnknownError`.
Every function takes the node's facts and its inputs in order, ``None`` for one that is left out.
"""

from vsmagic.backends.torch_ops import layers, numbers, places, shapes, windows
from vsmagic.backends.torch_ops.node import Facts, Operator, UnknownError

__all__ = ["NUMBERS", "OPERATORS", "Facts", "Operator", "UnknownError"]

OPERATORS: dict[str, Operator] = {
    **windows.OPERATORS,
    **places.OPERATORS,
    **shapes.OPERATORS,
    **layers.OPERATORS,
    **numbers.OPERATORS,
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
