"""``vsmagic mpv``: put vsmagic into the player mpv, take it out, look at both, or play without installing."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vsmagic.cli.mpv_prepare import prepare

if TYPE_CHECKING:
    from vsmagic.mpv.advice import Advice
    from vsmagic.mpv.install import Plan
    from vsmagic.mpv.places import Place
    from vsmagic.mpv.player import Player

_HOME = click.option("--config-dir", "home", type=click.Path(path_type=Path), metavar="DIR",
                     help="mpv's configuration folder [where this mpv reads it].")  # fmt: skip
_PROGRAM = click.option("--mpv", "program", metavar="PROGRAM", help="The mpv [VSMAGIC_MPV, else the one on PATH].")
_DRY = click.option("--dry-run", is_flag=True, help="Tell what would be done, and do nothing.")


@click.group()
def mpv() -> None:
    """Better pictures while you watch, in mpv.

    \b
      vsmagic mpv run film.mkv             play with everything set, install nothing
      vsmagic mpv install                  from then on, every mpv of yours has it
      vsmagic mpv status                   what is installed, and what mpv makes of it
    """  # noqa: D301 - click wants the backspace


mpv.add_command(prepare)


@mpv.command()
@_HOME
@_PROGRAM
@_DRY
@click.option("--shaders-only", is_flag=True, help="No script: a shader enlarges, in any mpv.")
@click.option("--shader", metavar="NAME", help="With --shaders-only: which [magic-x2-fast-single].")
def install(*, home: Path | None, program: str | None, dry_run: bool, shaders_only: bool, shader: str | None) -> None:
    """Install into mpv's configuration: one folder, and one line in mpv.conf.

    Your own options keep their values. A second install changes nothing, and uninstall gives every file back as it was.
    """
    from vsmagic.mpv import install as installing
    from vsmagic.mpv import report
    from vsmagic.mpv.folder import SHADER

    place = _place(home, program)
    _check(place, shaders_only=shaders_only, shader=shader)
    plan = installing.install(place.folder, shader=(shader or SHADER) if shaders_only else None)
    player, advice = (None, None) if dry_run else report.examined(program)
    _carry_out(plan, dry_run=dry_run)
    if advice:
        done = "Installed in" if plan.changes else "Nothing to do, all of it is in"
        click.echo(f"{done} {place.folder}.")
        _tell(advice, player=player, shaders_only=shaders_only)
    for line in report.beside(place):
        click.echo(line)


def _check(place: "Place", *, shaders_only: bool, shader: str | None) -> None:
    from vsmagic.errors import OptionError

    if shader and not shaders_only:
        raise OptionError("mpv install: --shader is for --shaders-only; the script chooses by itself. Leave it out.")
    if place.sealed and not shaders_only:
        raise OptionError(
            f"mpv install: {place.why} runs in a sandbox and sees no Python of this system; its shaders work: "
            f"vsmagic mpv install --shaders-only --config-dir {place.folder}"
        )


def _carry_out(plan: "Plan", *, dry_run: bool) -> None:
    if dry_run:
        for line in plan.changes.told():
            click.echo(f"would {line}")
        if not plan.changes:
            click.echo("nothing would be done")
    else:
        plan.changes.make()
    for note in plan.notes:
        click.echo(note)


def _tell(advice: "Advice", *, player: "Player | None", shaders_only: bool) -> None:
    """Say whether this mpv will play with it just so, or what it needs."""
    if player is None:
        click.echo(f"But {advice.found}: {advice.remedy}.")
    elif shaders_only:
        click.echo("Every mpv that reads this configuration uses it from now on.")
    else:
        _tell_advice(advice)


def _tell_advice(advice: "Advice") -> None:
    click.echo(f"{advice.found}.")
    if advice.works:
        click.echo("It plays with vsmagic from now on; Alt+m turns it off and on.")
    if advice.steps:
        click.echo("For it to load vsmagic, run once:")
    for step in advice.steps:
        click.echo(f"  {step}")
    if advice.otherwise:
        click.echo(f"{advice.otherwise[0].upper()}{advice.otherwise[1:]}.")


@mpv.command()
@_HOME
@_PROGRAM
@_DRY
def uninstall(*, home: Path | None, program: str | None, dry_run: bool) -> None:
    """Take everything out of mpv's configuration again; what you put there yourself stays."""
    from vsmagic.mpv import install as installing

    place = _place(home, program)
    plan = installing.uninstall(place.folder)
    _carry_out(plan, dry_run=dry_run)
    if plan.changes and not dry_run:
        click.echo(f"Removed from {place.folder}")


class _Run(click.Command):
    """A command whose options end at its first argument."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        from vsmagic.errors import OptionError

        ctx.allow_interspersed_args = False
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            raise OptionError(
                f"mpv run: {error.option_name} stands before the file; mpv's options stand after the file, such as: "
                f"vsmagic mpv run FILE {error.option_name}"
            ) from error


@mpv.command(cls=_Run)
@_PROGRAM
@click.argument("file")
@click.argument("options", nargs=-1, type=click.UNPROCESSED, metavar="[MPV OPTIONS]...")
def run(*, program: str | None, file: str, options: tuple[str, ...]) -> None:
    """Play FILE with everything set and nothing installed.

    What stands after FILE is mpv's: its options, more files. The exit code is mpv's too.

    \b
      vsmagic mpv run film.mkv --fullscreen --start=1:30
    """  # noqa: D301 - click wants the backspace
    from vsmagic.mpv import launch, player

    launch.start(launch.launch(player.find(program), file, options))


@mpv.command()
@_HOME
@_PROGRAM
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def status(*, home: Path | None, program: str | None, as_json: bool) -> None:
    """Tell what is installed, whether it was changed, and what this mpv makes of it."""
    from vsmagic.mpv import report

    place = _place(home, program)
    found = report.report(place, program)
    if as_json:
        click.echo(json.dumps(report.told(found), indent=2))
        return
    for name, text in report.lines(found):
        click.echo(f"{name:<15}{text}")
    click.echo(f"{'works':<15}{'yes' if found.works else 'no'}")
    for remedy in report.remedies(found):
        click.echo(f"{'to do':<15}{remedy}")
    for line in report.beside(place):
        click.echo(f"{'besides':<15}{line}")


def _place(home: Path | None, program: str | None) -> "Place":
    """Return the folder that was asked for, or the one that this mpv reads."""
    from vsmagic.errors import SetupError
    from vsmagic.mpv import places, player

    if home is not None:
        return places.named(Path(os.path.abspath(home)))  # noqa: PTH100 - links stay as they are
    try:
        found = player.find(program)
    except SetupError:
        if program:
            raise
        found = None
    return places.place(found)
