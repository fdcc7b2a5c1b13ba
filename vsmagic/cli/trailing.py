"""What stands after ``--`` on a command line: options for another program."""

from collections.abc import Callable, Sequence

import click

TRAILING = "vsmagic.trailing"
"""Key in ``click.Context.meta`` under which :class:`Trailing` leaves them, as a tuple."""


class Trailing(click.Command):
    """A command whose files may be followed by ``--`` and options for another program.

    A ``--`` before the first file means what it does everywhere: only names follow, until the next ``--``.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take what is for the other program away, then parse the rest as usual."""
        own, trailing = split(args, lambda before: self._names(ctx, before))
        ctx.meta[TRAILING] = tuple(trailing)
        return super().parse_args(ctx, own)

    def _names(self, ctx: click.Context, args: list[str]) -> bool:
        """Whether there is a file among the arguments."""
        options = click.Context(self, parent=ctx.parent, info_name=ctx.info_name, resilient_parsing=True)
        values, rest, _ = self.make_parser(options).parse_args(args=list(args))
        names = [values.get(each.name or "") for each in self.params if isinstance(each, click.Argument)]
        # What was not given is None or a mark of click's own, which counts as true.
        return bool(rest) or any(isinstance(name, str | tuple) and bool(name) for name in names)


def split(args: Sequence[str], has_names: Callable[[list[str]], bool]) -> tuple[list[str], list[str]]:
    """Return a command's own arguments, and what follows its files after ``--``.

    Args:
        args: all of them.
        has_names: tells whether there is a file among some.
    """
    places = [n for n, word in enumerate(args) if word == "--"]
    if not places:
        return list(args), []
    first = places[0]
    if has_names(list(args[:first])):
        return list(args[:first]), list(args[first + 1 :])
    if len(places) == 1:
        return list(args), []
    return list(args[: places[1]]), list(args[places[1] + 1 :])
