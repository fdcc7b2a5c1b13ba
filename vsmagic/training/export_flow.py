"""Writes a trained network for frames in between as ONNX with its spec beside it."""

import hashlib
import math
import warnings
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx.reference import ReferenceEvaluator

from vsmagic.errors import ModelError
from vsmagic.files import write_atomically
from vsmagic.models import evaluate
from vsmagic.models.convert_onnx import exported
from vsmagic.models.displacement import MOTION
from vsmagic.models.motion import EMBEDDED_SCALES, MotionSpec, embedded_name
from vsmagic.models.spec import encode_spec
from vsmagic.training.flownet import FlowNet

TOLERANCE = 1e-4


def export(net: FlowNet, folder: Path, name: str) -> MotionSpec:
    """Write ``NAME.onnx`` and ``NAME.json``, and the same for each flow scale; each only when complete and verified.

    A flow scale of a half is one more level: the same weights look once more, at half the size.

    Returns:
        The spec of flow scale 1.

    Raises:
        ModelError: the ONNX does not compute what the network computes.
    """
    specs = [_export(net, folder, name, scale) for scale in EMBEDDED_SCALES]
    return specs[EMBEDDED_SCALES.index(1.0)]


def _export(net: FlowNet, folder: Path, name: str, scale: float) -> MotionSpec:
    reaching = FlowNet(net.levels - round(math.log2(scale)))
    reaching.load_state_dict(net.state_dict())
    reaching.eval()
    content = build_onnx(reaching)
    file = embedded_name(name, scale)
    _verify(reaching, content, folder / f"{file}.onnx")
    spec = MotionSpec(
        name=name,
        multiple=reaching.multiple,
        precisions=("f32", "f16"),
        activations=reaching.activations,
        licence="MIT",
        sha256=hashlib.sha256(content).hexdigest(),
    )
    write_atomically(folder / f"{file}.onnx", content)
    write_atomically(folder / f"{file}.json", encode_spec(spec))
    return spec


def build_onnx(net: FlowNet) -> bytes:
    """The network as ONNX: ``input [1, 7, h, w]`` to ``output [1, 3, h, w]``, float32, h and w free."""
    example = torch.rand(1, 7, 2 * net.multiple, 3 * net.multiple)
    free = {2: "height", 3: "width"}
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tracing exporter, chosen because it keeps sizes free, is deprecated
        content = exported(
            _Telling(net), example, free=free, what="the network", path=Path("magic-flow"), beside=[MOTION]
        )
    return _tidied(content)


class _Telling(torch.nn.Module):
    """The network, and the motion at full size beside the picture."""

    def __init__(self, net: FlowNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, pictures: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        found = self.net.look(pictures)
        return found.picture, found.motions[-1]


def _tidied(content: bytes) -> bytes:
    """Compute what is known beforehand, take out copies, and make the motion a tensor inside, not an output.

    What reads the file then finds every size without running it, and a runtime joins PReLU to the convolution before
    it, as it does where the slopes are weights.
    """
    model = onnx.load_from_string(content)
    graph = model.graph
    nodes, weights = _folded(graph)
    names = {node.output[0]: node.input[0] for node in nodes if node.op_type == "Identity"}
    nodes = [node for node in nodes if node.op_type != "Identity"]
    for node in nodes:
        node.input[:] = [_last(names, name) for name in node.input]
    used = {name for node in nodes for name in node.input}
    del graph.node[:], graph.initializer[:], graph.output[1:]
    graph.node.extend(nodes)
    graph.initializer.extend(onnx.numpy_helper.from_array(weights[name], name) for name in sorted(used & set(weights)))
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString(deterministic=True))


def _folded(graph: onnx.GraphProto) -> tuple[list[onnx.NodeProto], dict[str, NDArray[np.generic]]]:
    """Return the nodes that depend on the input, and all values that do not."""
    known = {weight.name: onnx.numpy_helper.to_array(weight) for weight in graph.initializer}
    nodes = []
    for node in graph.node:
        given = [name for name in node.input if name]
        if all(name in known for name in given):
            found = ReferenceEvaluator(node).run(None, {name: known[name] for name in given})
            known |= {name: np.asarray(value) for name, value in zip(node.output, found, strict=True)}
        else:
            nodes.append(node)
    return nodes, known


def _last(names: dict[str, str], name: str) -> str:
    while name in names:
        name = names[name]
    return name


def _verify(net: FlowNet, content: bytes, path: Path) -> None:
    """Compare the ONNX with the network on random pictures of a size that the export did not see."""
    random = np.random.default_rng(0).random((1, 7, net.multiple, 2 * net.multiple), dtype=np.float32)
    random[:, 6] = 0.3
    with torch.inference_mode():
        expected = net(torch.from_numpy(random)).numpy()
    computed = evaluate.output(content, random, path)
    difference = float(np.abs(computed - expected).max())
    if not difference <= TOLERANCE:
        raise ModelError(f"export: ONNX and network differ by {difference:.2g}, expected at most {TOLERANCE:.0e}.")
