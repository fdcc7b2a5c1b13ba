"""Text: lines and paragraphs in several scripts, fonts and sizes, on any ground."""

import string

import numpy as np
from PIL import Image, ImageDraw

from vsmagic.training.pictures.fields import Random, soft_noise
from vsmagic.training.pictures.fonts import chosen, font, sentence
from vsmagic.training.pictures.leaves import covered
from vsmagic.training.pictures.palette import Canvas, Paint, Palette, flat, mix

_SMALLEST, _LARGEST = 16.0, 120.0  # drawn pixels, twice those of the picture


def words(random: Random) -> str:
    """Sixty letters, digits, signs and spaces."""
    letters = string.ascii_letters + string.digits + ".,:;-()!?" + 8 * " "
    return "".join(random.choice(list(letters), 60))


def text(random: Random, size: int) -> Canvas:
    """Lines of letters on leaves, on a plain sheet or on a gradient; some outlined, as subtitles are."""
    palette = Palette.random(random)
    canvas = _sheet(random, size, palette)
    height = random.uniform(-20, 10)
    while height < size:
        points = int(_SMALLEST * (_LARGEST / _SMALLEST) ** random.random())
        file, script = chosen(random)
        lines = int(random.integers(1, 5)) if points < 60 else 1
        left = random.uniform(-size / 4, size / 4)
        ink = _ink(random, palette, float(canvas[0][int(min(max(height, 0), size - 1))].mean()))
        outlined = points > 30 and random.random() < 0.2
        for _ in range(lines):
            line = sentence(random, script, int(1.6 * size / points) + 4)
            edge = max(points // 14, 2) if outlined else 0
            canvas = written(canvas, line, (left, height), ink=ink, file=file, points=points, edge=edge)
            height += points * random.uniform(1.1, 1.5)
        height += points * random.uniform(0, 1)
    return canvas


def _sheet(random: Random, size: int, palette: Palette) -> Canvas:
    if random.random() < 0.35:
        return covered(random, size, palette, least=50, power=2.6, texture=0.05)
    canvas = flat(palette.paint(random, float(random.choice([0.05, 0.5, 0.95]))), size)
    canvas[0] += np.float32(random.choice([0, random.uniform(0, 0.2)])) * soft_noise(random, size, 2.4)
    return canvas


def _ink(random: Random, palette: Palette, ground: float) -> Paint:
    """A colour that can be read on a ground of this luma; now and then one that hardly can."""
    tone = float(random.choice([0.0, 1.0, random.random()]))
    if abs(tone - ground) < 0.3 and random.random() < 0.9:
        tone = 1.0 if ground < 0.5 else 0.0
    return palette.paint(random, tone)


def written(
    canvas: Canvas, line: str, place: tuple[float, float], *, ink: Paint, file: str, points: int, edge: int = 0
) -> Canvas:
    """Write a line on a canvas, its upper left corner at a place, with an edge of so many pixels in the other tone."""
    size = canvas.shape[1]
    top, height = int(place[1]), 2 * points
    first, last = max(top, 0), min(top + height, size)
    if first >= last:
        return canvas
    kind = font(file, points)
    for width in (edge, 0) if edge else (0,):
        sheet = Image.new("L", (size, height))
        ImageDraw.Draw(sheet).text((place[0], place[1] - top), line, fill=255, font=kind, stroke_width=width)
        cover = np.asarray(sheet)[first - top : last - top].astype(np.float32) / np.float32(255)
        paint = ink if not width else np.array([1.0 if ink[0] < 0.5 else 0.0, 0, 0], dtype=np.float32)
        canvas[:, first:last] = mix(canvas[:, first:last], paint, cover)
    return canvas
