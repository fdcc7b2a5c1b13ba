"""OpenVINO: processors, and Intel GPUs."""

from collections.abc import Mapping
from typing import Any

from vsmagic.backends import cpu
from vsmagic.backends.base import Plugin, Request
from vsmagic.models.spec import Precision


def _computes() -> tuple[Precision, ...]:
    native: dict[Precision, bool] = {"int8": cpu.has_vnni(), "bf16": cpu.has_bf16(), "f32": True}
    return tuple(precision for precision, has in native.items() if has)


def _hint(precision: Precision) -> str:
    """Return what OpenVINO calls a precision; of a network in int8, that of what stays float in it.

    Two cores with VNNI and bf16, 720x480, int8: magic-x2-fast does 64 frames a second with the rest in f32 and 84 with
    it in bf16, magic-x2 17.1 and 17.8.
    """
    if precision == "int8":
        return "bf16" if cpu.has_bf16() else "f32"
    return precision


def _arguments(request: Request) -> Mapping[str, Any]:
    config = {"INFERENCE_PRECISION_HINT": _hint(request.precision)}
    return {"device": "CPU", "num_streams": request.streams, "config": lambda: config}


OV = Plugin(
    name="ov",
    namespace="ov",
    package="vapoursynth-mlrt-ov",
    computes=_computes,
    on_request=frozenset({"int8"}),  # its weights are such that no sum overflows without VNNI
    arguments=_arguments,
    streams=cpu.count,
    # A frame of magic-x2-fast at 640x480 on two cores: 43 ms with one stream, 56 with two, which do 8 % more a second.
    prompt=lambda: max(1, cpu.count() // 4),
)
