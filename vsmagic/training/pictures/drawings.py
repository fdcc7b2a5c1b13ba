"""What people draw: cartoons with flat colour and ink, drawn hair, speed lines, halftone, painted grounds."""

import numpy as np
from numpy.typing import NDArray

from vsmagic.training.degrade import Plane
from vsmagic.training.pictures.fields import Random, blurred, places, smooth_noise, soft_noise
from vsmagic.training.pictures.painter import Painter
from vsmagic.training.pictures.palette import Canvas, Paint, Palette, flat, mix
from vsmagic.training.pictures.shapes import Points, curves, outlines, radii, strokes, swollen

type _Flags = NDArray[np.bool_]

_VIVID = 0.5  # share of drawings in strong colours


def _ground(random: Random, size: int, palette: Palette) -> Canvas:
    """A plain sheet, a gradient, or a painting."""
    choice = random.random()
    if choice < 0.2:
        return flat(palette.paint(random), size)
    if choice < 0.4:
        return painting(random, size, palette)
    x, y = places(size)
    angle = random.uniform(0, 2 * np.pi)
    rise = (x * np.float32(np.cos(angle)) + y * np.float32(np.sin(angle))) * np.float32(1 / size) + np.float32(0.5)
    rise = rise + np.float32(random.choice([0.0, 0.2])) * soft_noise(random, size, 2.2)
    return mix(flat(palette.paint(random), size), palette.paint(random), np.clip(rise, 0, 1))


def painting(random: Random, size: int, palette: Palette) -> Canvas:
    """Broad strokes of a brush, then finer ones, over a wash."""
    canvas = mix(flat(palette.paint(random), size), palette.paint(random), 0.3 * soft_noise(random, size, 1.8) + 0.5)
    flow = soft_noise(random, size, 2.0) + random.uniform(0, 2 * np.pi)
    painter = Painter(size)
    for share, count in ((0.12, 60), (0.05, 150), (0.015, 300)):
        if random.random() < 0.25:
            continue
        starts = random.uniform(-0.1 * size, size, (count, 2))
        column, row = starts.clip(0, size - 1).astype(int).T
        lines = curves(random, starts, flow[row, column], size * random.uniform(0.02, 0.3, count), 0.2)
        paints = palette.paints(random, count)
        paints[:, 0] = 0.5 * paints[:, 0] + 0.5 * canvas[0][row, column]
        painter.shapes(strokes(lines, size * share * random.uniform(0.2, 1, count), 0.2, spindle=True), paints)
    painted = painter.over(canvas)
    if random.random() < 0.4:
        deviation = 2 ** random.uniform(0, 3)
        painted = np.stack([blurred(plane, deviation) for plane in painted])
    painted[0] += np.float32(random.uniform(0, 0.04)) * smooth_noise(random, size, 1.0)
    return painted


def painted(random: Random, size: int) -> Canvas:
    """A painted background, with a few shapes before it."""
    palette = Palette.random(random, vivid=_VIVID)
    canvas = painting(random, size, palette)
    painter = Painter(size)
    sizes = radii(random, size, size / 20, 2.4, random.uniform(0.1, 0.7))
    shapes = outlines(random, random.uniform(0, size, (len(sizes), 2)), sizes)
    painter.shapes(shapes, palette.paints(random, len(sizes)))
    front = painter.over(canvas)
    front[0] += (painter.names() > 0) * np.float32(random.uniform(0, 0.1)) * soft_noise(random, size, 1.6)
    return front


def cartoon(random: Random, size: int) -> Canvas:
    """Flat shapes with hard shadows and outlines in ink of varying width, and free lines."""
    palette = Palette.random(random, vivid=_VIVID)
    canvas = _ground(random, size, palette)
    ink = palette.paint(random, float(random.uniform(-0.1, 0.25)))
    width = random.uniform(0.8, 8)
    sizes = radii(random, size, size / 64 * 2 ** random.uniform(0, 2), 2.1, cover=random.uniform(0.8, 1.8))
    shapes = outlines(random, random.uniform(0, size, (len(sizes), 2)), sizes)
    paints = palette.paints(random, len(sizes))
    painter = Painter(size)
    numbers = 1 + np.arange(len(sizes))
    inked = random.random(len(sizes)) < random.choice([0.0, 0.8, 1.0], p=[0.1, 0.45, 0.45])
    for n, (points, paint) in enumerate(zip(shapes, paints, strict=True)):
        if inked[n] and sizes[n] > 2 * width:
            painter.shape(swollen(points, width * _pressure(random, len(points))), ink)
        painter.shape(points, paint)
        numbers[n] = painter.count
    coloured = np.zeros(painter.count + 1, dtype=bool)
    coloured[numbers] = True
    names = painter.names()
    shadow = _shadows(random, size, coloured, sizes, names)
    canvas = painter.over(canvas)
    canvas[0] += np.float32(random.uniform(-0.3, 0.15)) * shadow
    return _lined(random, canvas, ink, width)


def _pressure(random: Random, points: int) -> Points:
    """How a pen presses along a closed line, about 0.2 to 1.8."""
    along = np.linspace(0, 2 * np.pi, points, endpoint=False)
    return 1 + random.uniform(0, 0.8) * np.sin(along * random.integers(1, 4) + random.uniform(0, 2 * np.pi))


def _shadows(
    random: Random, size: int, coloured: _Flags, sizes: NDArray[np.float64], names: NDArray[np.int32]
) -> Plane:
    """Where numbered shapes lie in a hard shadow: on one side of a bent line of their own each."""
    if random.random() < 0.25:
        return np.zeros((size, size), dtype=np.float32)
    x, y = places(size)
    angle, period = random.uniform(0, np.pi), float(np.quantile(sizes, 0.9)) * random.uniform(0.8, 2)
    place = x * np.float32(np.cos(angle)) + y * np.float32(np.sin(angle)) + period * soft_noise(random, size, 2.2)
    offset = random.uniform(-size, size, len(coloured)).astype(np.float32)
    wave = np.abs((place + offset[names]) % np.float32(2 * period) - np.float32(period))
    shadow: Plane = coloured[names] * np.clip(wave - np.float32(period / 2), 0, 1)
    return shadow


def _lined(random: Random, canvas: Canvas, ink: Paint, width: float) -> Canvas:
    """The same with free lines, most of them in ink."""
    size, count = canvas.shape[1], int(random.integers(2, 40))
    starts, angles = random.uniform(0, size, (count, 2)), random.uniform(0, 7, count)
    lines = curves(random, starts, angles, size * random.uniform(0.05, 0.6, count), random.uniform(0.15, 0.7))
    paints = np.where(random.random((count, 1)) < 0.75, ink, np.array([1, 0, 0], dtype=np.float32))
    painter = Painter(size)
    painter.shapes(strokes(lines, random.uniform(0.7, width + 1.5, count), float(random.choice([0.1, 1.0]))), paints)
    return painter.over(canvas)


def tresses(random: Random, size: int) -> Canvas:
    """Hair as it is drawn: locks in two or three tones, outlined, with a band of light."""
    palette = Palette.random(random, vivid=_VIVID)
    canvas = _ground(random, size, palette)
    hue, ink = palette.paint(random), palette.paint(random, float(random.uniform(-0.05, 0.2)))
    count, width = int(random.integers(15, 90)), random.uniform(1, 5)
    crown = random.uniform(0, size, 2)
    starts = crown + random.normal(0, 0.15 * size, (count, 2))
    angles = random.normal(random.uniform(0, 2 * np.pi), 0.5, count)
    lines = curves(random, starts, angles, size * random.uniform(0.4, 1.2, count), 0.25)
    widths = size * random.uniform(0.02, 0.16, count)
    painter = Painter(size)
    locks = strokes(lines, widths, spindle=True)
    edges = strokes(lines, widths + 2 * width, 0.03, spindle=True)
    for shape, edge, tone in zip(locks, edges, random.choice([-0.15, 0, 0, 0.12], count), strict=True):
        painter.shape(edge, ink)
        painter.shape(shape, hue + np.array([tone, 0, 0], dtype=np.float32))
    finer = curves(random, starts, angles, size * random.uniform(0.3, 1, count), 0.25)
    painter.shapes(strokes(finer, random.uniform(1, width + 1, count), spindle=True), np.tile(ink, (count, 1)))
    canvas = painter.over(canvas)
    x, y = places(size)
    away = np.hypot(x + size / 2 - crown[0], y + size / 2 - crown[1]).astype(np.float32)
    away += np.float32(0.02 * size) * smooth_noise(random, size, 1.2)
    shine = np.clip(np.float32(size * random.uniform(0.01, 0.06)) - np.abs(away - np.float32(0.4 * size)), 0, 1)
    canvas[0] += np.float32(random.uniform(0, 0.3)) * shine * (painter.names() > 0)
    return canvas


def speed(random: Random, size: int) -> Canvas:
    """Lines that rush to a point, or past, over a drawn ground."""
    palette = Palette.random(random, vivid=_VIVID)
    canvas = _ground(random, size, palette)
    count, middle = int(random.integers(40, 400)), random.uniform(0.2, 0.8, 2) * size
    angle = random.uniform(0, 2 * np.pi, count)
    way = np.stack([np.cos(angle), np.sin(angle)], 1)
    if random.random() < 0.3:
        way = np.tile(way[:1], (count, 1))
        aside = way[:, ::-1] * [-1, 1] * random.uniform(-0.7, 0.7, (count, 1)) * size
        starts = middle + aside + way * size
    else:
        starts = middle + way * size * 1.3
    ends = starts - way * size * random.uniform(0.4, 1.25, (count, 1))
    along = np.linspace(0, 1, 6)[:, None]
    lines = starts[:, None] * (1 - along) + ends[:, None] * along
    widths = random.exponential(random.uniform(2, 12), count) + 0.8
    ink = palette.paint(random, float(random.choice([0.0, 1.0])))
    painter = Painter(size)
    painter.shapes(strokes(lines, widths), np.tile(ink, (count, 1)))
    return _lined(random, painter.over(canvas), ink, 3) if random.random() < 0.3 else painter.over(canvas)


def halftone(random: Random, size: int) -> Canvas:
    """A print: dots or lines that swell where it is dark, in one ink over a ground."""
    palette = Palette.random(random, vivid=_VIVID)
    x, y = places(size)
    angle, period = random.uniform(0, np.pi), np.float32(8 * 2 ** random.uniform(0, 2))
    cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    u, v = (cos * x + sin * y) / period, (cos * y - sin * x) / period
    tone = np.clip(np.float32(0.45) + np.float32(0.25) * soft_noise(random, size, 2.2), 0, 1)
    round_ = random.random() < 0.8
    away = np.hypot(u - np.round(u), v - np.round(v)) if round_ else np.abs(u - np.round(u))
    dots = np.clip((tone * np.float32(0.7) - away) * period + np.float32(0.5), 0, 1)
    canvas = _ground(random, size, palette)
    printed = mix(canvas, palette.paint(random, float(random.choice([0.05, 0.4, 0.95]))), dots)
    if random.random() < 0.5:
        printed = mix(printed, canvas, (soft_noise(random, size, 2.0) > 0.3).astype(np.float32))
    return _lined(random, printed, palette.paint(random, float(random.uniform(0, 0.2))), 5)
