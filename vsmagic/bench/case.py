"""What one comparison measures, and the pictures it does so on."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vsmagic.errors import EncodeError, OptionError

if TYPE_CHECKING:
    from vsmagic.backends.base import Backend
    from vsmagic.models.registry import Model

_STILL = (2112, 1188)


@dataclass(frozen=True, kw_only=True)
class Case:
    """One model on one size: everything that the three subjects have in common."""

    model: str
    """Name of the registry, auto, or the path of a model file."""
    size: tuple[int, int]
    """(width, height) of the input in pixels."""
    scale: int
    backend: str
    """Resolved: never auto."""
    precision: str
    """Resolved: never auto."""

    @property
    def output(self) -> tuple[int, int]:
        """(width, height) of the output in pixels."""
        return self.size[0] * self.scale, self.size[1] * self.scale

    def __str__(self) -> str:
        model = Path(self.model).name
        sizes = "{}x{} to {}x{}".format(*self.size, *self.output)
        return f"{model}, {sizes}, {self.backend}, {self.precision}"


def cases(
    *, model: str, sizes: Sequence[tuple[int, int]], scale: int, backend: str, precisions: Sequence[str]
) -> tuple[list[Case], list[str]]:
    """Work out what is to be measured.

    Args:
        model: name or path.
        sizes: (width, height) of the input.
        scale: output size over input size.
        backend: name, or auto.
        precisions: names; empty for every one that the backend computes in natively and the model tolerates.

    Returns:
        The cases, and a sentence for each precision that was asked for and is left out.

    Raises:
        OptionError, BackendError, ModelError: as ``upscale`` raises them.
    """
    from vsmagic.backends import select
    from vsmagic.models import registry

    found = registry.resolve(model, factor=scale)
    chosen = select.choose(backend, found.path)
    if found.scale != scale:
        raise OptionError(
            f"--scale is {scale}, but model {model} enlarges by {found.scale}; give --scale {found.scale}."
        )
    tolerated: list[str] = [one for one in found.spec.tolerated if one in chosen.precisions] or ["f32"]
    wanted = list(precisions) or tolerated
    lacked = {name: why for name in wanted if (why := _lacked(name, found, chosen))}
    left_out = [f"{name}: {why}" for name, why in lacked.items()]
    made = [
        Case(
            model=found.name if model == "auto" else model, size=size, scale=scale, backend=chosen.name, precision=name
        )
        for size in sizes
        for name in wanted
        if name not in lacked
    ]
    return made, left_out


def _lacked(precision: str, model: "Model", backend: "Backend") -> str | None:
    """Say why a model cannot be measured in a precision; None if it can."""
    if not backend.offers(precision):
        return f"backend {backend.name} has none on this machine"
    if precision == "int8" and precision not in model.spec.tolerated:
        return f"model {model.name} has no network for it"
    return None


def make_clip(path: Path, size: tuple[int, int], frames: int, source: Path | None) -> None:
    """Write a clip of real pixels: of a video, looped and resized, or of a moving test picture with noise.

    Constant pictures flatter a processor, and values near zero can slow it down a hundredfold.

    Args:
        path: the file to make.
        size: (width, height) in pixels.
        frames: how many.
        source: the video; None for the test picture.

    Raises:
        EncodeError: ffmpeg fails.
    """
    width, height = size
    if source is None:
        taken = ["-f", "lavfi", "-i", f"testsrc2=size={width}x{height}:rate=25,noise=alls=12:allf=t"]
    else:
        taken = ["-stream_loop", "-1", "-i", str(source), "-map", "0:v:0", "-vf", f"scale={width}:{height},setsar=1"]
    made = ["-frames:v", str(frames), "-an", "-pix_fmt", "yuv420p", "-c:v", "libx264", "-preset", "veryfast"]
    _ffmpeg([*taken, *made, "-crf", "18", "-colorspace", "bt709", "-color_range", "tv", str(path)])


def make_still(path: Path, size: tuple[int, int]) -> None:
    """Write a video of one picture that has detail at every scale: a fractal, with grain.

    Args:
        path: the file to make.
        size: (width, height) in pixels.

    Raises:
        EncodeError: ffmpeg fails.
    """
    width, height = size
    where = "start_scale=0.004:start_x=-0.743643887:start_y=-0.131825904"
    drawn = f"mandelbrot=size={width}x{height}:rate=1:{where},noise=alls=8:allf=t"
    _ffmpeg(["-f", "lavfi", "-i", drawn, "-frames:v", "1", "-pix_fmt", "yuv420p", "-c:v", "ffv1", str(path)])


@contextmanager
def drawn_still() -> Iterator[Path]:
    """Give a still with room around 1920x1080 to move over; it and its index are gone afterwards.

    Raises:
        EncodeError: ffmpeg fails.
    """
    from vsmagic.settings import settings

    with tempfile.TemporaryDirectory(prefix="vsmagic-bench-") as folder:
        path = Path(folder).resolve() / "still.mkv"
        make_still(path, _STILL)
        try:
            yield path
        finally:
            shutil.rmtree(settings().indexes / path.parent.relative_to(path.anchor), ignore_errors=True)


def _ffmpeg(arguments: Sequence[str]) -> None:
    from vsmagic.encode.ffmpeg import find_ffmpeg

    command = [str(find_ffmpeg().program), "-hide_banner", "-loglevel", "error", "-nostdin", "-y", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode:
        words = done.stderr.strip().splitlines()
        raise EncodeError(f"bench: ffmpeg cannot make the clip to measure on: {words[-1] if words else 'no message'}.")
