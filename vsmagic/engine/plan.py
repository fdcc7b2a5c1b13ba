"""From a model, a precision and a GPU to the engine that is wanted."""

from typing import Literal

import msgspec

from vsmagic.engine import gpu
from vsmagic.engine.build import Job
from vsmagic.engine.key import EngineKey, EnginePrecision, Options, Shapes, Size
from vsmagic.engine.library import Library
from vsmagic.errors import BackendError, ModelError
from vsmagic.models.registry import Model
from vsmagic.models.spec import preferred


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """What an engine runs on."""

    capabilities: tuple[str, ...] = ()
    gpu: str = ""
    driver: str = ""
    device: int = 0


def target(library: Library, device: int, capabilities: tuple[str, ...] = ()) -> Target:
    """Return the target of an engine: the compute capabilities named, or the GPU at hand.

    Raises:
        BackendError: no such GPU, or one that the library does not build for.
    """
    if capabilities:
        return Target(capabilities=tuple(sorted(set(capabilities), key=_number)), device=device)
    try:
        found = gpu.facts(device)
    except BackendError as error:
        more = " To build for another machine, name a compute capability, such as 8.6." if library.capabilities else ""
        raise BackendError(f"backend {library.backend}: {error}{more}") from error
    if not library.capabilities:
        return Target(gpu=found.name, driver=found.driver, device=device)
    trouble = unsupported(library, device)
    if trouble:
        raise BackendError(f"backend {library.backend}: {trouble}")
    return Target(capabilities=(found.capability,), device=device)


def unsupported(library: Library, device: int) -> str | None:
    """Say why a library has no engines for a GPU; None if it has."""
    found = gpu.facts(device)
    if not library.capabilities or found.capability in library.capabilities:
        return None
    return (
        f"{library.title} has no engines for {found.name} (compute capability {found.capability}, not one of "
        f"{', '.join(library.capabilities)}); use backend trt or ort_cuda"
    )


def jobs(
    model: Model,
    library: Library,
    version: str,
    where: Target,
    *,
    shapes: Shapes,
    precision: EnginePrecision,
    options: Options = Options(),  # noqa: B008 - frozen
) -> list[Job]:
    """Return what is to be built for a model: an engine for each of its passes.

    Raises:
        ModelError: the model has no ONNX.
    """
    if model.spec.form != "onnx":
        raise ModelError(
            f"model {model.name}: its architecture has no ONNX for every size, so no engine can be built of it. Run it "
            "with backend torch."
        )
    planned = []
    for number in range(model.passes):
        factor = model.spec.scale**number
        planned.append(
            Job(
                key=EngineKey(
                    library=library.name,
                    version=version,
                    model=model.spec.sha256,
                    shapes=_frames(shapes, factor, model.spec.multiple),
                    precision=precision,
                    options=options,
                    capabilities=where.capabilities,
                    gpu=where.gpu,
                    driver=where.driver,
                ),
                name=model.name,
                network=model.path,
                channels=model.spec.channels,
                device=where.device,
            )
        )
    return planned


def choose_precision(name: Literal["auto", "f32", "f16"], model: Model) -> EnginePrecision:
    """Return the precision asked for; for ``auto`` the one the filters take.

    Raises:
        ModelError: the model tolerates neither.
    """
    if name != "auto":
        return name
    chosen = preferred(model.spec.precisions, ("f16", "f32"))
    if chosen in ("f16", "f32"):
        return chosen
    raise ModelError(f"model {model.name}: tolerates {', '.join(model.spec.precisions)} only. Name f16 or f32.")


def _frames(shapes: Shapes, factor: int, multiple: int) -> Shapes:
    """Return the shapes of frames that were enlarged by a factor, and padded as the model wants it."""

    def size(original: Size) -> Size:
        width, height = (-(-length * factor // multiple) * multiple for length in original)
        return width, height

    return Shapes(min=size(shapes.min), opt=size(shapes.opt), max=size(shapes.max))


def _number(capability: str) -> tuple[int, ...]:
    return tuple(int(part) for part in capability.split("."))
