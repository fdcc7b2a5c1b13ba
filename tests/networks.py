"""Small ONNX networks that are known exactly, for tests."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def save(path: Path, nodes: Sequence[onnx.NodeProto], *, weights: dict[str, np.ndarray] | None = None, **facts) -> Path:
    """Write a graph from ``input`` to ``output``.

    Args:
        path: the file.
        nodes: in order.
        weights: by name.
        facts: shapes ``given`` and ``result``, ``element``, ``opset``.
    """
    element = facts.get("element", TensorProto.FLOAT)
    given = facts.get("given", ["batch", 3, "height", "width"])
    result = facts.get("result", [None] * len(given))
    graph = helper.make_graph(
        list(nodes),
        "network",
        [helper.make_tensor_value_info("input", element, given)],
        [helper.make_tensor_value_info("output", element, result)],
        [numpy_helper.from_array(value, name) for name, value in (weights or {}).items()],
    )
    opset = helper.make_opsetid("", facts.get("opset", 17))
    onnx.save(helper.make_model(graph, opset_imports=[opset], ir_version=8), path)
    return path


def double(path: Path, channels: int = 3, **facts) -> Path:
    """Every pixel four times: the result is known exactly."""
    nodes = [
        helper.make_node("Concat", ["input"] * 4, ["four"], axis=1),
        helper.make_node("DepthToSpace", ["four"], ["output"], blocksize=2),
    ]
    return save(path, nodes, given=["batch", channels, "height", "width"], **facts)


def deep(path: Path, channels: int = 1, *, stride: int = 1, seed: int = 0) -> Path:
    """A network of x2 with random weights that looks a few pixels far; sizes must be multiples of ``stride``."""
    random = np.random.default_rng(seed)
    wide, out = 8, channels * (2 * stride) ** 2
    weights = {
        "w0": random.normal(0, 0.3, (wide, channels, 5, 5)).astype(np.float32),
        "w1": random.normal(0, 0.2, (wide, wide, 3, 3)).astype(np.float32),
        "w2": random.normal(0, 0.2, (out, wide, 3, 3)).astype(np.float32),
    }
    nodes = [
        helper.make_node("Conv", ["input", "w0"], ["a"], pads=[2] * 4, kernel_shape=[5, 5], strides=[stride] * 2),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Conv", ["b", "w1"], ["c"], pads=[1] * 4, kernel_shape=[3, 3]),
        helper.make_node("Relu", ["c"], ["d"]),
        helper.make_node("Conv", ["d", "w2"], ["e"], pads=[1] * 4, kernel_shape=[3, 3]),
        helper.make_node("DepthToSpace", ["e"], ["output"], blocksize=2 * stride),
    ]
    return save(path, nodes, weights=weights, given=["batch", channels, "height", "width"])


def luma(path: Path, scale: int, *, planes: int = 16, depth: int = 2, seed: int = 0) -> Path:
    """A network of the embedded family's shape with random weights, whose output is of a residual's size.

    A strided convolution, ``depth`` more at half the size, the first one's planes added, and one shuffle at the end.
    """
    random = np.random.default_rng(seed)
    out = (2 * scale) ** 2

    def convolution(name: str, given: str, shape: tuple[int, ...], gain: float, **how) -> onnx.NodeProto:
        deviation = gain / np.sqrt(np.prod(shape[1:]))
        weights[f"{name}.weight"] = random.normal(0, deviation, shape).astype(np.float32)
        weights[f"{name}.bias"] = random.normal(0, 0.1 * gain, shape[0]).astype(np.float32)
        return helper.make_node(
            "Conv", [given, f"{name}.weight", f"{name}.bias"], [f"{name}.sums"],
            kernel_shape=shape[2:], pads=[1] * 4, **how,
        )  # fmt: skip

    weights: dict[str, np.ndarray] = {}
    nodes = [convolution("head", "input", (planes, 1, 4, 4), 1, strides=[2, 2])]
    nodes.append(helper.make_node("LeakyRelu", ["head.sums"], ["head"], alpha=0.1))
    last = "head"
    for number in range(depth):
        name = f"body{number}"
        nodes.append(convolution(name, last, (planes, planes, 3, 3), 1.4))
        nodes.append(helper.make_node("LeakyRelu", [f"{name}.sums"], [name], alpha=0.1))
        last = name
    nodes += [
        helper.make_node("Add", [last, "head"], ["sum"]),
        convolution("tail", "sum", (out, planes, 3, 3), 0.15),
        helper.make_node("DepthToSpace", ["tail.sums"], ["output"], blocksize=2 * scale, mode="CRD"),
    ]
    return save(path, nodes, weights=weights, given=["batch", 1, "height", "width"])
