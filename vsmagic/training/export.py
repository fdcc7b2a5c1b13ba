"""Writes a trained network as ONNX with its spec beside it.

The graph is put together by hand from four plain operators (Conv, LeakyRelu, Add, DepthToSpace), so that it is the same
bytes whatever exporter torch ships with, and every backend reads it.
"""

import hashlib
import logging
from pathlib import Path

import msgspec
import numpy as np
import onnx
import torch
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from torch import nn

from vsmagic.errors import ModelError, SetupError
from vsmagic.files import write_atomically
from vsmagic.models import quantize, registry
from vsmagic.models.spec import INT8_SUFFIX, ModelSpec, encode_spec, load_spec
from vsmagic.training.nets import LEAK, LumaNet
from vsmagic.training.options import TrainOptions

log = logging.getLogger(__name__)

OPSET = 17
IR_VERSION = 8
TOLERANCE = 1e-5

_CONTENTS = {"live": "any", "animation": "anime"}
"""What models for each content are for, in the words of the list: drawings are among what is drawn for film."""


def export(net: LumaNet, options: TrainOptions) -> ModelSpec:
    """Write ``NAME.onnx``, ``NAME.int8.onnx`` and ``NAME.json``; each takes its name only when complete and verified.

    The network in 8-bit integers is made where the ``quantize`` extra is installed and there are layers to gain by it.

    Raises:
        ModelError: the ONNX does not compute what the network computes.
    """
    name, folder = options.name, options.output
    model = build_onnx(net, name)
    _verify(net, model)
    content = model.SerializeToString(deterministic=True)
    spec = _spec(net, options, hashlib.sha256(content).hexdigest())
    write_atomically(folder / f"{name}.onnx", content)
    spec = _with_int8(spec, content, folder)
    write_atomically(folder / f"{name}.json", encode_spec(spec))
    return spec


def _spec(net: LumaNet, options: TrainOptions, sha256: str) -> ModelSpec:
    return ModelSpec(
        name=options.name,
        scale=net.scale,
        channels=1,
        base="bicubic",
        multiple=2,
        halo=net.halo,
        precisions=("bf16", "f32", "f16"),
        activations=net.activations,
        content=_CONTENTS[options.content],
        purpose=options.purpose,
        licence="MIT",
        made_by=made_by(options),
        sha256=sha256,
    )


def made_by(options: TrainOptions) -> str:
    """Return the commands that make a network, one after the other: that of the network it began from comes first."""
    if options.start is None:
        return options.command()
    facts = registry.resolve(options.start).path.with_suffix(".json")
    before = load_spec(facts, ModelSpec).made_by if facts.exists() else ""
    return " && ".join(filter(None, [before, options.command()]))


def _with_int8(spec: ModelSpec, content: bytes, folder: Path) -> ModelSpec:
    """Write the same network in 8-bit integers, and return the facts with its."""
    from vsmagic.training import calibration

    try:
        network, made = quantize.embed(content, spec, calibration.generated(spec), tell=log.info)
    except SetupError as error:
        log.warning("%s in 8-bit integers was not made: %s", spec.name, error)
        return spec
    write_atomically(folder / f"{spec.name}{INT8_SUFFIX}", network)
    log.info("%s in 8-bit integers loses %.3f dB", spec.name, made.lost_db)
    return msgspec.structs.replace(spec, int8=made)


def build_onnx(net: LumaNet, name: str) -> onnx.ModelProto:
    """The network as ONNX, float32: ``luma [n, 1, h, w]`` to ``residual [n, 1, scale * h, scale * w]``, sizes free."""
    nodes, weights = _convolution(net.head, "luma", "head", relu=True)
    last = "head"
    for number, convolution in enumerate(net.body):
        more, numbers = _convolution(convolution, last, f"body{number}", relu=True)
        nodes, weights, last = nodes + more, weights + numbers, f"body{number}"
    nodes.append(helper.make_node("Add", [last, "head"], ["sum"]))
    more, numbers = _convolution(net.tail, "sum", "tail", relu=False)
    nodes += [*more, helper.make_node("DepthToSpace", ["tail"], ["residual"], blocksize=2 * net.scale, mode="CRD")]
    graph = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info("luma", onnx.TensorProto.FLOAT, ["n", 1, "h", "w"])],
        [helper.make_tensor_value_info("residual", onnx.TensorProto.FLOAT, ["n", 1, "sh", "sw"])],
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
        nodes.append(helper.make_node("LeakyRelu", [target], [name], alpha=LEAK))
    return nodes, weights


def _verify(net: LumaNet, model: onnx.ModelProto) -> None:
    """Compare the ONNX with the network on random luma, two pictures at a time and not square."""
    luma = np.random.default_rng(0).random((2, 1, 22, 30), dtype=np.float32)
    with torch.inference_mode():
        expected = net(torch.from_numpy(luma)).numpy()
    (computed,) = ReferenceEvaluator(model).run(["residual"], {"luma": luma})
    difference = float(np.abs(np.asarray(computed) - expected).max())
    if not difference <= TOLERANCE:
        raise ModelError(f"export: ONNX and network differ by {difference:.2g}, expected at most {TOLERANCE:.0e}.")
