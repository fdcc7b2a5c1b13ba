"""Gives tasks to workers until every chunk is there, or as many as a damaged source lets be made."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence

from vsmagic.encode.chunks.chunk import Task
from vsmagic.encode.chunks.records import Record
from vsmagic.encode.chunks.workers import Failed, Made, Rendered, Said, Staged, Workers
from vsmagic.encode.listening import Listening


def make(
    tasks: Sequence[Task],
    kept: Mapping[str, Record],
    workers: Workers,
    listening: Listening,
    made: Callable[[], None],
) -> list[Record]:
    """Make the chunks that are missing, the earlier ones first.

    Args:
        tasks: all chunks in their order.
        kept: records of those that are there, by file.
        workers: make them.
        listening: hears how far they are.
        made: called after each one that is finished; raises if the work makes no sense any more.

    Returns:
        The records in order, up to the first whose source is damaged.

    Raises:
        VsmagicError: a chunk failed; those that are finished stay.
    """
    round_ = _Round(tasks, kept, listening, made)
    if round_.missing:
        with workers:
            while round_.wanted(workers):
                round_.take(workers.next())
    return round_.records()


class _Round:
    """What is finished, what runs, what waits."""

    def __init__(
        self, tasks: Sequence[Task], kept: Mapping[str, Record], listening: Listening, made: Callable[[], None]
    ) -> None:
        self._finished = {task.number: kept[task.file] for task in tasks if task.file in kept}
        self._waiting = deque(task for task in tasks if task.file not in kept)
        self._running: set[int] = set()
        self._last = len(tasks) - 1
        self._listening, self._made = listening, made
        self._end_at_damage()

    @property
    def missing(self) -> bool:
        """Whether a chunk is still to be made."""
        return bool(self._waiting) and self._waiting[0].number <= self._last

    def wanted(self, workers: Workers) -> bool:
        """Start what can be started; return whether something that counts still runs."""
        while workers.free and self.missing:
            task = self._waiting.popleft()
            self._running.add(task.number)
            workers.start(task)
        return any(number <= self._last for number in self._running)

    def take(self, event: object) -> None:
        """Note an event."""
        match event:
            case Rendered(number=number, frames=frames, size=size):
                self._listening.progress.frames(number, frames, size)
            case Said(level=level, words=words):
                self._listening.say(level, words)
            case Staged(words=words):
                self._listening.stage(words)
            case Made(number=number, record=record):
                self._running.discard(number)
                self._finished[number] = record
                self._listening.progress.made(number, record.size)
                self._end_at_damage()
                self._made()
            case Failed(error=error):
                raise error

    def records(self) -> list[Record]:
        """Return what was made."""
        return [self._finished[number] for number in range(self._last + 1)]

    def _end_at_damage(self) -> None:
        """Nothing is shown after the frame at which the source cannot be decoded."""
        damaged = [number for number, record in self._finished.items() if record.damage is not None]
        self._last = min([self._last, *damaged])
