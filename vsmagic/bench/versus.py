"""Compares models, or precisions of one, by the bare plugin alone, in turns; an int8 model against its original.

    python -m vsmagic.bench.versus animejanai-v3-compact animejanai-v3-compact-int8 --size 480x270

prints a line for each model in each precision that the processor computes in natively, and how many times faster it is
than the first line (the first model in f32), round by round.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from vsmagic.bench.case import Case, cases, make_clip
from vsmagic.bench.subjects import plugin
from vsmagic.machine import machine

_BACKEND = "ov"


def planned(models: Sequence[str], size: tuple[int, int]) -> list[Case]:
    """Return every model in every precision that OpenVINO has here and the model tolerates, f32 first."""
    from vsmagic.models import registry

    found = []
    for model in models:
        scale = registry.resolve(model, factor=2).scale
        made, _ = cases(model=model, sizes=[size], scale=scale, backend=_BACKEND, precisions=())
        found += sorted(made, key=lambda case: case.precision != "f32")
    return found


def measure(compared: Sequence[Case], *, frames: int, rounds: int) -> list[list[float]]:
    """Return frames a second, a row for each case and a column for each round; rounds go through all cases."""
    with tempfile.TemporaryDirectory(prefix="vsmagic-bench-") as folder:
        clip = Path(folder) / "clip.mkv"
        make_clip(clip, compared[0].size, frames, None)
        for case in compared:
            plugin(case, clip, 1)
        columns = [[plugin(case, clip, frames).fps for case in compared] for _ in range(rounds)]
    return [list(row) for row in zip(*columns, strict=True)]


def lines(compared: Sequence[object], measured: Sequence[Sequence[float]]) -> list[str]:
    """Return the results as text."""
    told = []
    for case, row in zip(compared, measured, strict=True):
        ratios = [one / first for one, first in zip(row, measured[0], strict=True)]
        each = " ".join(f"{ratio:.2f}" for ratio in ratios)
        told.append(f"{median(row):8.2f} fps  {median(ratios):5.2f} times ({each})  {case}")
    return told


def main(arguments: Sequence[str]) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", metavar="NAME|FILE")
    parser.add_argument("--size", default="480x270", metavar="WxH", help="of the input")
    parser.add_argument("--frames", type=int, default=8, help="of each run")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args(arguments)
    width, height = (int(length) for length in given.size.split("x"))
    compared = planned(given.models, (width, height))
    sys.stdout.write(f"{machine()}\n")
    measured = measure(compared, frames=given.frames, rounds=given.rounds)
    sys.stdout.write("".join(f"{line}\n" for line in lines(compared, measured)))


if __name__ == "__main__":
    main(sys.argv[1:])
