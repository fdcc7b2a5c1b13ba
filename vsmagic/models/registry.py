"""How a name or a file becomes a model that runs. Which names there are is told by the catalogue."""

import math
from collections.abc import Callable
from pathlib import Path

import msgspec
from msgspec.structs import replace

from vsmagic.digest import digest
from vsmagic.errors import MissingModelError, ModelError, NotReadyError
from vsmagic.files import write_atomically
from vsmagic.models import catalogue, store
from vsmagic.models.entry import Entry
from vsmagic.models.spec import FILES, INT8_SUFFIX, ModelSpec, Precision, encode_spec, load_spec
from vsmagic.settings import settings

EMBEDDED = Path(__file__).with_name("embedded")
SUFFIXES = (".onnx", ".pth", ".pkl", ".safetensors")
"""Files that can be models."""

ENTRIES = tuple(entry for entry in catalogue.ENTRIES if entry.embedded and entry.kind == "upscale")
"""The models that come with the package."""

AUTO = tuple(
    sorted(
        (one for one in ENTRIES if one.scale > 1 and one.purpose == "clean" and one.tier == "balanced"
         and one.content in ("any", "photo")),
        key=lambda one: (one.scale, one.passes),
    )
)  # fmt: skip
"""Those that ``auto`` chooses among, the smallest scale first: they suit everything, and leave the picture as it is."""

_PREPARATION = 4
"""Goes up when what is made of a file changes, so that nothing made earlier is taken for it."""


class Network(msgspec.Struct, frozen=True, kw_only=True):
    """What is given to a backend."""

    path: Path
    sha256: str
    """Hash that it is known by, lower-case hexadecimal."""


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """A network on disk that can run now: its facts, its file, and how often it is applied."""

    name: str
    spec: ModelSpec
    path: Path
    """ONNX with float32 input and output, or weights where the spec's form says so."""
    passes: int = 1
    weights: Path | None = None
    """The ``.pth`` or ``.safetensors`` that it was made of, where it was made of one that is still there."""

    @property
    def scale(self) -> int:
        """Output size over input size, after all passes."""
        return int(self.spec.scale**self.passes)

    def network(self, precision: Precision) -> Network:
        """Return what computes in a precision that the model tolerates."""
        if precision == "int8" and self.spec.int8:
            return Network(path=self.path.with_suffix(INT8_SUFFIX), sha256=self.spec.int8.sha256)
        return Network(path=self.path, sha256=self.spec.sha256)

    @property
    def networks(self) -> tuple[Network, ...]:
        """All that it has, each once."""
        return tuple(dict.fromkeys(map(self.network, self.spec.tolerated)))


def resolve(name: str, *, factor: float = 1.0) -> Model:
    """Turn what a user typed into a model that runs. Never downloads.

    Args:
        name: ``auto`` (the one of :data:`AUTO` whose scale is the smallest that reaches ``factor``, else the largest),
            a name of the catalogue or of a model that was added, ``NAME@STRENGTH`` (0 to 1) for a model whose
            weights can be mixed with its partner's, or the path of a local ``.onnx``, ``.pth``, ``.pkl`` or
            ``.safetensors``.
        factor: enlargement that is wanted, used by ``auto``.

    Raises:
        ModelError: no such model or file, a model that has not been fetched, or a file that is not a model vsmagic
            can run.
        SetupError: another file than an ``.onnx`` needs the ``convert`` extra, which is not installed.
    """
    if name == "auto":
        return _embedded(next((entry for entry in AUTO if entry.scale >= factor - 1e-9), AUTO[-1]))
    if store.is_name(name) and (store.added(name) / "spec.json").is_file():
        return _prepared(store.added(name), name)
    if store.is_name(name) and store.adds_frames(name):
        raise ModelError(_between(name))
    path = Path(name)
    if path.suffix.lower() in SUFFIXES:
        return _local(path)
    plain, at, strength = name.partition("@")
    entry = catalogue.find(plain)
    if entry is None:
        raise ModelError(f"model {name!r} is not known; {_known(plain)}")
    return _blended(entry, strength) if at else of_entry(entry)


def of_entry(entry: Entry) -> Model:
    """Turn an entry into a model that runs.

    Raises:
        ModelError: it has not been fetched, is damaged, or does not upscale.
    """
    if entry.kind != "upscale":
        raise ModelError(_between(entry.name))
    if entry.embedded:
        return _embedded(entry)
    path = fetched(entry)

    def prepare(folder: Path) -> None:
        _prepare(path, folder)

    return _as_entry(_of_file(_once(entry.sha256, prepare, path), path), entry)


def _between(name: str) -> str:
    return f"model {name} makes frames in between; to enlarge, take another one."


def fetched(entry: Entry) -> Path:
    """Return an entry's file, which is the authors' own.

    Raises:
        ModelError: there is none to fetch.
        MissingModelError: it is not there or not the authors'; says the command that fetches it.
    """
    if entry.file is None or entry.file.by_hand:
        raise ModelError(by_hand(entry))
    match store.is_whole(entry.file):
        case None:
            raise MissingModelError(
                f"model {entry.name} is not on this machine; run: vsmagic models fetch {entry.name}"
            )
        case False:
            origin = "its authors published" if entry.file.sha256 else "that was first downloaded"
            raise MissingModelError(
                f"model {entry.name}: {store.path_of(entry.file)} is not the file {origin} (its SHA-256 differs); run: "
                f"vsmagic models fetch {entry.name}"
            )
        case _:
            return store.path_of(entry.file)


def by_hand(entry: Entry) -> str:
    """Say how a model gets here that is not downloaded because its hash is not known well enough."""
    name = entry.file.name if entry.file else "FILE"
    return (
        f"model {entry.name} cannot be fetched: its authors publish it inside an archive, and what it must be is not "
        f"known for certain. Get it from {entry.page}, then run: vsmagic models add {name} --name {entry.name}"
    )


def memory_per_pixel(spec: ModelSpec) -> int:
    """Bytes one stream takes per input pixel, as an estimate.

    Half as much again as the widest place in float32: OpenVINO takes 1.0 to 1.3 times that place.
    """
    return math.ceil(1.5 * spec.activations * 4)


def _known(name: str) -> str:
    import difflib  # only a mistake needs it

    names = ["auto", *(entry.name for entry in catalogue.ENTRIES), *store.added_names()]
    close = difflib.get_close_matches(name.casefold(), names, n=1)
    hint = f" (did you mean {close[0]}?)" if close else ""
    return f"expected auto, a name that vsmagic models lists, or the path of a file of a model{hint}."


def _embedded(entry: Entry) -> Model:
    spec = load_spec(EMBEDDED / f"{entry.embedded}.json", ModelSpec)
    return Model(name=entry.name, spec=spec, path=EMBEDDED / f"{entry.embedded}.onnx", passes=entry.passes)


def _as_entry(model: Model, entry: Entry, name: str | None = None) -> Model:
    """Let what the list says about a model stand in its spec."""
    spec = replace(
        model.spec,
        name=name or entry.name,
        precisions=entry.precisions,
        content=entry.content,
        licence=entry.licence,
    )
    return replace(model, name=spec.name, spec=spec)


def _blended(entry: Entry, text: str) -> Model:
    """Return a model whose weights lie between those of an entry (strength 1) and its partner (strength 0)."""
    partner = catalogue.find(entry.blend) if entry.blend else None
    if partner is None:
        able = ", ".join(entry.name for entry in catalogue.ENTRIES if entry.blend)
        raise ModelError(f"model {entry.name}@{text}: it has no strength to set. Models that have: {able}.")
    try:
        strength = float(text)
    except ValueError:
        strength = math.nan
    if not 0 <= strength <= 1:
        raise ModelError(f"model {entry.name}@{text}: expected a strength from 0 to 1, such as {entry.name}@0.5")
    if strength in (0, 1):
        return of_entry(entry if strength else partner)
    first, second = fetched(entry), fetched(partner)

    def prepare(folder: Path) -> None:
        from vsmagic.models import convert

        spec, content = convert.blend(first, second, strength)
        _write(folder, spec, content)

    key = f"{entry.sha256}\0{partner.sha256}\0{strength!r}"
    return _as_entry(_once(key, prepare, first), entry, f"{entry.name}@{strength:g}")


def _local(path: Path) -> Model:
    """Read a local file's facts once; later calls find them by the file's path, size and time of change."""
    try:
        stat = path.stat()
    except OSError as error:
        raise ModelError(f"model {path}: the file cannot be read ({error.strerror}).") from error

    def prepare(folder: Path) -> None:
        _prepare(path, folder)

    return _of_file(_once(f"{path.resolve()}\0{stat.st_size}\0{stat.st_mtime_ns}", prepare, path), path)


def _of_file(model: Model, path: Path) -> Model:
    """Let a model know the weights that it was made of."""
    return model if path.suffix.lower() == ".onnx" else replace(model, weights=path)


def _once(identity: str, prepare: Callable[[Path], None], path: Path) -> Model:
    """Return the model prepared for this identity, preparing it where that has not been done."""
    key = digest(f"{_PREPARATION}\0{identity}".encode())[:32]
    folder = settings().models / "local" / key
    if not (folder / "spec.json").exists():
        check_build(path)
        prepare(folder)
    model = _prepared(folder, None)
    return model if model.path.exists() else replace(model, path=path)


def check_build(path: Path) -> None:
    """See that what a file needs to run may be made of it now.

    Raises:
        NotReadyError: VSMAGIC_BUILD is off.
    """
    if not settings().build:
        raise NotReadyError(
            f"model {path}: never used here before, so it has to be read and converted first, and VSMAGIC_BUILD is "
            "off. Set it to on, or run: vsmagic mpv prepare"
        )


def _prepared(folder: Path, name: str | None) -> Model:
    spec = load_spec(folder / "spec.json", ModelSpec)
    return Model(name=name or spec.name, spec=spec, path=folder / FILES[spec.form])


def _prepare(path: Path, folder: Path) -> None:
    """Write a file's spec, and a network that runs where the file itself cannot."""
    from vsmagic.models import prepare

    spec, content = prepare.prepare(path)
    _write(folder, spec, content)


def _write(folder: Path, spec: ModelSpec, content: bytes | None) -> None:
    """Write a prepared model; the spec comes last, since it is what tells that all is there."""
    if content is not None:
        write_atomically(folder / FILES[spec.form], content)
    write_atomically(folder / "spec.json", encode_spec(spec))
