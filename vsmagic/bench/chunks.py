"""What cutting a job into chunks costs: ``vsmagic enhance`` against one plain ``vspipe | ffmpeg``, in turns.

    python -m vsmagic.bench.chunks clip.mkv -- --scale 2 --model magic-x2-fast

prints for every round the seconds of both, of the clock and of the processors, and how many times as long enhance took.
The plain pipe is what ``vsmagic enhance --dry-run`` prints: the same graph, the same encoder, the same sound.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from vsmagic.machine import load, machine

_COMMAND = (sys.executable, "-m", "vsmagic", "enhance", "--quiet")


@dataclass(frozen=True, kw_only=True)
class Took:
    """What a command took."""

    clock: float
    """Seconds."""
    processors: float
    """Seconds of all processors."""


def took(command: Sequence[str]) -> Took:
    """Run a command and measure it, with all processes that it starts."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after, ended = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Took(clock=ended - started, processors=used)


def measure(clip: Path, options: Sequence[str], rounds: int) -> list[tuple[Took, Took]]:
    """Return what the plain pipe and enhance took, for each round."""
    found = []
    with tempfile.TemporaryDirectory(prefix="vsmagic-bench-") as folder:
        plain, whole = Path(folder) / "plain.mkv", Path(folder) / "whole.mkv"
        dry = [*_COMMAND, str(clip), str(plain), *options, "--dry-run"]
        script = subprocess.run(dry, check=True, capture_output=True, text=True).stdout
        for _ in range(rounds):
            pipe = took(["sh", "-c", f"({script}) 2>/dev/null"])
            found.append((pipe, took([*_COMMAND, str(clip), str(whole), *options])))
            plain.unlink()
            whole.unlink()
    return found


def _split(arguments: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    """Take our own arguments apart from those of enhance, which follow --."""
    if "--" not in arguments:
        return arguments, []
    place = list(arguments).index("--")
    return arguments[:place], arguments[place + 1 :]


def main(arguments: Sequence[str]) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    own, options = _split(arguments)
    given = parser.parse_args(own)
    sys.stdout.write(f"{machine()}, load {load()}\n")
    rounds = measure(given.clip, options, given.rounds)
    for plain, whole in rounds:
        sys.stdout.write(
            f"plain {plain.clock:7.1f} s ({plain.processors:.1f} of processors), enhance {whole.clock:7.1f} s "
            f"({whole.processors:.1f}): {whole.clock / plain.clock:.3f} ({whole.processors / plain.processors:.3f})\n"
        )
    ratios = [whole.clock / plain.clock for plain, whole in rounds]
    sys.stdout.write(f"median {median(ratios):.3f} times as long\n")


if __name__ == "__main__":
    main(sys.argv[1:])
