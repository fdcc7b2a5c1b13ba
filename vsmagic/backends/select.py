"""Which backends this machine can run, and which one is taken."""

import logging
from collections.abc import Sequence
from pathlib import Path

from vsmagic.backends import ncnn, operators
from vsmagic.backends.base import Backend
from vsmagic.backends.ncnn import NCNN
from vsmagic.backends.ort import ORT, ORT_CUDA
from vsmagic.backends.ov import OV
from vsmagic.backends.torch import TORCH
from vsmagic.backends.trt import TRT, TRT_RTX
from vsmagic.backends.vsgan import VSGAN
from vsmagic.errors import BackendError, ModelError, OptionError
from vsmagic.models.spec import INT8, PRECISIONS, Precision, form_of, preferred

log = logging.getLogger(__name__)

# The fastest first: "auto" takes the first one that runs here. ORT always does, so that PyTorch comes after it only for
# models that no plugin runs, and VSGAN when it is asked for.
BACKENDS: tuple[Backend, ...] = (TRT_RTX, TRT, ORT_CUDA, NCNN, OV, ORT, TORCH, VSGAN)


# What becomes of those that auto never comes to, because ORT runs everywhere.
_AFTER_ORT = {
    TORCH.name: "only for models that no plugin runs, and when it is asked for",
    VSGAN.name: "only when it is asked for",
}

_PRECISIONS: dict[str, Precision] = {name: name for name in PRECISIONS}


def trouble(backend: Backend) -> str | None:
    """Say why a backend cannot run on this machine, with the remedy; None if it can."""
    missing = backend.missing()
    return f"{missing} is not installed; run: pip install {backend.package}" if missing else backend.trouble()


def refused(backend: Backend, network: Path) -> str | None:
    """Return an operator of an ONNX file that the backend must not be given, None if there is none.

    Found by its bytes (field 4 of a node, with its length), because this runs at every start of a script and
    parsing the file would take far longer.
    """
    if not backend.excludes:
        return None
    content = network.read_bytes()
    marks = {name: b"\x22" + bytes([len(name)]) + name.encode() for name in sorted(backend.excludes)}
    return next((name for name, mark in marks.items() if mark in content), None)


def excluded(network: Path, weights: Path | None = None) -> dict[str, str]:
    """Say by name which backends must not be given a network, on whatever machine, and why.

    Args:
        network: what runs.
        weights: the authors' own file, where the network was made from one.
    """
    found = {backend.name: _excluded(backend, network, weights) for backend in BACKENDS}
    return {name: why for name, why in found.items() if why}


def _excluded(backend: Backend, network: Path, weights: Path | None) -> str | None:
    if form_of(network) not in backend.forms:
        return "the architecture has no ONNX for every size"
    if backend.loads and (weights is None or weights.suffix.lower() != backend.loads):
        return f"it loads the authors' {backend.loads} and nothing else"
    return _network_lacks(backend, network)


def choose(name: str, network: Path | None = None) -> Backend:
    """Return the backend asked for, or the fastest one that runs here for ``auto``.

    A Vulkan device that is only a software renderer is not chosen by ``auto``: the processor backends are faster.

    Args:
        name: auto or a backend's.
        network: the file it will run; None where that is not known yet.

    Raises:
        OptionError: no such backend.
        BackendError: it cannot run on this machine, or cannot run the network.
    """
    if name == "auto":
        if network and form_of(network) == "torch":
            log.info("backend auto: torch, since the model has no ONNX that a plugin could run")
            return choose(TORCH.name, network)
        return next(backend for backend in BACKENDS if _usable(backend, network))
    backend = _named(name)
    why = trouble(backend)
    if why:
        raise BackendError(f"backend {name} cannot run here: {why}.")
    if network and form_of(network) not in backend.forms:
        raise BackendError(
            f"backend {name} cannot run {network}: the model's architecture has no ONNX for every size, so PyTorch "
            "alone runs it. Use backend=torch, or auto."
        )
    operator = refused(backend, network) if network else None
    if operator:
        instead = "the model it was made of" if operator in INT8 else "a network in float32 with fixed padding"
        raise BackendError(
            f"backend {name} cannot run {network}: it lacks the operator {operator} ({operators.why(operator)}). Use "
            f"backend=auto, or {instead}."
        )
    return backend


def check_names(backend: str, precision: str) -> None:
    """See that both are names at all, whatever this machine can run.

    Raises:
        OptionError: one is not.
    """
    if backend != "auto":
        _named(backend)
    if precision != "auto" and precision not in _PRECISIONS:
        raise OptionError(f"precision {precision!r} is not known; expected auto, {', '.join(_PRECISIONS)}.")


def check_numbers(streams: int | None, device: int, *, name: str) -> None:
    """See that both are numbers that they can be.

    Args:
        streams: from 1; None where that is open.
        device: from 0.
        name: the filter's, for the message.

    Raises:
        OptionError: one is not.
    """
    for option, value, least in (("streams", 1 if streams is None else streams, 1), ("device", device, 0)):
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise OptionError(f"{name}: {option} is {value!r}; expected a whole number from {least}.")


def choose_precision(name: str, tolerated: Sequence[Precision], backend: Backend, *, strict: bool = False) -> Precision:
    """Return the precision asked for; for ``auto`` see :func:`vsmagic.models.spec.preferred`.

    Args:
        name: auto, f32, f16, bf16 or int8.
        tolerated: precisions that the model tolerates, the preferred one first.
        backend: the backend that will run it.
        strict: raise where backend or model lack the precision, instead of computing in f32 and saying so.

    Raises:
        OptionError: no such precision.
        BackendError: ``strict``, and the backend cannot compute in that precision on this machine.
        ModelError: ``strict``, and the model has no network for it.
    """
    if name == "auto":
        return preferred(tolerated, backend.precisions) or "f32"
    check_names("auto", name)
    error = lacking(_PRECISIONS[name], tolerated, backend)
    if error is None:
        return _PRECISIONS[name]
    if strict:
        raise error
    log.warning("%s Computing in f32 instead.", error)
    return "f32"


def lacking(name: Precision, tolerated: Sequence[Precision], backend: Backend) -> BackendError | ModelError | None:
    """Return what stands against computing a model in a precision, with the remedy; None where nothing does.

    A network can be computed in any float that the backend has, whatever the model tolerates; int8 is a network of
    its own, which not every model has.
    """
    if not backend.offers(name):
        can = ", ".join(dict.fromkeys([*backend.precisions, *sorted(backend.on_request)]))
        return BackendError(
            f"backend {backend.name} cannot compute in {name} on this machine (it can: {can}). Choose one of those, or "
            "precision=auto."
        )
    if name == "int8" and name not in tolerated:
        return ModelError(
            "the model has no network in int8; expected precision=auto or a float. Of a model that enlarges, "
            "vsmagic models quantize NAME makes one, called NAME-int8."
        )
    return None


def passed_by(backend: Backend, network: Path | None) -> str | None:
    """Say why ``auto`` does not take a backend for a network; None where it does, unless one before it is taken."""
    return _machine_lacks(backend) or (_network_lacks(backend, network) if network else None)


def _machine_lacks(backend: Backend) -> str | None:
    if backend is ORT:
        return None  # its plugin belongs to the base install
    if backend is NCNN and ncnn.software():
        return "Vulkan has no GPU, at most a software renderer"
    return trouble(backend) or _AFTER_ORT.get(backend.name)


def _network_lacks(backend: Backend, network: Path) -> str | None:
    operator = refused(backend, network)
    return f"the network has the operator {operator} ({operators.why(operator)})" if operator else None


def _usable(backend: Backend, network: Path | None) -> bool:
    if why := _machine_lacks(backend):
        log.debug("backend auto: not %s: %s", backend.name, why)
    elif network and (why := _network_lacks(backend, network)):
        log.info("backend auto: not %s: %s", backend.name, why)
    return why is None


def _named(name: str) -> Backend:
    named = {backend.name: backend for backend in BACKENDS}
    if name not in named:
        import difflib  # only a mistake needs it

        close = difflib.get_close_matches(name, named, n=1)
        hint = f" (did you mean {close[0]}?)" if close else ""
        raise OptionError(f"backend {name!r} is not known; expected auto, {', '.join(named)}{hint}.")
    return named[name]
