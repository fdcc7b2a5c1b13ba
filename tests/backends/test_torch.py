"""PyTorch and VSGAN: against ONNX Runtime and the plugins, on models that no plugin runs, and when things go wrong."""

import importlib.util
import logging
import os
import subprocess
import sys
import textwrap
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import vapoursynth as vs

import frames as fr
import networks
import vsmagic
from vsmagic.backends import base, infer, select
from vsmagic.backends.base import Request
from vsmagic.backends.torch import TORCH
from vsmagic.backends.vsgan import VSGAN, trial
from vsmagic.errors import BackendError, ModelError
from vsmagic.models import evaluate, registry, store
from vsmagic.models.add import add

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


def resolved(name: str, data: Path) -> registry.Model:
    return registry.resolve(name if name == "magic-x2" else str(data / "weights" / name))


def run(model: registry.Model, clip: vs.VideoNode, backend: base.Backend = TORCH, **more: Any) -> vs.VideoNode:
    return infer.infer(clip, infer.Plan(model=model, backend=backend, precision="f32", **more))


def swinir(path: Path) -> "torch.nn.Module":
    """An architecture of windows, which the exporter fixes to the size it saw; saved at ``path``."""
    from spandrel.architectures.SwinIR.__arch.SwinIR import SwinIR

    torch.manual_seed(1)
    shape = {"embed_dim": 12, "depths": [2], "num_heads": [2], "window_size": 4, "mlp_ratio": 2}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it calls torch.meshgrid in an old way
        net = SwinIR(img_size=16, upscale=2, upsampler="pixelshuffledirect", **shape).eval()
    torch.save({"params": net.state_dict()}, path)
    return net


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VSMAGIC_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


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


def test_an_architecture_without_onnx_is_kept_and_run(
    cache: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    net = swinir(tmp_path / "swin.pth")
    with caplog.at_level(logging.INFO):
        spec = add(tmp_path / "swin.pth", "swin")
    assert "this SwinIR has no ONNX for every size; only backend torch runs it" in caplog.text
    assert capfd.readouterr().out == ""
    (tmp_path / "swin.pth").unlink()
    assert (spec.form, spec.scale, spec.channels, spec.halo) == ("torch", 2, 3, None)
    assert sorted(path.name for path in store.added("swin").iterdir()) == ["spec.json", "weights.safetensors"]

    clip = fr.textured(vs.RGBS, 37, 29)  # of no multiple
    caplog.clear()
    with caplog.at_level(logging.INFO):
        result = vsmagic.upscale(clip, model="swin", scale=2, precision="f32")
    assert "backend auto: torch, since the model has no ONNX" in caplog.text
    padded = vsmagic.clips.pad(clip, spec.multiple)
    with torch.no_grad():
        expected = net(torch.from_numpy(np.stack(fr.planes(padded))[None].astype(np.float32))).numpy()[0, :, :58, :74]
    assert np.abs(np.stack(fr.planes(result)) - expected).max() < 1e-4


def test_other_backends_and_engines_refuse_it_and_name_the_remedy(cache: Path, tmp_path: Path) -> None:
    from vsmagic.engine import plan
    from vsmagic.engine.key import Shapes
    from vsmagic.engine.library import TENSORRT_RTX

    swinir(tmp_path / "swin.pth")
    model = registry.resolve(str(tmp_path / "swin.pth"))  # as --model swin.pth does
    clip = fr.textured(vs.RGBS, 32, 32)
    for name in ("ov", "ort"):
        with pytest.raises(
            BackendError, match=rf"backend {name} cannot run .*PyTorch alone runs it\. Use backend=torch"
        ):
            vsmagic.upscale(clip, model=str(tmp_path / "swin.pth"), scale=2, backend=name)
    with pytest.raises(ModelError, match=r"no engine can be built of it\. Run it with backend torch"):
        plan.jobs(
            model, TENSORRT_RTX, "1", plan.Target(capabilities=("8.6",)), shapes=Shapes.fixed((32, 32)), precision="f32"
        )


def test_what_an_architecture_does_to_its_result_and_to_small_pictures_is_done(cache: Path, tmp_path: Path) -> None:
    """MixDehazeNet's own forward gives -1 to 1, and it needs 40 pixels; Spandrel knows both."""
    from spandrel.architectures.MixDehazeNet.__arch.MixDehazeNet import MixDehazeNet

    torch.manual_seed(1)
    net = MixDehazeNet(embed_dims=[8, 16, 32, 16, 8], depths=[1, 1, 1, 1, 1]).eval()
    torch.save(net.state_dict(), tmp_path / "mix.pth")
    model = registry.resolve(str(tmp_path / "mix.pth"))
    assert model.spec.multiple % 4 == 0
    assert model.spec.multiple >= 40
    clip = fr.textured(vs.RGBS, 2 * model.spec.multiple, model.spec.multiple)
    with torch.no_grad():
        expected = net(torch.from_numpy(np.stack(fr.planes(clip))[None].astype(np.float32))).numpy()[0] * 0.5 + 0.5
    assert np.abs(np.stack(fr.planes(run(model, clip))) - expected).max() < 1e-4


def test_weights_that_give_no_numbers_are_not_registered(cache: Path, tmp_path: Path) -> None:
    net = swinir(tmp_path / "swin.pth")
    damaged = {
        name: value * float("nan") if value.is_floating_point() else value for name, value in net.state_dict().items()
    }
    torch.save({"params": damaged}, tmp_path / "swin.pth")
    with pytest.raises(ModelError, match="not finite; its weights are damaged"):
        add(tmp_path / "swin.pth")
    assert store.added_names() == []


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


# ---- VSGAN --------------------------------------------------------------------------------------------------------

needs_vsgan = pytest.mark.skipif(
    importlib.util.find_spec("vsgan") is None, reason="VSGAN is not installed (pip install --no-deps vsgan)"
)


@needs_vsgan
@pytest.mark.parametrize("streams", [1, 2])
def test_vsgan_gives_what_the_plugin_gives(streams: int, data: Path) -> None:
    """Of a network whose base is added outside, from a file saved on a GPU; order and properties are kept."""
    model = resolved("realesr-animevideov3.pth", data)
    assert model.spec.base == "nearest"
    clip = fr.textured(vs.RGBS, 40, 24, count=3)
    ours, theirs = run(model, clip, VSGAN, streams=streams), run(model, clip, select.OV)
    for n in range(3):
        assert np.abs(np.stack(fr.planes(ours, n)) - np.stack(fr.planes(theirs, n))).max() < 1e-4
    assert fr.durations(ours) == fr.durations(clip)


@needs_vsgan
def test_vsgan_runs_the_esrgan_family(cache: Path, tmp_path: Path) -> None:
    from spandrel.architectures.ESRGAN.__arch.RRDB import RRDBNet

    torch.manual_seed(1)
    net = RRDBNet(num_filters=16, num_blocks=1, scale=4).eval()
    torch.save(net.state_dict(), tmp_path / "rrdb.pth")
    clip = fr.textured(vs.RGBS, 24, 16)
    result = vsmagic.upscale(clip, model=str(tmp_path / "rrdb.pth"), scale=4, backend="vsgan", precision="f32")
    with torch.no_grad():
        expected = net(torch.from_numpy(np.stack(fr.planes(clip))[None].astype(np.float32))).numpy()[0]
    assert np.abs(np.stack(fr.planes(result)) - expected).max() < 1e-4


@needs_vsgan
def test_the_doctors_trial_of_vsgan_gives_the_picture() -> None:
    found = fr.planes(trial())
    assert [(plane.shape, float(plane.mean())) for plane in found] == [((32, 32), level) for level in (0.25, 0.5, 0.75)]


@needs_vsgan
def test_vsgan_refuses_what_it_cannot_load(cache: Path, tmp_path: Path, data: Path) -> None:
    clip = fr.textured(vs.RGBS, 32, 32)
    onnx = str(data / "weights" / WEIGHTS[4])
    with pytest.raises(
        ModelError, match=r"\.pth of a network of the ESRGAN family.* comes from .*\.onnx\. Use backend=torch"
    ):
        vsmagic.upscale(clip, model=onnx, scale=2, backend="vsgan", precision="f32")
    whole = torch.load(data / "weights/realesr-animevideov3.pth", map_location="cpu", weights_only=True)["params"]
    torch.save({"params_ema": whole}, tmp_path / "renamed.pth")  # VSGAN takes it for another architecture
    with pytest.raises(ModelError, match=r"VSGAN cannot load .*renamed\.pth .* Use backend=torch"):
        vsmagic.upscale(clip, model=str(tmp_path / "renamed.pth"), scale=2, backend="vsgan", precision="f32")


# ---- the lane of a GPU, with a stand-in for CUDA -------------------------------------------------------------------


class Cuda:
    """Streams, events and graphs that write down what is asked of them, on the processor."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, recordable: bool = True) -> None:
        self.log: list[str] = []
        self.current = "default"
        self.recorded = 0
        self.recordable = recordable
        names = iter(["upload", "compute", "download"])
        from vsmagic.backends import torch_cuda

        fake = SimpleNamespace(
            Stream=lambda _: Stream(self, next(names)),
            Event=lambda: Event(self),
            CUDAGraph=lambda: Graph(self),
            stream=lambda stream: Entered(self, stream.name),
            current_stream=lambda _: SimpleNamespace(name="default"),
            device=lambda _: Entered(self, self.current),
            graph=lambda graph, stream, **_: Recording(self, graph, stream),
            synchronize=lambda _: self.log.append("all done"),
        )
        monkeypatch.setattr(torch_cuda.torch, "cuda", fake)
        monkeypatch.setattr(torch_cuda, "_pinned", torch.empty)


class Stream:
    def __init__(self, cuda: Cuda, name: str) -> None:
        self.cuda, self.name = cuda, name

    def wait_event(self, event: "Event") -> None:
        self.cuda.log.append(f"{self.name} waits for {event.of}")


class Event:
    def __init__(self, cuda: Cuda) -> None:
        self.cuda, self.of = cuda, "nothing"

    def record(self, stream: Stream) -> None:
        assert self.cuda.current == stream.name
        self.of = stream.name

    def synchronize(self) -> None:
        self.cuda.log.append(f"processor waits for {self.of}")


class Entered:
    def __init__(self, cuda: Cuda, name: str) -> None:
        self.cuda, self.name = cuda, name

    def __enter__(self) -> None:
        self.before, self.cuda.current = self.cuda.current, self.name

    def __exit__(self, *_: object) -> None:
        self.cuda.current = self.before


class Graph:
    def __init__(self, cuda: Cuda) -> None:
        self.cuda = cuda

    def replay(self) -> None:
        self.cuda.log.append(f"replay on {self.cuda.current}")
        self.forward()


class Recording(Entered):
    def __init__(self, cuda: Cuda, graph: Graph, stream: Stream) -> None:
        super().__init__(cuda, stream.name)
        self.graph = graph

    def __exit__(self, *_: object) -> None:
        if not self.cuda.recordable:
            raise RuntimeError("CUDA error: operation not permitted when stream is capturing")  # and the stream stays
        super().__exit__()
        self.cuda.recorded += 1


@pytest.mark.parametrize("recordable", [True, False])
def test_a_gpu_lane_orders_its_streams(
    recordable: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from vsmagic.backends.torch_cuda import GpuLane
    from vsmagic.backends.torch_frames import Network, through

    ran_on: list[str] = []
    cuda = Cuda(monkeypatch, recordable=recordable)

    def enlarge(picture: "torch.Tensor") -> "torch.Tensor":
        ran_on.append(cuda.current)
        assert picture.dtype == torch.float16
        assert picture.is_contiguous(memory_format=torch.channels_last)
        return picture.repeat_interleave(2, 2).repeat_interleave(2, 3)

    network = Network(run=enlarge, scale=2, planes=3, real=torch.float16, layout=torch.channels_last)
    lane = GpuLane(network, (3, 16, 24), torch.device("cpu"))
    assert ran_on == ["compute"] * 4  # three to warm up and one that is recorded, all on the lane's own stream
    assert cuda.current == "default"
    assert ("cannot be recorded as a CUDA graph" in caplog.text) is not recordable
    monkeypatch.setattr(Graph, "forward", lane._forward, raising=False)

    clip = fr.textured(vs.RGBS, 24, 16, count=3)
    cuda.log.clear()
    result = through([clip], [lane], scale=2, name="x")
    found = np.stack(fr.planes(result, 2))
    assert cuda.log == [
        "compute waits for upload",
        *(["replay on compute"] if recordable else []),
        "download waits for compute",
        "processor waits for download",
    ]
    expected = np.stack(fr.planes(clip, 2)).repeat(2, 1).repeat(2, 2)
    assert np.abs(found - expected).max() < 1e-3


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")
@pytest.mark.parametrize("precision", ["f16", "f32"])
def test_a_gpu_gives_what_the_processor_gives(precision: str, data: Path) -> None:
    model = resolved("realesr-animevideov3.pth", data)
    clip = fr.textured(vs.RGBS, 96, 64, count=6)
    ours = infer.infer(clip, infer.Plan(model=model, backend=TORCH, precision=precision, streams=3))
    theirs = run(model, clip, select.OV)
    for n in range(6):
        difference = np.abs(np.stack(fr.planes(ours, n)) - np.stack(fr.planes(theirs, n))).max()
        assert difference < (1e-4 if precision == "f32" else 2 / 255)
