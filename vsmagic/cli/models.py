"""``vsmagic models``: which models there are, and getting them."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vsmagic.errors import OptionError, SetupError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from vsmagic.models.entry import Entry, File
    from vsmagic.models.spec import Int8, Purpose, Quantized
    from vsmagic.models.store import State

_WIDE = 200
_PURPOSES: "dict[Purpose, str]" = {
    "clean": "true to the picture: what is noise stays noise",
    "restore": "without the compression and the noise of the picture",
}
_COLOURS = {"built in": "green", "fetched": "green", "added": "green", "damaged": "bold red"}


class _Group(click.Group):
    """A group that lists when no subcommand is named."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or args[0] not in (*self.commands, *ctx.help_option_names):
            args = ["list", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_Group)
def models() -> None:
    """List models, fetch them, and add your own.

    \b
      vsmagic models                       all of them
      vsmagic models anime x2              those in which both words occur
      vsmagic models fetch realesr-animevideov3
      vsmagic models add my.pth --name mine
      vsmagic enhance in.mp4 out.mp4 --model mine
    """  # noqa: D301 - click wants the backspace


@models.command("list")
@click.argument("words", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list of objects.")
def list_(words: tuple[str, ...], *, as_json: bool) -> None:
    """List the models in which all WORDS occur."""
    from vsmagic.models import listing

    found = listing.listed(words)
    if as_json:
        click.echo(json.dumps([listing.facts(*one) for one in found], indent=2))
    elif found:
        _table(found)
    else:
        click.echo(f"No model in which all of these words occur: {' '.join(words)}.")


@models.command()
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
def show(name: str, *, as_json: bool) -> None:
    """Tell everything that is known of a model."""
    from vsmagic.models import listing

    entry, state = listing.one(name)
    excluded = _excluded(entry, state)
    if as_json:
        click.echo(json.dumps({**listing.facts(entry, state), "excluded": excluded}, indent=2))
        return
    lines = _lines(entry, state)
    if excluded is None:
        lines.append(("not run by", "told once it is here and ready to run"))
    else:
        lines += [("not run by", f"{backend}: {why}") for backend, why in excluded.items()]
    width = max(len(label) for label, _ in lines)
    for label, text in lines:
        click.echo(f"{label:<{width}}  {text}")


@models.command()
@click.argument("name")
@click.option("--from", "source", type=click.Path(path_type=Path), help="A file you have, in place of a download.")
@click.option("--yes", is_flag=True, help="Do not ask whether a licence that forbids commercial use suits you.")
def fetch(name: str, *, source: Path | None, yes: bool) -> None:
    """Download a model from its authors, continue a download, or take the file from somewhere else.

    What came is taken only when its SHA-256 is that of the authors' file. Where none is known, the first download is
    trusted, and later ones must have the same.
    """
    from vsmagic.models import download, listing

    entry, state = listing.one(name)
    if state == "fetched" and source is None:
        click.echo(f"{entry.name} is there already.")
        return
    _agree(entry, yes=yes)
    if source is not None:
        path = download.take(entry, source)
    else:
        with _progress(entry.name) as progress:
            path = download.fetch(entry, progress=progress)
    _prepare(entry)
    click.echo(f"{entry.name}: {path}")


@models.command()
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--name", help="What to call it; by default the file's name without its suffix.")
def add(path: Path, *, name: str | None) -> None:
    """Register a .onnx, .pth, .pkl or .safetensors file as a model.

    PyTorch weights are converted to ONNX and compared with PyTorch; every network is run before it is registered.
    Nothing in the file is executed.
    """
    from vsmagic.models.add import add as add_model
    from vsmagic.models.spec import ModelSpec

    spec = add_model(path, name)
    if not isinstance(spec, ModelSpec):
        click.echo(f"{spec.name}: RIFE {spec.version}, makes frames in between")
        return
    kind = "RGB" if spec.channels == 3 else "luma"
    click.echo(f"{spec.name}: x{spec.scale}, {kind}; use it with --model {spec.name}")


@models.command()
@click.argument("name")
@click.option("--clip", type=click.Path(path_type=Path), help="Calibrate on this video instead of generated pictures.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Chooses the pictures.")
@click.option(
    "--max-loss",
    type=click.FloatRange(0),
    metavar="DB",
    help="Luma PSNR that may be lost, in dB [0.5]; more is refused.",
)
def quantize(name: str, *, clip: Path | None, seed: int, max_loss: float | None) -> None:
    """Make an int8 model of a model, for processors, and register it as NAME-int8.

    Its convolutions compute in 8-bit integers. What that loses is measured on pictures that it was not calibrated on,
    told here and by: vsmagic models show NAME-int8
    """
    from functools import partial

    from vsmagic.models import int8
    from vsmagic.models.quantize import MOST_LOST
    from vsmagic.models.quantize import quantize as quantize_model

    int8.check_installed()
    from vsmagic.training import calibration  # which needs what was just checked

    pictures = partial(calibration.of_clip, clip) if clip is not None else calibration.generated
    spec = quantize_model(
        name,
        partial(pictures, seed=seed),
        most_lost=MOST_LOST if max_loss is None else max_loss,
        tell=lambda words: click.echo(words, err=True),
    )
    if spec.quantized:
        click.echo(f"{spec.name}: {_lost(spec.quantized, spec.quantized.of)}; use it with --model {spec.name}")


@models.command()
@click.argument("name")
def remove(name: str) -> None:
    """Delete a fetched or added model from this machine."""
    from vsmagic.models import listing, store

    entry, state = listing.one(name)
    if state == "built in":
        raise OptionError(f"models remove: {entry.name} is a part of vsmagic and cannot be removed.")
    gone = store.forget(entry.name, None if state == "added" else entry.file)
    click.echo(f"{entry.name} is removed." if gone else f"{entry.name} was not on this machine.")


def _table(found: "Sequence[tuple[Entry, State]]") -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for title in ("model", "scale", "for", "licence", "here"):
        table.add_column(title, no_wrap=True)
    table.add_column("what it is", overflow="fold")
    for entry, state in found:
        licence = Text(entry.licence, "yellow" if entry.commercial is False else "")
        scale = "between" if entry.kind == "interpolate" else f"x{entry.scale}"
        here = Text(state, _COLOURS.get(state, ""))
        table.add_row(Text(entry.name), scale, entry.content, licence, here, Text(entry.description))
    # A pipe or a file has no width: there, nothing needs to be folded.
    Console(highlight=False, width=None if sys.stdout.isatty() else _WIDE).print(table)


def _lines(entry: "Entry", state: "State") -> list[tuple[str, str]]:
    """Return label and text of every fact."""
    from vsmagic.models import listing

    file = entry.file
    facts = [
        ("name", entry.name),
        ("what it is", entry.description),
        ("family", entry.family),
        ("for", f"{entry.content} pictures"),
        ("makes", _made(entry)),
        ("sees", f"{'RGB' if entry.channels == 3 else 'luma'} from {entry.range[0]:g} to {entry.range[1]:g}"),
        ("sizes", f"multiples of {entry.multiple}"),
        ("halo", "the whole frame" if entry.halo is None else f"{entry.halo} pixels"),
        ("precisions", ", ".join(entry.precisions)),
        ("licence", _licence(entry)),
        ("authors", entry.page or "not known"),
        ("on this machine", state),
    ]
    if quantized := listing.quantized(entry.name):
        facts += [("int8", _lost(quantized, quantized.of)), ("calibrated on", quantized.calibration)]
    if int8 := listing.int8(entry):
        facts += [("int8", _lost(int8, "the other precisions")), ("calibrated on", int8.calibration)]
    if command := listing.made_by(entry):
        facts += [("made by", command)]
    if file:
        facts += [
            ("file", file.name),
            ("from", file.url or "an archive on the authors' page"),
            ("bytes", f"{file.bytes:,}" if file.bytes else "not known"),
            ("sha256", _hash(file)),
        ]
    return facts


def _made(entry: "Entry") -> str:
    if entry.kind == "interpolate":
        return "frames in between"
    size = "the same size" if entry.scale == 1 else f"x{entry.scale}"
    return f"{size}, {_PURPOSES[entry.purpose]}" if entry.purpose else size


def _excluded(entry: "Entry", state: "State") -> dict[str, str] | None:
    """Say which backends must not be given a model, and why; None where it cannot run yet."""
    if state not in ("built in", "fetched", "added"):
        return None
    from vsmagic.backends import select
    from vsmagic.models import motions, registry

    try:
        if entry.kind == "interpolate":
            return select.excluded(motions.resolve(entry.name, height=1).path)
        model = registry.resolve(entry.name)
    except SetupError:  # it has still to be converted
        return None
    return select.excluded(model.path, model.weights)


def _hash(file: "File") -> str:
    from vsmagic.models import store

    if file.sha256:
        return file.sha256
    pinned = store.expected(file)
    if pinned:
        return f"{pinned}, pinned on first download"
    return "hash pinned on first download" if file.url else "not known"


def _lost(found: "Quantized | Int8", whole: str) -> str:
    lost = f"{found.lost_db:g} dB" if found.lost_db > 0 else "nothing"
    return f"loses {lost} against {whole}; PSNR between the two {found.between_db:g} dB"


def _licence(entry: "Entry") -> str:
    if entry.commercial is None:
        return entry.licence
    return f"{entry.licence}: commercial use is {'allowed' if entry.commercial else 'forbidden'}"


def _agree(entry: "Entry", *, yes: bool) -> None:
    """Say under which licence a model comes, and ask where it forbids commercial use."""
    click.echo(f"{entry.name}: licence {_licence(entry)}; {entry.page}", err=True)
    if entry.commercial is not False or yes:
        return
    if not sys.stdin.isatty():
        raise OptionError(
            f"models fetch: the licence of {entry.name} ({entry.licence}) forbids commercial use; say that this suits "
            "you with --yes."
        )
    click.confirm("Fetch it?", abort=True, err=True)


def _prepare(entry: "Entry") -> None:
    """Convert at once what would have to be converted on first use."""
    from vsmagic.models import registry
    from vsmagic.models.rife import resolve as rife

    if entry.file and not entry.file.name.endswith(".onnx"):
        click.echo(f"{entry.name}: converting it to ONNX", err=True)
    try:
        if entry.family == "RIFE":
            rife.of_entry(entry)
        else:
            registry.of_entry(entry)
    except SetupError as error:
        click.echo(f"vsmagic: warning: it is there, but cannot be used yet: {error}", err=True)


def _progress(name: str) -> "AbstractContextManager[Callable[[int, int], None]]":
    """A bar on a terminal; elsewhere a line for every tenth."""
    from contextlib import contextmanager

    @contextmanager
    def bar() -> "Iterator[Callable[[int, int], None]]":
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
        with Progress(*columns, console=Console(stderr=True)) as progress:
            task = progress.add_task(name)
            yield lambda done, total: progress.update(task, completed=min(done, total), total=total)

    @contextmanager
    def lines() -> "Iterator[Callable[[int, int], None]]":
        told = -1

        def tell(done: int, total: int) -> None:
            nonlocal told
            if done * 10 // total != told:
                told = done * 10 // total
                click.echo(f"{name}: {done:,} of {total:,} bytes", err=True)

        yield tell

    return bar() if sys.stderr.isatty() else lines()
