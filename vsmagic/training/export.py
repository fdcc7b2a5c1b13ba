"""Writes a trained network as ONNX with its spec beside it.

The graph is put together by hand from four plain operators (Conv, Relu, Add, DepthToSpace), so that it is the same
bytes whatever exporter torch ships with, and every backend reads it.
"""

import hashlib
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from torch import nn

from vsmagic.errors import ModelError
from vsmagic.files import write_atomically
from vsmagic.models.spec import ModelSpec, encode_spec
from vsmagic.training.nets import LumaDoubler

OPSET = 17
IR_VERSION = 8
TOLERANCE = 1e-5


def export(net: LumaDoubler, folder: Path, name: str) -> ModelSpec:
    """Write ``NAME.onnx`` and ``NAME.json``; each takes its name only when complete and verified.

    Raises:
        ModelError: the ONNX does not compute what the network computes.
    """
    model = build_onnx(net, name)
    _verify(net, model)
    content = model.SerializeToString(deterministic=True)
    spec = _spec(net, name, hashlib.sha256(content).hexdigest())
    write_atomically(folder / f"{name}.onnx", content)
    write_atomically(folder / f"{name}.json", encode_spec(spec))
    return spec


def _spec(net: LumaDoubler, name: str, sha256: str) -> ModelSpec:
    return ModelSpec(
        name=name,
        scale=2,
        channels=1,
        base="bicubic",
        multiple=2,
        halo=net.halo,
        precisions=("bf16", "f32", "f16"),
        activations=net.activations,
        content="any",
        licence="MIT",
        sha256=sha256,
    )


def build_onnx(net: LumaDoubler, name: str) -> onnx.ModelProto:
    """The network as ONNX: ``luma [n, 1, h, w]`` to ``residual [n, 1, 2h, 2w]``, float32, n, h and w free."""
    nodes, weights = _convolution(net.head, "luma", "head", relu=True)
    last = "head"
    for number, convolution in enumerate(net.body):
        more, numbers = _convolution(convolution, last, f"body{number}", relu=True)
        nodes, weights, last = nodes + more, weights + numbers, f"body{number}"
    nodes.append(helper.make_node("Add", [last, "head"], ["sum"]))
    more, numbers = _convolution(net.tail, "sum", "tail", relu=False)
    nodes += [*more, helper.make_node("DepthToSpace", ["tail"], ["residual"], blocksize=4, mode="CRD")]
    graph = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info("luma", onnx.TensorProto.FLOAT, ["n", 1, "h", "w"])],
        [helper.make_tensor_value_info("residual", onnx.TensorProto.FLOAT, ["n", 1, "h2", "w2"])],
        weights + numbers,
    )
    opset = helper.make_opsetid("", OPSET)
    model = helper.make_model(graph, producer_name="vsmagic", opset_imports=[opset], ir_version=IR_VERSION)
    onnx.checker.check_model(model, full_check=True)
    return model


def _convolution(
    layer: nn.Module, source: str, name: str, *, relu: bool
) -> tuple[list[onnx.NodeProto], list[onnx.TensorProto]]:
    """Nodes and weights of one convolution, followed by ReLU or not; the result is called ``name``."""
    assert isinstance(layer, nn.Conv2d)  # noqa: S101  the type that ModuleList does not keep
    weights = [
        numpy_helper.from_array(tensor.detach().contiguous().numpy(), f"{name}.{kind}")
        for kind, tensor in layer.named_parameters()
    ]
    target = f"{name}.sum" if relu else name
    nodes = [
        helper.make_node(
            "Conv",
            [source, f"{name}.weight", f"{name}.bias"],
            [target],
            kernel_shape=list(layer.kernel_size),
            strides=list(layer.stride),
            pads=2 * [int(border) for border in layer.padding],
        )
    ]
    if relu:
        nodes.append(helper.make_node("Relu", [target], [name]))
    return nodes, weights


def _verify(net: LumaDoubler, model: onnx.ModelProto) -> None:
    """Compare the ONNX with the network on random luma, two pictures at a time and not square."""
    luma = np.random.default_rng(0).random((2, 1, 22, 30), dtype=np.float32)
    with torch.inference_mode():
        expected = net(torch.from_numpy(luma)).numpy()
    (computed,) = ReferenceEvaluator(model).run(["residual"], {"luma": luma})
    difference = float(np.abs(np.asarray(computed) - expected).max())
    if not difference <= TOLERANCE:
        raise ModelError(f"export: ONNX and network differ by {difference:.2g}, expected at most {TOLERANCE:.0e}.")
