"""The question what becomes of pictures that are woven of two fields, and the option that answers it ahead."""

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

import click

from vsmagic.errors import InterlacedError

if TYPE_CHECKING:
    from vsmagic.encode.job import Prepared
    from vsmagic.steps import FieldOrder

HOW = ("ask", "deinterlace", "double", "inverse-telecine", "keep", "refuse")
_WORDS = {
    "double": "deinterlace, a picture of every field: all of the motion, twice the frames",
    "deinterlace": "deinterlace, a picture of every frame",
    "inverse-telecine": "inverse telecine: film gets its own frames back, four fifths of these",
    "keep": "keep the pictures as they are, combs and all",
}
# What is offered, the first as the default.
_OFFERED = {
    "interlaced": ("double", "deinterlace", "inverse-telecine", "keep"),
    "telecined": ("inverse-telecine", "double", "deinterlace", "keep"),
}

option = click.option(
    "--fields",
    type=click.Choice(HOW),
    default="ask",
    show_default=True,
    help="Of interlaced or telecined video: deinterlace it, with a picture of every field (double) or frame; "
    "inverse-telecine film; keep pictures as they are; or ask on a terminal when a look finds some, refuse elsewhere.",
)


def step(how: str) -> dict[str, str]:
    """Return the flag of the chain that the option stands for; none where the frames are to be looked at first."""
    return {} if how in ("ask", "refuse") else {"fields": how}


def settled[T](prepared: "Prepared", how: str, make: "Callable[[Prepared], T]") -> T:
    """Make something of a job, and ask where its pictures turn out to be woven, if there is somebody to ask.

    Args:
        prepared: the job.
        how: what the option says.
        make: makes it; is called a second time with the answer in the chain.

    Raises:
        VsmagicError: what ``make`` raises; an InterlacedError also where nobody can be asked.
    """
    try:
        return make(prepared)
    except InterlacedError as error:
        if how != "ask" or error.kind not in _OFFERED or not _terminal():
            raise
        answer = _ask(error)
        if answer is None:
            raise
        found = error
    from vsmagic.chain import fields_step
    from vsmagic.encode.answers import mended

    return make(mended(prepared, fields_step(answer, cast("FieldOrder", found.order))))


def _terminal() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


def _ask(error: InterlacedError) -> str | None:
    """Ask what to do; None to stop."""
    offered = _OFFERED[error.kind]
    click.echo(f"vsmagic: {str(error).partition(';')[0]}. What is to be done?", err=True)
    for number, name in enumerate(offered, 1):
        click.echo(f"  {number}  {_WORDS[name]}", err=True)
    click.echo(f"  {len(offered) + 1}  stop", err=True)
    number = click.prompt("Number", type=click.IntRange(1, len(offered) + 1), default=1, err=True)
    return offered[number - 1] if number <= len(offered) else None
