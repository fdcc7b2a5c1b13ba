"""How a node of a Ray cluster looks whether it can make chunks of a job; runs there."""

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

import msgspec

from vsmagic.encode import pipeline
from vsmagic.encode import vspipe as vspipes
from vsmagic.encode.chunks import chunk, identity, records
from vsmagic.encode.chunks.identity import Stamp
from vsmagic.encode.description import Description, Network, Refusal, Shape
from vsmagic.encode.ffmpeg import find_ffmpeg
from vsmagic.encode.listening import Listening
from vsmagic.encode.progress import Silent
from vsmagic.encode.vspipe import find_vspipe
from vsmagic.errors import SetupError, SourceError, VsmagicError

TOKEN = f"{chunk.MAKING}token"
"""Folder in the job's, by which a node proves that it sees it."""
_WORD = "word"
_SAME = ("vapoursynth", "ffmpeg")
"""Of other versions a chunk may not fit to those of the others."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What a node must have."""

    source: Stamp
    files: Mapping[str, str]
    """SHA-256 of the other files that the chain reads, by path."""
    graph: Mapping[str, str]
    shape: Shape
    networks: tuple[Network, ...]
    encoder: str
    """Name of ffmpeg's encoder."""
    ffmpeg: str | None
    """The ffmpeg that the job asks for by path or name."""
    versions: Mapping[str, str]
    folder: str
    """Of the job."""
    word: str
    """What the token there says."""


class Found(msgspec.Struct, frozen=True, kw_only=True, tag="found"):
    """What a node that can make chunks has."""

    networks: tuple[Network, ...]
    memory: int
    """See :class:`~vsmagic.encode.description.Description`."""
    versions: Mapping[str, str]


def check(asked: bytes, node: str) -> bytes:
    """Look whether this node can make chunks: the source, the programs, the graph, which is really built.

    Args:
        asked: an :class:`Asked` as JSON.
        node: name under which the node answers in the job's folder, where it sees that.

    Returns:
        A :class:`Found` or a :class:`~vsmagic.encode.description.Refusal` as JSON.
    """
    wanted = msgspec.json.decode(asked, type=Asked)
    try:
        return msgspec.json.encode(_look(wanted, node))
    except VsmagicError as error:
        return msgspec.json.encode(Refusal(error=str(error), exit_code=error.exit_code))


def prove(folder: Path, word: str) -> None:
    """Lay the token into the job's folder.

    Raises:
        OSError: it cannot be written.
    """
    (folder / TOKEN).mkdir(exist_ok=True)
    (folder / TOKEN / _WORD).write_text(word, encoding="ascii")


def proved(folder: Path, word: str, node: str) -> bool:
    """Return whether a node has found the token and laid its own beside it."""
    try:
        return (folder / TOKEN / node).read_text(encoding="ascii") == word
    except OSError:
        return False


def _look(asked: Asked, node: str) -> Found:
    _check_source(Path(asked.graph["source"]), asked.source)
    _check_files(asked.files)
    vspipe, ffmpeg = find_vspipe(), find_ffmpeg(asked.ffmpeg)
    ffmpeg.require(asked.encoder)
    versions = identity.versions(ffmpeg.version)
    for name in _SAME:
        if versions.get(name) != asked.versions.get(name):
            raise SetupError(f"it has {name} {versions.get(name)}, not {asked.versions.get(name)}")
    described = _described(vspipe, asked.graph)
    if described.shape != asked.shape:
        raise SetupError(f"its filters give another clip ({described.shape}, not {asked.shape})")
    _check_networks(described.networks, asked.networks)
    _answer(asked, node)
    return Found(networks=described.networks, memory=described.memory, versions=versions)


def _check_source(source: Path, wanted: Stamp) -> None:
    try:
        found = identity.stamp(source)
    except OSError as error:
        raise SourceError(f"it cannot read {source} ({error.strerror})") from error
    if (found.size, found.sample) != (wanted.size, wanted.sample):  # file systems may keep times differently
        raise SourceError(f"it has another {source}")


def _check_files(wanted: Mapping[str, str]) -> None:
    for path, sha256 in wanted.items():
        try:
            found = records.sha256_of(Path(path))
        except OSError as error:
            raise SourceError(f"it cannot read {path} ({error.strerror})") from error
        if found != sha256:
            raise SourceError(f"it has another {path}")


def _described(vspipe: vspipes.Vspipe, graph: Mapping[str, str]) -> Description:
    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder) / "clip.json"
        arguments = {**graph, "describe": str(told), "parent": str(os.getpid())}
        return pipeline.describe(
            vspipes.command(vspipe, arguments), environment=vspipe.environ(), described=told, heard=Listening(Silent())
        )


def _check_networks(found: tuple[Network, ...], wanted: tuple[Network, ...]) -> None:
    """Refuse another file of the same network; what runs it may be something else."""
    digests = {(one.name, one.backend, one.precision): one.digest for one in wanted}
    for one in found:
        if digests.get((one.name, one.backend, one.precision), one.digest) != one.digest:
            raise SetupError(f"it has another {one.name}")


def _answer(asked: Asked, node: str) -> None:
    place = Path(asked.folder) / TOKEN
    try:
        if (place / _WORD).read_text(encoding="ascii") == asked.word:
            (place / node).write_text(asked.word, encoding="ascii")
    except OSError:
        return  # another folder, or none: files are sent back
