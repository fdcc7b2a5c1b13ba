"""``vsmagic info``: everything that decides how a file is handled."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

_NAME_WIDTH = 14


@click.command()
@click.argument("source", metavar="IN", type=click.Path(path_type=Path))
@click.option("--track", type=int, default=0, show_default=True, metavar="N", help="Which video track, from 0.")
@click.option("--loader", type=click.Choice(["bestsource", "ffms2"]), default="bestsource", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON; rates and times also as exact fractions.")
def info(*, source: Path, track: int, loader: str, as_json: bool) -> None:
    """Tell everything that decides how IN is handled, and what enhance would make of it.

    Reads the file once to find the exact time of every frame; the index is kept for later.
    """
    from vsmagic.cli.facts import gather

    facts = gather(source, track=track, loader=loader)
    if as_json:
        import msgspec

        click.echo(msgspec.json.format(msgspec.json.encode(facts), indent=2).decode())
    else:
        _print(facts, track)


def _print(facts: dict[str, Any], track: int) -> None:
    rows = list(_rows(facts, track))
    if not sys.stdout.isatty():  # no wrapping: something else may read the lines
        for name, value in rows:
            click.echo(f"{name:<{_NAME_WIDTH}}{value}")
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(name, Text(value))
    Console(highlight=False).print(table)


def _rows(facts: dict[str, Any], track: int) -> Iterator[tuple[str, str]]:
    picture = facts["picture"]
    yield "file", facts["file"]
    yield "container", ", ".join([facts["container"], _size(facts["bytes"]), _duration(facts["duration"])])
    for each in facts["tracks"]:
        chosen = each["kind"] == "video" and each["number"] == track
        yield f"{each['kind']} {each['stream']}", _track(each) + (" (this one)" if chosen else "")
    yield "size", _picture_size(picture)
    yield "frames", picture["woven"]["words"]
    yield "time", _timing(picture)
    yield "colour", _colour(picture)
    for chapter in facts["chapters"]:
        yield "chapter", f"{chapter['start']['seconds']:g} s  {chapter['title'] or ''}"
    for key, value in facts["metadata"].items():
        yield "tag", f"{key}: {value}"
    made = facts["enhance"]
    yield "enhance", f"to {made['width']}x{made['height']} without flags"
    for suffix, output in made["outputs"].items():
        yield f"  into {suffix}", "; ".join([output["codec"], *(output["changes"] or ["everything else is copied"])])
    for warning in facts["warnings"]:
        yield "warning", warning


def _track(track: dict[str, Any]) -> str:
    parts = [track["codec"]]
    if track["kind"] == "video":
        parts += [f"{track['width']}x{track['height']}", track["pixel_format"] or "unknown format"]
    if "layout" in track:
        parts += [f"{track['rate']} Hz", track["layout"]]
    parts += [track[key] for key in ("language", "title", "name") if track.get(key)]
    return ", ".join([*parts, *track["dispositions"]])


def _picture_size(picture: dict[str, Any]) -> str:
    width, height = picture["width"], picture["height"]
    parts = [f"{width}x{height}", f"{picture['format']}"]
    if picture["pixel_aspect"] != "1":
        parts.append(f"pixel aspect {picture['pixel_aspect']}, shown as {'x'.join(map(str, picture['shown_as']))}")
    if picture["rotation"]:
        parts.append(f"turned by {picture['rotation']} degrees already")
    return ", ".join(parts)


def _timing(picture: dict[str, Any]) -> str:
    length = f"{picture['frames']} frames, {_duration(picture['duration'])}"
    if picture["rate"] is not None:
        rate = picture["rate"]
        decimal = f" ({_decimal(rate)})" if "/" in rate else ""
        return f"constant {rate} fps{decimal}, {length}"
    shortest, longest = picture["frame_seconds"]
    return f"variable rate, frames of {shortest * 1000:.4g} to {longest * 1000:.4g} ms, {length}"


def _decimal(fraction: str) -> str:
    num, den = fraction.split("/")
    return f"{int(num) / int(den):.6g}"


def _colour(picture: dict[str, Any]) -> str:
    def guess(name: str) -> str:
        return f"{picture[name]} (guessed)" if name in picture["guessed"] else str(picture[name])

    parts = [f"matrix {guess('matrix')}", f"{guess('range')} range", f"transfer {picture['transfer'] or 'untagged'}"]
    parts.append(f"primaries {picture['primaries'] or 'untagged'}")
    hdr = picture["hdr"] or {}
    return ", ".join([*parts, *(f"{name.replace('_', ' ')} {value}" for name, value in hdr.items())])


def _duration(time: dict[str, Any] | None) -> str:
    return "length unknown" if time is None else f"{time['seconds']:.3f} s"


def _size(count: int) -> str:
    return f"{count / 2**20:.1f} MiB" if count >= 2**20 else f"{count / 2**10:.1f} KiB"
