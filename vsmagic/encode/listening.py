"""Takes what pipes tell to where it is shown: progress to the progress, words to the log, each of them once."""

import logging

from vsmagic.encode.progress import Progress

log = logging.getLogger(__name__)


class Listening:
    """Hears of one pipe after the other, or of several at once through one thread."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self._said: set[str] = set()

    def frames(self, done: int, size: int) -> None:
        """See :class:`~vsmagic.encode.pipeline.Heard`; of a job that is not cut."""
        self.progress.frames(0, done, size)

    def stage(self, words: str) -> None:
        """Something without frames to count goes on."""
        self.progress.stage(words)

    def say(self, level: int, words: str) -> None:
        """Log what the script said, unless it said so before: it is run for every chunk."""
        if words not in self._said:
            self._said.add(words)
            log.log(level, "%s", words)
