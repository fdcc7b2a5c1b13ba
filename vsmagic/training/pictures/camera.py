"""From a canvas to a picture: lens, exposure, grain, file."""

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image

from vsmagic.training.degrade import Plane, resample, resampling, to_bytes
from vsmagic.training.pictures.fields import Random, blurred, halved, soft_noise
from vsmagic.training.pictures.palette import RGB, Canvas, to_rgb

SUPERSAMPLING = 2
"""A picture is drawn this many times larger."""


@dataclass(frozen=True, kw_only=True)
class Look:
    """What becomes of canvases, as shares of pictures."""

    light: float
    """Those that lie in uneven light."""
    negative: float
    """Those whose dark and bright change places."""
    grain: float
    """Those with a little noise or film grain: it cannot be predicted, and only has to be known."""


def taken(random: Random, canvas: Canvas, look: Look) -> RGB:
    """Photograph a canvas."""
    reduced = _reduce(random, canvas)
    if random.random() < look.light:
        amount = random.uniform(0, 0.6) * float(reduced[0].std())
        reduced[0] += np.float32(amount) * soft_noise(random, reduced.shape[1], random.uniform(2, 3))
    exposed = to_rgb(_expose(random, reduced, look.negative))
    if random.random() < look.grain:
        exposed = exposed + _grain(random, exposed.shape[1])
    return _filed(random, np.ascontiguousarray(to_bytes(exposed).transpose(1, 2, 0)))


def _reduce(random: Random, canvas: Canvas) -> Canvas:
    """Bring the canvas to its final size with a lens a little softer or sharper; some are sharpened, as cameras do."""
    size = canvas.shape[1]
    blur = float(random.choice([0.0, 0.0, 0.0, 0.5, 0.8, 1.1, 1.5]))
    matrix = resampling(size, size // SUPERSAMPLING, blur)
    if random.random() < 0.4:
        amount = np.float32(random.uniform(0, 0.5))
        matrix = (1 + amount) * matrix - amount * resampling(size, size // SUPERSAMPLING, 2.0)
    return np.stack([resample(matrix, canvas[0], matrix), halved(canvas[1]), halved(canvas[2])])


def _expose(random: Random, canvas: Canvas, negative: float) -> Canvas:
    """Bring luma to 0 to 1 with a random contrast, brightness and gamma, either way up; colours follow the light."""
    low, high = np.quantile(canvas[0], [0.01, 0.99])
    level = np.clip((canvas[0] - np.float32(low)) / np.float32(max(float(high - low), 0.05)), -0.05, 1.05)
    gamma_side = 1 - level if random.random() < negative else level
    level = np.clip(gamma_side, 0, None) ** np.float32(2 ** random.uniform(-0.7, 0.7))
    contrast = random.uniform(0.4, 1.05)
    exposed: Plane = np.float32(random.uniform(0, max(1 - contrast, 0))) + np.float32(contrast) * level
    lit = np.float32(0.4) + exposed
    return np.stack([exposed, canvas[1] * lit, canvas[2] * lit])


def _grain(random: Random, size: int) -> Canvas:
    """Noise of a sensor, or of film: coarser, and nearly the same in all colours."""
    amount = np.float32(random.uniform(0.3, 2.5) / 255)
    if random.random() < 0.5:
        return random.standard_normal((3, size, size), dtype=np.float32) * amount
    grey = blurred(random.standard_normal((size, size), dtype=np.float32), random.uniform(0.5, 1.2))
    return np.broadcast_to(grey * (amount / grey.std()), (3, size, size))


def _filed(random: Random, rgb: RGB) -> RGB:
    """One in ten went through a good JPEG."""
    if random.random() >= 0.1:
        return rgb
    file = io.BytesIO()
    subsampling = "4:2:0" if random.random() < 0.5 else "4:4:4"
    Image.fromarray(rgb).save(file, "JPEG", quality=int(random.integers(85, 98)), subsampling=subsampling)
    return np.asarray(Image.open(file))
