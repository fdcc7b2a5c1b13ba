"""A list of filter steps as plain data: one description that gives the same frames wherever it is applied.

As JSON a list of steps, ``[{"filter": "dezoom", "keyframes": "zoom.json"}, {"filter": "upscale", "scale": 2}]``; as
TOML the same under ``[[steps]]``. Each step has the options of the filter it names. Importing this module does not
import VapourSynth.
"""

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from vsmagic.errors import ChainError, OptionError

if TYPE_CHECKING:
    import vapoursynth as vs

Size = tuple[int, int] | str
_MODEL_FILES = (".onnx", ".pth", ".safetensors")  # what follows the point of a name such as x4v3@0.5 is no suffix


class DezoomStep(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True,
                 tag_field="filter", tag="dezoom"):  # fmt: skip
    """Options of :func:`vsmagic.dezoom`; ``keyframes`` is a path or the entries themselves."""

    keyframes: str | list[dict[str, Any]]
    easing: Literal["linear", "hold", "smooth", "catmull-rom"] = "linear"
    size: Size | None = None
    fit: Literal["contain", "cover", "stretch"] = "contain"


class UpscaleStep(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True,
                  tag_field="filter", tag="upscale"):  # fmt: skip
    """Options of :func:`vsmagic.upscale`."""

    model: str = "auto"
    denoise: float | None = None
    scale: float | None = None
    size: Size | None = None
    target: Literal["auto"] | None = None
    fit: Literal["contain", "cover", "stretch"] = "contain"
    backend: str = "auto"
    precision: str = "auto"
    tile: Size = "auto"
    streams: int | None = None
    device: int = 0
    strict: bool = False


class TrimStep(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True,
               tag_field="filter", tag="trim"):  # fmt: skip
    """Options of :func:`vsmagic.trim`, in seconds."""

    start: float = 0.0
    end: float | None = None


Step = DezoomStep | UpscaleStep | TrimStep


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
        raise ChainError(f"{where}: {error}. The filters are dezoom, upscale and trim.") from error
    return step


def _located(step: Step, folder: Path) -> Step:
    """Make the paths that a step names absolute, so that the chain means the same wherever it is applied."""
    match step:
        case DezoomStep(keyframes=str(name)):
            return msgspec.structs.replace(step, keyframes=str((folder / name).resolve()))
        case UpscaleStep(model=name) if Path(name).suffix.lower() in _MODEL_FILES:
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
    start: float | None = None,
    end: float | None = None,
    strict: bool = False,
) -> Chain:
    """Build a chain from command-line flags; None means not given.

    Keyframe times count from the start of the file, so cutting comes after the crop; and before the upscaler, which
    measures itself on long clips only. A scale of 1 with no other option of the upscaler gives no step: nothing is
    changed.

    Raises:
        ChainError: a value is not acceptable.
        OptionError: a flag is given that no step can use.
    """
    steps: list[dict[str, object]] = []
    if keyframes is not None:
        steps.append({"filter": "dezoom", "keyframes": keyframes, "easing": easing, "fit": fit})
    elif easing is not None:
        raise OptionError(f"easing is {easing!r} without keyframes; give keyframes too, or leave it out.")
    if start is not None or end is not None:
        steps.append({"filter": "trim", "start": start, "end": end})
    options: dict[str, object] = {"size": size, "target": target, "fit": fit, "model": model, "denoise": denoise,
                                  "backend": backend, "precision": precision, "tile": tile}  # fmt: skip
    # Even where nothing is to be enlarged, the step says whether the options are acceptable.
    if scale != 1 or keyframes is not None or any(value not in (None, "auto") for value in options.values()) or target:
        steps.append({"filter": "upscale", "scale": scale, **options, "strict": strict or None})
    given = [{name: value for name, value in step.items() if value is not None} for step in steps]
    return _convert(given, Path.cwd(), "options")


def to_json(chain: Chain) -> str:
    """Return the chain as one line of JSON, which :func:`parse` reads."""
    return msgspec.json.encode(chain.steps).decode()


def apply(chain: Chain, clip: "vs.VideoNode") -> "vs.VideoNode":
    """Apply the steps to a clip, in order.

    Raises:
        VsmagicError: whatever the filters raise.
    """
    from vsmagic.filters.dezoom import dezoom
    from vsmagic.filters.trim import trim
    from vsmagic.filters.upscale import upscale

    filters: dict[type[Step], Callable[..., vs.VideoNode]] = {
        DezoomStep: dezoom,
        UpscaleStep: upscale,
        TrimStep: trim,
    }
    for step in chain.steps:
        clip = filters[type(step)](clip, **msgspec.structs.asdict(step))
    return clip
