"""Makes many files: checks all of them first, then makes some at a time; one that fails does not stop the rest."""

import logging
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from msgspec.structs import replace

from vsmagic.encode.chunks import folder
from vsmagic.encode.job import Job, Prepared
from vsmagic.encode.many import hand
from vsmagic.encode.many.hands import Ended, Hands
from vsmagic.encode.many.inputs import Pair
from vsmagic.encode.many.keeping import Keeping
from vsmagic.encode.many.report import Entry, text
from vsmagic.encode.progress import Progress
from vsmagic.encode.stopping import Stopped, stoppable
from vsmagic.encode.work import Result
from vsmagic.errors import OutputError, VsmagicError

log = logging.getLogger(__name__)

_THERE = "is there already"

Told = Callable[[int, Entry], None]
"""Hears what became of a file."""


@dataclass(frozen=True, kw_only=True)
class Checked:
    """What is known of a file before anything is made."""

    entry: Entry
    job: Job | None
    """None where there is nothing to make."""
    error: VsmagicError | None = None


def check(pairs: Sequence[Pair], prepared: Callable[[Pair], Prepared], *, overwrite: bool) -> list[Checked]:
    """Check every file; one whose output is there is passed by.

    Args:
        pairs: inputs and outputs, whose folders are there.
        prepared: checks one.
        overwrite: an output that is there is made again.

    Raises:
        VsmagicError: the same is wrong with all of them.
    """
    found = [_checked(pair, prepared, overwrite=overwrite) for pair in pairs]
    errors = [each.error for each in found]
    first = errors[0]
    if first is not None and all(error is not None and str(error) == str(first) for error in errors):
        raise first
    return found


def _checked(pair: Pair, prepared: Callable[[Pair], Prepared], *, overwrite: bool) -> Checked:
    entry = Entry(input=text(pair.source), output=text(pair.output))
    if pair.output.is_file() and not overwrite:
        folder.sweep(pair.output)
        return Checked(entry=replace(entry, status="skipped", error=_THERE), job=None)
    try:
        ready = prepared(pair)
    except VsmagicError as error:
        entry = replace(entry, status="failed", error=text(str(error)), exit_code=error.exit_code)
        return Checked(entry=entry, job=None, error=error)
    return Checked(entry=describe(ready), job=ready.job)


def describe(prepared: Prepared) -> Entry:
    """Return the entry of a file that is to be made, with what its input claims."""
    job, media, video = prepared.job, prepared.media, prepared.video
    return Entry(
        input=text(job.source),
        output=text(job.output),
        input_duration=None if media.duration is None else round(float(media.duration), 6),
        input_size=(video.width, video.height),
        bytes_in=media.path.stat().st_size,
    )


def run(jobs: Sequence[Job | None], keeping: Keeping, at_once: int, told: Told) -> None:
    """Make files, each in a process of its own.

    Args:
        jobs: of the files of the report, in its order; None where nothing is to be made.
        keeping: the report and the display.
        at_once: how many files at a time.
        told: hears what became of each.

    Raises:
        Stopped: Ctrl-C, SIGTERM or SIGHUP; all processes are gone, and what they finished is kept.
    """
    waiting = deque((number, job) for number, job in enumerate(jobs) if job is not None)
    hands = Hands()
    round_ = _Round(keeping, told)
    with stoppable():
        try:
            while waiting or hands:
                while waiting and len(hands) < at_once:
                    number, job = waiting.popleft()
                    if not round_.passed(number, job):
                        round_.start(number, job)
                        hands.start(number, job)
                if hands:
                    round_.take(*hands.next())
        except Stopped as stopped:
            hands.stop()
            keeping.stopped(stopped.exit_code)
            raise
        finally:
            hands.stop()


class _Round:
    """Takes what the processes tell to where it belongs."""

    def __init__(self, keeping: Keeping, told: Told) -> None:
        self._keeping, self._told = keeping, told
        self._progress: dict[int, Progress] = {}

    def start(self, number: int, job: Job) -> None:
        self._progress[number] = self._keeping.started(number, job.chain)

    def passed(self, number: int, job: Job) -> bool:
        """Pass a file by that another run has made in the meantime, or is making; return whether there is one."""
        who = folder.holder(folder.place(job.output))
        if job.output.is_file() and not job.overwrite:
            words = _THERE
        elif who is not None:
            words = f"is being made by {who}"
        else:
            return False
        self._told(number, self._keeping.skipped(number, words))
        return True

    def take(self, number: int, event: hand.Event | Ended) -> None:
        match event:
            case hand.Staged(words=words):
                self._progress[number].stage(words)
            case hand.Begun(chunks=chunks, kept=kept):
                self._progress[number].begin(chunks, kept)
            case hand.Rendered(chunk=chunk, done=done, size=size):
                self._progress[number].frames(chunk, done, size)
            case hand.Chunked(chunk=chunk, size=size):
                self._progress[number].made(chunk, size)
            case hand.Logged(level=level, logger=logger, words=words):
                self._log(number, level, logger, words)
            case hand.Made():
                self._told(number, self._keeping.made(number, _result(event)))
            case hand.Failed(words=words, code=code):
                self._told(number, self._keeping.failed(number, words, code))
            case Ended(words=words) if self._keeping.report.files[number].status == "running":
                self._told(number, self._keeping.failed(number, words, 1))

    def _log(self, number: int, level: int, logger: str, words: str) -> None:
        if level >= logging.WARNING:
            self._keeping.warned(number, words)
        name = self._keeping.report.files[number].name
        logging.getLogger(logger).log(level, "%s", words if name in words else f"{name}: {words}")


def _result(made: hand.Made) -> Result:
    return Result(
        frames=made.frames,
        duration=Fraction(made.duration),
        width=made.width,
        height=made.height,
        elapsed=made.seconds,
        loss=made.loss,
        made=made.frames_made,
    )


@contextmanager
def folders(pairs: Sequence[Pair], output: Path) -> Iterator[None]:
    """Make the folders of the outputs; those that stay empty go again.

    Raises:
        OutputError: one cannot be made, or the folder that OUT is to lie in is not there.
    """
    if not output.parent.is_dir():
        raise OutputError(f"{output.parent}: no such folder; create it first.")
    made: list[Path] = []
    try:
        for place in dict.fromkeys(pair.output.parent for pair in pairs):
            _make(place, made)
        yield
    finally:
        for place in sorted(made, key=lambda each: len(each.parts), reverse=True):
            with suppress(OSError):
                place.rmdir()


def _make(place: Path, made: list[Path]) -> None:
    missing = [each for each in (place, *place.parents) if not each.exists()]
    try:
        for each in reversed(missing):
            each.mkdir()
            made.append(each)
    except OSError as error:
        raise OutputError(f"{each}: the folder cannot be made ({error.strerror}); choose another.") from error
