"""A PyTorch network on an NVIDIA GPU: frames go up, are computed and come down on streams of their own.

What one lane uploads, another computes and a third downloads meanwhile. The network is recorded once as a CUDA graph
and played back for each frame, so that hundreds of kernels cost one launch.
https://docs.pytorch.org/docs/stable/notes/cuda.html#cuda-graphs
"""

import contextlib
import logging
from collections.abc import Iterator, Sequence

import torch
import vapoursynth as vs
from torch import Tensor

from vsmagic.backends.torch_frames import Network, read, write
from vsmagic.errors import reason

log = logging.getLogger(__name__)

_WARM_UPS = 3  # libraries choose and load their kernels on the first runs, which cannot be recorded


class GpuLane:
    """A network on an NVIDIA GPU, with buffers of its own."""

    def __init__(self, network: Network, shape: tuple[int, int, int], device: torch.device) -> None:
        _, height, width = shape
        larger = (1, network.planes, height * network.scale, width * network.scale)
        self._network = network
        self._device = device
        self._host = _pinned((1, *shape)), _pinned(larger)
        self._here = torch.zeros((1, *shape), device=device), torch.zeros(larger, device=device)
        self._upload, self._compute, self._download = (torch.cuda.Stream(device) for _ in range(3))  # type: ignore[no-untyped-call]
        self._uploaded, self._computed, self._downloaded = (torch.cuda.Event() for _ in range(3))  # type: ignore[no-untyped-call]
        torch.cuda.synchronize(device)  # the buffers were cleared on yet another stream
        self._graph = self._recorded()

    def run(self, sources: Sequence[vs.VideoFrame], target: vs.VideoFrame) -> None:
        """Fill the target with what the network makes of the sources' planes together."""
        read(sources, self._host[0])
        with torch.cuda.device(self._device), torch.inference_mode():
            with torch.cuda.stream(self._upload):
                self._here[0].copy_(self._host[0], non_blocking=True)
                self._uploaded.record(self._upload)
            with torch.cuda.stream(self._compute):
                self._compute.wait_event(self._uploaded)
                if self._graph is None:
                    self._forward()
                else:
                    self._graph.replay()
                self._computed.record(self._compute)
            with torch.cuda.stream(self._download):
                self._download.wait_event(self._computed)
                self._host[1].copy_(self._here[1], non_blocking=True)
                self._downloaded.record(self._download)
        self._downloaded.synchronize()
        write(self._host[1], target)

    def _forward(self) -> None:
        picture = self._here[0].to(self._network.real, memory_format=self._network.layout)
        with _exact(self._network.real):
            self._here[1].copy_(self._network.run(picture))

    def _recorded(self) -> "torch.cuda.CUDAGraph | None":
        """Record the network; None where it does something that cannot be, such as waiting for a number."""
        with torch.cuda.device(self._device), torch.inference_mode():
            with torch.cuda.stream(self._compute):
                for _ in range(_WARM_UPS):
                    self._forward()
            torch.cuda.synchronize(self._device)
            graph = torch.cuda.CUDAGraph()
            try:
                # The outer block puts the current stream back where a recording breaks off. Other lanes may be running.
                with (
                    torch.cuda.stream(torch.cuda.current_stream(self._device)),
                    torch.cuda.graph(graph, stream=self._compute, capture_error_mode="thread_local"),
                ):
                    self._forward()
            except RuntimeError as error:
                log.warning(
                    "the network cannot be recorded as a CUDA graph (%s); running it step by step", reason(error)
                )
                torch.cuda.synchronize(self._device)
                return None
        return graph


def _pinned(shape: tuple[int, ...]) -> Tensor:
    """Return memory of the processor's that a GPU copies from and to on its own."""
    return torch.empty(shape, pin_memory=True)


@contextlib.contextmanager
def _exact(real: torch.dtype) -> Iterator[None]:
    """Let float32 mean float32: by default cuDNN convolves in TF32, which keeps 10 bits of each value."""
    if real != torch.float32:
        yield
        return
    now = torch.backends.cudnn
    with torch.backends.cudnn.flags(
        enabled=now.enabled, benchmark=now.benchmark, deterministic=now.deterministic, allow_tf32=False
    ):
        yield
