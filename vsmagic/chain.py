"""A list of filter steps as plain data: one description that gives the same frames wherever it is applied.

As JSON a list of steps, ``[{"filter": "dezoom", "keyframes": "zoom.json"}, {"filter": "upscale", "scale": 2}]``; as
TOML the same under ``[[steps]]``. Each step has the options of the filter it names. Importing this module does not
import VapourSynth.
"""

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast, get_args

import msgspec

from vsmagic.errors import ChainError, OptionError
from vsmagic.steps import (
    AsProgressiveStep,
    ConstantRateStep,
    DeinterlaceStep,
    DezoomStep,
    FieldOrder,
    FieldsStep,
    InterpolateStep,
    InverseTelecineStep,
    Rate,
    Step,
    TrimStep,
    UpscaleStep,
)

if TYPE_CHECKING:
    import vapoursynth as vs

    from vsmagic.filters.order import Footage, Work
    from vsmagic.models.motion import FlowScale

ORDERS = ("interpolate-first", "upscale-first")
FIELDS = ("deinterlace", "double", "inverse-telecine", "keep")
"""What can be done about pictures that are woven of two fields; see :func:`fields_step`."""
_MODEL_FILES = (
    ".onnx",
    ".pkl",
    ".pth",
    ".safetensors",
)  # what follows the point of a name such as x4v3@0.5 is no suffix


class Chain(msgspec.Struct, frozen=True):
    """Steps in the order they are applied."""

    steps: tuple[Step, ...] = ()


def load(path: str | Path) -> Chain:
    """Read a chain from a ``.json`` or ``.toml`` file; paths inside it are taken from the file's folder.

    Raises:
        ChainError: the file cannot be read, or a step is malformed.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ChainError(f"chain {path}: the file cannot be read ({error.strerror}).") from error
    except UnicodeDecodeError as error:
        raise ChainError(f"chain {path}: not a text file; expected JSON or TOML.") from error
    if path.suffix.lower() == ".toml":
        return _from_toml(text, path)
    return parse(text, folder=path.parent, name=f"chain {path}")


def parse(text: str, *, folder: Path, name: str = "chain") -> Chain:
    """Read a chain from JSON text.

    Args:
        text: a list of steps.
        folder: where relative paths inside start from.
        name: what to call the chain in messages.

    Raises:
        ChainError: not JSON, or a step is malformed; names the step and the field.
    """
    try:
        data = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ChainError(f"{name}: not valid JSON: {error}.") from error
    return _convert(data, folder, name)


def _from_toml(text: str, path: Path) -> Chain:
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ChainError(f"chain {path}: not valid TOML: {error}.") from error
    unknown = sorted(data.keys() - {"steps"})
    if unknown or "steps" not in data:
        raise ChainError(f"chain {path}: expected one list named 'steps'; got {', '.join(unknown) or 'nothing'}.")
    return _convert(data["steps"], path.parent, f"chain {path}")


def _convert(data: object, folder: Path, name: str) -> Chain:
    if not isinstance(data, list):
        raise ChainError(f'{name}: expected a list of steps, such as [{{"filter": "upscale", "scale": 2}}].')
    return Chain(tuple(_located(_step(entry, f"{name}: step {n}"), folder) for n, entry in enumerate(data)))


def _step(entry: object, where: str) -> Step:
    try:
        step: Step = msgspec.convert(entry, Step)
    except msgspec.ValidationError as error:
        raise ChainError(f"{where}: {error}. The filters are {_names()}.") from error
    return step


def _names() -> str:
    steps = get_args(Step)
    *names, last = sorted(str(each.__struct_config__.tag) for each in steps)
    return f"{', '.join(names)} and {last}"


def _located(step: Step, folder: Path) -> Step:
    """Make the paths that a step names absolute, so that the chain means the same wherever it is applied."""
    match step:
        case DezoomStep(keyframes=str(name)):
            return msgspec.structs.replace(step, keyframes=str((folder / name).resolve()))
        case UpscaleStep(model=name) | InterpolateStep(model=name) if Path(name).suffix.lower() in _MODEL_FILES:
            return msgspec.structs.replace(step, model=str((folder / name).resolve()))
        case _:
            return step


def from_flags(
    *,
    keyframes: str | None = None,
    easing: str | None = None,
    fit: str | None = None,
    scale: float | None = None,
    size: str | None = None,
    target: str | None = None,
    model: str | None = None,
    denoise: float | None = None,
    backend: str | None = None,
    precision: str | None = None,
    tile: str | None = None,
    fps: Rate | None = None,
    multiplier: Rate | None = None,
    slowdown: Rate | None = None,
    flow_model: str | None = None,
    flow_scale: float | str | None = None,
    scene_changes: str | None = None,
    scene_threshold: float | None = None,
    duplicates: str | None = None,
    order: str | None = None,
    constant_rate: Rate | None = None,
    fields: str | None = None,
    start: float | None = None,
    end: float | None = None,
    strict: bool = False,
) -> Chain:
    """Build a chain from command-line flags; None means not given.

    Woven pictures are taken apart before anything else: that needs whole frames, counts cycles of film from the start
    of the file, and changes no times.

    Times count from the start of the file: so keyframes come next, and cutting before the upscaler, which measures
    itself on long clips only, and before slow motion. Frames are added before the picture is enlarged, unless
    ``order`` is ``upscale-first`` or there are keyframes, which the upscaler must follow.

    Frames are repeated for a constant rate at the very end: each is enlarged once.

    A rate, a factor or a slowdown with nothing that names a size, a crop or a model of the upscaler leaves the size
    as it is; so does a scale of 1, and a model of scale 1 with nothing that names a size.

    Raises:
        ChainError: a value is not acceptable.
        OptionError: a flag is given that no step can use.
    """
    motion = {"fps": fps, "multiplier": multiplier, "slowdown": slowdown, "model": flow_model,
              "flow_scale": flow_scale, "scene_changes": scene_changes, "threshold": scene_threshold,
              "duplicates": duplicates}  # fmt: skip
    pace = any(value is not None for value in (fps, multiplier, slowdown))
    _check_motion(motion, order, pace=pace, keyframes=keyframes is not None)
    steps: list[dict[str, object]] = [] if fields is None else [msgspec.to_builtins(fields_step(fields))]
    if keyframes is not None:
        steps.append({"filter": "dezoom", "keyframes": keyframes, "easing": easing, "fit": fit})
    elif easing is not None:
        raise OptionError(f"easing is {easing!r} without keyframes; give keyframes too, or leave it out.")
    if start is not None or end is not None:
        steps.append({"filter": "trim", "start": start, "end": end})
    how: dict[str, object] = {"backend": backend, "precision": precision}
    own: dict[str, object] = {"size": size, "target": target, "fit": fit, "model": model, "denoise": denoise,
                              "tile": tile}  # fmt: skip
    last: list[dict[str, object]] = []
    if pace:
        last.append({"filter": "interpolate", **motion, **how, "strict": strict or None})
    # Even where nothing is to be enlarged, the step says whether the options are acceptable.
    used = own if pace else own | how
    unsized = scale == 1 or (pace and scale is None)
    if not unsized or keyframes is not None or any(value not in (None, "auto") for value in used.values()) or target:
        last.append({"filter": "upscale", "scale": scale, **own, **how, "strict": strict or None})
    steps += last[::-1] if order == "upscale-first" or keyframes is not None else last
    if constant_rate is not None:
        if pace:
            raise OptionError(
                f"constant_rate is {constant_rate} beside fps, multiplier or slowdown, which give a constant rate "
                "already; leave one of them out."
            )
        steps.append({"filter": "constant_rate", "fps": None if constant_rate == "auto" else constant_rate})
    given = [{name: value for name, value in step.items() if value is not None} for step in steps]
    if fields == "keep" and all(step["filter"] in ("trim", "constant_rate") for step in given[1:]):
        del given[0]  # an unchanged picture keeps its tags too
    return _convert(given, Path.cwd(), "options")


def _check_motion(motion: dict[str, Any], order: str | None, *, pace: bool, keyframes: bool) -> None:
    """Refuse options of the interpolation where there is none."""
    if order not in (None, *ORDERS):
        raise OptionError(f"order is {order!r}; expected {' or '.join(ORDERS)}.")
    idle = [name for name, value in motion.items() if value is not None] + ["order"] * (order is not None)
    if idle and not pace:
        name = {"model": "flow_model", "threshold": "scene_threshold"}.get(idle[0], idle[0])
        raise OptionError(f"{name} is given without fps, multiplier or slowdown; give one of them, or leave it out.")
    if motion["scene_changes"] == "ignore" and motion["threshold"] is not None:
        raise OptionError("scene_threshold is given, but scene_changes is ignore; leave one of them out.")
    if keyframes and order == "interpolate-first":
        raise OptionError(
            "order is interpolate-first beside keyframes; a moving crop is enlarged from the source's own frames, "
            "so leave order out, or give upscale-first."
        )


def fields_step(how: str, order: FieldOrder = "auto") -> FieldsStep:
    """Return the step that does one of :data:`FIELDS` about woven pictures.

    Args:
        how: ``deinterlace`` (a picture a frame), ``double`` (a picture a field), ``inverse-telecine`` or ``keep``.
        order: the field that comes first.

    Raises:
        OptionError: no such thing can be done.
    """
    match how:
        case "deinterlace":
            return DeinterlaceStep(order=order)
        case "double":
            return DeinterlaceStep(rate="field", order=order)
        case "inverse-telecine":
            return InverseTelecineStep(order=order)
        case "keep":
            return AsProgressiveStep()
    raise OptionError(f"fields is {how!r}; expected {', '.join(FIELDS)}.")


def mends_fields(chain: Chain) -> bool:
    """Whether a chain says what becomes of pictures that are woven of two fields."""
    return any(isinstance(step, FieldsStep) for step in chain.steps)


def makes_pictures(chain: Chain) -> bool:
    """Whether a chain gives other pictures than the source's own, which must not be woven for it."""
    whole = TrimStep | ConstantRateStep | FieldsStep  # what passes pictures on as they are, or makes them whole
    return any(not isinstance(step, whole) and step != UpscaleStep(scale=1) for step in chain.steps)


def pair(chain: Chain) -> tuple[InterpolateStep, UpscaleStep] | None:
    """Return the two steps whose order is free: next to each other, and no crop before them; else None."""
    kinds = [type(step) for step in chain.steps]
    if kinds.count(InterpolateStep) != 1 or kinds.count(UpscaleStep) != 1 or DezoomStep in kinds:
        return None
    if abs(kinds.index(InterpolateStep) - kinds.index(UpscaleStep)) != 1:
        return None
    interpolate = next(step for step in chain.steps if isinstance(step, InterpolateStep))
    return interpolate, next(step for step in chain.steps if isinstance(step, UpscaleStep))


def estimate(chain: Chain, footage: "Footage") -> "Work | None":
    """Return what both orders of the two steps of :func:`pair` would cost; None without a pair, or where it is unknown.

    Raises:
        OptionError: an option of the two is not acceptable.
        ModelError: a model is unknown or not on this machine.
    """
    from vsmagic.filters import order
    from vsmagic.filters.sizes import parse_target
    from vsmagic.models import registry

    found = pair(chain)
    if found is None:
        return None
    interpolate, upscale = found
    upscaler = upscale.model + ("" if upscale.denoise is None else f"@{upscale.denoise!r}")
    model_scale = None if upscaler == "auto" else registry.resolve(upscaler).scale
    return order.work(
        footage,
        parse_target(upscale.scale, upscale.size, upscale.target, model_scale=model_scale),
        upscaler=upscaler,
        flow_model=interpolate.model,
        flow_scale=cast("FlowScale", interpolate.flow_scale),
        fps=interpolate.fps,
        multiplier=interpolate.multiplier,
        slowdown=interpolate.slowdown,
    )


def ordered(chain: Chain, order: str) -> Chain:
    """Return a chain with the two steps of :func:`pair` in that order.

    Args:
        chain: has such a pair.
        order: one of :data:`ORDERS`.
    """
    kinds = [type(step) for step in chain.steps]
    first = min(kinds.index(InterpolateStep), kinds.index(UpscaleStep))
    wanted = sorted(chain.steps[first : first + 2], key=lambda step: isinstance(step, UpscaleStep))
    if order == "upscale-first":
        wanted.reverse()
    return Chain((*chain.steps[:first], *wanted, *chain.steps[first + 2 :]))


def to_json(chain: Chain) -> str:
    """Return the chain as one line of JSON, which :func:`parse` reads."""
    return msgspec.json.encode(chain.steps).decode()


def apply(chain: Chain, clip: "vs.VideoNode") -> "vs.VideoNode":
    """Apply the steps to a clip, in order.

    Raises:
        VsmagicError: whatever the filters raise.
    """
    from vsmagic.filters.constant_rate import constant_rate
    from vsmagic.filters.dezoom import dezoom
    from vsmagic.filters.fields import as_progressive, deinterlace, inverse_telecine
    from vsmagic.filters.interpolate import interpolate
    from vsmagic.filters.trim import trim
    from vsmagic.filters.upscale import upscale

    filters: dict[type[Step], Callable[..., vs.VideoNode]] = {
        DezoomStep: dezoom,
        InterpolateStep: interpolate,
        UpscaleStep: upscale,
        TrimStep: trim,
        ConstantRateStep: constant_rate,
        DeinterlaceStep: deinterlace,
        InverseTelecineStep: inverse_telecine,
        AsProgressiveStep: as_progressive,
    }
    for step in chain.steps:
        clip = filters[type(step)](clip, **msgspec.structs.asdict(step))
    return clip
