"""Adds up what the chunks of one file tell: frames, bytes, speed, time left. No output."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from vsmagic.encode.progress.pace import Pace

_TELLING = 250  # frames of unfinished chunks, of which an encoder holds back some dozens


@dataclass(frozen=True, kw_only=True)
class Chunk:
    """A chunk in the making."""

    number: int
    """From 0."""
    done: int
    frames: int
    size: int
    """Bytes."""


@dataclass(frozen=True, kw_only=True)
class State:
    """How far a file is, at one moment."""

    done: int
    """Frames, those of earlier runs among them; never more than ``total``."""
    total: int
    kept: int
    """Frames that earlier runs made."""
    chunks: int
    finished: int
    """Chunks."""
    making: tuple[Chunk, ...]
    fps: float
    """Frames a second over the last seconds; 0 while it is unknown."""
    mean: float
    """Frames a second of this run."""
    elapsed: float
    """Seconds since the first frame of this run was asked for."""
    left: float | None
    """Seconds until all frames are there, never below 0; None while it is unknown."""
    size: int
    """Bytes of pictures so far."""
    expected: int | None
    """Bytes of pictures in the end; None while it is unknown."""

    @property
    def share(self) -> float:
        """How much is done, 0 to 1."""
        return self.done / self.total if self.total else 0.0


class Tally:
    """Hears what a :class:`~vsmagic.encode.progress.Progress` hears of frames, and counts."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.begin([], {})

    def begin(self, chunks: Sequence[int], kept: Mapping[int, int]) -> None:
        """See :class:`~vsmagic.encode.progress.Progress`."""
        self._lengths = list(chunks)
        self._done = {number: chunks[number] for number in kept}
        self._sizes = dict(kept)
        self._finished = set(kept)
        self._kept = self._total_done = sum(self._done.values())
        self._total = sum(self._lengths)
        self._began = self._clock()
        self._pace = Pace(self._began)

    def frames(self, chunk: int, done: int, size: int) -> None:
        """See :class:`~vsmagic.encode.progress.Progress`."""
        if chunk >= len(self._lengths) or chunk in self._finished:
            return
        done = max(0, min(done, self._lengths[chunk]))
        more = done - self._done.get(chunk, 0)
        self._total_done += more
        self._pace.add(more, self._clock())
        self._done[chunk], self._sizes[chunk] = done, size

    def made(self, chunk: int, size: int) -> None:
        """See :class:`~vsmagic.encode.progress.Progress`."""
        if chunk < len(self._lengths):
            self.frames(chunk, self._lengths[chunk], size)
            self._finished.add(chunk)

    @property
    def whole(self) -> bool:
        """Whether all frames there are have come."""
        return 0 < self._total == self._total_done

    def state(self) -> State:
        """Return how far it is now."""
        now, done, total = self._clock(), self._total_done, self._total
        return State(
            done=done,
            total=total,
            kept=self._kept,
            chunks=len(self._lengths),
            finished=len(self._finished),
            making=tuple(
                Chunk(number=number, done=self._done[number], frames=self._lengths[number], size=self._sizes[number])
                for number in sorted(self._done.keys() - self._finished)
            ),
            fps=self._pace.current(now),
            mean=self._pace.mean(now),
            elapsed=now - self._began,
            left=self._pace.left(total - done, now),
            size=sum(self._sizes.values()),
            expected=self._expected(),
        )

    def _expected(self) -> int | None:
        """Foretell the size by the finished chunks, else by what is in the making once that tells something."""
        so_far = sum(self._sizes.values())
        frames = sum(self._done[number] for number in self._finished)
        size = sum(self._sizes[number] for number in self._finished)
        if not frames:
            frames, size = self._total_done, so_far
            if frames < _TELLING:
                return None
        return max(round(size * self._total / frames), so_far) if size else None
