"""OpenVINO: processors, and Intel GPUs."""

from collections.abc import Mapping
from typing import Any

from vsmagic.backends import cpu
from vsmagic.backends.base import Plugin, Request

_HINTS = {"f32": "f32", "bf16": "bf16", "f16": "f16"}


def _arguments(request: Request) -> Mapping[str, Any]:
    config = {"INFERENCE_PRECISION_HINT": _HINTS[request.precision]}
    return {"device": "CPU", "num_streams": request.streams, "config": lambda: config}


OV = Plugin(
    name="ov",
    namespace="ov",
    package="vapoursynth-mlrt-ov",
    computes=lambda: ("bf16", "f32") if cpu.has_bf16() else ("f32",),
    arguments=_arguments,
    streams=cpu.count,
    # A frame of magic-x2-fast at 640x480 on two cores: 43 ms with one stream, 56 with two, which do 8 % more a second.
    prompt=lambda: max(1, cpu.count() // 4),
)
