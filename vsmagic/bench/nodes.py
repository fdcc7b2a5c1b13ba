"""What a second machine brings: two Ray nodes, pinned to one processor each, against one such node, in turns.

    python -m vsmagic.bench.nodes clip.mkv -- --scale 2 --model magic-x2-fast --chunk 120

prints for every round the seconds that ``vsmagic enhance --workers ray://…`` took on either, those from the first frame
to the last chunk in brackets, and how many times as fast two were. The whole has connecting, looking at the nodes and
joining the chunks in it, which more nodes do not shorten. What the head and the command themselves take of the same
processors counts against two nodes; machines of their own would not lose that.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import msgspec

from vsmagic.bench.raynodes import LocalCluster
from vsmagic.machine import load, machine

_COMMAND = (sys.executable, "-m", "vsmagic", "enhance", "--progress", "json", "--overwrite")
_SETTLE_SECONDS = 5


@dataclass(frozen=True, kw_only=True)
class Took:
    """Seconds of the clock."""

    whole: float
    making: float
    """From the first frame to the last chunk."""

    def __str__(self) -> str:
        return f"{self.whole:6.1f} s ({self.making:.1f})"


def took(clip: Path, options: Sequence[str], processors: Sequence[int]) -> Took:
    """Return how long the command takes on nodes that are pinned to these processors, one each."""
    with LocalCluster() as cluster, tempfile.TemporaryDirectory(prefix="vsmagic-bench-") as folder:
        for processor in processors:
            cluster.add(prefix=["taskset", "-c", str(processor)])
        time.sleep(_SETTLE_SECONDS)
        line = [*_COMMAND, str(clip), str(Path(folder) / "output.mkv"), *options, "--workers", cluster.address]
        begun = time.time()
        said = subprocess.run(line, check=True, stdout=subprocess.PIPE).stdout
        ended = time.time()
    told = [msgspec.json.decode(each) for each in said.splitlines()]
    first = next(each["time"] for each in told if each["type"] == "progress")
    last = max(each["time"] for each in told if each["type"] == "chunk")
    return Took(whole=ended - begun, making=last - first)


def main(arguments: Sequence[str]) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("options", nargs="*", metavar="OPTION", help="of vsmagic enhance, after --")
    given = parser.parse_args(arguments)
    first, second, *_ = sorted(os.sched_getaffinity(0))
    whole, making = [], []
    for number in range(given.rounds):
        sys.stdout.write(f"{machine()}, load {load()}\n")
        orders = [[first], [first, second]]
        found = {len(each): took(given.clip, given.options, each) for each in (orders, orders[::-1])[number % 2]}
        whole.append(found[1].whole / found[2].whole)
        making.append(found[1].making / found[2].making)
        sys.stdout.write(f"one node {found[1]}, two {found[2]}: {whole[-1]:.2f} times as fast ({making[-1]:.2f})\n")
        sys.stdout.flush()
    sys.stdout.write(f"median {median(whole):.2f} times as fast ({median(making):.2f})\n")


if __name__ == "__main__":
    main(sys.argv[1:])
