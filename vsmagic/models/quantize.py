"""Make an int8 model of a model: for processors, where 8-bit integers are computed fastest."""

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from vsmagic.errors import ModelError, OptionError
from vsmagic.models import add, inspect, int8, loss, registry, store
from vsmagic.models.loss import Sample
from vsmagic.models.spec import Int8, ModelSpec, Quantized

if TYPE_CHECKING:
    import numpy as np

MOST_LOST = 0.5
"""dB that an int8 model may lose unless the user allows more."""

Tell = Callable[[str], None]


@dataclass(frozen=True, kw_only=True, eq=False)
class Pictures:
    """What a model is quantized with; the two parts have no picture in common."""

    calibration: "Sequence[np.ndarray]"
    """``[1, channels, height, width]``, float32 from 0 to 1: they show which values go through the network."""
    check: Sequence[Sample]
    """The loss is measured on them."""
    source: str
    """What they are, in words."""


def embed(
    content: bytes, spec: ModelSpec, pictures: Pictures, *, path: Path | None = None, tell: Tell = lambda _: None
) -> tuple[bytes, Int8]:
    """Write a network's convolutions in 8-bit integers and measure what that loses; nothing is kept.

    The result belongs beside the network, under its name with :data:`vsmagic.models.spec.INT8_SUFFIX`, and its facts
    into the network's as ``int8``. The same network and pictures give the same bytes.

    Args:
        content: the ONNX, in float32.
        spec: its facts.
        pictures: what it is calibrated and measured on, made for a model of these facts.
        path: names the network in messages; by default the model's name does.
        tell: receives what is being done.

    Returns:
        The network in 8-bit integers, and its facts.

    Raises:
        SetupError: the ``quantize`` extra is not installed.
        ModelError: the network cannot be quantized.
    """
    int8.check_installed()
    path = path or Path(spec.name)
    tell(f"{spec.name}: calibrating on {pictures.source}")
    network = int8.to_int8(content, pictures.calibration, path)
    _check(content, network, path)
    tell(f"{spec.name}: measuring what is lost, on {len(pictures.check)} other pictures")
    found = loss.measure(content, network, pictures.check, path)
    return network, Int8(
        sha256=hashlib.sha256(network).hexdigest(),
        lost_db=found.lost,
        between_db=found.between,
        calibration=pictures.source,
    )


def quantize(
    name: str, pictures: Callable[[ModelSpec], Pictures], *, most_lost: float = MOST_LOST, tell: Tell = lambda _: None
) -> ModelSpec:
    """Write a model's convolutions in 8-bit integers, measure what that loses, and register it as ``NAME-int8``.

    Args:
        name: as for :func:`registry.resolve`, but not ``auto``.
        pictures: makes pictures for a model of these facts.
        most_lost: dB; a model that loses more is not registered.
        tell: receives what is being done.

    Returns:
        The new model's facts; ``quantized`` holds the loss.

    Raises:
        SetupError: the ``quantize`` extra is not installed.
        OptionError: the model cannot be quantized by this name, or there is one called ``NAME-int8``.
        ModelError: no such model, one that cannot be quantized, or one that loses too much.
        OutputError: the models folder cannot be written.
    """
    int8.check_installed()
    if name == "auto":
        raise OptionError("models quantize: auto is no single model; name one that vsmagic models lists.")
    model = registry.resolve(name)
    called = _called(model)
    if model.spec.form != "onnx":
        raise ModelError(f"models quantize: {model.name} has no ONNX network, so it cannot be quantized.")
    tell(f"{called}: collecting pictures")
    network, made = embed(inspect.read(model.path), model.spec, pictures(model.spec), path=model.path, tell=tell)
    if not made.lost_db <= most_lost:
        raise ModelError(
            f"models quantize: {model.name} loses {made.lost_db:g} dB in int8; at most {most_lost:g} are accepted, so "
            f"it was not registered. Calibrate it on a clip like yours with --clip, or accept it with --max-loss "
            f"{made.lost_db:g}."
        )
    spec = _alone(model, called, made)
    add.keep(spec, network)
    return spec


def _called(model: registry.Model) -> str:
    """Return the name of the int8 model, which must be free."""
    if model.spec.quantized:
        raise OptionError(f"models quantize: {model.name} is the int8 model of {model.spec.quantized.of} already.")
    if model.passes > 1:
        raise OptionError(
            f"models quantize: {model.name} applies {model.spec.name} {model.passes} times; quantize {model.spec.name}."
        )
    # A strength's sign cannot be part of a name, for it would be read as one.
    called = re.sub(r"[^A-Za-z0-9._+-]+", "-", model.name).lstrip("._+-") + "-int8"
    if not store.is_name(called):
        raise OptionError(f"models quantize: {called!r} cannot be a name; add the model under a shorter one first.")
    if (store.added(called) / "spec.json").exists():
        raise OptionError(
            f"models quantize: there is a model called {called} already; to make it anew, run: vsmagic models remove "
            f"{called}"
        )
    return called


def _check(before: bytes, after: bytes, path: Path) -> None:
    """See that what holds for a network holds for it in 8-bit integers too."""
    facts = [inspect.inspect_content(content, path) for content in (before, after)]
    if any(len({getattr(one, fact) for one in facts}) > 1 for fact in ("scale", "channels", "multiple", "halo")):
        raise ModelError(
            f"model {path}: quantizing changed its facts from {facts[0]} to {facts[1]}; please report this."
        )


def _alone(model: registry.Model, called: str, made: Int8) -> ModelSpec:
    """Return the facts of a model that is in 8-bit integers and nothing else.

    What the rest is computed in changes nothing in the bytes; half precision is for GPUs, which do not get it.
    """
    precisions = tuple(precision for precision in model.spec.precisions if precision != "f16") or ("f32",)
    return msgspec.structs.replace(
        model.spec,
        name=called,
        element="f32",
        precisions=precisions,
        quantized=Quantized(
            of=model.name, lost_db=made.lost_db, between_db=made.between_db, calibration=made.calibration
        ),
        int8=None,
        sha256=made.sha256,
    )
