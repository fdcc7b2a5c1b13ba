"""Outlines: leaves of every sort, free curves, strokes that taper."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from vsmagic.training.pictures.fields import Random

type Outline = list[tuple[float, float]]
type Points = NDArray[np.float64]
"""``[..., points, 2]``: x and y."""


def _round(random: Random, count: int, points: int) -> Points:
    """Irregular round outlines of radius about 1."""
    angle = np.linspace(0, 2 * np.pi, points, endpoint=False)
    radius = np.ones((count, points))
    wild = random.gamma(2, 0.5, (count, 1))
    for wave in range(2, 7):
        strength, phase = random.normal(0, 0.45 / wave, (count, 1)), random.uniform(0, 2 * np.pi, (count, 1))
        radius += wild * strength * np.cos(wave * angle + phase)
    return _polar(angle, np.maximum(radius, 0.15))


def _polar(angle: Points, radius: Points) -> Points:
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], -1)


def _pebbles(random: Random, count: int) -> Points:
    return _round(random, count, 14)


def _blobs(random: Random, count: int) -> Points:
    return _round(random, count, 72)


def _cornered(points: int) -> Callable[[Random, int], Points]:
    def corners(random: Random, count: int) -> Points:
        angle = np.sort(random.uniform(0, 2 * np.pi, (count, points)), axis=1)
        return _polar(angle, np.ones((count, points)))

    return corners


def _rectangles(random: Random, count: int) -> Points:
    square = np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]]) / np.sqrt(2)
    stretch = np.exp(random.normal(0, 0.5, (count, 1)) * np.array([1, -1]))
    shapes: Points = square * stretch[:, None]
    return shapes


def _stars(random: Random, count: int) -> Points:
    angle = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    depth = random.uniform(0.2, 0.8, (count, 1))
    return _polar(angle, np.where(np.arange(12) % 2, depth, random.uniform(0.8, 1.3, (count, 12))))


def _ellipses(random: Random, count: int) -> Points:
    angle = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    stretch = np.exp(random.normal(0, 0.4, (count, 1)) * np.array([1, -1]))
    shapes: Points = _polar(angle, np.ones((count, 48))) * stretch[:, None]
    return shapes


def _slivers(random: Random, count: int) -> Points:
    """Long and thin, pointed at both ends, as blades of grass are, and bent."""
    along = np.linspace(-1, 1, 12)
    thick = random.uniform(0.03, 0.2, (count, 1)) * (1 - along**2)
    bow = random.normal(0, 0.3, (count, 1)) * (along**2 - 0.5)
    upper, lower = (np.stack([np.broadcast_to(along, thick.shape), bow + side], -1) for side in (thick, -thick))
    return 2.2 * np.concatenate([upper, lower[:, ::-1]], 1)


def _arcs(random: Random, count: int) -> Points:
    """Parts of rings."""
    angle = random.uniform(0.7, 6, (count, 1)) * np.linspace(0, 1, 24)
    inner = 1 - random.uniform(0.06, 0.5, (count, 1))
    outside, inside = (_polar(angle, np.broadcast_to(radius, angle.shape)) for radius in (1.0, inner))
    return 1.2 * np.concatenate([outside, inside[:, ::-1]], 1)


_SHAPES: dict[str, tuple[Callable[[Random, int], Points], float]] = {
    "blobs": (_blobs, 0.40),
    "triangles": (_cornered(3), 0.07),
    "quadrangles": (_cornered(4), 0.07),
    "hexagons": (_cornered(6), 0.06),
    "rectangles": (_rectangles, 0.18),
    "stars": (_stars, 0.03),
    "ellipses": (_ellipses, 0.08),
    "slivers": (_slivers, 0.07),
    "arcs": (_arcs, 0.04),
}
"""Shapes of radius about 1, and their shares."""

_SMALL = 12.0  # drawn pixels, below which a blob needs few points


def outlines(random: Random, centres: Points, radii: NDArray[np.float64], upright: float = 0.2) -> list[Points]:
    """Random leaves about their centres ``[count, 2]``, in that order; sizes in drawn pixels.

    Args:
        random: where they come from.
        centres: x and y.
        radii: their sizes.
        upright: share of those that are not turned.
    """
    shares = np.array([share for _, share in _SHAPES.values()])
    sorts = random.choice(len(_SHAPES), len(radii), p=shares / shares.sum())
    found: list[Points] = [centres] * len(radii)
    for number, (shape, _) in enumerate(_SHAPES.values()):
        for small in (False, True):
            chosen = np.flatnonzero((sorts == number) & ((radii < _SMALL) == small))
            make = _pebbles if shape is _blobs and small else shape
            placed = _placed(random, make(random, len(chosen)), centres[chosen], radii[chosen], upright)
            for at, points in zip(chosen.tolist(), placed, strict=True):
                found[at] = points
    return found


def _placed(random: Random, shapes: Points, centres: Points, radii: NDArray[np.float64], upright: float) -> Points:
    """Stretch, turn, enlarge and move shapes ``[count, points, 2]``."""
    count = len(shapes)
    stretched = shapes * np.exp(random.normal(0, 0.35, (count, 1)) * np.array([1, -1]))[:, None]
    angle = np.where(random.random(count) < upright, 0, random.uniform(0, 2 * np.pi, count))
    return turned(stretched, angle) * radii[:, None, None] + centres[:, None]


def turned(shapes: Points, angle: NDArray[np.float64]) -> Points:
    """Turn shapes ``[count, points, 2]`` by an angle each."""
    cos, sin = np.cos(angle)[:, None], np.sin(angle)[:, None]
    x, y = shapes[..., 0], shapes[..., 1]
    return np.stack([cos * x - sin * y, sin * x + cos * y], -1)


def outline(random: Random, centre: NDArray[np.float64], radius: float) -> Outline:
    """A random leaf about a centre (x, y), sizes in drawn pixels."""
    points = outlines(random, np.asarray(centre)[None], np.array([radius]))[0]
    return [(x, y) for x, y in points.tolist()]


def radii(random: Random, size: int, least: float, power: float, cover: float) -> NDArray[np.float64]:
    """Radii by a power law r^-power from ``least`` to 0.4 of the canvas, enough to cover it ``cover`` times."""
    most = size * 0.4
    share = random.random(int(cover * size * size / (2 * np.pi * least**2)) + 16)
    rise = 1 - power
    found = (least**rise + share * (most**rise - least**rise)) ** (1 / rise)
    enough = int(np.searchsorted(np.cumsum(np.pi * found**2), cover * size * size)) + 1
    kept: NDArray[np.float64] = found[:enough]
    return kept


def curves(random: Random, starts: Points, angles: Points, lengths: Points, bend: float) -> Points:
    """Cubic Bezier curves ``[count, 14, 2]`` that set out at an angle and wander off."""
    turns = angles[:, None] + np.cumsum(random.normal(0, bend, (len(starts), 3)), 1)
    steps = np.stack([np.cos(turns), np.sin(turns)], -1) * lengths[:, None, None] / 3
    p0, p1, p2, p3 = np.moveaxis(np.concatenate([starts[:, None], starts[:, None] + np.cumsum(steps, 1)], 1), 1, 0)
    t = np.linspace(0, 1, 14)[:, None]
    weights = (1 - t) ** 3, 3 * (1 - t) ** 2 * t, 3 * (1 - t) * t**2, t**3
    found: Points = sum(weight * point[:, None] for weight, point in zip(weights, (p0, p1, p2, p3), strict=True))
    return found


def curve(random: Random, start: NDArray[np.float64], angle: float, length: float, bend: float) -> Outline:
    """Points of one such curve."""
    points = curves(random, np.asarray(start)[None], np.array([angle]), np.array([length]), bend)[0]
    return [(x, y) for x, y in points.tolist()]


def strokes(lines: Points, widths: Points, thin: float = 0.0, *, spindle: bool = False) -> Points:
    """Outlines of lines ``[count, points, 2]``.

    Args:
        lines: points of each.
        widths: of each at its start, or half-way.
        thin: share of the width at its end.
        spindle: thin at both ends instead.
    """
    along = np.gradient(lines, axis=1)
    along /= np.hypot(along[..., 0], along[..., 1])[..., None] + 1e-9
    t = np.linspace(0, 1, lines.shape[1])
    profile = thin + (1 - thin) * (np.sin(np.pi * t) ** 0.7 if spindle else 1 - t)
    taper = profile[:, None] * widths[:, None, None] / 2
    aside = np.stack([-along[..., 1], along[..., 0]], -1) * taper
    return np.concatenate([lines + aside, (lines - aside)[:, ::-1]], 1)


def swollen(points: Points, widths: Points | float) -> Points:
    """An outline ``[points, 2]`` moved outwards by a width at each point: the ink around it."""
    along = np.roll(points, -1, 0) - np.roll(points, 1, 0)
    along /= np.hypot(along[:, 0], along[:, 1])[:, None] + 1e-9
    x, y = points.T
    way = np.sign(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1))) or 1.0
    outwards = np.stack([along[:, 1], -along[:, 0]], -1) * way
    outside: Points = points + outwards * np.asarray(widths).reshape(-1, 1)
    return outside
