"""What each backend runs on: in words, by what the device is known again, and how many streams may suit it."""

from collections.abc import Callable

import msgspec

from vsmagic.backends import cpu, ncnn
from vsmagic.backends.base import Backend

_GPU_STREAMS = 4


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of device."""

    words: str
    name: Callable[[int], str]
    """Returns what a measurement on the device of this number is kept under: everything that changes its speed."""
    streams: Callable[[], int]
    """The most streams that can be of use."""


def _processor(_: int) -> str:
    return f"{cpu.name()}, {cpu.count()} cores"


def _nvidia(device: int) -> str:
    from vsmagic.engine import gpu

    found = gpu.facts(device)
    return f"{found.name}, driver {found.driver}"


def _pytorch(device: int) -> str:
    from vsmagic.backends import torch

    return _nvidia(device) if torch.kind() == "cuda" else _processor(device)


def _pytorch_streams() -> int:
    from vsmagic.backends import torch

    return _GPU_STREAMS if torch.kind() == "cuda" else 1  # a single frame keeps every core busy


PROCESSOR = Kind(words="processors", name=_processor, streams=cpu.count)
VULKAN = Kind(words="any GPU with a Vulkan driver", name=ncnn.device_name, streams=lambda: _GPU_STREAMS)
NVIDIA = Kind(words="NVIDIA GPUs", name=_nvidia, streams=lambda: _GPU_STREAMS)
PYTORCH = Kind(words="NVIDIA GPUs, else processors", name=_pytorch, streams=_pytorch_streams)

KINDS = {
    "trt_rtx": NVIDIA,
    "trt": NVIDIA,
    "ort_cuda": NVIDIA,
    "ncnn": VULKAN,
    "ov": PROCESSOR,
    "ort": PROCESSOR,
    "torch": PYTORCH,
    "vsgan": PYTORCH,
}


def kind(backend: Backend) -> Kind:
    """Return what a backend runs on."""
    return KINDS[backend.name]
