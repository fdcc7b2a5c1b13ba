"""Cast a float32 network to float16, inside: TensorRT 11 and TensorRT-RTX compute in the types they are given.

Three things stay in float32, since half precision would show in the picture:

- what the graph does with sizes and coordinates, and everything on the way to a GridSample's grid (RIFE's motion);
- operators that sum over many values or grow quickly (the list below);
- what comes after the last convolution: the enlarged input that a network adds its result to.

Input and output stay float32 too: the plugins exchange 32-bit float frames.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from vsmagic.errors import ModelError, reason

if TYPE_CHECKING:
    import onnx

FLOAT, FLOAT16 = 1, 10  # onnx.TensorProto
_LARGEST = 65504.0

# Never computed in half precision: coordinates, sums, and functions whose results leave its range.
KEPT = frozenset(
    {
        "BatchNormalization", "Ceil", "CumSum", "Exp", "Floor", "GridSample", "GroupNormalization",
        "InstanceNormalization", "LayerNormalization", "Log", "LogSoftmax", "LpNormalization", "Mod", "Pow", "Range",
        "Reciprocal", "ReduceL1", "ReduceL2", "ReduceLogSumExp", "ReduceMean", "ReduceProd", "ReduceSum",
        "ReduceSumSquare", "Round", "Softmax", "Sqrt",
    }
)  # fmt: skip

# A walk back from an output or from coordinates goes through these, and ends at everything else.
_PASSED = frozenset(
    {
        "Add", "Cast", "Clip", "Concat", "DepthToSpace", "Div", "Expand", "GridSample", "Identity", "Max", "Min", "Mul",
        "Neg", "Pad", "Reshape", "Resize", "Sigmoid", "Slice", "Split", "Squeeze", "Sub", "Sum", "Tanh", "Tile",
        "Transpose", "Unsqueeze", "Upsample", "Where",
    }
)  # fmt: skip

# Of these only the first input is picture; the others are sizes, which ONNX wants in float32.
_FIRST_ONLY = frozenset({"Resize", "Upsample"})


def to_half(content: bytes, name: str) -> bytes:
    """Return the network with its arithmetic in float16.

    Args:
        content: ONNX with float32 input and output; what is float16 in it already stays so.
        name: what to call it in messages.

    Raises:
        ModelError: not readable, or with branches or loops inside.
    """
    import onnx
    import onnx.inliner
    from google.protobuf.message import DecodeError

    try:
        model = onnx.inliner.inline_local_functions(onnx.load_from_string(content))
        onnx.checker.check_model(model)
        typed = onnx.shape_inference.infer_shapes(model)
    except (DecodeError, RuntimeError, onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise ModelError(f"model {name}: not a complete ONNX file ({reason(error)}). Fetch it again.") from error
    if any(attribute.HasField("g") for node in model.graph.node for attribute in node.attribute):
        raise ModelError(f"model {name}: has branches or loops, which cannot be cast to f16. Use precision f32.")
    _Caster(model, _types(typed)).cast()
    del model.graph.value_info[:]  # the types noted there have changed
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def _types(model: "onnx.ModelProto") -> dict[str, int]:
    graph = model.graph
    values = [*graph.input, *graph.value_info, *graph.output]
    types = {value.name: value.type.tensor_type.elem_type for value in values}
    return types | {weight.name: weight.data_type for weight in graph.initializer}


@dataclass
class _Caster:
    """Rewrites one graph in place."""

    model: "onnx.ModelProto"
    types: dict[str, int]
    """Element type of every tensor, kept up to date."""
    casts: dict[tuple[str, int], str] = field(default_factory=dict)
    """Copies in the other type that exist already."""
    halved: set[str] = field(default_factory=set)
    """Outputs that were float32 and are float16 now."""

    def cast(self) -> None:
        graph = self.model.graph
        outputs = {value.name for value in graph.output}
        half = self._half_nodes()
        done: list[onnx.NodeProto] = []
        for number, node in enumerate(list(graph.node)):
            if number in half:
                self._feed(node, FLOAT, FLOAT16, done)
                self._halve(node, outputs, done)
            else:
                self._feed(node, FLOAT16, FLOAT, done)
                done.append(node)
        del graph.node[:]
        graph.node.extend(done)
        self._drop_unused()

    def _half_nodes(self) -> set[int]:
        """Return the numbers of the nodes that can be computed in half precision."""
        kept = self._kept_nodes()
        picture = {value.name for value in self.model.graph.input}
        picture -= {weight.name for weight in self.model.graph.initializer}
        half = set()
        for number, node in enumerate(self.model.graph.node):
            seen = bool(node.input) and node.op_type != "Shape" and bool(picture.intersection(node.input))
            if not seen:
                continue
            picture.update(node.output)
            floats = any(self.types.get(name) == FLOAT for name in node.output)
            if floats and number not in kept and node.op_type not in KEPT and self._in_range(node):
                half.add(number)
        return half

    def _kept_nodes(self) -> set[int]:
        """Return the nodes that work on coordinates, or on what comes after the last convolution."""
        nodes = self.model.graph.node
        makers = {name: number for number, node in enumerate(nodes) for name in node.output}
        grids = [node.input[1] for node in nodes if node.op_type == "GridSample"]
        return self._behind([value.name for value in self.model.graph.output] + grids, makers)

    def _behind(self, names: Iterable[str], makers: dict[str, int]) -> set[int]:
        found: set[int] = set()
        waiting = list(names)
        while waiting:
            number = makers.get(waiting.pop())
            if number is None or number in found or self.model.graph.node[number].op_type not in _PASSED:
                continue
            found.add(number)
            waiting.extend(self.model.graph.node[number].input)
        return found

    def _in_range(self, node: "onnx.NodeProto") -> bool:
        """Whether all weights of a node can be said in half precision."""
        import numpy as np
        import onnx

        weights = {weight.name: weight for weight in self.model.graph.initializer}
        for name in node.input:
            if name in weights and weights[name].data_type == FLOAT:
                values = onnx.numpy_helper.to_array(weights[name])
                if values.size and not np.abs(values).max() <= _LARGEST:
                    return False
        return True

    def _feed(self, node: "onnx.NodeProto", old: int, new: int, done: "list[onnx.NodeProto]") -> None:
        """Give a node its inputs in the type it computes in, where it reads the other one."""
        if new == FLOAT and not self.halved.intersection(node.input):
            return  # nothing it reads has changed
        for place, name in enumerate(node.input):
            changed = name in self.halved if new == FLOAT else self.types.get(name) == old
            if name and changed and not (place and node.op_type in _FIRST_ONLY):
                node.input[place] = self._as(name, new, done)

    def _as(self, name: str, element: int, done: "list[onnx.NodeProto]") -> str:
        import numpy as np
        import onnx

        if (name, element) not in self.casts:
            copy = f"{name}_{'f16' if element == FLOAT16 else 'f32'}"
            weight = next((weight for weight in self.model.graph.initializer if weight.name == name), None)
            if weight is not None:
                values = onnx.numpy_helper.to_array(weight).astype(np.float16)
                self.model.graph.initializer.append(onnx.numpy_helper.from_array(values, copy))
            else:
                done.append(onnx.helper.make_node("Cast", [name], [copy], to=element))
            self.casts[name, element] = copy
            self.types[copy] = element
        return self.casts[name, element]

    def _halve(self, node: "onnx.NodeProto", outputs: set[str], done: "list[onnx.NodeProto]") -> None:
        """Add a node that computes in half precision; the graph's own outputs stay float32."""
        import onnx

        for attribute in node.attribute:
            if node.op_type == "Cast" and attribute.name == "to":
                attribute.i = FLOAT16
        done.append(node)
        for place, name in enumerate(node.output):
            if self.types.get(name) != FLOAT:
                continue
            if name in outputs:
                node.output[place] = f"{name}_f16"
                done.append(onnx.helper.make_node("Cast", [node.output[place]], [name], to=FLOAT))
                self.casts[name, FLOAT16] = node.output[place]
            else:
                self.types[name] = FLOAT16
                self.halved.add(name)

    def _drop_unused(self) -> None:
        graph = self.model.graph
        used = {name for node in graph.node for name in node.input} | {value.name for value in graph.output}
        for weight in [weight for weight in graph.initializer if weight.name not in used]:
            graph.initializer.remove(weight)
