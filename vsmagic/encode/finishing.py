"""Makes the output of finished chunks: joined, with the rest of the input, checked, and under its name at last."""

import logging
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from vsmagic.encode import pipeline, verify
from vsmagic.encode.children import Children
from vsmagic.encode.chunks.folder import Folder
from vsmagic.encode.chunks.join import join
from vsmagic.encode.chunks.records import Record
from vsmagic.encode.description import Description
from vsmagic.encode.encoder import aspect_options, nominal_rate
from vsmagic.encode.job import Job, Prepared
from vsmagic.encode.timecodes import Timeline
from vsmagic.encode.tracks import carry, mux, told
from vsmagic.encode.tracks.original import Original
from vsmagic.errors import EncodeError, OutputError

log = logging.getLogger(__name__)


def finish(
    prepared: Prepared, description: Description, records: Sequence[Record], frames: Timeline, here: Folder
) -> None:
    """Join the chunks, add the rest of the input, check the result and give it its name.

    Args:
        prepared: the job.
        description: of the picture.
        records: of all chunks, in their order.
        frames: the times of their frames.
        here: where the chunks are, on the output's disk.

    Raises:
        EncodeError: ffmpeg failed, or the chunks do not fit together.
        OutputError: the result is not what it must be, or cannot be put in its place.
    """
    picture = (here.path / "picture").with_suffix(Path(records[0].file).suffix)
    join(records, here.path, picture, frames, nominal_rate(description))
    finished = here.path / f"finished{prepared.job.output.suffix.lower()}"
    original = prepared.original(description, frames.duration if records[-1].damage else None)
    aspect = aspect_options(prepared.codec, description)
    muxed = _mux(prepared, picture, frames, original, finished, own=aspect)
    verify.check(finished, frames, audio=sum(one.track.kind == "audio" for one in muxed.kept))
    if prepared.container is not None:
        told.tell(muxed, prepared.container)
    _place(finished, prepared.job, here)


def _mux(
    prepared: Prepared, picture: Path, frames: Timeline, original: Original, output: Path, *, own: Sequence[str]
) -> Original:
    """Write the finished file; what ffmpeg refuses to copy is converted, what it refuses altogether is left out."""
    assert prepared.container is not None and prepared.codec is not None  # noqa: S101, PT018 - told by the caller
    words = ""
    options = mux.container_options(prepared.container, prepared.codec, frames.base)
    options += [*own]
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


def _place(finished: Path, job: Job, here: Folder) -> None:
    """Flush the file to disk and give it its name."""
    with finished.open("rb+") as file:
        os.fsync(file.fileno())
    if job.output.exists() and not job.overwrite:
        raise OutputError(f"{job.output}: appeared in the meantime; choose another name, or pass --overwrite.")
    if not job.keep:
        here.placing(finished)
    finished.replace(job.output)
