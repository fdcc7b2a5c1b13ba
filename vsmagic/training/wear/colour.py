"""Luma and chroma by BT.601, as old video has them: floats to work on, and the bytes of limited range in files."""

from typing import cast

import numpy as np
from numpy.typing import NDArray

from vsmagic.training.degrade import Picture, Plane, resample, resampling, to_bytes, to_plane

type Rgb = NDArray[np.uint8]
"""A colour picture, ``[height, width, 3]``; 8 bits, full range."""

type Planes = tuple[Plane, Plane, Plane]
"""Luma, 0 to 1, and the two chroma planes, -0.5 to 0.5; these have half the height and width where it says 4:2:0."""

_RED, _BLUE = 0.299, 0.114
_GREEN = 1 - _RED - _BLUE
_YCC_OF_RGB = np.array(
    [
        [_RED, _GREEN, _BLUE],
        [-_RED / (2 - 2 * _BLUE), -_GREEN / (2 - 2 * _BLUE), 0.5],
        [0.5, -_GREEN / (2 - 2 * _RED), -_BLUE / (2 - 2 * _RED)],
    ],
    dtype=np.float32,
)
_RGB_OF_YCC = np.linalg.inv(_YCC_OF_RGB.astype(np.float64)).astype(np.float32)


def luma(rgb: Rgb) -> Picture:
    """Luma of a picture by BT.601: RGB ``[h, w, 3]`` to ``[h, w]``, both of 8 bits and full range."""
    return to_bytes(_plane(rgb, 0))


def halved(rgb: Rgb) -> Planes:
    """Planes of a picture ``[2h, 2w, 3]`` in 4:2:0: luma ``[2h, 2w]``, and chroma ``[h, w]`` as means of 2x2."""
    height, width, _ = rgb.shape
    quarter = to_plane(rgb).reshape(height // 2, 2, width // 2, 2, 3).mean((1, 3))
    return _plane(rgb, 0), cast(Plane, quarter @ _YCC_OF_RGB[1]), cast(Plane, quarter @ _YCC_OF_RGB[2])


def to_rgb(planes: Planes) -> Rgb:
    """Make the picture ``[2h, 2w, 3]`` of planes in 4:2:0, whose chroma lies in the middle of its 2x2."""
    height, width = planes[1].shape
    rows, columns = resampling(height, 2 * height), resampling(width, 2 * width)
    full = np.stack([planes[0], *(resample(rows, plane, columns) for plane in planes[1:])], axis=-1)
    return to_bytes(full @ _RGB_OF_YCC.T)


def to_file(planes: Planes) -> Picture:
    """Round planes in 4:2:0 to limited range: 8-bit ``[h * 3 / 2, w]``, luma above chroma, as PyAV's yuv420p.

    Luma is 16 to 235 and chroma 16 to 240; a little beyond is kept, as files do.
    """
    height, width = planes[0].shape
    levels = np.concatenate([planes[0].ravel() * 219 + 16, *(plane.ravel() * 224 + 128 for plane in planes[1:])])
    rounded: Picture = np.clip(levels + 0.5, 1, 254).astype(np.uint8)
    return rounded.reshape(height * 3 // 2, width)


def luma_of_file(stored: Picture) -> Plane:
    """Luma ``[h, w]``, 0 to 1, of what :func:`to_file` gives; not clipped."""
    height = stored.shape[0] * 2 // 3
    return (stored[:height].astype(np.float32) - 16) / np.float32(219)


def from_file(stored: Picture) -> Planes:
    """Planes in 4:2:0 of what :func:`to_file` gives."""
    height, width = stored.shape[0] * 2 // 3, stored.shape[1]
    blue, red = stored[height:].reshape(2, height // 2, width // 2)
    return luma_of_file(stored), _chroma(blue), _chroma(red)


def _plane(rgb: Rgb, number: int) -> Plane:
    return cast(Plane, rgb.astype(np.float32) @ (_YCC_OF_RGB[number] / 255))


def _chroma(stored: Picture) -> Plane:
    return (stored.astype(np.float32) - 128) / np.float32(224)
