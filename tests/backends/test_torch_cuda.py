"""The lane of a GPU, with a stand-in for CUDA where there is none."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import vapoursynth as vs

import frames as fr
from inference import resolved, run
from vsmagic.backends import infer, select
from vsmagic.backends.torch import TORCH

torch = pytest.importorskip("torch", reason="PyTorch is not installed (pip install 'vsmagic[torch]')")


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
