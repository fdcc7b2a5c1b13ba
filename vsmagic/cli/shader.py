"""``vsmagic shader``: models as GLSL user shaders, for an mpv without VapourSynth."""

from pathlib import Path

import click
from click.core import ParameterSource


@click.group()
def shader() -> None:
    """Write models of luma as GLSL user shaders.

    A shader runs in any mpv from 0.35 on, with no VapourSynth and no Python.

    \b
      vsmagic shader list
      vsmagic shader export magic-x2
      vsmagic shader export magic-x2 --precision half -o shaders/half.glsl
      vsmagic shader export --all shaders
      mpv --glsl-shaders-append=magic-x2-single.glsl video.mkv
    """  # noqa: D301 - click wants the backspace


@shader.command("list")
def list_() -> None:
    """List the models that come with vsmagic as shaders, what they cost, and when they run."""
    from vsmagic.shaders import export

    for model, cost in export.embedded():
        flops = cost.per_frame(1920, 1080, model.scale) / 1e9
        click.echo(
            f"{model.name}  x{model.scale}  {cost.multiply_adds:,.0f} multiply-adds for a pixel of the output, "
            f"{flops:.0f} GFLOP for a frame of 1920x1080; {_when(model.scale)}"
        )


def _when(scale: int) -> str:
    from vsmagic.shaders.code import larger

    shown = larger(scale)
    return "always runs" if shown is None else f"runs where it is shown more than {shown:g} times as large"


@shader.command()
@click.argument("name", required=False)
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="FILE",
              help="Where to write it, - for stdout [NAME-PRECISION.glsl here].")  # fmt: skip
@click.option("--precision", type=click.Choice(["half", "single"]), default="single", show_default=True,
              help="Arithmetic: 16-bit floats where the GPU has them, or 32-bit.")  # fmt: skip
@click.option("--range", "value_range", type=click.Choice(["limited", "full"]), default="limited", show_default=True,
              help="Range of the video's luma, which a shader is not told.")  # fmt: skip
@click.option("--all", "folder", type=click.Path(path_type=Path), metavar="FOLDER",
              help="Write those of scripts/shaders there, in both precisions and for both ranges.")  # fmt: skip
@click.pass_context
def export(
    ctx: click.Context, /, *, name: str | None, output: Path | None, precision: str, value_range: str,
    folder: Path | None,
) -> None:  # fmt: skip
    """Write model NAME, or an .onnx file, as a shader.

    The network must see luma alone and be a chain of convolutions, ReLU (leaky or not) and sums with one pixel
    shuffle at its end.
    One that enlarges runs where the picture is shown larger than it is (x2: 1.2 times, x4: 2.4 times); one that
    restores at the picture's own size always runs.
    """
    if folder is not None:
        _export_all(ctx, folder)
        return
    if name is None:
        raise click.UsageError("Missing argument 'NAME': expected a model, or --all FOLDER.")
    from vsmagic.files import write_atomically
    from vsmagic.models import registry
    from vsmagic.shaders import export as shaders

    model = registry.resolve(name)
    chosen = next(one for one in shaders.PRECISIONS if one == precision)
    levels = next(one for one in shaders.RANGES if one == value_range)
    text = shaders.shader(model, precision=chosen, value_range=levels)
    if output == Path("-"):
        click.echo(text, nl=False)
        return
    path = output or Path(shaders.file_name(model.name, chosen, levels))
    write_atomically(path, text.encode())
    click.echo(str(path))


def _export_all(ctx: click.Context, folder: Path) -> None:
    """Write the shaders that are shipped.

    Raises:
        UsageError: something is given that chooses among them.
        OutputError: the folder cannot be written.
    """
    for param in ctx.command.params:
        if param.name != "folder" and ctx.get_parameter_source(str(param.name)) is ParameterSource.COMMANDLINE:
            raise click.UsageError(f"{param.opts[0]} does not go with --all, which writes what is shipped.")
    from vsmagic.errors import OutputError, reason
    from vsmagic.shaders import export as shaders

    try:
        for path in shaders.write_all(folder):
            click.echo(str(path))
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written ({reason(error)}).") from error
