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
