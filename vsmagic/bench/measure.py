"""Rounds of measurements, interleaved so that a machine that slows down slows all subjects alike."""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from vsmagic.bench.case import Case, make_clip
from vsmagic.bench.subjects import SUBJECTS, Run

RUNNING = "enhance, once running"

_LEAST = 16
_MOST = 20_000

Tell = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Round:
    """Every subject once, one after the other."""

    runs: Mapping[str, Run]
    """By the subject's name."""
    start: float
    """Seconds that ``enhance`` takes for a clip of one frame."""

    def fps(self, row: str) -> float:
        """Return the frames a second of a subject, or of enhance once it is running."""
        if row != RUNNING:
            return self.runs[row].fps
        whole = self.runs["enhance"]
        return (whole.frames - 1) / max(whole.seconds - self.start, 1e-3)


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The subjects on one case."""

    case: Case
    frames: int
    rounds: Sequence[Round]

    def fps(self, row: str) -> float:
        """Return the median over the rounds."""
        return median(taken.fps(row) for taken in self.rounds)

    def ratios(self, row: str) -> list[float]:
        """Return a row's fps over the bare plugin's, round by round."""
        return [taken.fps(row) / taken.fps("plugin") for taken in self.rounds]


@dataclass(frozen=True, kw_only=True)
class Memory:
    """Peaks of memory of the largest process."""

    what: str
    short: Run
    long: Run | None = None
    """The same over more frames."""


def compare(
    case: Case, *, frames: int | None, rounds: int, seconds: float, source: Path | None, tell: Tell
) -> Comparison:
    """Measure every subject, round by round.

    Args:
        case: what to measure.
        frames: of each run; None for as many as take ``seconds``.
        rounds: how often.
        seconds: length of a run of the plugin.
        source: video to take pictures from; None for a test picture.
        tell: receives what is being done.
    """
    with tempfile.TemporaryDirectory(prefix="vsmagic-bench-") as folder:
        single, clip = Path(folder) / "single.mkv", Path(folder) / "clip.mkv"
        tell(f"{case}: warming up")
        make_clip(single, case.size, 1, source)
        frames = frames or _frames_for(seconds, case, single)
        make_clip(clip, case.size, frames, source)
        # The first runs fill caches: the indexes, what was read of a model's file, the pages of libraries.
        for warmed in (single, clip):
            SUBJECTS["enhance"](case, warmed, frames)
        taken = []
        for number in range(rounds):
            tell(f"{case}: round {number + 1} of {rounds}, {frames} frames")
            runs = {name: run(case, clip, frames) for name, run in SUBJECTS.items()}
            taken.append(Round(runs=runs, start=SUBJECTS["enhance"](case, single, 1).seconds))
    return Comparison(case=case, frames=frames, rounds=taken)


def _frames_for(seconds: float, case: Case, clip: Path) -> int:
    plugin = SUBJECTS["plugin"]
    plugin(case, clip, 1)
    return max(_LEAST, min(_MOST, round(plugin(case, clip, _LEAST).fps * seconds)))


def growth(case: Case, *, source: Path | None, tell: Tell, lengths: tuple[int, int] = (200, 2000)) -> list[Memory]:
    """Measure whether memory grows with the length of a clip.

    Args:
        case: what to run.
        source: video to take pictures from; None for a test picture.
        tell: receives what is being done.
        lengths: frames of the short and of the long clip.
    """
    found = []
    with tempfile.TemporaryDirectory(prefix="vsmagic-bench-") as folder:
        clips = [Path(folder) / f"{length}.mkv" for length in lengths]
        for clip, length in zip(clips, lengths, strict=True):
            make_clip(clip, case.size, length, source)
        for name in ("graph", "enhance"):
            tell(f"{case}: memory of {name} over {lengths[0]} and {lengths[1]} frames")
            short, long = (SUBJECTS[name](case, clip, length) for clip, length in zip(clips, lengths, strict=True))
            found.append(Memory(what="{}, {}x{}".format(name, *case.size), short=short, long=long))
    return found


def large(case: Case, *, source: Path | None, tell: Tell, frames: int = 8) -> Memory:
    """Measure what it takes to make 3840x2160, with the model of a case."""
    width, height = 3840 // case.scale // 2 * 2, 2160 // case.scale // 2 * 2
    case = replace(case, size=(width, height))
    tell(f"{case}: memory")
    with tempfile.TemporaryDirectory(prefix="vsmagic-bench-") as folder:
        clip = Path(folder) / "clip.mkv"
        make_clip(clip, case.size, frames, source)
        what = "enhance, {}x{} to {}x{}".format(*case.size, *case.output)
        return Memory(what=what, short=SUBJECTS["enhance"](case, clip, frames))
