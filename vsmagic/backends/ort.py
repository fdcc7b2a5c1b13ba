"""ONNX Runtime: on processors, and on NVIDIA GPUs through CUDA."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vsmagic.backends.base import Plugin, Request
from vsmagic.backends.nvidia import driver_trouble
from vsmagic.backends.operators import because
from vsmagic.models.spec import INT8

_QUIET = 1  # errors only; 3 and more tell every step, unlike ONNX Runtime's own numbering


def _cpu_arguments(request: Request) -> Mapping[str, Any]:
    return {"provider": "", "num_streams": request.streams, "verbosity": _QUIET}


def _cuda_arguments(request: Request) -> Mapping[str, Any]:
    return {
        "provider": "CUDA",
        "device_id": request.device,
        "num_streams": request.streams,
        "fp16": request.precision == "f16",
        "verbosity": _QUIET,
    }


def _cuda_trouble() -> str | None:
    import vapoursynth as vs

    provider = Path(vs.core.ort.plugin_path).with_name("libonnxruntime_providers_cuda.so")
    if not provider.exists():
        return "ONNX Runtime's CUDA provider is not installed; run: pip install 'vsmagic[nvidia]'"
    return driver_trouble()


ORT = Plugin(
    name="ort",
    namespace="ort",
    package="vapoursynth-mlrt-ort",
    computes=lambda: ("f32",),
    # With VNNI, against f32: magic-x2 is 1.4 times as fast, magic-x2-fast 0.9 to 1.2 times.
    on_request=frozenset({"int8"}),
    arguments=_cpu_arguments,
)

ORT_CUDA = Plugin(
    name="ort_cuda",
    namespace="ort",
    package="'vsmagic[nvidia]'",
    computes=lambda: ("f16", "f32"),
    arguments=_cuda_arguments,
    streams=lambda: 2,
    trouble=_cuda_trouble,
    excludes=because("meant for processors; in half precision its plugin would cast what belongs to the 8 bits", *INT8),
)
