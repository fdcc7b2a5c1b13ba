"""Trains the embedded luma doubler on generated pictures.

    vsmagic train sr --output vsmagic/models/embedded

The steps: draw the pictures; crop small patches at random; ask the network for what bicubic missed; follow the
gradient, the rate warming up and then falling along a cosine; keep a running mean of the weights, which is what is
exported. Everything random comes from the seed and the number of the step, so a run that was stopped goes on as if it
never had been, and the same seed, threads and machine give the same weights to the last bit.
"""

import io
import json
import logging
import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vsmagic.errors import OptionError
from vsmagic.files import write_atomically
from vsmagic.models.spec import ModelSpec
from vsmagic.training.degrade import Picture, halve, resampling
from vsmagic.training.export import export
from vsmagic.training.nets import LumaDoubler
from vsmagic.training.options import TrainOptions
from vsmagic.training.pictures import pool

log = logging.getLogger(__name__)


@dataclass
class State:
    """All that changes while training; what a checkpoint holds."""

    net: LumaDoubler
    average: LumaDoubler
    optimiser: torch.optim.AdamW
    step: int = 0
    loss: float | None = None
    """Of the last step this process made."""


def train_sr(options: TrainOptions) -> tuple[LumaDoubler, ModelSpec]:
    """Train and export; takes up an unfinished run of the same options in the same folder.

    Returns:
        The trained network, and the spec that was written beside its ONNX.
    """
    started = time.monotonic()
    with _reproducible(options.threads):
        state = _begin(options)
        log.info("drawing %d pictures of %d pixels", options.pictures, options.picture_size)
        larges = pool(options.seed, options.pictures, options.picture_size, options.threads)
        smalls = [halve(large) for large in larges]
        log.info("training %d parameters for %d steps", state.net.parameter_count, options.steps)
        while state.step < options.steps:
            state.loss = _step(state, options, *_patches(options, state.step, larges, smalls))
            if state.step % options.checkpoint_every == 0:
                _save(state, options)
                log.info("step %d: loss %.5f, %.0f s", state.step, state.loss, time.monotonic() - started)
        net = state.average.eval().to(memory_format=torch.contiguous_format)
        spec = export(net, options.output, options.name)
    _write_facts(options, state, spec, time.monotonic() - started)
    _checkpoint(options).unlink(missing_ok=True)
    return net, spec


def _step(state: State, options: TrainOptions, large: Tensor, small: Tensor) -> float:
    """One step on patches ``[batch, 1, 2p, 2p]`` and ``[batch, 1, p, p]``; gives the loss before it."""
    for group in state.optimiser.param_groups:
        group["lr"] = _rate(options, state.step)
    enlarge = torch.from_numpy(resampling(options.patch, 2 * options.patch))
    missed = large - enlarge @ small @ enlarge.T
    error = state.net(small.to(memory_format=torch.channels_last)) - missed
    loss = (error.square() + 1e-6).sqrt().mean()  # Charbonnier: |error|, rounded off below 1e-3
    state.optimiser.zero_grad()
    loss.backward()
    state.optimiser.step()
    state.step += 1
    _follow(state, min(options.memory, state.step / (state.step + 10)))
    return float(loss.detach())


def _rate(options: TrainOptions, step: int) -> float:
    """Learning rate: a straight rise, then half a cosine down to 0."""
    if step < options.warmup:
        return options.peak_rate * (step + 1) / options.warmup
    share = (step - options.warmup) / max(options.steps - options.warmup, 1)
    return options.peak_rate * 0.5 * (1 + math.cos(math.pi * share))


@torch.no_grad()
def _follow(state: State, memory: float) -> None:
    """Move the mean weights towards the present ones."""
    torch._foreach_lerp_(list(state.average.parameters()), list(state.net.parameters()), 1 - memory)


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


# ------------------------------------------------------------------------------------------------------ checkpoints


class _reproducible:  # noqa: N801  read as 'with _reproducible(threads)'
    """Fix the number of threads and allow deterministic algorithms only, for the time of a ``with``."""

    def __init__(self, threads: int) -> None:
        self.threads = threads

    def __enter__(self) -> None:
        self.before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
        torch.set_num_threads(self.threads)
        torch.use_deterministic_algorithms(True)

    def __exit__(self, *_: object) -> None:
        torch.set_num_threads(self.before[0])
        torch.use_deterministic_algorithms(self.before[1])


def _begin(options: TrainOptions) -> State:
    """A fresh state, or the one an unfinished run of the same options left."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(options.seed)
        net = LumaDoubler(options.channels, options.depth).to(memory_format=torch.channels_last)
    average = LumaDoubler(options.channels, options.depth)
    average.load_state_dict(net.state_dict())
    state = State(net, average, torch.optim.AdamW(net.parameters(), lr=options.peak_rate, weight_decay=1e-4))
    if _checkpoint(options).exists():
        _restore(state, options)
    return state


def _checkpoint(options: TrainOptions) -> Path:
    return options.output / f"{options.name}.checkpoint"


def _identity(options: TrainOptions) -> str:
    """The options that make a run what it is, as text; where it writes and how often is not among them."""
    kept = {key: value for key, value in asdict(options).items() if key not in {"output", "name", "checkpoint_every"}}
    return json.dumps(kept, sort_keys=True)


def _save(state: State, options: TrainOptions) -> None:
    """Write the checkpoint; the former one stays until the new one is complete."""
    content = {
        "options": _identity(options),
        "step": state.step,
        "net": state.net.state_dict(),
        "average": state.average.state_dict(),
        "optimiser": state.optimiser.state_dict(),
    }
    buffer = io.BytesIO()
    torch.save(content, buffer)
    write_atomically(_checkpoint(options), buffer.getvalue())


def _restore(state: State, options: TrainOptions) -> None:
    """Read the checkpoint into the state.

    Raises:
        OptionError: it belongs to a run with other options.
    """
    content = torch.load(_checkpoint(options), weights_only=True)
    if content["options"] != _identity(options):
        raise OptionError(
            f"{_checkpoint(options)}: an unfinished run with other options ({content['options']}). "
            "Repeat those, name another --output, or delete the file."
        )
    state.net.load_state_dict(content["net"])
    state.average.load_state_dict(content["average"])
    state.optimiser.load_state_dict(content["optimiser"])
    state.step = content["step"]
    log.info("taking up the run at step %d", state.step)


def _write_facts(options: TrainOptions, state: State, spec: ModelSpec, seconds: float) -> None:
    """Write what was done as ``NAME.training.json``; the seconds are those of this process."""
    facts = {
        **json.loads(_identity(options)),
        "parameters": state.net.parameter_count,
        "last_loss": state.loss,
        "seconds": round(seconds, 1),
        "torch": str(torch.__version__),
        "sha256": spec.sha256,
    }
    write_atomically(options.output / f"{options.name}.training.json", (json.dumps(facts, indent=2) + "\n").encode())
