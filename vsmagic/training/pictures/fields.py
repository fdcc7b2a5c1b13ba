"""Fields that pictures are made of: 1/f noise, band-pass noise, bands, relief, the places of pixels.

All work on drawn pixels, in float32: a field costs some milliseconds, and a picture needs several.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vsmagic.training.degrade import Plane, gaussian, resample

type Random = np.random.Generator


@cache
def places(size: int) -> tuple[Plane, Plane]:
    """The place of every pixel, x and y, in pixels from the middle; ``[1, size]`` and ``[size, 1]``."""
    along = np.arange(size, dtype=np.float32) - np.float32(size / 2 - 0.5)
    return along[None, :], along[:, None]


@cache
def _frequencies(size: int) -> tuple[Plane, Plane]:
    """Cycles a pixel across and down, as :func:`numpy.fft.rfft2` orders them."""
    return np.fft.rfftfreq(size)[None, :].astype(np.float32), np.fft.fftfreq(size)[:, None].astype(np.float32)


@cache
def _logarithms(size: int) -> Plane:
    """Natural logarithm of the frequency, 0 for none."""
    frequency = np.hypot(*_frequencies(size))
    frequency[0, 0] = 1
    return np.log(frequency)


def _filtered(random: Random, size: int, spectrum: Plane) -> Plane:
    """White noise of this amplitude spectrum; mean 0, deviation 1."""
    white: NDArray[np.complex64] = np.fft.rfft2(random.standard_normal((size, size), dtype=np.float32))
    white *= spectrum
    white[0, 0] = 0
    field = np.fft.irfft2(white, s=(size, size))
    scaled: Plane = field * np.float32(1 / (field.std() + 1e-9))
    return scaled


def smooth_noise(random: Random, size: int, exponent: float) -> Plane:
    """A random field ``[size, size]`` whose amplitude spectrum is 1/f^exponent; mean 0, deviation 1."""
    return _filtered(random, size, np.exp(np.float32(-exponent) * _logarithms(size)))


def soft_noise(random: Random, size: int, exponent: float) -> Plane:
    """The same without its finest octaves, which steep spectra do not miss: quick."""
    return enlarged(smooth_noise(random, max(size // 4, 8), exponent), size)


def band_noise(random: Random, size: int, period: float, octaves: float, *, stretch: float, angle: float) -> Plane:
    """Noise of one scale: spots, or stripes where it is stretched; mean 0, deviation 1.

    Args:
        random: where it comes from.
        size: height and width.
        period: of its waves, in pixels.
        octaves: how wide its band is, as a deviation.
        stretch: how many times longer than wide its spots are.
        angle: where they point, in radians.
    """
    across, down = _frequencies(size)
    along = (across * np.float32(np.cos(angle)) + down * np.float32(np.sin(angle))) * np.float32(stretch**0.5)
    aside = (down * np.float32(np.cos(angle)) - across * np.float32(np.sin(angle))) * np.float32(stretch**-0.5)
    power = along**2 + aside**2
    power[0, 0] = 1
    away = np.log(power * np.float32(period**2)) * np.float32(0.5 / (octaves * np.log(2)))
    return _filtered(random, size, np.exp(-0.5 * away**2))


def enlarged(plane: Plane, size: int) -> Plane:
    """A plane at a larger size, smoothly."""
    return np.asarray(Image.fromarray(plane).resize((size, size), Image.Resampling.BICUBIC))


def halved(plane: Plane) -> Plane:
    """The mean of every two by two pixels."""
    rows = plane[0::2] + plane[1::2]
    mean: Plane = (rows[:, 0::2] + rows[:, 1::2]) * np.float32(0.25)
    return mean


def blurred(plane: Plane, deviation: float) -> Plane:
    """A plane out of focus; a wide blur is made on a smaller plane."""
    size = plane.shape[0]
    if deviation > 1.6 and size % 2 == 0:
        smaller = (max(deviation**2 - 0.7, 0.5)) ** 0.5 / 2
        return enlarged(blurred(halved(plane), smaller), size)
    matrix = gaussian(size, deviation)
    return resample(matrix, plane, matrix)


def bands(place: Plane, duty: float | Plane) -> Plane:
    """Cover of bands that repeat at every whole number and fill a share ``duty`` of it.

    A pixel takes the mean over its own width, so that fine bands fade to grey instead of aliasing.
    """
    width = np.empty_like(place)
    width[:, :-1] = np.abs(np.diff(place, axis=1))
    width[:, -1] = width[:, -2]
    down = np.abs(np.diff(place, axis=0))
    width[:-1] += down
    width[-1] += down[-1]
    np.maximum(width, np.float32(1e-6), out=width)
    half = width * np.float32(0.5)
    cover: Plane = np.clip((_filled(place + half, duty) - _filled(place - half, duty)) / width, 0, 1)
    return cover


def _filled(place: Plane, duty: float | Plane) -> Plane:
    """How much of the line from 0 to a place bands fill."""
    whole = np.floor(place)
    filled = whole * duty + np.minimum(place - whole, duty)
    return filled.astype(np.float32, copy=False)


def relief(height: Plane, angle: float) -> Plane:
    """How a ground of this height looks under light from one side; deviation 1."""
    down, across = (np.zeros_like(height) for _ in range(2))
    down[:-1] = np.diff(height, axis=0)
    across[:, :-1] = np.diff(height, axis=1)
    lit = across * np.float32(np.cos(angle)) + down * np.float32(np.sin(angle))
    shaded: Plane = lit * np.float32(1 / (lit.std() + 1e-9))
    return shaded


def grating(random: Random, size: int) -> Plane:
    """Parallel bands ``[size, size]``, sine to square, gently bent; -1 to 1. Periods from 4 drawn pixels up."""
    x, y = places(size)
    angle, period = random.uniform(0, np.pi), 4 * 2 ** random.uniform(0, 4)
    phase = (x * np.float32(np.cos(angle)) + y * np.float32(np.sin(angle))) * np.float32(2 * np.pi / period)
    bend = float(random.choice([0, 0.3, 1, 4]))
    if bend:
        phase = phase + np.float32(bend) * soft_noise(random, size, 2.0)
    hardness = np.float32(2 ** random.uniform(-1, 5))
    wave: Plane = np.tanh(hardness * (np.sin(phase) + np.float32(random.uniform(-0.5, 0.5))))
    return wave


def cells(random: Random, size: int, count: int, bend: float) -> tuple[Plane, Plane]:
    """Voronoi cells: how far every pixel is from the border of its cell, in pixels, and a random value a cell."""
    half = size // 2
    x, y = (2 * place for place in places(half))
    if bend:
        x, y = (place + np.float32(bend) * soft_noise(random, half, 1.8) for place in (x, y))
    first = np.full((half, half), np.inf, dtype=np.float32)
    second, value = first.copy(), np.zeros_like(first)
    for at in random.uniform(-0.55 * size, 0.55 * size, (count, 2)).astype(np.float32):
        distance = np.hypot(x - at[0], y - at[1])
        nearer = distance < first
        np.minimum(second, np.maximum(first, distance), out=second)
        np.minimum(first, distance, out=first)
        value[nearer] = np.float32(random.random())
    names = value.repeat(2, 0).repeat(2, 1)
    return enlarged((second - first) * np.float32(0.5), size), names
