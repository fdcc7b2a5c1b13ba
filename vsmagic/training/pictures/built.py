"""What people build and weave: walls, facades, fences, cloth. Patterns that repeat, seen at an angle."""

import numpy as np

from vsmagic.training.degrade import Plane
from vsmagic.training.pictures.fields import Random, bands, places, smooth_noise, soft_noise
from vsmagic.training.pictures.leaves import covered, strewn
from vsmagic.training.pictures.palette import Canvas, Palette, flat, mix

_TABLE = 64  # values that bricks and windows take theirs from, each way


def surface(random: Random, size: int, slant: float = 1.0) -> tuple[Plane, Plane]:
    """The place of every pixel on a plane that is turned, and that leans away; in pixels near the middle."""
    x, y = places(size)
    angle = random.normal(0, 0.12) if random.random() < 0.7 else random.uniform(0, np.pi)
    shear, (lean_x, lean_y) = random.normal(0, 0.15), slant * random.uniform(-0.8, 0.8, 2) / size
    far: Plane = np.reciprocal(1 + np.float32(lean_x) * x + np.float32(lean_y) * y)
    cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    across = (cos * x + sin * y) * far
    return across + np.float32(shear) * y * far, (cos * y - sin * x) * far


def _own(random: Random, across: Plane, down: Plane) -> Plane:
    """A random value, deviation 1, for each cell of a plane."""
    table = random.standard_normal((_TABLE, _TABLE), dtype=np.float32)
    return table[np.floor(down).astype(np.int32) % _TABLE, np.floor(across).astype(np.int32) % _TABLE]


def _rough(random: Random, canvas: Canvas) -> Canvas:
    """The same with a rough surface and uneven light."""
    size = canvas.shape[1]
    if random.random() < 0.7:
        canvas[0] += np.float32(random.uniform(0, 0.06)) * smooth_noise(random, size, random.uniform(0.3, 1.2))
    canvas[0] += np.float32(random.uniform(0, 0.1)) * soft_noise(random, size, 2.0)
    return canvas


def lattice(random: Random, size: int) -> Canvas:
    """Fine lines, grids, checks, railings, blinds."""
    palette = Palette.random(random)
    u, v = surface(random, size)
    period = 4 * 2 ** random.uniform(0, 3.5)
    u, v = u / np.float32(period), v / np.float32(period * 2 ** random.uniform(-1, 1.5))
    if random.random() < 0.3:
        bend = soft_noise(random, size, 2.0)
        u = u + np.float32(random.uniform(0, 1.5)) * bend
    duty = float(random.uniform(0.12, 0.7))
    first, second = palette.pair(random, 0.15)
    ground = flat(first, size)
    if random.random() < 0.4:
        ground = covered(random, size, palette, least=40, power=2.5, texture=0)
    upright, level = bands(u, duty), bands(v, float(random.uniform(0.1, 0.6)))
    match int(random.integers(0, 5)):
        case 0:
            cover = upright
        case 1:
            cover = np.maximum(upright, level)
        case 2:
            cover = upright + level - 2 * upright * level
        case 3:
            cover = upright * (np.float32(1) - np.float32(0.7) * (u - np.floor(u)))
        case _:
            cover = upright * level
    if random.random() < 0.3:
        second = second + 0  # each band in its own shade
        canvas = mix(ground, second, cover)
        canvas[0] += np.float32(0.12) * cover * _own(random, u, v * np.float32(0.01))
    else:
        canvas = mix(ground, second, cover)
    return _before(random, _rough(random, canvas), palette)


def _before(random: Random, canvas: Canvas, palette: Palette) -> Canvas:
    """Some things in front, in a third of the pictures."""
    return strewn(random, canvas, palette, blur=0) if random.random() < 0.35 else canvas


def bricks(random: Random, size: int) -> Canvas:
    """Walls of bricks, tiles and planks, with mortar."""
    palette = Palette.random(random)
    u, v = surface(random, size)
    height = 10 * 2 ** random.uniform(0, 2.6)
    length = height * float(random.choice([1.0, 2.0, 3.0, 8.0]))
    v = v / np.float32(height)
    shift = np.float32(random.choice([0.0, 0.5, 0.37]))
    u = u / np.float32(length) + (shift * np.floor(v)).astype(np.float32, copy=False)
    mortar = float(random.uniform(0.04, 0.2))
    face = bands(v, 1 - mortar) * bands(u, 1 - mortar * height / length)
    ground, brick = palette.pair(random, 0.1)
    canvas = mix(flat(ground, size), brick, face)
    canvas[0] += face * np.float32(random.uniform(0, 0.14)) * _own(random, u, v)
    if random.random() < 0.5:  # light from above catches the upper edges
        canvas[0] += np.float32(random.uniform(-0.2, 0.2)) * bands(v, 0.12) * face
    return _before(random, _rough(random, canvas), palette)


def facade(random: Random, size: int) -> Canvas:
    """Buildings with rows of windows, seen from the street; two walls meet in some."""
    palette = Palette.random(random)
    canvas = _wall(random, size, palette)
    if random.random() < 0.4:
        x, y = places(size)
        side = (x + np.float32(random.normal(0, 0.2)) * y + np.float32(random.uniform(-0.3, 0.3) * size)) > 0
        canvas = mix(canvas, _wall(random, size, palette), side.astype(np.float32))
    return _before(random, canvas, palette)


def _wall(random: Random, size: int, palette: Palette) -> Canvas:
    u, v = surface(random, size)
    width, height = 16 * 2 ** random.uniform(0, 2.7, 2)
    u, v = u / np.float32(width), v / np.float32(height)
    wall, glass = palette.pair(random, 0.25)
    frame = palette.paint(random)
    wide, high = random.uniform(0.3, 0.95, 2)
    canvas = flat(wall, size)
    if random.random() < 0.5:
        courses = bands(v * np.float32(random.integers(3, 12)), 0.85)
        canvas[0] += np.float32(random.uniform(-0.15, 0.15)) * courses
    canvas = mix(canvas, frame, bands(u, float(wide)) * bands(v, float(high)))
    rim = random.uniform(0.03, 0.12)
    pane = bands(u - np.float32(rim), float(wide - 2 * rim)) * bands(v - np.float32(rim), float(high - 2 * rim))
    if random.random() < 0.6:  # glazing bars
        pane = pane * bands(u * int(random.integers(2, 5)), 0.85) * bands(v * int(random.integers(1, 5)), 0.9)
    canvas = mix(canvas, glass, pane)
    canvas[0] += pane * np.float32(random.uniform(0, 0.2)) * _own(random, u, v)
    if random.random() < 0.4:  # railings
        rails = bands(u * int(random.integers(6, 16)), 0.4) * bands(v + np.float32(0.3), 0.25)
        canvas = mix(canvas, frame, rails)
    return _rough(random, canvas)


def weave(random: Random, size: int) -> Canvas:
    """Cloth: threads over and under one another, in stripes and checks, with folds."""
    palette = Palette.random(random)
    u, v = surface(random, size, slant=0.4)
    fold: Plane = np.float32(random.uniform(0, 0.12) * size) * soft_noise(random, size, 2.2)
    period = np.float32(4 * 2 ** random.uniform(0, 2.5))
    u += fold
    v += np.float32(random.uniform(-0.5, 0.5)) * fold
    u, v = u / period, v / period
    twill = int(random.integers(2, 5))
    over = ((np.floor(u) + np.floor(v)) % twill < twill / 2).astype(np.float32)
    rise = np.float32(random.uniform(0.05, 0.4))
    thread = np.abs(np.sin(np.float32(np.pi) * np.where(over > 0, u, v))) - np.float32(0.6)
    warp, weft = palette.pair(random, 0.05)
    stripe = bands(u / np.float32(random.integers(4, 24)), float(random.uniform(0.2, 0.8)))
    check = bands(v / np.float32(random.integers(4, 24)), float(random.uniform(0.2, 0.8)))
    canvas = mix(mix(flat(warp, size), palette.paint(random), stripe), weft, over * check)
    canvas[0] += rise * thread + np.float32(random.uniform(0, 0.2)) * soft_noise(random, size, 2.0)
    if random.random() < 0.5:
        mask = (smooth_noise(random, size, 1.8) > random.uniform(-0.5, 1)).astype(np.float32)
        canvas = mix(canvas, covered(random, size, palette, least=40, power=2.5, texture=0), mask)
    return canvas
