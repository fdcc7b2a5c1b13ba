"""What a job is, so that a later run of the same command can tell whether it goes on or begins afresh."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

import vsmagic
from vsmagic.encode.chunks import records
from vsmagic.encode.description import Description, Network

_SAMPLES = 16
_SAMPLE_BYTES = 2**16
_LIBRARIES = {"torch": ("torch",), "vsgan": ("torch", "vsgan")}
"""What computes a network, by backend, where that is no plugin."""


_ELSEWHERE = frozenset({"bench", "cli", "gpucheck", "mpv", "training"})
"""Packages that no chunk is made by."""


class Stamp(msgspec.Struct, frozen=True, kw_only=True):
    """What tells one content of a file from another without reading all of it."""

    size: int
    """Bytes."""
    modified: int
    """Nanoseconds since 1970."""
    sample: str
    """SHA-256 over blocks spread over the file."""


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that changes a bit of a chunk."""

    source: Stamp
    graph: Mapping[str, str]
    """Arguments of ``encode.vpy``, the chain among them."""
    encoder: tuple[str, ...]
    """What ffmpeg is told."""
    versions: Mapping[str, str]
    """Of whatever makes pixels and packets, by name."""
    description: Description
    files: Mapping[str, str] = {}
    """See :func:`files`."""


def stamp(path: Path) -> Stamp:
    """Take the stamp of a file.

    Raises:
        OSError: it cannot be read.
    """
    told = path.stat()
    found = hashlib.sha256()
    with path.open("rb") as file:
        for number in range(_SAMPLES):
            file.seek(max(0, told.st_size - _SAMPLE_BYTES) * number // (_SAMPLES - 1))
            found.update(file.read(_SAMPLE_BYTES))
    return Stamp(size=told.st_size, modified=told.st_mtime_ns, sample=found.hexdigest())


def files(chain: str) -> dict[str, str]:
    """Return the SHA-256 of the keyframe files that a chain names, by path; models tell their own.

    Raises:
        OSError: one cannot be read.
    """
    steps: list[dict[str, Any]] = msgspec.json.decode(chain)
    named = [step["keyframes"] for step in steps if isinstance(step.get("keyframes"), str)]
    return {path: records.sha256_of(Path(path)) for path in named}


def versions(ffmpeg: str, networks: Sequence[Network] = ()) -> dict[str, str]:
    """Return the versions of this package, of VapourSynth and its plugins, of ffmpeg, and of what runs networks."""
    libraries = {library for network in networks for library in _LIBRARIES.get(network.backend, ())}
    found = {
        name: each.version
        for each in metadata.distributions()
        if (name := str(each.metadata["Name"]).lower()).startswith(("vapoursynth", "vsmagic")) or name in libraries
    }
    found["vsmagic"] = f"{vsmagic.__version__} ({code(Path(vsmagic.__file__).parent)})"
    return {**dict(sorted(found.items())), "ffmpeg": ffmpeg}


@cache
def code(package: Path) -> str:
    """Return a short hash of the modules that have a say in a chunk: in a clone the version stays when they change."""
    found = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        name = path.relative_to(package)
        if name.parts[0] not in _ELSEWHERE:
            found.update(f"{name}\0".encode() + path.read_bytes())
    return found.hexdigest()[:8]


def changes(before: Identity, now: Identity) -> list[str]:
    """Say in words what is not as it was; nothing when a job can go on."""
    return list(_changes(before, now))


def _changes(before: Identity, now: Identity) -> Iterator[str]:
    if before.source != now.source:
        yield "the input changed"
    if before.graph.get("chain") != now.graph.get("chain"):
        yield "the chain changed"
    elif before.files != now.files:
        yield "the keyframes changed"
    if _reading(before.graph) != _reading(now.graph):
        yield "the input, its track or how it is read changed"
    if (before.encoder, before.graph.get("codec")) != (now.encoder, now.graph.get("codec")):
        yield "the codec or its options changed"
    if before.description.networks != now.description.networks:
        yield _networks(before.description, now.description)
    if before.versions != now.versions:
        yield _updated(before.versions, now.versions)
    told, tells = (replace(each.description, networks=(), memory=0, bounds=()) for each in (before, now))
    if told != tells:
        yield "the filters give another clip"
    elif before.description.bounds != now.description.bounds:
        yield "the chunks are cut elsewhere"


def _reading(graph: Mapping[str, str]) -> dict[str, str]:
    """Return the arguments that tell what is read."""
    return {key: value for key, value in graph.items() if key not in {"chain", "codec"}}


def _networks(before: Description, now: Description) -> str:
    names = sorted({one.name for one in {*before.networks} ^ {*now.networks}})
    return f"model {', '.join(names)} changed, or what runs it"


def _updated(before: Mapping[str, str], now: Mapping[str, str]) -> str:
    names = sorted(name for name in {*before, *now} if before.get(name) != now.get(name))
    return ", ".join(f"{name} was {before.get(name, 'absent')} and is {now.get(name, 'absent')}" for name in names)
