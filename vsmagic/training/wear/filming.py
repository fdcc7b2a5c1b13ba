"""A large picture filmed as a short small clip that stands still or pans, progressive or of two fields."""

from dataclasses import dataclass

from vsmagic.training.degrade import Plane, resample
from vsmagic.training.wear import lines
from vsmagic.training.wear.colour import Planes

FIELDS = ("progressive", "combed", "bob", "doubled lines", "blended fields")
"""What became of interlacing: there was none; the fields, half a frame apart in time, are woven as they are; every
other line was made of its neighbours, or is the same as the one before; neighbouring lines were mixed."""


@dataclass(frozen=True, kw_only=True)
class Film:
    """How it is filmed."""

    scale: int
    """How many times smaller the frames are than the picture."""
    kernel: str
    """What they are resampled with: a name in ``lines.KERNELS``."""
    soft: float = 1.0
    """That kernel is this much wider than it has to be."""
    speed: tuple[float, float] = (0.0, 0.0)
    """Down and across, in small pixels a frame."""
    count: int = 1
    """Frames."""
    taken: int = 0
    """The frame whose shift is zero."""
    fields: str = "progressive"
    """One of ``FIELDS``."""

    def frames(self, planes: Planes) -> list[Planes]:
        """Shoot planes in 4:2:0; what does not change between frames is one array.

        The picture ends at its mirrored border.
        """
        if any(self.speed) or self.fields == "bob":
            return [self._frame(planes, number) for number in range(self.count)]
        return [self._frame(planes, self.taken)] * self.count

    def luma(self, plane: Plane, number: int) -> Plane:
        """Luma ``[H / scale, W / scale]`` of frame ``number``."""
        time = number - self.taken
        if self.fields != "combed" or not any(self.speed):
            return self._shot(plane, time, self._rows(plane.shape[0], time, number))
        # Each field is a quarter of a frame off, one early and one late: the picture lies between them.
        early, late = (self._shot(plane, time + part, None) for part in (-0.25, 0.25))
        early[1::2] = late[1::2]
        return early

    def _frame(self, planes: Planes, number: int) -> Planes:
        # Chroma pans, too, but its fields do not matter: it is there for the encoder, which spends bits on it.
        blue, red = (self._shot(plane, (number - self.taken) / 2, None) for plane in planes[1:])
        return self.luma(planes[0], number), blue, red

    def _shot(self, plane: Plane, time: float, rows: Plane | None) -> Plane:
        if rows is None:
            rows = self._lines(plane.shape[0], self.speed[0] * time)
        return resample(rows, plane, self._lines(plane.shape[1], self.speed[1] * time))

    def _rows(self, source: int, time: float, number: int) -> Plane:
        """The matrix down, with the deinterlacer's in it."""
        shift = self.speed[0] * time
        match self.fields:
            case "bob":
                return lines.bobbed(source // self.scale, number % 2) @ self._lines(source, shift)
            case "doubled lines":  # taken half a line lower, so that each pair lies about its middle
                return self._lines(source, shift + 0.5)[::2].repeat(2, axis=0)
            case "blended fields":
                return lines.blended(source // self.scale) @ self._lines(source, shift)
        return self._lines(source, shift)

    def _lines(self, source: int, shift: float) -> Plane:
        return lines.resampling(source, source // self.scale, self.kernel, shift=shift, soft=self.soft)
