"""Does a prepared job: pipe, stamp, mux, check, and give the finished file its name."""

import errno
import logging
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from vsmagic.encode import carry, mux, pipeline, verify
from vsmagic.encode.children import Children
from vsmagic.encode.description import Description
from vsmagic.encode.encoder import discard_command, encode_command, nominal_rate
from vsmagic.encode.job import Job, Prepared
from vsmagic.encode.original import Original
from vsmagic.encode.progress import Progress
from vsmagic.encode.stamp import stamp
from vsmagic.encode.stopping import stoppable
from vsmagic.encode.timecodes import Timeline, read_durations, timeline
from vsmagic.errors import EncodeError, OutputError

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
    """Seconds it took."""
    loss: str | None
    """What of a damaged input could not be decoded, in words; None when all of it could."""


def run(prepared: Prepared, progress: Progress) -> Result:
    """Make the output.

    Nothing but the finished, checked file is ever seen under the output's name; nothing is left when it fails or
    is stopped.

    Raises:
        VsmagicError: of the class that tells what failed.
        Stopped: Ctrl-C, SIGTERM or SIGHUP.
    """
    started = time.monotonic()
    with stoppable(), _working_folder(prepared) as folder, _disk_errors(prepared.job.output):
        piped = pipeline.run(
            prepared.graph_command(folder),
            prepared.vspipe.environ(),
            lambda description: _encoder(prepared, description, folder),
            description=folder / "clip.json",
            progress=progress,
        )
        frames = timeline(read_durations(folder / "frames.json"))
        loss = _loss(prepared, piped, frames)
        if prepared.container is not None:
            progress.stage("adding sound and the rest")
            original = prepared.original(piped.description, frames.duration if piped.damage else None)
            finished = _finish(prepared, piped.description, frames, original, folder)
            _place(finished, prepared.job)
    return Result(
        frames=frames.frames,
        duration=frames.duration,
        width=piped.description.width,
        height=piped.description.height,
        elapsed=time.monotonic() - started,
        loss=loss,
    )


def _encoder(prepared: Prepared, description: Description, folder: Path) -> list[str]:
    if description.dynamic_hdr:
        log.warning("%s metadata cannot be carried over and is left out", " and ".join(description.dynamic_hdr))
    if prepared.codec is None:
        return discard_command(prepared.ffmpeg, description)
    return encode_command(prepared.ffmpeg, prepared.codec, prepared.quality, description, _picture(prepared, folder))


def _picture(prepared: Prepared, folder: Path) -> Path:
    # MP4 keeps exact times and colour tags. It holds no FFV1, whose only container rounds to milliseconds anyway.
    return folder / ("picture.mkv" if prepared.codec is not None and prepared.codec.name == "ffv1" else "picture.mp4")


def _loss(prepared: Prepared, piped: pipeline.Piped, frames: Timeline) -> str | None:
    """Say what of a damaged input is missing."""
    description = piped.description
    if piped.damage is not None:
        return (
            f"{prepared.job.source.name} is damaged: decoding failed after frame {frames.frames} of "
            f"{description.frames} ({piped.damage})"
        )
    words = verify.shortfall(prepared.media, prepared.video, description) if description.whole else None
    return None if words is None else f"{prepared.job.source.name} is damaged: {words}"


def _finish(prepared: Prepared, description: Description, frames: Timeline, original: Original, folder: Path) -> Path:
    """Give the picture its exact times, add the rest of the input, check the result."""
    picture = _picture(prepared, folder)
    if description.rate is None:
        stamped = picture.with_stem("stamped")
        stamp(picture, stamped, frames, nominal_rate(description))
        picture.unlink()
        picture = stamped
    finished = folder / f"finished{prepared.job.output.suffix.lower()}"
    muxed = _mux(prepared, picture, frames, original, finished)
    verify.check(finished, frames, audio=sum(one.track.kind == "audio" for one in muxed.kept))
    carry.tell(muxed.carried)
    mux.tell_of_sound(muxed)
    return finished


def _mux(prepared: Prepared, picture: Path, frames: Timeline, original: Original, output: Path) -> Original:
    """Write the finished file; what ffmpeg refuses to copy is converted, what it refuses altogether is left out."""
    assert prepared.container is not None and prepared.codec is not None  # noqa: S101, PT018 - told by the caller
    words = ""
    options = mux.container_options(prepared.container, prepared.codec, frames.base)
    options += mux.attach_covers(original, output.parent)
    for carried in carry.fallbacks(original.carried, prepared.container):
        attempt = replace(original, carried=carried)
        command = mux.mux_command(prepared.ffmpeg, picture, attempt, prepared.container, output, options=options)
        with Children() as children:
            ffmpeg = children.start(command)
            children.next_end()
        if ffmpeg.code == 0:
            return attempt
        pipeline.raise_if_full(ffmpeg)
        words = pipeline.last_words(ffmpeg)
        log.debug("ffmpeg refused: %s", words)
    raise EncodeError(f"ffmpeg could not write the finished file: {words}.")


@contextmanager
def _working_folder(prepared: Prepared) -> Iterator[Path]:
    """A hidden folder beside the output, so that the finished file only needs to be renamed."""
    output = prepared.job.output
    beside: dict[str, Any] = {} if prepared.container is None else {"dir": output.parent, "prefix": f".{output.name}."}
    try:
        folder = tempfile.TemporaryDirectory(**beside)
    except OSError as error:
        raise OutputError(
            f"{output.parent}: cannot be written ({error.strerror}); change its permissions or choose another folder."
        ) from error
    with folder as name:
        yield Path(name)


@contextmanager
def _disk_errors(output: Path) -> Iterator[None]:
    """Turn the system's refusals into one sentence."""
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise OutputError(f"{output.parent}: the disk is full; free space or choose another folder.") from error
        raise OutputError(f"{output}: cannot be written ({error.strerror or error}).") from error


def _place(finished: Path, job: Job) -> None:
    """Flush the file to disk and give it its name."""
    with finished.open("rb+") as file:
        os.fsync(file.fileno())
    if job.output.exists() and not job.overwrite:
        raise OutputError(f"{job.output}: appeared in the meantime; choose another name, or pass --overwrite.")
    finished.replace(job.output)
