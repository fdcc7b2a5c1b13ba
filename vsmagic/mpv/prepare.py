"""Does ahead what the first use of a chain would do, and a player cannot wait for: fetch, convert, compile, measure.

The filters do it themselves: the chain is applied to a clip like the player's, with all that is slow allowed.
"""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from vsmagic import chain as chains
from vsmagic.chain import Chain
from vsmagic.digest import digest
from vsmagic.engine.lock import exclusive
from vsmagic.errors import OptionError, reason
from vsmagic.files import cache_folder
from vsmagic.models.entry import Entry
from vsmagic.mpv import needs
from vsmagic.mpv.progress import Report
from vsmagic.settings import settings
from vsmagic.steps import InterpolateStep, UpscaleStep

if TYPE_CHECKING:
    import vapoursynth as vs

    from vsmagic.engine.build import Job
    from vsmagic.models.download import Progress

_LENGTH = 2**27 - 1  # frames, as of a player's clip
_CHAIN_FILES = (".json", ".toml")


def read(text: str) -> Chain:
    """Read a chain as the player's script does: its steps as JSON, a profile's name, or the path of a chain file.

    Raises:
        ChainError, OptionError: it is none of these.
    """
    if text.lstrip().startswith("["):
        return chains.parse(text, folder=Path.cwd())
    if Path(text).suffix.lower() in _CHAIN_FILES:
        return chains.load(text)
    from vsmagic.mpv import profiles

    return profiles.load().picture(text)


def prepare(chain: Chain, size: tuple[int, int], *, fetch: bool, report: Report) -> None:
    """Make everything that a chain needs on frames of a size; what is there already is left as it is.

    Of two processes that prepare the same one works, and the other waits.

    Args:
        chain: what is going to be played.
        size: (width, height) of the video.
        fetch: download models that are not on this machine.
        report: hears how far it is.

    Raises:
        MissingModelError: a model is not on this machine, and ``fetch`` was not given.
        VsmagicError: whatever the filters, a download or a build raise.
    """
    report.working("looking what is missing")
    with exclusive(_lock(chain, size), waiting=lambda: report.working("waiting for another that prepares the same")):
        missing = needs.missing(chain)
        if not fetch:
            needs.check(chain)
        for number, entry in enumerate(missing):
            _fetch(entry, report, number / (len(missing) + 1), 1 / (len(missing) + 1))
        with _slow_allowed(), _spoken(report):
            _build(chain, size, report, len(missing) / (len(missing) + 1))
    report.ready()


def _lock(chain: Chain, size: tuple[int, int]) -> Path:
    key = digest(f"{chains.to_json(chain)}\0{size}".encode())[:32]
    return cache_folder(settings().cache / "preparing") / f"{key}.lock"


def _fetch(entry: Entry, report: Report, start: float, part: float) -> None:
    forbidden = ", commercial use forbidden" if entry.commercial is False else ""
    what = f"fetching {entry.name} ({entry.licence}{forbidden})"

    def progress(done: int, total: int) -> None:
        report.working(what, start + part * done / max(1, total))

    report.working(what, start)
    _download(entry, progress=progress)


def _download(entry: Entry, *, progress: "Progress") -> None:
    from vsmagic.models import download

    download.fetch(entry, progress=progress)


def _build(chain: Chain, size: tuple[int, int], report: Report, start: float) -> None:
    """Apply the chain; engines are built and models measured on the way."""
    report.working("building the filters", start)
    import vapoursynth as vs

    from vsmagic.engine import make

    engines = _Engines(report, start, _networks(chain))
    try:
        with make.told(engines.hear):
            chains.apply(chain, _clip(size))
    except vs.Error as error:
        raise OptionError(f"the chain cannot be applied to {size[0]}x{size[1]}: {reason(error)}.") from error


class _Engines:
    """Turns the progress of engines, one after the other, into one share."""

    def __init__(self, report: Report, start: float, count: int) -> None:
        self._report, self._start, self._count = report, start, max(1, count)
        self._begun: list[str] = []

    def hear(self, job: "Job", done: float, _phase: str) -> None:
        """Note how far an engine is."""
        key = job.key.digest()
        if key not in self._begun:
            self._begun.append(key)
        whole = min(1.0, (self._begun.index(key) + done) / self._count)
        what = f"building the engine of {job.name} for {job.key.shapes}"
        self._report.working(what, self._start + (1 - self._start) * whole)


def _networks(chain: Chain) -> int:
    """Return how many networks the chain runs: a model may be applied more than once."""
    from vsmagic.models import catalogue

    count = 0
    for step in chain.steps:
        if isinstance(step, UpscaleStep):
            entry = catalogue.find(step.model)
            count += entry.passes if entry else 1
        elif isinstance(step, InterpolateStep):
            count += 1
    return count


def _clip(size: tuple[int, int]) -> "vs.VideoNode":
    """Return a clip like the player's: of variable rate, without an end."""
    import vapoursynth as vs

    fmt = vs.YUV444P8 if size[0] % 2 or size[1] % 2 else vs.YUV420P8
    blank = vs.core.std.BlankClip(width=size[0], height=size[1], format=fmt, length=_LENGTH, fpsnum=0, fpsden=1)
    return blank.std.SetFrameProps(_Matrix=1, _Range=vs.RANGE_LIMITED, _ChromaLocation=0)


@contextmanager
def _slow_allowed() -> Iterator[None]:
    """Let the filters build what is missing, whatever whoever started this process forbade itself."""
    before = os.environ.get("VSMAGIC_BUILD")
    os.environ["VSMAGIC_BUILD"] = "on"
    try:
        yield
    finally:
        if before is None:
            del os.environ["VSMAGIC_BUILD"]
        else:
            os.environ["VSMAGIC_BUILD"] = before


@contextmanager
def _spoken(report: Report) -> Iterator[None]:
    """Let the report say what the package's log says meanwhile: what is converted, measured or waited for."""

    class Speaker(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            report.working(record.getMessage())

    logger = logging.getLogger("vsmagic")
    level, others, effective = logger.level, list(logger.handlers), logger.getEffectiveLevel()
    levels = [handler.level for handler in others]
    for handler in others:  # they say no more than before
        handler.setLevel(max(handler.level, effective))
    logger.addHandler(Speaker(logging.INFO))
    logger.setLevel(min(effective, logging.INFO))
    try:
        yield
    finally:
        logger.handlers = others
        logger.setLevel(level)
        for handler, former in zip(others, levels, strict=True):
            handler.setLevel(former)
