"""Where a layer's values lie in its texture: four planes to a texel, each group of four a picture of all cells.

The pictures stand side by side, so that neighbouring threads read and write neighbouring texels.
"""

import math
from dataclasses import dataclass

from vsmagic.shaders.network import Network

SIDE = 8
"""Side of the square of threads that make the same planes."""
EACH = 2
"""Side of the square of cells that a thread makes, ``SIDE`` cells apart: every weight it reads serves all of them."""
MOST_GROUPS = 4
"""Groups of four planes that a thread makes; with ``EACH`` squared it decides how many registers it needs."""


@dataclass(frozen=True, kw_only=True)
class Grid:
    """One layer: its texture, and how its work is shared out."""

    groups: int
    """Groups of four planes."""
    columns: int
    rows: int
    frame: tuple[str, str]
    """Cells of the frame (across, down), in the reverse Polish notation of user shaders."""

    @property
    def width(self) -> str:
        """The texture's width."""
        return f"{self.frame[0]} {self.columns} *"

    @property
    def height(self) -> str:
        """The texture's height."""
        return f"{self.frame[1]} {self.rows} *"

    @property
    def pictures(self) -> str:
        """In GLSL, how many pictures stand (side by side, on top of each other)."""
        return pair(self.columns, self.rows)

    @property
    def place(self) -> str:
        """In GLSL, where the picture of ``group`` stands, in pictures."""
        return f"ivec2(group % {self.columns}, group / {self.columns})"

    @property
    def slices(self) -> int:
        """Squares of threads in a work group; each makes other planes of the same cells."""
        return math.ceil(self.groups / MOST_GROUPS)

    @property
    def each(self) -> int:
        """Groups that a thread makes."""
        return math.ceil(self.groups / self.slices)

    @property
    def made(self) -> int:
        """Groups that are made, some of which may be none of the layer's."""
        return self.slices * self.each


def grid(network: Network, planes: int) -> Grid:
    """Lay out so many planes of a network's cells, as near to a square as it gets."""
    groups = math.ceil(planes / 4)
    columns = math.ceil(math.sqrt(groups))
    across, down = (_cells(size, network.cell, network.multiple) for size in ("LUMA.w", "LUMA.h"))
    return Grid(groups=groups, columns=columns, rows=math.ceil(groups / columns), frame=(across, down))


def _cells(size: str, cell: int, multiple: int) -> str:
    """Cells along a side: the size, taken up to the multiple, over a cell's side. The notation knows no rounding."""
    if multiple == 1:
        return size
    up = f"{multiple} {size} {multiple} % - {multiple} % {size} +"
    return f"{up} {cell} /" if cell > 1 else up


def texture(network: Network, layer: str) -> str:
    """Return what the texture of a layer's values is called."""
    letters = "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in network.name)
    return f"{letters}_{layer}".upper()


def weights_texture(network: Network, layer: str) -> str:
    """Return what the texture of a layer's weights is called."""
    return f"{texture(network, layer)}_WEIGHTS"


def pair(x: int, y: int) -> str:
    """Write two whole numbers in GLSL."""
    return f"ivec2({x}, {y})"
