"""Measures anew how models run best here, and keeps it in place of what a first use found."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import msgspec

from vsmagic import __version__
from vsmagic.backends.tuned import Record, Taken
from vsmagic.machine import machine

if TYPE_CHECKING:
    from rich.table import Table


def tune(
    models: Sequence[str],
    sizes: Sequence[tuple[int, int]],
    *,
    backend: str,
    precision: str,
    seconds: float,
    tell: Callable[[str], None],
) -> list[Record]:
    """Measure every model on frames of every size, and keep the results.

    Where nothing could be measured, what was kept before stays, and a first use of the model still measures.

    Args:
        models: names or paths.
        sizes: (width, height) of the frames.
        backend: name, or auto.
        precision: one that is to be kept to; auto to choose it.
        seconds: what each measurement may take.
        tell: receives what is being done.

    Raises:
        VsmagicError: as ``upscale`` raises them; a result cannot be written.
    """
    from vsmagic.backends import select, tuned
    from vsmagic.backends import tune as tuning
    from vsmagic.backends.infer import Plan
    from vsmagic.models import registry

    records = []
    for name in models:
        model = registry.resolve(name, factor=2)
        chosen = select.choose(backend, model.path)
        taken = select.choose_precision(precision, model.spec.tolerated, chosen, strict=True)
        plan = Plan(model=model, backend=chosen, precision=taken)
        for size in sizes:
            key = tuned.key_of(plan, size, precision_open=precision == "auto")
            tell("{} on {}, {}x{}".format(model.name, chosen.name, *size))
            records.append(tuning.measure(key, plan, size, seconds=seconds))
            if records[-1].taken:
                tuned.store(records[-1])
    return records


def as_json(records: Sequence[Record]) -> dict[str, Any]:
    """Return everything that was measured, and where."""
    return {
        "vsmagic": __version__,
        "machine": asdict(machine()),
        "tuned": [msgspec.to_builtins(record) for record in records],
    }


def title(record: Record) -> str:
    """Return what was measured, where, and what of it was not."""
    key = record.key
    reason = f"\n{record.reason}" if record.reason else ""
    return f"{record.model} on {key.backend} ({key.version}; {key.device}){reason}"


def table(record: Record) -> "Table":
    """Return what was tried, the chosen way marked."""
    from rich.table import Table

    made = Table(box=None)
    made.add_column("precision")
    for name in ("streams", "frames", "largest tile", "fps"):
        made.add_column(name, justify="right")
    made.add_column("")
    for taken in record.taken:
        frames, tile = ("{}x{}".format(*size) for size in (taken.size, taken.tile))
        mark = "chosen" if _is_chosen(taken, record) else ""
        made.add_row(taken.precision, str(taken.streams), frames, tile, f"{taken.fps:.2f}", mark)
    return made


def _is_chosen(taken: Taken, record: Record) -> bool:
    return taken.precision == record.precision and taken.streams == record.streams
