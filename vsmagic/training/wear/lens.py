"""Blur as lenses and moving cameras make it: small kernels that are symmetric, so that nothing is displaced."""

from typing import cast

import numpy as np

from vsmagic.training.degrade import Plane


def gaussian(along: float, across: float, angle: float) -> Plane:
    """A Gaussian kernel of these deviations (in pixels), turned by an angle (in radians); sums to 1."""
    y, x = _grid(3 * max(along, across))
    u, v = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    return _normed(np.exp(-0.5 * ((u / along) ** 2 + (v / across) ** 2)))


def disc(radius: float) -> Plane:
    """An evenly lit disc with a rim of one pixel, as of a lens out of focus; the radius is in pixels."""
    y, x = _grid(radius + 1)
    return _normed(np.clip(radius + 0.5 - np.hypot(x, y), 0, 1))


def motion(length: float, angle: float) -> Plane:
    """A line of this length in pixels, as of a camera that moved while the shutter was open."""
    y, x = _grid(length / 2 + 1)
    along = np.abs(x * np.cos(angle) + y * np.sin(angle))
    across = np.abs(y * np.cos(angle) - x * np.sin(angle))
    return _normed(np.clip(length / 2 + 0.5 - along, 0, 1) * np.clip(1 - across, 0, 1))


def through(plane: Plane, kernels: list[Plane]) -> Plane:
    """Blur ``[h, w]`` with kernels of odd sizes, one after another; the border is mirrored."""
    if not kernels:
        return plane
    reach = sum(kernel.shape[0] // 2 for kernel in kernels)
    edged = np.pad(plane, reach, mode="symmetric")
    height, width = (_easy(length) for length in edged.shape)
    spectrum = np.fft.rfft2(edged, s=(height, width))
    for kernel in kernels:
        spectrum *= _transfer(kernel, height, width)
    blurred = np.fft.irfft2(spectrum, s=(height, width))[reach : reach + plane.shape[0], reach : reach + plane.shape[1]]
    return cast(Plane, blurred.astype(np.float32))


def _transfer(kernel: Plane, height: int, width: int) -> "np.ndarray[tuple[int, int], np.dtype[np.complex64]]":
    side = kernel.shape[0]
    placed = np.zeros((height, width), dtype=np.float32)
    placed[:side, :side] = kernel
    return np.fft.rfft2(np.roll(placed, (-(side // 2), -(side // 2)), (0, 1))).astype(np.complex64)


def _easy(length: int) -> int:
    """The next multiple of 16: a length that Fourier transforms are quick with."""
    return -(-length // 16) * 16


def _grid(reach: float) -> tuple[Plane, Plane]:
    half = int(np.ceil(reach))
    y, x = np.mgrid[-half : half + 1, -half : half + 1].astype(np.float32)
    return y, x


def _normed(weights: Plane) -> Plane:
    return cast(Plane, (weights / weights.sum()).astype(np.float32))
