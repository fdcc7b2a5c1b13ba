"""Painting opaque shapes on one another with smooth edges.

Shapes are drawn as numbers on a sheet finer than the canvas, and become colours all at once; edges are then means
over the finer pixels, and thousands of shapes cost little.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from vsmagic.training.degrade import Plane
from vsmagic.training.pictures.fields import halved
from vsmagic.training.pictures.palette import Canvas, Paint
from vsmagic.training.pictures.shapes import Points

FINER = 2
"""Pixels of the sheet to one of the canvas."""


class Painter:
    """A sheet that shapes are drawn on, the last one on top."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._sheet = Image.new("I", (FINER * size, FINER * size))
        self._pencil = ImageDraw.Draw(self._sheet)
        self._paints: list[Paint] = [np.zeros(3, dtype=np.float32)]

    def shape(self, points: Points, paint: Paint) -> None:
        """Draw a filled outline ``[points, 2]``, in pixels of the canvas."""
        self._paints.append(paint)
        self._pencil.polygon((points * FINER).ravel().tolist(), fill=len(self._paints) - 1)

    def shapes(self, outlines: list[Points] | Points, paints: Paint) -> None:
        """Draw outlines in colours ``[count, 3]``."""
        for points, paint in zip(outlines, paints, strict=True):
            self.shape(points, paint)

    @property
    def count(self) -> int:
        """How many shapes have been drawn."""
        return len(self._paints) - 1

    def names(self) -> NDArray[np.int32]:
        """The number of the shape on top of each pixel of the canvas, from 1; 0 where there is none."""
        return np.asarray(self._sheet)[::FINER, ::FINER]

    def over(self, ground: Canvas) -> Canvas:
        """Return what the shapes look like over a ground."""
        table = np.stack(self._paints, 1)
        fine = np.asarray(self._sheet)
        bare = 1 - self.cover()
        level = halved(table[0][fine]) + bare * ground[0]
        coarse = fine[::FINER, ::FINER]
        rest = [np.where(coarse > 0, table[n][coarse], ground[n]) for n in (1, 2)]
        return np.stack([level, *rest])

    def cover(self) -> Plane:
        """How much of each pixel shapes cover, 0 to 1."""
        return halved((np.asarray(self._sheet) > 0).astype(np.float32))
