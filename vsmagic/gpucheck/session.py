"""One check from beginning to end: what is covered, with what, and what is written when."""

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from vsmagic import __version__
from vsmagic.errors import OptionError
from vsmagic.gpucheck import libraries, networks, nvml, plan, record, runner
from vsmagic.gpucheck.record import Device, Report, Result, Speed
from vsmagic.gpucheck.runner import Limits, Workplace
from vsmagic.machine import machine

_MEBI = 2**20
_SECONDS = {"cuda": 1.0, "cpu": 0.2}


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """What the user asked for; empty lists stand for all."""

    out: Path
    device: int | None
    """Number of the GPU; None for the processor."""
    budget: float
    timeout: float
    seconds: float | None
    backends: Sequence[str]
    models: Sequence[str]
    sizes: Sequence[tuple[int, int]]
    weights: Path | None
    resume: bool


def run(wishes: Wishes, *, tell: Callable[[str], None], child: Sequence[str] = runner.CHILD) -> Report:
    """Measure, and write the report after every case.

    Args:
        wishes: what to do.
        tell: hears what happens.
        child: command that does one case.

    Raises:
        BackendError: there is no such GPU.
        OptionError: a wish cannot be met.
        OutputError: the report cannot be written.
    """
    began = time.monotonic()
    device = _device(wishes.device)
    scope = _scope(wishes)
    known = _known(wishes.out, device) if wishes.resume else []
    folders = libraries.folders()
    started = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")
    results: list[Result] = []

    def report(*, complete: bool) -> Report:
        return Report(
            schema=record.SCHEMA, vsmagic=__version__, started=started, complete=complete, device=device,
            machine=str(machine()), budget=wishes.budget, elapsed=time.monotonic() - began, folders=folders,
            results=results,
        )  # fmt: skip

    def keep(result: Result) -> None:
        results.append(result)
        record.save(wishes.out, report(complete=False))
        tell(_line(result))

    record.save(wishes.out, report(complete=False))  # a folder that cannot be written is told before the work
    with tempfile.TemporaryDirectory(prefix="vsmagic-gpu-check-") as work:
        place = _workplace(wishes, scope, Path(work), folders, device.memory)
        limits = Limits(budget=wishes.budget, case=wishes.timeout, began=began)
        runner.run(plan.cases(scope), replace(place, child=child), limits, known=known, tell=keep)
    done = report(complete=True)
    record.save(wishes.out, done)
    return done


def _known(path: Path, device: Device) -> list[Result]:
    """Return what an earlier run measured on the same device."""
    if not path.exists():
        return []
    found = record.load(path)
    if found.device != device:
        raise OptionError(f"--resume: {path} is of {found.device}; this is {device}. Give another --out.")
    return found.results


def _device(number: int | None) -> Device:
    if number is None:
        return Device(name="processor (rehearsal)")
    from vsmagic.engine import gpu

    found = gpu.facts(number)
    return Device(name=found.name, capability=found.capability, memory=found.memory, driver=found.driver)


def _scope(wishes: Wishes) -> plan.Scope:
    base = plan.CPU if wishes.device is None else plan.GPU
    unknown = [name for name in wishes.models if name not in networks.MODELS]
    if unknown:
        raise OptionError(f"--models: {', '.join(unknown)} not known; expected {', '.join(networks.MODELS)}.")
    return replace(
        base,
        backends=tuple(wishes.backends or base.backends),
        models=tuple(wishes.models or networks.MODELS),
        sizes=tuple(wishes.sizes or base.sizes),
    )


def _workplace(wishes: Wishes, scope: plan.Scope, work: Path, folders: list[str], memory: int) -> Workplace:
    found = {model: networks.official(model, wishes.weights) for model in scope.models}
    environment = libraries.environment(folders)
    environment |= {
        # Engines and facts of models are made anew, and the user's own are left alone.
        "VSMAGIC_CACHE": str(work / "cache"),
        "VSMAGIC_TUNE": "off",
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID",  # as the driver's management library counts
        "PYTHONFAULTHANDLER": "1",
    }
    if memory:
        environment["VSMAGIC_MEMORY"] = str(memory // 2 // _MEBI)  # whole frames: a tiled one measures something else
    return Workplace(
        work=work,
        environment=environment,
        device=wishes.device,
        seconds=wishes.seconds or _SECONDS["cpu" if wishes.device is None else "cuda"],
        weights={model: str(path.resolve()) for model, path in found.items() if path},
        sizes=scope.sizes,
        memory=None if wishes.device is None else nvml.reader(wishes.device),
    )


def _line(result: Result) -> str:
    words = f"{result.case.id}: {result.status}"
    if isinstance(result.figures, Speed):
        words += f", {result.figures.fps:.4g} fps"
    return f"{words}, {result.reason}" if result.reason else words
