"""``vsmagic train``: train a model from nothing but a seed."""

import importlib.util
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import click

from vsmagic.cli.main import log_to_stderr
from vsmagic.cli.train_preview import preview
from vsmagic.errors import SetupError
from vsmagic.training.options import SCALES, Arithmetic, Content, FlowOptions, Purpose, TrainOptions

log = logging.getLogger(__name__)

DEFAULTS = TrainOptions(output=Path())
FLOW = FlowOptions(output=Path())
NEEDED = ("torch", "numpy", "PIL", "matplotlib", "matplotlib_fontja", "threadpoolctl")


@click.group()
@click.pass_obj
def train(debug: object) -> None:
    """Train models on pictures that are generated, not collected, or on your own."""
    log_to_stderr(debug=bool(debug), level=logging.INFO)


train.add_command(preview)


type _Decorator = Callable[[Callable[..., None]], Callable[..., None]]


def _folder(name: str, **more: Any) -> _Decorator:
    """An option that names a folder which is there."""
    return click.option(name, type=click.Path(exists=True, file_okay=False, path_type=Path), metavar="FOLDER", **more)


def _number(name: str, default: float, text: str, least: float = 1, **more: Any) -> _Decorator:
    """An option that is a whole number, or one with a fraction, as its default is."""
    kind = click.IntRange(int(least)) if isinstance(default, int) else click.FloatRange(least)
    return click.option(name, type=kind, default=default, show_default=True, help=text, **more)


@train.command()
@click.option("--output", type=click.Path(file_okay=False, path_type=Path), required=True, help="Folder to write to.")
@click.option("--name", default=DEFAULTS.name, show_default=True, help="Name of the model and its files.")
@click.option("--scale", type=click.Choice([str(scale) for scale in SCALES]), default=str(DEFAULTS.scale),
              show_default=True, help="How far it enlarges.")  # fmt: skip
@click.option("--purpose", type=click.Choice(get_args(Purpose)), default=DEFAULTS.purpose, show_default=True,
              help="Enlarge clean pictures faithfully, or restore what old video does to them as well.")  # fmt: skip
@click.option("--content", type=click.Choice(get_args(Content)), default=DEFAULTS.content, show_default=True,
              help="What is drawn: film, or animation.")  # fmt: skip
@_number("--channels", DEFAULTS.channels, "Planes between layers.")
@_number("--depth", DEFAULTS.depth, "Layers of 3x3.")
@click.option("--from", "start", metavar="NAME|FILE", help="Go on from this network of luma, at any scale.")
@click.option("--teacher", metavar="NAME|FILE", help="Learn from this larger network too.")
@_number("--teaching", DEFAULTS.teaching, "The teacher's share in the error.", 0)
@_number("--adversarial", DEFAULTS.adversarial, "Weight of fooling a critic; 0.002 is a start.", 0)
@_number("--perceptual", DEFAULTS.perceptual, "Weight of looking alike to a critic; 0.01 is a start.", 0)
@_folder("--data", help="Learn from the pictures and videos in this folder, in place of drawn pictures.")
@click.option("--pool", type=click.Path(file_okay=False, path_type=Path), metavar="FOLDER",
              help="Keep the pictures here for further runs; some hundred MB.")  # fmt: skip
@_number("--pictures", DEFAULTS.pictures, "Pictures drawn, or cut out of the data.")
@_number("--picture-size", DEFAULTS.picture_size, "Their height and width.")
@_number("--steps", DEFAULTS.steps, "Optimiser steps.")
@_number("--batch", DEFAULTS.batch, "Patches a step.")
@_number("--patch", DEFAULTS.patch, "Height and width of a small patch.")
@_number("--rate", DEFAULTS.peak_rate, "Highest learning rate.", 0)
@_number("--warmup", DEFAULTS.warmup, "Steps until then.")
@_number("--mean", DEFAULTS.memory, "What the running mean of the weights keeps at a step.", 0)
@_number("--seed", DEFAULTS.seed, "All chance follows it.", 0)
@_number("--threads", DEFAULTS.threads, "CPU threads.")
@click.option("--device", default=DEFAULTS.device, show_default=True, help="What computes: cpu, cuda, cuda:1.")
@click.option("--arithmetic", type=click.Choice(get_args(Arithmetic)), default=DEFAULTS.arithmetic, show_default=True,
              help="Of the network; bf16 is twice as fast on GPUs and processors that have it.")  # fmt: skip
@_folder("--validate", multiple=True, help="Reference pictures that the history measures; repeatable.")
@_folder("--evaluate", help="Afterwards measure PSNR on this folder's NAME_HR.png and print a table.")
def sr(*, scale: str, rate: float, mean: float, evaluate: Path | None, **options: Any) -> None:
    """Train a network of luma that enlarges, or restores.

    Writes NAME.onnx, NAME.int8.onnx, NAME.json with the facts, NAME.training.json with the run's history, and
    NAME.curve.png. vsmagic models show NAME tells the command and seed that made a model that comes with vsmagic.
    A run that was stopped is taken up where it was when the same command is given again.

    \b
      vsmagic train sr --output OUT --validate set5
      vsmagic train sr --output OUT --name mine --from magic-x2 --data holidays/ --steps 5000 --rate 0.001
    """  # noqa: D301 - click wants the backspace
    _require_training()
    # Threads that wait by spinning take the core from the ones they wait for: three times slower on a busy machine.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from vsmagic.training import evaluate as measure
    from vsmagic.training.nets import residual
    from vsmagic.training.sr import train_sr

    given = TrainOptions(scale=int(scale), peak_rate=rate, memory=mean, **options)
    for folder in (*given.validate, *([evaluate] if evaluate else [])):
        measure.references(folder)  # an empty folder is told now, not in an hour
    net, spec = train_sr(given)
    log.info("wrote %s", given.output / f"{spec.name}.onnx")
    if evaluate is not None:
        click.echo(
            measure.table(
                measure.evaluate(evaluate, lambda luma: residual(net, luma), scale=given.scale, purpose=given.purpose)
            )
        )


@train.command()
@click.option("--output", type=click.Path(file_okay=False, path_type=Path), required=True, help="Folder to write to.")
@click.option("--name", default=FLOW.name, show_default=True, help="Name of the model and its files.")
@click.option("--steps", type=click.IntRange(1), default=FLOW.steps, show_default=True, help="Optimiser steps.")
@click.option("--pictures", type=click.IntRange(1), default=FLOW.pictures, show_default=True, help="Pictures drawn.")
@click.option("--scenes", type=click.IntRange(1), default=FLOW.scenes, show_default=True, help="Scenes drawn of them.")
@click.option("--still", type=click.FloatRange(0, 1), default=FLOW.still, show_default=True, help="Share that stays.")
@click.option("--speed", type=click.FloatRange(0), default=FLOW.speed, show_default=True, help="Mean way of the rest.")
@click.option("--oddity", type=click.FloatRange(0, 1), default=FLOW.oddity, show_default=True, help="Share that turns.")
@click.option("--rate", type=click.FloatRange(0), default=FLOW.peak_rate, show_default=True, help="Learning rate.")
@click.option("--warmup", type=click.IntRange(1), default=FLOW.warmup, show_default=True, help="Steps until then.")
@click.option("--guidance", type=click.FloatRange(0), default=FLOW.guidance, show_default=True, help="Of the motion.")
@click.option("--choice", type=click.FloatRange(0), default=FLOW.choice, show_default=True, help="Of the frame.")
@click.option("--seed", type=click.IntRange(0), default=FLOW.seed, show_default=True, help="All chance follows it.")
@click.option("--threads", type=click.IntRange(1), default=FLOW.threads, show_default=True, help="CPU threads.")
@click.option(
    "--from", "start", type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Weights to go on from: NAME.weights of an earlier run.",
)  # fmt: skip
def flow(*, rate: float, **options: Any) -> None:
    """Train the network for frames in between, and write NAME.onnx, .json, .training.json and .weights.

    It learns from scenes that it draws itself and whose motion it knows. A run that was stopped is taken up where it
    was when the same command is given again. With no other options it is the command that made the model that comes
    with vsmagic; docs/training.md tells more.
    """
    _require_training()
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as above
    from vsmagic.training.flow import train_flow

    _, spec = train_flow(FlowOptions(peak_rate=rate, **options))
    log.info("wrote %s", options["output"] / f"{spec.name}.onnx")


def _require_training() -> None:
    """Check that the extra is installed.

    Raises:
        SetupError: it is not.
    """
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise SetupError(f"train: {', '.join(missing)} not installed; training needs it: pip install 'vsmagic[train]'")
