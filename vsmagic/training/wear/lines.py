"""Lines of a picture: how they are resampled to fewer, shifted, and woven of fields, as matrices.

A matrix is ``[target, source]`` and is applied as in `vsmagic.training.degrade`: ``rows @ plane @ columns.T``.
"""

from collections.abc import Callable
from typing import cast

import numpy as np
from numpy.typing import NDArray

from vsmagic.training.degrade import Plane, keys_cubic

type Distances = NDArray[np.float64]


def _triangle(x: Distances, _: float) -> Distances:
    return cast(Distances, np.clip(1 - np.abs(x), 0, 1))


def _box(x: Distances, stretch: float) -> Distances:
    """How much of a pixel the box covers, so that shifts of a part of a pixel count."""
    return np.clip((0.5 - np.abs(x)) * stretch + 0.5, 0, 1)


def _mitchell(x: Distances, _: float) -> Distances:
    """B = C = 1/3: D. Mitchell and A. Netravali, 'Reconstruction filters in computer graphics', 1988."""
    x = np.abs(x)
    near = 7 * x**3 - 12 * x**2 + 16 / 3
    far = -7 / 3 * x**3 + 12 * x**2 - 20 * x + 32 / 3
    return np.where(x <= 1, near, np.where(x < 2, far, 0.0)) / 6


def _lanczos(x: Distances, _: float) -> Distances:
    return np.where(np.abs(x) < 3, np.sinc(x) * np.sinc(x / 3), 0.0)


def _spline(x: Distances, _: float) -> Distances:
    """The natural cubic spline through seven samples about the middle one, cut off at 3: 'spline36'."""
    x = np.abs(x)
    parts = [(13 / 11, -453 / 209, -3 / 209, 1), (-6 / 11, 270 / 209, -156 / 209, 0), (1 / 11, -45 / 209, 26 / 209, 0)]
    values = [((a * (x - n) + b) * (x - n) + c) * (x - n) + d for n, (a, b, c, d) in enumerate(parts)]
    return np.select([x < 1, x < 2, x < 3], values, 0.0)


KERNELS: dict[str, tuple[Callable[[Distances, float], Distances], int, float]] = {
    "bicubic": (lambda x, _: keys_cubic(x), 2, 0.3),
    "area": (_box, 1, 0.2),
    "bilinear": (_triangle, 1, 0.15),
    "Mitchell": (_mitchell, 2, 0.1),
    "Lanczos": (_lanczos, 3, 0.15),
    "spline": (_spline, 3, 0.1),
}
"""Kernels by name: weight at a distance (in target samples, with the stretch beside it), reach, and share."""


def resampling(source: int, target: int, kernel: str = "bicubic", *, shift: float = 0.0, soft: float = 1.0) -> Plane:
    """The matrix ``[target, source]`` that resamples a line; centres aligned, ends mirrored.

    Args:
        source: Samples of the line that comes in.
        target: Samples of the line that goes out.
        kernel: A name in ``KERNELS``.
        shift: How far to the right in the source the samples are taken, in target samples.
        soft: The kernel is this much wider than it has to be; from 1.
    """
    weigh, support, _ = KERNELS[kernel]
    stretch = max(1.0, source / target) * soft
    centre = (np.arange(target) + 0.5 + shift) * source / target - 0.5
    reach = int(np.ceil(support * stretch)) + 1
    taps = np.floor(centre).astype(int)[:, None] + np.arange(-reach, reach + 1)
    weights = weigh((centre[:, None] - taps) / stretch, stretch)
    period = taps % (2 * source)
    inside = np.where(period < source, period, 2 * source - 1 - period)
    matrix = np.zeros((target, source))
    np.add.at(matrix, (np.arange(target)[:, None], inside), weights)
    return cast(Plane, (matrix / matrix.sum(1, keepdims=True)).astype(np.float32))


def bobbed(lines: int, first: int) -> Plane:
    """The matrix ``[lines, lines]`` that keeps every second line, from ``first`` (0 or 1), and puts means between."""
    matrix = np.zeros((lines, lines), dtype=np.float32)
    for line in range(lines):
        if line % 2 == first:
            matrix[line, line] = 1
        else:
            for near in (line - 1, line + 1):
                matrix[line, near if 0 <= near < lines else 2 * line - near] += 0.5
    return matrix


def blended(lines: int) -> Plane:
    """The matrix ``[lines, lines]`` that mixes every line with the two about it, which are of the other field."""
    matrix = 0.5 * np.eye(lines, dtype=np.float32)
    for line in range(lines):
        for near in (line - 1, line + 1):
            matrix[line, near if 0 <= near < lines else line] += 0.25
    return matrix
