"""Int8 models: what they lose is what they say, and they are like the model they were made of in everything else."""

import hashlib
import itertools
import re
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import vapoursynth as vs
from click.testing import CliRunner
from msgspec.structs import replace
from numpy.typing import NDArray
from onnx import TensorProto, helper
from PIL import Image

import vsmagic
from vsmagic.backends import base, select
from vsmagic.backends.base import Request
from vsmagic.backends.ncnn import NCNN
from vsmagic.backends.ort import ORT, ORT_CUDA
from vsmagic.backends.ov import OV
from vsmagic.backends.trt import TRT, TRT_RTX
from vsmagic.cli.models import models
from vsmagic.errors import ModelError, OptionError, OutputError, SetupError, SourceError
from vsmagic.models import inspect, int8, listing, registry, store
from vsmagic.models.quantize import Pictures, embed, quantize
from vsmagic.models.spec import ModelSpec
from vsmagic.training import calibration
from vsmagic.training.degrade import enlarged
from vsmagic.training.pictures import picture as draw

COMPACT = "2x_AnimeJaNai_HD_V3_Compact-fp32"
SMALL = "2x_AnimeJaNai_HD_V3_SuperUltraCompact-fp32"
# MATLAB's rgb2ycbcr, of which the literature's PSNR is.
LUMA = np.array([65.481, 128.553, 24.966])


drawn = cache(draw)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("quantized")


@pytest.fixture(autouse=True)
def _one_cache(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One cache for all tests of this file, and each picture drawn once: making an int8 model takes seconds."""
    monkeypatch.setenv("VSMAGIC_CACHE", str(kept))
    monkeypatch.setattr(calibration, "picture", drawn)


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VSMAGIC_CACHE", str(tmp_path))
    return tmp_path


@pytest.fixture
def compact(data: Path) -> registry.Model:
    # A picture in colour is drawn as three: fewer of them keep the law, and most of the time is spent on drawing.
    return made(str(data / "weights" / f"{COMPACT}.onnx"), partial(calibration.generated, calibration=8, check=4))


@pytest.fixture
def magic() -> registry.Model:
    return made("magic-x2")


def made(name: str, pictures: Callable[[ModelSpec], Pictures] = calibration.generated) -> registry.Model:
    called = f"{Path(name).stem if '/' in name else name}-int8"
    if called not in store.added_names():
        quantize(name, pictures)
    return registry.resolve(called)


def few(spec: ModelSpec) -> Pictures:
    """A handful of pictures, where it does not matter how good they are."""
    return calibration.generated(spec, calibration=2, check=1)


def run(model: registry.Model, picture: NDArray[np.float32]) -> NDArray[np.float32]:
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(model.path, options, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {session.get_inputs()[0].name: picture})[0], np.float32)


def set5(data: Path) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Large and small picture of each pair, ``[height, width, 3]``, 0 to 1."""
    files = sorted((data / "images" / "set5").glob("*_HR.png"))
    pairs = [(large, large.with_name(large.name.replace("_HR", "_LRx2"))) for large in files]
    return [tuple(np.asarray(Image.open(f).convert("RGB"), np.float64) / 255 for f in pair) for pair in pairs]  # type: ignore[misc]


def psnr(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    inner = (slice(2, -2), slice(2, -2))
    return float(10 * np.log10(255**2 / np.mean((one[inner] - other[inner]) ** 2)))


def rgb_luma(model: registry.Model, small: NDArray[np.float64]) -> NDArray[np.float64]:
    result = run(model, small.transpose(2, 0, 1)[None].astype(np.float32))[0]
    return result.clip(0, 1).transpose(1, 2, 0).astype(np.float64) @ LUMA


def magic_luma(model: registry.Model, small: NDArray[np.float64]) -> NDArray[np.float64]:
    luma = (small @ LUMA / LUMA.sum()).astype(np.float32)
    height, width = luma.shape
    padded = np.pad(luma, ((0, height % 2), (0, width % 2)), mode="symmetric")
    residual = run(model, padded[None, None])[0, 0, : 2 * height, : 2 * width]
    return (enlarged(luma, 2) + residual).clip(0, 1).astype(np.float64) * LUMA.sum()


@pytest.mark.parametrize(("which", "luma"), [("compact", rgb_luma), ("magic", magic_luma)])
def test_the_loss_on_photographs(
    which: str,
    luma: Callable[[registry.Model, NDArray[np.float64]], NDArray[np.float64]],
    data: Path,
    request: pytest.FixtureRequest,
) -> None:
    """Set5 was seen neither by the calibration nor by the measurement of the loss."""
    changed = request.getfixturevalue(which)
    assert changed.spec.quantized is not None
    whole = registry.resolve(str(data / "weights" / f"{COMPACT}.onnx") if which == "compact" else "magic-x2")
    lost = []
    for large, small in set5(data):
        first, second = luma(whole, small), luma(changed, small)
        truth = (large @ LUMA)[: first.shape[0], : first.shape[1]]
        lost.append(psnr(truth, first) - psnr(truth, second))
        assert psnr(first, second) > changed.spec.quantized.between_db - 6
    assert np.mean(lost) <= 0.15
    assert -0.05 <= changed.spec.quantized.lost_db <= 0.15


def test_its_facts_are_those_of_the_model(compact: registry.Model, data: Path) -> None:
    whole = registry.resolve(str(data / "weights" / f"{COMPACT}.onnx")).spec
    spec = compact.spec
    for fact in ("scale", "channels", "base", "multiple", "halo", "activations", "content", "licence"):
        assert getattr(spec, fact) == getattr(whole, fact), fact
    assert "f16" not in spec.precisions
    seen = inspect.inspect(compact.path)
    assert (seen.scale, seen.halo, seen.multiple) == (whole.scale, whole.halo, whole.multiple)
    assert seen.activations == whole.activations
    assert seen.sha256 == spec.sha256


def test_all_but_the_first_and_last_convolution_are_in_8_bits(compact: registry.Model) -> None:
    graph = onnx.load(compact.path).graph
    makers = {name: node.op_type for node in graph.node for name in node.output}
    fed = [makers.get(node.input[0]) == "DequantizeLinear" for node in graph.node if node.op_type == "Conv"]
    assert fed == [False, *[True] * 16, False]


def test_no_two_products_overflow_16_bits(compact: registry.Model) -> None:
    """Processors without VNNI add a pair of products, 255 times a weight each, in 16 bits."""
    weights = [
        w for w in onnx.load(compact.path).graph.initializer if w.data_type == TensorProto.INT8 and len(w.dims) == 4
    ]
    assert len(weights) == 16
    for weight in weights:
        values = onnx.numpy_helper.to_array(weight).astype(int)
        assert 2 * 255 * abs(values).max() <= 2**15
        assert (abs(values).reshape(len(values), -1).max(axis=1) >= 63).all()  # a scale for every channel


@pytest.mark.parametrize("backend", [OV, ORT], ids=lambda backend: backend.name)
@pytest.mark.parametrize("which", ["compact", "magic"])
def test_a_constant_stays_that_constant(which: str, backend: base.Plugin, request: pytest.FixtureRequest) -> None:
    model = request.getfixturevalue(which)
    shape = vs.GRAYS if model.spec.channels == 1 else vs.RGBS
    for value in (0.0, 0.25, 0.8, 1.0):
        clip = vs.core.std.BlankClip(format=shape, width=64, height=48, length=1, color=[value] * model.spec.channels)
        result = vsmagic.upscale(clip, model=model.name, scale=2, backend=backend.name)
        with result.get_frame(0) as frame:
            for plane in range(model.spec.channels):
                inner = np.asarray(frame[plane])[40:-40, 40:-40]
                assert abs(inner - value).max() <= 2 / 255


def test_the_plugins_agree(compact: registry.Model, picture_clip: vs.VideoNode) -> None:
    """OpenVINO computes it in integers, and so does ONNX Runtime; both round, neither overflows."""
    clip = picture_clip.resize.Bicubic(format=vs.RGBS)[0]
    results = []
    for backend in (OV, ORT):
        with base_run(clip, backend, compact).get_frame(0) as frame:
            results.append(np.stack([np.asarray(frame[n]) for n in range(3)]))
    error = results[0] - results[1]
    assert 10 * np.log10(1 / np.mean(error**2)) > 50


def base_run(clip: vs.VideoNode, backend: base.Plugin, model: registry.Model) -> vs.VideoNode:
    return base.run([clip], backend, Request(network=model.path))


@pytest.mark.parametrize("backend", [TRT_RTX, TRT, ORT_CUDA, NCNN], ids=lambda backend: backend.name)
def test_backends_of_gpus_are_passed_by(magic: registry.Model, backend: base.Plugin) -> None:
    assert select.refused(backend, magic.path) in int8.INT8
    assert select.refused(backend, registry.resolve("magic-x2").path) is None


def test_the_processors_backend_is_chosen(magic: registry.Model) -> None:
    assert select.choose("auto", magic.path).name in ("ov", "ort")


def test_the_same_seed_gives_the_same_bytes(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration, "picture", draw)

    def once(seed: int) -> bytes:
        def pictures(spec: ModelSpec) -> Pictures:
            return calibration.generated(spec, seed=seed, calibration=2, check=1)

        spec = quantize("magic-x2", pictures)
        content = registry.resolve(spec.name).path.read_bytes()
        assert store.forget(spec.name, None)
        return content

    assert once(0) == once(0) != once(1)


def test_a_network_to_embed_is_made_without_being_registered(empty: Path, data: Path) -> None:
    whole = registry.resolve("magic-x2")
    content, pictures = whole.path.read_bytes(), few(whole.spec)
    network, facts = embed(content, whole.spec, pictures)
    assert embed(content, whole.spec, pictures) == (network, facts)
    assert facts.sha256 == hashlib.sha256(network).hexdigest()
    assert facts.calibration == pictures.source
    assert facts.lost_db < 1
    assert store.added_names() == []
    assert [path for path in empty.rglob("*") if path.is_file()] == []
    with pytest.raises(ModelError, match="model magic-x2: is in 8-bit integers already"):
        embed(network, whole.spec, pictures)


@pytest.mark.parametrize("channels", [1, 3])
def test_pictures_of_a_clip(data: Path, channels: int) -> None:
    spec = registry.resolve("magic-x2").spec if channels == 1 else inspect.inspect(data / "weights" / f"{SMALL}.onnx")
    pictures = calibration.of_clip(data / "clips" / "lowres_160x120_30fps.mp4", spec)
    assert len(pictures.calibration) + len(pictures.check) == calibration.CALIBRATION + calibration.CHECK
    for picture in pictures.calibration:
        assert picture.shape == (1, channels, 60, 60)
        assert picture.dtype == np.float32
        assert picture.min() >= 0
        assert picture.max() <= 1
    for sample in pictures.check:
        assert sample.small.shape == (1, channels, 60, 60)
        assert sample.truth.shape == (1, channels, 120, 120)
        # Reduced, not merely cut out: the truth's mean is kept.
        assert abs(sample.small.mean() - sample.truth.mean()) < 0.01
    again = calibration.of_clip(data / "clips" / "lowres_160x120_30fps.mp4", spec)
    assert all((a == b).all() for a, b in zip(pictures.calibration, again.calibration, strict=True))


def test_a_clip_that_is_none_is_told(data: Path) -> None:
    spec = registry.resolve("magic-x2").spec
    with pytest.raises(SourceError):
        calibration.of_clip(data / "README.md", spec)
    with pytest.raises(SourceError, match="does not exist"):
        calibration.of_clip(data / "nothing.mp4", spec)


def chain(path: Path, convolutions: int, *, weights: float = 0.1, kind: int = TensorProto.FLOAT) -> Path:
    """A x1 network of 3x3 convolutions on luma."""
    element = helper.tensor_dtype_to_np_dtype(kind)
    kernel = onnx.numpy_helper.from_array(np.full((1, 1, 3, 3), weights, element), "w")
    names = ["t0", *(f"t{n}" for n in range(1, convolutions)), "out"]
    nodes = [helper.make_node("Conv", [a, "w"], [b], pads=[1] * 4) for a, b in itertools.pairwise(names)]
    ends = [helper.make_tensor_value_info(name, kind, ["n", 1, "h", "w"]) for name in ("t0", "out")]
    graph = helper.make_graph(nodes, "chain", ends[:1], ends[1:], [kernel])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return path


def test_what_cannot_be_quantized_is_told(magic: registry.Model, tmp_path: Path) -> None:
    before = store.added_names()
    for name, kind, words in [
        ("auto", OptionError, "no single model"),
        ("nonsense", ModelError, "not known"),
        (str(chain(tmp_path / "two.onnx", 2)), ModelError, "2 convolutions"),
        (str(chain(tmp_path / "half.onnx", 4, kind=TensorProto.FLOAT16)), ModelError, "float16"),
        (str(magic.path), ModelError, "in 8-bit integers already"),
    ]:
        with pytest.raises(kind, match=re.escape(words)):
            quantize(name, few)
    assert store.added_names() == before


def test_one_pass_is_quantized_and_not_all(monkeypatch: pytest.MonkeyPatch) -> None:
    twice = replace(registry.resolve("magic-x2"), name="twice", passes=2)
    monkeypatch.setattr(registry, "resolve", lambda _: twice)
    with pytest.raises(OptionError, match=r"twice applies magic-x2 2 times; quantize magic-x2\."):
        quantize("twice", few)


def test_a_model_is_made_once(magic: registry.Model) -> None:
    def never(spec: ModelSpec) -> Pictures:
        raise AssertionError(spec)

    with pytest.raises(OptionError, match="vsmagic models remove magic-x2-int8"):
        quantize("magic-x2", never)
    with pytest.raises(OptionError, match="int8 model of magic-x2 already"):
        quantize("magic-x2-int8", never)


def test_a_model_that_loses_too_much_is_not_registered(empty: Path) -> None:
    def dark(spec: ModelSpec) -> Pictures:
        """Calibrated on black: everything else is cut off."""
        whole = few(spec)
        return Pictures(calibration=[whole.calibration[0] * 0], check=whole.check, source="black")

    with pytest.raises(ModelError, match=r"loses [\d.]+ dB in int8; at most 0.5"):
        quantize("magic-x2", dark)
    assert store.added_names() == []
    spec = quantize("magic-x2", dark, most_lost=100)
    assert spec.quantized is not None
    assert spec.quantized.lost_db > 0.5


def test_nothing_is_left_of_one_that_fails(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object) -> bytes:
        raise KeyboardInterrupt

    monkeypatch.setattr(int8, "to_int8", stop)
    with pytest.raises(KeyboardInterrupt):
        quantize("magic-x2", few)
    assert [path for path in empty.rglob("*") if path.is_file()] == []


def test_a_folder_that_cannot_be_written_is_told(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (empty / "models").write_bytes(b"in the way")
    with pytest.raises(OutputError):
        quantize("magic-x2", few)


def test_the_extra_is_named_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    done = CliRunner().invoke(models, ["quantize", "magic-x2"])
    assert isinstance(done.exception, SetupError)
    assert "pip install 'vsmagic[quantize]'" in str(done.exception)


def test_the_command(empty: Path, data: Path) -> None:
    """A catalogue's model on a real clip, from nothing to gone."""
    run = CliRunner()
    file = data / "weights" / f"{SMALL}.onnx"
    name = "animejanai-v3-superultracompact"
    assert run.invoke(models, ["fetch", name, "--from", str(file), "--yes"]).exit_code == 0
    clip = data / "clips" / "anim_bbb_480x360_24fps_aac.mp4"
    done = run.invoke(models, ["quantize", name, "--clip", str(clip), "--max-loss", "3"])
    assert done.exit_code == 0, done.exception
    assert re.fullmatch(rf"{name}-int8: loses -?[\d.]+ dB against {name}; .*\n", done.stdout)
    assert "calibrating on 24 pictures of anim_bbb_480x360_24fps_aac.mp4" in done.stderr
    entry, state = listing.one(f"{name}-int8")
    assert (entry.content, entry.licence, entry.commercial, state) == ("anime", "CC-BY-NC-SA-4.0", False, "added")
    assert f"loses {registry.resolve(f'{name}-int8').spec.quantized.lost_db:g} dB" in run.invoke(models, []).stdout  # type: ignore[union-attr]
    assert "calibrated on" in run.invoke(models, ["show", f"{name}-int8"]).stdout
    assert run.invoke(models, ["remove", f"{name}-int8"]).exit_code == 0
    with pytest.raises(ModelError, match="not known"):
        registry.resolve(f"{name}-int8")
