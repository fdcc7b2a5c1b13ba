"""Networks in half precision: the same picture, and float32 where it matters."""

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from vsmagic.engine.half import to_half
from vsmagic.errors import ModelError
from vsmagic.models.precision import with_f32_io

FLOAT, FLOAT16 = onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16


def types_of(content: bytes) -> tuple[onnx.GraphProto, dict[str, int]]:
    graph = onnx.shape_inference.infer_shapes(onnx.load_from_string(content), strict_mode=True).graph
    types = {v.name: v.type.tensor_type.elem_type for v in (*graph.input, *graph.value_info, *graph.output)}
    return graph, types | {weight.name: weight.data_type for weight in graph.initializer}


def run(content: bytes, picture: np.ndarray) -> np.ndarray:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: picture})[0]


def picture(planes: int, height: int, width: int) -> np.ndarray:
    y, x = np.mgrid[0:height, 0:width]
    waves = [0.5 + 0.5 * np.sin(x / (5 + n)) * np.cos(y / 7 + n / 3) for n in range(planes)]
    return np.stack(waves)[None].astype(np.float32)


@pytest.mark.parametrize("name", ["srvgg", "rrdb", "rife", "magic"])
@pytest.mark.parametrize("size", [(48, 64), (96, 32)])
def test_the_picture_stays_within_a_tenth_of_a_level(networks, channels, name, size):
    content = networks[name].read_bytes()
    source = picture(channels[name], *size)
    difference = np.abs(run(to_half(content, name), source) - run(content, source))
    assert difference.max() * 255 < 0.1


@pytest.mark.parametrize("name", ["srvgg", "rrdb", "rife", "magic"])
def test_convolutions_are_half_and_the_ends_are_not(networks, name):
    graph, types = types_of(to_half(networks[name].read_bytes(), name))
    heavy = [node for node in graph.node if node.op_type in ("Conv", "ConvTranspose", "PRelu")]
    assert heavy
    assert {types[tensor] for node in heavy for tensor in (*node.input, *node.output)} == {FLOAT16}
    assert {types[value.name] for value in (*graph.input, *graph.output)} == {FLOAT}


def test_sizes_and_motion_stay_single(networks):
    graph, types = types_of(to_half(networks["rife"].read_bytes(), "rife"))
    kept = [node for node in graph.node if node.op_type in ("GridSample", "Range", "Expand", "Transpose", "Sigmoid")]
    assert {node.op_type for node in kept} >= {"GridSample", "Transpose", "Sigmoid"}
    assert FLOAT16 not in {types[name] for node in kept for name in (*node.input, *node.output)}
    # Motion is added up in float32: what a convolution found is cast before it is scaled and added.
    makers = {name: node for node in graph.node for name in node.output}
    grid = next(node for node in graph.node if node.op_type == "GridSample").input[1]
    behind, waiting = set(), [grid]
    while waiting:
        node = makers.get(waiting.pop())
        if node is not None and node.op_type not in ("Conv", "ConvTranspose"):
            behind.add(node.op_type)
            waiting.extend(node.input)
    assert "Cast" in behind


def test_the_last_addition_is_single(networks):
    graph, types = types_of(to_half(networks["srvgg"].read_bytes(), "srvgg"))
    (last,) = [node for node in graph.node if node.op_type == "Add"]
    assert {types[name] for name in last.input} == {FLOAT}


def test_casting_twice_changes_nothing(networks):
    once = to_half(networks["rife"].read_bytes(), "rife")
    source = picture(7, 64, 64)
    np.testing.assert_array_equal(run(to_half(once, "rife"), source), run(once, source))


def test_a_network_that_is_half_already_is_kept(networks):
    half = onnx.load_from_string(to_half(networks["rrdb"].read_bytes(), "rrdb"))
    again = to_half(bytes(half.SerializeToString()), "rrdb")
    assert len(again) == pytest.approx(len(half.SerializeToString()), rel=0.02)


def test_the_shared_networks_stay_within_a_tenth_of_a_level(data):
    for name in ("2x_AnimeJaNai_HD_V3_UltraCompact-fp32", "2x_AnimeJaNai_HD_V3_SuperUltraCompact-fp32"):
        content = (data / "weights" / f"{name}.onnx").read_bytes()
        source = picture(3, 48, 64)
        assert np.abs(run(to_half(content, name), source) - run(content, source)).max() * 255 < 0.1
    half = with_f32_io((data / "weights" / "2x_AnimeJaNai_HD_V3_UltraCompact-fp16.onnx").read_bytes())
    assert run(to_half(half, "half"), source).shape == (1, 3, 96, 128)


def small(*nodes: onnx.NodeProto, **weights: np.ndarray) -> bytes:
    value = [helper.make_tensor_value_info(name, FLOAT, [1, 1, "h", "w"]) for name in ("input", "output")]
    tensors = [numpy_helper.from_array(values, name) for name, values in weights.items()]
    graph = helper.make_graph(list(nodes), "g", value[:1], value[1:], tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())


def test_weights_beyond_half_precision_stay_single():
    weight = np.full((1, 1, 1, 1), 1e6, np.float32)
    first = helper.make_node("Conv", ["input", "large"], ["t"], kernel_shape=[1, 1])
    second = helper.make_node("Conv", ["t", "small"], ["output"], kernel_shape=[1, 1])
    content = to_half(small(first, second, large=weight, small=1 / weight), "large")
    assert float(run(content, np.full((1, 1, 4, 4), 1e-3, np.float32)).max()) == pytest.approx(1e-3, rel=0.03)


def test_an_output_that_is_also_read_inside_stays_single():
    weight = np.full((1, 1, 1, 1), 0.5, np.float32)
    first = helper.make_node("Conv", ["input", "w"], ["output"], kernel_shape=[1, 1])
    second = helper.make_node("Conv", ["output", "w"], ["unused"], kernel_shape=[1, 1])
    content = to_half(small(first, second, w=weight), "both")
    assert run(content, np.ones((1, 1, 4, 4), np.float32)).max() == 0.5


def test_branches_are_refused():
    inner = [helper.make_tensor_value_info("t", FLOAT, None)]
    branch = helper.make_graph([helper.make_node("Identity", ["input"], ["t"])], "b", [], inner)
    node = helper.make_node("If", ["yes"], ["output"], then_branch=branch, else_branch=branch)
    with pytest.raises(ModelError, match=r"branches or loops, which cannot be cast to f16\. Use precision f32"):
        to_half(small(node, yes=np.array(True)), "branchy")


@pytest.mark.parametrize("content", [b"", b"no network", b"\x08\x07"], ids=["empty", "text", "cut"])
def test_what_is_no_network_is_refused(content):
    with pytest.raises(ModelError, match="model odd:"):
        to_half(content, "odd")
