"""``vsmagic jobs``: what runs that were stopped have left, and what they could go on with."""

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vsmagic.errors import OptionError

if TYPE_CHECKING:
    from vsmagic.encode.chunks.left import Left

_AGE = re.compile(r"(\d+(?:\.\d+)?)([smhdw])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


class _Age(click.ParamType[float]):
    """A number with a unit of time; in seconds."""

    name = "age"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        found = _AGE.fullmatch(value)
        if found is None:
            self.fail(f"{value!r} is no age; expected a number with s, m, h, d or w, such as 12h or 7d", param, ctx)
        return float(found[1]) * _SECONDS[found[2]]


@click.group()
def jobs() -> None:
    """List, show and throw away jobs that were stopped before they were finished.

    enhance keeps the finished chunks of such a job in a hidden folder beside its output, and the same command goes on
    there. Jobs that were begun by you on this machine are known; others are found in folders that are named.
    """


@jobs.command("list")
@click.argument("folders", metavar="[FOLDER]...", nargs=-1, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_(*, folders: tuple[Path, ...], as_json: bool) -> None:
    """List jobs: those known here, or those in FOLDER and the folders in it."""
    from vsmagic.encode.chunks import left

    found = left.inside(folders) if folders else left.known()
    if as_json:
        _print_json([one.facts() for one in found])
        return
    if not found:
        click.echo("There are no unfinished jobs" + (f" in {', '.join(map(str, folders))}." if folders else "."))
    for one in found:
        for line in _lines(one):
            click.echo(line)


@jobs.command()
@click.argument("output", metavar="OUT|FOLDER", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(*, output: Path, as_json: bool) -> None:
    """Show all of one job: its filters, codec and chunks, and whether it could go on."""
    from vsmagic.encode.chunks import left

    one = left.named(output)
    if as_json:
        _print_json({**one.facts(), **one.details()})
        return
    for line in _lines(one):
        click.echo(line)
    for name, value in _rows(one.details()):
        click.echo(f"  {name:<12}{value}")


@jobs.command()
@click.argument("outputs", metavar="[OUT|FOLDER]...", nargs=-1, type=click.Path(path_type=Path))
@click.option("--all", "every", is_flag=True, help="All that are known here, and those in FOLDER.")
@click.option("--older-than", type=_Age(), metavar="AGE", help="Only what was last worked on longer ago: 12h, 7d, 2w.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
def clean(*, outputs: tuple[Path, ...], every: bool, older_than: float | None, yes: bool) -> None:
    """Throw away what jobs have left: of an output by its name, or of all in a folder. One that runs is left alone."""
    from vsmagic.encode.chunks import left

    if not outputs and not every and older_than is None:
        raise click.UsageError("Name an output or a folder, or give --all or --older-than.")
    found = left.of(outputs) if outputs else []
    if every or not outputs:
        found = left.unique([*found, *left.known()])
    found = [one for one in found if older_than is None or one.age > older_than]
    idle = [one for one in found if one.holder is None]
    for one in found:
        if one.holder is not None:
            click.echo(f"{one.output}: is being made by {one.holder}; it stays.", err=True)
    if not idle:
        click.echo("There is nothing to throw away.")
        return
    if not yes and not _agreed(idle):
        click.echo("Nothing was thrown away.")
        return
    freed = sum(one.clean() for one in idle)
    click.echo(f"{_count(len(idle))} thrown away, {_size(freed)} freed.")


def _agreed(found: "list[Left]") -> bool:
    """Ask whether these may go.

    Raises:
        OptionError: there is nobody to ask.
    """
    if not sys.stdin.isatty():
        raise OptionError("jobs clean asks before it throws work away; give --yes where nobody can answer.")
    for one in found:
        for line in _lines(one):
            click.echo(line)
    return click.confirm(f"Throw {_count(len(found))} away, {_size(sum(one.size for one in found))}?")


def _count(number: int) -> str:
    return "1 job" if number == 1 else f"{number} jobs"


def _size(count: int) -> str:
    from vsmagic.encode.progress.words import size

    return size(count)


def _lines(one: "Left") -> list[str]:
    done = "nothing is known of it" if one.job is None else (
        f"{one.done} of {one.total} frames ({100 * one.done // max(one.total, 1)}%), begun {_local(one.job.begun)}"
    )  # fmt: skip
    source = "" if one.job is None else f"  from {one.job.source}"
    idle = "kept beside its output" if one.output.exists() else "stopped"
    runs = f"being made by {one.holder}" if one.holder is not None else idle
    return [str(one.output), *filter(None, [source]), f"  {done}, {_size(one.size)}, {runs}"]


def _local(time: str) -> str:
    """Return a time in UTC as a clock here shows it."""
    from datetime import datetime

    return datetime.fromisoformat(time).astimezone().strftime("%Y-%m-%d %H:%M")


def _rows(details: dict[str, Any]) -> list[tuple[str, str]]:
    import msgspec

    rows = [("cannot go on", "for " + ", and ".join(details["changed"]))] if details["changed"] else []
    if details["chain"] is not None:
        rows.append(("filters", msgspec.json.encode(details["chain"]).decode()))
        rows.append(("encoder", " ".join(details["encoder"])))
        rows.append(("versions", ", ".join(f"{name} {version}" for name, version in details["versions"].items())))
    for chunk in details["chunks"]:
        what = f"frames {chunk['first']} to {chunk['end']}, {chunk['state']}"
        rows.append((f"chunk {chunk['number'] + 1}", what + (f", {_size(chunk['bytes'])}" if chunk["bytes"] else "")))
    return rows


def _print_json(value: object) -> None:
    import msgspec

    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())
