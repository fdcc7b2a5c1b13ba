"""Measuring a network on reference pictures: ``NAME_HR.png``, and ``NAME_LRx2.png`` where there is one.

The convention is the one of the super-resolution literature: PSNR of the BT.601 studio-swing luma of MATLAB's
``rgb2ycbcr``, peak 255, as many pixels of border left out as the scale. A grey file is its own luma, at full swing.
Small pictures that are not there are made of the large ones as MATLAB makes them; for networks that restore, small
pictures are then compressed by every codec of :data:`vsmagic.training.wear.CODECS_FOR_EVALUATION` in turn.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from vsmagic.errors import OptionError
from vsmagic.training.degrade import Plane, enlarged, reduced
from vsmagic.training.options import Purpose
from vsmagic.training.pictures import RGB
from vsmagic.training.wear import CODECS_FOR_EVALUATION, compressed

type Enlarger = Callable[[Plane], Plane]
"""Gives the residual ``[scale * h, scale * w]`` that is added to the bicubic enlargement of ``[h, w]``, both even."""

LUMA_BT601 = np.array([0.299, 0.587, 0.114])
STUDIO = 219
FULL = 255


LARGE = "_HR.png"
"""How the names of reference pictures end."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Case:
    """A small picture and what it should become."""

    name: str
    small: Plane
    truth: Plane
    swing: int
    """Of the numbers that PSNR is computed of."""


@dataclass(frozen=True, kw_only=True)
class Score:
    """PSNR of one case, in dB."""

    name: str
    bicubic: float
    model: float

    @property
    def gain(self) -> float:
        """What the model adds to bicubic, in dB."""
        return self.model - self.bicubic


def read_luma(path: Path) -> Plane:
    """Read a picture as full-range BT.601 luma ``[height, width]``, 0 to 1, unrounded."""
    return _luma(_read(path))


def psnr(one: Plane, other: Plane, *, swing: int = STUDIO, border: int = 2) -> float:
    """PSNR in dB of two full-range luma planes, brought to 8-bit numbers of this swing (219 studio, 255 full)."""
    height, width = one.shape
    inner = (slice(border, height - border), slice(border, width - border))
    numbers = [np.round(swing * np.clip(plane[inner].astype(np.float64), 0, 1)) for plane in (one, other)]
    return float(10 * np.log10(255**2 / max(np.mean((numbers[0] - numbers[1]) ** 2), 1e-10)))


def enlarge(small: Plane, residual: Enlarger, scale: int = 2) -> Plane:
    """Enlarge a plane the way the deployed filter does: mirrored to even sizes, residual on top of bicubic."""
    height, width = small.shape
    padded = np.pad(small, ((0, height % 2), (0, width % 2)), mode="symmetric")
    return enlarged(small, scale) + residual(padded)[: scale * height, : scale * width]


def references(folder: Path) -> list[Path]:
    """Return the reference pictures of a folder, by name.

    Raises:
        OptionError: it holds none.
    """
    found = sorted(folder.glob(f"*{LARGE}"))
    if not found:
        raise OptionError(f"{folder}: no reference picture, NAME{LARGE}. Name a folder that holds some.")
    return found


def cases(large: Path, *, scale: int, purpose: Purpose) -> Iterator[Case]:
    """Yield what a network is measured on with one reference picture, as its purpose asks for."""
    name, swing = large.name.removesuffix(LARGE), FULL if is_grey(large) else STUDIO
    small = _small(large, scale)
    truth = read_luma(large)[: scale * small.shape[0], : scale * small.shape[1]]
    if purpose == "clean":
        yield Case(name=name, small=_luma(small), truth=truth, swing=swing)
        return
    for codec, quality in CODECS_FOR_EVALUATION:
        worn = _luma(compressed(small, codec, quality))
        yield Case(name=f"{name} {codec} {quality}", small=worn, truth=truth, swing=swing)


def evaluate(folder: Path, residual: Enlarger, *, scale: int = 2, purpose: Purpose = "clean") -> list[Score]:
    """Score a model on every case of a folder.

    Raises:
        OptionError: the folder holds no reference picture.
    """
    return [
        _score(case, residual, scale)
        for large in references(folder)
        for case in cases(large, scale=scale, purpose=purpose)
    ]


def _score(case: Case, residual: Enlarger, scale: int) -> Score:
    bicubic, model = (
        psnr(case.truth, picture, swing=case.swing, border=scale)
        for picture in (enlarged(case.small, scale), enlarge(case.small, residual, scale))
    )
    return Score(name=case.name, bicubic=bicubic, model=model)


def _small(large: Path, scale: int) -> RGB:
    """Return the published small picture, or one made of the large one; even sizes, as video has them, at scale 1."""
    published = large.with_name(large.name.replace(LARGE, f"_LRx{scale}.png"))
    if published.exists():
        return _read(published)
    picture = _read(large)
    height, width = (length // max(scale, 2) * max(scale, 2) for length in picture.shape[:2])
    planes = np.moveaxis(picture[:height, :width], 2, 0)
    return np.stack([reduced(np.ascontiguousarray(plane), scale) for plane in planes], axis=2)


def _read(path: Path) -> RGB:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))


def _luma(picture: RGB) -> Plane:
    luma: Plane = (picture.astype(np.float64) @ LUMA_BT601 / 255).astype(np.float32)
    return luma


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
