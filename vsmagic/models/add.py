"""Register a model of the user's own under a name."""

import errno
import hashlib
import re
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from vsmagic.errors import ModelError, OptionError, OutputError
from vsmagic.files import cache_folder, write_atomically
from vsmagic.models import catalogue, inspect, prepare, registry, store
from vsmagic.models.entry import Entry
from vsmagic.models.rife.added import Added
from vsmagic.models.spec import FILES, ModelSpec, encode_spec
from vsmagic.settings import settings

if TYPE_CHECKING:
    from vsmagic.models.rife.convert import Weights


def add(path: Path, name: str | None = None) -> ModelSpec | Added:
    """Convert a model file where needed, check it, and keep what runs under a name.

    Weights of RIFE, which makes frames in between, are recognised by their layers; of them the weights are kept, since
    the network is made for each flow scale.

    Args:
        path: a ``.onnx``, ``.pth``, ``.pkl`` or ``.safetensors``; it may be deleted afterwards.
        name: what to call it; by default the file's name without its suffix.

    Returns:
        The model's facts.

    Raises:
        OptionError: the name cannot be used or is taken, or the file is of another kind.
        SetupError: the ``convert`` extra, which other files than ONNX need, is not installed.
        ModelError: not a model that vsmagic can run.
        OutputError: the models folder cannot be written.
    """
    if path.suffix.lower() not in registry.SUFFIXES:
        raise OptionError(f"models add: {path} is no {', '.join(registry.SUFFIXES)} file.")
    called = name if name is not None else re.sub(r"[^A-Za-z0-9._+-]+", "-", path.stem).lstrip("._+-")
    entry = _free(called, path)
    if path.suffix.lower() != ".onnx":
        from vsmagic.models.rife import convert as rife

        between = rife.read(path)
        if between is not None:
            return _add_rife(between, called, entry, path)
    spec, content = prepare.check(path)
    network = content if content is not None else inspect.read(path)
    spec = msgspec.structs.replace(spec, name=called, sha256=hashlib.sha256(network).hexdigest())
    if entry:
        if (spec.scale, spec.channels) != (entry.scale, entry.channels):
            raise ModelError(f"models add: {path} enlarges {spec.scale} times; {called} is a model of x{entry.scale}.")
        spec = msgspec.structs.replace(spec, content=entry.content, licence=entry.licence)
    keep(spec, network)
    return spec


def _add_rife(found: "Weights", called: str, entry: Entry | None, path: Path) -> Added:
    """Keep the weights of a RIFE, once a network has been made of them and agreed with PyTorch."""
    from vsmagic.models.rife import convert as rife
    from vsmagic.models.rife.resolve import fits, make

    if entry and entry.kind != "interpolate":
        raise ModelError(f"models add: {path} makes frames in between; {called} is a model of x{entry.scale}.")
    if entry:
        fits(entry, found.architecture, path)
    content = rife.kept(found)
    facts = Added(
        name=called,
        version=entry.name.removeprefix("rife-") if entry else found.architecture.versions[0],
        licence=entry.licence if entry else "unknown",
        sha256=hashlib.sha256(content).hexdigest(),
    )
    make(facts, found, path)
    _together(called, {"weights.safetensors": content, "motion.json": encode_spec(facts)})
    return facts


def _free(name: str, path: Path) -> Entry | None:
    """Check that a name can be given; return the entry that waits for this model to be added by hand."""
    if not store.is_name(name) or name == "auto" or Path(name).suffix.lower() in registry.SUFFIXES:
        raise OptionError(
            f"models add: a model cannot be called {name!r}; expected letters, digits, dots, hyphens, plus signs and "
            "underscores, and no file's suffix. Choose another with --name."
        )
    if store.is_taken(name):
        raise OptionError(_taken(name))
    entry = catalogue.find(name)
    if entry and not (entry.file and entry.file.sha256 is None):
        raise OptionError(
            f"models add: {name} is a model that vsmagic knows. If {path} is its authors' file, run: vsmagic models "
            f"fetch {entry.name} --from {path}; else choose another name with --name."
        )
    return entry


def _taken(name: str) -> str:
    return f"there is a model called {name} already; choose another name, or run: vsmagic models remove {name}"


def keep(spec: ModelSpec, network: bytes) -> None:
    """Register a model that is ready; facts and network appear together or not at all.

    Raises:
        OptionError: the name is taken.
        OutputError: the models folder cannot be written.
    """
    _together(spec.name, {FILES[spec.form]: network, "spec.json": encode_spec(spec)})


def _together(name: str, files: dict[str, bytes]) -> None:
    """Write the files of an added model; all of them appear at once."""
    parent = cache_folder(settings().models / "added")
    try:
        folder = Path(tempfile.mkdtemp(dir=parent, prefix="."))
    except OSError as error:
        raise OutputError(f"{parent}: cannot be written ({error.strerror}). Set VSMAGIC_CACHE.") from error
    try:
        for file, content in files.items():
            write_atomically(folder / file, content)
        folder.rename(store.added(name))
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
            raise OptionError(_taken(name)) from error
        raise OutputError(f"{parent}: cannot be written ({error.strerror}). Set VSMAGIC_CACHE.") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
