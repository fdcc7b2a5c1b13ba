"""TensorRT and TensorRT-RTX: compiled engines on NVIDIA GPUs."""

import hashlib
from collections.abc import Mapping
from functools import partial
from typing import Any

import vapoursynth as vs

from vsmagic.backends.base import Plugin, Request
from vsmagic.backends.nvidia import driver_trouble
from vsmagic.engine import gpu, library, plan
from vsmagic.engine.build import Job
from vsmagic.engine.key import EngineKey, Shapes
from vsmagic.engine.library import TENSORRT, TENSORRT_RTX, Library
from vsmagic.engine.make import Workshop, obtain
from vsmagic.engine.store import Engine, Store

_ERRORS = 1  # the least that the plugin can be told to say


def plugin_version(builder: Library) -> str | None:
    """Return the version of the library that the plugin loads; None where the plugin is not installed."""
    plugin = getattr(vs.core, builder.backend, None)
    return None if plugin is None else library.of_plugin(int(plugin.Version()["tensorrt_version"]))


def _compiled(builder: Library, request: Request, clip: vs.VideoNode, refused: Engine | None) -> Engine:
    """Return the engine for frames of the clip's size on the request's GPU."""
    version = plugin_version(builder)
    where = plan.target(builder, request.device)
    key = EngineKey(
        library=builder.name,
        version=version or "",
        model=request.sha256 or hashlib.sha256(request.network.read_bytes()).hexdigest(),
        shapes=Shapes.fixed((clip.width, clip.height)),
        precision="f16" if request.precision == "f16" else "f32",
        capabilities=where.capabilities,
        gpu=where.gpu,
        driver=where.driver,
    )
    job = Job(
        key=key,
        name=request.model or request.network.stem,
        network=request.network,
        channels=clip.format.num_planes,
        device=request.device,
    )
    return obtain(job, Workshop(store=Store(), library=builder, plugin=version), refused=refused)


def _trouble(builder: Library) -> str | None:
    trouble = driver_trouble() or plan.unsupported(builder, 0)
    if trouble or builder.installed() or any(e.record.key.library == builder.name for e in Store().all()):
        return trouble
    return f"{builder.title}, which builds its engines, is not installed; run: {builder.pip(plugin_version(builder))}"


def _arguments(request: Request) -> Mapping[str, Any]:
    return {"device_id": request.device, "num_streams": request.streams, "verbosity": _ERRORS}


def _memory(device: int) -> int:
    """Half of the GPU's: engines share activations' memory better than the estimate that is held against this."""
    return gpu.facts(device).memory // 2


TRT = Plugin(
    name="trt",
    namespace="trt",
    package="'vsmagic[tensorrt]'",
    computes=lambda: ("f16", "f32"),
    arguments=_arguments,
    trouble=partial(_trouble, TENSORRT),
    memory=_memory,
    compiled=partial(_compiled, TENSORRT),
)

TRT_RTX = Plugin(
    name="trt_rtx",
    namespace="trt_rtx",
    package="'vsmagic[nvidia]'",
    computes=lambda: ("f16", "f32"),
    arguments=_arguments,
    trouble=partial(_trouble, TENSORRT_RTX),
    memory=_memory,
    compiled=partial(_compiled, TENSORRT_RTX),
)
