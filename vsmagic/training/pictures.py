"""Generated pictures to train on: no photograph is needed, and none is used.

A picture is drawn at twice its size and reduced, so that edges are as soft as a camera's. Most are 'dead leaves':
opaque random shapes, as many of every size as a power law gives, thrown on one another until nothing shows through.
Such pictures share the statistics of natural ones (occlusion edges, scale invariance, a spectrum near 1/f); see
A. Lee, D. Mumford, J. Huang, 'Occlusion models for natural images', 2001, and M. Baradad et al., 'Learning to see
by looking at noise', 2021. Leaves are shaded and textured; others hold weaves, fur, drawn lines with flat colour, and
text. Some get a little blur, sensor noise or JPEG.

A picture depends on its seed and its number alone, never on the others or on which process draws it. Between machines
single pixels may round to the next value, for numpy's matrix product adds in an order that goes by the CPU.
"""

import io
import logging
import multiprocessing
import string
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from vsmagic.training.degrade import Picture, Plane, resample, resampling, to_bytes

log = logging.getLogger(__name__)

type Outline = list[tuple[float, float]]
type Random = np.random.Generator

SUPERSAMPLING = 2
"""A picture is drawn this many times larger."""


def picture(seed: int, number: int, size: int) -> Picture:
    """Draw picture ``number`` of a seed.

    Args:
        seed: Any non-negative integer.
        number: Which of the seed's pictures, from 0.
        size: Height and width in pixels, even.

    Returns:
        8-bit full-range luma ``[size, size]``.
    """
    random = np.random.default_rng([seed, number])
    names = list(KINDS)
    shares = np.array([KINDS[name][1] for name in names], dtype=np.float64)
    draw = KINDS[names[random.choice(len(names), p=shares / shares.sum())]][0]
    canvas = draw(random, SUPERSAMPLING * size)
    return _wear(random, _expose(random, _reduce(random, canvas)))


def pool(seed: int, count: int, size: int, workers: int = 1) -> list[Picture]:
    """Draw pictures 0 to ``count`` (exclusive) of a seed, in order, on this many processes."""
    draw = partial(picture, seed, size=size)
    if workers <= 1:
        return [draw(number) for number in range(count)]
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as executor:
        return list(executor.map(draw, range(count), chunksize=max(1, count // (16 * workers))))


# ---------------------------------------------------------------------------------------------------------- fields


def smooth_noise(random: Random, size: int, exponent: float) -> Plane:
    """A random field ``[size, size]`` whose amplitude spectrum is 1/f^exponent; mean 0, deviation 1."""
    across = np.fft.rfftfreq(size)[None, :]
    down = np.fft.fftfreq(size)[:, None]
    frequency = np.hypot(across, down)
    frequency[0, 0] = 1
    white = np.fft.rfft2(random.standard_normal((size, size), dtype=np.float32))
    field = np.fft.irfft2(white * frequency**-exponent, s=(size, size))
    field -= field.mean()
    scaled: Plane = (field / (field.std() + 1e-9)).astype(np.float32)
    return scaled


def grating(random: Random, size: int) -> Plane:
    """Parallel bands ``[size, size]``, sine to square, gently bent; -1 to 1. Periods from 5 drawn pixels up."""
    y, x = np.mgrid[:size, :size].astype(np.float32)
    angle = random.uniform(0, np.pi)
    period = 5 * 2 ** random.uniform(0, 3.5)
    bend = random.choice([0, 0.3, 1, 4]) * smooth_noise(random, size, 2.0)
    wave = np.sin(2 * np.pi / period * (x * np.cos(angle) + y * np.sin(angle)) + bend)
    hardness = 2 ** random.uniform(-1, 5)
    bands: Plane = np.tanh(hardness * (wave + random.uniform(-0.5, 0.5))).astype(np.float32)
    return bands


def _textures(random: Random, size: int) -> list[Plane]:
    """What the leaves of one picture may be made of; the first is nothing."""
    return [
        np.zeros((size, size), dtype=np.float32),
        smooth_noise(random, size, random.uniform(0.4, 1.0)),
        smooth_noise(random, size, random.uniform(1.0, 1.8)),
        grating(random, size),
    ]


# ---------------------------------------------------------------------------------------------------------- shapes


def _blob(random: Random, points: int) -> NDArray[np.float64]:
    """An irregular round outline of radius about 1, ``[points, 2]``."""
    angle = np.linspace(0, 2 * np.pi, points, endpoint=False)
    radius = np.ones(points)
    for wave in range(2, 6):
        radius += random.normal(0, 0.45 / wave) * np.cos(wave * angle + random.uniform(0, 2 * np.pi))
    return np.stack([np.cos(angle), np.sin(angle)], 1) * np.maximum(radius, 0.15)[:, None]


def _corners(random: Random, points: int) -> NDArray[np.float64]:
    """A polygon with sharp corners around the unit circle, ``[points, 2]``."""
    angle = np.sort(random.uniform(0, 2 * np.pi, points))
    return np.stack([np.cos(angle), np.sin(angle)], 1)


SQUARE = np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]]) / np.sqrt(2)


def outline(random: Random, centre: NDArray[np.float64], radius: float) -> Outline:
    """A random leaf about a centre (x, y), sizes in drawn pixels."""
    choice = random.random()
    if choice < 0.5:
        shape = _blob(random, 12 if radius < 12 else 40)
    elif choice < 0.75:
        shape = _corners(random, int(random.integers(3, 7)))
    else:
        shape = SQUARE
    stretch = np.exp(random.normal(0, 0.5) * np.array([1, -1]))
    angle = random.uniform(0, np.pi) if random.random() < 0.8 else 0.0
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return [(x, y) for x, y in (shape * stretch) @ turn.T * radius + centre]


def _radii(random: Random, size: int, least: float, power: float, cover: float) -> NDArray[np.float64]:
    """Radii by a power law r^-power between ``least`` and a third of the canvas, enough to cover it ``cover`` times."""
    most = size / 3
    share = random.random(int(cover * size * size / (2 * np.pi * least**2)) + 16)
    rise = 1 - power
    radii = (least**rise + share * (most**rise - least**rise)) ** (1 / rise)
    enough = int(np.searchsorted(np.cumsum(np.pi * radii**2), cover * size * size)) + 1
    kept: NDArray[np.float64] = radii[:enough]
    return kept


def curve(random: Random, start: NDArray[np.float64], angle: float, length: float, bend: float) -> Outline:
    """Points of a cubic Bezier curve that sets out at an angle and wanders off."""
    turns = angle + np.cumsum(random.normal(0, bend, 3))
    steps = np.stack([np.cos(turns), np.sin(turns)], 1) * length / 3
    p0, p1, p2, p3 = np.vstack([start, start + np.cumsum(steps, 0)])
    t = np.linspace(0, 1, 14)[:, None]
    points = (1 - t) ** 3 * p0 + 3 * (1 - t) ** 2 * t * p1 + 3 * (1 - t) * t**2 * p2 + t**3 * p3
    return [(x, y) for x, y in points]


# ----------------------------------------------------------------------------------------------------------- kinds


def leaves(random: Random, size: int) -> Plane:
    """Dead leaves, shaded and textured: most of the world."""
    least = 2 ** random.uniform(1, 4.5)
    power = random.uniform(2.6, 3.2)
    return _leaves(random, size, least=least, power=power, texture=float(random.choice([0, 0.05, 0.15])))


def _leaves(random: Random, size: int, *, least: float, power: float, texture: float) -> Plane:
    radii = _radii(random, size, least, power, cover=2.5)
    count = len(radii)
    centres = random.uniform(-0.05 * size, 1.05 * size, (count, 2))
    outlines = [outline(random, centre, radius) for centre, radius in zip(centres, radii, strict=True)]
    names = _names(outlines, size)
    y, x = np.mgrid[:size, :size].astype(np.float32)
    slope = (random.normal(0, 0.35, (count + 1, 2)) / size).astype(np.float32)
    canvas = _values(random, count + 1)[names]
    canvas += slope[names, 0] * (x - size / 2) + slope[names, 1] * (y - size / 2)
    if texture > 0:
        canvas += _textured(random, names, count + 1, texture)
    return canvas + np.float32(random.uniform(0, 0.12)) * smooth_noise(random, size, 2.0)


def _names(outlines: list[Outline], size: int) -> NDArray[np.int32]:
    """For every pixel the number of the leaf on top, from 1; 0 where none lies."""
    sheet = Image.new("I", (size, size))
    pencil = ImageDraw.Draw(sheet)
    for number, outline in enumerate(outlines, start=1):
        pencil.polygon(outline, fill=number)
    return np.asarray(sheet)


def _values(random: Random, count: int) -> Plane:
    """Grey values of leaves, about 0 to 1: spread evenly, or gathered about a few tones."""
    if random.random() < 0.4:
        return random.random(count, dtype=np.float32)
    tones = random.random(int(random.integers(2, 6)), dtype=np.float32)
    spread = random.normal(0, random.uniform(0.02, 0.2), count).astype(np.float32)
    return random.choice(tones, count) + spread


def _textured(random: Random, names: NDArray[np.int32], count: int, amount: float) -> Plane:
    """A texture for every leaf, each with its own strength."""
    textures = _textures(random, names.shape[0])
    kind = random.integers(0, len(textures), count)[names]
    strength = (amount * random.exponential(1, count)).astype(np.float32)[names]
    canvas = np.zeros(names.shape, dtype=np.float32)
    for number, texture in enumerate(textures[1:], start=1):
        canvas += np.where(kind == number, texture, 0)
    return strength * canvas


def weave(random: Random, size: int) -> Plane:
    """Cloth, blinds, brickwork: bands over one another inside large leaves."""
    canvas = _leaves(random, size, least=40, power=2.5, texture=0)
    mask = smooth_noise(random, size, 1.8) > random.uniform(-1, 0.5)
    bands = grating(random, size)
    if random.random() < 0.5:
        bands = bands * grating(random, size)
    return np.where(mask, canvas + np.float32(random.uniform(0.05, 0.5)) * bands, canvas)


def fur(random: Random, size: int) -> Plane:
    """Hair, grass, twigs: many strokes that go much the same way, over leaves."""
    canvas = Image.fromarray(_leaves(random, size, least=24, power=2.8, texture=0.05))
    pencil = ImageDraw.Draw(canvas)
    flow = 0.7 * smooth_noise(random, size, 2.0) + random.uniform(0, 2 * np.pi)
    thickest = random.choice([2, 3, 5, 8])
    for _ in range(int(random.integers(150, 1500))):
        start = random.uniform(0, size, 2)
        angle = float(flow[int(start[1]), int(start[0])])
        points = curve(random, start, angle, size * random.uniform(0.03, 0.3), 0.3)
        pencil.line(points, fill=float(random.random()), width=int(random.integers(1, thickest + 1)))
    return np.array(canvas)


def drawing(random: Random, size: int) -> Plane:
    """A drawn cartoon: flat or softly shaded shapes with dark outlines, and free lines."""
    canvas = Image.fromarray(0.15 * smooth_noise(random, size, 2.2) + np.float32(random.random()))
    pencil = ImageDraw.Draw(canvas)
    ink = float(random.uniform(-0.1, 0.25))
    width = int(random.integers(1, 9))
    for radius in _radii(random, size, 8, 2.4, cover=1.5):
        edge = outline(random, random.uniform(0, size, 2), radius)
        pencil.polygon(edge, fill=float(random.random()))
        if radius > 2 * width and random.random() < 0.8:
            pencil.line([*edge, edge[0]], fill=ink, width=width, joint="curve")
    for _ in range(int(random.integers(5, 60))):
        points = curve(random, random.uniform(0, size, 2), random.uniform(0, 7), size * random.uniform(0.05, 0.6), 0.6)
        pencil.line(points, fill=ink if random.random() < 0.7 else 1.0, width=int(random.integers(1, width + 2)))
    drawn: Plane = np.array(canvas) + np.float32(0.03) * smooth_noise(random, size, 1.5)
    return drawn


def text(random: Random, size: int) -> Plane:
    """Lines of letters on leaves, on a plain sheet or on a gradient."""
    if random.random() < 0.4:
        sheet = _leaves(random, size, least=50, power=2.6, texture=0.05)
    else:
        sheet = random.uniform(0, 0.2) * smooth_noise(random, size, 2.4) + np.float32(random.choice([0.05, 0.5, 0.95]))
    canvas = Image.fromarray(sheet.astype(np.float32))
    pencil = ImageDraw.Draw(canvas)
    height = 0.0
    while height < size:
        points = 14 * 2 ** random.uniform(0, 3)
        ink = float(random.choice([0.0, 1.0, random.random()]))
        font = ImageFont.load_default(points)
        pencil.text((random.uniform(-size / 4, size / 4), height), words(random), fill=ink, font=font)
        height += points * random.uniform(1.1, 2)
    return np.array(canvas)


def words(random: Random) -> str:
    """Sixty letters, digits, signs and spaces."""
    letters = string.ascii_letters + string.digits + ".,:;-()!?" + 8 * " "
    return "".join(random.choice(list(letters), 60))


def blend(random: Random, size: int) -> Plane:
    """Leaves, sharp in places and out of focus elsewhere."""
    canvas = leaves(random, size)
    blur = resampling(size, size, float(random.choice([2.0, 4.0, 8.0])))
    focus = 1 / (1 + np.exp(-6 * smooth_noise(random, size, 2.0)))
    return canvas + focus * (resample(blur, canvas, blur) - canvas)


KINDS: dict[str, tuple[Callable[[Random, int], Plane], float]] = {
    "leaves": (leaves, 0.36),
    "blend": (blend, 0.16),
    "fur": (fur, 0.14),
    "weave": (weave, 0.10),
    "drawing": (drawing, 0.14),
    "text": (text, 0.10),
}
"""The kinds of picture and their shares."""


# ---------------------------------------------------------------------------------------------------------- camera


def _reduce(random: Random, canvas: Plane) -> Plane:
    """Bring the canvas to its final size with a lens a little softer or sharper; 0 is bicubic's own sharpness."""
    blur = float(random.choice([0.0, 0.0, 0.5, 0.8, 1.1, 1.5]))
    matrix = resampling(canvas.shape[0], canvas.shape[0] // SUPERSAMPLING, blur)
    return resample(matrix, canvas, matrix)


def _expose(random: Random, plane: Plane) -> Plane:
    """Bring any values to 0 to 1 with a random contrast, brightness and gamma, either way up."""
    low, high = np.quantile(plane, [0.01, 0.99])
    level = np.clip((plane - low) / max(float(high - low), 0.05), -0.05, 1.05)
    gamma_side = 1 - level if random.random() < 0.5 else level
    level = np.clip(gamma_side, 0, None) ** np.float32(2 ** random.uniform(-0.7, 0.7))
    contrast = random.uniform(0.4, 1.05)
    exposed: Plane = (random.uniform(0, max(1 - contrast, 0)) + contrast * level).astype(np.float32)
    return exposed


def _wear(random: Random, plane: Plane) -> Picture:
    """Round to 8 bits; one in five has a little sensor noise, one in ten went through a good JPEG."""
    if random.random() < 0.2:
        plane = plane + random.normal(0, random.uniform(0.3, 2.5) / 255, plane.shape).astype(np.float32)
    picture = to_bytes(plane)
    if random.random() < 0.1:
        file = io.BytesIO()
        Image.fromarray(picture).save(file, "JPEG", quality=int(random.integers(85, 97)))
        picture = np.asarray(Image.open(file))
    return picture
