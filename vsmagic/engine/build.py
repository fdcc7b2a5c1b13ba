"""Build an engine: one way for TensorRT and TensorRT-RTX."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vsmagic.engine.half import to_half
from vsmagic.engine.key import EngineKey, Shapes
from vsmagic.engine.library import title
from vsmagic.engine.monitor import Progress, Said, Tell, logger, monitor
from vsmagic.errors import BackendError, ModelError, reason


@dataclass(frozen=True, kw_only=True)
class Job:
    """One engine to be built."""

    key: EngineKey
    name: str
    """Name of the model, for messages."""
    network: Path
    """ONNX with float32 input and output."""
    channels: int
    """Planes of a frame."""
    device: int = 0
    """Number of the GPU a TensorRT engine is timed on."""


@dataclass(frozen=True, kw_only=True)
class Built:
    """What a build gives."""

    content: bytes
    timings: Callable[[bytes], bytes] | None
    """Adds what this build measured to the timings it is given; None for a build without."""


def build(job: Job, library: Any, *, tell: Tell, timings: bytes | None = None) -> Built:
    """Build an engine.

    Args:
        job: what to build.
        library: the imported library, TensorRT or TensorRT-RTX.
        tell: hears how far it is.
        timings: what earlier builds measured, empty for none; None to build without.

    Raises:
        ModelError: the network cannot be read, or does not take the shapes.
        BackendError: the library fails.
    """
    content = _network(job)
    said = Said()
    log = logger(library, said)
    builder = library.Builder(log)
    network = builder.create_network(0)
    parser = library.OnnxParser(network, log)
    if not parser.parse(content):
        raise ModelError(
            f"model {job.name}: {title(job.key.library)} cannot read its network ({_complaint(parser, said)}). "
            "Try another backend."
        )
    config = builder.create_builder_config()
    _set_shapes(job, network, builder, config)
    _set_options(job, library, config)
    merge = None if timings is None else _set_timings(config, timings)
    progress = Progress(tell)
    config.progress_monitor = monitor(library, progress)
    plan = builder.build_serialized_network(network, config)
    if progress.stopped is not None:
        raise progress.stopped
    if plan is None:
        limit = job.key.options.workspace
        remedy = (
            f"a workspace of more than {limit} MiB" if limit else "precision f32, a smaller shape or another backend"
        )
        raise BackendError(
            f"model {job.name}: the engine for {job.key.shapes} in {job.key.precision} could not be built "
            f"({said.last()}). Try {remedy}."
        )
    tell(1.0, "Building engine")
    return Built(content=bytes(plan), timings=merge)


def _network(job: Job) -> bytes:
    try:
        content = job.network.read_bytes()
    except OSError as error:
        raise ModelError(f"model {job.network}: the file cannot be read ({error.strerror}).") from error
    if job.key.precision == "f16":
        return to_half(content, job.name)
    import onnx
    from google.protobuf.message import DecodeError

    try:  # the libraries' own parser ends the process where a file is no ONNX at all
        onnx.checker.check_model(onnx.load_from_string(content))
    except (DecodeError, onnx.checker.ValidationError) as error:
        raise ModelError(f"model {job.name}: not a complete ONNX file ({reason(error)}). Fetch it again.") from error
    return content


def _complaint(parser: Any, said: Said) -> str:
    if not parser.num_errors:
        return said.last()
    error = parser.get_error(0)
    return f"operator {error.node_operator()}: {error.desc()}" if error.node_operator() else str(error.desc())


def _set_shapes(job: Job, network: Any, builder: Any, config: Any) -> None:
    if network.num_inputs != 1 or network.num_outputs != 1:
        raise ModelError(
            f"model {job.name}: has {network.num_inputs} inputs and {network.num_outputs} outputs; "
            "expected one of each, which is what the plugin takes."
        )
    source = network.get_input(0)
    declared = tuple(source.shape)
    shapes = job.key.shapes
    for got, wanted in zip(declared, _dimensions(job, shapes.opt), strict=False):
        if got not in (-1, wanted) or len(declared) != 4:
            free = ["free" if size < 0 else str(size) for size in declared]
            raise ModelError(
                f"model {job.name}: takes [{', '.join(free)}]; expected {list(_dimensions(job, shapes.opt))} or free "
                "sizes. Export it with a batch of 1 and free height and width."
            )
    # A batch that is left free is refused by the plugin, even where the profile allows 1 only.
    if shapes.static:
        source.shape = _dimensions(job, shapes.opt)
        return
    source.shape = (1, job.channels, -1, -1)
    profile = builder.create_optimization_profile()
    profile.set_shape(source.name, *_profile(job, shapes))
    config.add_optimization_profile(profile)


def _profile(job: Job, shapes: Shapes) -> list[tuple[int, ...]]:
    return [_dimensions(job, size) for size in (shapes.min, shapes.opt, shapes.max)]


def _dimensions(job: Job, size: tuple[int, int]) -> tuple[int, ...]:
    width, height = size
    return 1, job.channels, height, width


def _set_options(job: Job, library: Any, config: Any) -> None:
    key = job.key
    if key.precision == "f32":
        config.clear_flag(library.BuilderFlag.TF32)  # ten bits of mantissa, no more than f16
    if key.options.workspace is not None:
        config.set_memory_pool_limit(library.MemoryPoolType.WORKSPACE, key.options.workspace << 20)
    if key.options.level is not None:
        config.builder_optimization_level = key.options.level
    if not key.capabilities:
        return
    config.num_compute_capabilities = len(key.capabilities)
    for place, name in enumerate(key.capabilities):
        capability = getattr(library.ComputeCapability, f"SM{name.replace('.', '')}", None)
        if capability is None:
            known = [member for member in library.ComputeCapability.__members__ if member.startswith("SM")]
            raise BackendError(
                f"compute capability {name}: {title(key.library)} {library.__version__} builds for "
                f"{', '.join(known)} only."
            )
        config.set_compute_capability(capability, place)


def _set_timings(config: Any, timings: bytes) -> Callable[[bytes], bytes]:
    """Let the builder use and extend a timing cache; one that it does not accept is left out."""
    config.set_timing_cache(config.create_timing_cache(timings) or config.create_timing_cache(b""), False)

    def merge(others: bytes) -> bytes:
        mine = config.get_timing_cache()
        # Another build may have added to the file meanwhile.
        theirs = config.create_timing_cache(others) if others else None
        if theirs is not None:
            mine.combine(theirs, False)
        return bytes(mine.serialize())

    return merge
