"""Engines for the plugins that load them: which one a clip needs, and why there can be none.

Apart from the plugins' facts, because a script on a machine without an NVIDIA GPU has no use for any of this and
should not wait for its imports.
"""

import hashlib
from collections.abc import Sequence

import vapoursynth as vs

from vsmagic.backends.base import Request
from vsmagic.engine import gpu, library, plan
from vsmagic.engine.build import Job
from vsmagic.engine.key import EngineKey, Shapes
from vsmagic.engine.library import Library
from vsmagic.engine.make import Workshop, obtain
from vsmagic.engine.store import Engine, Store
from vsmagic.errors import NotReadyError
from vsmagic.settings import settings


def plugin_version(builder: Library) -> str | None:
    """Return the version of the library that the plugin loads; None where the plugin is not installed."""
    plugin = getattr(vs.core, builder.backend, None)
    return None if plugin is None else library.of_plugin(int(plugin.Version()["tensorrt_version"]))


def engine(builder: Library, request: Request, clips: Sequence[vs.VideoNode], refused: Engine | None) -> Engine:
    """Return the engine for frames of the clips' size on the request's GPU, built if there is none.

    Args:
        builder: the library that builds it.
        request: network, precision and device.
        clips: what it will be given.
        refused: an engine that the plugin could not load, which is built again.

    Raises:
        NotReadyError: it would have to be built, and VSMAGIC_BUILD is off.
        ModelError, BackendError, OutputError: as :func:`vsmagic.engine.make.obtain`.
    """
    version = plugin_version(builder)
    where = plan.target(builder, request.device)
    key = EngineKey(
        library=builder.name,
        version=version or "",
        model=request.sha256 or hashlib.sha256(request.network.read_bytes()).hexdigest(),
        shapes=Shapes.fixed((clips[0].width, clips[0].height)),
        precision="f16" if request.precision == "f16" else "f32",
        capabilities=where.capabilities,
        gpu=where.gpu,
        driver=where.driver,
    )
    job = Job(
        key=key,
        name=request.model or request.network.stem,
        network=request.network,
        channels=sum(clip.format.num_planes for clip in clips),
        device=request.device,
    )
    store = Store()
    if not settings().build:
        return _at_hand(job, store, refused)
    return obtain(job, Workshop(store=store, library=builder, plugin=version), refused=refused)


def _at_hand(job: Job, store: Store, refused: Engine | None) -> Engine:
    found = store.find(job.key)
    if found and (refused is None or found.stamp != refused.stamp):
        return found
    why = "does not load and has to be built again" if refused else "has to be built"
    raise NotReadyError(
        f"model {job.name}: its engine for {job.key.shapes} {why}, and VSMAGIC_BUILD is off. Set it to on, or run: "
        "vsmagic mpv prepare"
    )


def trouble(builder: Library) -> str | None:
    """Say why no engine can be built or loaded although there is a GPU, with the remedy; None if one can."""
    why = plan.unsupported(builder, 0)
    if why or builder.installed() or any(e.record.key.library == builder.name for e in Store().all()):
        return why
    return f"{builder.title}, which builds its engines, is not installed; run: {builder.pip(plugin_version(builder))}"


def memory(device: int) -> int:
    """Half of the GPU's: engines share activations' memory better than the estimate that is held against this."""
    return gpu.facts(device).memory // 2
