"""``vsmagic engines``: build compiled engines ahead of their first use, and look after those there are."""

import itertools
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vsmagic.errors import OptionError, OutputError

if TYPE_CHECKING:
    from vsmagic.engine.recipe import Recipe
    from vsmagic.engine.store import Engine, Store

_SHORT = 12  # digits of a key that people see
_WIDE = 160
_MIB = 2**20


@click.group()
def engines() -> None:
    """Build, list and delete compiled TensorRT engines.

    Engines are built by themselves when they are first needed. Build them ahead where the first start must not wait,
    or for other GPUs than the one at hand.

    \b
      vsmagic engines build --model magic-x2 --backend trt_rtx --compute-capability 8.6 --shape 1920x1080
      vsmagic engines build engines/animejanai-v3-1080p.toml
      vsmagic engines list
    """  # noqa: D301 - click wants the backspace


@engines.command()
@click.argument("recipe", required=False, type=click.Path(path_type=Path))
@click.option("--model", "models", multiple=True, metavar="NAME|FILE", help="Instead of the recipe's; repeatable.")
@click.option("--backend", metavar="NAME", help="trt_rtx or trt [trt_rtx].")
@click.option("--compute-capability", "capabilities", multiple=True, metavar="X.Y",
              help="What the engine is for; repeatable [the GPU at hand].")  # fmt: skip
@click.option("--shape", "sizes", multiple=True, metavar="WxH", help="Frame size; one engine each; repeatable.")
@click.option("--min", "least", metavar="WxH", help="With --opt and --max: one engine for all sizes between.")
@click.option("--opt", metavar="WxH", help="The size it is fastest at.")
@click.option("--max", "most", metavar="WxH")
@click.option("--precision", type=click.Choice(["auto", "f16", "f32"]), help="Arithmetic inside the network [auto].")
@click.option("--workspace", type=int, metavar="MIB", help="Device memory a layer may use for scratch.")
@click.option("--level", type=int, metavar="0-5", help="How hard the builder looks for the fastest way.")
@click.option("--force", is_flag=True, help="Build it again where there is one.")
def build(*, recipe: Path | None, force: bool, **options: Any) -> None:
    """Build engines from a recipe (TOML) or from options; options win over the recipe."""
    from vsmagic.engine import recipe as recipes

    plan = recipes.load_recipe(recipe) if recipe else None
    plan = _with_options(plan, options)
    for engine in _built(plan, force=force):
        record = engine.record
        click.echo(
            f"{engine.digest[:_SHORT]}  {record.name}  {record.key.shapes}  {record.key.precision}  "
            f"{record.key.target}  {record.bytes / _MIB:.1f} MiB"
        )


def _with_options(recipe: "Recipe | None", options: dict[str, Any]) -> "Recipe":
    """Lay the command line's options over a recipe, or make one of them."""
    import msgspec

    from vsmagic.engine.recipe import Recipe, RecipeShapes

    shapes = tuple(RecipeShapes(size=size) for size in options["sizes"])
    if options["least"] or options["opt"] or options["most"]:
        shapes += (RecipeShapes(min=options["least"], opt=options["opt"], max=options["most"]),)
    given = {
        "models": options["models"],
        "backend": options["backend"],
        "shapes": shapes,
        "capabilities": options["capabilities"],
        "precision": options["precision"],
        "workspace": options["workspace"],
        "level": options["level"],
    }
    given = {name: value for name, value in given.items() if value not in (None, ())}
    if recipe is None:
        if "models" not in given:
            raise OptionError("engines build: nothing to build; name a recipe, or a --model and a --shape.")
        recipe = Recipe(**({"backend": "trt_rtx", "shapes": ()} | given))
    else:
        recipe = msgspec.structs.replace(recipe, **given)
    recipe.check("engines build")
    return recipe


def _built(recipe: "Recipe", *, force: bool) -> "list[Engine]":
    from vsmagic.engine import plan
    from vsmagic.engine.library import LIBRARIES
    from vsmagic.engine.make import Workshop, obtain
    from vsmagic.engine.store import Store
    from vsmagic.models import registry

    library = LIBRARIES[recipe.backend]
    shapes = [shape.parsed("engines build") for shape in recipe.shapes]
    models = [registry.resolve(name) for name in recipe.models]
    where = plan.target(library, 0, recipe.capabilities)
    _warn_of_other_gpu(where.capabilities)
    plugin = _plugin_version(recipe.backend)
    version = plugin or _library_version(recipe.backend)
    workshop = Workshop(store=Store(), library=library, plugin=plugin)
    jobs = [
        job
        for model in models
        for shape in shapes
        for job in plan.jobs(
            model, library, version, where,
            shapes=shape, precision=plan.choose_precision(recipe.precision, model), options=recipe.options,
        )
    ]  # fmt: skip
    done = []
    for job in jobs:
        old = workshop.store.find(job.key, exact=True) if force else None
        with _Progress(f"{job.name} {job.key.shapes}") as tell:
            done.append(obtain(job, workshop, refused=old, exact=True, tell=tell))
    return done


def _warn_of_other_gpu(capabilities: tuple[str, ...]) -> None:
    from vsmagic.engine import gpu
    from vsmagic.errors import BackendError

    try:
        here = gpu.facts(0)
    except BackendError:  # built for another machine on purpose
        return
    if capabilities and here.capability not in capabilities:
        click.echo(
            f"vsmagic: engines for {', '.join(capabilities)} do not run on this machine's {here.name}; for it, use "
            f"--compute-capability {here.capability}",
            err=True,
        )


def _plugin_version(backend: str) -> str | None:
    from vsmagic.backends.compiled import plugin_version
    from vsmagic.engine.library import LIBRARIES

    return plugin_version(LIBRARIES[backend])


def _library_version(backend: str) -> str:
    """Return the version of the library that builds; there is no plugin to go by."""
    from vsmagic.engine.library import LIBRARIES, short

    return short(LIBRARIES[backend].load(None).__version__)


class _Progress:
    """A bar on stderr where that is a terminal."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._bar: Any = None

    def __enter__(self) -> Any:
        from rich.console import Console
        from rich.progress import Progress

        self._bar = Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty())
        self._bar.start()
        task = self._bar.add_task(self._title, total=1.0)

        def tell(done: float, phase: str) -> None:  # noqa: ARG001
            self._bar.update(task, completed=done)

        return tell

    def __exit__(self, *_: object) -> None:
        self._bar.stop()


@engines.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array.")
def list_(*, as_json: bool) -> None:
    """List the engines there are, the most recently used first."""
    store = _store()
    found = store.all()
    if as_json:
        import json

        click.echo(json.dumps([_described(engine) for engine in found], indent=2))
        return
    if not found:
        click.echo(f"No engines in {store.folder}.")
        return
    _show_table(found)
    total = sum(engine.record.bytes for engine in found)
    click.echo(f"\n{len(found)} engines, {total / _MIB:.1f} MiB, in {store.folder}")


def _show_table(found: "list[Engine]") -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("key", "model", "library", "size", "precision", "for", "MiB", "used"):
        table.add_column(heading, justify="right" if heading == "MiB" else "left")
    for engine in found:
        key = engine.record.key
        table.add_row(
            engine.digest[:_SHORT], engine.record.name, engine.record.builder, str(key.shapes), key.precision,
            key.target, f"{engine.record.bytes / _MIB:.1f}", _day(engine.used),
        )  # fmt: skip
    Console(highlight=False, width=None if sys.stdout.isatty() else _WIDE).print(table)


@engines.command()
@click.argument("key")
def show(*, key: str) -> None:
    """Tell everything about one engine, as JSON; the first digits of its key are enough."""
    import json

    click.echo(json.dumps(_described(_one(_store(), key)), indent=2))


@engines.command()
@click.option("--older-than", "days", type=click.FloatRange(0), metavar="DAYS", help="Unused for so long [90].")
@click.option("--max-size", type=click.FloatRange(0), metavar="MIB", help="All together; the rest goes [8192].")
@click.option("--all", "everything", is_flag=True, help="Delete every engine.")
def prune(*, days: float | None, max_size: float | None, everything: bool) -> None:
    """Delete engines that are long unused, or too many, and what killed builds have left."""
    from vsmagic.engine import store as stores

    size = stores.BYTES if max_size is None else int(max_size * _MIB)
    gone = _store().prune(days=stores.DAYS if days is None else days, size=0 if everything else size)
    freed = sum(engine.record.bytes for engine in gone)
    click.echo(f"{len(gone)} engines deleted, {freed / _MIB:.1f} MiB freed")


@engines.command()
@click.argument("keys", nargs=-1, metavar="[KEY]...")
@click.option("--remove", is_flag=True, help="Delete what is damaged; it is built again when it is next needed.")
@click.pass_context
def verify(ctx: click.Context, *, keys: tuple[str, ...], remove: bool) -> None:
    """Compare engines with the hashes they had when they were built."""
    from vsmagic.engine.store import damage

    store = _store()
    bad = 0
    found = [_one(store, key) for key in keys] or store.all()
    incomplete = [] if keys else store.incomplete()
    if not found and not incomplete:
        click.echo(f"No engines in {store.folder}.")
    for engine in found:
        trouble = damage(engine)
        click.echo(f"{engine.digest[:_SHORT]}  {engine.record.name}  {trouble or 'ok'}")
        if trouble:
            bad += 1
            if remove:
                store.remove(engine)
    for digest, files in itertools.groupby(incomplete, lambda path: path.stem):
        click.echo(f"{digest[:_SHORT]}  incomplete")
        bad += 1
        for path in files if remove else ():
            path.unlink(missing_ok=True)
    if bad and not remove:
        click.echo("vsmagic: delete what is damaged with: vsmagic engines verify --remove", err=True)
        ctx.exit(OutputError.exit_code)


def _store() -> "Store":
    from vsmagic.engine.store import Store

    return Store()


def _one(store: "Store", key: str) -> "Engine":
    found = [engine for engine in store.all() if engine.digest.startswith(key.lower())] if key else []
    if len(found) != 1:
        what = "no engine has" if not found else f"{len(found)} engines have"
        raise OptionError(f"engines: {what} a key that begins with {key!r}. See: vsmagic engines list")
    return found[0]


def _described(engine: "Engine") -> dict[str, Any]:
    import msgspec

    facts = {"key": engine.digest, "file": str(engine.path), "used": _day(engine.used)}
    record: dict[str, Any] = msgspec.to_builtins(engine.record)
    record["engine"] = record.pop("key")
    return facts | record


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")
