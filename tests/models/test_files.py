"""What is read from model files, and what is refused."""

import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper

import networks
from vsmagic import ModelError, OutputError
from vsmagic.models import registry
from vsmagic.models.inspect import inspect

# name: scale, channels, element, multiple, halo (convolutions of 3x3, one pixel each; None: not known exactly here)
FACTS = {
    "2x_AnimeJaNai_HD_V3_Compact-fp32.onnx": (2, 3, "f32", 1, 18),
    "2x_AnimeJaNai_HD_V3_UltraCompact-fp32.onnx": (2, 3, "f32", 1, 10),
    "2x_AnimeJaNai_HD_V3_SuperUltraCompact-fp32.onnx": (2, 3, "f32", 1, 10),
    "2x_AnimeJaNai_HD_V3Sharp1_UltraCompact-fp32.onnx": (2, 3, "f32", 1, 10),
    "2x_AnimeJaNai_SD_V1beta34_Compact-fp32.onnx": (2, 3, "f32", 1, 18),
    "2x_AnimeJaNai_HD_V3_UltraCompact-fp16.onnx": (2, 3, "f16", 1, 10),
    "2x_AnimeJaNai_HD_V3_UltraCompact_1x3xHxW_dyn-HW_strong_fp16_op23_dynamo.onnx": (2, 3, "f16", 1, 10),
    "2x_AnimeJaNai_HD_V3.1_Performance_SPANF3_b5f48_unshuffle_fp16.onnx": (2, 3, "f16", None, None),
}


@pytest.mark.parametrize("name", FACTS)
def test_facts_of_the_shared_files(name: str, data: Path) -> None:
    scale, channels, element, multiple, halo = FACTS[name]
    spec = inspect(data / "weights" / name)
    assert (spec.scale, spec.channels, spec.element) == (scale, channels, element)
    assert multiple is None or spec.multiple == multiple
    assert spec.halo is not None
    assert halo is None or spec.halo in (halo, halo + 1)
    assert spec.activations >= 3 + 3 * scale**2
    assert spec.name == Path(name).stem


def test_the_embedded_spec_is_what_its_graph_says() -> None:
    for entry in registry.ENTRIES:
        told = registry.resolve(entry.name)
        read = inspect(told.path)
        assert (told.spec.scale, told.spec.channels, told.spec.multiple) == (read.scale, read.channels, read.multiple)
        assert told.spec.halo >= read.halo - 1  # reading allows a pixel more; test_laws measures what is told
        assert told.spec.sha256 == read.sha256


@pytest.mark.parametrize("stride", [1, 2, 4])
@pytest.mark.parametrize("channels", [1, 3])
def test_facts_of_a_known_graph(stride: int, channels: int, tmp_path: Path) -> None:
    spec = inspect(networks.deep(tmp_path / "deep.onnx", channels, stride=stride))
    assert (spec.scale, spec.channels, spec.multiple) == (2, channels, stride)
    assert spec.halo >= 2 + 2 * stride  # what is really seen; test_laws measures it


def widths(path: Path, taken: int, given: int) -> Path:
    weights = {"w": np.zeros((given, taken, 1, 1), np.float32)}
    nodes = [
        helper.make_node("Conv", ["input", "w"], ["a"], kernel_shape=[1, 1]),
        helper.make_node("Resize", ["a", "", "s"], ["output"], mode="nearest"),
    ]
    weights["s"] = np.array([1, 1, 2, 2], np.float32)
    return networks.save(path, nodes, weights=weights, given=["b", taken, "h", "w"])


def resized(path: Path, across: float, down: float) -> Path:
    scales = {"s": np.array([1, 1, down, across], np.float32)}
    return networks.save(
        path, [helper.make_node("Resize", ["input", "", "s"], ["output"], mode="nearest")], weights=scales
    )


def two_inputs(path: Path) -> Path:
    import onnx

    model = onnx.load(networks.double(path))
    model.graph.input.append(helper.make_tensor_value_info("other", TensorProto.FLOAT, ["b", 3, "h", "w"]))
    onnx.save(model, path)
    return path


def relu(path: Path, *given: int | str) -> Path:
    return networks.save(path, [helper.make_node("Relu", ["input"], ["output"])], given=list(given))


BROKEN = {
    "empty": (lambda p: (p.write_bytes(b"") and p) or p, "empty"),
    "text": (lambda p: p.write_text("hello") and p, "not a complete ONNX file|not readable"),
    "zeros": (lambda p: p.write_bytes(bytes(1000)) and p, "ONNX"),
    "truncated": (lambda p: networks.deep(p) and p.write_bytes(p.read_bytes()[:-700]) and p, "ONNX"),
    "half": (lambda p: networks.deep(p) and p.write_bytes(p.read_bytes()[:900]) and p, "ONNX"),
    "four channels": (lambda p: widths(p, 4, 4), "takes 4 channels; expected 1"),
    "three to one": (lambda p: widths(p, 3, 1), "takes 3 channels and gives 1"),
    "fixed size": (lambda p: relu(p, 1, 3, 64, 48), "takes pictures of 48x64 only"),
    "batch of 4": (lambda p: relu(p, 4, 3, "h", "w"), "takes 4 pictures at once"),
    "three dimensions": (lambda p: relu(p, 3, "h", "w"), "3 dimensions"),
    "doubles": (lambda p: networks.double(p, element=TensorProto.DOUBLE), "float32 nor float16"),
    "uneven": (lambda p: resized(p, 2, 4), "enlarges 2 times across and 4 times down"),
    "half as large": (lambda p: resized(p, 0.5, 0.5), "enlarges 0.5 times"),
    "one and a half": (lambda p: resized(p, 1.5, 1.5), "enlarges 1.5 times"),
    "two inputs": (two_inputs, "has 2 inputs"),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_files_that_are_no_models_are_told_in_one_sentence(case: str, tmp_path: Path) -> None:
    make, message = BROKEN[case]
    path = tmp_path / "broken.onnx"
    make(path)
    with pytest.raises(ModelError, match=message) as caught:
        registry.resolve(str(path))
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("content", [b"", b"hello", bytes(500)], ids=["empty", "text", "zeros"])
def test_weights_that_are_none(suffix: str, content: bytes, tmp_path: Path) -> None:
    pytest.importorskip("spandrel")
    path = tmp_path / f"weights{suffix}"
    path.write_bytes(content)
    with pytest.raises(ModelError) as caught:
        registry.resolve(str(path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kept", [100, 100_000, 2_504_000])
def test_weights_that_break_off_are_told_without_pytorchs_advice(kept: int, data: Path, tmp_path: Path) -> None:
    pytest.importorskip("spandrel")
    path = tmp_path / "cut.pth"
    path.write_bytes((data / "weights/realesr-animevideov3.pth").read_bytes()[:kept])
    with pytest.raises(ModelError) as caught:
        registry.resolve(str(path))
    told = f"model {path}: not a complete file of weights: it breaks off after {kept:,} bytes. Fetch it again."
    assert str(caught.value) == told


def test_a_renamed_file_is_no_onnx(data: Path, tmp_path: Path) -> None:
    path = tmp_path / "animevideo.onnx"
    path.write_bytes((data / "weights/realesr-animevideov3.pth").read_bytes())
    with pytest.raises(ModelError):
        registry.resolve(str(path))


class Malicious:
    """Touches a file when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple:
        return os.mkdir, (str(self.mark),)


@pytest.mark.parametrize("way", ["pickle", "torch"])
def test_a_pickle_executes_nothing(way: str, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    path, mark = tmp_path / "evil.pth", tmp_path / "executed"
    content = {"params": Malicious(mark)}
    path.write_bytes(pickle.dumps(content)) if way == "pickle" else torch.save(content, path)
    with pytest.raises(ModelError) as caught:
        registry.resolve(str(path))
    assert not mark.exists()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("name", "near"), [("magic-x3", "magic-x"), ("magicx2", "magic-x2"), ("atuo", "auto")])
def test_an_unknown_model_suggests(name: str, near: str) -> None:
    with pytest.raises(ModelError, match=f"did you mean {near}"):
        registry.resolve(name)


@pytest.mark.parametrize(("factor", "scale"), [(0.5, 2), (1, 2), (1.5, 2), (2, 2), (2.01, 4), (4, 4), (9, 4)])
def test_auto_takes_the_smallest_that_reaches(factor: float, scale: int) -> None:
    assert registry.resolve("auto", factor=factor).scale == scale


def test_a_second_look_imports_no_onnx(data: Path, tmp_path: Path) -> None:
    """mpv runs the script again at every seek."""
    path = data / "weights/2x_AnimeJaNai_HD_V3_UltraCompact-fp16.onnx"
    code = (
        f"import sys; from vsmagic.models import registry; m = registry.resolve({str(path)!r}); "
        "print(m.path.exists(), any(n in sys.modules for n in ('onnx', 'torch', 'numpy')))"
    )
    environment = {**os.environ, "VSMAGIC_CACHE": str(tmp_path)}
    for looked in ("True True", "True False"):
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
        assert done.stdout.strip() == looked


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    path = networks.double(tmp_path / "network.onnx", 3)
    assert registry.resolve(str(path)).spec.channels == 3
    networks.double(path, 1)
    assert registry.resolve(str(path)).spec.channels == 1


def test_a_cache_that_cannot_be_written_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("VSMAGIC_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(OutputError, match="cannot be"):
        registry.resolve(str(networks.double(tmp_path / "network.onnx")))
