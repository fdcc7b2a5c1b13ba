"""The three things that are measured: bare plugin, whole graph, whole command. Each is a process of its own."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vsmagic.bench.case import Case
from vsmagic.encode.vspipe import find_vspipe
from vsmagic.errors import EncodeError
from vsmagic.shipped import shipped

_RESULT = re.compile(r"Output (\d+) frames in ([\d.]+) seconds")
_TOLD_TO = 0.01  # seconds; vspipe says 0.00 of a few small frames


@dataclass(frozen=True, kw_only=True)
class Run:
    """One measured run."""

    frames: int
    seconds: float
    peak: int
    """Bytes of memory at the peak, of the largest process."""

    @property
    def fps(self) -> float:
        """Frames a second."""
        return self.frames / self.seconds


@dataclass(frozen=True)
class _Ended:
    words: str
    elapsed: float
    peak: int


def plugin(case: Case, clip: Path, frames: int) -> Run:
    """Run the plugin alone; building the network is not counted."""
    return _vspipe(Path(__file__).with_name("bare.vpy"), case, clip, frames)


def graph(case: Case, clip: Path, frames: int) -> Run:
    """Run encode.vpy, which decodes, converts, enlarges and converts back; building the graph is not counted."""
    return _vspipe(shipped("encode.vpy"), case, clip, frames)


def command(case: Case, clip: Path, frames: int) -> Run:
    """Run ``vsmagic enhance`` into the null device, from its start to its end: everything counts."""
    start = "from vsmagic.cli.main import main; main()"
    line = [sys.executable, "-P", "-c", start, "enhance", str(clip), os.devnull, "--quiet"]
    line += ["--model", case.model, "--scale", str(case.scale), "--backend", case.backend]
    ended = _run([*line, "--precision", case.precision], os.environ)
    return Run(frames=frames, seconds=ended.elapsed, peak=ended.peak)


SUBJECTS: Mapping[str, Callable[[Case, Path, int], Run]] = {"plugin": plugin, "graph": graph, "enhance": command}


def _vspipe(program: Path, case: Case, clip: Path, frames: int) -> Run:
    vspipe = find_vspipe()
    arguments = {
        "source": str(clip),
        "model": case.model,
        "scale": str(case.scale),
        "backend": case.backend,
        "precision": case.precision,
    }
    line = [str(vspipe.program), "--end", str(frames - 1)]
    for key, value in arguments.items():
        line += ["--arg", f"{key}={value}"]
    ended = _run([*line, str(program), "--"], vspipe.environ())
    found = _RESULT.search(ended.words)
    if found is None:
        raise EncodeError(f"bench: vspipe ended without its result; its last words: {_last(ended.words)}")
    return Run(frames=int(found[1]), seconds=max(float(found[2]), _TOLD_TO), peak=ended.peak)


def _run(line: Sequence[str], environment: Mapping[str, str]) -> _Ended:
    """Run a program to its end.

    Raises:
        EncodeError: it fails; carries its last words.
    """
    path = os.pathsep.join(filter(None, [str(Path(__file__).parents[2]), environment.get("PYTHONPATH")]))
    observer = [sys.executable, "-P", "-m", "vsmagic.bench.observed"]
    done = subprocess.run(
        [*observer, *line],
        env={**environment, "PYTHONPATH": path},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        raise EncodeError(f"bench: the run cannot be observed: {_last(done.stderr)}")
    told = json.loads(done.stdout)
    if told["code"]:
        raise EncodeError(f"bench: {Path(line[0]).name} failed: {_last(done.stderr)}")
    return _Ended(words=done.stderr, elapsed=told["seconds"], peak=told["peak"])


def _last(words: str) -> str:
    lines = [line for line in words.strip().splitlines() if line.strip()]
    return lines[-1] if lines else "no message"
