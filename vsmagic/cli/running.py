"""What ``vsmagic enhance`` says while it runs and when it is over, for one file and for many."""

import logging
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vsmagic.encode.job import Job, Prepared
    from vsmagic.encode.many.inputs import Pair
    from vsmagic.encode.many.keeping import Keeping
    from vsmagic.encode.many.report import Entry, Report
    from vsmagic.encode.progress import Kind

_FEW = 12
"""So many files that are passed by are named."""


@dataclass(frozen=True, kw_only=True)
class Showing:
    """How a run is told."""

    progress: "Kind"
    report: Path | None
    """File that the record of the run goes to."""
    quiet: bool

    def say(self, words: str, *, always: bool = False) -> None:
        """Say something on stderr, unless it is to be quiet."""
        if always or not self.quiet:
            # Whatever stderr is now: a live display puts itself in its place.
            print(f"vsmagic: {words}", file=sys.stderr, flush=True)  # noqa: T201


def one(prepared: "Prepared", showing: Showing) -> int:
    """Make one file in this process, and return the exit code.

    Raises:
        VsmagicError: it failed.
        Stopped: by a signal.
    """
    from vsmagic.encode.many import batch, report
    from vsmagic.encode.many.keeping import Keeping, warnings_of
    from vsmagic.encode.progress import shown
    from vsmagic.encode.stopping import Stopped
    from vsmagic.encode.work import run
    from vsmagic.errors import VsmagicError

    began, entry = time.monotonic(), batch.describe(prepared)
    with shown(showing.progress) as display:
        keeping = Keeping(report.new([entry], _versions(prepared)), display, showing.report)
        code: int | None = None
        try:
            with warnings_of(keeping, 0):
                result = run(prepared, keeping.started(0, prepared.job.chain))
            entry = keeping.made(0, result)
        except VsmagicError as error:
            keeping.failed(0, str(error), error.exit_code)
            raise
        except Stopped as stopped:
            code = stopped.exit_code
            keeping.stopped(code)
            raise
        finally:
            code = keeping.end(time.monotonic() - began, code=code)
    showing.say(_made(entry))
    if entry.error is not None:
        showing.say(f"{entry.error}; what could be decoded is in the output.", always=True)
    return code


def many(
    pairs: "Sequence[Pair]",
    output: Path,
    prepared: "Callable[[Pair], Prepared]",
    showing: Showing,
    *,
    at_once: int,
    overwrite: bool,
) -> int:
    """Make many files, and return the exit code.

    Args:
        pairs: inputs and outputs.
        output: the folder of the outputs.
        prepared: checks one file.
        showing: how it is told.
        at_once: files in the making at a time.
        overwrite: make outputs again that are there.

    Raises:
        VsmagicError: something is wrong with all of them.
        Stopped: by a signal.
    """
    from vsmagic.encode.many import batch, report
    from vsmagic.encode.many.keeping import Keeping
    from vsmagic.encode.progress import shown

    found: dict[Path, Prepared] = {}

    def check(pair: "Pair") -> "Prepared":
        ready = found[pair.source] = prepared(pair)
        return ready

    with batch.folders(pairs, output):
        with _unheard():  # each file says it again when it is made
            checked = batch.check(pairs, check, overwrite=overwrite)
        versions = _versions(next(iter(found.values()), None))
        with shown(showing.progress) as display:
            keeping = Keeping(report.new([each.entry for each in checked], versions), display, showing.report)
            return _run([each.job for each in checked], keeping, showing, at_once)


def _run(jobs: "Sequence[Job | None]", keeping: "Keeping", showing: Showing, at_once: int) -> int:
    from vsmagic.encode.many import batch
    from vsmagic.encode.stopping import Stopped

    began, code = time.monotonic(), None
    total = len(jobs)
    _tell_settled(keeping.report, showing)
    try:
        batch.run(jobs, keeping, at_once, lambda number, entry: _tell(number, total, entry, showing))
    except Stopped as stopped:
        code = stopped.exit_code
        raise
    finally:
        code = keeping.end(time.monotonic() - began, code=code)
        _tell_all(keeping.report, showing)
    return code


def _tell_settled(report: "Report", showing: Showing) -> None:
    """Say what there is nothing to do about."""
    skipped = [entry for entry in report.files if entry.status == "skipped"]
    for entry in skipped[:_FEW]:
        showing.say(_skipped(entry))
    if len(skipped) > _FEW:
        showing.say(f"{len(skipped) - _FEW} more are skipped, their outputs are there already")
    for number, entry in enumerate(report.files):
        if entry.status == "failed":
            _tell(number, len(report.files), entry, showing)


def _tell(number: int, total: int, entry: "Entry", showing: Showing) -> None:
    """Say what became of a file."""
    place = f"[{number + 1} of {total}] " if total > 1 else ""
    if entry.status == "failed":
        showing.say(f"{place}failed: {_sentence(entry)}", always=True)
        return
    if entry.status == "skipped":
        showing.say(f"{place}{_skipped(entry)}")
        return
    showing.say(f"{place}{_made(entry)}")
    if entry.error is not None:
        showing.say(f"{place}{entry.error}; what could be decoded is in the output.", always=True)


def _tell_all(report: "Report", showing: Showing) -> None:
    """Say what became of all files; what failed once more, for it is far above by now."""
    from vsmagic.encode.progress.words import clock

    left = sum(entry.status in ("waiting", "stopped") for entry in report.files)
    damaged = sum(entry.status == "made" and entry.error is not None for entry in report.files)
    parts = [f"{report.made} made{f' ({damaged} from damaged inputs)' if damaged else ''}",
             f"{report.skipped} skipped" if report.skipped else "", f"{report.failed} failed" if report.failed else "",
             f"{left} not made yet" if left else ""]  # fmt: skip
    on = "; the same command goes on there" if left else ""
    showing.say(f"{', '.join(part for part in parts if part)}, in {clock(report.seconds or 0)}{on}")
    failed = [entry for entry in report.files if entry.status == "failed"]
    if report.made + report.skipped + left and len(report.files) > 2:
        for entry in failed:
            showing.say(f"  failed: {_sentence(entry)}")


def _skipped(entry: "Entry") -> str:
    return f"{entry.name}: skipped, {entry.output} {entry.error}"


def _sentence(entry: "Entry") -> str:
    words = entry.error or "for an unknown reason."
    return words if entry.name in words else f"{entry.name}: {words}"


def _made(entry: "Entry") -> str:
    frames = "1 frame" if entry.frames == 1 else f"{entry.frames} frames"
    earlier = (entry.frames or 0) - (entry.frames_made or 0)
    how = f"{entry.mean_fps or 0:.1f} fps" if entry.frames_made else ""
    kept = f"{earlier} frames from an earlier run" if earlier else ""
    return (
        f"{entry.output}: {entry.width}x{entry.height}, {frames}, {entry.duration or 0:.3f} s, "
        f"made in {entry.seconds or 0:.1f} s ({'; '.join(filter(None, [how, kept]))})"
    )


def _versions(prepared: "Prepared | None") -> dict[str, str]:
    from vsmagic.encode.chunks.identity import versions

    found = versions("" if prepared is None else prepared.ffmpeg.version)
    return {name: version for name, version in found.items() if version and name != "vsmagic"}


@contextmanager
def _unheard() -> Iterator[None]:
    """Let nothing be logged but errors."""
    logger = logging.getLogger("vsmagic")
    level = logger.level
    logger.setLevel(max(level, logging.ERROR) if level > logging.DEBUG else level)
    try:
        yield
    finally:
        logger.setLevel(level)
