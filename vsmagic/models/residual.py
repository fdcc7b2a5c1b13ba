"""Take the last addition out of a network that enlarges its input and adds to it, so that it is done in fp32."""

from pathlib import Path
from typing import TYPE_CHECKING

from vsmagic.models import evaluate

if TYPE_CHECKING:
    import onnx

_TOLERANCE = 1e-3


def split(content: bytes) -> bytes | None:
    """Return the network without ``+ nearest-enlarged input``; None where it does not end like that.

    What is left gives small numbers, on which the rounding of bf16 and f16 does not show; whoever runs it adds them
    to the input, enlarged by repeating pixels. A network that cuts the sum to 0..1 is left whole. ``Resize`` has many
    ways to choose a pixel: :func:`adds_up` tells whether this one repeats them.
    """
    import onnx

    model = onnx.load_from_string(content)
    graph = model.graph
    makers = {name: node for node in graph.node for name in node.output}
    output = graph.output[0].name
    last = makers.get(output)
    if last is None or last.op_type != "Add":
        return None
    enlarged = next((name for name in last.input if _repeats_input(makers.get(name), graph)), None)
    if enlarged is None:
        return None
    kept = next((name for name in last.input if name != enlarged), None)
    maker = makers.get(kept or "")
    if maker is None or sum(list(node.input).count(kept) for node in graph.node) != 1:
        return None
    maker.output[:] = [output if name == kept else name for name in maker.output]
    graph.node.remove(last)
    _drop_unused(graph)
    del graph.value_info[:]
    return bytes(model.SerializeToString())


def adds_up(whole: bytes, rest: bytes, channels: int, path: Path) -> bool:
    """Whether the rest and the enlarged input together give what the whole network gives."""
    picture = evaluate.pictures(channels)[0][..., :8, :8]
    expected, part = evaluate.output(whole, picture, path), evaluate.output(rest, picture, path)
    base = evaluate.enlarge(picture, part.shape[-1] // picture.shape[-1])
    return float(abs(base + part - expected).max()) <= _TOLERANCE * max(1.0, float(abs(expected).max()))


def _repeats_input(node: "onnx.NodeProto | None", graph: "onnx.GraphProto") -> bool:
    weights = {weight.name for weight in graph.initializer}
    inputs = [value.name for value in graph.input if value.name not in weights]
    if node is None or node.op_type not in ("Resize", "Upsample") or [node.input[0]] != inputs:
        return False
    mode = next((attribute.s for attribute in node.attribute if attribute.name == "mode"), b"nearest")
    return bool(mode == b"nearest")


def _drop_unused(graph: "onnx.GraphProto") -> None:
    """Remove nodes and weights that nothing reads any more."""
    used = {value.name for value in graph.output}
    for node in reversed(list(graph.node)):
        if used.intersection(node.output):
            used.update(node.input)
        else:
            graph.node.remove(node)
    for weight in [weight for weight in graph.initializer if weight.name not in used]:
        graph.initializer.remove(weight)
