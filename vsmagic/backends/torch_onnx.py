"""An ONNX network as a PyTorch program for frames of one size.

Everything in the graph that follows from the frame's size alone is worked out once, when the program is made; what is
left reads the picture, and is what runs for each frame. So a program does no arithmetic on sizes, waits for nothing,
and can be recorded as a CUDA graph.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
import onnx.inliner
import torch
from torch import Tensor

from vsmagic.backends.torch_ops import NUMBERS, OPERATORS, Facts, UnknownError
from vsmagic.engine.half import KEPT
from vsmagic.errors import ModelError, reason


@dataclass(frozen=True, kw_only=True)
class Step:
    """One operator, ready to run."""

    run: Callable[..., Any]
    inputs: tuple[str, ...]
    """Names; empty for one that is left out."""
    outputs: tuple[str, ...]
    last: tuple[str, ...] = ()
    """Names that nothing reads afterwards."""


@dataclass(frozen=True, kw_only=True)
class Program:
    """What runs for each frame: steps in order, on one device."""

    source: str
    result: str
    constants: Mapping[str, Tensor]
    steps: tuple[Step, ...]
    scale: int
    """Output size over input size."""

    def __call__(self, picture: Tensor) -> Tensor:
        """Return what the network makes of ``[1, channels, height, width]``."""
        values = {self.source: picture}
        for step in self.steps:
            inputs = [values.get(name, self.constants.get(name)) if name else None for name in step.inputs]
            made = step.run(*inputs)
            values.update(zip(step.outputs, made if isinstance(made, tuple | list) else (made,), strict=False))
            for name in step.last:
                del values[name]
        return values[self.result]


def program(
    path: Path, shape: tuple[int, int, int], *, device: torch.device, real: torch.dtype, layout: torch.memory_format
) -> Program:
    """Make a program of an ONNX file.

    Args:
        path: one picture in, one out.
        shape: (channels, height, width) of the frames.
        device: where it runs.
        real: what it computes in; sums and powers are computed in float32 all the same.
        layout: of pictures and of the convolutions' weights.

    Raises:
        ModelError: it cannot be read, has an operator that is not known here, or does not take this size.
    """
    try:
        model = onnx.inliner.inline_local_functions(onnx.load(str(path)))
    except Exception as error:  # protobuf and the inliner raise several kinds; all mean the same to the user
        raise ModelError(f"model {path}: not a complete ONNX file ({reason(error)}). Fetch it again.") from error
    made = _Maker(model, device, real, layout)
    try:
        return made.program(shape)
    except UnknownError as error:
        raise ModelError(
            f"model {path}: backend torch does not know {error}. Use backend=auto, or add what it was made from "
            "(.pth, .safetensors) as a model."
        ) from error
    except (RuntimeError, ValueError, IndexError, TypeError) as error:
        size = f"{shape[2]}x{shape[1]}"
        raise ModelError(
            f"model {path}: does not run on {size} frames ({reason(error)}). Try another backend."
        ) from error


class _Maker:
    """Walks through a graph with a picture that has a size and no content."""

    def __init__(
        self, model: onnx.ModelProto, device: torch.device, real: torch.dtype, layout: torch.memory_format
    ) -> None:
        self._graph = model.graph
        self._opset = next((one.version for one in model.opset_import if not one.domain), 17)
        self._device = device
        self._real = real
        self._layout = layout
        self._known = {weight.name: _tensor(weight) for weight in model.graph.initializer}
        """What follows from weights and sizes alone, on the processor."""
        self._seen: dict[str, Tensor] = {}
        """What follows from the picture: sizes only, no content."""
        self._constants: dict[str, Tensor] = {}
        self._steps: list[Step] = []

    def program(self, shape: tuple[int, int, int]) -> Program:
        source = next(value.name for value in self._graph.input if value.name not in self._known)
        result = self._graph.output[0].name
        self._seen[source] = torch.empty((1, *shape), dtype=self._real, device="meta")
        for node in self._graph.node:
            self._add(node)
        if result not in self._seen:
            raise UnknownError("a result that does not depend on the picture")
        scale = self._seen[result].shape[-1] // shape[-1]
        steps = _freed(self._steps, result)
        return Program(source=source, result=result, constants=self._constants, steps=steps, scale=scale)

    def _add(self, node: onnx.NodeProto) -> None:
        attributes = {one.name: _value(one) for one in node.attribute}
        if node.op_type == "Constant":
            self._known[node.output[0]] = _constant(attributes)
            return
        if node.op_type == "Shape":
            name = node.input[0]
            shape = (self._seen[name] if name in self._seen else self._known[name]).shape
            sizes = list(shape)[attributes.get("start", 0) : attributes.get("end")]
            self._known[node.output[0]] = torch.tensor(sizes, dtype=torch.int64)
            return
        if node.op_type not in OPERATORS or node.domain not in ("", "ai.onnx"):
            raise UnknownError(f"the operator {node.op_type}")
        attributes["outputs"] = len(node.output)
        if any(name in self._seen for name in node.input):
            self._add_step(node, attributes)
        else:
            facts = Facts(attributes=attributes, opset=self._opset, real=torch.float32)
            made = OPERATORS[node.op_type](facts, *[self._known[name] if name else None for name in node.input])
            self._known.update(zip(node.output, made if isinstance(made, tuple) else (made,), strict=False))

    def _add_step(self, node: onnx.NodeProto, attributes: dict[str, Any]) -> None:
        """Note what is to run for each frame, and find out the size of what it makes."""
        run = _bound(node.op_type, Facts(attributes=attributes, opset=self._opset, real=self._real))
        inputs = tuple(self._input(node, number) for number in range(len(node.input)))
        empty = [self._seen.get(name, self._on_meta(name)) if name else None for name in inputs]
        made = run(*empty)
        outputs = tuple(node.output)
        self._seen.update(zip(outputs, made if isinstance(made, tuple | list) else (made,), strict=False))
        self._steps.append(Step(run=run, inputs=inputs, outputs=outputs))

    def _input(self, node: onnx.NodeProto, number: int) -> str:
        """Return the name of an input, put where the operator reads it."""
        name = str(node.input[number])
        if not name or name in self._seen:
            return name
        if number in NUMBERS.get(node.op_type, ()) or self._known[name].ndim == 0:
            kept = f"{name} (number)"  # PyTorch reads a single number on the processor, whatever device the rest is on
            self._constants[kept] = self._known[name]
            return kept
        if name not in self._constants:
            value = self._known[name]
            kind = self._real if value.is_floating_point() else value.dtype
            layout = self._layout if value.ndim == 4 else torch.contiguous_format
            self._constants[name] = value.to(self._device, kind).contiguous(memory_format=layout)
        return name

    def _on_meta(self, name: str) -> Tensor | None:
        if not name or name in self._seen:
            return None
        value = self._constants[name]
        return value if name.endswith(" (number)") else value.to("meta")


def _bound(kind: str, facts: Facts) -> Callable[..., Any]:
    """Return an operator with its facts; one that half precision would show in computes in float32."""
    operator: Callable[..., Any] = OPERATORS[kind]

    def run(*inputs: Tensor | None) -> Any:
        return operator(facts, *inputs)

    def run_wide(*inputs: Tensor | None) -> Any:
        made = operator(facts, *[one.float() if one is not None and one.dtype == facts.real else one for one in inputs])
        return made.to(facts.real) if made.dtype == torch.float32 else made

    return run_wide if kind in KEPT and facts.real != torch.float32 else run


def _freed(steps: list[Step], result: str) -> tuple[Step, ...]:
    """Let every step tell what nothing reads after it, so that its memory is free again."""
    last = {name: number for number, step in enumerate(steps) for name in (*step.inputs, *step.outputs)}
    made = {name for step in steps for name in step.outputs}
    ends: dict[int, list[str]] = {}
    for name, number in last.items():
        if name in made and name != result:
            ends.setdefault(number, []).append(name)
    return tuple(
        Step(run=step.run, inputs=step.inputs, outputs=step.outputs, last=tuple(ends.get(number, ())))
        for number, step in enumerate(steps)
    )


def _tensor(value: onnx.TensorProto) -> Tensor:
    """Return a weight on the processor; floating-point numbers in float32."""
    array = onnx.numpy_helper.to_array(value)
    if array.dtype.kind not in "biu":
        array = array.astype("float32")
    return torch.from_numpy(array.copy())


def _value(attribute: onnx.AttributeProto) -> Any:
    value = onnx.helper.get_attribute_value(attribute)
    if isinstance(value, onnx.TensorProto):
        return _tensor(value)
    if isinstance(value, onnx.GraphProto):
        raise UnknownError("branches and loops")
    return list(value) if attribute.type in (onnx.AttributeProto.INTS, onnx.AttributeProto.FLOATS) else value


def _constant(attributes: Mapping[str, Any]) -> Tensor:
    (value,) = attributes.values()
    return value if isinstance(value, Tensor) else torch.tensor(value)
