"""Find an engine, or build it: once, however many processes want it."""

import contextlib
import logging
import re
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial

from vsmagic.engine import lock
from vsmagic.engine.build import Job, build
from vsmagic.engine.library import Library
from vsmagic.engine.monitor import Tell
from vsmagic.engine.store import Engine, Store
from vsmagic.errors import OutputError
from vsmagic.files import cache_folder, write_atomically

log = logging.getLogger(__name__)

_QUICK = 2.0  # seconds of a build before its progress is logged

Heard = Callable[[Job, float, str], None]
"""Called with what is built, the share that is done, 0 to 1, and what is being done."""

_listener: ContextVar[Heard | None] = ContextVar("listener", default=None)


@dataclass(frozen=True, kw_only=True)
class Workshop:
    """Where engines are kept, and what they are built with."""

    store: Store
    library: Library
    plugin: str | None
    """Version of the library that the plugin loads; None without a plugin."""


def obtain(
    job: Job, workshop: Workshop, *, refused: Engine | None = None, exact: bool = False, tell: Tell | None = None
) -> Engine:
    """Return an engine for a job, building it where there is none.

    Args:
        job: what is wanted.
        workshop: where to look, and what to build with.
        refused: an engine that was returned before and did not load: a new one takes its place.
        exact: take no other engine that would do as well.
        tell: hears how far the build is; by default who :func:`told` names, else the log.

    Raises:
        ModelError: the network cannot be read or does not take the shapes.
        BackendError: the library is not installed, is of another version than the plugin, or fails.
        OutputError: the engine cannot be kept.
    """
    store = workshop.store
    found = store.find(job.key, exact=exact)
    if found and not _same(found, refused):
        return found

    def waiting() -> None:
        log.info("%s for %s: waiting for another process that builds it", job.name, job.key.shapes)

    with lock.exclusive(store.lock_file(job.key), waiting=waiting):
        found = store.find(job.key, exact=exact)
        if found and not _same(found, refused):
            return found
        engine = _build(job, workshop, tell or _told(job))
        if refused and refused.path != engine.path:
            store.remove(refused)
    gone = store.prune(keep=engine)
    if gone:
        log.info("%d engines deleted that were long unused or beyond the size limit", len(gone))
    return engine


@contextlib.contextmanager
def told(listener: Heard) -> Iterator[None]:
    """Let a listener hear of the builds that filters start meanwhile, in this thread."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


def _told(job: Job) -> Tell:
    listener = _listener.get()
    return partial(listener, job) if listener else _Log(job)


def _same(engine: Engine, other: Engine | None) -> bool:
    return other is not None and (engine.path, engine.stamp) == (other.path, other.stamp)


def _build(job: Job, workshop: Workshop, tell: Tell) -> Engine:
    module = workshop.library.load(workshop.plugin)
    log.info(
        "%s: compiling an engine for %s in %s with %s %s; this is done once",
        job.name, job.key.shapes, job.key.precision, workshop.library.title, module.__version__,
    )  # fmt: skip
    began = time.monotonic()
    known = _timings(job, workshop) if workshop.library.timing_cache else None
    built = build(job, module, tell=tell, timings=known)
    if built.timings is not None:
        _keep_timings(job, workshop, built.timings)
    engine = workshop.store.add(
        job.key,
        built.content,
        name=job.name,
        builder=f"{workshop.library.title} {module.__version__}",
        seconds=time.monotonic() - began,
    )
    log.info("%s: engine built in %.1f s, %.1f MiB", job.name, engine.record.seconds, engine.record.bytes / 2**20)
    return engine


def _timing_name(job: Job) -> str:
    """Name a timing cache by what its timings hold for."""
    return re.sub(r"[^A-Za-z0-9.]+", "-", f"{job.key.library}-{job.key.version}-{job.key.gpu}-{job.key.driver}")


def _timings(job: Job, workshop: Workshop) -> bytes:
    with contextlib.suppress(OSError):
        return workshop.store.timing(_timing_name(job)).read_bytes()
    return b""


def _keep_timings(job: Job, workshop: Workshop, merge: Callable[[bytes], bytes]) -> None:
    """Add what a build measured to what others have measured meanwhile."""
    path = workshop.store.timing(_timing_name(job))
    try:
        cache_folder(path.parent)
        with lock.exclusive(path.with_suffix(".lock")):
            write_atomically(path, merge(_timings(job, workshop)))
    except OutputError as error:
        log.warning("timings are not kept, later builds take longer: %s", error)


class _Log:
    """Tells of a build that takes long, in tenths."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._began = time.monotonic()
        self._tenths = 0

    def __call__(self, done: float, phase: str) -> None:
        tenths = int(done * 10)
        if tenths > self._tenths and time.monotonic() - self._began > _QUICK:
            self._tenths = tenths
            log.info("%s: engine %d %% built (%s)", self._job.name, tenths * 10, phase.lower())
