"""``vsmagic train``: train a model from nothing but a seed."""

import importlib.util
import logging
import os
from pathlib import Path
from typing import Any

import click

from vsmagic.errors import SetupError
from vsmagic.training.options import FlowOptions, TrainOptions

log = logging.getLogger(__name__)

DEFAULTS = TrainOptions(output=Path())
FLOW = FlowOptions(output=Path())
NEEDED = ("torch", "numpy", "PIL")


@click.group()
def train() -> None:
    """Train models on pictures that are generated, not collected."""


@train.command()
@click.option("--output", type=click.Path(file_okay=False, path_type=Path), required=True, help="Folder to write to.")
@click.option("--name", default=DEFAULTS.name, show_default=True, help="Name of the model and its files.")
@click.option(
    "--channels", type=click.IntRange(1), default=DEFAULTS.channels, show_default=True, help="Planes between layers."
)
@click.option("--depth", type=click.IntRange(1), default=DEFAULTS.depth, show_default=True, help="Layers of 3x3.")
@click.option("--steps", type=click.IntRange(1), default=DEFAULTS.steps, show_default=True, help="Optimiser steps.")
@click.option(
    "--pictures", type=click.IntRange(1), default=DEFAULTS.pictures, show_default=True, help="Pictures drawn."
)
@click.option("--seed", type=click.IntRange(0), default=DEFAULTS.seed, show_default=True, help="All chance follows it.")
@click.option("--threads", type=click.IntRange(1), default=DEFAULTS.threads, show_default=True, help="CPU threads.")
@click.option(
    "--evaluate",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Afterwards measure PSNR on this folder's NAME_HR.png and NAME_LRx2.png and print a table.",
)
def sr(
    *,
    output: Path,
    name: str,
    channels: int,
    depth: int,
    steps: int,
    pictures: int,
    seed: int,
    threads: int,
    evaluate: Path | None,
) -> None:
    """Train the luma doubler and write NAME.onnx, NAME.json and NAME.training.json.

    The defaults make magic-x2, in less than an hour on two cores; --name magic-x2-fast --channels 24 --depth 3
    --threads 1 makes that one. A run that was stopped is taken up where it was when the same command is given again.
    """
    _require_training()
    # Threads that wait by spinning take the core from the ones they wait for: three times slower on a busy machine.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from vsmagic.training import evaluate as measure
    from vsmagic.training.nets import residual
    from vsmagic.training.sr import train_sr

    if evaluate is not None:
        measure.pairs(evaluate)  # an empty folder is told now, not in an hour
    options = TrainOptions(
        output=output,
        name=name,
        channels=channels,
        depth=depth,
        steps=steps,
        pictures=pictures,
        seed=seed,
        threads=threads,
    )
    net, spec = train_sr(options)
    log.info("wrote %s", output / f"{spec.name}.onnx")
    if evaluate is not None:
        click.echo(measure.table(measure.evaluate(evaluate, lambda luma: residual(net, luma))))


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
