"""What unfinished jobs have left on disk: found, described, thrown away."""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec

from vsmagic.encode.chunks import folder as folders
from vsmagic.encode.chunks.chunk import MAKING
from vsmagic.encode.chunks.folder import Holder, Job
from vsmagic.encode.chunks.identity import files, stamp, versions
from vsmagic.encode.chunks.records import Record
from vsmagic.errors import OptionError, SetupError

_SUFFIX = ".vsmagic"


@dataclass(frozen=True)
class Left:
    """One job's folder."""

    folder: Path

    @property
    def output(self) -> Path:
        """What it was to become, beside the folder wherever that is now."""
        return self.folder.parent / self.folder.name.removeprefix(".").removesuffix(_SUFFIX)

    @cached_property
    def job(self) -> Job | None:
        """What is written of the job; None where nothing can be read."""
        return folders.read_job(self.folder)

    @cached_property
    def holder(self) -> Holder | None:
        """Who works on it."""
        return folders.holder(self.folder)

    @cached_property
    def records(self) -> dict[int, Record]:
        """Records of the finished chunks by their number; those that cannot be read are as good as absent."""
        found = {}
        for path in folders.finished(self.folder):
            number = path.stem.removeprefix("chunk-")
            try:
                record = msgspec.json.decode(path.read_bytes(), type=Record)
                whole = (self.folder / record.file).stat().st_size == record.size
            except (OSError, msgspec.DecodeError):
                continue
            if whole and number.isdecimal():
                found[int(number)] = record
        return found

    @property
    def done(self) -> int:
        """Frames in finished chunks."""
        return sum(record.frames for record in self.records.values())

    @property
    def total(self) -> int:
        """Frames of the output; 0 where that is unknown."""
        return 0 if self.job is None else self.job.identity.description.frames

    @cached_property
    def size(self) -> int:
        """Bytes on disk."""
        return sum(size for size, _ in _files(self.folder))

    @cached_property
    def age(self) -> float:
        """Seconds since something in it was last written."""
        return time.time() - max((when for _, when in _files(self.folder)), default=self.folder.stat().st_mtime)

    def facts(self) -> dict[str, Any]:
        """Return what a list tells."""
        return {
            "output": str(self.output),
            "folder": str(self.folder),
            "source": None if self.job is None else self.job.source,
            "begun": None if self.job is None else self.job.begun,
            "frames": self.done,
            "frames_total": None if self.job is None else self.total,
            "bytes": self.size,
            "seconds_since_work": round(self.age),
            "running": None if self.holder is None else msgspec.to_builtins(self.holder),
        }

    def details(self) -> dict[str, Any]:
        """Return everything else."""
        if self.job is None:
            return {
                "changed": ["what it was cannot be read"],
                "chain": None,
                "encoder": [],
                "versions": {},
                "chunks": [],
            }
        what = self.job.identity
        return {
            "changed": list(self._changed(self.job)),
            "chain": msgspec.json.decode(what.graph["chain"]),
            "encoder": what.encoder,
            "versions": what.versions,
            "chunks": list(self._chunks(self.job)),
        }

    def clean(self) -> int:
        """Throw it away, and return the bytes that this freed.

        Raises:
            OutputError: somebody works on it.
        """
        size = self.size
        with folders.held(self.output) as held:
            held.clear()
        return size

    def _changed(self, job: Job) -> Iterator[str]:
        """Say why the same command would begin afresh, as far as that can be told without building the filters."""
        try:
            if stamp(Path(job.source)) != job.identity.source:
                yield "the input changed"
        except OSError as error:
            yield f"the input cannot be read ({error.strerror})"
        what, chain = job.identity, job.identity.graph.get("chain", "[]")
        try:
            if files(chain) != what.files:
                yield "the keyframes changed"
        except OSError as error:
            yield f"the keyframes cannot be read ({error.strerror})"
        then, now = what.versions, versions(_ffmpeg() or what.versions.get("ffmpeg", ""), what.description.networks)
        for name in sorted(name for name in {*then, *now} if then.get(name) != now.get(name)):
            yield f"{name} was {then.get(name, 'absent')} and is {now.get(name, 'absent')}"

    def _chunks(self, job: Job) -> Iterator[dict[str, Any]]:
        making = {path.name.removeprefix(MAKING)[:5] for path in self.folder.glob(f"{MAKING}*")}
        for number, (first, end) in enumerate(pairwise(job.identity.description.bounds)):
            record = self.records.get(number)
            runs = self.holder is not None and f"{number:05}" in making
            yield {
                "number": number,
                "first": first,
                "end": end,
                "state": "finished" if record is not None else "being made" if runs else "missing",
                "bytes": None if record is None else record.size,
                "seconds": None if record is None else round(record.seconds, 3),
            }


def known() -> list[Left]:
    """Return the jobs that were begun by this user on this machine."""
    return [Left(path) for path in folders.known()]


def inside(places: Iterable[Path]) -> list[Left]:
    """Return the jobs in folders, and in the folders in them.

    Raises:
        OptionError: one of them is no folder.
    """
    found = []
    for place in places:
        if not place.is_dir():
            raise OptionError(f"{place}: no such folder; name one, or an output to show it.")
        found += [Left(path) for path in sorted(place.rglob(f".*{_SUFFIX}")) if path.is_dir()]
    return unique(found)


def named(output: Path) -> Left:
    """Return the job of an output, by its name or that of the job's own folder.

    Raises:
        OptionError: there is none.
    """
    found = _own(output)
    if found is None:
        raise OptionError(f"{output}: no unfinished job makes it; see vsmagic jobs list {output.parent}.")
    return found


def of(places: Sequence[Path]) -> list[Left]:
    """Return the jobs of outputs, and those in folders.

    Raises:
        OptionError: there is none of an output.
    """
    found = []
    for place in places:
        own = _own(place)
        found += inside([place]) if own is None and place.is_dir() else [own or named(place)]
    return unique(found)


def unique(found: Iterable[Left]) -> list[Left]:
    """Return each once."""
    return list({one.folder.resolve(): one for one in found}.values())


def _own(output: Path) -> Left | None:
    if output.name.startswith(".") and output.name.endswith(_SUFFIX) and output.is_dir():
        return Left(output)
    place = folders.place(output)
    return Left(place) if place.is_dir() else None


def _ffmpeg() -> str | None:
    from vsmagic.encode.ffmpeg import find_ffmpeg

    try:
        return find_ffmpeg(None).version
    except SetupError:
        return None


def _files(folder: Path) -> list[tuple[int, float]]:
    """Return size and time of each file; those that go meanwhile are left out."""
    found = []
    for path in folder.rglob("*"):
        try:
            told = path.lstat()
        except FileNotFoundError:
            continue
        if not path.is_dir():
            found.append((told.st_size, told.st_mtime))
    return found
