"""The chunks that run on a Ray cluster now: given to Ray, heard of through the mailbox, and how each one ended."""

import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import msgspec

from vsmagic.encode.chunks.chunk import Task
from vsmagic.encode.chunks.records import Record
from vsmagic.encode.chunks.workers import Event, Rendered, Said, Staged
from vsmagic.encode.cluster import sent
from vsmagic.encode.cluster.arrival import Arrival
from vsmagic.encode.cluster.make import Done, Order
from vsmagic.encode.cluster.nodes import Node, head, pinned
from vsmagic.encode.description import Refusal
from vsmagic.errors import EncodeError, VsmagicError

_END_SECONDS = 10.0


@dataclass(kw_only=True)
class Attempt:
    """One try at a chunk."""

    task: Task
    node: Node
    name: str
    running: Any
    """Ray's reference to what the task returns."""
    arrival: Arrival
    started: float
    """When it was given to Ray."""
    begun: bool = False
    """The node works on it."""


@dataclass(frozen=True, kw_only=True)
class Lost:
    """An attempt ended because its node, or its worker there, is no more."""

    why: str
    gone: bool
    """The whole node is."""


class Attempts:
    """What runs on the cluster now."""

    def __init__(self, ray: Any, folder: Path, ffmpeg: str | None) -> None:
        """Start the mailbox.

        Args:
            ray: the module, connected.
            folder: of the job.
            ffmpeg: that the job asks for by path or name.
        """
        # By value: a node may lack vsmagic, and the head node's part of the client unpacks it too.
        ray.cloudpickle.register_pickle_by_value(sent)
        self._ray, self._folder, self._ffmpeg = ray, folder, ffmpeg
        self._running: dict[str, Attempt] = {}
        made = ray.remote(num_cpus=0, max_restarts=0)(sent.Mailbox)
        self._mailbox = made.options(scheduling_strategy=pinned(ray, head(ray))).remote()

    def submit(self, task: Task, node: Node) -> None:
        """Give a chunk to a node."""
        name = f"{task.number:05}-{uuid.uuid4().hex[:8]}"
        order = Order(task=task, folder=str(self._folder) if node.shared else None, ffmpeg=self._ffmpeg)
        making = self._ray.remote(max_retries=0)(sent.make).options(
            num_cpus=node.share.cpus,
            num_gpus=node.share.gpus,
            memory=node.share.memory,
            name=f"vsmagic chunk {task.number}",
            scheduling_strategy=pinned(self._ray, node.key),
        )
        self._running[name] = Attempt(
            task=task,
            node=node,
            name=name,
            running=making.remote(msgspec.json.encode(order), name, self._mailbox),
            arrival=Arrival(self._folder, name),
            started=monotonic(),
        )
        node.running += 1

    def hear(self, seconds: float) -> Iterator[Event]:
        """Wait at most this long for letters, and give what they tell; pieces go to disk."""
        for name, letter in self._ray.get(self._mailbox.take.remote(seconds)):
            if name in self._running:
                event = _read(self._running[name], letter)
                if event is not None:
                    yield event

    def ended(self) -> list[Attempt]:
        """Return the attempts that have ended."""
        by_reference = {attempt.running: attempt for attempt in self._running.values()}
        if not by_reference:
            return []
        found, _ = self._ray.wait(list(by_reference), num_returns=len(by_reference), timeout=0)
        return [by_reference[each] for each in found]

    def leave(self, attempt: Attempt) -> Record | VsmagicError | Lost:
        """Let go of an attempt that has ended and was heard to its end; return how it ended.

        Raises:
            OSError: the job's folder cannot be written.
        """
        try:
            return self._outcome(attempt)
        finally:
            self._forget(attempt)

    def withdraw(self, attempt: Attempt) -> bool:
        """Take a chunk back that its node has not begun; return whether that is so."""
        if not self._ray.get(self._mailbox.drop.remote(attempt.name)):
            return False
        self._ray.cancel(attempt.running)
        self._forget(attempt)
        return True

    def waiting(self, seconds: float) -> list[Attempt]:
        """Return the attempts that were given to Ray so long ago and are not begun."""
        late = monotonic() - seconds
        return [each for each in self._running.values() if not each.begun and each.started < late]

    def stop(self) -> None:
        """Want nothing more; what does not end by itself is killed."""
        with suppress(Exception):  # the cluster may be what failed
            self._ray.get(self._mailbox.close.remote(), timeout=_END_SECONDS)
            for attempt in self._running.values():
                if not attempt.begun:
                    self._ray.cancel(attempt.running)
            running = [attempt.running for attempt in self._running.values()]
            _, left = self._ray.wait(running, num_returns=len(running), timeout=_END_SECONDS) if running else ([], [])
            for each in left:
                self._ray.cancel(each, force=True)
            self._ray.kill(self._mailbox)

    def _outcome(self, attempt: Attempt) -> Record | VsmagicError | Lost:
        exceptions, name = self._ray.exceptions, attempt.node.name
        try:
            told = msgspec.json.decode(self._ray.get(attempt.running), type=Done | Refusal)
        except exceptions.RayTaskError as error:
            return VsmagicError(f"{name}: unexpected {error.cause!r}.")
        except exceptions.RayError as error:
            return _lost(exceptions, error)
        if isinstance(told, Refusal):
            return _error(told, name)
        try:
            attempt.arrival.finish(told.record)
        except EncodeError as error:
            return EncodeError(f"{name}: {error}")
        return told.record

    def _forget(self, attempt: Attempt) -> None:
        del self._running[attempt.name]
        attempt.node.running -= 1
        attempt.arrival.discard()


def _read(attempt: Attempt, letter: tuple[Any, ...]) -> Event | None:
    match letter:
        case ("begun",):
            attempt.begun = True
        case ("frames", done, size):
            return Rendered(number=attempt.task.number, frames=done, size=size)
        case ("stage", words):
            return Staged(words=words)
        case ("said", level, words):
            return Said(level=level, words=words)
        case ("piece", data):
            attempt.arrival.add(attempt.task.file, data)
    return None


def _error(refusal: Refusal, name: str) -> VsmagicError:
    """Return what failed on a node, as an error of the same class."""
    kinds: dict[int, type[VsmagicError]] = {kind.exit_code: kind for kind in VsmagicError.__subclasses__()}
    return kinds.get(refusal.exit_code, VsmagicError)(f"{name}: {refusal.error}")


def _lost(exceptions: Any, error: Exception) -> Lost:
    """Say what Ray's error means."""
    gone = isinstance(error, exceptions.NodeDiedError | exceptions.TaskUnschedulableError)
    if gone:
        return Lost(why="the node is gone", gone=True)
    if isinstance(error, exceptions.OutOfMemoryError):
        return Lost(why="Ray ended its worker, because the node ran out of memory", gone=False)
    if isinstance(error, exceptions.WorkerCrashedError):
        return Lost(why="its worker died", gone=False)
    return Lost(why=str(error).partition("\n")[0].rstrip("."), gone=False)
