"""What cameras and studios do to the small picture: noise, grain and sharpening."""

from collections.abc import Callable

import numpy as np

from vsmagic.training.degrade import Plane, gaussian, resample
from vsmagic.training.wear.colour import Planes

NOISES: dict[str, tuple[Callable[[Plane], Plane], float]] = {
    "noise": (np.ones_like, 0.3),
    "film grain": (lambda luma: 0.4 + 2.4 * luma * (1 - luma), 0.4),
    "sensor noise": (lambda luma: 1.4 - luma, 0.3),
}
"""Noises by name: how strong at a luma of about 0 to 1 (film shows it in the middle, a sensor in the shadows), and
their shares."""


def noisy(random: np.random.Generator, planes: Planes, kind: str, strength: float, grain: float) -> Planes:
    """Add fresh noise to planes in 4:2:0.

    Args:
        random: Where chance comes from.
        planes: The frame.
        kind: A name in ``NOISES``.
        strength: Deviation at the kind's middle, in shares of full luma; chroma gets half of it.
        grain: Deviation of the Gaussian that makes grains of single pixels' noise, in pixels; 0 for none.
    """
    luma = planes[0]
    shape = NOISES[kind][0](luma).clip(0, None)
    level = np.float32(strength)
    blue, red = (plane + level / 2 * _grains(random, plane.shape, grain) for plane in planes[1:])
    return luma + level * shape * _grains(random, luma.shape, grain), blue, red


def sharpened(planes: Planes, amount: float, wide: float, *, across_only: bool) -> Planes:
    """Sharpen luma as broadcasters did, which leaves halos.

    Args:
        planes: The frame.
        amount: How much of what a blur takes away is put on top.
        wide: Deviation of that blur in pixels: how far halos reach.
        across_only: Leave the lines alone, as analogue circuits do that know only one line.
    """
    luma = planes[0]
    rows = np.eye(luma.shape[0], dtype=np.float32) if across_only else gaussian(luma.shape[0], wide)
    blurred = resample(rows, luma, gaussian(luma.shape[1], wide))
    return luma + np.float32(amount) * (luma - blurred), planes[1], planes[2]


def _grains(random: np.random.Generator, shape: tuple[int, ...], grain: float) -> Plane:
    """Noise ``[h, w]`` of mean about 0 and deviation about 1."""
    noise: Plane = random.standard_normal(shape, dtype=np.float32)
    if not grain:
        return noise
    soft = resample(gaussian(shape[0], grain), noise, gaussian(shape[1], grain))
    return soft / (soft.std() + np.float32(1e-6))
