"""How much arithmetic a network does for each pixel of its input, counted along its graph; nothing is run."""

import math
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from vsmagic.errors import ModelError

if TYPE_CHECKING:
    import onnx

_SIZE = 256  # pixels each way; a multiple of what any network here wants


@cache
def per_pixel(path: Path) -> float | None:
    """Return floating-point operations per input pixel of an ONNX network; None where its sizes are not told.

    Convolutions and matrix products are counted, a multiplication and an addition for each weight and place. All
    else is small beside them.

    Raises:
        ModelError: the file cannot be read.
    """
    graph = _sized(path)
    if graph is None:
        return None
    shapes = {weight.name: list(weight.dims) for weight in graph.initializer}
    for value in (*graph.value_info, *graph.input, *graph.output):
        shapes.setdefault(value.name, [dim.dim_value for dim in value.type.tensor_type.shape.dim])
    counted = [_operations(node, shapes) for node in graph.node]
    return None if None in counted else sum(count or 0 for count in counted) / _SIZE**2


def _sized(path: Path) -> "onnx.GraphProto | None":
    """Return the graph with its shapes worked out for a picture of the chosen size; None where that cannot be."""
    import onnx
    from google.protobuf.message import DecodeError

    try:
        model = onnx.load(path, load_external_data=False)
    except (OSError, DecodeError) as error:
        raise ModelError(f"model {path}: cannot be read as ONNX ({error}); fetch or add it again.") from error
    try:
        dims = model.graph.input[0].type.tensor_type.shape.dim
        for dim, size in zip(dims, (1, dims[1].dim_value, _SIZE, _SIZE), strict=True):
            dim.dim_value = size
        del model.graph.value_info[:]
        for output in model.graph.output:
            output.type.tensor_type.ClearField("shape")
        return onnx.shape_inference.infer_shapes(model, data_prop=True).graph
    except (ValueError, IndexError, onnx.shape_inference.InferenceError):
        return None


def _operations(node: "onnx.NodeProto", shapes: dict[str, list[int]]) -> int | None:
    if node.op_type not in {"Conv", "ConvTranspose", "Gemm", "MatMul"}:
        return 0
    left, right, result = (shapes.get(name, []) for name in (node.input[0], node.input[1], node.output[0]))
    if not all(shape and 0 not in shape for shape in (left, right, result)):
        return None
    if node.op_type == "Conv":
        return 2 * math.prod(result) * math.prod(right[1:])
    if node.op_type == "ConvTranspose":
        return 2 * math.prod(left) * math.prod(right[1:])
    return 2 * math.prod(result) * left[-1]
