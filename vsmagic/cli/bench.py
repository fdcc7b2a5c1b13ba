"""``vsmagic bench``: the bare plugin, the whole graph and the whole command, side by side."""

import json
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from vsmagic.errors import OptionError

if TYPE_CHECKING:
    from vsmagic.backends.tuned import Record

_SIZES = ("720x480", "160x120")
_BUSY = 0.5
_WIDE = 160
_ONLY_REALTIME = {"when_idle", "check"}
_REALTIME = {*_ONLY_REALTIME, "only_realtime", "sizes", "source", "seconds", "as_json"}


class _Size(click.ParamType[tuple[int, int]]):
    """WIDTHxHEIGHT in pixels."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        found = re.fullmatch(r"([1-9]\d{0,4})x([1-9]\d{0,4})", str(value))
        if found is None or int(found[1]) % 2 or int(found[2]) % 2:
            self.fail(f"{value!r} is no size; expected even WIDTHxHEIGHT, such as 720x480", param, ctx)
        return int(found[1]), int(found[2])


@click.command()
@click.option("--model", "models", multiple=True, metavar="NAME|FILE", help="The embedded one by default; repeatable.")
@click.option("--size", "sizes", type=_Size(), multiple=True, metavar="WxH", help=f"Input [{', '.join(_SIZES)}].")
@click.option("--scale", type=click.IntRange(1, 8), metavar="N", help="Only needed to choose among embedded models.")
@click.option("--precision", "precisions", multiple=True, metavar="NAME", help="f32, f16, bf16, int8 [all native].")
@click.option("--backend", default="auto", show_default=True, metavar="NAME", help="What runs the model.")
@click.option("--frames", type=click.IntRange(1), metavar="N", help="Of each run [as many as take --seconds].")
@click.option(
    "--seconds",
    type=click.FloatRange(0.1),
    default=6.0,
    show_default=True,
    help="Of a run of the plugin; with --tune or --realtime [2], of a measurement.",
)
@click.option("--rounds", type=click.IntRange(1), default=3, show_default=True, metavar="N", help="Of all three.")
@click.option("--source", type=click.Path(path_type=Path), metavar="FILE", help="Video to take pictures from.")
@click.option("--memory", "with_memory", is_flag=True, help="Also measure the peak of memory.")
@click.option("--tune", "only_tune", is_flag=True, help="Find out how models run best here, and keep it.")
@click.option("--realtime", "only_realtime", is_flag=True, help="Measure the player's profiles, and keep it.")
@click.option("--when-idle", is_flag=True, help="With --realtime: wait until no other program works.")
@click.option("--check", is_flag=True, help="With --realtime: only say whether what is kept holds here.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def bench(
    ctx: click.Context,
    /,
    *,
    models: tuple[str, ...],
    sizes: tuple[tuple[int, int], ...],
    scale: int | None,
    precisions: tuple[str, ...],
    backend: str,
    frames: int | None,
    seconds: float,
    rounds: int,
    source: Path | None,
    with_memory: bool,
    only_tune: bool,
    only_realtime: bool,
    when_idle: bool,
    check: bool,
    as_json: bool,
) -> None:
    """Measure on this machine, on real pictures.

    Three things take turns: the plugin alone with pictures ready for it; the graph of encode.vpy, from a file to
    frames; and enhance with its output thrown away, counted from the command's start to its end, and once running.

    With --tune only the network runs, and in turns: in the precisions that model and backend have, and with more and
    fewer streams. What is fastest is kept and used from then on wherever nothing else is asked for; a long clip does
    the same on a model's first use.

    With --realtime every profile of the player is measured at several sizes, in under 2 minutes; --size and --source
    say on what. The player chooses by it.
    """
    from vsmagic.bench import measure, report
    from vsmagic.bench.case import cases
    from vsmagic.machine import machine

    _check(ctx, source, only_realtime=only_realtime)
    if only_realtime:
        from vsmagic.cli import realtime

        own = seconds if "seconds" in _given(ctx) else None
        realtime.run(sizes=sizes, source=source, seconds=own, when_idle=when_idle, check=check, as_json=as_json)
        return
    wanted = sizes or tuple(_Size().convert(size, None, None) for size in _SIZES)
    notes = _busy()
    if only_tune:
        _tell_all(notes)
        _tune(models or ("auto",), wanted, backend=backend, precisions=precisions, seconds=seconds, as_json=as_json)
        return
    # All three are to run alike, whatever the length of their clips.
    os.environ["VSMAGIC_TUNE"] = "off"
    planned = []
    for model in models or ("auto",):
        found, left_out = cases(
            model=model, sizes=wanted, scale=scale or _scale(model), backend=backend, precisions=precisions
        )
        planned += found
        notes += left_out
    _tell_all(notes)
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


def _check(ctx: click.Context, source: Path | None, *, only_realtime: bool) -> None:
    """Refuse a video that is not there, and options that would do nothing.

    Raises:
        OptionError: one is given.
    """
    if source is not None and not source.is_file():
        raise OptionError(f"--source {source}: no such file; expected a video.")
    given = _given(ctx)
    idle = given - _REALTIME if only_realtime else given & _ONLY_REALTIME
    for param in ctx.command.params:
        if param.name in idle:
            raise OptionError(f"bench: {param.opts[0]} {'does not go with' if only_realtime else 'needs'} --realtime.")


def _given(ctx: click.Context) -> set[str]:
    """Return the names of the options that the user gave."""
    return {name for name in ctx.params if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE}


def _tune(
    models: Sequence[str],
    sizes: Sequence[tuple[int, int]],
    *,
    backend: str,
    precisions: Sequence[str],
    seconds: float,
    as_json: bool,
) -> None:
    from vsmagic.bench import tuning
    from vsmagic.machine import machine

    if len(precisions) > 1:
        raise OptionError(
            f"--tune takes one --precision to keep to, or none to choose it; got {', '.join(precisions)}."
        )
    records = tuning.tune(
        models, sizes, backend=backend, precision=precisions[0] if precisions else "auto", seconds=seconds, tell=_tell
    )
    if as_json:
        click.echo(json.dumps(tuning.as_json(records), indent=2))
        return
    click.echo(f"{machine()}\n")
    for record in records:
        click.echo(tuning.title(record))
        if record.taken:
            _print(tuning.table(record))
        else:
            click.echo(f"{_nothing_compared(record, seconds)}\n")


def _nothing_compared(record: "Record", seconds: float) -> str:
    """Say why there is no table."""
    if not record.reason:
        return f"There is only one way to run it here: {record.precision}, one at a time."
    return (
        "Nothing could be compared, so nothing is kept: it runs as an earlier measurement found, else as usual, in "
        f"{record.precision} with the usual streams. Where there was no time, give more: --seconds {4 * seconds:g}."
    )


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


def _tell_all(notes: Sequence[str]) -> None:
    for note in notes:
        _tell(note)


def _tell(words: str) -> None:
    click.echo(f"vsmagic: {words}", err=True)


def _print(table: Any) -> None:
    from rich.console import Console

    Console(highlight=False, width=None if sys.stdout.isatty() else _WIDE).print(table)
    click.echo()
