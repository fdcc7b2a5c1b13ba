"""Trains the embedded luma doubler on generated pictures.

    vsmagic train sr --output vsmagic/models/embedded

The steps: draw the pictures; crop small patches at random; ask the network for what bicubic missed; follow the
gradient, the rate warming up and then falling along a cosine; keep a running mean of the weights, which is what is
exported. Everything random comes from the seed and the number of the step, so a run that was stopped goes on as if it
never had been, and the same seed, threads and machine give the same weights to the last bit.
"""

import logging
import time
from dataclasses import asdict

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vsmagic.models.spec import ModelSpec
from vsmagic.training import run
from vsmagic.training.degrade import Picture, halve, resampling
from vsmagic.training.export import export
from vsmagic.training.nets import LumaDoubler
from vsmagic.training.options import TrainOptions
from vsmagic.training.pictures import pool

log = logging.getLogger(__name__)


def train_sr(options: TrainOptions) -> tuple[LumaDoubler, ModelSpec]:
    """Train and export; takes up an unfinished run of the same options in the same folder.

    Returns:
        The trained network, and the spec that was written beside its ONNX.
    """
    started = time.monotonic()
    what = run.identity(asdict(options))
    checkpoint = options.output / f"{options.name}.checkpoint"
    with run.reproducible(options.threads):
        state = run.begin(lambda: LumaDoubler(options.channels, options.depth), options.seed, options.peak_rate)
        run.restore(state, checkpoint, what)
        log.info("drawing %d pictures of %d pixels", options.pictures, options.picture_size)
        larges = pool(options.seed, options.pictures, options.picture_size, options.threads)
        smalls = [halve(large) for large in larges]
        log.info("training %d parameters for %d steps", state.net.parameter_count, options.steps)
        while state.step < options.steps:
            _step(state, options, *_patches(options, state.step, larges, smalls))
            if state.step % options.checkpoint_every == 0:
                run.save(state, checkpoint, what)
                log.info("step %d: loss %.5f, %.0f s", state.step, state.loss, time.monotonic() - started)
        net = state.average.eval().to(memory_format=torch.contiguous_format)
        spec = export(net, options.output, options.name)
    facts = {
        "parameters": net.parameter_count,
        "last_loss": state.loss,
        "seconds": round(time.monotonic() - started, 1),
        "sha256": spec.sha256,
    }
    run.write_facts(options.output / f"{options.name}.training.json", what, facts)
    checkpoint.unlink(missing_ok=True)
    return net, spec


def _step(state: run.State[LumaDoubler], options: TrainOptions, large: Tensor, small: Tensor) -> None:
    """One step on patches ``[batch, 1, 2p, 2p]`` and ``[batch, 1, p, p]``."""
    enlarge = torch.from_numpy(resampling(options.patch, 2 * options.patch))
    missed = large - enlarge @ small @ enlarge.T
    error = state.net(small.to(memory_format=torch.channels_last)) - missed
    loss = (error.square() + 1e-6).sqrt().mean()  # Charbonnier: |error|, rounded off below 1e-3
    rate = run.rate_at(state.step, steps=options.steps, warmup=options.warmup, peak=options.peak_rate)
    run.advance(state, loss, rate=rate, memory=options.memory)


def _patches(options: TrainOptions, step: int, larges: list[Picture], smalls: list[Picture]) -> tuple[Tensor, Tensor]:
    """The patches of a step, ``[batch, 1, 2p, 2p]`` and ``[batch, 1, p, p]``, 0 to 1, turned and mirrored at random."""
    random = np.random.default_rng([options.seed, options.pictures, step])
    size = options.patch
    chosen = []
    for _ in range(options.batch):
        number = random.integers(len(larges))
        y, x = random.integers(0, options.picture_size // 2 - size + 1, 2)
        turn = int(random.integers(8))
        large = larges[number][2 * y : 2 * (y + size), 2 * x : 2 * (x + size)]
        chosen.append((_turned(large, turn), _turned(smalls[number][y : y + size, x : x + size], turn)))
    large, small = (np.stack(stack)[:, None] for stack in zip(*chosen, strict=True))
    return torch.from_numpy(large).float() / 255, torch.from_numpy(small).float() / 255


def _turned(patch: NDArray[np.uint8], turn: int) -> NDArray[np.uint8]:
    """One of the eight ways to turn and mirror a square."""
    turned = np.rot90(patch, turn % 4)
    return turned[:, ::-1] if turn >= 4 else turned
