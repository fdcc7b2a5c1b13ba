"""``vsmagic bench``: the bare plugin, the whole graph and the whole command, side by side."""

import json
import re
import sys
from pathlib import Path
from typing import Any

import click

from vsmagic.errors import OptionError

_SIZES = ("720x480", "160x120")
_BUSY = 0.5
_WIDE = 160


class _Size(click.ParamType[tuple[int, int]]):
    """WIDTHxHEIGHT in pixels."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        found = re.fullmatch(r"([1-9]\d{0,4})x([1-9]\d{0,4})", str(value))
        if found is None or int(found[1]) % 2 or int(found[2]) % 2:
            self.fail(f"{value!r} is no size; expected even WIDTHxHEIGHT, such as 720x480", param, ctx)
        return int(found[1]), int(found[2])


@click.command()
@click.option("--model", default="auto", show_default=True, metavar="NAME|FILE", help="The embedded one by default.")
@click.option("--size", "sizes", type=_Size(), multiple=True, metavar="WxH", help=f"Input [{', '.join(_SIZES)}].")
@click.option("--scale", type=click.IntRange(1, 8), metavar="N", help="Only needed to choose among embedded models.")
@click.option("--precision", "precisions", multiple=True, metavar="NAME", help="f32, f16, bf16 [all native ones].")
@click.option("--backend", default="auto", show_default=True, metavar="NAME", help="What runs the model.")
@click.option("--frames", type=click.IntRange(1), metavar="N", help="Of each run [as many as take --seconds].")
@click.option("--seconds", type=click.FloatRange(0.1), default=6.0, show_default=True, help="Of a run of the plugin.")
@click.option("--rounds", type=click.IntRange(1), default=3, show_default=True, metavar="N", help="Of all three.")
@click.option("--source", type=click.Path(path_type=Path), metavar="FILE", help="Video to take pictures from.")
@click.option("--memory", "with_memory", is_flag=True, help="Also measure the peak of memory.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def bench(
    *,
    model: str,
    sizes: tuple[tuple[int, int], ...],
    scale: int | None,
    precisions: tuple[str, ...],
    backend: str,
    frames: int | None,
    seconds: float,
    rounds: int,
    source: Path | None,
    with_memory: bool,
    as_json: bool,
) -> None:
    """Measure on this machine, on real pictures.

    Three things take turns: the plugin alone with pictures ready for it; the graph of encode.vpy, from a file to
    frames; and enhance with its output thrown away, counted from the command's start to its end, and once running.
    """
    from vsmagic.bench import measure, report
    from vsmagic.bench.case import cases
    from vsmagic.machine import machine

    if source is not None and not source.is_file():
        raise OptionError(f"--source {source}: no such file; expected a video.")
    planned, notes = cases(
        model=model,
        sizes=sizes or tuple(_Size().convert(size, None, None) for size in _SIZES),
        scale=scale or _scale(model),
        backend=backend,
        precisions=precisions,
    )
    notes += _busy()
    for note in notes:
        click.echo(f"vsmagic: {note}", err=True)
    if not as_json:
        click.echo(f"{machine()}\n")
    comparisons, memories = [], []
    for case in planned:
        comparisons.append(
            measure.compare(case, frames=frames, rounds=rounds, seconds=seconds, source=source, tell=_tell)
        )
        if not as_json:
            _print(report.speed_table(comparisons[-1]))
    if with_memory:
        smallest = min(planned, key=lambda case: case.size[0] * case.size[1])
        memories = measure.growth(smallest, source=source, tell=_tell)
        memories.append(measure.large(smallest, source=source, tell=_tell))
    if as_json:
        click.echo(json.dumps(report.as_json(comparisons, memories, notes), indent=2))
    elif memories:
        _print(report.memory_table(memories))


def _scale(model: str) -> int:
    """Return the scale of a model that was named; 2 for the embedded one."""
    from vsmagic.models import registry

    return registry.resolve(model, factor=2).scale


def _busy() -> list[str]:
    from vsmagic.machine import load, machine

    waiting = load()
    if waiting is None or waiting < _BUSY * machine().cores:
        return []
    return [f"other programs are running (load {waiting:.1f} on {machine().cores} cores): do not trust the figures"]


def _tell(words: str) -> None:
    click.echo(f"vsmagic: {words}", err=True)


def _print(table: Any) -> None:
    from rich.console import Console

    Console(highlight=False, width=None if sys.stdout.isatty() else _WIDE).print(table)
    click.echo()
