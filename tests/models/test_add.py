"""Models of the user's own: converted, compared with PyTorch, and nothing in them executed."""

import collections
import io
import os
import pickle
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
import vapoursynth as vs
from onnx import TensorProto, helper
from safetensors.torch import save_file
from spandrel import ModelLoader
from spandrel.architectures.Compact.__arch.SRVGG import SRVGGNetCompact
from spandrel.architectures.ESRGAN.__arch.RRDB import RRDBNet

import vsmagic
from vsmagic.errors import ModelError, OptionError, OutputError
from vsmagic.models import catalogue, evaluate, prepare, reach, registry, store
from vsmagic.models.add import add
from vsmagic.settings import settings


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VSMAGIC_CACHE", str(tmp_path / "cache"))
    torch.manual_seed(1)
    torch.set_num_threads(1)
    return tmp_path / "cache"


def compact(scale: int = 2) -> torch.nn.Module:
    return SRVGGNetCompact(num_in_ch=3, num_out_ch=3, num_feat=8, num_conv=2, upscale=scale).eval()


def rrdb(blocks: int = 1, *, halved: bool = False) -> torch.nn.Module:
    shape = {"in_nc": 12, "shuffle_factor": 2} if halved else {}
    return RRDBNet(num_filters=8, num_blocks=blocks, scale=4, **shape).eval()


def saved(net: torch.nn.Module, path: Path, key: str | None = "params_ema") -> Path:
    weights = net.state_dict()
    if path.suffix == ".safetensors":
        save_file(weights, path)
    else:
        torch.save({key: weights} if key else weights, path)
    return path


def left_over() -> list[Path]:
    return [path for path in settings().models.rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("net", "file", "base", "facts"),
    [
        pytest.param(compact, "a.pth", "nearest", (2, 3, 1, 4), id="SRVGG x2"),
        pytest.param(lambda: compact(4), "a.safetensors", "nearest", (4, 3, 1, 4), id="SRVGG x4"),
        pytest.param(rrdb, "a.pth", "none", (4, 3, 1, 20), id="RRDB x4"),
        pytest.param(lambda: rrdb(halved=True), "a.pth", "none", (2, 3, 2, 40), id="RRDB x2, at half size"),
    ],
)
def test_weights_become_a_network_that_agrees_with_pytorch(
    tmp_path: Path, net: Callable[[], torch.nn.Module], file: str, base: str, facts: tuple[int, ...]
) -> None:
    made = net()
    spec = add(saved(made, tmp_path / file), "mine")
    assert (spec.base, (spec.scale, spec.channels, spec.multiple, spec.halo)) == (base, facts)
    model = registry.resolve("mine")
    assert model.spec == spec
    picture = np.random.default_rng(5).random((1, 3, 12, 18)).astype(np.float32)
    result = evaluate.output(model.path.read_bytes(), picture, model.path)
    if base == "nearest":
        result += evaluate.enlarge(picture, spec.scale)
    with torch.no_grad():
        expected = made(torch.from_numpy(picture)).numpy()
    assert abs(result - expected).max() < 1e-4


@pytest.mark.parametrize("halved", [False, True])
def test_the_halo_is_as_far_as_a_pixel_sees(halved: bool) -> None:
    """By perturbation: what changes beyond the halo changes nothing; something just inside it does."""
    net = rrdb(halved=halved)
    for layer in net.modules():  # as visible as can be: nothing damped, nothing cut off
        if isinstance(layer, torch.nn.Conv2d):
            torch.nn.init.constant_(layer.weight, 0.05)
    halo, scale, size = (40, 2, 96) if halved else (20, 4, 48)
    picture = torch.rand(1, 3, size, size, dtype=torch.float64)
    middle = size // 2

    def differs_with(distance: int) -> bool:
        """Whether the middle pixel sees a change this many pixels away, and further, on both sides."""
        changed = picture.clone()
        changed[..., : middle - distance + 1] += 1.0
        changed[..., middle + distance :] += 1.0
        own = slice(middle * scale, (middle + 1) * scale)
        with torch.no_grad():
            before, after = net.double()(torch.cat([picture, changed]))[..., own, own]
        return bool((before != after).any())

    assert not differs_with(halo + 1)
    assert differs_with(halo - 4)


@pytest.mark.parametrize("halved", [False, True])
def test_the_lists_halos_of_rrdb_networks(tmp_path: Path, halved: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every block reaches as much further as the one before it."""
    monkeypatch.setattr(reach, "FAR", 1000)  # the halos of the layers, not those that count
    one, two = (prepare.prepare(saved(rrdb(n, halved=halved), tmp_path / f"{n}.pth"))[0] for n in (1, 2))
    known = {"realesrgan-x2plus": 23} if halved else {"realesrgan-x4plus": 23, "realesrgan-x4plus-anime-6b": 6}
    assert one.halo
    assert two.halo
    for name, blocks in known.items():
        entry = catalogue.find(name)
        assert entry
        assert entry.halo == one.halo + (blocks - 1) * (two.halo - one.halo)
        assert (entry.scale, entry.multiple) == (one.scale, one.multiple)


def test_real_weights_run_as_pytorch_runs_them(data: Path) -> None:
    """On a real picture, through the plugin, base and all; the network's own numbers are small."""
    path = data / "weights/derived/2x_AnimeJaNai_HD_V3_SuperUltraCompact_from-onnx.pth"
    add(path, "suc")
    clip = _picture(data)
    result = vsmagic.upscale(clip, model="suc", scale=2, backend="ov", precision="f32")
    with result.get_frame(0) as frame:
        found = np.stack([np.asarray(frame[plane]) for plane in range(3)])
    with clip.get_frame(0) as frame:
        source = np.stack([np.asarray(frame[plane]) for plane in range(3)])[None]
    with torch.no_grad():
        expected = ModelLoader().load_from_file(path).model(torch.from_numpy(source)).numpy()[0]
    assert abs(found - expected).max() < 1 / 1024


def test_a_network_without_cut_leaves_its_addition_to_fp32(data: Path) -> None:
    """The half-precision export that ends in an addition gives, with the base, what it gave whole."""
    name = "2x_AnimeJaNai_HD_V3_UltraCompact_1x3xHxW_dyn-HW_strong_fp16_op23_dynamo.onnx"
    path = data / "weights" / name
    model = registry.resolve(str(path))
    assert model.spec.base == "nearest"
    picture = evaluate.pictures(3)[1]
    part = evaluate.output(model.path.read_bytes(), picture, path)
    whole = evaluate.output(path.read_bytes(), picture, path)
    assert abs(part).max() < 0.5
    assert abs(part + evaluate.enlarge(picture, 2) - whole).max() < 2**-10


@pytest.mark.parametrize(
    "name",
    [
        "2x_AnimeJaNai_HD_V3_SuperUltraCompact-fp32.onnx",
        "2x_AnimeJaNai_HD_V3_UltraCompact-fp16.onnx",
        "2x_AnimeJaNai_HD_V3_UltraCompact_1x3xHxW_dyn-HW_strong_fp16_op23_dynamo.onnx",
        "2x_AnimeJaNai_HD_V3.1_Performance_SPANF3_b5f48_unshuffle_fp16.onnx",
    ],
)
def test_onnx_of_every_kind_can_be_added(data: Path, name: str) -> None:
    spec = add(data / "weights" / name, "mine")
    model = registry.resolve(spec.name)
    assert (model.scale, model.spec.channels) == (2, 3)
    flat = vs.core.std.BlankClip(width=48, height=32, length=1, format=vs.RGBS, color=[0.5, 0.4, 0.3])
    with vsmagic.upscale(flat, model=spec.name, scale=2, backend="ov").get_frame(0) as frame:
        assert (frame.width, frame.height) == (96, 64)
        assert abs(float(np.asarray(frame[1]).mean()) - 0.4) < 0.05


def _picture(data: Path) -> vs.VideoNode:
    from PIL import Image

    path = min((data / "images").rglob("*.png"))
    pixels = np.asarray(Image.open(path).convert("RGB").crop((0, 0, 64, 48)), np.float32) / 255
    clip = vs.core.std.BlankClip(width=64, height=48, length=1, format=vs.RGBS)

    def fill(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        frame = f.copy()
        for plane in range(3):
            np.copyto(np.asarray(frame[plane]), pixels[..., plane])
        return frame

    return clip.std.ModifyFrame(clip, fill)


class Bomb:
    """Makes a file when it is unpickled, if anything in it is run."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return (os.system, (f"touch {self.mark}",))


@pytest.mark.parametrize("suffix", [".pth", ".safetensors", ".onnx"])
@pytest.mark.parametrize("way", ["torch", "legacy", "pickle"])
@pytest.mark.parametrize("place", ["alone", "in a dict", "as a key's value", "in an OrderedDict"])
def test_a_malicious_pickle_executes_nothing(tmp_path: Path, place: str, way: str, suffix: str) -> None:
    mark = tmp_path / "executed"
    bomb = Bomb(mark)
    weights = compact().state_dict()
    thing: object = {
        "alone": bomb,
        "in a dict": {"params": weights, "info": {"nested": [bomb]}},
        "as a key's value": {"params": {**weights, "body.0.weight": bomb}},
        "in an OrderedDict": collections.OrderedDict(weights, extra=bomb),
    }[place]
    path = tmp_path / f"bad{suffix}"
    if way == "pickle":
        path.write_bytes(pickle.dumps(thing))
    else:
        torch.save(thing, path, _use_new_zipfile_serialization=way == "torch")
    with pytest.raises(ModelError) as caught:
        add(path, "bad")
    assert "\n" not in str(caught.value)
    assert "weights_only=False" not in str(caught.value)
    with pytest.raises(ModelError):
        registry.resolve(str(path))
    assert not mark.exists()
    assert not left_over()


def test_the_bomb_works(tmp_path: Path) -> None:
    """Else the test above would prove nothing."""
    pickle.loads(pickle.dumps(Bomb(tmp_path / "executed")))  # noqa: S301 - on purpose
    assert (tmp_path / "executed").exists()


def network(**changed: Any) -> bytes:
    """An ONNX that repeats pixels, or is wrong in some way."""
    facts: dict[str, Any] = {
        "shape": ["batch", 3, "h", "w"], "operator": "Identity", "domain": "", "inputs": ["x"], "value": 1.0,
    } | changed  # fmt: skip
    inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, facts["shape"]) for name in facts["inputs"]]
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 3, "h2", "w2"])
    factor = helper.make_tensor("factor", TensorProto.FLOAT, [], [facts["value"]])
    scales = helper.make_tensor("scales", TensorProto.FLOAT, [4], [1, 1, 2, 2])
    nodes = [
        helper.make_node(facts["operator"], [facts["inputs"][0]], ["a"], domain=facts["domain"]),
        helper.make_node("Mul", ["a", "factor"], ["b"]),
        helper.make_node("Resize", ["b", "", "scales"], ["y"], mode="nearest"),
    ]
    graph = helper.make_graph(nodes, "g", inputs, [output], [factor, scales])
    opsets = [helper.make_opsetid("", 17), *([helper.make_opsetid(facts["domain"], 1)] if facts["domain"] else [])]
    return bytes(helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString())


def external() -> bytes:
    model = onnx.load_from_string(network())
    weight = model.graph.initializer[0]
    weight.ClearField("float_data")
    weight.data_location = TensorProto.EXTERNAL
    weight.external_data.add(key="location", value="../../etc/passwd")
    return bytes(model.SerializeToString())


def weights_file(thing: object) -> bytes:
    file = io.BytesIO()
    torch.save(thing, file)
    return file.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("empty.pth", lambda: b"", "empty"),
        ("empty.onnx", lambda: b"", "empty"),
        ("empty.safetensors", lambda: b"", "empty"),
        ("text.pth", lambda: b"<html>Not Found</html>", "not plain weights"),
        ("text.onnx", lambda: b"<html>Not Found</html>", "not a complete ONNX file"),
        ("text.safetensors", lambda: b"<html>Not Found</html>", "not a complete file of weights"),
        ("cut.pth", lambda: weights_file(compact().state_dict())[:-4000], "not a complete file of weights"),
        ("cut.onnx", lambda: network()[:-20], "not a complete ONNX file"),
        ("onnx.pth", network, "not "),
        ("pth.onnx", lambda: weights_file(compact().state_dict()), "not a complete ONNX file"),
        ("pth.safetensors", lambda: weights_file(compact().state_dict()), "not a complete file of weights"),
        ("other.pth", lambda: weights_file({"conv.weight": torch.rand(3)}), "architecture that Spandrel knows"),
        ("number.pth", lambda: weights_file(5), "not "),
        ("batch.onnx", lambda: network(shape=[4, 3, "h", "w"]), "4 pictures at once"),
        ("size.onnx", lambda: network(shape=[1, 3, 64, 64]), "64x64 only"),
        ("channels.onnx", lambda: network(shape=[1, 4, "h", "w"]), "4 channels"),
        ("two.onnx", lambda: network(inputs=["x", "z"]), "2 inputs"),
        ("operator.onnx", lambda: network(operator="Nonsense"), "Export it with operators of that release"),
        ("domain.onnx", lambda: network(operator="Special", domain="com.example"), "Special is no operator"),
        ("nan.onnx", lambda: network(value=float("nan")), "not finite"),
        ("external.onnx", external, "another file"),
    ],
)
def test_a_bad_file_is_told_and_leaves_nothing(
    tmp_path: Path, name: str, content: Callable[[], bytes], told: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content())
    with pytest.raises(ModelError, match=re.escape(told)) as caught:
        add(path, "bad")
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not left_over()


def test_a_good_small_onnx_can_be_added(tmp_path: Path) -> None:
    """So what the networks above are refused for is what is wrong with them."""
    path = tmp_path / "good.onnx"
    path.write_bytes(network())
    assert add(path).scale == 2


def test_a_missing_file_a_folder_and_another_kind(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be read"):
        add(tmp_path / "absent.onnx")
    with pytest.raises(ModelError, match="cannot be read"):
        add(tmp_path / "absent.pth")
    (tmp_path / "folder.onnx").mkdir()
    with pytest.raises(ModelError, match="cannot be read"):
        add(tmp_path / "folder.onnx")
    with pytest.raises(OptionError, match=r"is no \.onnx"):
        add(tmp_path / "model.bin")


@pytest.mark.parametrize(
    "name", ["", ".hidden", "a/b", "..", "auto", "magic-x2", "REALESR-animevideov3", "x.onnx", "a@1", "é"]
)
def test_names_that_cannot_be_given(tmp_path: Path, name: str) -> None:
    path = tmp_path / "good.onnx"
    path.write_bytes(network())
    with pytest.raises(OptionError, match="--name"):
        add(path, name)
    assert not left_over()


def test_a_name_is_taken_once_and_free_when_removed(tmp_path: Path) -> None:
    path = tmp_path / "my model (2).onnx"
    path.write_bytes(network())
    assert add(path).name == "my-model-2-"
    with pytest.raises(OptionError, match="vsmagic models remove my-model-2-"):
        add(path)
    path.unlink()
    assert registry.resolve("my-model-2-").scale == 2
    assert store.forget("my-model-2-", None)
    with pytest.raises(ModelError, match="not known"):
        registry.resolve("my-model-2-")


def test_a_model_whose_hash_is_not_known_is_added_under_its_name(tmp_path: Path) -> None:
    path = tmp_path / "2x_AnimeJaNai_V2_Compact_36k.onnx"
    path.write_bytes(network())
    spec = add(path, "animejanai-v2-compact")
    assert (spec.licence, spec.content) == ("CC-BY-NC-SA-4.0", "anime")
    assert registry.resolve("animejanai-v2-compact").name == "animejanai-v2-compact"
    assert store.added_names() == ["animejanai-v2-compact"]


def test_a_model_of_another_scale_does_not_get_a_known_name(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="enlarges 4 times"):
        add(saved(compact(4), tmp_path / "a.pth"), "animejanai-v2-compact")


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "good.onnx"
    path.write_bytes(network())
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("VSMAGIC_CACHE", str(tmp_path / "file"))
    with pytest.raises(OutputError, match="VSMAGIC_CACHE"):
        add(path)


def test_weights_without_the_extra_say_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from vsmagic.errors import SetupError

    monkeypatch.setitem(__import__("sys").modules, "spandrel", None)
    with pytest.raises(SetupError, match=r"pip install 'vsmagic\[convert\]'"):
        add(saved(compact(), tmp_path / "a.pth"))
    shutil.rmtree(tmp_path / "cache", ignore_errors=True)
