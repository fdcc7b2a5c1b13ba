"""Runs cases one by one, each in a process of its own, within a budget of time."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from vsmagic.files import write_atomically
from vsmagic.gpucheck.child import Answer
from vsmagic.gpucheck.nvml import Reader, Watch
from vsmagic.gpucheck.record import Case, Figures, Result, Status, Survey, Task

CHILD = (sys.executable, "-P", "-m", "vsmagic.gpucheck.child")

_LEAST = 3.0
"""Seconds that have to be left for a case to be started."""
_WORDS = 600
"""Characters of a child's last words that are kept."""
_ANEW = {"survey", "reference"}
"""Kinds that other cases build upon, in this run's own folder."""
_DYING = 5.0
_PERIOD = 0.02
_PATIENCE = 2
"""Cases of a backend that may fail before its speed is no longer tried, where none has worked."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How long things may take, in seconds."""

    budget: float
    case: float
    """Of one process."""
    began: float
    """When the budget began, on the monotonic clock."""

    def left(self) -> float:
        """Seconds until the budget is used up."""
        return self.budget - (time.monotonic() - self.began)


@dataclass(frozen=True, kw_only=True)
class Workplace:
    """What every case is run with."""

    work: Path
    environment: Mapping[str, str]
    device: int | None
    seconds: float
    weights: Mapping[str, str]
    sizes: Sequence[tuple[int, int]]
    memory: Reader | None = None
    child: Sequence[str] = CHILD

    def task(self, case: Case) -> Task:
        """Return what a child is given."""
        return Task(
            case=case,
            work=str(self.work),
            device=self.device,
            seconds=self.seconds,
            weights=dict(self.weights),
            sizes=list(self.sizes),
        )


def run(
    cases: Iterable[Case], place: Workplace, limits: Limits, *, known: Sequence[Result], tell: Callable[[Result], None]
) -> list[Result]:
    """Run cases in order.

    Args:
        cases: every case.
        place: what to run them with.
        limits: what they may take; those that no longer fit are said to be not run.
        known: results of an earlier run, taken over instead of running their cases again.
        tell: hears every result as soon as there is one.
    """
    earlier = {one.case.id: one for one in known if one.status == "ok" and one.case.kind not in _ANEW}
    results: list[Result] = []
    for case in cases:
        if case.id in earlier:
            result = earlier[case.id]
        elif why := needless(case, results):
            result = Result(case=case, status="not run", reason=why)
        elif limits.left() < _LEAST:
            result = Result(case=case, status="not run", reason="time")
        else:
            result = one(case, place, max(_LEAST, min(limits.case, limits.left())))
        results.append(result)
        tell(result)
    return results


def needless(case: Case, results: Sequence[Result]) -> str:
    """Say why a case cannot work, from what came before; empty if it may."""
    for result in results:
        if isinstance(result.figures, Survey) and case.kind in {"agreement", "speed"}:
            found = {one.name: one for one in result.figures.backends}
            if case.backend not in found:
                return f"this vsmagic has no backend {case.backend}"
            if not found[case.backend].runs:
                return found[case.backend].trouble
        if result.case.kind == "reference" and result.case.model == case.model and result.status != "ok":
            return result.reason if result.status == "not run" else f"no network or reference: {result.reason}"
    same = ("agreement", case.backend, case.precision)
    mine = [result for result in results if (result.case.kind, result.case.backend, result.case.precision) == same]
    worked = any(result.status == "ok" for result in mine)
    tried = [result for result in mine if result.status in {"failed", "crashed", "timeout"}]
    if case.backend and len(tried) >= _PATIENCE and not worked:
        return f"it has worked in no case before in {case.precision}; the first {tried[0].status}: {tried[0].reason}"
    return ""


def one(case: Case, place: Workplace, timeout: float) -> Result:
    """Run one case in a process that may crash, hang or run out of memory."""
    task, answer, words = (place.work / f"case.{ending}" for ending in ("task.json", "answer.json", "stderr.txt"))
    answer.unlink(missing_ok=True)
    write_atomically(task, msgspec.json.encode(place.task(case)))
    began = time.monotonic()
    with words.open("wb") as errors, Watch(place.memory) as watch:
        child = subprocess.Popen(
            [*place.child, str(task), str(answer)],
            env=dict(place.environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            start_new_session=True,
        )
        ended = _wait(child, timeout)
    status, why, figures = _outcome(ended, answer, words, timeout)
    return Result(
        case=case,
        status=status,
        reason=why,
        figures=figures,
        elapsed=time.monotonic() - began,
        vram=watch.peak,
        rss=ended.rss,
    )


@dataclass(frozen=True)
class _Ended:
    code: int | None
    """None: it was stopped, having taken too long."""
    rss: int


def _wait(child: "subprocess.Popen[bytes]", timeout: float) -> _Ended:
    """Wait for a child; stop it and all it started when it takes too long, or when this process is stopped."""
    try:
        ended = _ended(child, timeout)
    except BaseException:
        os.killpg(child.pid, signal.SIGKILL)
        raise
    if ended is not None:
        return ended
    os.killpg(child.pid, signal.SIGKILL)
    # A process that waits for a driver that hangs does not die; it is left behind.
    stopped = _ended(child, _DYING)
    return _Ended(None, stopped.rss if stopped else 0)


def _ended(child: "subprocess.Popen[bytes]", timeout: float) -> _Ended | None:
    """Return how a child ended, None if it has not within so many seconds."""
    until = time.monotonic() + timeout
    while True:
        pid, status, usage = os.wait4(child.pid, os.WNOHANG)
        if pid:
            child.returncode = os.waitstatus_to_exitcode(status)
            return _Ended(child.returncode, usage.ru_maxrss * 1024)
        if time.monotonic() > until:
            return None
        time.sleep(_PERIOD)


def _outcome(ended: _Ended, answer: Path, words: Path, timeout: float) -> tuple[Status, str, Figures | None]:
    if ended.code is None:
        return "timeout", f"stopped after {timeout:.0f} s{_last(words)}", None
    if ended.code or not answer.is_file():
        how = f"signal {signal.Signals(-ended.code).name}" if ended.code < 0 else f"exit code {ended.code}"
        return "crashed", f"{how}{_last(words)}", None
    given = msgspec.json.decode(answer.read_bytes(), type=Answer)
    return ("failed", given.error, None) if given.figures is None else ("ok", "", given.figures)


def _last(words: Path) -> str:
    text = words.read_text(encoding="utf-8", errors="replace").strip()
    return f"; its last words: {text[-_WORDS:]}" if text else ""
