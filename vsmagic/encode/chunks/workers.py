"""What makes chunks, here or elsewhere: the interface that the local pool and the cluster implement."""

from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

from vsmagic.encode.chunks.chunk import Task
from vsmagic.encode.chunks.records import Record
from vsmagic.errors import VsmagicError


@dataclass(frozen=True, kw_only=True)
class Rendered:
    """So many frames of a chunk have left the filters, and its file has so many bytes."""

    number: int
    frames: int
    size: int


@dataclass(frozen=True, kw_only=True)
class Said:
    """The graph's script said something; every chunk says much the same."""

    level: int
    """Of :mod:`logging`."""
    words: str


@dataclass(frozen=True, kw_only=True)
class Staged:
    """Something without frames to count goes on, such as indexing."""

    words: str


@dataclass(frozen=True, kw_only=True)
class Made:
    """A chunk is finished: file and record lie in the job's folder."""

    number: int
    record: Record


@dataclass(frozen=True, kw_only=True)
class Failed:
    """A chunk could not be made, here or anywhere else."""

    number: int
    error: VsmagicError


Event = Rendered | Said | Staged | Made | Failed


class Workers(Protocol):
    """Make chunks, several at a time. All methods are called from one thread."""

    @property
    def free(self) -> int:
        """How many more tasks can be started now."""

    def start(self, task: Task) -> None:
        """Begin a chunk; what becomes of it comes out of :meth:`next`."""

    def next(self) -> Event:
        """Wait for the next event of any chunk."""

    def __enter__(self) -> Self:
        """Return itself."""

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop whatever still runs; nothing half-made is left."""
