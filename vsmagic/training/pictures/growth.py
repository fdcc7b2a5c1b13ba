"""What grows: fur and hair, grass, twigs, foliage. Many strokes and leaves that go much the same way."""

import numpy as np

from vsmagic.training.pictures.fields import Random, blurred, smooth_noise, soft_noise
from vsmagic.training.pictures.leaves import covered
from vsmagic.training.pictures.painter import Painter
from vsmagic.training.pictures.palette import Canvas, Paint, Palette, flat
from vsmagic.training.pictures.shapes import Points, curves, strokes, turned


def fur(random: Random, size: int) -> Canvas:
    """Hair, grass, straw: strokes in locks, over leaves."""
    palette = Palette.random(random)
    canvas = covered(random, size, palette, least=24, power=2.8, texture=0.05)
    count = int(random.integers(300, 3500))
    starts = random.uniform(-0.1 * size, 1.1 * size, (count, 2))
    flow = random.choice([0.25, 0.7, 1.5]) * soft_noise(random, size, 2.0) + random.uniform(0, 2 * np.pi)
    shade = soft_noise(random, size, 1.5)
    column, row = starts.clip(0, size - 1).astype(int).T
    lengths = size * random.uniform(0.03, 0.3, count)
    lines = curves(random, starts, flow[row, column], lengths, random.uniform(0.05, 0.3))
    widths = random.choice([2.0, 3.0, 5.0, 8.0]) * random.uniform(0.35, 1, count)
    paints = palette.paints(random, count)
    paints[:, 0] += np.float32(random.uniform(0, 0.3)) * shade[row, column]
    painter = Painter(size)
    painter.shapes(strokes(lines, widths, float(random.choice([0.0, 0.3, 1.0]))), paints)
    return painter.over(canvas)


def branches(random: Random, size: int) -> Canvas:
    """Twigs that branch, with leaves or without, before a sky or a wood out of focus."""
    palette = Palette.random(random)
    canvas = _behind(random, size, palette)
    painter = Painter(size)
    wood = palette.paint(random, random.uniform(0, 0.4) if random.random() < 0.7 else random.uniform(0.5, 1))
    leaf = palette.paints(random, 6)
    for _ in range(int(random.integers(1, 6))):
        angle = random.uniform(0, 2 * np.pi)
        start = size / 2 - size * random.uniform(0.4, 0.75) * np.array([np.cos(angle), np.sin(angle)])
        start, angle = start + random.normal(0, 0.2 * size, 2), angle + random.normal(0, 0.3)
        tips = _grown(random, painter, wood, start[None], np.array([angle]))
        if random.random() < 0.6:
            _leaved(random, painter, tips, random.choice(leaf, len(tips)), size)
    return painter.over(canvas)


def _behind(random: Random, size: int, palette: Palette) -> Canvas:
    if random.random() < 0.5:
        back = covered(random, size, palette, least=20, power=2.8, texture=0)
        deviation = 2 ** random.uniform(2, 4.5)
        return np.stack([blurred(plane, deviation) for plane in back])
    canvas = flat(palette.paint(random, random.uniform(0.5, 1)), size)
    canvas[0] += np.float32(random.uniform(0, 0.2)) * soft_noise(random, size, 2.2)
    return canvas


def _grown(random: Random, painter: Painter, wood: Paint, starts: Points, angles: Points) -> Points:
    """Draw a bough and its twigs; return places on the finest of them."""
    size = painter.size
    width, length = size * random.uniform(0.008, 0.04), size * random.uniform(0.4, 0.9)
    every = int(random.integers(3, 6))
    for _ in range(int(random.integers(3, 5))):
        count = len(starts)
        lines = curves(random, starts, angles, length * random.uniform(0.5, 1, count), 0.25)
        paints = np.tile(wood, (count, 1)) + random.normal(0, 0.03, (count, 1)).astype(np.float32)
        painter.shapes(strokes(lines, np.full(count, width), 0.4), paints)
        at = random.integers(3, 14, (count, every))
        starts = lines[np.arange(count)[:, None], at].reshape(-1, 2)[:700]
        side = random.choice([-1, 1], len(starts)) * random.uniform(0.3, 1.1, len(starts))
        angles = np.repeat(angles, every)[:700] + side
        width, length = max(0.45 * width, 1.0), 0.5 * length
    return starts


def _leaved(random: Random, painter: Painter, places: Points, paints: Paint, size: int) -> None:
    count, length = len(places), size * random.uniform(0.01, 0.06)
    paints = paints + random.normal(0, [0.12, 0.01, 0.01], (count, 3)).astype(np.float32)
    painter.shapes(_blades(random, places, length), paints)


def _blades(random: Random, places: Points, length: float, angle: Points | None = None) -> Points:
    """Leaves of trees, pointed at both ends, about these places."""
    count = len(places)
    along = np.linspace(-1, 1, 9)
    thick = random.uniform(0.2, 0.55, (count, 1)) * (1 - along**2) ** random.uniform(0.7, 1.6)
    upper, lower = (np.stack([np.broadcast_to(along, thick.shape), side], -1) for side in (thick, -thick))
    shapes = np.concatenate([upper, lower[:, ::-1]], 1) * length * random.uniform(0.5, 1, (count, 1, 1))
    way = random.uniform(0, 2 * np.pi, count) if angle is None else angle
    return turned(shapes, way) + places[:, None]


def foliage(random: Random, size: int) -> Canvas:
    """Thousands of small leaves, bright where light falls on them, dark in between."""
    palette = Palette.random(random)
    hue = palette.paint(random)
    canvas = flat(palette.paint(random, random.uniform(0.1, 0.3)), size)
    canvas[0] += np.float32(0.1) * smooth_noise(random, size, 1.2)
    length = size * 2 ** random.uniform(-5.7, -3.3)
    count = int(np.clip(random.uniform(2, 5) * (size / length) ** 2, 300, 4500))
    places = random.uniform(0, size, (count, 2))
    column, row = places.astype(int).T
    light = smooth_noise(random, size, random.uniform(1, 1.8))
    paints = np.where(random.random((count, 1)) < 0.8, hue, palette.paints(random, count)).astype(np.float32)
    depth = np.linspace(-0.3, 0.25, count)
    paints[:, 0] = 0.45 + depth + 0.13 * light[row, column] + random.normal(0, 0.12, count)
    flow = 0.6 * soft_noise(random, size, 2.0)[row, column] + random.normal(0, random.uniform(0.2, 2), count)
    shapes = _blades(random, places, length, flow)
    painter = Painter(size)
    halves = random.random() < 0.5
    for shape, paint in zip(shapes, paints, strict=True):
        painter.shape(shape, paint)
        if halves:  # one side of the midrib in another light
            painter.shape(shape[: len(shape) // 2], paint + np.array([0.08, 0, 0], dtype=np.float32))
    return painter.over(canvas)
