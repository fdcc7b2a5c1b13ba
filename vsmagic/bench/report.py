"""The results as a table and as JSON."""

from collections.abc import Sequence
from dataclasses import asdict
from statistics import median
from typing import TYPE_CHECKING, Any

from vsmagic import __version__
from vsmagic.bench.measure import RUNNING, Comparison, Memory
from vsmagic.bench.subjects import SUBJECTS, Run
from vsmagic.machine import machine

if TYPE_CHECKING:
    from rich.table import Table

_MEBI = 2**20
_ROWS = (*SUBJECTS, RUNNING)


def as_json(comparisons: Sequence[Comparison], memories: Sequence[Memory], notes: Sequence[str]) -> dict[str, Any]:
    """Return everything that was measured, round by round, and where."""
    return {
        "vsmagic": __version__,
        "machine": asdict(machine()),
        "notes": list(notes),
        "comparisons": [_comparison(comparison) for comparison in comparisons],
        "memory": [
            {"what": found.what, "short": _run(found.short), "long": _run(found.long) if found.long else None}
            for found in memories
        ],
    }


def _comparison(comparison: Comparison) -> dict[str, Any]:
    return {
        **asdict(comparison.case),
        "frames": comparison.frames,
        "rounds": [
            {name: _run(run) for name, run in taken.runs.items()} | {"start_seconds": taken.start}
            for taken in comparison.rounds
        ],
        "median_fps": {row: comparison.fps(row) for row in _ROWS},
        "ratios": {row: comparison.ratios(row) for row in _ROWS},
    }


def _run(run: Run) -> dict[str, float]:
    return {"frames": run.frames, "seconds": run.seconds, "fps": run.fps, "peak_bytes": run.peak}


def speed_table(comparison: Comparison) -> "Table":
    """Return one case as a table: a row a subject, a column a round."""
    from rich.table import Table

    table = Table(title=f"{comparison.case}, {comparison.frames} frames", title_justify="left", box=None)
    table.add_column("fps")
    for number in range(len(comparison.rounds)):
        table.add_column(f"round {number + 1}", justify="right")
    for name in ("median", "of the plugin", "peak MiB"):
        table.add_column(name, justify="right")
    for row in _ROWS:
        fps = [f"{taken.fps(row):.2f}" for taken in comparison.rounds]
        table.add_row(
            row, *fps, f"{comparison.fps(row):.2f}", f"{median(comparison.ratios(row)):.1%}", _peak(comparison, row)
        )
    return table


def _peak(comparison: Comparison, row: str) -> str:
    peaks = [taken.runs[row].peak for taken in comparison.rounds if row in taken.runs]
    return f"{max(peaks) / _MEBI:.0f}" if peaks else ""


def memory_table(memories: Sequence[Memory]) -> "Table":
    """Return the peaks as a table."""
    from rich.table import Table

    table = Table(title="Peak memory of the largest process, MiB", title_justify="left", box=None)
    table.add_column("")
    for name in ("frames", "peak", "frames", "peak", "growth"):
        table.add_column(name, justify="right")
    for found in memories:
        cells = [found.what, str(found.short.frames), f"{found.short.peak / _MEBI:.0f}"]
        if found.long is not None:
            growth = found.long.peak / found.short.peak - 1
            cells += [str(found.long.frames), f"{found.long.peak / _MEBI:.0f}", f"{growth:+.1%}"]
        table.add_row(*cells)
    return table
