"""The kinds of picture, and how much of each there is in film and in animation."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from vsmagic.training.pictures import built, drawings, growth, leaves, lettering, wild
from vsmagic.training.pictures.camera import Look
from vsmagic.training.pictures.fields import Random, soft_noise
from vsmagic.training.pictures.painter import Painter
from vsmagic.training.pictures.palette import Canvas, mix
from vsmagic.training.pictures.shapes import outlines, radii

type Content = Literal["live", "animation"]
"""What pictures are for: photographs and film, or drawings."""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of picture."""

    draw: Callable[[Random, int], Canvas]
    """Draws a canvas of a size in drawn pixels."""
    live: float
    """Share among pictures for film."""
    animation: float
    """Share among pictures for animation."""


def collage(random: Random, size: int) -> Canvas:
    """Two other pictures, one seen in large shapes or through holes of the other."""
    shares = np.array([kind.live for kind in _SINGLE.values()])
    names = list(_SINGLE)
    back, front = (_SINGLE[names[n]].draw for n in random.choice(len(names), 2, p=shares / shares.sum()))
    if random.random() < 0.6:
        painter = Painter(size)
        sizes = radii(random, size, size / 10, 2.0, random.uniform(0.4, 1.0))
        shapes = outlines(random, random.uniform(0, size, (len(sizes), 2)), sizes)
        painter.shapes(shapes, np.zeros((len(sizes), 3), dtype=np.float32))
        cover = painter.cover()
    else:
        cover = np.clip(soft_noise(random, size, 1.9) * np.float32(size / 8) + np.float32(0.5), 0, 1)
    upper = front(random, size)
    upper[0] += np.float32(random.normal(0, 0.25))
    return mix(back(random, size), upper, cover)


_SINGLE: dict[str, Kind] = {
    "leaves": Kind(draw=leaves.leaves, live=0.22, animation=0.02),
    "focus": Kind(draw=leaves.focus, live=0.09, animation=0.03),
    "fur": Kind(draw=growth.fur, live=0.07, animation=0.0),
    "branches": Kind(draw=growth.branches, live=0.05, animation=0.01),
    "foliage": Kind(draw=growth.foliage, live=0.05, animation=0.01),
    "lattice": Kind(draw=built.lattice, live=0.06, animation=0.01),
    "bricks": Kind(draw=built.bricks, live=0.03, animation=0.01),
    "facade": Kind(draw=built.facade, live=0.06, animation=0.03),
    "weave": Kind(draw=built.weave, live=0.05, animation=0.0),
    "markings": Kind(draw=wild.markings, live=0.06, animation=0.01),
    "cracks": Kind(draw=wild.cracks, live=0.04, animation=0.0),
    "terrain": Kind(draw=wild.terrain, live=0.05, animation=0.0),
    "ripples": Kind(draw=wild.ripples, live=0.02, animation=0.0),
    "sky": Kind(draw=wild.sky, live=0.02, animation=0.05),
    "cartoon": Kind(draw=drawings.cartoon, live=0.03, animation=0.37),
    "tresses": Kind(draw=drawings.tresses, live=0.01, animation=0.15),
    "painted": Kind(draw=drawings.painted, live=0.01, animation=0.12),
    "speed": Kind(draw=drawings.speed, live=0.0, animation=0.05),
    "halftone": Kind(draw=drawings.halftone, live=0.01, animation=0.04),
    "text": Kind(draw=lettering.text, live=0.05, animation=0.09),
}

KINDS: dict[str, Kind] = {**_SINGLE, "collage": Kind(draw=collage, live=0.16, animation=0.0)}
"""Every kind by name. The shares of a content are relative to their sum."""

LOOKS: dict[Content, Look] = {
    "live": Look(light=0.6, negative=0.5, grain=1 / 6),
    "animation": Look(light=0.1, negative=0.15, grain=1 / 25),
}
"""How each content is photographed."""
