"""What a node of a Ray cluster does: it looks whether it can make chunks of a job, and makes them."""

import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from vsmagic.encode import chunk, identity, pipeline, records
from vsmagic.encode import vspipe as vspipes
from vsmagic.encode.children import Children
from vsmagic.encode.chunk import Task, Tools
from vsmagic.encode.description import Description, Network, Refusal, Shape
from vsmagic.encode.ffmpeg import find_ffmpeg
from vsmagic.encode.folder import disk_errors
from vsmagic.encode.identity import Stamp
from vsmagic.encode.listening import Listening
from vsmagic.encode.progress import Silent
from vsmagic.encode.records import Record
from vsmagic.encode.vspipe import find_vspipe
from vsmagic.errors import EncodeError, SetupError, SourceError, VsmagicError

TOKEN = f"{chunk.MAKING}token"
"""Folder in the job's, by which a node proves that it sees it."""
_WORD = "word"
_TELL_SECONDS = 0.5
_PIECE = 4 * 2**20
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


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """A chunk to make."""

    task: Task
    folder: str | None
    """The job's, where it is the same one on the node; None: the file is sent back."""
    ffmpeg: str | None


class Done(msgspec.Struct, frozen=True, kw_only=True, tag="done"):
    """A chunk was made."""

    record: Record


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


def make(order: bytes, attempt: str, mailbox: Any) -> bytes:
    """Make a chunk.

    Args:
        order: an :class:`Order` as JSON.
        attempt: its name, that of a folder too.
        mailbox: hears how far it is, and says when it is wanted no more.

    Returns:
        A :class:`Done` or a :class:`~vsmagic.encode.description.Refusal` as JSON.
    """
    wanted = msgspec.json.decode(order, type=Order)
    children = Children()
    try:
        with (
            _Line(mailbox, attempt, children.stop) as line,
            _place(wanted.folder, attempt) as folder,
            disk_errors(folder / wanted.task.file),
        ):
            tools = Tools(vspipe=find_vspipe(), ffmpeg=find_ffmpeg(wanted.ffmpeg))
            record = chunk.make(wanted.task, folder, tools, line, children)
            if wanted.folder is None:
                line.send(folder / record.file)
        return msgspec.json.encode(Done(record=record))
    except VsmagicError as error:
        return msgspec.json.encode(Refusal(error=str(error), exit_code=error.exit_code))


@contextmanager
def _place(shared: str | None, attempt: str) -> Iterator[Path]:
    """Give a folder for the chunk: in the job's, from where it is moved to its name, or one that goes again."""
    if shared is None:
        with tempfile.TemporaryDirectory(prefix="vsmagic-") as name:
            yield Path(name)
        return
    folder = Path(shared) / f"{chunk.MAKING}{attempt}"
    with disk_errors(folder):
        folder.mkdir()
    try:
        yield folder
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


class _Line:
    """Tells the mailbox every half second how far the chunk is, and stops the chunk when nobody wants it."""

    def __init__(self, mailbox: Any, attempt: str, stop: Callable[[], None]) -> None:
        self._mailbox, self._attempt, self._stop = mailbox, attempt, stop
        self._lock = threading.Lock()
        self._letters: list[tuple[Any, ...]] = [("begun",)]
        self._frames: tuple[int, int] | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mailbox", daemon=True)

    def frames(self, done: int, size: int) -> None:
        """See :class:`~vsmagic.encode.pipeline.Heard`."""
        self._frames = (done, size)

    def stage(self, words: str) -> None:
        """See :class:`~vsmagic.encode.pipeline.Heard`."""
        with self._lock:
            self._letters = [letter for letter in self._letters if letter[0] != "stage"] + [("stage", words)]

    def say(self, level: int, words: str) -> None:
        """See :class:`~vsmagic.encode.pipeline.Heard`."""
        with self._lock:
            self._letters.append(("said", level, words))

    def send(self, file: Path) -> None:
        """Send a file in pieces, as fast as they are taken.

        Raises:
            EncodeError: nobody wants it.
        """
        with file.open("rb") as opened:
            while data := opened.read(_PIECE):
                if not self._asked(self._mailbox.piece, data):
                    raise EncodeError("stopped before it was sent.")

    def __enter__(self) -> Self:
        if not self._tell():
            raise EncodeError("stopped before it was begun.")
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
        self._tell()

    def _run(self) -> None:
        while not self._ended.wait(_TELL_SECONDS):
            if not self._tell():
                self._stop()
                return

    def _tell(self) -> bool:
        with self._lock:
            letters, self._letters = self._letters, []
        frames, self._frames = self._frames, None
        return self._asked(self._mailbox.tell, letters if frames is None else [*letters, ("frames", *frames)])

    def _asked(self, method: Any, content: object) -> bool:
        """Return what the mailbox says; where it is gone, so is the one who wanted the chunk."""
        import ray

        try:
            return bool(ray.get(method.remote(self._attempt, content)))
        except ray.exceptions.RayError:
            return False
