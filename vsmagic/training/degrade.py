"""How a small picture is made from a large one, and the enlargement the network corrects.

Both are one separable resampling with Keys' cubic kernel (R. G. Keys, 'Cubic convolution interpolation for
digital image processing', 1981; a = -0.5, also known as Catmull-Rom or b = 0, c = 0.5), written as a matrix for
each direction: ``out = rows @ picture @ columns.T``. Going down, the kernel is stretched by the factor, which is
what MATLAB's ``imresize`` does and what the public super-resolution test sets were made with. Going up it is
``base="bicubic"`` of `vsmagic.models.spec.ModelSpec`.
"""

from functools import cache
from typing import cast

import numpy as np
from numpy.typing import NDArray

type Plane = NDArray[np.float32]
"""One luma plane, ``[height, width]``; full range, 0 to 1, unless said otherwise."""

type Picture = NDArray[np.uint8]
"""The same in 8 bits, 0 to 255."""


def keys_cubic(distance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weight of a sample at this distance (in samples), by Keys' kernel with a = -0.5."""
    x = np.abs(distance)
    near = 1.5 * x**3 - 2.5 * x**2 + 1
    far = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return np.where(x <= 1, near, np.where(x < 2, far, 0.0))


@cache
def resampling(source: int, target: int, blur: float = 0.0) -> Plane:
    """The matrix ``[target, source]`` that resamples a line of ``source`` samples to ``target``.

    Centres are aligned; beyond its ends the line is mirrored about its edges, as MATLAB and zimg do.

    Args:
        source: Samples of the line that comes in.
        target: Samples of the line that goes out.
        blur: Standard deviation in source samples of a Gaussian applied first; 0 for none.
    """
    stretch = max(1.0, source / target)
    centre = (np.arange(target) + 0.5) * source / target - 0.5
    reach = int(np.ceil(2 * stretch)) + 1
    taps = np.floor(centre).astype(int)[:, None] + np.arange(-reach, reach + 1)[None, :]
    matrix = _gather(keys_cubic((centre[:, None] - taps) / stretch), taps, source)
    return matrix if blur <= 0 else np.matmul(matrix, gaussian(source, blur))


@cache
def gaussian(length: int, deviation: float) -> Plane:
    """The matrix ``[length, length]`` of a Gaussian blur with mirrored ends; the deviation is in samples."""
    reach = min(length, int(np.ceil(3 * deviation)))
    offsets = np.arange(-reach, reach + 1)
    taps = np.arange(length)[:, None] + offsets[None, :]
    weights = np.exp(-0.5 * (offsets / deviation) ** 2)
    return _gather(np.broadcast_to(weights, taps.shape), taps, length)


def _gather(weights: NDArray[np.float64], taps: NDArray[np.int_], length: int) -> Plane:
    """Add weights ``[lines, taps]`` up into ``[lines, length]``, mirroring outer taps; every line sums to 1."""
    period = taps % (2 * length)
    inside = np.where(period < length, period, 2 * length - 1 - period)
    matrix = np.zeros((len(weights), length))
    np.add.at(matrix, (np.arange(len(weights))[:, None], inside), weights)
    return (matrix / matrix.sum(1, keepdims=True)).astype(np.float32)


def resample(rows: Plane, plane: Plane, columns: Plane) -> Plane:
    """Apply one matrix down and one across: ``[h, w]`` to ``[len(rows), len(columns)]``. Values are not clipped."""
    return cast(Plane, rows @ plane @ columns.T)


def reduced(picture: Picture, scale: int) -> Picture:
    """Make the small picture: 8-bit ``[scale * h, scale * w]`` to ``[h, w]``, as MATLAB's ``imresize`` does.

    Like MATLAB it resamples the columns first, rounds to 8 bits, and then resamples the rows. Scale 1 changes nothing.

    Raises:
        ValueError: the height or the width is no multiple of the scale.
    """
    height, width = picture.shape
    if height % scale or width % scale:
        raise ValueError(f"reduced: the picture is {width}x{height}; both sizes must be multiples of {scale}. Crop it.")
    if scale == 1:
        return picture
    lower = to_bytes(np.matmul(resampling(height, height // scale), to_plane(picture)))
    return to_bytes(np.matmul(to_plane(lower), resampling(width, width // scale).T))


def enlarged(plane: Plane, scale: int) -> Plane:
    """Enlarge ``[h, w]`` to ``[scale * h, scale * w]``: the base the network's residual is added to."""
    height, width = plane.shape
    return resample(resampling(height, scale * height), plane, resampling(width, scale * width))


def to_bytes(plane: Plane) -> Picture:
    """Round values of 0 to 1 to 8 bits, clipping what lies outside."""
    rounded: Picture = np.clip(plane * 255 + 0.5, 0, 255).astype(np.uint8)
    return rounded


def to_plane(picture: Picture) -> Plane:
    """8-bit values as 0 to 1."""
    return picture.astype(np.float32) / np.float32(255)
