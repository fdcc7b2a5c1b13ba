"""Generated pictures to train on: no photograph is needed, and none is used.

A picture is drawn at twice its size and reduced, so that edges are as soft as a camera's. Most are 'dead leaves', see
:mod:`.leaves`: such pictures share the statistics of natural ones (occlusion edges, scale invariance, a spectrum near
1/f). Others hold what such leaves lack: hair and foliage, walls and windows, coats and wings, stone and water, drawn
lines with flat colour, and text. :mod:`.kinds` lists them with their shares in film and in animation. Colours are muted
as the world's; some pictures get a little blur, grain or JPEG.

A picture depends on its seed, number, size and content alone, never on the others or on which process draws it. Between
machines single pixels may round to the next value, for numpy's matrix product adds in an order that goes by the CPU.
"""

import zlib
from functools import partial

import numpy as np

from vsmagic.training.pictures.camera import SUPERSAMPLING, taken
from vsmagic.training.pictures.fields import Random, smooth_noise
from vsmagic.training.pictures.kinds import KINDS, LOOKS, Content, Kind
from vsmagic.training.pictures.lettering import words
from vsmagic.training.pictures.palette import RGB, luma
from vsmagic.training.pictures.shapes import Outline, curve, outline
from vsmagic.training.workers import shared_out

__all__ = [
    "KINDS",
    "RGB",
    "Content",
    "Kind",
    "Outline",
    "Random",
    "curve",
    "drawn",
    "luma",
    "outline",
    "picture",
    "pool",
    "smooth_noise",
    "words",
]


def picture(seed: int, number: int, size: int, content: Content = "live") -> RGB:
    """Draw picture ``number`` of a seed.

    Args:
        seed: Any non-negative integer.
        number: Which of the seed's pictures, from 0.
        size: Height and width in pixels, even.
        content: What it is for: film, or animation.

    Returns:
        8-bit full-range RGB ``[size, size, 3]``.
    """
    random = np.random.default_rng([seed, number, zlib.crc32(content.encode())])
    names = list(KINDS)
    shares = np.array([getattr(KINDS[name], content) for name in names], dtype=np.float64)
    draw = KINDS[names[random.choice(len(names), p=shares / shares.sum())]].draw
    return taken(random, draw(random, SUPERSAMPLING * size), LOOKS[content])


def drawn(kind: str, seed: int, number: int, size: int, content: Content = "live") -> RGB:
    """Draw a picture of one kind, a key of :data:`KINDS`; the rest as for :func:`picture`."""
    random = np.random.default_rng([seed, number, zlib.crc32(kind.encode())])
    return taken(random, KINDS[kind].draw(random, SUPERSAMPLING * size), LOOKS[content])


def pool(seed: int, count: int, size: int, workers: int = 1, content: Content = "live") -> list[RGB]:
    """Draw pictures 0 to ``count`` (exclusive) of a seed, in order, on this many processes."""
    draw = partial(picture, seed, size=size, content=content)
    return shared_out(draw, range(count), workers)
