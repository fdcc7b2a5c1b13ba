"""``vsmagic train preview``: what a network would train on, as one picture."""

import importlib.util
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

if TYPE_CHECKING:
    from vsmagic.training.preview import Example, Rgb

# A multiple of twice every scale.
_SIZE = 192
_NEEDED = ("numpy", "PIL", "matplotlib", "matplotlib_fontja", "threadpoolctl")


@click.command()
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), required=True, metavar="FILE.png",
              help="Where to write it.")  # fmt: skip
@click.option("--kind", metavar="NAME", help="Pictures of this kind alone.")
@click.option("--content", type=click.Choice(["live", "animation"]), default="live", show_default=True,
              help="What the pictures are for.")  # fmt: skip
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="All chance follows it.")
@click.option("--scale", type=click.Choice(["1", "2", "4"]), default="2", show_default=True,
              help="How many times smaller the worn pictures are.")  # fmt: skip
@click.option("--count", type=click.IntRange(1, 200), default=24, show_default=True, help="Pictures.")
@click.option("--data", type=click.Path(exists=True, file_okay=False, path_type=Path), metavar="FOLDER",
              help="Take pictures and videos of this folder, in place of generated ones.")  # fmt: skip
def preview(
    *,
    output: Path,
    kind: str | None,
    content: Literal["live", "animation"],
    seed: int,
    scale: str,
    count: int,
    data: Path | None,
) -> None:
    """Show the pictures that networks train on, and beside each what wear makes of it, as a PNG.

    What stands below a picture is its kind, or the file it is from; below the worn one, what happened to it.
    """
    from vsmagic.errors import SetupError

    if missing := [name for name in _NEEDED if importlib.util.find_spec(name) is None]:
        raise SetupError(
            f"train: {', '.join(missing)} not installed; the preview needs it: pip install 'vsmagic[train]'"
        )
    from vsmagic.files import write_atomically
    from vsmagic.training.preview import sheet

    large = _drawn(kind, content, seed, count) if data is None else _found(data, kind, seed, count)
    write_atomically(output, sheet(_examples(large, seed, int(scale))))
    click.echo(str(output))


def _examples(large: "Iterator[tuple[Rgb, str]]", seed: int, scale: int) -> "Iterator[Example]":
    import numpy as np

    from vsmagic.training.preview import Example
    from vsmagic.training.wear import wear

    for number, (picture, name) in enumerate(large):
        one = wear(np.random.default_rng([seed, number]), picture, scale)
        yield Example(picture=picture, small=one.picture, name=name, steps=", ".join(one.steps))


def _drawn(
    kind: str | None, content: Literal["live", "animation"], seed: int, count: int
) -> "Iterator[tuple[Rgb, str]]":
    """Generate pictures of a kind, or of every kind that the content has, in turn."""
    from vsmagic.errors import OptionError
    from vsmagic.training.pictures import KINDS, drawn

    if kind is not None and kind not in KINDS:
        raise OptionError(f"--kind {kind}: is not known; expected one of {', '.join(KINDS)}.")
    kinds = [kind] if kind else [name for name, one in KINDS.items() if getattr(one, content) > 0]
    turns = zip(range(count), itertools.cycle(kinds), strict=False)
    return ((drawn(name, seed, number // len(kinds), _SIZE, content), name) for number, name in turns)


def _found(folder: Path, kind: str | None, seed: int, count: int) -> "Iterator[tuple[Rgb, str]]":
    from vsmagic.errors import OptionError
    from vsmagic.training.folder import named_pictures_of

    if kind is not None:
        raise OptionError(f"--kind {kind} --data {folder}: pictures of a folder have no kind. Leave one of them out.")
    return iter(named_pictures_of(folder, size=_SIZE, count=count, seed=seed))
