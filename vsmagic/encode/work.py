"""Does a prepared job: describe, make what is missing of the chunks, join, mux, check, and give the file its name."""

import logging
import os
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from vsmagic.encode import answers, losses, pipeline, verify
from vsmagic.encode import vspipe as vspipes
from vsmagic.encode.children import Children
from vsmagic.encode.chunks import folder, local
from vsmagic.encode.chunks.chunk import Task
from vsmagic.encode.chunks.folder import Folder, disk_errors
from vsmagic.encode.chunks.identity import Identity, Stamp, files, stamp, versions
from vsmagic.encode.chunks.making import make
from vsmagic.encode.chunks.pool import Pool
from vsmagic.encode.chunks.records import Record
from vsmagic.encode.chunks.tasks import encoder_arguments, tasks
from vsmagic.encode.chunks.workers import Workers
from vsmagic.encode.description import Description
from vsmagic.encode.encoder import discard_command
from vsmagic.encode.finishing import finish
from vsmagic.encode.job import Prepared, describe
from vsmagic.encode.listening import Listening
from vsmagic.encode.progress import Progress
from vsmagic.encode.stopping import stoppable
from vsmagic.encode.timecodes import Timeline, timeline
from vsmagic.errors import SourceError

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Result:
    """What was made."""

    frames: int
    duration: Fraction
    """Seconds of picture."""
    width: int
    height: int
    elapsed: float
    """Seconds that this run took."""
    loss: str | None
    """What of a damaged input could not be decoded, in words; None when all of it could."""
    made: int
    """Frames that this run made; the others an earlier one had."""


@dataclass(frozen=True, kw_only=True)
class _Read:
    """What is read, as it was when the run began."""

    source: Stamp
    beside: Mapping[str, str]
    """See :func:`~vsmagic.encode.chunks.identity.files`."""


def run(prepared: Prepared, progress: Progress) -> Result:
    """Make the output.

    Nothing but the finished, checked file is ever seen under the output's name. Chunks that are finished when it fails
    or is stopped stay in a hidden folder beside it, and the next run of the same job goes on there.

    Raises:
        VsmagicError: of the class that tells what failed.
        Stopped: Ctrl-C, SIGTERM or SIGHUP.
    """
    started = time.monotonic()
    with stoppable():
        progress.stage("starting")
        read = _Read(source=_stamp(prepared), beside=_beside(prepared))
        prepared = answers.answered(prepared)
        description = describe(prepared, Listening(progress))
        losses.tell(prepared.video, description)
        if prepared.container is None:
            return _measured(prepared, description, progress, started)
        with folder.held(prepared.job.output) as here, disk_errors(prepared.job.output):
            return _made(prepared, description, read, here, progress=progress, started=started)


def _stamp(prepared: Prepared) -> Stamp:
    try:
        return stamp(prepared.job.source)
    except OSError as error:
        raise SourceError(f"{prepared.job.source}: cannot be read ({error.strerror}).") from error


def _beside(prepared: Prepared) -> Mapping[str, str]:
    try:
        return files(prepared.job.chain)
    except OSError:  # of which the script has more to tell
        return {}


def _measured(prepared: Prepared, description: Description, progress: Progress, started: float) -> Result:
    """Render everything and keep nothing."""
    listening = Listening(progress)
    progress.begin([description.frames], {})
    with tempfile.TemporaryDirectory() as name:
        told = Path(name) / "clip.json"
        arguments = {**prepared.graph(), "frames": f"0:{description.frames}", "parent": str(os.getpid())}
        damage = pipeline.run(
            vspipes.command(prepared.vspipe, {**arguments, "describe": str(told)}, progress=True),
            discard_command(prepared.ffmpeg, description),
            environment=prepared.vspipe.environ(),
            described=told,
            shape=description.shape,
            written=None,
            heard=listening,
            children=Children(),
        )
    return Result(
        frames=description.frames,
        duration=Fraction(*description.duration),
        width=description.width,
        height=description.height,
        elapsed=time.monotonic() - started,
        loss=None if damage is None else f"{prepared.job.source.name} is damaged: {damage}",
        made=description.frames,
    )


def _made(
    prepared: Prepared, description: Description, read: _Read, here: Folder, *, progress: Progress, started: float
) -> Result:
    """Make the chunks that are missing, and the output of all of them."""
    wanted = tasks(prepared, description)
    kept = _kept(prepared, description, read, here, wanted)
    progress.begin(
        [task.frames for task in wanted],
        {task.number: kept[task.file].size for task in wanted if task.file in kept},
    )

    def unchanged() -> None:
        if _stamp(prepared) != read.source:
            raise SourceError(
                f"{prepared.job.source}: was changed while it was read; run it again when it is finished."
            )
        if _beside(prepared) != read.beside:
            raise SourceError(f"{', '.join(read.beside)}: the keyframes were changed meanwhile; run it again.")

    workers = _workers(prepared, description, here, read.source, progress)
    records = make(wanted, kept, workers, Listening(progress), unchanged)
    progress.stage("adding sound and the rest")
    frames = timeline([length for record in records for length in record.lengths])
    if not frames.frames:
        raise SourceError(f"{prepared.job.source}: no frame can be decoded ({records[0].damage}); get the file again.")
    loss = _loss(prepared, description, records, frames)
    finish(prepared, description, records, frames, here)
    if prepared.job.keep:
        here.tidy()
    else:
        here.clear()
    return Result(
        frames=frames.frames,
        duration=frames.duration,
        width=description.width,
        height=description.height,
        elapsed=time.monotonic() - started,
        loss=loss,
        made=frames.frames - sum(record.frames for record in kept.values()),
    )


def _kept(
    prepared: Prepared, description: Description, read: _Read, here: Folder, wanted: Sequence[Task]
) -> Mapping[str, Record]:
    """Return what an earlier run of the same job finished; what another job left is thrown away, with the reason."""
    what = Identity(
        source=read.source,
        graph=prepared.graph(),
        encoder=encoder_arguments(prepared, description),
        versions=versions(prepared.ffmpeg.version, description.networks),
        description=description,
        files=read.beside,
    )
    now = folder.job(prepared.job.source, prepared.job.output, what)
    before = here.job()
    changed = [] if before is None else folder.changes(before, now)
    if before is None or changed or not prepared.job.resume:
        if changed and folder.finished(here.path):
            log.warning("an earlier run cannot be continued, for %s; beginning afresh", ", and ".join(changed))
        here.begin(now)
        return {}
    kept = here.finished([task.file for task in wanted])
    if kept:
        done = sum(record.frames for record in kept.values())
        log.info("going on: %d of %d frames are there from an earlier run", done, description.frames)
    return kept


def _workers(prepared: Prepared, description: Description, here: Folder, source: Stamp, progress: Progress) -> Workers:
    asked = prepared.job.workers
    if isinstance(asked, str):
        from vsmagic.encode.cluster.pool import Cluster

        return Cluster(asked, here.path, prepared, description, source=source, tell=progress.stage)
    return Pool(
        here.path,
        local.tools(prepared.vspipe, prepared.ffmpeg, description, asked=asked if isinstance(asked, int) else None),
    )


def _loss(prepared: Prepared, description: Description, records: Sequence[Record], frames: Timeline) -> str | None:
    """Say what of a damaged input is missing."""
    name, damage = prepared.job.source.name, records[-1].damage
    if damage is not None:
        at = f"after frame {frames.frames} of {description.frames}"
        return f"{name} is damaged: decoding failed {at} ({damage})"
    words = verify.shortfall(prepared.media, prepared.video, description) if description.whole else None
    return None if words is None else f"{name} is damaged: {words}"
