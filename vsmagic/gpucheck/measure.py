"""What each kind of case does, in the process of its own."""

import importlib.metadata
import importlib.util
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from vsmagic.errors import BackendError, SetupError, VsmagicError, reason
from vsmagic.gpucheck import libraries, networks
from vsmagic.gpucheck.networks import Network
from vsmagic.gpucheck.record import (
    Agreement,
    Builder,
    Figures,
    Found,
    Kind,
    Peak,
    Reference,
    Speed,
    Survey,
    Task,
)

if TYPE_CHECKING:
    import numpy as np
    import vapoursynth as vs

log = logging.getLogger(__name__)

_PACKAGES = (
    "vapoursynth", "vapoursynth-mlrt-ort", "vapoursynth-mlrt-ort-cuda", "vapoursynth-mlrt-trt",
    "vapoursynth-mlrt-trt-rtx", "vapoursynth-mlrt-ncnn", "vapoursynth-mlrt-ov", "tensorrt-rtx-cu13-libs",
    "tensorrt-cu13-libs", "torch", "onnx", "numpy", "nvidia-cudnn-cu13", "nvidia-cublas", "nvidia-cuda-runtime",
)  # fmt: skip
_WARM_UP = 0.3
"""Share of a measured run's length that is run before it."""
_ROUNDS = 4
"""Frames that each stream makes at the least: streams that end together give frames in bursts."""


def survey(task: Task) -> Survey:  # noqa: ARG001 - all kinds are called alike
    """Ask every backend whether it runs here, and the loader for every library."""
    found = {name: libraries.loaded(names) for name, names in libraries.NEEDED.items()}
    from vsmagic.backends import select

    answers = []
    for backend in select.BACKENDS:
        trouble = select.trouble(backend) or ""
        version = "" if trouble else backend.version()
        missing = "; ".join(words for words in found.get(backend.name, {}).values() if words.startswith("missing"))
        if trouble and missing:
            trouble = f"{trouble} ({missing})"
        answers.append(Found(name=backend.name, runs=not trouble, trouble=trouble, version=version))
    return Survey(
        backends=answers,
        packages=_versions(),
        libraries={name: words for loaded in found.values() for name, words in loaded.items()},
    )


def _versions() -> dict[str, str]:
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def peak(task: Task) -> Peak:
    """Measure the device's own speed.

    Raises:
        SetupError: PyTorch, which measures it, is not installed.
    """
    from vsmagic.gpucheck import with_torch

    if importlib.util.find_spec("torch") is None:
        raise SetupError("the peak is not measured: PyTorch is not installed. Install it, or do without the shares.")
    return with_torch.peak(task.device)


def reference(task: Task) -> Reference:
    """Make or find a model's network, count its operations, and keep what it makes of a picture."""
    import numpy as np

    from vsmagic.gpucheck import pictures

    network = _network(task)
    content = network.path.read_bytes()
    picture = pictures.picture(task.case.size, network.channels)[None]
    result, by = _computed(content, picture, network.path)
    with Path(task.work, f"{task.case.model}.npy").open("wb") as file:
        np.save(file, result[0])
    return Reference(
        source=network.source,
        file=network.path.name,
        sha256=networks.sha256(network.path),
        flops={"{}x{}".format(*size): networks.flops(content, size, network.multiple) for size in task.sizes},
        by=by,
    )


def _computed(content: bytes, picture: "np.ndarray", path: Path) -> "tuple[np.ndarray, str]":
    """Return what a network makes of a picture, and what computed it: PyTorch, or ONNX's evaluator without it."""
    try:
        import torch
    except ImportError as error:
        from vsmagic.models import evaluate

        log.warning("PyTorch is not installed (%s); ONNX's own evaluator computes the references", error)
        return evaluate.output(content, picture, path), "onnx reference evaluator, f32"
    from vsmagic.gpucheck import with_torch

    return with_torch.compute(content, picture), f"torch {torch.__version__}, f32, processor"


def agreement(task: Task) -> Agreement:
    """Compare a backend's picture with the reference."""
    import numpy as np

    from vsmagic.gpucheck import pictures

    network = _network(task)
    clip = pictures.still(pictures.picture(task.case.size, network.channels))
    result = _upscaled(task, clip, network)
    expected = np.load(Path(task.work, f"{task.case.model}.npy")).astype(np.float64)
    if network.bicubic:
        base = clip.resize.Bicubic(result.width, result.height, filter_param_a=0, filter_param_b=0.5)
        expected += _planes(base)
    apart = np.abs(_planes(result).clip(0, 1) - expected.clip(0, 1))
    if not np.isfinite(apart).all():
        raise BackendError(f"backend {task.case.backend}: gives numbers that are not finite. Use another precision.")
    error = float((apart**2).mean())
    return Agreement(
        largest=float(apart.max()) * 255,
        mean=float(apart.mean()) * 255,
        psnr=-10 * float(np.log10(error)) if error else None,
    )


def _planes(clip: "vs.VideoNode") -> "np.ndarray":
    import numpy as np

    with clip.get_frame(0) as frame:
        return np.stack([np.array(plane, np.float64) for plane in frame])


def builder(task: Task) -> Builder:
    """Ask an engine builder itself for this GPU, with its capability unnamed and named."""
    from vsmagic.engine import gpu
    from vsmagic.engine.library import LIBRARIES

    library = LIBRARIES[task.case.backend]
    module = library.load(None)
    capability = gpu.facts(task.device or 0).capability
    return Builder(
        library=f"{library.title} {module.__version__}",
        capability=capability,
        unnamed=_answer(task, module, ()),
        named=_answer(task, module, (capability,)),
    )


def _answer(task: Task, module: object, capabilities: tuple[str, ...]) -> str:
    from vsmagic.engine.build import Job, build
    from vsmagic.engine.key import EngineKey, Shapes
    from vsmagic.engine.library import LIBRARIES

    model = networks.find(networks.EMBEDDED, Path(task.work), None)
    key = EngineKey(
        library=LIBRARIES[task.case.backend].name, version="", model="", shapes=Shapes.fixed((640, 480)),
        precision="f32", capabilities=capabilities,
    )  # fmt: skip
    job = Job(key=key, name=model.name, network=model.path, channels=model.channels, device=task.device or 0)
    try:
        content = build(job, module, tell=lambda _share, _phase: None).content
    except VsmagicError as error:
        return str(error)
    return f"built an engine of {len(content)} bytes"


def speed(task: Task) -> Speed:
    """Run a graph for a while, and count what comes out."""
    import vapoursynth as vs

    from vsmagic.gpucheck import pictures

    case, network = task.case, _network(task)
    # Each stream blocks one of the core's threads.
    vs.core.num_threads = max(vs.core.num_threads, case.streams + 2)
    video = case.clip == "video"
    clip = pictures.video_clip(case.size) if video else pictures.network_clip(case.size, network.channels)
    began = time.perf_counter()
    result = _upscaled(task, clip, network)
    ahead = 2 * case.streams + 2 if not video else vs.core.num_threads + case.streams
    frames = result.frames(prefetch=ahead, backlog=ahead, close=True)
    next(frames)
    start = time.perf_counter() - began
    least = _ROUNDS * case.streams
    _run(frames, _WARM_UP * task.seconds, least)
    stamps = _run(frames, task.seconds, least)
    return _speed(stamps, start)


def _run(frames: "Iterator[vs.VideoFrame]", seconds: float, least: int) -> list[float]:
    """Take frames for so long, and no fewer than ``least``; return when each came, and before that when it began."""
    stamps = [time.perf_counter()]
    for _ in frames:
        stamps.append(time.perf_counter())
        if stamps[-1] - stamps[0] >= seconds and len(stamps) > least:
            break
    return stamps


def _speed(stamps: list[float], start: float) -> Speed:
    def fps(some: list[float]) -> float:
        return (len(some) - 1) / (some[-1] - some[0])

    middle = len(stamps) // 2
    return Speed(
        frames=len(stamps) - 1,
        seconds=stamps[-1] - stamps[0],
        fps=fps(stamps),
        halves=(fps(stamps[: middle + 1]), fps(stamps[middle:])),
        start=start,
    )


def _network(task: Task) -> Network:
    return networks.find(task.case.model, Path(task.work), task.weights.get(task.case.model))


def _upscaled(task: Task, clip: "vs.VideoNode", network: Network) -> "vs.VideoNode":
    """Apply the public filter; nothing may fall back to something else than what the case says."""
    import vsmagic

    case = task.case
    return vsmagic.upscale(
        clip, model=network.name, scale=2, backend=case.backend, precision=case.precision,
        streams=case.streams or 1, device=task.device or 0, strict=True,
    )  # fmt: skip


def described(error: BaseException) -> str:
    """Return an error as a line for the report."""
    return str(error) if isinstance(error, VsmagicError) else reason(error)


KINDS: Mapping[Kind, Callable[[Task], Figures]] = {
    "survey": survey,
    "peak": peak,
    "reference": reference,
    "agreement": agreement,
    "builder": builder,
    "speed": speed,
}
