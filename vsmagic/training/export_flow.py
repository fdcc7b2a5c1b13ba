"""Writes a trained network for frames in between as ONNX with its spec beside it."""

import hashlib
import io
import warnings
from pathlib import Path

import numpy as np
import onnx
import torch

from vsmagic.errors import ModelError
from vsmagic.files import write_atomically
from vsmagic.models import evaluate
from vsmagic.models.displacement import MOTION
from vsmagic.models.motion import MotionSpec, encode_spec
from vsmagic.training.flownet import MULTIPLE, FlowNet

OPSET = 17
TOLERANCE = 1e-4


def export(net: FlowNet, folder: Path, name: str) -> MotionSpec:
    """Write ``NAME.onnx`` and ``NAME.json``; each takes its name only when complete and verified.

    Raises:
        ModelError: the ONNX does not compute what the network computes.
    """
    content = build_onnx(net)
    _verify(net, content, folder / f"{name}.onnx")
    spec = MotionSpec(
        name=name,
        multiple=MULTIPLE,
        precisions=("f32", "f16"),
        activations=net.activations,
        licence="MIT",
        sha256=hashlib.sha256(content).hexdigest(),
    )
    write_atomically(folder / f"{name}.onnx", content)
    write_atomically(folder / f"{name}.json", encode_spec(spec))
    return spec


def build_onnx(net: FlowNet) -> bytes:
    """The network as ONNX: ``input [1, 7, h, w]`` to ``output [1, 3, h, w]``, float32, h and w free."""
    file = io.BytesIO()
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tracing exporter, chosen because it keeps sizes free, is deprecated
        torch.onnx.export(
            net,
            (torch.rand(1, 7, 64, 96),),
            file,  # type: ignore[arg-type]  # its own annotation is narrower than what it takes
            dynamo=False,
            opset_version=OPSET,
            input_names=["input"],
            output_names=["output"],
            dynamic_axes={"input": {2: "height", 3: "width"}, "output": {2: "height", 3: "width"}},
        )
    return _with_motion_named(file.getvalue())


def _with_motion_named(content: bytes) -> bytes:
    """Give the motion at full size its name: it is what the last enlargement makes."""
    model = onnx.load_from_string(content)
    (old,) = [node for node in model.graph.node if node.op_type == "Resize"][-1].output
    for node in model.graph.node:
        for names in (node.input, node.output):
            names[:] = [MOTION if name == old else name for name in names]
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))


def _verify(net: FlowNet, content: bytes, path: Path) -> None:
    """Compare the ONNX with the network on random pictures of a size that the export did not see."""
    random = np.random.default_rng(0).random((1, 7, 32, 48), dtype=np.float32)
    random[:, 6] = 0.3
    with torch.inference_mode():
        expected = net(torch.from_numpy(random)).numpy()
    computed = evaluate.output(content, random, path)
    difference = float(np.abs(computed - expected).max())
    if not difference <= TOLERANCE:
        raise ModelError(f"export: ONNX and network differ by {difference:.2g}, expected at most {TOLERANCE:.0e}.")
