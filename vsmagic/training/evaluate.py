"""Measuring a doubling network on pairs of pictures ``NAME_HR.png`` and ``NAME_LRx2.png``.

The convention is the one of the super-resolution literature: PSNR of the BT.601 studio-swing luma of MATLAB's
``rgb2ycbcr``, peak 255, two pixels of border left out at scale 2. A grey file is its own luma, at full swing.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from vsmagic.errors import OptionError
from vsmagic.training.degrade import Plane, double

type Enlarger = Callable[[Plane], Plane]
"""Gives the residual ``[2h, 2w]`` that is added to the bicubic enlargement of ``[h, w]``; h and w even."""

LUMA_BT601 = np.array([0.299, 0.587, 0.114])
SCALE = 2
STUDIO = 219
FULL = 255


@dataclass(frozen=True, kw_only=True)
class Score:
    """PSNR of one picture, in dB."""

    name: str
    bicubic: float
    model: float

    @property
    def gain(self) -> float:
        """What the model adds to bicubic, in dB."""
        return self.model - self.bicubic


def read_luma(path: Path) -> Plane:
    """Read a picture as full-range BT.601 luma ``[height, width]``, 0 to 1, unrounded."""
    with Image.open(path) as picture:
        rgb = np.asarray(picture.convert("RGB"), dtype=np.float64)
    luma: Plane = (rgb @ LUMA_BT601 / 255).astype(np.float32)
    return luma


def psnr(one: Plane, other: Plane, *, swing: int = STUDIO, border: int = SCALE) -> float:
    """PSNR in dB of two full-range luma planes, brought to 8-bit numbers of this swing (219 studio, 255 full)."""
    inner = (slice(border, -border), slice(border, -border))
    numbers = [np.round(swing * np.clip(plane[inner].astype(np.float64), 0, 1)) for plane in (one, other)]
    return float(10 * np.log10(255**2 / max(np.mean((numbers[0] - numbers[1]) ** 2), 1e-10)))


def enlarge(small: Plane, residual: Enlarger) -> Plane:
    """Double a plane the way the deployed filter does: mirrored to even sizes, residual on top of bicubic."""
    height, width = small.shape
    padded = np.pad(small, ((0, height % 2), (0, width % 2)), mode="symmetric")
    return double(small) + residual(padded)[: 2 * height, : 2 * width]


def pairs(folder: Path) -> list[tuple[str, Path, Path]]:
    """Name, large and small picture of every pair in a folder, by name.

    Raises:
        OptionError: the folder holds no pair.
    """
    found = []
    for large in sorted(folder.glob("*_HR.png")):
        name = large.name.removesuffix("_HR.png")
        small = folder / f"{name}_LRx{SCALE}.png"
        if small.exists():
            found.append((name, large, small))
    if not found:
        raise OptionError(f"{folder}: no pair of NAME_HR.png and NAME_LRx{SCALE}.png. Name a folder that holds some.")
    return found


def evaluate(folder: Path, residual: Enlarger) -> list[Score]:
    """Score a model on every pair of a folder."""
    return [_score(*pair, residual) for pair in pairs(folder)]


def _score(name: str, large: Path, small: Path, residual: Enlarger) -> Score:
    little = read_luma(small)
    truth = read_luma(large)[: SCALE * little.shape[0], : SCALE * little.shape[1]]
    swing = FULL if is_grey(large) else STUDIO
    bicubic = psnr(truth, double(little), swing=swing)
    return Score(name=name, bicubic=bicubic, model=psnr(truth, enlarge(little, residual), swing=swing))


def is_grey(path: Path) -> bool:
    """Whether a picture file has one channel."""
    with Image.open(path) as picture:
        return picture.mode in {"L", "1", "I;16"}


def mean(scores: Iterable[Score]) -> Score:
    """The mean over pictures, named ``mean``."""
    listed = list(scores)
    return Score(
        name="mean",
        bicubic=sum(score.bicubic for score in listed) / len(listed),
        model=sum(score.model for score in listed) / len(listed),
    )


def table(scores: list[Score]) -> str:
    """The scores and their mean as lines of text, one picture a line."""
    lines = [f"{'picture':<14}{'bicubic':>9}{'model':>9}{'gain':>8}"]
    lines += [f"{s.name:<14}{s.bicubic:>9.2f}{s.model:>9.2f}{s.gain:>+8.2f}" for s in [*scores, mean(scores)]]
    return "\n".join(lines)
