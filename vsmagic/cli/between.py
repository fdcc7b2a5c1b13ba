"""``vsmagic between``: two pictures in, those between them out."""

import logging
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vsmagic.cli.main import log_to_stderr
from vsmagic.cli.values import Scale
from vsmagic.errors import OptionError, OutputError

if TYPE_CHECKING:
    import vapoursynth as vs

_NUMBER = re.compile(r"%(0\d+)?d")


@click.command()
@click.argument("first", metavar="A", type=click.Path(path_type=Path))
@click.argument("second", metavar="B", type=click.Path(path_type=Path))
@click.argument("output", metavar="OUT", type=click.Path(path_type=Path))
@click.option("--frames", type=int, default=1, show_default=True, metavar="N", help="How many, evenly spaced.")
@click.option("--flow-model", default="auto", metavar="NAME", help="auto, magic-flow, mvtools, or a RIFE's name.")
@click.option(
    "--flow-scale", type=Scale(), default="auto", metavar="N|auto", help="Size at which motion is looked for."
)
@click.option("--backend", default="auto", metavar="NAME", help="What runs the model.")
@click.option("--precision", default="auto", metavar="NAME", help="Arithmetic of the model: auto, f32, f16, bf16.")
@click.option("--strict", is_flag=True, help="An error where the backend lacks the precision asked for.")
@click.option("-y", "--overwrite", is_flag=True, help="Replace files that exist.")
@click.option("-q", "--quiet", is_flag=True, help="Warnings and errors only.")
@click.option("--debug", is_flag=True, help="Show tracebacks.")
@click.pass_context
def between(
    ctx: click.Context,
    /,
    *,
    first: Path,
    second: Path,
    output: Path,
    frames: int,
    overwrite: bool,
    quiet: bool,
    debug: bool,
    **options: Any,
) -> None:
    """Make the pictures between A and B.

    With --frames 5 they lie at 1/6, 2/6 … 5/6 of the way. OUT is a folder, made if it is missing, for 001.png and so
    on; or a pattern such as out/%04d.png; or, for one frame, a name that ends in .png. 16 bits stay 16 bits.
    """
    log_to_stderr(debug=debug or bool(ctx.obj), level=logging.WARNING if quiet else logging.INFO)
    files = _files(output, frames)
    there = next((file for file in files if file.exists()), None)
    if there is not None and not overwrite:
        raise OutputError(f"{there}: exists already; choose another name, or pass --overwrite to replace it.")
    made = _made(first, second, frames, options)
    _write(made, files)
    if not quiet:
        click.echo(f"vsmagic: {output}: {frames} frame{'s' if frames > 1 else ''}", err=True)


def _files(output: Path, frames: int) -> list[Path]:
    """Return the file of each frame."""
    from vsmagic.filters.pair import MOST

    if not 1 <= frames <= MOST:
        raise OptionError(f"--frames is {frames}; expected 1 to {MOST}.")
    if output.is_dir() or not output.suffix:
        return [output / f"{n:03d}.png" for n in range(1, frames + 1)]
    if output.suffix.lower() != ".png":
        raise OptionError(f"{output}: expected a folder, or a name that ends in .png, such as out/%03d.png.")
    patterns = _NUMBER.findall(output.name)
    if len(patterns) > 1 or (not patterns and frames > 1):
        raise OptionError(f"{output}: {frames} frames need one number in the name, such as {output.stem}%03d.png.")
    return [_numbered(output, n) for n in range(1, frames + 1)]


def _numbered(pattern: Path, n: int) -> Path:
    return pattern.with_name(_NUMBER.sub(lambda found: found[0] % n, pattern.name))


def _made(first: Path, second: Path, frames: int, options: dict[str, Any]) -> "vs.VideoNode":
    from vsmagic import pictures
    from vsmagic.filters.pair import interpolate_pair

    a, b = pictures.read(first), pictures.read(second)
    if (a.width, a.height) != (b.width, b.height):
        raise OptionError(
            f"{first.name} is {a.width}x{a.height} and {second.name} {b.width}x{b.height}; expected the same of both."
        )
    if a.format.id != b.format.id:  # the one that tells more decides
        a, b = pictures.alike(a, b)
    return interpolate_pair(a, b, frames, model=options.pop("flow_model"), **options)


def _write(made: "vs.VideoNode", files: list[Path]) -> None:
    from vsmagic.files import write_atomically
    from vsmagic.pictures import png

    for frame, file in zip(made.frames(close=True), files, strict=True):
        write_atomically(file, png(frame))
