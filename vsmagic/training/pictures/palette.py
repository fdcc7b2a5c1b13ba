"""Colours: a few muted hues a picture, as photographs have, and the luma that networks see.

A canvas holds luma and two colour differences apart, so that what has contrast in luma keeps it in any colours.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vsmagic.training.degrade import Plane
from vsmagic.training.pictures.fields import Random

type RGB = NDArray[np.uint8]
"""``[height, width, 3]``, 8 bits, full range."""

type Canvas = NDArray[np.float32]
"""``[3, height, width]``: luma, about 0 to 1, and the differences of blue and of red from it, by BT.601, about 0."""

type Paint = NDArray[np.float32]
"""``[..., 3]``: the same of one colour."""

_BT601 = (0.299, 0.587, 0.114)
_MUTED, _STRONG = (0.012, 0.09), (0.09, 0.2)  # mean lengths of the differences, from picture to picture


def luma(rgb: RGB) -> NDArray[np.uint8]:
    """Luma of pictures by BT.601: 8-bit full-range ``[..., 3]`` to ``[...]``."""
    red, green, blue = (rgb[..., n].astype(np.float32) * np.float32(_BT601[n]) for n in range(3))
    rounded: NDArray[np.uint8] = (red + green + blue + np.float32(0.5)).astype(np.uint8)
    return rounded


def to_rgb(canvas: Canvas) -> Canvas:
    """R, G and B ``[3, height, width]``, 0 to 1; where a colour is not to be had at its luma, it is paler."""
    level = np.clip(canvas[0], 0, 1)
    blue, red = canvas[1] * np.float32(2 - 2 * _BT601[2]), canvas[2] * np.float32(2 - 2 * _BT601[0])
    green = (blue * np.float32(_BT601[2]) + red * np.float32(_BT601[0])) * np.float32(-1 / _BT601[1])
    above = np.maximum(np.maximum(red, green), np.maximum(blue, np.float32(1e-6)))
    below = np.maximum(np.maximum(-red, -green), np.maximum(-blue, np.float32(1e-6)))
    share = np.minimum(np.minimum((1 - level) / above, level / below), 1)
    return np.stack([level + share * part for part in (red, green, blue)])


@dataclass(frozen=True, kw_only=True)
class Palette:
    """The colours of one picture."""

    chroma: NDArray[np.float32]
    """``[colours, 2]``: differences of blue and red."""
    tones: NDArray[np.float32]
    """``[colours]``: luma that things of this colour gather about."""
    shares: NDArray[np.float64]
    """``[colours]``: how much of each there is."""
    spread: float
    """Deviation of luma about a tone; above 1 luma does not follow the tones and is spread evenly."""
    jitter: float
    """Deviation of the differences about a colour's."""

    @staticmethod
    def random(random: Random, *, vivid: float = 0.12) -> "Palette":
        """Draw a palette; ``vivid`` is the share of strong ones."""
        count = int(random.integers(2, 9))
        strong = random.random() < vivid
        amount = np.minimum(random.exponential(1, count) + 0.15, 2) * random.uniform(*_STRONG if strong else _MUTED)
        chroma = _hues(random, count) * amount[:, None]
        light = random.normal(0, 0.015) * np.array([-0.7, 0.7]) + random.normal(0, 0.004, 2)  # warm or cold
        return Palette(
            chroma=(chroma + light).astype(np.float32),
            tones=random.random(count, dtype=np.float32),
            shares=random.dirichlet(np.full(count, 1.5)),
            spread=2.0 if random.random() < 0.4 else random.uniform(0.02, 0.2),
            jitter=random.uniform(0.0, 0.02) * (2 if strong else 1),
        )

    def paints(self, random: Random, count: int) -> Paint:
        """Colours of things ``[count, 3]``."""
        colour = random.choice(len(self.tones), count, p=self.shares)
        if self.spread > 1:
            tone = random.random(count, dtype=np.float32)
        else:
            tone = self.tones[colour] + random.normal(0, self.spread, count).astype(np.float32)
        chroma = self.chroma[colour] + random.normal(0, self.jitter, (count, 2)).astype(np.float32)
        return np.concatenate([tone[:, None], chroma], 1)

    def paint(self, random: Random, tone: float | None = None) -> Paint:
        """One colour ``[3]``, of this luma if one is given."""
        found: Paint = self.paints(random, 1)[0]
        if tone is not None:
            found[0] = tone
        return found

    def pair(self, random: Random, least: float = 0.25) -> tuple[Paint, Paint]:
        """Two colours that differ by at least this in luma."""
        dark = random.uniform(0, 1 - least)
        first, second = self.paint(random, dark), self.paint(random, random.uniform(dark + least, 1))
        return (first, second) if random.random() < 0.5 else (second, first)


def _hues(random: Random, count: int) -> NDArray[np.float64]:
    """Directions of colours ``[count, 2]``: mostly browns and oranges, blues, and greens, as in the world."""
    middle = np.radians(random.choice([135.0, 125.0, 215.0, 315.0, 330.0], count))
    angle = np.where(random.random(count) < 0.25, random.uniform(0, 2 * np.pi, count), random.normal(middle, 0.3))
    return np.stack([np.cos(angle), np.sin(angle)], 1)


def mix(ground: Canvas, over: Canvas | Paint, cover: Plane | float) -> Canvas:
    """Lay a canvas or one colour ``[3]`` over another, as far as ``cover`` says."""
    upper = over if over.ndim == 3 else over[:, None, None]
    mixed: Canvas = ground + np.float32(1) * cover * (upper - ground)
    return mixed.astype(np.float32, copy=False)


def flat(paint: Paint, size: int) -> Canvas:
    """A canvas of one colour."""
    return np.broadcast_to(paint[:, None, None], (3, size, size)).astype(np.float32)
