"""``vsmagic bench --realtime``: how fast each profile is on this machine, for the player to choose by."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from vsmagic.mpv.speeds import Speed, Table

_NOT_MEASURED = 1


def run(
    *,
    sizes: Sequence[tuple[int, int]],
    source: Path | None,
    seconds: float | None,
    when_idle: bool,
    check: bool,
    as_json: bool,
) -> None:
    """Measure the profiles and print the table; or only say whether the one that is kept holds."""
    if check:
        _check(as_json=as_json)
        return
    table = _measured(sizes, source, seconds, when_idle=when_idle)
    if as_json:
        import msgspec

        click.echo(msgspec.json.format(msgspec.json.encode(table), indent=2).decode())
    else:
        _print(table)


def _check(*, as_json: bool) -> None:
    """Say whether the table holds for this machine; the exit code is 1 where it has to be measured."""
    from vsmagic.mpv import speeds

    table = speeds.load()
    doubt = speeds.doubt(table) if table else None
    if table is None:
        why: str | None = "nothing was measured yet"
    else:
        why = speeds.stale(table, speeds.here()) or speeds.unfinished(table)
    if as_json:
        click.echo(json.dumps({"path": str(speeds.path()), "holds": why is None, "why": why, "doubt": doubt}))
    elif why is None:
        click.echo(f"{speeds.path()} holds for this machine{f'; but {doubt}' if doubt else ''}.")
    else:
        click.echo(f"{speeds.path()}: {why}. Run: vsmagic bench --realtime")
    if why is not None:
        raise click.exceptions.Exit(_NOT_MEASURED)


def _measured(
    sizes: Sequence[tuple[int, int]], source: Path | None, seconds: float | None, *, when_idle: bool
) -> "Table":
    from vsmagic.bench import realtime
    from vsmagic.encode.stopping import Stopped, stoppable
    from vsmagic.mpv import profiles, speeds

    try:
        with stoppable():
            return realtime.measure(
                profiles.load(),
                sizes=sizes or realtime.SIZES,
                source=source,
                when_idle=when_idle,
                length=seconds or realtime.LENGTH,
                tell=_tell,
            )
    except Stopped as stopped:
        _tell(f"{stopped}; what was measured is kept in {speeds.path()}")
        raise click.exceptions.Exit(stopped.exit_code) from stopped


def _print(table: "Table") -> None:
    click.echo(f"{table.machine}\n")
    width = max((len(name) for name in (*table.pictures, *table.motions)), default=0)
    for title, rows in (("frames shown a second", table.pictures), ("frames made a second", table.motions)):
        click.echo(title)
        for name, speeds in rows.items():
            click.echo(f"  {name:<{width}}  {_row(speeds)}")
    for name, why in table.lacking.items():
        click.echo(f"{name}: not measured: {why}")


def _row(speeds: "Sequence[Speed]") -> str:
    return "  ".join(f"{speed.width}x{speed.height}: {speed.fps:.1f}" for speed in speeds)


def _tell(words: str) -> None:
    click.echo(f"vsmagic: {words}", err=True)
