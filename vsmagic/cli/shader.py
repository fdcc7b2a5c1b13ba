"""``vsmagic shader``: models as GLSL user shaders, for an mpv without VapourSynth."""

from pathlib import Path

import click


@click.group()
def shader() -> None:
    """Write models of luma as GLSL user shaders.

    A shader runs in any mpv from 0.35 on, with no VapourSynth and no Python.

    \b
      vsmagic shader list
      vsmagic shader export magic-x2
      vsmagic shader export magic-x2 --precision half -o shaders/half.glsl
      mpv --glsl-shaders-append=magic-x2-single.glsl video.mkv
    """  # noqa: D301 - click wants the backspace


@shader.command("list")
def list_() -> None:
    """List the models that come with vsmagic as shaders, and what they cost."""
    from vsmagic.shaders import export

    for model, cost in export.embedded():
        flops = cost.per_frame(1920, 1080, model.scale) / 1e9
        click.echo(
            f"{model.name}  x{model.scale}  {cost.multiply_adds:,.0f} multiply-adds for a pixel of the output, "
            f"{flops:.0f} GFLOP for a frame of 1920x1080"
        )


@shader.command()
@click.argument("name")
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="FILE",
              help="Where to write it, - for stdout [NAME-PRECISION.glsl here].")  # fmt: skip
@click.option("--precision", type=click.Choice(["half", "single"]), default="single", show_default=True,
              help="Arithmetic: 16-bit floats where the GPU has them, or 32-bit.")  # fmt: skip
@click.option("--range", "value_range", type=click.Choice(["limited", "full"]), default="limited", show_default=True,
              help="Range of the video's luma, which a shader is not told.")  # fmt: skip
def export(name: str, *, output: Path | None, precision: str, value_range: str) -> None:
    """Write model NAME, or an .onnx file, as a shader.

    The network must see luma alone and be a chain of convolutions, ReLU and sums with one pixel shuffle at its end.
    """
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
