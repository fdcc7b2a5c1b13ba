"""Chunks made on the nodes of a Ray cluster: each is a task of Ray, done again elsewhere when its node is lost."""

import logging
import uuid
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from vsmagic.encode.chunks.chunk import Task
from vsmagic.encode.chunks.identity import Stamp, files, versions
from vsmagic.encode.chunks.records import Record
from vsmagic.encode.chunks.workers import Event, Failed, Made, Rendered
from vsmagic.encode.cluster import check, nodes
from vsmagic.encode.cluster.arrival import sweep
from vsmagic.encode.cluster.attempts import Attempt, Attempts, Lost
from vsmagic.encode.cluster.check import Asked
from vsmagic.encode.cluster.connect import connected, lost
from vsmagic.encode.cluster.nodes import Node
from vsmagic.encode.description import Description
from vsmagic.encode.job import Prepared
from vsmagic.errors import EncodeError, VsmagicError

log = logging.getLogger(__name__)

_TRIES = 3
_FAULTS = 3
_LISTEN_SECONDS = 0.5
_QUEUE_SECONDS = 15.0


@dataclass(kw_only=True)
class _History:
    """What became of a chunk so far."""

    tries: int = 0
    """That ended badly."""
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
        self._attempts: Attempts
        self._nodes: list[Node] = []
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
                self._events += self._attempts.hear(_LISTEN_SECONDS)
                self._end()
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
            with self._telling():
                self._attempts = Attempts(self._ray, self._folder, self._prepared.job.ffmpeg)
                opening.callback(self._attempts.stop)
                self._look()
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
        except ConnectionError as error:  # the client's
            raise lost(self._address, error) from error
        except Exception as error:
            if isinstance(error, self._ray.exceptions.RayError):
                raise lost(self._address, error) from error
            raise

    def _look(self) -> None:
        """Find the nodes that can make chunks, and which of them see the job's folder."""
        self._tell("looking at the nodes of the cluster")
        asked = self._asked()
        check.prove(self._folder, asked.word)
        self._nodes = nodes.fit(self._ray, asked, self._description)
        for node in self._nodes:
            node.shared = check.proved(self._folder, asked.word, node.key)
            log.debug("node %s: %s, %s", node.name, node.share, "shared folder" if node.shared else "sends files back")
        chunks = sum(node.share.chunks for node in self._nodes)
        log.info("%d at once on %s", chunks, ", ".join(node.name for node in self._nodes))

    def _asked(self) -> Asked:
        prepared = self._prepared
        assert prepared.codec is not None  # noqa: S101 - there are no chunks otherwise
        return Asked(
            source=self._source,
            files=files(prepared.job.chain),
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
            self._attempts.submit(self._again.popleft(), node)
        if self._again and not self._nodes:
            task = self._again.popleft()
            error = EncodeError(f"no node of the Ray cluster is left for {_words(task)}; run it again.")
            self._events.append(Failed(number=task.number, error=error))

    def _node_for(self, task: Task) -> Node | None:
        """Return the node with the most room, rather one where this chunk has not failed."""
        avoided = self._histories[task.number].nodes
        fresh = [node for node in self._nodes if node.key not in avoided]
        return max((node for node in fresh or self._nodes if node.free), key=lambda node: node.free, default=None)

    def _end(self) -> None:
        """See which attempts have ended, and how."""
        ended = self._attempts.ended()
        if ended:
            self._events += self._attempts.hear(0)  # all that was said before the end
        for attempt in ended:
            match self._attempts.leave(attempt):
                case Record() as record:
                    attempt.node.faults = 0
                    log.debug("%s came from %s", record.file, attempt.node.name)
                    self._events.append(Made(number=attempt.task.number, record=record))
                case Lost() as how:
                    self._lost(attempt, how)
                case error:
                    self._failed(attempt, error)

    def _failed(self, attempt: Attempt, error: VsmagicError) -> None:
        """A chunk failed where it was: another node may do better."""
        history = self._blame(attempt)
        elsewhere = any(node.key not in history.nodes for node in self._nodes)
        if history.tries < _TRIES and elsewhere:
            log.warning("%s failed, and is made on another node: %s", _words(attempt.task), error)
            self._redo(attempt.task)
        else:
            self._events.append(Failed(number=attempt.task.number, error=error))

    def _lost(self, attempt: Attempt, how: Lost) -> None:
        """A node, or its worker, was lost in the middle of a chunk."""
        task, name = attempt.task, attempt.node.name
        if how.gone:
            self._nodes = [node for node in self._nodes if node is not attempt.node]
        if how.gone and not attempt.begun:  # nothing to do with the chunk
            self._redo(task)
            return
        history = self._blame(attempt)
        if history.tries < _TRIES:
            log.warning("%s: %s; %s is made again", name, how.why, _words(task))
            self._redo(task)
            return
        words = f"{_words(task)} was lost {history.tries} times, at last on {name}: {how.why}"
        error = EncodeError(f"{words}. The logs of Ray there may tell more.")
        self._events.append(Failed(number=task.number, error=error))

    def _blame(self, attempt: Attempt) -> _History:
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

    def _move(self) -> None:
        """Give a chunk that waits behind other people's work on its node to one that has room."""
        for attempt in self._attempts.waiting(_QUEUE_SECONDS):
            avoided = self._histories[attempt.task.number].nodes | {attempt.node.key}
            if any(node.free and node.key not in avoided for node in self._nodes) and self._attempts.withdraw(attempt):
                self._histories[attempt.task.number].nodes.add(attempt.node.key)
                self._again.append(attempt.task)


def _words(task: Task) -> str:
    return f"chunk {task.number} (frames {task.first} to {task.end - 1})"
