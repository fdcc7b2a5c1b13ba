"""How fast a whole filter is, from a file to frames: models and backends in turns.

    python -m vsmagic.bench.filters upscale VIDEO magic-x2:ov magic-x2:ort magic-x2:torch --size 480x270
    python -m vsmagic.bench.filters interpolate VIDEO magic-flow:ov mvtools minterpolate --size 480x288

A way is MODEL:BACKEND, or MODEL alone for backend auto. VIDEO is looped and resized to a short clip first. Each run is
a process of its own that decodes the clip; building the graph and the first frames are not counted, except those of
``minterpolate``, which is ffmpeg's filter at its best settings. Models enlarge by their own scale. Interpolation makes
two frames of one with scene changes looked for, and is told in frames *made* a second.

Prints a line for each way: the median, and how many times as fast as the first way it is, round by round.
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
from typing import TYPE_CHECKING, Literal, get_args

from vsmagic.bench.case import make_clip
from vsmagic.bench.versus import lines
from vsmagic.errors import EncodeError
from vsmagic.machine import load, machine

if TYPE_CHECKING:
    import vapoursynth as vs

Filter = Literal["upscale", "interpolate"]

_FIRST = 4
"""Frames that are not counted: the first ones wait for threads and memory."""
_RATE = 25
"""Frames a second that the clip is taken at, whatever times the video has."""
_MINTERPOLATE = f"minterpolate=fps={2 * _RATE}:mi_mode=mci:mc_mode=aobmc:me_mode=bidir:vsbmc=1"
_INSIDE = "from vsmagic.bench.filters import inside; inside()"


@dataclass(frozen=True, kw_only=True)
class Way:
    """One way to do a filter's work."""

    model: str
    """Name, path of a model file, ``mvtools`` or ``minterpolate``."""
    backend: str
    """Name, or auto."""

    @staticmethod
    def parse(text: str) -> "Way":
        """Read ``MODEL:BACKEND`` or ``MODEL``; a colon before anything but a backend's name belongs to the model."""
        from vsmagic.backends import select

        model, _, backend = text.rpartition(":")
        if model and backend in {known.name for known in select.BACKENDS}:
            return Way(model=model, backend=backend)
        return Way(model=text, backend="auto")

    def __str__(self) -> str:
        name = Path(self.model).name
        return name if self.backend == "auto" else f"{name}, {self.backend}"


def measure(
    name: Filter, ways: Sequence[Way], clip: Path, *, precision: str, frames: int, rounds: int
) -> list[list[float]]:
    """Return frames a second, a row for each way and a column for each round; rounds go through all ways.

    Args:
        name: the filter.
        ways: what to compare.
        clip: a file of at least :func:`length` frames.
        precision: of the models' arithmetic.
        frames: of the clip that each run takes.
        rounds: how many.

    Raises:
        EncodeError: a run fails; carries its last words.
    """
    columns = [[_run(name, way, clip, precision, frames) for way in ways] for _ in range(rounds)]
    return [list(row) for row in zip(*columns, strict=True)]


def length(frames: int) -> int:
    """Return how long a clip has to be for so many measured frames: interpolation looks at one more."""
    return frames + _FIRST + 1


def _run(name: Filter, way: Way, clip: Path, precision: str, frames: int) -> float:
    path = os.pathsep.join(filter(None, [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH")]))
    done = subprocess.run(
        [sys.executable, "-P", "-c", _INSIDE, name, way.model, way.backend, str(clip), precision, str(frames)],
        env={**os.environ, "PYTHONPATH": path, "VSMAGIC_TUNE": "off"},
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        words = done.stderr.strip().splitlines()
        raise EncodeError(f"bench: {way} failed: {words[-1] if words else 'no message'}")
    return float(done.stdout)


def inside() -> None:
    """Do one run in a process of its own and print its frames a second."""
    name, model, backend, clip, precision, frames = sys.argv[1:]
    if model == "minterpolate":
        fps = _minterpolate(Path(clip), int(frames))
    elif name == "upscale":
        fps = _upscale(Path(clip), model, backend, precision, int(frames))
    else:
        fps = _interpolate(Path(clip), model, backend, precision, int(frames))
    sys.stdout.write(f"{fps}\n")


def _upscale(path: Path, model: str, backend: str, precision: str, frames: int) -> float:
    import vsmagic
    from vsmagic.models import registry

    scale = registry.resolve(model, factor=2).scale
    clip = vsmagic.upscale(vsmagic.source(path), scale=scale, model=model, backend=backend, precision=precision)
    return frames / _seconds(clip, _FIRST, frames)


def _interpolate(path: Path, model: str, backend: str, precision: str, frames: int) -> float:
    import vsmagic

    clip = vsmagic.source(path).std.AssumeFPS(fpsnum=_RATE)
    clip = vsmagic.interpolate(clip, multiplier=2, model=model, backend=backend, precision=precision)
    return frames / _seconds(clip, 2 * _FIRST, 2 * frames)


def _seconds(clip: "vs.VideoNode", first: int, frames: int) -> float:
    """Return what so many frames take after the first ones."""
    for _ in clip[:first].frames(close=True):
        pass
    start = time.perf_counter()
    for _ in clip[first : first + frames].frames(close=True):
        pass
    return time.perf_counter() - start


def _minterpolate(path: Path, frames: int) -> float:
    from vsmagic.encode.ffmpeg import find_ffmpeg

    command = [str(find_ffmpeg().program), "-v", "error", "-nostdin", "-r", str(_RATE), "-i", str(path)]
    start = time.perf_counter()
    subprocess.run([*command, "-frames:v", str(2 * frames), "-vf", _MINTERPOLATE, "-f", "null", "-"], check=True)
    return frames / (time.perf_counter() - start)


def main(arguments: Sequence[str]) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("filter", choices=get_args(Filter))
    parser.add_argument("video", type=Path, metavar="VIDEO")
    parser.add_argument("ways", nargs="+", metavar="MODEL[:BACKEND]", type=Way.parse)
    parser.add_argument("--size", default="480x288", metavar="WxH", help="of the input")
    parser.add_argument("--precision", default="f32")
    parser.add_argument("--frames", type=int, default=40, help="of each run")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args(arguments)
    width, height = (int(side) for side in given.size.split("x"))
    sys.stdout.write(f"{machine()}; load {load() or 0:.1f} of other programs\n")
    with tempfile.TemporaryDirectory(prefix="vsmagic-bench-") as folder:
        clip = Path(folder) / "clip.mkv"
        make_clip(clip, (width, height), length(given.frames), given.video)
        measured = measure(
            given.filter, given.ways, clip, precision=given.precision, frames=given.frames, rounds=given.rounds
        )
    sys.stdout.write("".join(f"{line}\n" for line in lines(given.ways, measured)))


if __name__ == "__main__":
    main(sys.argv[1:])
