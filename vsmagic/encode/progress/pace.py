"""How fast frames come and when the last will: figures that are true and settle.

Two windows look back. The short one tells what happens now. The long one foretells the end: it covers many frames, so
that one slow frame moves it little, and no more time than it takes to believe that something changed.
"""

from collections import deque

NOW = 5.0
"""Seconds that the speed of now looks back."""
LONG = 90.0
"""Seconds that the time left looks back."""
LEAST = 24
"""Frames that both look back at least, where frames are slow; a change of speed is believed after as many."""
_STEP = 0.2  # seconds between two marks: a fast job would keep thousands


class Pace:
    """Frames over time. Times are seconds of any clock that only rises."""

    def __init__(self, now: float) -> None:
        self._began = now
        self._marks: deque[tuple[float, int]] = deque()
        self._frames = 0

    @property
    def frames(self) -> int:
        """All that came, those that had to be made again counted twice."""
        return self._frames

    def add(self, frames: int, now: float) -> None:
        """So many frames more have come."""
        if frames <= 0:
            return
        self._frames += frames
        if len(self._marks) > 1 and now - self._marks[-2][0] < _STEP:
            self._marks[-1] = (now, self._frames)
        else:
            self._marks.append((now, self._frames))
        while len(self._marks) > 2 and self._beyond(self._marks[1], now):
            self._marks.popleft()

    def mean(self, now: float) -> float:
        """Return the frames a second since the beginning."""
        return self._frames / (now - self._began) if now > self._began else 0.0

    def current(self, now: float) -> float:
        """Return the frames a second now; 0 where it cannot be told yet."""
        return self._speed(NOW, now)

    def left(self, frames: int, now: float) -> float | None:
        """Return the seconds until so many more have come, never below 0; None where it cannot be told yet."""
        if frames <= 0:
            return 0.0
        speed = self._speed(LONG, now)
        if not speed:
            return None
        return max(0.0, frames / speed - min(self._silent(now), 1 / speed))

    def _speed(self, window: float, now: float) -> float:
        """Return frames a second from the last mark before a window to the last of all.

        A gap after the last mark counts from when it is longer than the speed explains.
        """
        if len(self._marks) < 2:
            return 0.0
        last, total = self._marks[-1]
        since, before = next(
            mark for mark in reversed(self._marks)
            if (last - mark[0] >= window and total - mark[1] >= LEAST) or mark is self._marks[0]
        )  # fmt: skip
        if last <= since:
            return 0.0
        speed = (total - before) / (last - since)
        late = self._silent(now) - 1 / speed
        return speed if late <= 0 else (total - before) / (last - since + late)

    def _silent(self, now: float) -> float:
        return max(0.0, now - self._marks[-1][0])

    def _beyond(self, mark: tuple[float, int], now: float) -> bool:
        """Whether no window reaches behind a mark."""
        return now - mark[0] > LONG and self._frames - mark[1] >= LEAST
