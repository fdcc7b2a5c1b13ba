"""How good frames in between are: the middle of three known frames, made from the other two in several ways.

    python -m vsmagic.bench.triplets FOLDER [MODEL ...]

Every folder below FOLDER that holds three pictures is a triplet: first, middle, last by name (``frame10``,
``frame10i11``, ``frame11``; ``frame0``, ``frame1``, ``frame2``). PSNR is that of R'G'B' and of BT.601 luma at 8 bits;
SSIM that of Z. Wang et al., 'Image Quality Assessment', 2004, on luma, with its window of 11x11 and its constants.
Beside the models stand the plain average and ffmpeg's ``minterpolate`` at its best settings.
"""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import vapoursynth as vs
from numpy.typing import NDArray

from vsmagic.encode.ffmpeg import find_ffmpeg

type Picture = NDArray[np.uint8]
type Way = Callable[[Picture, Picture], Picture]

_LUMA_BT601 = np.array([0.299, 0.587, 0.114])
_SSIM_WIDTH, _SSIM_DEVIATION = 11, 1.5
_SSIM_CONSTANTS = (0.01 * 255) ** 2, (0.03 * 255) ** 2
_MINTERPOLATE = "minterpolate=fps=2:mi_mode=mci:mc_mode=aobmc:me_mode=bidir:vsbmc=1:scd=none"


@dataclass(frozen=True, kw_only=True)
class Score:
    """How near a made frame is to the true one."""

    rgb: float
    """PSNR of R'G'B' in dB."""
    luma: float
    """PSNR of luma in dB."""
    ssim: float


def triplets(folder: Path) -> dict[str, list[tuple[Path, Path, Path]]]:
    """Return the triplets below a folder: set name to first, middle and last picture."""
    found: dict[str, list[tuple[Path, Path, Path]]] = {}
    for place in sorted(path for path in folder.glob("*/*") if path.is_dir()):
        pictures = sorted(place.glob("*.png"), key=lambda path: _moment(path.stem))
        if len(pictures) == 3:
            found.setdefault(place.parent.name, []).append((pictures[0], pictures[1], pictures[2]))
    return found


def _moment(name: str) -> float:
    """When a frame is: 10 for frame10, 10.5 for frame10i11."""
    first, _, second = name.removeprefix("frame").partition("i")
    return (int(first) + int(second)) / 2 if second else float(first)


def read(path: Path) -> Picture:
    """Return a picture as ``[height, width, 3]``, R'G'B', 8 bits."""
    import av

    with av.open(path) as file:
        return np.asarray(next(file.decode(video=0)).to_ndarray(format="rgb24"))


def score(made: Picture, true: Picture) -> Score:
    """Compare two pictures."""
    one, other = (np.round(picture @ _LUMA_BT601) for picture in (made, true))
    return Score(rgb=_psnr(made, true), luma=_psnr(one, other), ssim=_ssim(one, other))


def _psnr(one: NDArray[np.generic], other: NDArray[np.generic]) -> float:
    return float(10 * np.log10(255**2 / max(np.mean((one.astype(np.float64) - other.astype(np.float64)) ** 2), 1e-10)))


def _ssim(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    along = np.arange(_SSIM_WIDTH) - _SSIM_WIDTH // 2
    window = np.exp(-(along**2) / (2 * _SSIM_DEVIATION**2))
    window /= window.sum()

    def mean(plane: NDArray[np.float64]) -> NDArray[np.float64]:
        for axis in (0, 1):
            plane = np.lib.stride_tricks.sliding_window_view(plane, _SSIM_WIDTH, axis) @ window
        return plane

    c1, c2 = _SSIM_CONSTANTS
    mx, my = mean(one), mean(other)
    xx, yy, xy = mean(one * one) - mx * mx, mean(other * other) - my * my, mean(one * other) - mx * my
    likeness = (2 * mx * my + c1) * (2 * xy + c2) / ((mx**2 + my**2 + c1) * (xx + yy + c2))
    return float(likeness.mean())


def average(first: Picture, last: Picture) -> Picture:
    """Return the mean of both."""
    mean: Picture = np.round((first.astype(np.float32) + last) / 2).astype(np.uint8)
    return mean


def minterpolate(first: Picture, last: Picture) -> Picture:
    """Return what ffmpeg makes: it wants two frames on either side."""
    height, width = first.shape[:2]
    raw = ["-f", "rawvideo", "-pixel_format", "rgb24", "-video_size", f"{width}x{height}"]
    command = [
        *(str(find_ffmpeg(None).program), "-v", "error", *raw, "-framerate", "1", "-i", "-"),
        *("-vf", _MINTERPOLATE, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"),
    ]
    given = b"".join(picture.tobytes() for picture in (first, first, last, last, last, last))
    made = np.frombuffer(subprocess.run(command, input=given, capture_output=True, check=True).stdout, np.uint8)
    frames = made.reshape(-1, height, width, 3)
    # It starts at the first or second input frame, by version: the frame between is the one least like either.
    return max(frames, key=lambda frame: min(_distance(frame, first), _distance(frame, last)))


def _distance(one: Picture, other: Picture) -> float:
    return float(np.abs(one.astype(np.int16) - other).mean())


def model(name: str) -> Way:
    """Return the way of one of vsmagic's models."""

    def way(first: Picture, last: Picture) -> Picture:
        from vsmagic.filters.pair import interpolate_pair

        made = interpolate_pair(_clip(first), _clip(last), 1, model=name)
        with made.get_frame(0) as frame:
            return np.stack([np.asarray(plane) for plane in frame], 2)

    return way


def _clip(picture: Picture) -> vs.VideoNode:
    height, width = picture.shape[:2]
    blank = vs.core.std.BlankClip(format=vs.RGB24, width=width, height=height, length=1, keep=True)

    def fill(n: int, f: vs.VideoFrame) -> vs.VideoFrame:  # noqa: ARG001 - the names that VapourSynth calls by
        frame = f.copy()
        for number, plane in enumerate(frame):
            np.copyto(np.asarray(plane), picture[:, :, number])
        return frame

    return blank.std.ModifyFrame(blank, fill)


def compare(folder: Path, ways: dict[str, Way]) -> dict[str, dict[str, list[Score]]]:
    """Return the scores of every way on every triplet: set, way, triplets in order."""
    scores: dict[str, dict[str, list[Score]]] = {}
    for name, members in triplets(folder).items():
        for first, middle, last in members:
            one, true, other = (read(path) for path in (first, middle, last))
            for title, way in ways.items():
                scores.setdefault(name, {}).setdefault(title, []).append(score(way(one, other), true))
    return scores


def _table(scores: dict[str, dict[str, list[Score]]]) -> str:
    lines = [f"{'set':<18} {'way':<14} {'RGB dB':>7} {'luma dB':>8} {'SSIM':>7}"]
    for name, ways in scores.items():
        for way, found in ways.items():
            rgb, luma, ssim = (float(np.mean([getattr(s, key) for s in found])) for key in ("rgb", "luma", "ssim"))
            lines.append(f"{f'{name} ({len(found)})':<18} {way:<14} {rgb:7.2f} {luma:8.2f} {ssim:7.4f}")
    return "\n".join(lines)


def main() -> None:
    """Compare the average, minterpolate, mvtools and the models named, or the embedded one."""
    if len(sys.argv) < 2:
        sys.exit(f"usage: python -m vsmagic.bench.triplets FOLDER [MODEL ...]\n\n{__doc__}")
    names = sys.argv[2:] or ["mvtools", "magic-flow"]
    ways: dict[str, Way] = {"average": average, "minterpolate": minterpolate, **{name: model(name) for name in names}}
    sys.stdout.write(_table(compare(Path(sys.argv[1]), ways)) + "\n")


if __name__ == "__main__":
    main()
