"""What a run was like: a line of figures at every checkpoint, and a picture of them at the end."""

from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path

from vsmagic.files import write_atomically
from vsmagic.training import evaluate
from vsmagic.training.nets import LumaNet, residual
from vsmagic.training.options import TrainOptions
from vsmagic.training.run import State

type Entry = dict[str, float]
"""``step``, the mean ``loss`` since the entry before, and the mean PSNR in dB of each reference folder by its name."""


def entry(state: State[LumaNet], options: TrainOptions, losses: Sequence[float]) -> Entry:
    """Measure where a run is."""
    net = state.average.eval()
    found: Entry = {"step": state.step, "loss": round(sum(losses) / max(len(losses), 1), 6)}
    for folder in options.validate:
        scores = evaluate.evaluate(
            folder, lambda luma: residual(net, luma), scale=options.scale, purpose=options.purpose
        )
        found[folder.name] = round(evaluate.mean(scores).model, 3)
    return found


def line(found: Mapping[str, float]) -> str:
    """One entry in words."""
    measured = [f"{name} {value:.2f} dB" for name, value in found.items() if name not in ("step", "loss")]
    return ", ".join([f"step {found['step']:.0f}: loss {found['loss']:.5f}", *measured])


def draw(entries: Sequence[Mapping[str, float]], path: Path, *, title: str) -> None:
    """Draw the curves of a run as PNG: the loss, and below it the PSNR of every reference folder."""
    from matplotlib.figure import Figure

    names = [name for name in entries[-1] if name not in ("step", "loss")]
    figure = Figure(figsize=(7, 3 + 3 * bool(names)), layout="constrained")
    axes = figure.subplots(2 if names else 1, sharex=True, squeeze=False)[:, 0]
    steps = [found["step"] for found in entries]
    axes[0].plot(steps, [found["loss"] for found in entries], marker=".")
    axes[0].set(title=title, ylabel="mean error, 1 is white", yscale="log")
    for name in names:
        axes[1].plot(steps, [found.get(name) for found in entries], marker=".", label=name)
    if names:
        axes[1].set(ylabel="PSNR of luma in dB")
        axes[1].legend()
    axes[-1].set(xlabel="step")
    for one in axes:
        one.grid(alpha=0.3)
    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi=100, metadata={"Software": None})
    write_atomically(path, buffer.getvalue())
