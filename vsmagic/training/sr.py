"""Trains the embedded networks of luma.

    vsmagic train sr --output OUT

The steps: collect pictures, and make small ones of them; crop patches at random; ask the network for what bicubic
missed; follow the gradient, the rate warming up and then falling along half a cosine; keep a running mean of the
weights, which is what is exported. Everything random comes from the seed and the number of the step, so a run that was
stopped goes on as if it never had been, and the same seed, threads and machine give the same weights to the last bit.
"""

import hashlib
import logging
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vsmagic.errors import OptionError, reason
from vsmagic.models.spec import ModelSpec
from vsmagic.training import history, nets, optimise, pairs, run
from vsmagic.training.critic import Critic
from vsmagic.training.degrade import resampling
from vsmagic.training.export import export
from vsmagic.training.nets import LumaNet
from vsmagic.training.options import TrainOptions

log = logging.getLogger(__name__)

_ROUND_OFF = 1e-3
"""Below it an error counts by its square. 1e-2 and the square alone were 0.1 and 0.2 dB worse after 3,000 steps."""


def train_sr(options: TrainOptions) -> tuple[LumaNet, ModelSpec]:
    """Train and export; takes up an unfinished run of the same options in the same folder.

    Returns:
        The trained network, and the spec that was written beside its ONNX.

    Raises:
        OptionError: the data holds nothing to learn from, or an unfinished run has other options.
        ModelError: the network to start or to learn from cannot be, or the export differs from the network.
    """
    started = time.monotonic()
    what = run.identity(_told(options))
    checkpoint = options.output / f"{options.name}.checkpoint"
    with run.reproducible(options.threads):
        _check_device(options.device)
        state = begin(options)
        teacher = _teacher(options)
        run.restore(state, checkpoint, what)
        pool = pairs.collect(options)
        log.info("training %d parameters for %d steps", state.net.parameter_count, options.steps)
        losses: list[float] = []
        while state.step < options.steps:
            losses.append(step(state, options, *pairs.patches(pool, options, state.step), teacher))
            if state.step % options.checkpoint_every == 0 or state.step == options.steps:
                state.history.append(history.entry(state, options, losses))
                losses.clear()
                run.save(state, checkpoint, what)
                log.info("%s, %.0f s", history.line(state.history[-1]), time.monotonic() - started)
    net = state.average.eval().cpu()
    spec = export(net, options)
    facts = {
        "command": options.command(),
        "parameters": net.parameter_count,
        "seconds": round(time.monotonic() - started, 1),
        "sha256": spec.sha256,
        "history": state.history,
    }
    run.write_facts(options.output / f"{options.name}.training.json", what, facts)
    history.draw(state.history, options.output / f"{options.name}.curve.png", title=options.name)
    checkpoint.unlink(missing_ok=True)
    return net, spec


def begin(options: TrainOptions) -> run.State[LumaNet]:
    """Return the state before the first step."""

    def make() -> LumaNet:
        return LumaNet(options.channels, options.depth, options.scale)

    state = run.begin(make, options.seed, optimise.optimisers(options.peak_rate), device=options.device)
    if options.start is not None:
        for net in (state.net, state.average):
            nets.begin_from(net, nets.read(network_file(options.start)))
    if options.criticised:
        critic = Critic.begin(options.seed).to(options.device)
        state.beside = {"critic": critic, "critic's optimiser": torch.optim.AdamW(critic.parameters(), lr=2e-4)}
    return state


def step(
    state: run.State[LumaNet], options: TrainOptions, large: Tensor, small: Tensor, teacher: LumaNet | None = None
) -> float:
    """Make one step on patches ``[batch, 1, s * p, s * p]`` and ``[batch, 1, p, p]``; return the mean error."""
    large, small = large.to(options.device), small.to(options.device, memory_format=torch.channels_last)
    enlarge = torch.from_numpy(resampling(options.patch, options.scale * options.patch)).to(options.device)
    base = enlarge @ small @ enlarge.T
    share = run.share_at(state.step, steps=options.steps, warmup=options.warmup)
    with torch.autocast(torch.device(options.device).type, torch.bfloat16, enabled=options.arithmetic == "bf16"):
        residual = state.net(small)
    found = base + residual.float()
    error = loss = charbonnier(found - large)
    if teacher is not None:
        with torch.no_grad():
            taught = base + teacher(small)
        loss = (1 - options.teaching) * loss + options.teaching * charbonnier(found - taught)
    if options.criticised:
        critic, judge = state.beside["critic"], state.beside["critic's optimiser"]
        assert isinstance(critic, Critic)  # noqa: S101  what begin() put there
        assert isinstance(judge, torch.optim.Optimizer)  # noqa: S101
        run.descend([judge], critic.mistakes(found.detach(), large), share=share)
        opinion = critic.opinion(found, large)
        loss = loss + options.adversarial * opinion.doubt + options.perceptual * opinion.unlikeness
    run.advance(state, loss, share=share, memory=options.memory)
    return float(error.detach())


def charbonnier(error: Tensor) -> Tensor:
    """Mean of the absolute error, rounded off near 0."""
    return (error.square() + _ROUND_OFF**2).sqrt().mean()


def network_file(name: str) -> Path:
    """Return the ONNX behind a name of the list, or the path of one.

    Raises:
        ModelError: there is none.
    """
    from vsmagic.models import registry

    return registry.resolve(name).path


def _check_device(device: str) -> None:
    try:
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:  # a name that is none, no such device, no driver
        raise OptionError(
            f"train sr: --device is {device!r}, which torch cannot use here ({reason(error)}). Expected cpu, or cuda "
            "on a machine with an NVIDIA GPU and its driver."
        ) from error


def _teacher(options: TrainOptions) -> LumaNet | None:
    if options.teacher is None:
        return None
    teacher = nets.read(network_file(options.teacher))
    if teacher.scale != options.scale:
        raise OptionError(
            f"train sr: --teacher {options.teacher} enlarges {teacher.scale} times, and the pupil shall "
            f"{options.scale} times; take a teacher of that scale."
        )
    return teacher.to(options.device).eval()


def _told(options: TrainOptions) -> dict[str, Any]:
    """The options as plain data; files and folders by what is in them, wherever they lie."""
    told = asdict(options)
    for name in ("start", "teacher"):
        if told[name] is not None:
            told[name] = hashlib.sha256(network_file(told[name]).read_bytes()).hexdigest()
    told["data"] = None if options.data is None else pairs.fingerprint(options.data)
    del told["pool"], told["validate"]
    return told
