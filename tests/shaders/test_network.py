"""What is read of an ONNX, and what is refused."""

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from msgspec.structs import replace
from onnx import helper

import networks
from vsmagic.errors import ModelError
from vsmagic.models import registry
from vsmagic.models.registry import Model
from vsmagic.models.spec import ModelSpec
from vsmagic.shaders.grid import grid
from vsmagic.shaders.network import Relu, over_cells, read
from vsmagic.shaders.weights import texels


def test_magic(magic: Model) -> None:
    network = read(magic)
    assert (network.cell, network.shuffle, network.scale, network.base, network.multiple) == (2, 4, 2, "bicubic", 2)
    leaky = Relu(leak=pytest.approx(0.1))
    assert [layer.after for layer in network.layers] == [*[(leaky,)] * 6, (leaky, "layer0"), ()]
    assert [layer.given for layer in network.layers] == ["", *(f"layer{n}" for n in range(7))]


@pytest.mark.parametrize(
    ("side", "stride", "before"), [(4, 2, 1), (3, 1, 1), (5, 2, 2), (2, 2, 0), (7, 3, 2), (6, 4, 1)]
)
def test_a_stride_is_a_convolution_over_cells(tmp_path: Path, side: int, stride: int, before: int) -> None:
    """Computed by ONNX Runtime with the stride, and by hand over cells."""
    random = np.random.default_rng(side)
    weights = random.normal(size=(3, 1, side, side)).astype(np.float32)
    picture = random.normal(size=(5 * stride, 6 * stride)).astype(np.float32)
    after = side - stride - before
    pads = [before, before, after, after]
    node = helper.make_node(
        "Conv", ["input", "w"], ["output"], strides=[stride] * 2, pads=pads, kernel_shape=[side] * 2
    )
    path = networks.save(tmp_path / "one.onnx", [node], weights={"w": weights}, given=[1, 1, None, None])
    (truth,) = onnxruntime.InferenceSession(str(path)).run(None, {"input": picture[None, None]})

    over, (left, top) = over_cells(weights, stride, (before, before))
    planes = picture.reshape(5, stride, 6, stride).transpose(1, 3, 0, 2).reshape(stride * stride, 5, 6)
    down, across = over.shape[2:]
    padded = np.pad(planes, ((0, 0), (top, down - 1 - top), (left, across - 1 - left)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (down, across), (1, 2))
    np.testing.assert_allclose(np.einsum("oiyx,ihwyx->ohw", over, windows), truth[0], atol=1e-4)


def test_weights_stand_where_the_shader_looks(magic: Model) -> None:
    """Row g is of the planes read in group g; texel (place * made + m) * 4 + n of its plane n, for the group m made."""
    network = read(magic)
    layer = network.layers[-1]
    own = grid(network, layer.channels)
    numbers = texels(layer, own)
    assert numbers.shape == (13, 9 * own.made * 4, 4)
    for given, made, x, y in [(0, 0, 0, 0), (47, 15, 2, 2), (5, 7, 1, 0), (18, 10, 0, 2)]:
        texel = ((y * 3 + x) * own.made + made // 4) * 4 + given % 4
        assert numbers[given // 4, texel, made % 4] == layer.weights[made, given, y, x]
    np.testing.assert_array_equal(numbers[-1].ravel()[:16], layer.bias)


def _model(path: Path, *, scale: int = 2, channels: int = 1) -> Model:
    spec = ModelSpec(name=path.stem, scale=scale, channels=channels, halo=8, activations=8, sha256="0")
    return Model(name=path.stem, spec=spec, path=path)


def _chain(path: Path, *middle: str, stride: int = 1, planes: int = 4) -> Path:
    """A convolution, some operators in the middle, a convolution, a shuffle."""
    weights = {
        "w0": np.ones((planes, 1, 3, 3), np.float32),
        "w1": np.ones((4, planes, 3, 3), np.float32),
        "k": np.ones((planes, 1, 1), np.float32),
    }
    last, nodes = "a", [helper.make_node("Conv", ["input", "w0"], ["a"], pads=[1] * 4, kernel_shape=[3, 3])]
    for number, operator in enumerate(middle):
        given = [last, "k"] if operator == "Mul" else [last, "a"] if operator == "Add" else [last]
        nodes.append(helper.make_node(operator, given, [f"m{number}"]))
        last = f"m{number}"
    strides = [stride] * 2
    nodes += [
        helper.make_node("Conv", [last, "w1"], ["z"], pads=[1] * 4, kernel_shape=[3, 3], strides=strides),
        helper.make_node("DepthToSpace", ["z"], ["output"], blocksize=2),
    ]
    return networks.save(path, nodes, weights=weights, given=["n", 1, "h", "w"])


def test_a_chain_is_read(tmp_path: Path) -> None:
    network = read(_model(_chain(tmp_path / "chain.onnx", "Relu")))
    assert (network.cell, network.scale, network.base) == (1, 2, "none")


@pytest.mark.parametrize(
    ("middle", "stride", "words"),
    [(["Sigmoid"], 1, "the operator Sigmoid"), (["Mul"], 1, "the operator Mul"), (["Relu"], 2, "a stride of 2"),
     (["Relu", "Add"], 1, "needed elsewhere")],
)  # fmt: skip
def test_other_operators_are_refused(tmp_path: Path, middle: list[str], stride: int, words: str) -> None:
    with pytest.raises(ModelError, match=rf"shader: odd.onnx has .*{words}.*VapourSynth"):
        read(_model(_chain(tmp_path / "odd.onnx", *middle, stride=stride)))


def test_other_scales(other_scale: Model) -> None:
    network = read(other_scale)
    assert (network.cell, network.scale, network.base) == (2, other_scale.scale, "bicubic")
    assert network.shuffle == 2 * other_scale.scale
    leaky = Relu(leak=pytest.approx(0.1))
    assert [layer.after for layer in network.layers] == [(leaky,), (leaky,), (leaky, "layer0"), ()]
    assert network.layers[-1].channels == network.shuffle**2


def test_other_ends_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="a shuffle by 2 after a stride of 1"):
        read(_model(_chain(tmp_path / "odd.onnx", "Relu"), scale=4))
    with pytest.raises(ModelError, match="Concat"):
        read(_model(networks.double(tmp_path / "double.onnx", channels=1)))


def test_models_that_are_not_of_luma_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="does not see luma alone"):
        read(_model(networks.double(tmp_path / "rgb.onnx"), channels=3))
    with pytest.raises(ModelError, match="magic-x2 applied 2 times"):
        read(replace(registry.resolve("magic-x2"), passes=2))


def test_a_file_that_is_no_network(tmp_path: Path) -> None:
    (tmp_path / "no.onnx").write_bytes(b"\xff\xfe not one")
    with pytest.raises(ModelError, match="cannot be read as ONNX"):
        read(_model(tmp_path / "no.onnx"))
