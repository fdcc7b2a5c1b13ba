"""Trains the embedded network for frames in between on generated moving scenes.

    vsmagic train flow --output vsmagic/models/embedded

The steps: draw pictures, and from them scenes; cut patches at random, mirrored, turned and played backwards; ask the
network for the frame between and for the motion to both; follow the gradient of the picture's error and, with less
weight, of the motion's, which the scenes tell exactly; keep a running mean of the weights, which is what is exported.
Everything random comes from the seed and the number of the step, so a run that was stopped goes on as if it never
had been.
"""

import hashlib
import io
import logging
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from vsmagic.files import write_atomically
from vsmagic.models.motion import MotionSpec
from vsmagic.training import pictures, run, scenes
from vsmagic.training.export_flow import export
from vsmagic.training.flownet import FlowNet
from vsmagic.training.options import FlowOptions
from vsmagic.training.scenes import Pace, Scene
from vsmagic.training.stencils import warp

log = logging.getLogger(__name__)

_HIDDEN, _SHOWN = 0.06, 0.03
"""Mean error of R, G and B from which on a frame does not show a place, and below which it does."""

_STEEPEST = 1.0
"""Length that a gradient is cut to: now and then aligning divides by next to nothing."""


@dataclass(frozen=True, kw_only=True)
class Patches:
    """What one step learns from."""

    pictures: Tensor
    """``[batch, 9, p, p]``, 0 to 1: RGB of the first frame, of the last, and of the one between."""
    time: Tensor
    """``[batch, 1, 1, 1]``: when that one is, 0 to 1."""
    motion: Tensor
    """``[batch, 4, p, p]``: see :class:`vsmagic.training.scenes.Scene`."""


def train_flow(options: FlowOptions) -> tuple[FlowNet, MotionSpec]:
    """Train and export; takes up an unfinished run of the same options in the same folder.

    Writes ``NAME.onnx``, ``NAME.json``, ``NAME.training.json`` and ``NAME.weights``, which another run can start from.

    Returns:
        The trained network, in evaluation mode, and the spec that was written beside its ONNX.
    """
    started = time.monotonic()
    what = run.identity(_told(options))
    checkpoint = options.output / f"{options.name}.checkpoint"
    with run.reproducible(options.threads):
        state = run.begin(FlowNet, options.seed, run.adamw(options.peak_rate))
        if options.start is not None:
            _start(state, options.start)
        run.restore(state, checkpoint, what)
        drawn = draw(options)
        log.info("training for %d steps", options.steps)
        while state.step < options.steps:
            _step(state, options, patches(options, state.step, drawn))
            if state.step % options.checkpoint_every == 0:
                run.save(state, checkpoint, what)
                log.info("step %d: loss %.5f, %.0f s", state.step, state.loss, time.monotonic() - started)
    net = state.average.eval()
    kept = io.BytesIO()
    torch.save(net.state_dict(), kept)
    write_atomically(options.output / f"{options.name}.weights", kept.getvalue())
    spec = export(net, options.output, options.name)
    facts = {
        "parameters": sum(parameter.numel() for parameter in net.parameters()),
        "last_loss": state.loss,
        "seconds": round(time.monotonic() - started, 1),
        "sha256": spec.sha256,
    }
    run.write_facts(options.output / f"{options.name}.training.json", what, facts)
    checkpoint.unlink(missing_ok=True)
    return net, spec


def _told(options: FlowOptions) -> dict[str, object]:
    """The options as plain data; weights to start from by their hash, wherever they lie."""
    told = asdict(options)
    if options.start is not None:
        told["start"] = hashlib.sha256(options.start.read_bytes()).hexdigest()
    return told


def _start(state: run.State[FlowNet], path: Path) -> None:
    """Take an earlier run's weights."""
    weights = torch.load(path, weights_only=True)
    state.net.load_state_dict(weights)
    state.average.load_state_dict(weights)


def draw(options: FlowOptions) -> list[Scene]:
    """Draw the pictures and the scenes of a run."""
    log.info("drawing %d pictures of %d pixels", options.pictures, options.picture_size)
    textures = pictures.pool(options.seed, options.pictures, options.picture_size, options.threads)
    pace = Pace(still=options.still, speed=options.speed, oddity=options.oddity)
    log.info("drawing %d scenes of %d pixels", options.scenes, options.scene_size)
    return scenes.pool(
        options.seed, range(options.scenes), options.scene_size, textures, pace=pace, workers=options.threads
    )


def patches(options: FlowOptions, step: int, drawn: list[Scene]) -> Patches:
    """Cut the patches of a step."""
    random = np.random.default_rng([options.seed, options.scenes, step])
    size, room = options.patch, options.scene_size - options.patch
    chosen = [drawn[number] for number in random.integers(0, len(drawn), options.batch)]
    y, x = random.integers(0, room + 1, 2)
    cut = (..., slice(y, y + size), slice(x, x + size))
    found = Patches(
        pictures=torch.from_numpy(np.stack([scene.pictures[cut] for scene in chosen])).float() / 255,
        time=torch.tensor([scene.time for scene in chosen]).reshape(-1, 1, 1, 1),
        motion=torch.from_numpy(np.stack([scene.motion[cut] for scene in chosen])).float(),
    )
    across, down, turned, back = random.random(4) < 0.5
    if across:
        found = _mirrored(found, 3, [-1, 1, -1, 1])
    if down:
        found = _mirrored(found, 2, [1, -1, 1, -1])
    if turned:
        found = _reordered(found, (0, 1, 3, 2), [1, 0, 3, 2])
    return _backwards(found) if back else found


def _mirrored(given: Patches, axis: int, signs: list[int]) -> Patches:
    sign = torch.tensor(signs, dtype=torch.float32).reshape(1, 4, 1, 1)
    return Patches(pictures=given.pictures.flip(axis), time=given.time, motion=given.motion.flip(axis) * sign)


def _reordered(given: Patches, axes: tuple[int, ...], channels: list[int]) -> Patches:
    return Patches(
        pictures=given.pictures.permute(axes), time=given.time, motion=given.motion.permute(axes)[:, channels]
    )


def _backwards(given: Patches) -> Patches:
    first, last, between = torch.chunk(given.pictures, 3, 1)
    return Patches(
        pictures=torch.cat([last, first, between], 1), time=1 - given.time, motion=given.motion[:, [2, 3, 0, 1]]
    )


def _step(state: run.State[FlowNet], options: FlowOptions, given: Patches) -> None:
    """One step: the loss is the picture's error, the motion's at every scale, and the choice's between the frames."""
    size = given.pictures.shape[2:]
    seen = torch.cat([given.pictures[:, :6], given.time.expand(-1, 1, *size)], 1)
    found = state.net.look(seen)
    loss = _charbonnier(found.picture - given.pictures[:, 6:], 1e-3)
    way = given.motion[:, 2:] - given.motion[:, :2]
    for motion in found.motions:
        true = functional.avg_pool2d(way, size[0] // motion.shape[2])
        loss = loss + options.guidance * _charbonnier(motion - true, 0.1)
    loss = loss + options.choice * _wrong_choice(found.share, given)
    share = run.share_at(state.step, steps=options.steps, warmup=options.warmup)
    run.advance(state, loss, share=share, memory=options.memory, steepest=_STEEPEST)


def _wrong_choice(share: Tensor, given: Patches) -> Tensor:
    """Return how wrongly the frames are chosen between, where by the true motion only one of them shows the place."""
    true = given.pictures[:, 6:]
    was = (warp(given.pictures[:, :3], given.motion[:, :2]) - true).abs().mean(1, keepdim=True)
    will = (warp(given.pictures[:, 3:6], given.motion[:, 2:]) - true).abs().mean(1, keepdim=True)
    one = (torch.maximum(was, will) > _HIDDEN) & (torch.minimum(was, will) < _SHOWN)
    surprise = functional.binary_cross_entropy(share, (was < will).float(), reduction="none")
    return (surprise * one).mean()


def _charbonnier(error: Tensor, round_off: float) -> Tensor:
    """Mean of |error|, rounded off below ``round_off``."""
    return (error.square() + round_off**2).sqrt().mean()
