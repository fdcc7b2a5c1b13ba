"""``vsmagic mpv prepare``: make ready, in the background, what the player's script does not wait for."""

import os
import re
import threading
from pathlib import Path
from typing import Any

import click

from vsmagic.errors import VsmagicError

_GRACE = 10.0
"""Seconds that what is at work gets to end by itself once it is told to stop."""


class _Size(click.ParamType[tuple[int, int]]):
    """WIDTHxHEIGHT in pixels."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        found = re.fullmatch(r"([1-9]\d{0,4})x([1-9]\d{0,4})", str(value), re.ASCII)
        if found is None:
            self.fail(f"{value!r} is no size; expected WIDTHxHEIGHT, such as 1920x1080", param, ctx)
        return int(found[1]), int(found[2])


@click.command()
@click.option("--chain", "text", required=True, metavar="JSON|PROFILE|FILE", help="What is going to be played.")
@click.option("--size", type=_Size(), required=True, metavar="WxH", help="Of the video.")
@click.option(
    "--progress", "file", type=click.Path(path_type=Path), metavar="FILE", help="Where to tell how far it is."
)
@click.option("--fetch", is_flag=True, help="Download models that are missing; their licences hold.")
@click.pass_context
def prepare(ctx: click.Context, /, *, text: str, size: tuple[int, int], file: Path | None, fetch: bool) -> None:
    """Make ready what a chain needs: models, compiled engines, and how they run best here.

    FILE is always whole: {"state": "working" | "ready" | "failed", "share": 0 to 1, "what": "…", "error": "…"}. A
    signal ends it in order, without FILE; what is half done is done again or continued the next time.
    """
    from vsmagic.encode.stopping import Stopped, stoppable
    from vsmagic.mpv.progress import Report

    report = Report(file)
    work = _Work(text, size, fetch=fetch, report=report)
    try:
        with stoppable():
            work.start()
            while not work.done.wait(1.0):  # without an end it would not hear of signals everywhere
                pass
    except Stopped as stopped:
        report.stop()
        ended = work.done.wait(_GRACE)
        report.remove()
        click.echo(f"vsmagic: {stopped}", err=True)
        if not ended:  # inside a library, which cannot be told
            os._exit(stopped.exit_code)
        ctx.exit(stopped.exit_code)
    if work.error is not None:
        raise work.error


class _Work(threading.Thread):
    """The work, beside the thread that hears signals."""

    def __init__(self, text: str, size: tuple[int, int], *, fetch: bool, report: Any) -> None:
        super().__init__(daemon=True)
        self._text, self._size, self._fetch, self._report = text, size, fetch, report
        self.error: BaseException | None = None
        self.done = threading.Event()
        """What to wait for: a join that a signal breaks off takes the thread for ended."""

    def run(self) -> None:
        """Do it, and keep what it raises."""
        from vsmagic.mpv import prepare as preparing
        from vsmagic.mpv.progress import Interrupted

        try:
            preparing.prepare(preparing.read(self._text), self._size, fetch=self._fetch, report=self._report)
        except Interrupted:
            pass
        except BaseException as error:
            self.error = error
            self._report.failed(str(error) if isinstance(error, VsmagicError) else f"{type(error).__name__}: {error}")
        finally:
            self.done.set()
