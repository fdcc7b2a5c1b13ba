"""What every training run has: its state, its checkpoints, its learning rate, and the means to be repeated exactly."""

import io
import json
import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from vsmagic.errors import OptionError
from vsmagic.files import write_atomically

log = logging.getLogger(__name__)

type Optimiser = torch.optim.Optimizer


@dataclass
class State[Net: nn.Module]:
    """All that changes while training; what a checkpoint holds."""

    net: Net
    average: Net
    """Running mean of the weights, which is what is exported."""
    optimisers: tuple[Optimiser, ...]
    """Each moves weights of its own."""
    step: int = 0
    loss: float | None = None
    """Of the last step this process made."""
    history: list[dict[str, float]] = field(default_factory=list)
    """What was measured on the way, by the number of the step."""
    beside: dict[str, nn.Module | Optimiser] = field(default_factory=dict)
    """What else changes while training, by name: a critic, and what moves it."""


def begin[Net: nn.Module](
    make: Callable[[], Net], seed: int, optimisers: Callable[[Net], Sequence[Optimiser]], *, device: str = "cpu"
) -> State[Net]:
    """Return a fresh state; the weights follow from the seed, whatever the device."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = make()
    average = make()
    average.load_state_dict(net.state_dict())
    for one in (net, average):
        one.to(device)
    net.to(memory_format=torch.channels_last)
    return State(net, average, tuple(optimisers(net)))


def adamw(rate: float) -> Callable[[nn.Module], list[Optimiser]]:
    """Return what makes AdamW for all weights of a network, with this rate at its highest."""
    return lambda net: [torch.optim.AdamW(net.parameters(), lr=rate, weight_decay=1e-4)]


def share_at(step: int, *, steps: int, warmup: int) -> float:
    """Share of the highest learning rate: a straight rise, then half a cosine down to 0."""
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(steps - warmup, 1)))


def descend(optimisers: Sequence[Optimiser], loss: torch.Tensor, *, share: float, steepest: float = math.inf) -> None:
    """Take a step down a loss, with a share of every group's highest rate; gradients are cut to ``steepest``."""
    for optimiser in optimisers:
        optimiser.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    for optimiser in optimisers:
        for group in optimiser.param_groups:
            group["lr"] = share * group.setdefault("peak", group["lr"])
            if steepest < math.inf:
                nn.utils.clip_grad_norm_(group["params"], steepest)
        optimiser.step()


def advance[Net: nn.Module](
    state: State[Net], loss: torch.Tensor, *, share: float, memory: float, steepest: float = math.inf
) -> None:
    """Take a step down a loss, and let the running mean follow the weights; ``memory`` is what it keeps."""
    descend(state.optimisers, loss, share=share, steepest=steepest)
    state.step += 1
    state.loss = float(loss.detach())
    kept = min(memory, state.step / (state.step + 10))
    with torch.no_grad():
        torch._foreach_lerp_(list(state.average.parameters()), list(state.net.parameters()), 1 - kept)


class reproducible:  # noqa: N801  read as 'with reproducible(threads)'
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


def identity(options: Mapping[str, Any]) -> str:
    """The options that make a run what it is, as text; where it writes and how often is not among them."""
    kept = {key: value for key, value in options.items() if key not in {"output", "name", "checkpoint_every"}}
    return json.dumps(kept, sort_keys=True)


def save[Net: nn.Module](state: State[Net], path: Path, what: str) -> None:
    """Write a checkpoint; the former one stays until the new one is complete. ``what`` is the run's identity."""
    content = {
        "options": what,
        "step": state.step,
        "history": state.history,
        "states": {name: part.state_dict() for name, part in _parts(state).items()},
    }
    buffer = io.BytesIO()
    torch.save(content, buffer)
    write_atomically(path, buffer.getvalue())


def restore[Net: nn.Module](state: State[Net], path: Path, what: str) -> None:
    """Take up an unfinished run of the same identity, if there is one.

    Raises:
        OptionError: there is one of other options.
    """
    if not path.exists():
        return
    content = torch.load(path, weights_only=True)
    if content["options"] != what:
        raise OptionError(
            f"{path}: an unfinished run with other options ({content['options']}). "
            "Repeat those, name another --output, or delete the file."
        )
    for name, part in _parts(state).items():
        part.load_state_dict(content["states"][name])
    state.step, state.history = content["step"], content["history"]
    log.info("taking up the run at step %d", state.step)


def _parts[Net: nn.Module](state: State[Net]) -> dict[str, nn.Module | Optimiser]:
    """All that has weights or moments, by name."""
    moving = {f"optimiser{number}": optimiser for number, optimiser in enumerate(state.optimisers)}
    return {"net": state.net, "average": state.average, **moving, **state.beside}


def write_facts(path: Path, what: str, facts: Mapping[str, Any]) -> None:
    """Write what was done as JSON: the run's identity, and what came of it."""
    text = json.dumps({**json.loads(what), **facts, "torch": str(torch.__version__)}, indent=2)
    write_atomically(path, (text + "\n").encode())
