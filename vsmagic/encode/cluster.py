"""Chunks made on the nodes of a Ray cluster: each is a task of Ray, done again elsewhere when its node is lost."""

import logging
import uuid
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Any, Self

import msgspec

from vsmagic.encode import cluster_node, cluster_nodes, cluster_sent
from vsmagic.encode.chunk import Task
from vsmagic.encode.cluster_arrival import Arrival, sweep
from vsmagic.encode.cluster_connect import connected, lost
from vsmagic.encode.cluster_node import Asked, Done, Order
from vsmagic.encode.cluster_nodes import Node
from vsmagic.encode.description import Description, Refusal
from vsmagic.encode.identity import Stamp, versions
from vsmagic.encode.job import Prepared
from vsmagic.encode.workers import Event, Failed, Made, Rendered, Said, Staged
from vsmagic.errors import EncodeError, VsmagicError

log = logging.getLogger(__name__)

_TRIES = 3
_FAULTS = 3
_LISTEN_SECONDS = 0.5
_QUEUE_SECONDS = 15.0
_END_SECONDS = 10.0


@dataclass(kw_only=True)
class _Attempt:
    """One try at a chunk."""

    task: Task
    node: Node
    name: str
    running: Any
    """Ray's reference to what the task returns."""
    arrival: Arrival
    started: float
    begun: bool = False


@dataclass(kw_only=True)
class _History:
    """What became of a chunk so far."""

    tries: int = 0
    nodes: set[str] = field(default_factory=set)
    """Where it failed, or waited in vain."""


class Cluster:
    """Workers on a Ray cluster."""

    def __init__(
        self,
        address: str,
        folder: Path,
        prepared: Prepared,
        description: Description,
        *,
        source: Stamp,
        tell: Callable[[str], None],
    ) -> None:
        """Make workers that connect, and look at the nodes, when they are entered.

        Args:
            address: ``ray://HOST:PORT``, or ``ray`` for RAY_ADDRESS or a cluster on this machine.
            folder: of the job.
            prepared: the job.
            description: of its output.
            source: what the input is.
            tell: hears what goes on before the first chunk.
        """
        self._address, self._folder, self._tell = address, folder.resolve(), tell
        self._prepared, self._description, self._source = prepared, description, source
        self._open = ExitStack()
        self._ray: Any = None
        self._mailbox: Any = None
        self._nodes: list[Node] = []
        self._attempts: dict[str, _Attempt] = {}
        self._histories: dict[int, _History] = {}
        self._again: deque[Task] = deque()
        self._events: deque[Event] = deque()

    @property
    def free(self) -> int:
        """How many more tasks can be started now."""
        return max(0, sum(node.free for node in self._nodes) - len(self._again))

    def start(self, task: Task) -> None:
        """Begin a chunk."""
        self._histories[task.number] = _History()
        self._again.append(task)
        with self._telling():
            self._give()

    def next(self) -> Event:
        """Wait for the next event of any chunk.

        Raises:
            EncodeError: the cluster is gone.
        """
        with self._telling():
            while not self._events:
                self._take(_LISTEN_SECONDS)
                self._end_attempts()
                self._move()
                self._give()
        return self._events.popleft()

    def __enter__(self) -> Self:
        """Connect, and let the nodes look whether they can do it.

        Raises:
            SetupError: Ray is missing or another one, or no node can.
            EncodeError: no cluster answers.
        """
        self._tell(f"connecting to {self._address}")
        with ExitStack() as opening:
            self._ray = opening.enter_context(connected(self._address))
            opening.callback(sweep, self._folder)
            opening.callback(self._stop)
            with self._telling():
                self._begin()
            self._open = opening.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop whatever still runs."""
        self._open.close()

    @contextmanager
    def _telling(self) -> Iterator[None]:
        """Tell in one sentence that the cluster is gone; an error of one chunk never gets here."""
        try:
            yield
        except (ConnectionError, RuntimeError) as error:  # the client's
            raise lost(self._address, error) from error
        except Exception as error:
            if isinstance(error, self._ray.exceptions.RayError):
                raise lost(self._address, error) from error
            raise

    def _begin(self) -> None:
        ray = self._ray
        # By value: a node may lack vsmagic, and the head node's part of the client unpacks it too.
        ray.cloudpickle.register_pickle_by_value(cluster_sent)
        self._tell("looking at the nodes of the cluster")
        asked = self._asked()
        cluster_node.prove(self._folder, asked.word)
        self._nodes = cluster_nodes.fit(ray, asked, self._description)
        for node in self._nodes:
            node.shared = cluster_node.proved(self._folder, asked.word, node.key)
            log.debug("node %s: %s, %s", node.name, node.share, "shared folder" if node.shared else "sends files back")
        made = ray.remote(num_cpus=0, max_restarts=0)(cluster_sent.Mailbox)
        self._mailbox = made.options(scheduling_strategy=cluster_nodes.pinned(ray, cluster_nodes.head(ray))).remote()
        chunks = sum(node.share.chunks for node in self._nodes)
        log.info("%d at once on %s", chunks, ", ".join(node.name for node in self._nodes))

    def _asked(self) -> Asked:
        prepared = self._prepared
        assert prepared.codec is not None  # noqa: S101 - there are no chunks otherwise
        return Asked(
            source=self._source,
            graph=prepared.graph(),
            shape=self._description.shape,
            networks=self._description.networks,
            encoder=prepared.codec.encoder,
            ffmpeg=prepared.job.ffmpeg,
            versions=versions(prepared.ffmpeg.version),
            folder=str(self._folder),
            word=uuid.uuid4().hex,
        )

    def _give(self) -> None:
        """Start what waits, where there is room."""
        while self._again and (node := self._node_for(self._again[0])) is not None:
            self._submit(self._again.popleft(), node)
        if self._again and not self._nodes:
            task = self._again.popleft()
            self._events.append(
                Failed(
                    number=task.number,
                    error=EncodeError(f"no node of the Ray cluster is left for {_words(task)}; run it again."),
                )
            )

    def _node_for(self, task: Task) -> Node | None:
        """Return the node with the most room, rather one where this chunk has not failed."""
        avoided = self._histories[task.number].nodes
        free = [node for node in self._nodes if node.free]
        fresh = [node for node in free if node.key not in avoided]
        if not fresh and any(node.key not in avoided for node in self._nodes):
            return None  # one that is busy will do it
        return max(fresh or free, key=lambda node: node.free, default=None)

    def _submit(self, task: Task, node: Node) -> None:
        name = f"{task.number:05}-{uuid.uuid4().hex[:8]}"
        order = Order(task=task, folder=str(self._folder) if node.shared else None, ffmpeg=self._prepared.job.ffmpeg)
        making = self._ray.remote(max_retries=0)(cluster_sent.make).options(
            num_cpus=node.share.cpus,
            num_gpus=node.share.gpus,
            memory=node.share.memory,
            name=f"vsmagic {_words(task)}",
            scheduling_strategy=cluster_nodes.pinned(self._ray, node.key),
        )
        self._attempts[name] = _Attempt(
            task=task,
            node=node,
            name=name,
            running=making.remote(msgspec.json.encode(order), name, self._mailbox),
            arrival=Arrival(self._folder, name),
            started=monotonic(),
        )
        node.running += 1

    def _take(self, seconds: float) -> None:
        """Read the letters of all chunks."""
        for name, letter in self._ray.get(self._mailbox.take.remote(seconds)):
            attempt = self._attempts.get(name)
            if attempt is not None:
                self._read(attempt, letter)

    def _read(self, attempt: _Attempt, letter: tuple[Any, ...]) -> None:
        match letter:
            case ("begun",):
                attempt.begun = True
            case ("frames", done, size):
                self._events.append(Rendered(number=attempt.task.number, frames=done, size=size))
            case ("stage", words):
                self._events.append(Staged(words=words))
            case ("said", level, words):
                self._events.append(Said(level=level, words=words))
            case ("piece", data):
                attempt.arrival.add(attempt.task.file, data)

    def _end_attempts(self) -> None:
        """See which attempts have ended, and how."""
        waiting = {attempt.running: attempt for attempt in self._attempts.values()}
        if not waiting:
            return
        ended, _ = self._ray.wait(list(waiting), num_returns=len(waiting), timeout=0)
        if ended:
            self._take(0)  # all that was said before the end
        for running in ended:
            self._end(waiting[running])

    def _end(self, attempt: _Attempt) -> None:
        exceptions = self._ray.exceptions
        try:
            told = msgspec.json.decode(self._ray.get(attempt.running), type=Done | Refusal)
        except exceptions.RayTaskError as error:
            self._failed(attempt, VsmagicError(f"{attempt.node.name}: unexpected {error.cause!r}."))
        except exceptions.RayError as error:
            self._lost(attempt, error)
        else:
            if isinstance(told, Refusal):
                self._failed(attempt, _error(told, attempt.node))
            else:
                self._made(attempt, told)

    def _made(self, attempt: _Attempt, told: Done) -> None:
        try:
            attempt.arrival.finish(told.record)
        except EncodeError as error:
            self._failed(attempt, EncodeError(f"{attempt.node.name}: {error}"))
            return
        self._leave(attempt)
        attempt.node.faults = 0
        log.debug("%s came from %s", told.record.file, attempt.node.name)
        self._events.append(Made(number=attempt.task.number, record=told.record))

    def _failed(self, attempt: _Attempt, error: VsmagicError) -> None:
        """A chunk failed where it was: another node may do better."""
        self._leave(attempt)
        history = self._blame(attempt)
        elsewhere = any(node.key not in history.nodes for node in self._nodes)
        if history.tries < _TRIES and elsewhere:
            log.warning("%s failed, and is made on another node: %s", _words(attempt.task), error)
            self._redo(attempt.task)
        else:
            self._events.append(Failed(number=attempt.task.number, error=error))

    def _lost(self, attempt: _Attempt, error: Exception) -> None:
        """A node, or its worker, was lost in the middle of a chunk."""
        self._leave(attempt)
        exceptions = self._ray.exceptions
        gone = isinstance(error, exceptions.NodeDiedError | exceptions.TaskUnschedulableError)
        if gone and attempt.node in self._nodes:
            self._nodes.remove(attempt.node)
        if gone and not attempt.begun:
            self._redo(attempt.task)
            return
        history = self._blame(attempt)
        why = _why(self._ray, error)
        if history.tries < _TRIES:
            log.warning("%s: %s; %s is made again", attempt.node.name, why, _words(attempt.task))
            self._redo(attempt.task)
            return
        words = f"{_words(attempt.task)} was lost {history.tries} times, at last on {attempt.node.name}: {why}"
        self._events.append(
            Failed(number=attempt.task.number, error=EncodeError(f"{words}. The logs of Ray there may tell more."))
        )

    def _blame(self, attempt: _Attempt) -> _History:
        """Note that a chunk failed on a node; one that fails again and again is left out while there are others."""
        history, node = self._histories[attempt.task.number], attempt.node
        history.tries += 1
        history.nodes.add(node.key)
        node.faults += 1
        if node.faults >= _FAULTS and len(self._nodes) > 1 and node in self._nodes:
            self._nodes.remove(node)
            log.warning("%s: %d chunks failed there in a row; it is left out from now on", node.name, node.faults)
        return history

    def _redo(self, task: Task) -> None:
        self._events.append(Rendered(number=task.number, frames=0, size=0))
        self._again.append(task)

    def _leave(self, attempt: _Attempt) -> None:
        """Free the place of an attempt."""
        del self._attempts[attempt.name]
        attempt.node.running -= 1
        attempt.arrival.discard()

    def _move(self) -> None:
        """Give a chunk that waits behind other people's work on its node to one that has room."""
        late = monotonic() - _QUEUE_SECONDS
        for attempt in [one for one in self._attempts.values() if not one.begun and one.started < late]:
            tried = self._histories[attempt.task.number].nodes
            if not any(node.free and node.key not in {*tried, attempt.node.key} for node in self._nodes):
                continue
            if self._ray.get(self._mailbox.drop.remote(attempt.name)):
                self._ray.cancel(attempt.running)
                tried.add(attempt.node.key)
                self._leave(attempt)
                self._again.append(attempt.task)

    def _stop(self) -> None:
        """Want nothing more; what does not end by itself is killed."""
        with suppress(Exception):  # the cluster may be what failed
            if self._mailbox is not None:
                self._ray.get(self._mailbox.close.remote(), timeout=_END_SECONDS)
            running = [attempt.running for attempt in self._attempts.values()]
            for attempt in self._attempts.values():
                if not attempt.begun:
                    self._ray.cancel(attempt.running)
            _, left = self._ray.wait(running, num_returns=len(running), timeout=_END_SECONDS) if running else ([], [])
            for each in left:
                self._ray.cancel(each, force=True)
            if self._mailbox is not None:
                self._ray.kill(self._mailbox)


def _words(task: Task) -> str:
    return f"chunk {task.number} (frames {task.first} to {task.end - 1})"


def _why(ray: Any, error: Exception) -> str:
    """Say what Ray's error means."""
    if isinstance(error, ray.exceptions.NodeDiedError):
        return "the node is gone"
    if isinstance(error, ray.exceptions.OutOfMemoryError):
        return "Ray ended its worker, because the node ran out of memory"
    if isinstance(error, ray.exceptions.WorkerCrashedError):
        return "its worker died"
    return str(error).partition("\n")[0].rstrip(".")


def _error(refusal: Refusal, node: Node) -> VsmagicError:
    """Return what failed on a node, as an error of the same class."""
    kinds: dict[int, type[VsmagicError]] = {kind.exit_code: kind for kind in VsmagicError.__subclasses__()}
    return kinds.get(refusal.exit_code, VsmagicError)(f"{node.name}: {refusal.error}")
