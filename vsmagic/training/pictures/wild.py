"""What nature patterns: coats and wings, veins and cracks, stone and cloud, water, sky."""

import numpy as np

from vsmagic.training.degrade import Plane
from vsmagic.training.pictures.fields import (
    Random,
    band_noise,
    bands,
    cells,
    places,
    relief,
    smooth_noise,
    soft_noise,
)
from vsmagic.training.pictures.leaves import strewn
from vsmagic.training.pictures.palette import Canvas, Palette, flat, mix


def _cut(field: Plane, steepness: float, level: float = 0.0) -> Plane:
    """Where a field is above a level, 0 to 1, with an edge as steep as said."""
    cut: Plane = np.clip((field - np.float32(level)) * np.float32(steepness) + np.float32(0.5), 0, 1)
    return cut


def markings(random: Random, size: int) -> Canvas:
    """Stripes and spots as on zebras, tigers, butterflies and fish."""
    palette = Palette.random(random, vivid=0.25)
    canvas = mix(flat(palette.paint(random), size), palette.paint(random), _cut(soft_noise(random, size, 2.0), 0.5))
    for _ in range(int(random.integers(1, 3))):
        first, second = palette.pair(random, 0.35)
        pattern = _stripes(random, size) if random.random() < 0.5 else _spots(random, size)
        upper = mix(flat(first, size), second, _cut(soft_noise(random, size, 1.8), 0.4))
        canvas = mix(canvas, upper, pattern)
    canvas[0] += np.float32(random.uniform(0, 0.15)) * soft_noise(random, size, 2.0)
    if random.random() < 0.5:
        canvas[0] += np.float32(random.uniform(0, 0.06)) * smooth_noise(random, size, 0.8)
    return canvas


def _stripes(random: Random, size: int) -> Plane:
    """Bands that bend, swell and taper."""
    x, y = places(size)
    angle, period = random.uniform(0, np.pi), size * 2 ** random.uniform(-6, -3)
    bend = np.float32(random.uniform(0.5, 3)) * soft_noise(random, size, 1.9)
    place = (x * np.float32(np.cos(angle)) + y * np.float32(np.sin(angle))) / np.float32(period) + bend
    duty = np.clip(np.float32(0.45) + np.float32(0.2) * soft_noise(random, size, 1.6), 0.03, 0.95)
    return bands(place, duty)


def _spots(random: Random, size: int) -> Plane:
    """Noise of one scale, cut at a level: labyrinths, spots, or stripes that fork."""
    period = size * 2 ** random.uniform(-6, -2.5)
    stretch = float(random.choice([1, 1, 2, 6]))
    field = band_noise(random, size, period, random.uniform(0.15, 0.5), stretch=stretch, angle=random.uniform(0, np.pi))
    return _cut(field, period / 6 * random.choice([1.0, 1.0, 0.3]), random.uniform(-0.8, 1.2))


def cracks(random: Random, size: int) -> Canvas:
    """Veins of wings and leaves, scales, cracked mud, paving: cells and what is between them."""
    palette = Palette.random(random, vivid=0.25)
    line, ground = palette.pair(random, 0.25)
    canvas = flat(ground, size)
    for width in (random.uniform(2, 8), random.uniform(0.8, 2)):
        distance, value = cells(random, size, int(random.integers(8, 60)), size * random.uniform(0, 0.08))
        canvas = mix(canvas, palette.paint(random), value * np.float32(random.uniform(0, 0.6)))
        if random.random() < 0.6:
            canvas[0] += np.float32(random.uniform(-0.3, 0.3)) * np.exp(distance * np.float32(-8 / size))
        canvas = mix(canvas, line, 1 - _cut(distance, 0.8, width))
        if random.random() < 0.4:
            break
    if random.random() < 0.5:
        spots = _cut(distance, 0.7, float(np.quantile(distance, random.uniform(0.8, 0.97))))
        canvas = mix(canvas, palette.paint(random), spots)
    canvas[0] += np.float32(random.uniform(0, 0.06)) * smooth_noise(random, size, random.uniform(0.5, 1.2))
    return canvas


def terrain(random: Random, size: int) -> Canvas:
    """Rocks, sand, bark, clouds, lichen: noise of all scales, cut, ridged, and lit from one side."""
    palette = Palette.random(random)
    field = smooth_noise(random, size, random.uniform(1.0, 1.9))
    first, second = palette.pair(random, 0.2)
    canvas = mix(flat(first, size), second, np.clip(np.float32(0.5) + np.float32(0.3) * field, 0, 1))
    for _ in range(int(random.integers(0, 4))):
        canvas = mix(canvas, palette.paint(random), _cut(field, 2 ** random.uniform(0, 5), random.normal(0, 0.9)))
    if random.random() < 0.6:
        height = smooth_noise(random, size, random.uniform(1.3, 2.0))
        if random.random() < 0.5:
            height = -np.abs(height)
        canvas[0] += np.float32(random.uniform(0.03, 0.2)) * relief(height, random.uniform(0, 2 * np.pi))
    return canvas


def ripples(random: Random, size: int) -> Canvas:
    """Water: waves that lie flat and sparkle; on some, the rings of a drop."""
    palette = Palette.random(random)
    period = size * 2 ** random.uniform(-5, -2)
    waves = band_noise(random, size, period, 0.9, stretch=2 ** random.uniform(1, 4), angle=random.normal(0, 0.1))
    if random.random() < 0.35:
        x, y = places(size)
        middle = random.uniform(-0.5 * size, 0.5 * size, 2)
        away = np.hypot(x - np.float32(middle[0]), (y - np.float32(middle[1])) * np.float32(random.uniform(1, 3)))
        waves = waves * np.float32(0.5) + np.sin(away * np.float32(2 * np.pi / period) + waves)
    first, second = palette.pair(random, 0.2)
    canvas = mix(flat(first, size), second, _cut(waves, 2 ** random.uniform(-1.5, 1)))
    canvas = mix(canvas, palette.paint(random, 1.0), _cut(waves, 2 ** random.uniform(1, 4), random.uniform(1.2, 2.2)))
    canvas[0] += np.float32(random.uniform(0, 0.15)) * soft_noise(random, size, 2.0)
    return canvas


def sky(random: Random, size: int) -> Canvas:
    """A smooth gradient, with clouds in some, and things before it in most."""
    palette = Palette.random(random, vivid=0.3)
    x, y = places(size)
    angle = random.normal(np.pi / 2, 0.3)
    rise = (x * np.float32(np.cos(angle)) + y * np.float32(np.sin(angle))) / np.float32(size) + np.float32(0.5)
    canvas = mix(flat(palette.paint(random), size), palette.paint(random), np.clip(rise, 0, 1).astype(np.float32))
    if random.random() < 0.5:
        cloud = _cut(smooth_noise(random, size, random.uniform(1.5, 2.2)), 2 ** random.uniform(-1, 2), random.normal())
        canvas = mix(canvas, palette.paint(random, random.uniform(0.7, 1)), cloud)
    return strewn(random, canvas, palette, blur=0) if random.random() < 0.75 else canvas
