"""TensorRT and TensorRT-RTX: compiled engines on NVIDIA GPUs."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from vsmagic.backends.base import Plugin, Request
from vsmagic.backends.nvidia import driver_trouble
from vsmagic.backends.operators import because
from vsmagic.models.spec import INT8

if TYPE_CHECKING:
    import vapoursynth as vs

    from vsmagic.engine.library import Library
    from vsmagic.engine.store import Engine

_ERRORS = 1  # the least that the plugin can be told to say


def _arguments(request: Request) -> Mapping[str, Any]:
    return {"device_id": request.device, "num_streams": request.streams, "verbosity": _ERRORS}


def _trouble(name: str) -> str | None:
    if why := driver_trouble():
        return why
    from vsmagic.backends import compiled

    return compiled.trouble(_library(name))


def _memory(device: int) -> int:
    from vsmagic.backends import compiled

    return compiled.memory(device)


def _compiled(name: str, request: Request, clips: "Sequence[vs.VideoNode]", refused: "Engine | None") -> "Engine":
    from vsmagic.backends import compiled

    return compiled.engine(_library(name), request, clips, refused)


def _library(name: str) -> "Library":
    from vsmagic.engine import library

    return library.LIBRARIES[name]


def _backend(name: str, package: str) -> Plugin:
    return Plugin(
        name=name,
        namespace=name,
        package=package,
        computes=lambda: ("f16", "f32"),
        arguments=_arguments,
        trouble=partial(_trouble, name),
        memory=_memory,
        compiled=partial(_compiled, name),
        excludes=because("its 8 bits have offsets, which TensorRT has not", *INT8),
    )


TRT = _backend("trt", "'vsmagic[tensorrt]'")
TRT_RTX = _backend("trt_rtx", "'vsmagic[nvidia]'")
