"""The networks that are measured: the authors' weights, random ones of the same shapes, and the embedded model."""

import hashlib
import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from vsmagic.errors import ModelError, VsmagicError
from vsmagic.files import write_atomically
from vsmagic.models import catalogue, registry, store

if TYPE_CHECKING:
    pass

EMBEDDED = "magic-x2"


@dataclass(frozen=True, kw_only=True)
class Shape:
    """An SRVGG network for x2: convolutions of 3x3 with PReLU between, a pixel shuffle, the nearest pixel added."""

    catalogue: str
    """Name in the list of models."""
    channels: int
    layers: int
    """Convolutions between the first and the last."""


# Read off the authors' own files.
SHAPES = {
    "compact": Shape(catalogue="animejanai-v3-compact", channels=64, layers=16),
    "ultracompact": Shape(catalogue="animejanai-v3-ultracompact", channels=64, layers=8),
    "superultracompact": Shape(catalogue="animejanai-v3-superultracompact", channels=24, layers=8),
}

MODELS = (*SHAPES, EMBEDDED)


@dataclass(frozen=True, kw_only=True)
class Network:
    """A network on disk."""

    source: Literal["official", "random", "embedded"]
    name: str
    """What ``upscale`` is given: a name or a path."""
    path: Path
    channels: int
    multiple: int = 1
    """Width and height that it takes are multiples of this."""
    bicubic: bool = False
    """Its output is added to the input enlarged by Catmull-Rom."""


def official(model: str, folder: Path | None) -> Path | None:
    """Return the authors' file of a model: in a folder, or fetched into the cache; None where it is in neither.

    Raises:
        ModelError: the folder has it under its name, and it is not what the authors published.
    """
    if model not in SHAPES:
        return None
    entry = catalogue.find(SHAPES[model].catalogue)
    if entry is None or entry.file is None:
        return None
    if folder is not None and (path := folder / entry.file.name).is_file():
        if store.sha256_of(path) != entry.file.sha256:
            raise ModelError(f"{path}: is not the file its authors published (its SHA-256 differs). Fetch it again.")
        return path
    try:
        return registry.fetched(entry)
    except (VsmagicError, ImportError):  # platformdirs, which finds the cache, may be absent on a bare machine
        return None


def find(model: str, folder: Path, weights: str | None) -> Network:
    """Return a model's network; random weights are written into the folder where there are no others."""
    if model == EMBEDDED:
        found = registry.resolve(EMBEDDED)
        spec = found.spec
        return Network(
            source="embedded", name=EMBEDDED, path=found.path,
            channels=spec.channels, multiple=spec.multiple, bicubic=spec.base == "bicubic",
        )  # fmt: skip
    if weights:
        return Network(source="official", name=weights, path=Path(weights), channels=3)
    path = folder / f"{model}-random.onnx"
    if not path.is_file():
        write_atomically(path, make(SHAPES[model]))
    return Network(source="random", name=str(path), path=path, channels=3)


def make(shape: Shape, *, seed: int = 1) -> bytes:
    """Return an ONNX of a shape with random weights that keep values in range through all layers."""
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper

    random = np.random.default_rng(seed)
    weights: dict[str, np.ndarray] = {"scales": np.array([1, 1, 2, 2], np.float32)}
    nodes = []
    widths = [3, *[shape.channels] * (shape.layers + 1), 12]
    value = "input"
    for number, (inputs, outputs) in enumerate(itertools.pairwise(widths)):
        last = number == shape.layers + 1
        spread = (0.1 if last else 1.4) / np.sqrt(9 * inputs)
        weights[f"w{number}"] = random.normal(0, spread, (outputs, inputs, 3, 3)).astype(np.float32)
        weights[f"b{number}"] = np.zeros(outputs, np.float32)
        nodes.append(_conv(value, number))
        value = f"c{number}"
        if not last:
            weights[f"s{number}"] = np.full((outputs, 1, 1), 0.2, np.float32)
            nodes.append(helper.make_node("PRelu", [value, f"s{number}"], [f"p{number}"]))
            value = f"p{number}"
    nodes += _tail(value)
    sides: list[Any] = ["batch", 3, "height", "width"]
    graph = helper.make_graph(
        nodes,
        "srvgg",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, sides)],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["batch", 3, "height2", "width2"])],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    opsets = [helper.make_opsetid("", 17)]
    return bytes(helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString())


def _conv(value: str, number: int) -> Any:
    from onnx import helper

    names = [value, f"w{number}", f"b{number}"]
    return helper.make_node("Conv", names, [f"c{number}"], pads=[1] * 4, kernel_shape=[3, 3])


def _tail(value: str) -> list[Any]:
    from onnx import helper

    enlarge = {"mode": "nearest", "nearest_mode": "floor", "coordinate_transformation_mode": "asymmetric"}
    return [
        helper.make_node("DepthToSpace", [value], ["shuffled"], blocksize=2, mode="CRD"),
        helper.make_node("Resize", ["input", "", "scales"], ["enlarged"], **enlarge),
        helper.make_node("Add", ["shuffled", "enlarged"], ["output"]),
    ]


def flops(content: bytes, size: tuple[int, int], multiple: int = 1) -> int:
    """Count a frame's operations: two for every weight that every output pixel of every convolution multiplies.

    Args:
        content: the ONNX.
        size: (width, height) of the input.
        multiple: sizes are padded up to multiples of this.
    """
    import onnx

    network = onnx.load_from_string(content)
    width, height = (-(-length // multiple) * multiple for length in size)
    dimensions = network.graph.input[0].type.tensor_type.shape.dim
    for dimension, length in zip(dimensions, (1, dimensions[1].dim_value, height, width), strict=True):
        dimension.dim_value = length
    inferred = onnx.shape_inference.infer_shapes(network, data_prop=True).graph
    shapes = {
        value.name: [d.dim_value for d in value.type.tensor_type.shape.dim]
        for value in [*inferred.value_info, *inferred.output]
    }
    weights = {weight.name: list(weight.dims) for weight in network.graph.initializer}
    total = 0
    for node in network.graph.node:
        if node.op_type == "Conv":
            _, inputs, high, wide = weights[node.input[1]]
            _, outputs, rows, columns = shapes[node.output[0]]
            total += 2 * inputs * high * wide * outputs * rows * columns
    return total


def sha256(path: Path) -> str:
    """Return a file's hash."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
