"""PyTorch: the reference that the plugins are measured against, and the way out for models that none of them runs."""

import functools
import importlib.util
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal

import msgspec
import vapoursynth as vs

from vsmagic.backends import cpu
from vsmagic.backends.base import Backend, Request
from vsmagic.errors import BackendError, VsmagicError, reason
from vsmagic.models.spec import Precision, form_of
from vsmagic.settings import settings

if TYPE_CHECKING:
    import torch

    from vsmagic.backends.torch_frames import Lane, Network

_LANES_ON_A_GPU = 3  # one uploads, one computes, one downloads


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where a network is to run, and on what."""

    shape: tuple[int, int, int]
    """(channels, height, width) of the frames that go in, all clips' planes together."""
    planes: int
    """Planes of the frames that come out: the first clip's."""
    device: "torch.device"
    real: "torch.dtype"
    layout: "torch.memory_format"


class InPython(Backend, frozen=True, kw_only=True):
    """A Python library that runs networks on tensors."""

    library: str
    """The module that is imported."""
    title: str
    """Its name as its authors write it."""
    network: Callable[[Request, Place], "Network"]
    """Loads a request's network."""

    def missing(self) -> str | None:
        """See :class:`Backend`."""
        return None if importlib.util.find_spec(self.library) else self.title

    def version(self) -> str:
        """See :class:`Backend`."""
        from importlib.metadata import PackageNotFoundError, version  # takes 25 ms of every start

        try:
            return f"{self.title} {version(self.library)}"
        except PackageNotFoundError:  # it was built here, or lies on the path
            return self.title

    def model(self, clips: Sequence[vs.VideoNode], request: Request) -> vs.VideoNode:
        """See :class:`Backend`. Frames pass through Python.

        Raises:
            ModelError: the network cannot be loaded, or has an operator that is not known here.
            BackendError: the device is not there, or has too little memory.
        """
        from vsmagic.backends import torch_frames

        clip, place = clips[0], _place(clips, request)
        try:
            network = self.network(request, place)
            lanes = [_lane(network, place) for _ in range(max(1, min(request.streams, clip.num_frames)))]
        except VsmagicError:
            raise
        except RuntimeError as error:  # PyTorch's, for memory and devices
            what = f"cannot run {request.network.name} on a {clip.width}x{clip.height} clip on {place.device}"
            raise BackendError(
                f"backend {self.name}: {what} ({reason(error)}). Use a smaller tile, fewer streams or another backend."
            ) from error
        name = f"backend {self.name}: {request.model or request.network.name}"
        return torch_frames.through(clips, lanes, scale=network.scale, name=name)


def kind() -> Literal["cuda", "cpu"]:
    """Return what PyTorch runs on here. Imports it: not to be asked where the backend is not wanted."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def _place(clips: Sequence[vs.VideoNode], request: Request) -> Place:
    import torch

    if kind() == "cpu":
        device, layout = torch.device("cpu"), torch.contiguous_format
    else:
        if request.device >= torch.cuda.device_count():
            raise BackendError(
                f"backend torch: there is no device {request.device}; PyTorch finds {torch.cuda.device_count()} GPUs, "
                "counted from 0. Choose another device."
            )
        device, layout = torch.device("cuda", request.device), torch.channels_last
    return Place(
        shape=(sum(clip.format.num_planes for clip in clips), clips[0].height, clips[0].width),
        planes=clips[0].format.num_planes,
        device=device,
        real={"f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}[request.precision],
        layout=layout,
    )


def _lane(network: "Network", place: Place) -> "Lane":
    if place.device.type == "cpu":
        from vsmagic.backends.torch_frames import ProcessorLane

        return ProcessorLane(network, place.shape)
    from vsmagic.backends.torch_cuda import GpuLane

    return GpuLane(network, place.shape, place.device)


def _network(request: Request, place: Place) -> "Network":
    """Load an ONNX file, or the weights of an architecture that Spandrel knows."""
    from vsmagic.backends.torch_frames import Network

    if form_of(request.network) == "onnx":
        from vsmagic.backends.torch_onnx import program

        made = program(
            request.network, place.shape, device=place.device, real=place.real,
            layout=place.layout,
        )  # fmt: skip
        return Network(run=made, scale=made.scale, planes=place.planes, real=place.real, layout=place.layout)
    from vsmagic.models import weights

    descriptor = weights.load(request.network)
    descriptor.model.to(device=place.device, dtype=place.real).to(memory_format=place.layout)
    run = functools.partial(weights.forward, descriptor)
    return Network(run=run, scale=descriptor.scale, planes=place.planes, real=place.real, layout=place.layout)


def computes() -> tuple[Precision, ...]:
    """Return the precisions that PyTorch computes in natively here."""
    if importlib.util.find_spec("torch") is None:
        return ("f32",)
    if kind() == "cuda":
        return ("f16", "f32")
    return ("bf16", "f32") if cpu.has_bf16() else ("f32",)


def streams() -> int:
    """Return the lanes that suit this machine: one on the processor, which PyTorch fills with a single frame."""
    return _LANES_ON_A_GPU if kind() == "cuda" else 1


def trouble() -> str | None:
    """Say why PyTorch does not run, with the remedy; None if it does."""
    try:
        kind()
    except Exception as error:  # a broken installation raises ImportError, OSError or anything else
        return f"PyTorch does not load ({reason(error)}); run: pip install --force-reinstall torch"
    return None


def memory(device: int) -> int:
    """Return half of the GPU's memory; on the processor what the settings allow."""
    if kind() == "cpu":
        return settings().memory
    import torch

    return int(torch.cuda.get_device_properties(device).total_memory) // 2


TORCH = InPython(
    name="torch",
    package="'vsmagic[torch]'",
    library="torch",
    title="PyTorch",
    computes=computes,
    streams=streams,
    trouble=trouble,
    memory=memory,
    forms=frozenset({"onnx", "torch"}),
    network=_network,
)
