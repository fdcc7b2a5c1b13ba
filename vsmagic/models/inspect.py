"""Read a model's facts from its ONNX graph: scale, channels, what a pixel depends on, the memory it takes."""

import hashlib
import logging
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from vsmagic.errors import ModelError, reason
from vsmagic.models.spec import ModelSpec

if TYPE_CHECKING:
    import numpy as np
    import onnx

log = logging.getLogger(__name__)

# Each output element depends on the input elements at its own place only (other operators are named below).
_POINTWISE = frozenset(
    {
        "Abs", "Add", "BatchNormalization", "Cast", "Clip", "Concat", "Constant", "ConstantOfShape", "DepthToSpace",
        "DequantizeLinear", "Div", "Dropout", "Elu", "Equal", "Erf", "Exp", "Expand", "Floor", "Gather", "Gelu",
        "Greater", "HardSigmoid", "HardSwish", "Identity", "LeakyRelu", "Less", "Log", "Max", "Min", "Mish", "Mod",
        "Mul", "Neg", "Not", "PRelu", "Pad", "Pow", "QuantizeLinear", "Range", "Reciprocal", "Relu", "Reshape", "Round",
        "Selu", "Shape", "Sigmoid", "Sign", "Slice", "Softplus", "SpaceToDepth", "Split", "Sqrt", "Squeeze", "Sub",
        "Sum", "Tanh", "Transpose", "Unsqueeze", "Where",
    }
)  # fmt: skip
_RESIZE_RADIUS = {"nearest": 1, "linear": 1, "cubic": 2}
_STANDARD = ("", "ai.onnx")
_ELEMENTS: dict[int, Literal["f32", "f16"]] = {1: "f32", 10: "f16"}
# Not square, and a multiple of every usual step, so that no padding inside the graph shows and no axis is mistaken.
_HEIGHT, _WIDTH = 192, 256


def inspect(path: Path, *, name: str | None = None) -> ModelSpec:
    """Read the facts of a local ONNX file.

    Args:
        path: the file.
        name: what the model shall be called; by default the file's name without its suffix.

    Raises:
        ModelError: not readable as ONNX, not one picture in and one out, or a scale or channel count that
            cannot be read or is not supported (1 or 3 channels; a whole scale, the same both ways).
    """
    return msgspec.structs.replace(inspect_content(read(path), path), name=name or path.stem)


def inspect_content(content: bytes, path: Path) -> ModelSpec:
    """Read the facts of an ONNX network held in memory; ``path`` names it in messages."""
    graph = _Graph.load(content, path)
    channels, element = graph.input_facts()
    scale = graph.scale()
    halo = graph.halo()
    if halo is None:
        log.info("%s: a pixel depends on the whole frame (or on an operator not known here); never tiled", path.name)
    return ModelSpec(
        name=path.stem,
        scale=scale,
        channels=channels,
        multiple=graph.multiple(),
        halo=halo,
        element=element,
        precisions=("f16", "f32") if element == "f16" else ("f32", "bf16", "f16"),
        activations=graph.activations(),
        sha256=hashlib.sha256(content).hexdigest(),
    )


def with_nearest_base(spec: ModelSpec, content: bytes, path: Path) -> ModelSpec:
    """Return the spec of a network whose last addition has been taken out."""
    return msgspec.structs.replace(inspect_content(content, path), name=spec.name, base="nearest")


def read(path: Path) -> bytes:
    """Return a model file's content.

    Raises:
        ModelError: the file cannot be read, or is empty.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(f"model {path}: the file cannot be read ({error.strerror}).") from error
    if not content:
        raise ModelError(f"model {path}: the file is empty; expected a network. Fetch it again.")
    return content


@dataclass(frozen=True)
class _Graph:
    """An ONNX graph whose tensors have known sizes, for an input of 256x192."""

    model: "onnx.ModelProto"
    path: Path
    shapes: dict[str, list[int]]

    @staticmethod
    def load(content: bytes, path: Path) -> "_Graph":
        import onnx
        from google.protobuf.message import DecodeError

        try:
            model = onnx.load_from_string(content)
            if any(weight.data_location == onnx.TensorProto.EXTERNAL for weight in model.graph.initializer):
                raise ModelError(f"model {path}: its weights lie in another file; save it as a single file.")
            onnx.checker.check_model(model)
        except (DecodeError, onnx.checker.ValidationError) as error:
            if "No Op registered" in str(error):
                raise ModelError(f"model {path}: {reason(error)}. Export it with operators of that release.") from error
            raise ModelError(f"model {path}: not a complete ONNX file ({reason(error)}). Fetch it again.") from error
        inputs = _inputs(model)
        if len(inputs) != 1 or len(model.graph.output) != 1:
            raise ModelError(
                f"model {path}: has {len(inputs)} inputs and {len(model.graph.output)} outputs; "
                "expected one picture in and one out."
            )
        _fix_input_size(model, inputs[0], path)
        try:
            return _Graph(model, path, _shapes(model))
        except onnx.shape_inference.InferenceError as error:
            raise ModelError(f"model {path}: sizes in the graph do not fit together ({reason(error)}).") from error

    def input_facts(self) -> tuple[Literal[1, 3], Literal["f32", "f16"]]:
        """Channels and element type of the input."""
        value = _inputs(self.model)[0]
        channels = self.shapes[value.name][1]
        element = _ELEMENTS.get(value.type.tensor_type.elem_type)
        if channels not in (1, 3):
            raise ModelError(f"model {self.path}: takes {channels} channels; expected 1 (luma) or 3 (RGB).")
        if element is None:
            raise ModelError(f"model {self.path}: its input is neither float32 nor float16; export it as one of them.")
        return (1 if channels == 1 else 3), element

    def scale(self) -> int:
        """Output size over input size."""
        shape = self.shapes[self.model.graph.output[0].name]
        wanted = self.shapes[_inputs(self.model)[0].name][1]
        if len(shape) != 4 or not shape[2] or not shape[3]:
            raise ModelError(f"model {self.path}: its scale cannot be read from the graph ({self._hidden(shape)}).")
        vertical, horizontal = shape[2] / _HEIGHT, shape[3] / _WIDTH
        if vertical != horizontal or vertical != int(vertical) or vertical < 1:
            raise ModelError(
                f"model {self.path}: enlarges {horizontal:g} times across and {vertical:g} times down; "
                "expected the same whole number both ways."
            )
        if shape[1] != wanted:
            raise ModelError(f"model {self.path}: takes {wanted} channels and gives {shape[1]}; expected the same.")
        return int(vertical)

    def _hidden(self, shape: list[int]) -> str:
        """Say why the output's size is not known."""
        names = {f"{node.domain}.{node.op_type}" for node in self.model.graph.node if node.domain not in _STANDARD}
        if not names:
            return f"output shape {shape}"
        return f"{', '.join(sorted(names))} is no operator of ONNX itself; export the network without it"

    def halo(self) -> int | None:
        """Input pixels that an output pixel looks beyond its place; None where that cannot be bounded."""
        reach: dict[str, float] = {}
        for node in self.model.graph.node:
            before = max((reach.get(name, 0.0) for name in node.input), default=0.0)
            radius = self._radius(node)
            if radius is None:
                return None
            for name in node.output:
                reach[name] = before + radius
        return math.ceil(reach[self.model.graph.output[0].name])

    def multiple(self) -> int:
        """Step of the coarsest grid inside the graph, in input pixels."""
        steps = [self._step(name) for name in self.shapes]
        return max(1, *(math.ceil(step) for step in steps if step))

    def activations(self) -> int:
        """Elements of the widest node's inputs and outputs together, per input pixel."""
        widest = max(
            sum(self._elements(name) for name in {*node.input, *node.output}) for node in self.model.graph.node
        )
        return math.ceil(widest / (_HEIGHT * _WIDTH))

    def _radius(self, node: "onnx.NodeProto") -> float | None:
        """Input pixels that this node alone looks beyond its place."""
        step = self._step(node.input[0]) if node.input else 0.0
        attributes = {attribute.name: attribute for attribute in node.attribute}
        match node.op_type:
            case "Conv" | "ConvTranspose" | "AveragePool" | "MaxPool":
                kernel = self._kernel(node, attributes)
                if not step or not kernel:
                    return None
                dilation = max(attributes["dilations"].ints) if "dilations" in attributes else 1
                # A strided window starts on the grid: it reaches its whole length one way.
                strided = "strides" in attributes and max(attributes["strides"].ints) > 1
                return step * dilation * ((kernel - 1) if strided else (kernel - 1) / 2)
            case "Resize" | "Upsample":
                mode = attributes["mode"].s.decode() if "mode" in attributes else "nearest"
                return step * _RESIZE_RADIUS[mode] if step and mode in _RESIZE_RADIUS else None
            case "ReduceMean" | "ReduceSum" | "ReduceMax" | "ReduceL2" | "Softmax" | "LayerNormalization":
                return None  # over space in most networks: not worth telling apart
            case operator:
                return 0.0 if operator in _POINTWISE else None

    def _kernel(self, node: "onnx.NodeProto", attributes: dict[str, "onnx.AttributeProto"]) -> int:
        if "kernel_shape" in attributes:
            return int(max(attributes["kernel_shape"].ints))
        weights = {w.name: w for w in self.model.graph.initializer}
        return int(max(weights[node.input[1]].dims[2:])) if node.input[1] in weights else 0

    def _step(self, name: str) -> float:
        """Input pixels from one element of a 4-D tensor to the next; 0 where the tensor is no picture."""
        shape = self.shapes.get(name, [])
        if len(shape) != 4 or not shape[2] or not shape[3] or shape[2] * _WIDTH != shape[3] * _HEIGHT:
            return 0.0
        return _WIDTH / shape[3]

    def _elements(self, name: str) -> int:
        shape = self.shapes.get(name, [])
        return math.prod(shape) if self._step(name) else 0


def _inputs(model: "onnx.ModelProto") -> list["onnx.ValueInfoProto"]:
    """Return the graph's inputs that are not weights (older exports list those too)."""
    weights = {weight.name for weight in model.graph.initializer}
    return [value for value in model.graph.input if value.name not in weights]


def _fix_input_size(model: "onnx.ModelProto", value: "onnx.ValueInfoProto", path: Path) -> None:
    dims = value.type.tensor_type.shape.dim
    if len(dims) != 4:
        raise ModelError(
            f"model {path}: its input has {len(dims)} dimensions; expected [batch, channels, height, width]."
        )
    if dims[0].dim_value > 1:
        raise ModelError(f"model {path}: takes {dims[0].dim_value} pictures at once; expected a batch of 1 or free.")
    if dims[2].dim_value or dims[3].dim_value:
        size = f"{dims[3].dim_value}x{dims[2].dim_value}"
        raise ModelError(f"model {path}: takes pictures of {size} only; export it with free height and width.")
    for dim, size in zip(dims, (1, dims[1].dim_value, _HEIGHT, _WIDTH), strict=True):
        dim.dim_value = size
    del model.graph.value_info[:]  # sizes noted by the exporter would contradict the ones set here
    for dim in model.graph.output[0].type.tensor_type.shape.dim:
        dim.Clear()


def _shapes(model: "onnx.ModelProto") -> dict[str, list[int]]:
    """Infer every tensor's shape; sizes computed inside the graph (in-graph padding) are worked out on the way."""
    import onnx

    constants = {weight.name: onnx.numpy_helper.to_array(weight) for weight in model.graph.initializer}
    while True:
        inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)
        values = [*inferred.graph.value_info, *inferred.graph.input, *inferred.graph.output]
        shapes = {value.name: [d.dim_value for d in value.type.tensor_type.shape.dim] for value in values}
        computed = _compute_sizes(model, shapes, constants)
        if not computed:
            return shapes
        constants.update(computed)
        model.graph.initializer.extend(onnx.numpy_helper.from_array(v, name) for name, v in computed.items())
        kept = [node for node in model.graph.node if not set(node.output) <= computed.keys()]
        del model.graph.node[:]
        model.graph.node.extend(kept)


def _compute_sizes(
    model: "onnx.ModelProto", shapes: dict[str, list[int]], constants: "dict[str, np.ndarray]"
) -> "dict[str, np.ndarray]":
    """Evaluate the nodes that only work on sizes: Shape of a known tensor, and what follows from constants."""
    import numpy as np
    from onnx.reference import ReferenceEvaluator

    computed: dict[str, np.ndarray] = {}
    for node in model.graph.node:
        if node.op_type == "Shape":
            shape = shapes.get(node.input[0], [])
            if shape and all(shape):
                bounds = {attribute.name: attribute.i for attribute in node.attribute}
                computed[node.output[0]] = np.array(shape[bounds.get("start", 0) : bounds.get("end")], np.int64)
            continue
        known = constants | computed
        if all(name in known for name in node.input if name):
            feeds = {name: known[name] for name in node.input if name}
            results = ReferenceEvaluator(node).run(None, feeds)
            computed.update((name, np.asarray(value)) for name, value in zip(node.output, results, strict=True))
    return computed
