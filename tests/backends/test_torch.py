"""PyTorch: against ONNX Runtime and the plugins, and when things go wrong."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import vapoursynth as vs

import frames as fr
import networks
import vsmagic
from inference import resolved, run
from vsmagic.backends import base, select
from vsmagic.backends.base import Request
from vsmagic.backends.torch import TORCH
from vsmagic.errors import BackendError, ModelError
from vsmagic.models import evaluate

torch = pytest.importorskip("torch", reason="PyTorch is not installed (pip install 'vsmagic[torch]')")


WEIGHTS = [
    "magic-x2",
    "2x_AnimeJaNai_HD_V3.1_Performance_SPANF3_b5f48_unshuffle_fp16.onnx",
    "2x_AnimeJaNai_HD_V3Sharp1_UltraCompact-fp32.onnx",
    "2x_AnimeJaNai_HD_V3_Compact-fp32.onnx",
    "2x_AnimeJaNai_HD_V3_SuperUltraCompact-fp32.onnx",
    "2x_AnimeJaNai_HD_V3_UltraCompact-fp16.onnx",
    "2x_AnimeJaNai_HD_V3_UltraCompact_1x3xHxW_dyn-HW_strong_fp16_op23_dynamo.onnx",
    "2x_AnimeJaNai_SD_V1beta34_Compact-fp32.onnx",
    "realesr-animevideov3.pth",
    "derived/realesr-general-x4v3_from-ncnn-fp16.pth",
]


@pytest.mark.parametrize("name", WEIGHTS, ids=lambda name: Path(name).stem[:50])
def test_every_network_gives_what_onnx_runtime_gives(name: str, data: Path) -> None:
    """Microsoft's own Python package, not the plugin; networks that compute in f16 are the exact ones here."""
    runtime = pytest.importorskip("onnxruntime")
    from vsmagic.backends.torch_onnx import program

    model = resolved(name, data)
    picture = evaluate.pictures(model.spec.channels)[1]
    session = runtime.InferenceSession(str(model.path), providers=["CPUExecutionProvider"])
    (expected,) = session.run(None, {session.get_inputs()[0].name: picture})
    made = program(
        model.path, picture.shape[1:], device=torch.device("cpu"), real=torch.float32, layout=torch.contiguous_format
    )
    with torch.inference_mode():
        found = made(torch.from_numpy(picture)).numpy()
    assert made.scale == model.spec.scale
    assert np.abs(found - expected).max() <= (2 / 255 if model.spec.element == "f16" else 1e-4)


@pytest.mark.parametrize("real", ["float16", "bfloat16"])
def test_lesser_precisions_and_channels_last_lose_little(real: str, data: Path) -> None:
    from vsmagic.backends.torch_onnx import program

    model = resolved("magic-x2", data)
    picture = torch.from_numpy(evaluate.pictures(1, 2)[1])
    results = []
    for kind, layout in ((torch.float32, torch.contiguous_format), (getattr(torch, real), torch.channels_last)):
        made = program(model.path, tuple(picture.shape[1:]), device=torch.device("cpu"), real=kind, layout=layout)
        with torch.inference_mode():
            results.append(made(picture.to(kind, memory_format=layout)).float())
    assert (results[0] - results[1]).abs().max() < 2 / 255
    assert not torch.equal(*results)  # it did compute in something else


def test_upscale_gives_what_openvino_gives(data: Path) -> None:
    clip = fr.rgb(fr.picture(min((data / "images").rglob("*.png")))[:40, :56], vs.RGBS)
    for name in ("magic-x2", "realesr-animevideov3.pth"):
        model = name if name == "magic-x2" else str(data / "weights" / name)
        ours, theirs = (
            np.stack(fr.planes(vsmagic.upscale(clip, model=model, scale=2, backend=backend, precision="f32")))
            for backend in ("torch", "ov")
        )
        assert np.abs(ours - theirs).max() < 1e-4


@pytest.mark.parametrize("count", [1, 2, 5])
@pytest.mark.parametrize("streams", [1, 2, 3])
def test_lanes_keep_order_times_and_properties(count: int, streams: int, data: Path) -> None:
    levels = [0.1 + 0.15 * n for n in range(count)]
    clip = fr.grey(*[np.full((24, 32), level) for level in levels])
    clip = vs.core.std.Splice([clip[n].std.SetFrameProps(_DurationNum=n + 1, _DurationDen=30, mine=n)
                               for n in range(count)])  # fmt: skip
    result = run(resolved("magic-x2", data), clip, streams=streams)
    assert result.num_frames == count
    assert result.fps == clip.fps
    assert fr.durations(result) == fr.durations(clip)
    for n in reversed(range(count)):  # as a player seeks
        assert abs(fr.planes(result, n)[0][20:28, 20:44].mean() - levels[n]) < 0.02
        assert result.get_frame(n).props["mine"] == n


def test_a_clip_as_long_as_mpvs_costs_nothing(data: Path) -> None:
    clip = fr.grey(np.full((16, 16), 0.5)).std.Loop(134_217_727)
    result = run(resolved("magic-x2", data), clip, streams=2)
    assert result.num_frames == clip.num_frames
    assert abs(fr.planes(result, 100_000_001)[0].mean() - 0.5) < 0.02


def test_frames_come_whatever_vapoursynths_threads(data: Path) -> None:
    """VSGAN's own way, a frame asked for inside a frame's callback, waits for ever on two threads."""
    script = textwrap.dedent("""
        import vapoursynth as vs
        import vsmagic
        clip = vs.core.std.BlankClip(width=32, height=24, format=vs.RGB24, length=20, color=[90, 120, 30])
        clip = vsmagic.upscale(clip, model="magic-x2", scale=2, backend="torch", streams=2)
        clip = vsmagic.upscale(clip, model="magic-x2", scale=2, backend="torch")
        for threads in (1, 2, 4):
            vs.core.num_threads = threads
            print(sum(1 for _ in clip.frames(prefetch=8)))
    """)
    done = subprocess.run(
        [sys.executable, "-c", script], env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True,
        timeout=120, check=False,
    )  # fmt: skip
    assert done.stdout.split() == ["20", "20", "20"], done.stderr


def test_a_network_that_fails_is_an_error_with_its_words(tmp_path: Path) -> None:
    from vsmagic.backends.torch_frames import Network, ProcessorLane, through

    def broken(picture: "torch.Tensor") -> "torch.Tensor":
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    clip = fr.grey(np.full((8, 8), 0.5))
    lane = ProcessorLane(Network(run=broken, scale=2, planes=1, real=torch.float32), (1, 8, 8))
    with pytest.raises(vs.Error, match=r"backend torch: mine fails on frame 0 \(RuntimeError: .*can't allocate"):
        through([clip], [lane], scale=2, name="backend torch: mine").get_frame(0)
    lane = ProcessorLane(Network(run=lambda x: x, scale=2, planes=1, real=torch.float32), (1, 8, 8))
    with pytest.raises(vs.Error, match=r"the network gives \(1, 1, 8, 8\); expected \(1, 1, 16, 16\)"):
        through([clip], [lane], scale=2, name="x").get_frame(0)


def test_an_operator_that_is_not_known_is_told_before_any_frame(tmp_path: Path) -> None:
    from onnx import helper

    nodes = [helper.make_node("Hardmax", ["input"], ["output"])]
    request = Request(network=networks.save(tmp_path / "odd.onnx", nodes))
    with pytest.raises(ModelError, match=r"odd\.onnx: backend torch does not know the operator Hardmax\. Use"):
        base.run([fr.textured(vs.RGBS, 16, 16)], TORCH, request)


def test_integers_are_rounded_as_onnx_runtime_rounds_them(tmp_path: Path) -> None:
    """What int8 models are made of: numbers on a grid, of one step for all or of one for each channel."""
    runtime = pytest.importorskip("onnxruntime")
    from onnx import helper

    from vsmagic.backends.torch_onnx import program

    weights = {
        "step": np.array(0.01, np.float32),
        "zero": np.array(-20, np.int8),
        "steps": np.array([0.02, 0.005, 0.01], np.float32),
        "zeros": np.array([0, 3, -7], np.int8),
    }
    nodes = [
        helper.make_node("QuantizeLinear", ["input", "step", "zero"], ["a"]),
        helper.make_node("DequantizeLinear", ["a", "step", "zero"], ["b"]),
        helper.make_node("QuantizeLinear", ["b", "steps", "zeros"], ["c"], axis=1),
        helper.make_node("DequantizeLinear", ["c", "steps", "zeros"], ["output"], axis=1),
    ]
    path = networks.save(tmp_path / "grid.onnx", nodes, weights=weights)
    picture = 2 * evaluate.pictures(3)[0] - 0.5  # beyond the grid on both sides
    (expected,) = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"]).run(None, {"input": picture})
    made = program(
        path, picture.shape[1:], device=torch.device("cpu"), real=torch.float32, layout=torch.contiguous_format
    )
    assert np.abs(made(torch.from_numpy(picture)).numpy() - expected).max() < 1e-6


def test_sizes_are_worked_out_once(data: Path) -> None:
    """What follows from the frame's size is no step of the program, which can so be recorded as a CUDA graph."""
    from vsmagic.backends.torch_onnx import program

    model = resolved(WEIGHTS[1], data)
    made = program(
        model.path, (3, 32, 48), device=torch.device("cpu"), real=torch.float32, layout=torch.contiguous_format
    )
    assert len(made.steps) < 70  # of 300 nodes
    seen = [value for name, value in made.constants.items() if name.endswith(" (number)")]
    assert all(value.numel() <= 16 for value in seen)


@pytest.mark.parametrize(
    ("absent", "backend", "remedy"),
    [
        ("torch", "torch", r"PyTorch is not installed; run: pip install 'vsmagic\[torch\]'"),
        ("vsgan", "vsgan", "VSGAN is not installed; run: pip install --no-deps vsgan"),
    ],
)
def test_what_is_not_installed_says_what_to_install(
    absent: str, backend: str, remedy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, absent, None)
    with pytest.raises(BackendError, match=remedy):
        select.choose(backend)
    assert select.choose("auto").name not in ("torch", "vsgan")


def test_nothing_imports_pytorch_where_it_is_not_asked_for() -> None:
    script = textwrap.dedent("""
        import sys
        import vapoursynth as vs
        import vsmagic
        clip = vs.core.std.BlankClip(width=32, height=32, format=vs.GRAYS, length=1, color=0.5)
        vsmagic.upscale(clip, scale=2, backend="ort").get_frame(0)
        assert "torch" not in sys.modules
    """)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
