"""How long a warm script takes to build its graph: what a player waits for at every seek.

    python -m vsmagic.bench.start [MODEL ...]

Each start is a process of its own, after one that fills the caches. What VapourSynth and the inference plugin take to
load is not counted; importing vsmagic and building the graph, the plugin's compiling of the network included, is.
"""

import json
import statistics
import subprocess
import sys

_STARTS = 9

_SCRIPT = """
import json, sys, time
import vapoursynth as vs
core = vs.core
[plugin.functions for plugin in core.plugins()]
clip = core.std.BlankClip(width=480, height=270, format=vs.YUV420P8, length=1000)
clip = clip.std.SetFrameProps(_Matrix=1, _Range=1, _ChromaLocation=0)
began = time.perf_counter()
import vsmagic
upscale = vsmagic.upscale
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
upscale(clip, scale=2, model=sys.argv[1])
print(json.dumps([imported - began, time.perf_counter() - imported, sum(spent)]))
"""


def starts(model: str, count: int = _STARTS) -> list[tuple[float, float, float]]:
    """Return the seconds of importing, of building, and of the plugin's part of building, for each start."""
    found = []
    for _ in range(count + 1):
        done = subprocess.run([sys.executable, "-c", _SCRIPT, model], capture_output=True, text=True, check=True)
        importing, building, plugin = json.loads(done.stdout)
        found.append((importing, building, plugin))
    return found[1:]


def main() -> None:
    """Measure the models that are named, or the embedded one."""
    sys.stdout.write(f"{'model':<40} {'import':>8} {'graph':>8} {'of it plugin':>13} {'in all':>8}\n")
    for model in sys.argv[1:] or ["magic-x2"]:
        found = starts(model)
        importing, building, plugin = (statistics.median(one) for one in zip(*found, strict=True))
        whole = statistics.median(importing + building for importing, building, _ in found)
        columns = (importing, building, plugin, whole)
        widths = (5, 5, 10, 5)
        cells = " ".join(f"{1000 * value:{width}.0f} ms" for value, width in zip(columns, widths, strict=True))
        sys.stdout.write(f"{model:<40} {cells}\n")


if __name__ == "__main__":
    main()
