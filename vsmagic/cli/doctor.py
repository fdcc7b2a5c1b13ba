"""``vsmagic doctor``: what of this installation works, what is missing, and what mends it."""

import itertools
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from vsmagic import __version__
from vsmagic.errors import SetupError

if TYPE_CHECKING:
    from rich.table import Table

    from vsmagic.diagnosis.check import Check
    from vsmagic.diagnosis.choice import Row

_COLOURS = {"ok": "green", "missing": "bold red", "broken": "bold red", "optional": "yellow"}
_WIDE = 200


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--strict", is_flag=True, help="Fail also when something optional is there and broken.")
@click.pass_context
def doctor(ctx: click.Context, *, as_json: bool, strict: bool) -> None:
    """Tell what of this installation works, what is missing, and what mends it.

    Every backend runs a small network, in a process of its own. The table at the end is the order in which
    --backend auto tries them. Optional parts may be absent; the exit code is 8
    when something is missing or broken that vsmagic does not work without.
    """
    from vsmagic.diagnosis import choice
    from vsmagic.diagnosis.examine import examine

    checks = examine()
    rows = choice.rows()
    bad = [check for check in checks if check.fatal or (strict and check.state == "broken")]
    if as_json:
        results = [asdict(check) for check in checks]
        backends = [asdict(row) for row in rows] if isinstance(rows, list) else None
        told = {"vsmagic": __version__, "ok": not bad, "checks": results, "backends": backends}
        click.echo(json.dumps(told, indent=2))
    else:
        _show(checks)
        _show_choice(rows)
        _show_verdict(checks, bad)
    if bad:
        ctx.exit(SetupError.exit_code)


def _show(checks: Sequence["Check"]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    for _ in range(2):
        table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for group, members in itertools.groupby(checks, lambda check: check.group):
        table.add_row(Text(group, "bold"))
        for check in members:
            table.add_row(f"  {check.name}", Text(check.state, _COLOURS[check.state]), Text(check.detail))
    _print(table)


def _show_choice(rows: "Sequence[Row] | str") -> None:
    """Print the table that backend=auto goes by; sentences on lines of their own, which no width breaks."""
    click.echo("\nBackends, in the order in which auto tries them:")
    if isinstance(rows, str):
        click.echo(f"  cannot be told: {rows}")
        return
    for row in rows:
        colour = "green" if row.taken else None if row.passed_by is None else "yellow"
        click.echo(f"  {row.backend:<9} {', '.join(row.computes_in):<14} {row.runs_on}")
        click.secho(f"            {row.here}", fg=colour)
        for limit in row.limits:
            click.echo(f"            not with {limit}")


def _print(table: "Table") -> None:
    from rich.console import Console

    # A pipe or a file has no width: there, nothing needs to be folded.
    Console(highlight=False, width=None if sys.stdout.isatty() else _WIDE).print(table)


def _show_verdict(checks: Sequence["Check"], bad: Sequence["Check"]) -> None:
    _show_remedies([check for check in checks if check.remedy is not None])
    names = ", ".join(check.name for check in bad)
    click.echo(f"\nNot working: {names}." if bad else "\nEverything that vsmagic needs works.")


def _show_remedies(checks: Sequence["Check"]) -> None:
    """Print what mends each thing on lines that can be copied whole."""
    for heading, wanted in (("To mend:", True), ("To add, if you want it:", False)):
        chosen = [check for check in checks if (check.state != "optional") is wanted]
        if chosen:
            click.echo(f"\n{heading}")
        for check in chosen:
            click.echo(f"  {check.name}: {check.remedy}")
