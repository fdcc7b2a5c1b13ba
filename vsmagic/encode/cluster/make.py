"""How a node of a Ray cluster makes a chunk and tells how far it is; runs there."""

import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from vsmagic.encode.children import Children
from vsmagic.encode.chunks import chunk
from vsmagic.encode.chunks.chunk import Task, Tools
from vsmagic.encode.chunks.folder import disk_errors
from vsmagic.encode.chunks.records import Record
from vsmagic.encode.description import Refusal
from vsmagic.encode.ffmpeg import find_ffmpeg
from vsmagic.encode.vspipe import find_vspipe
from vsmagic.errors import EncodeError, OutputError, VsmagicError

_TELL_SECONDS = 0.5
_PIECE = 4 * 2**20


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """A chunk to make."""

    task: Task
    folder: str | None
    """The job's, where it is the same one on the node; None: the file is sent back."""
    ffmpeg: str | None


class Done(msgspec.Struct, frozen=True, kw_only=True, tag="done"):
    """A chunk was made."""

    record: Record


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
        where = f"in {tempfile.gettempdir()} there: " if isinstance(error, OutputError) and not wanted.folder else ""
        return msgspec.json.encode(Refusal(error=f"{where}{error}", exit_code=error.exit_code))


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
