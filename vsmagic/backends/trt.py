"""TensorRT and TensorRT-RTX: compiled engines on NVIDIA GPUs."""

from collections.abc import Mapping
from typing import Any

from vsmagic.backends.base import Backend, Request
from vsmagic.backends.nvidia import driver_trouble


def _no_engine() -> str | None:
    return driver_trouble() or "this version of vsmagic cannot build engines yet; use backend='ort_cuda'"


def _arguments(request: Request) -> Mapping[str, Any]:
    return {"device_id": request.device, "num_streams": request.streams}


TRT = Backend(
    name="trt",
    namespace="trt",
    package="'vsmagic[tensorrt]'",
    precisions=("f16", "f32"),
    arguments=_arguments,
    trouble=_no_engine,
)

TRT_RTX = Backend(
    name="trt_rtx",
    namespace="trt_rtx",
    package="'vsmagic[nvidia]'",
    precisions=("f16", "f32"),
    arguments=_arguments,
    trouble=_no_engine,
)
