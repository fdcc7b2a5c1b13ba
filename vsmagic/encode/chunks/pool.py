"""Chunks made on this machine: one thread each, which waits for a vspipe and an ffmpeg of its own."""

import logging
import queue
import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from vsmagic.encode.children import Children
from vsmagic.encode.chunks import chunk
from vsmagic.encode.chunks.chunk import Task, Tools
from vsmagic.encode.chunks.folder import disk_errors
from vsmagic.encode.chunks.workers import Event, Failed, Made, Rendered, Said, Staged
from vsmagic.errors import VsmagicError

log = logging.getLogger(__name__)


class Pool:
    """Workers on this machine.

    A chunk whose frames have all left the filters makes room for the next one, whose graph is built while the encoder
    of the former ends.
    """

    def __init__(self, folder: Path, tools: Sequence[Tools]) -> None:
        """Make a pool that works when it is entered.

        Args:
            folder: of the job.
            tools: of each worker; there are as many workers.
        """
        self._folder = folder
        self._idle = list(tools)
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._running: dict[int, _Running] = {}
        self._rendering: dict[int, _Running] = {}

    @property
    def free(self) -> int:
        """How many more tasks can be started now."""
        return len(self._idle)

    def start(self, task: Task) -> None:
        """Begin a chunk."""
        running = _Running(task, self._folder, self._idle.pop(), self._events)
        self._running[task.number] = self._rendering[task.number] = running
        running.thread.start()

    def next(self) -> Event:
        """Wait for the next event of any chunk."""
        event = self._events.get()
        if isinstance(event, Rendered) and event.frames >= self._running[event.number].task.frames:
            self._make_room(event.number)
        elif isinstance(event, Made | Failed):
            self._make_room(event.number)
            self._running.pop(event.number).thread.join()
        return event

    def _make_room(self, number: int) -> None:
        rendered = self._rendering.pop(number, None)
        if rendered is not None:
            self._idle.append(rendered.tools)

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop whatever still runs."""
        for running in self._running.values():
            running.children.stop()
        for running in self._running.values():
            running.thread.join()


class _Running:
    """One chunk in the making."""

    def __init__(self, task: Task, folder: Path, tools: Tools, events: "queue.SimpleQueue[Event]") -> None:
        self.tools = tools
        self.task = task
        self.children = Children()
        self._folder, self._events = folder, events
        self.thread = threading.Thread(target=self._work, name=f"chunk {task.number}", daemon=True)

    def _work(self) -> None:
        try:
            with disk_errors(self._folder / self.task.file):
                record = chunk.make(self.task, self._folder, self.tools, self, self.children)
        except VsmagicError as error:
            self._events.put(Failed(number=self.task.number, error=error))
        except BaseException as error:  # a thread's exception would end nothing
            wrapped = VsmagicError(f"unexpected {type(error).__name__}: {error}.")
            wrapped.__cause__ = error
            self._events.put(Failed(number=self.task.number, error=wrapped))
        else:
            self._events.put(Made(number=self.task.number, record=record))

    def frames(self, done: int, size: int) -> None:
        """See :class:`~vsmagic.encode.pipeline.Heard`."""
        self._events.put(Rendered(number=self.task.number, frames=done, size=size))

    def stage(self, words: str) -> None:
        """Something without frames to count goes on."""
        self._events.put(Staged(words=words))

    def say(self, level: int, words: str) -> None:
        """The script said something."""
        self._events.put(Said(level=level, words=words))
