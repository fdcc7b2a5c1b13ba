"""How a name, a file and a flow scale become a RIFE that runs."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from vsmagic.digest import digest
from vsmagic.errors import ModelError
from vsmagic.files import write_atomically
from vsmagic.models import catalogue, motion, registry, store
from vsmagic.models.entry import Entry
from vsmagic.models.motion import FlowScale, MotionModel, MotionSpec
from vsmagic.models.rife.added import PRECISIONS, Added, load
from vsmagic.models.spec import encode_spec, load_spec
from vsmagic.settings import settings

if TYPE_CHECKING:
    from vsmagic.models.rife.architecture import Architecture
    from vsmagic.models.rife.convert import Weights

log = logging.getLogger(__name__)

SCALES = (0.25, 0.5, 1.0, 2.0, 4.0)
"""Flow scales there are, as in the authors' own program."""

LIMITS = ((1200, 1.0), (2400, 0.5))
"""Frames of up to so many lines get this scale by themselves, larger ones a quarter. RIFE's authors recommend 0.5 for
4K (README of hzwer/Practical-RIFE); 1200 and 2400 are the largest heights that go by the names of 1080p and 4K."""

_PREFERRED = ("4.25", "4.26", "4.25-lite", "4.6", "4.15-lite", "4.26-heavy", "4.25-heavy")
"""Versions in the order in which they are taken where nobody asks for one; the first is its authors' advice."""

_PREPARATION = 1
"""Goes up when what is made of a file changes, so that nothing made earlier is taken for it."""


def resolve(name: str, *, flow_scale: FlowScale = "auto", height: int) -> MotionModel:
    """Turn what a user typed into a RIFE that runs. Never downloads.

    Args:
        name: ``rife-4.25`` and the like, the name of a RIFE that was added, or the path of a ``.pkl``, ``.pth`` or
            ``.safetensors``.
        flow_scale: how much larger (above 1: for small pictures and fine motion) or smaller (below 1: for large
            pictures and far motion) than usual motion is looked for; ``auto``: by the height.
        height: lines of the frames, the smaller side for upright ones.

    Raises:
        OptionError: there is no such flow scale.
        ModelError: no such model or file, a model that has not been fetched, or a file that is no RIFE.
        SetupError: its weights have to be converted, which needs the ``convert`` extra.
    """
    scale = motion.scaled(flow_scale, height, scales=SCALES, limits=LIMITS)
    if store.is_name(name) and store.adds_frames(name):
        return _of_added(load(store.added(name)), scale)
    path = Path(name)
    if path.suffix.lower() in registry.SUFFIXES:
        return _local(path, scale)
    entry = catalogue.find(name)
    if entry is None or entry.family != "RIFE":
        raise motion.unknown(name)
    return of_entry(entry, scale)


def installed() -> str | None:
    """Return the name of a RIFE that is on this machine, the most advisable one; None where there is none."""
    names = [f"rife-{version}" for version in _PREFERRED]
    return next((name for name in (*names, *store.added_between()) if _is_here(name)), None)


def _is_here(name: str) -> bool:
    entry = catalogue.find(name)
    return store.adds_frames(name) or (entry is not None and store.state(entry) == "fetched")


def of_entry(entry: Entry, flow_scale: float = 1.0) -> MotionModel:
    """Turn an entry of the list into a model that runs.

    Raises:
        ModelError: it has not been fetched, is damaged, or is of another version than its name says.
        SetupError: the ``convert`` extra is not installed.
    """
    path = registry.fetched(entry)
    identity = store.expected(entry.file) if entry.file else None
    source = _Source(name=entry.name, path=path, identity=identity or "", licence=entry.licence, entry=entry)
    return _made(source, flow_scale)


def fits(entry: Entry, found: "Architecture", path: Path) -> None:
    """Check that weights are of the version that an entry is.

    Raises:
        ModelError: they are not.
    """
    version = entry.name.removeprefix("rife-")
    if version not in found.versions:
        raise ModelError(f"model {path}: its layers are those of {found.name}; {entry.name} is another network.")


class _Source(msgspec.Struct, frozen=True, kw_only=True):
    """Weights on disk, and what is known of them."""

    name: str
    path: Path
    identity: str
    """Changes when the file does."""
    licence: str = "unknown"
    entry: Entry | None = None
    """The entry of the list that the weights have to fit."""


def _of_added(facts: Added, flow_scale: float) -> MotionModel:
    path = store.added(facts.name) / "weights.safetensors"
    return _made(_Source(name=facts.name, path=path, identity=facts.sha256, licence=facts.licence), flow_scale)


def _local(path: Path, flow_scale: float) -> MotionModel:
    if path.suffix.lower() == ".onnx":
        raise ModelError(
            f"model {path}: an ONNX of RIFE is made for one flow scale and not taken; give its authors' .pkl."
        )
    try:
        stat = path.stat()
    except OSError as error:
        raise ModelError(f"model {path}: the file cannot be read ({error.strerror}).") from error
    identity = f"{path.resolve()}\0{stat.st_size}\0{stat.st_mtime_ns}"
    return _made(_Source(name=path.stem, path=path, identity=identity), flow_scale)


def _made(source: _Source, flow_scale: float) -> MotionModel:
    """Return the network made of weights for a flow scale, making it where that has not been done."""
    folder = _folder(source, flow_scale)
    if not (folder / "spec.json").exists():
        _make(source, flow_scale, folder)
    return MotionModel(spec=load_spec(folder / "spec.json", MotionSpec), path=folder / "network.onnx")


def _folder(source: _Source, flow_scale: float) -> Path:
    identity = f"rife\0{_PREPARATION}\0{source.name}\0{source.identity}\0{flow_scale!r}"
    return settings().models / "local" / digest(identity.encode())[:32]


def make(facts: Added, found: "Weights", path: Path) -> None:
    """Make the usual network of weights that are about to be added, so that it is there when they are asked for.

    Raises:
        SetupError, ModelError: as :func:`vsmagic.models.rife.convert.export`.
    """
    source = _Source(name=facts.name, path=path, identity=facts.sha256, licence=facts.licence)
    _write(source, found, 1.0, _folder(source, 1.0))


def _make(source: _Source, flow_scale: float, folder: Path) -> None:
    registry.check_build(source.path)
    from vsmagic.models.rife import convert

    found = convert.read(source.path)
    if found is None:
        raise ModelError(f"model {source.path}: not weights of RIFE, whose layers are called block0.conv0 and so on.")
    if source.entry:
        fits(source.entry, found.architecture, source.path)
    _write(source, found, flow_scale, folder)


def _write(source: _Source, found: "Weights", flow_scale: float, folder: Path) -> None:
    import hashlib  # at every start it would load OpenSSL

    from vsmagic.models.rife import convert

    log.info("%s: %s; converting it to ONNX for a flow scale of %g", source.name, found.architecture.name, flow_scale)
    content = convert.export(found, flow_scale, source.path)
    spec = MotionSpec(
        name=source.name,
        multiple=found.architecture.multiple(flow_scale),
        precisions=PRECISIONS,
        activations=found.architecture.activations(flow_scale),
        licence=source.licence,
        sha256=hashlib.sha256(content).hexdigest(),
    )
    write_atomically(folder / "network.onnx", content)
    write_atomically(folder / "spec.json", encode_spec(spec))  # last, since it is what tells that all is there
