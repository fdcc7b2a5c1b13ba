"""How far a deep network really looks: the halo that counts, measured, where the one of its layers is far larger.

Along its layers a pixel of Real-ESRGAN x4plus depends on what is 350 pixels away, and tiles with such a halo take
gigabytes. What is that far away moves the result by less than the last bit of a picture.
"""

import logging
import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from vsmagic.models.spec import ModelSpec

if TYPE_CHECKING:
    import numpy as np

log = logging.getLogger(__name__)

FAR = 64
"""Halos up to this are taken as they are."""

TOLERANCE = 1 / 2048
"""Most that what lies beyond the halo may change, on a scale from 0 to 1: half a step of 10 bits."""

_CUT, _HEIGHT = 96, 24
_SAFETY = 1.5


def nearer(spec: ModelSpec, run: "Callable[[np.ndarray], np.ndarray]", name: str) -> ModelSpec:
    """Return the spec with the halo that counts, where the one of the layers is larger than :data:`FAR`.

    A picture is cut, and each part of what the network makes of the rest is compared with what it makes of the
    whole: the halo ends half as far again as the last difference of more than :data:`TOLERANCE`. Where differences
    reach half-way to the picture's end or further, the halo stays.

    Args:
        spec: the network's facts.
        run: applies the network to ``[1, channels, height, width]``, float32 from 0 to 1.
        name: the model, for messages.
    """
    if spec.halo is None or spec.halo <= FAR:
        return spec
    cut = _up(_CUT, spec.multiple)
    last = max(_last_difference(run, picture, cut, spec.scale) for picture in _pictures(spec, cut))
    if last >= cut / 2:
        log.info("%s: what is %d pixels away still counts; the halo of its layers, %d, stays", name, last, spec.halo)
        return spec
    halo = min(spec.halo, _up(max(16, math.ceil(_SAFETY * (last + 1))), 8))
    log.info("%s: nothing counts beyond %d pixels; halo %d in place of %d", name, last, halo, spec.halo)
    return msgspec.structs.replace(spec, halo=halo)


def _last_difference(run: "Callable[[np.ndarray], np.ndarray]", picture: "np.ndarray", cut: int, scale: int) -> int:
    """Input pixels from the cut to the last column that the missing part would have changed."""
    whole = run(picture)[..., cut * scale :]
    rest = run(picture[..., cut:].copy())
    columns = abs(whole - rest).max(axis=(0, 1, 2)).reshape(-1, scale).max(axis=1)
    changed = (columns > TOLERANCE).nonzero()[0]
    return int(changed[-1]) if len(changed) else -1


def _pictures(spec: ModelSpec, cut: int) -> "list[np.ndarray]":
    """Return pictures twice as wide as the cut: full of detail, and with large hard shapes."""
    import numpy as np

    random = np.random.default_rng(7)
    size = (1, spec.channels, _up(_HEIGHT, spec.multiple), 2 * cut)
    noise = random.random(size)
    y, x = np.mgrid[0 : size[2], 0 : size[3]]
    stripes = ((x // 7 + y // 5) % 2) * 0.8 + 0.1
    shapes = np.broadcast_to(stripes, size) * 0.7 + 0.3 * noise.round()
    return [noise.astype(np.float32), shapes.astype(np.float32)]


def _up(value: int, multiple: int) -> int:
    return -(-value // multiple) * multiple
