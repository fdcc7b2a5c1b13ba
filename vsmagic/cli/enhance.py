"""``vsmagic enhance``: flags in, a finished file out."""

import logging
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vsmagic.cli import fields
from vsmagic.cli.main import log_to_stderr
from vsmagic.cli.trailing import TRAILING, Trailing
from vsmagic.cli.values import Number, Scale, Time, Workers
from vsmagic.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vsmagic.chain import Chain
    from vsmagic.encode.job import Prepared
    from vsmagic.encode.many.inputs import Pair
    from vsmagic.filters.order import Order, Work
    from vsmagic.media import VideoTrack

_CHAIN_FLAGS = (
    "keyframes", "easing", "fit", "scale", "size", "target", "model", "denoise", "backend", "precision", "tile",
    "fps", "multiplier", "slowdown", "flow_model", "flow_scale", "scene_changes", "scene_threshold", "duplicates",
    "order", "constant_rate", "start", "end", "strict",
)  # fmt: skip


@click.command(cls=Trailing)
@click.argument("sources", metavar="IN...", nargs=-1)
@click.argument("output", metavar="OUT", required=False)
@click.option("--keyframes", metavar="FILE", help="JSON file with the crop to undo, over time.")
@click.option(
    "--easing",
    type=click.Choice(["linear", "hold", "smooth", "catmull-rom"]),
    help="How the crop moves between keyframes (default: linear).",
)
@click.option("--fit", type=click.Choice(["contain", "cover", "stretch"]), help="When the crop's aspect changes.")
@click.option("--scale", type=Number(), metavar="N", help="Output size over input size; 1 keeps the size.")
@click.option("--size", metavar="WxH", help="Output size in pixels.")
@click.option(
    "--target",
    type=click.Choice(["auto"]),
    help="Fit 3840x2160 or 1080x1920 (default without size or scale, unless only frames are added or the model is x1).",
)
@click.option("--model", metavar="NAME|FILE", help="Model of the upscaler: a name, or an .onnx file.")
@click.option("--denoise", type=Number(), metavar="N", help="Noise to remove, 0 to 1, by a model that can be told.")
@click.option(
    "--backend", metavar="NAME", help="What runs the model: auto, ov, ort, ncnn, ort_cuda, trt, trt_rtx, torch, vsgan."
)
@click.option("--precision", metavar="NAME", help="Arithmetic of the model: auto, f32, f16, bf16, int8.")
@click.option("--tile", metavar="WxH|auto", help="Largest piece the model sees at once.")
@click.option("--fps", metavar="N", help="Frames a second: 60, 59.94, 60000/1001. Adds frames in between.")
@click.option("--multiplier", metavar="N", help="Frames a second over the source's: 2, 5/2.")
@click.option("--slowdown", metavar="N", help="Slow motion: how many times longer it lasts.")
@click.option(
    "--audio",
    type=click.Choice(["stretch", "keep", "drop"]),
    default="stretch",
    show_default=True,
    help="Sound of slow motion: stretched at its pitch, at its own speed, or left out.",
)
@click.option(
    "--flow-model", metavar="NAME", help="Model that adds frames: auto, magic-flow, mvtools, or a RIFE's name."
)
@click.option(
    "--flow-scale", type=Scale(), metavar="N|auto", help="Size at which motion is looked for: 0.25 to 1, RIFE to 4."
)
@click.option(
    "--scene-changes",
    type=click.Choice(["repeat", "blend", "ignore"]),
    help="Between two scenes: repeat the nearer frame (default), blend, or add frames as everywhere.",
)
@click.option(
    "--scene-threshold",
    type=Number(),
    metavar="N",
    help="How different two scenes are, above 0 to 1 (default: 0.22); a lower number finds more cuts.",
)
@click.option(
    "--duplicates",
    type=click.Choice(["keep", "retime", "drop"]),
    help="Frames that repeat the one before: keep them (default), spread motion over them, or drop them.",
)
@click.option(
    "--order",
    type=click.Choice(["interpolate-first", "upscale-first"]),
    help="What comes first (default: what costs less; see --dry-run).",
)
@click.option(
    "--constant-rate",
    metavar="FPS|auto",
    help="Repeat and drop frames for a constant rate; auto: the usual one nearest (default: times stay as they are).",
)
@fields.option
@click.option("--start", type=Time(), help="First moment that is kept: seconds or [hh:]mm:ss[.fff].")
@click.option("--end", type=Time(), help="Moment before which it ends.")
@click.option(
    "--chain", "chain_file", metavar="FILE", help="Filters from a .json or .toml file, in place of the flags above."
)
@click.option(
    "--strict",
    is_flag=True,
    help="An error, not f32, where the backend that enlarges or adds frames lacks --precision.",
)
@click.option(
    "--codec",
    metavar="NAME",
    help="h264, h265, av1, ffv1, prores; on a graphics card h264_nvenc, h265_nvenc, av1_nvenc, h264_qsv, h265_qsv, "
    "av1_qsv (default: h264, h265 above 8 bits).",
)
@click.option(
    "--quality",
    type=click.Choice(["fast", "balanced", "best"]),
    default="balanced",
    show_default=True,
    help="What the picture may cost: for each codec a rate factor and a preset, named in docs/codecs.md.",
)
@click.option("--crf", type=Number(), metavar="N", help="Rate factor instead; lower is better.")
@click.option("--preset", metavar="NAME", help="Speed against size instead, in the encoder's own words.")
@click.option("--track", type=int, default=0, show_default=True, metavar="N", help="Which video track, from 0.")
@click.option("--loader", type=click.Choice(["bestsource", "ffms2"]), default="bestsource", show_default=True)
@click.option("--ffmpeg", metavar="PATH", help="The ffmpeg to run (default: VSMAGIC_FFMPEG, else the one from PyPI).")
@click.option("--chunk", type=click.IntRange(min=1), metavar="N", help="Frames in a chunk (default: a minute's work).")
@click.option("--workers", type=Workers(), metavar="N|ray://…", help="Chunks made at once here, or a Ray cluster.")
@click.option("--resume/--no-resume", default=True, help="Go on where an earlier run of the same job ended (default).")
@click.option("--keep", is_flag=True, help="Keep the chunks when the output is finished.")
@click.option("-y", "--overwrite", is_flag=True, help="Replace outputs that exist.")
@click.option("--list", "listed", metavar="FILE", help="More inputs: one a line, from the list's folder; - is stdin.")
@click.option(
    "--container",
    type=click.Choice(["mkv", "mp4", "m4v", "mov", "webm"]),
    help="Of the outputs in a folder (default: the input's where it can be, else mkv).",
)
@click.option("--jobs", type=click.IntRange(min=1), default=1, show_default=True, metavar="N", help="Files at a time.")
@click.option(
    "--save-chain",
    metavar="FILE",
    help="Write the filters to a .toml or .json file for --chain; IN and OUT may be absent.",
)
@click.option(
    "--report", metavar="FILE", type=click.Path(path_type=Path), help="JSON record of what became of each file."
)
@click.option(
    "--progress",
    type=click.Choice(["auto", "live", "plain", "json", "none"]),
    help="How far it is: live on a terminal, plain lines elsewhere (auto, default), or JSON on stdout.",
)
@click.option("--dry-run", is_flag=True, help="Print the chain and the two commands; make nothing.")
@click.option("-q", "--quiet", is_flag=True, help="No progress; warnings and errors only.")
@click.option("--debug", is_flag=True, help="Show tracebacks, the commands that are run and what they say.")
@click.pass_context
def enhance(
    ctx: click.Context, /, *, sources: tuple[str, ...], output: str | None, dry_run: bool, debug: bool, **flags: Any
) -> None:
    """Make a better video OUT of IN.

    Several inputs, folders and patterns such as 'season/*.mkv' go into a folder OUT; outputs that are there are
    passed by, so that the same command goes on where it was stopped.

    With --fps, --multiplier or --slowdown alone the size stays, and with a --model of x1, which restores the picture;
    add --target auto, --scale or --size to enlarge too.
    Sound, subtitles, chapters, attachments and tags are copied, colour tags and frame times kept. OUT's extension
    chooses the container: .mp4, .m4v, .mov, .mkv or .webm. It appears only when it is complete and checked.
    OUT may be the null device, to measure speed. What follows the files after -- goes to ffmpeg's encoder:
    vsmagic enhance in.mkv out.mkv --codec h265 -- -tune grain -x265-params aq-mode=3
    """
    quiet = flags["quiet"]
    log_to_stderr(debug=debug or bool(ctx.obj), level=logging.WARNING if quiet else logging.INFO)
    from vsmagic.encode.stopping import Stopped

    chain = _chain(flags)
    words = _words(sources, output, flags)
    if not words or output is None:
        _save(chain, flags)
        return
    try:
        ctx.exit(_enhance(words, output, chain, flags, dry_run=dry_run, raw=ctx.meta[TRAILING]))
    except Stopped as stopped:
        click.echo(f"vsmagic: {stopped}.", err=True)
        ctx.exit(stopped.exit_code)


def _words(sources: tuple[str, ...], output: str | None, flags: dict[str, Any]) -> list[str]:
    """Return all inputs that were named; none where only the chain is to be written."""
    from vsmagic.encode.many.inputs import read_list

    words = list(sources) + (read_list(flags["listed"]) if flags["listed"] is not None else [])
    if output is None and not words and flags["save_chain"] is not None:
        return []
    if output is None or not words:
        missing = "OUT" if output is None else "IN"
        raise click.UsageError(f"Missing argument '{missing}': expected what to read, then what to make.")
    return words


def _enhance(
    words: list[str], output: str, chain: "Chain", flags: dict[str, Any], *, dry_run: bool, raw: tuple[str, ...]
) -> int:
    """Make one file or many, and return the exit code."""
    from vsmagic.chain import parse
    from vsmagic.cli import running
    from vsmagic.encode.answers import answered
    from vsmagic.encode.many import inputs
    from vsmagic.encode.many.batch import folders

    target = Path(output)
    if flags["report"] is not None and flags["report"].suffix.lower() != ".json":  # it may be a video, by mistake
        raise OptionError(f"--report is {flags['report']}; a record of a run is JSON: expected a name ending in .json.")
    showing = running.Showing(
        progress=flags["progress"] or ("none" if flags["quiet"] else "auto"),
        report=flags["report"],
        quiet=flags["quiet"],
    )
    folder = output.endswith(os.sep) or (flags["listed"] is not None and not target.suffix)
    if not inputs.several(words, target, folder=folder):
        if flags["container"] is not None:
            raise OptionError(f"--container is for a folder of outputs; here the extension of {output} chooses it.")
        ready, told = _prepared(Path(words[0]), target, chain, flags, raw)

        def make(each: "Prepared") -> int:
            _save(parse(each.job.chain, folder=Path.cwd()), flags)  # with the answer, once there is one
            return _print_plan(each, told) if dry_run else running.one(each, showing)

        # A program that reads JSON gets one run, not a question between two.
        how = "refuse" if flags["progress"] == "json" and flags["fields"] == "ask" else flags["fields"]
        return fields.settled(ready if flags["save_chain"] is None else answered(ready), how, make)
    suffix = None if flags["container"] is None else f".{flags['container']}"
    pairs = inputs.pairs(words, target, container=suffix, codec=flags["codec"])
    _save(chain, flags)
    if dry_run:
        with folders(pairs, target):
            return _print_plans(pairs, lambda pair: _prepared(pair.source, pair.output, chain, flags, raw), flags)
    return running.many(
        pairs, target, lambda pair: _prepared(pair.source, pair.output, chain, flags, raw)[0], showing,
        at_once=flags["jobs"], overwrite=flags["overwrite"],
    )  # fmt: skip


def _print_plans(
    pairs: "Sequence[Pair]", prepared: "Callable[[Pair], tuple[Prepared, str | None]]", flags: dict[str, Any]
) -> int:
    """Print what would be made of each file, as far as it would, and return the exit code."""
    from vsmagic.encode.many.report import MIXED
    from vsmagic.errors import VsmagicError

    codes = set()
    for pair in pairs:
        click.echo(f"# {pair.source} -> {pair.output}")
        if pair.output.is_file() and not flags["overwrite"]:
            click.echo("# is there already")
            continue
        try:
            _print_plan(*prepared(pair))
        except VsmagicError as error:
            click.echo(f"vsmagic: {error}", err=True)
            codes.add(error.exit_code)
    return codes.pop() if len(codes) == 1 else MIXED if codes else 0


def _prepared(
    source: Path, output: Path, chain: "Chain", flags: dict[str, Any], raw: tuple[str, ...]
) -> "tuple[Prepared, str | None]":
    """Check one file; return its job, and in words which of two filters comes first and why, where that is free."""
    from vsmagic import chain as chains
    from vsmagic.encode.job import Job, prepare

    names = ("track", "loader", "codec", "quality", "crf", "preset", "ffmpeg", "overwrite", "audio", "chunk", "workers",
             "resume", "keep")  # fmt: skip
    given = {name: flags[name] for name in names}
    prepared = prepare(Job(source=source, output=output, chain=chains.to_json(chain), raw=raw, **given))
    work = _work(chain, prepared.video)
    if work is not None and flags["chain_file"] is None and flags["order"] is None:
        chain = chains.ordered(chain, work.cheaper)
        prepared = replace(prepared, job=replace(prepared.job, chain=chains.to_json(chain)))
    return prepared, _told(chain, work)


def _save(chain: "Chain", flags: dict[str, Any]) -> None:
    """Write the chain where that was asked for."""
    if flags["save_chain"] is not None:
        from vsmagic.chainfile import save

        save(chain, Path(flags["save_chain"]))


def _chain(flags: dict[str, Any]) -> "Chain":
    from vsmagic import chain as chains

    given = {name: flags[name] for name in _CHAIN_FLAGS if flags[name] is not None and flags[name] is not False}
    given |= fields.step(flags["fields"])
    if flags["chain_file"] is not None:
        if given:
            flag = next(iter(given)).replace("_", "-")
            raise OptionError(f"--chain and --{flag} exclude each other; put the step into the chain's file.")
        return chains.load(flags["chain_file"])
    return chains.from_flags(**given)


def _work(chain: "Chain", video: "VideoTrack") -> "Work | None":
    """Return what both orders of upscaling and adding frames cost; None where there is nothing to order."""
    from vsmagic.chain import estimate, pair
    from vsmagic.filters.order import Footage

    rate = video.average_rate or video.guessed_rate
    if pair(chain) is None or rate is None:
        return None
    return estimate(chain, Footage(width=video.width, height=video.height, pixel_aspect=video.pixel_aspect, rate=rate))


def _told(chain: "Chain", work: "Work | None") -> str | None:
    """Say which order a chain has and why; None where there is nothing to order."""
    from vsmagic.chain import pair
    from vsmagic.filters.order import WORDS, told
    from vsmagic.steps import InterpolateStep, UpscaleStep

    if pair(chain) is None:
        return None
    first = next(step for step in chain.steps if isinstance(step, InterpolateStep | UpscaleStep))
    order: Order = "interpolate-first" if isinstance(first, InterpolateStep) else "upscale-first"
    return f"{WORDS[order]}; what the orders cost cannot be estimated here" if work is None else told(work, order)


def _print_plan(prepared: "Prepared", order: str | None) -> int:
    from vsmagic.encode.job import describe, shell_commands
    from vsmagic.encode.listening import Listening
    from vsmagic.encode.progress import Silent
    from vsmagic.encode.stopping import stoppable

    with stoppable():
        description = describe(prepared, Listening(Silent()), measure=False)  # nothing is going to be run
    graph, encoder = shell_commands(prepared, description)
    # The whole of it can be given to a shell.
    click.echo(f"# chain: {prepared.job.chain}")
    if order is not None:
        click.echo(f"# order: {order}")
    click.echo(f"{graph} |\n{encoder}")
    return 0
