"""How long a warm script takes to build its graph: what a player waits for at every seek.

    python -m vsmagic.bench.start [MODEL | interpolate:MODEL ...]

A model that is named alone enlarges, to twice the size; with ``interpolate:`` before it, frames are added, to twice the
rate. Each start is a process of its own, after one that fills the caches, Python's compiled modules among them. What
VapourSynth and the inference plugin take to load is not counted; importing vsmagic and building the graph, the plugin's
compiling of the network included, is. Scripts are measured in turns; the figures are medians.
"""

import os
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from vsmagic.machine import load, machine

_STARTS = 9
_INTERPOLATE = "interpolate:"

_SCRIPT = """
import sys, time
import vapoursynth as vs
core = vs.core
[plugin.functions for plugin in core.plugins()]
clip = core.std.BlankClip(width=480, height=270, format=vs.YUV420P8, length=1000)
clip = clip.std.SetFrameProps(_Matrix=1, _Range=1, _ChromaLocation=0)
began = time.perf_counter()
import vsmagic
make = getattr(vsmagic, sys.argv[1])
imported = time.perf_counter()
from vsmagic.backends import base
spent = []
run = base.Plugin.model
def timed(self, clips, request):
    start = time.perf_counter()
    result = run(self, clips, request)
    spent.append(time.perf_counter() - start)
    return result
base.Plugin.model = timed
twice = {"upscale": {"scale": 2}, "interpolate": {"multiplier": 2}}[sys.argv[1]]
made = make(clip, model=sys.argv[2], **twice)  # kept: to free a compiled network takes time of its own
print(imported - began, time.perf_counter() - imported, sum(spent))
"""


class Start(NamedTuple):
    """Seconds of one start."""

    importing: float
    building: float
    plugin: float
    """The part of building that the inference plugin takes."""

    @property
    def own(self) -> float:
        """What vsmagic takes itself."""
        return self.whole - self.plugin

    @property
    def whole(self) -> float:
        """What a player waits for."""
        return self.importing + self.building


def starts(scripts: Sequence[str], count: int = _STARTS) -> dict[str, list[Start]]:
    """Start each script in turns, and once more before that; return the later ones.

    Args:
        scripts: what each does: ``MODEL`` enlarges, ``interpolate:MODEL`` adds frames.
        count: how many starts of each are returned.
    """
    rounds = [{script: _start(script) for script in scripts} for _ in range(count + 1)]
    return {script: [one[script] for one in rounds[1:]] for script in scripts}


def lines(found: Mapping[str, Sequence[Start]]) -> list[str]:
    """Return the results as text."""
    told = [f"{'model':<40} {'import':>8} {'graph':>8} {'of it plugin':>13} {'own':>8} {'in all':>8}"]
    for script, measured in found.items():
        columns = [(one.importing, one.building, one.plugin, one.own, one.whole) for one in measured]
        middle = (statistics.median(column) for column in zip(*columns, strict=True))
        cells = [f"{1000 * value:{width}.0f} ms" for value, width in zip(middle, (5, 5, 10, 5, 5), strict=True)]
        told.append(f"{script:<40} {' '.join(cells)}")
    return told


def _start(script: str) -> Start:
    model = script.removeprefix(_INTERPOLATE)
    # Where Python may not keep what it compiled, every start compiles vsmagic anew: no user's does.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, "-c", _SCRIPT, "upscale" if model == script else "interpolate", model]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=environment)
    return Start(*(float(seconds) for seconds in done.stdout.split()))


def main(scripts: Sequence[str]) -> None:
    """Measure the scripts that are named, or one that enlarges by the embedded model."""
    sys.stdout.write(f"{machine()}; load {load() or 0:.1f} of other programs\n")
    sys.stdout.write("".join(f"{line}\n" for line in lines(starts(scripts or ["magic-x2"]))))


if __name__ == "__main__":
    main(sys.argv[1:])
