"""Makes one chunk: some frames of the output, piped from vspipe into ffmpeg, as a file of its own with its record.

Nothing here knows of the other chunks or of the job, so that any process on any machine that sees the source can do it.
"""

import os
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import msgspec

from vsmagic.encode import pipeline
from vsmagic.encode import vspipe as vspipes
from vsmagic.encode.children import Children
from vsmagic.encode.chunks import records
from vsmagic.encode.chunks.records import Record
from vsmagic.encode.description import Shape
from vsmagic.encode.ffmpeg import Ffmpeg
from vsmagic.encode.timecodes import read_durations
from vsmagic.encode.verify import stored
from vsmagic.encode.vspipe import Vspipe
from vsmagic.errors import EncodeError

MAKING = ".making-"
"""How the folders begin in which chunks are made."""


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """One chunk to make, as plain data."""

    number: int
    first: int
    end: int
    """Exclusive."""
    graph: Mapping[str, str]
    """Arguments of ``encode.vpy``: what the whole output is."""
    shape: Shape
    """What the graph must give wherever it is built."""
    encoder: tuple[str, ...]
    """What ffmpeg is told, from after its name until before the output; it reads the pictures from stdin."""
    suffix: str
    """Of the file, which chooses its container."""

    @property
    def file(self) -> str:
        """The name of the finished file."""
        return f"chunk-{self.number:05}{self.suffix}"

    @property
    def frames(self) -> int:
        """How many frames it should have."""
        return self.end - self.first


class Tools(msgspec.Struct, frozen=True, kw_only=True):
    """What makes chunks on a machine."""

    vspipe: Vspipe
    ffmpeg: Ffmpeg
    environment: Mapping[str, str] = {}
    """Variables for both beside those of this process, such as the one GPU that they may use."""


def make(task: Task, folder: Path, tools: Tools, heard: pipeline.Heard, children: Children) -> Record:
    """Make a chunk; the file takes its name when it is complete and flushed to disk, the record after it.

    Args:
        task: the chunk.
        folder: where the file goes.
        tools: vspipe and ffmpeg.
        heard: hears how far it is.
        children: its processes run among these; it is empty again afterwards.

    Raises:
        VsmagicError: of the class that tells what failed.
        OSError: the folder cannot be written.
    """
    started = time.monotonic()
    with tempfile.TemporaryDirectory(dir=folder, prefix=f"{MAKING}{task.number:05}-") as name:
        inside = Path(name)
        made = inside / task.file
        graph = {**task.graph, "frames": f"{task.first}:{task.end}", "parent": str(os.getpid())}
        damage = pipeline.run(
            graph=vspipes.command(
                tools.vspipe, {**graph, "describe": str(inside / "clip.json")}, properties=inside / "frames.json",
                progress=True,
            ),
            encoder=[str(tools.ffmpeg.program), *task.encoder, str(made)],
            environment={**tools.vspipe.environ(), **tools.environment},
            described=inside / "clip.json",
            shape=task.shape,
            written=made,
            heard=heard,
            children=children,
        )  # fmt: skip
        durations = read_durations(inside / "frames.json")
        record = _record(task, made, durations=records.runs(durations), damage=damage, started=started)
        _check(task, record, stored(made).frames)
        _flush(made)
        made.replace(folder / task.file)
    records.write(record, folder)
    return record


def _record(
    task: Task, made: Path, *, durations: tuple[tuple[int, int, int], ...], damage: str | None, started: float
) -> Record:
    held = stored(made)
    return Record(
        first=task.first,
        end=task.end,
        file=task.file,
        size=made.stat().st_size,
        sha256=records.sha256_of(made),
        durations=durations,
        delay=held.delay,
        head=held.head,
        damage=damage,
        seconds=time.monotonic() - started,
    )


def _check(task: Task, record: Record, stored_frames: int) -> None:
    if stored_frames != record.frames or (record.damage is None and record.frames != task.frames):
        wanted = record.frames if record.damage else task.frames
        raise EncodeError(
            f"ffmpeg ended without an error, but wrote {stored_frames} of the {wanted} frames from {task.first} on; "
            "run it again, with another --codec or --ffmpeg if that does not help."
        )


def _flush(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())
