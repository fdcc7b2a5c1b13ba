"""Read an ONNX that is a chain of convolutions at one size, ended by a pixel shuffle, as plain numbers."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vsmagic.errors import ModelError, reason
from vsmagic.models.registry import Model
from vsmagic.models.spec import Base

if TYPE_CHECKING:
    import numpy as np
    import onnx
    from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class Relu:
    """What cuts values off below 0, or lets a share of them pass."""

    leak: float = 0.0
    """That share, from 0 to below 1."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Layer:
    """A convolution and what is done to its sums before they are kept."""

    name: str
    weights: "NDArray[np.float32]"
    """``[out, in, height, width]``, over cells; the planes of the first layer's cells are their pixels, row by row."""
    bias: "NDArray[np.float32]"
    """``[out]``."""
    before: tuple[int, int]
    """Cells (left, top) from its own to the first one it looks at."""
    given: str
    """Name of the layer it reads; empty for the first one, which reads the picture."""
    multiply_adds: int
    """Per cell, as the network has them."""
    after: tuple[Relu | str, ...]
    """In order: ReLU, or the name of a layer whose values are added."""

    @property
    def channels(self) -> int:
        """Planes it makes."""
        return int(self.weights.shape[0])


@dataclass(frozen=True, kw_only=True, eq=False)
class Network:
    """A network of luma: cells of ``cell`` x ``cell`` input pixels become ``shuffle`` x ``shuffle`` output pixels."""

    name: str
    layers: tuple[Layer, ...]
    """In order."""
    cell: int
    """Input pixels along a side of a cell: the first convolution's stride."""
    shuffle: int
    """Output pixels along a side of a cell."""
    base: Base
    """What the network's output is added to."""
    multiple: int
    """Sizes are padded to multiples of this, by mirroring; what lies beyond is 0."""

    @property
    def scale(self) -> int:
        """Output size over input size."""
        return self.shuffle // self.cell

    def layer(self, name: str) -> Layer:
        """Return the layer of that name."""
        return next(layer for layer in self.layers if layer.name == name)


def read(model: Model) -> Network:
    """Read a model's network.

    Raises:
        ModelError: it sees colours, or has something that a shader is not written for.
    """
    import onnx

    spec = model.spec
    if model.passes != 1:
        raise ModelError(
            f"shader: model {model.name} is {spec.name} applied {model.passes} times; export that and load it as often."
        )
    if spec.form != "onnx" or spec.channels != 1:
        raise ModelError(f"shader: model {model.name} does not see luma alone; expected one that does, as magic-x2.")
    try:
        graph = onnx.load(model.path).graph
    except Exception as error:  # protobuf raises its own
        raise ModelError(f"shader: {model.path} cannot be read as ONNX ({reason(error)}).") from error
    chain = _Chain(graph, model.path)
    layers, shuffle = chain.read()
    network = Network(
        name=model.name,
        layers=layers,
        cell=chain.cell,
        shuffle=shuffle,
        base=spec.base,
        multiple=math.lcm(spec.multiple, chain.cell),
    )
    if network.scale * network.cell != shuffle or network.scale != spec.scale:
        raise _not_written(model.path, f"a shuffle by {shuffle} after a stride of {network.cell}")
    return network


class _Chain:
    """The nodes of a graph, taken as layers one after the other."""

    def __init__(self, graph: "onnx.GraphProto", path: Path) -> None:
        from onnx import numpy_helper

        self._graph = graph
        self._path = path
        self._weights = {weight.name: numpy_helper.to_array(weight) for weight in graph.initializer}
        self._input = next(value.name for value in graph.input if value.name not in self._weights)
        self.cell = 1
        self._layers: dict[str, Layer] = {}
        """By the name of the tensor in which their values are so far."""

    def read(self) -> tuple[tuple[Layer, ...], int]:
        """Return the layers, and by how much the last one's planes are shuffled."""
        *nodes, last = self._graph.node
        for node in nodes:
            self._take(node)
        if last.op_type != "DepthToSpace" or not self._layers or last.output[0] != self._graph.output[0].name:
            raise _not_written(self._path, f"{last.op_type} at its end; expected DepthToSpace")
        layers = tuple(self._layers.values())
        if any(isinstance(one, str) for one in layers[-1].after):
            raise _not_written(self._path, "a sum after its last convolution")
        shuffle = int(_attributes(last)["blocksize"])
        if list(self._layers)[-1] != last.input[0] or layers[-1].channels != shuffle**2:
            raise _not_written(self._path, "an end that makes more than luma")
        return layers, shuffle

    def _take(self, node: "onnx.NodeProto") -> None:
        match node.op_type:
            case "Conv":
                self._layers[node.output[0]] = self._convolution(node)
            case "Relu":
                self._append(node, node.input[0], Relu())
            case "LeakyRelu":
                self._append(node, node.input[0], Relu(leak=self._leak(node)))
            case "Add":
                latest = list(self._layers)[-1] if self._layers else ""
                others = [name for name in node.input if name != latest]
                if len(others) != 1 or others[0] not in self._layers:
                    raise _not_written(self._path, "a sum of something else than two layers")
                self._append(node, latest, self._layers[others[0]].name)
            case other:
                raise _not_written(
                    self._path, f"the operator {other}; expected Conv, Relu, LeakyRelu, Add, DepthToSpace"
                )

    def _leak(self, node: "onnx.NodeProto") -> float:
        leak = float(_attributes(node).get("alpha", 0.01))  # ONNX's own default
        if not 0 <= leak < 1:
            raise _not_written(self._path, f"a LeakyRelu of {leak:g}, expected one from 0 to below 1")
        return leak

    def _append(self, node: "onnx.NodeProto", tensor: str, what: Relu | str) -> None:
        """Do one thing more to the latest layer; only what comes out of it at the end is kept."""
        from dataclasses import replace

        readers = sum(list(other.input).count(tensor) for other in self._graph.node)
        if not self._layers or tensor != list(self._layers)[-1] or readers != 1:
            raise _not_written(self._path, f"{node.op_type} on {tensor}, which is needed elsewhere too")
        layer = self._layers.pop(tensor)
        added = next((other for other in self._layers.values() if other.name == what), None)
        if added is not None and added.channels != layer.channels:
            raise _not_written(self._path, f"a sum of {layer.channels} and {added.channels} planes")
        self._layers[node.output[0]] = replace(layer, after=(*layer.after, what))

    def _convolution(self, node: "onnx.NodeProto") -> Layer:
        import numpy as np

        facts = _attributes(node)
        weights = self._weight(node.input[1])
        bias = self._weight(node.input[2]) if len(node.input) > 2 else np.zeros(len(weights), np.float32)
        if self._layers:
            source = self._layers.get(node.input[0])
            fits = source is not None and source.channels == weights.shape[1]
        else:
            source, fits = None, node.input[0] == self._input and weights.shape[1] == 1
        if not fits or facts.get("group", 1) != 1 or set(facts.get("dilations", [1])) != {1}:
            raise _not_written(self._path, f"the convolution {node.name or node.output[0]}: groups, dilation or planes")
        stride, before = self._placed(facts, weights.shape[2:])
        if not self._layers:
            self.cell = stride
        elif stride != 1:
            raise _not_written(self._path, f"a stride of {stride} after the first convolution")
        over, cells = over_cells(weights, stride, before)
        return Layer(
            name=f"layer{len(self._layers)}",
            weights=over,
            bias=bias,
            before=cells,
            given=source.name if source else "",
            after=(),
            multiply_adds=weights.size,
        )

    def _placed(self, facts: dict[str, Any], size: tuple[int, ...]) -> tuple[int, tuple[int, int]]:
        """Return stride and zeros (left, top) of a convolution; it must make one place of every cell."""
        stride, *others = facts.get("strides", [1, 1])
        pads = facts.get("pads", [0] * 4)
        ends = [(before + after - side) // stride for before, after, side in zip(pads[:2], pads[2:], size, strict=True)]
        if others != [stride] or ends != [-1, -1] or facts.get("auto_pad", b"NOTSET") != b"NOTSET":
            raise _not_written(self._path, f"a convolution with strides {[stride, *others]} and pads {pads}")
        return stride, (pads[1], pads[0])

    def _weight(self, name: str) -> "NDArray[np.float32]":
        import numpy as np

        if name not in self._weights:
            raise _not_written(self._path, f"weights {name} that are computed")
        return self._weights[name].astype(np.float32)


def _attributes(node: "onnx.NodeProto") -> dict[str, Any]:
    from onnx import helper

    return {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}


def _not_written(path: Path, what: str) -> ModelError:
    return ModelError(
        f"shader: {path.name} has {what}. A shader is written for a chain of convolutions, ReLU and sums at one size "
        "with one pixel shuffle at its end; play it through VapourSynth instead."
    )


def over_cells(
    weights: "NDArray[np.float32]", stride: int, before: tuple[int, int]
) -> "tuple[NDArray[np.float32], tuple[int, int]]":
    """Turn a convolution with a stride into one without, over cells whose planes are the pixels of the cell.

    Args:
        weights: ``[out, in, height, width]``.
        stride: pixels along a side of a cell.
        before: zeros (left, top) before the first pixel.

    Returns:
        Weights ``[out, in * stride * stride, height, width]`` over cells, and the cells (left, top) before the first.
    """
    import numpy as np

    out, planes, height, width = weights.shape
    left, top = (-(-zeros // stride) for zeros in before)
    shift_x, shift_y = left * stride - before[0], top * stride - before[1]
    down, across = -(-(height + shift_y) // stride), -(-(width + shift_x) // stride)
    spread = np.zeros((out, planes, down * stride, across * stride), np.float32)
    spread[:, :, shift_y : shift_y + height, shift_x : shift_x + width] = weights
    split = spread.reshape(out, planes, down, stride, across, stride)
    return split.transpose(0, 1, 3, 5, 2, 4).reshape(out, planes * stride * stride, down, across), (left, top)
