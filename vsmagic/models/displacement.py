"""The motion that a network finds on its way to a frame in between, as a network of its own: for looking at."""

import hashlib
from pathlib import Path

import onnx
from onnx import helper

from vsmagic.errors import ModelError
from vsmagic.files import write_atomically
from vsmagic.models.motion import MotionModel
from vsmagic.settings import settings

MOTION = "motion"
"""Name of the tensor ``[1, 2, height, width]`` inside a network: how many pixels, to the right and downward, what is
seen in the new picture moves from the first to the second."""

_VERSION = 2


def network(model: MotionModel) -> Path:
    """Return an ONNX like the model's whose output is the motion: made once, found again by the model's hash.

    Its output is ``[1, 3, height, width]``: how many pixels what is seen moves from the first picture to the second,
    to the right and downward, and 0.

    Raises:
        ModelError: the model does not tell its motion.
    """
    name = hashlib.sha256(f"{_VERSION}\0{model.spec.sha256}".encode()).hexdigest()[:32]
    path = settings().models / "local" / f"motion-{name}.onnx"
    if not path.exists():
        write_atomically(path, _cut(model))
    return path


def _cut(model: MotionModel) -> bytes:
    found = onnx.load(model.path)
    graph = found.graph
    if not any(MOTION in node.output for node in graph.node):
        raise ModelError(f"model {model.name} does not tell the motion it finds; take magic-flow.")
    for name, values in (("view_zero", [0]), ("view_one", [1])):
        graph.initializer.append(helper.make_tensor(name, onnx.TensorProto.INT64, [1], values))
    graph.initializer.append(helper.make_tensor("view_nothing", onnx.TensorProto.FLOAT, [1], [0.0]))
    graph.node.extend(
        [
            helper.make_node("Slice", [MOTION, "view_zero", "view_one", "view_one"], ["view_x"]),
            helper.make_node("Mul", ["view_x", "view_nothing"], ["view_blank"]),
            helper.make_node("Concat", [MOTION, "view_blank"], ["view"], axis=1),
        ]
    )
    del graph.output[:]
    graph.output.append(helper.make_tensor_value_info("view", onnx.TensorProto.FLOAT, [1, 3, "height", "width"]))
    return bytes(onnx.utils.Extractor(found).extract_model([graph.input[0].name], ["view"]).SerializeToString())
