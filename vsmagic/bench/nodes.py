"""What a second machine brings: two Ray nodes, pinned to one processor each, against one such node, in turns.

    python -m vsmagic.bench.nodes clip.mkv -- --scale 2 --model magic-x2-fast --chunk 120

prints for every round the seconds that ``vsmagic enhance --workers ray://…`` took on either, and how many times as fast
two were. The whole command counts: connecting, looking at the nodes, and joining the chunks too. What the head and the
command themselves take of the same processors counts against two nodes, which real machines would have for themselves.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from vsmagic.bench.chunks import took
from vsmagic.bench.raynodes import LocalCluster
from vsmagic.machine import load, machine

_COMMAND = (sys.executable, "-m", "vsmagic", "enhance", "--quiet", "--overwrite")
_SETTLE_SECONDS = 5


def seconds(clip: Path, options: Sequence[str], processors: Sequence[int]) -> float:
    """Return how long the command takes on nodes that are pinned to these processors, one each."""
    with LocalCluster() as cluster, tempfile.TemporaryDirectory(prefix="vsmagic-bench-") as folder:
        for processor in processors:
            cluster.add(prefix=["taskset", "-c", str(processor)])
        time.sleep(_SETTLE_SECONDS)
        output = Path(folder) / "output.mkv"
        return took([*_COMMAND, str(clip), str(output), *options, "--workers", cluster.address]).clock


def main(arguments: Sequence[str]) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("options", nargs="*", metavar="OPTION", help="of vsmagic enhance, after --")
    given = parser.parse_args(arguments)
    first, second, *_ = sorted(os.sched_getaffinity(0))
    ratios = []
    for number in range(given.rounds):
        sys.stdout.write(f"{machine()}, load {load()}\n")
        orders = [[first], [first, second]]
        found = {len(each): seconds(given.clip, given.options, each) for each in (orders, orders[::-1])[number % 2]}
        ratios.append(found[1] / found[2])
        sys.stdout.write(f"one node {found[1]:7.1f} s, two {found[2]:7.1f} s: {ratios[-1]:.2f} times as fast\n")
        sys.stdout.flush()
    sys.stdout.write(f"median {median(ratios):.2f} times as fast\n")


if __name__ == "__main__":
    main(sys.argv[1:])
