"""Dead leaves: opaque shapes, as many of every size as a power law gives, thrown on one another.

They share the statistics of natural pictures: see A. Lee, D. Mumford, J. Huang, 'Occlusion models for natural
images', 2001, and M. Baradad et al., 'Learning to see by looking at noise', 2021.
"""

import numpy as np
from numpy.typing import NDArray

from vsmagic.training.degrade import Plane
from vsmagic.training.pictures.fields import Random, band_noise, blurred, grating, places, smooth_noise, soft_noise
from vsmagic.training.pictures.painter import Painter
from vsmagic.training.pictures.palette import Canvas, Palette, flat, mix
from vsmagic.training.pictures.shapes import outlines, radii

_MOST = 6000  # leaves of a picture, for the sake of time


def leaves(random: Random, size: int) -> Canvas:
    """Dead leaves, shaded and textured: most of the world."""
    least = 2 ** random.uniform(1, 5.2)
    power = random.uniform(2.5, 3.1)
    return covered(
        random, size, Palette.random(random), least=least, power=power, texture=float(random.choice([0, 0.05, 0.15]))
    )


def focus(random: Random, size: int) -> Canvas:
    """Leaves, sharp in places and out of focus elsewhere: by place, or by layer as with a wide lens."""
    if random.random() < 0.5:
        canvas = leaves(random, size)
        deviation = float(random.choice([2.0, 4.0, 8.0]))
        near = np.float32(1) / (1 + np.exp(np.float32(-6) * soft_noise(random, size, 2.0)))
        return mix(canvas, _blurred(canvas, deviation), near.astype(np.float32, copy=False))
    palette = Palette.random(random)
    back = covered(random, size, palette, least=24, power=2.6, texture=0)
    canvas = _blurred(back, 2 ** random.uniform(1.5, 4.5))
    canvas = strewn(random, canvas, palette, blur=0)
    if random.random() < 0.5:
        canvas = strewn(random, canvas, palette, blur=2 ** random.uniform(2, 4.5))
    return canvas


def _blurred(canvas: Canvas, deviation: float) -> Canvas:
    return np.stack([blurred(plane, deviation) for plane in canvas])


def strewn(random: Random, ground: Canvas, palette: Palette, *, blur: float) -> Canvas:
    """A ground with some leaves in front of it, which a blur (a deviation, in pixels) may take the edge off."""
    size = ground.shape[1]
    painter = Painter(size)
    sizes = radii(random, size, size / 60 if not blur else size / 12, 2.6, random.uniform(0.3, 0.9))
    shapes = outlines(random, random.uniform(0, size, (len(sizes), 2)), sizes)
    painter.shapes(shapes, palette.paints(random, len(sizes)))
    if blur:
        front = painter.over(flat(palette.paint(random), size))
        return mix(ground, _blurred(front, blur), blurred(painter.cover(), blur))
    canvas = painter.over(ground)
    names = painter.names()
    canvas[0] += (names > 0) * shading(random, names, len(sizes) + 1, float(random.choice([0, 0.06, 0.12])))
    return canvas


def covered(random: Random, size: int, palette: Palette, *, least: float, power: float, texture: float) -> Canvas:
    """A canvas that leaves cover.

    Args:
        random: where they come from.
        size: height and width.
        palette: their colours.
        least: their smallest radius.
        power: of the law that their radii follow.
        texture: how strong their textures are.
    """
    sizes = radii(random, size, least, power, cover=2.5)
    while len(sizes) > _MOST:
        least *= 1.3
        sizes = radii(random, size, least, power, cover=2.5)
    count = len(sizes)
    painter = Painter(size)
    centres = random.uniform(-0.05 * size, 1.05 * size, (count, 2))
    upright = 1.0 if random.random() < 0.1 else 0.2
    painter.shapes(outlines(random, centres, sizes, upright), palette.paints(random, count))
    canvas = painter.over(flat(palette.paint(random), size))
    canvas[0] += shading(random, painter.names(), count + 1, texture)
    if random.random() < 0.6:
        canvas[0] += np.float32(random.uniform(0, 0.12)) * soft_noise(random, size, 2.0)
    return canvas


def shading(random: Random, names: NDArray[np.int32], count: int, texture: float) -> Plane:
    """What light and texture add to the luma of numbered leaves: a slope each, and some a texture."""
    size = names.shape[0]
    x, y = places(size)
    slope = (random.normal(0, 0.35, (2, count)) / size).astype(np.float32)
    shade: Plane = slope[0][names] * x + slope[1][names] * y
    if texture > 0:
        textures = _textures(random, size)
        sort = random.integers(0, len(textures) + 1, count)
        strength = (texture * random.exponential(1, count)).astype(np.float32)
        for number, plane in enumerate(textures):
            shade += np.where(sort == number, strength, np.float32(0))[names] * plane
    return shade


def _textures(random: Random, size: int) -> list[Plane]:
    """What the leaves of one picture may be made of, beside nothing."""
    bands = grating(random, size) if random.random() < 0.6 else _spotted(random, size)
    fine, coarse = random.uniform(0.4, 1.0), random.uniform(1.0, 1.8)
    return [smooth_noise(random, size, fine), smooth_noise(random, size, coarse), bands]


def _spotted(random: Random, size: int) -> Plane:
    """Spots, grain of wood, scales."""
    stretch = 2 ** float(random.choice([0, 0, 1, 3]))
    return band_noise(random, size, 4 * 2 ** random.uniform(0, 3), 0.4, stretch=stretch, angle=random.uniform(0, np.pi))
