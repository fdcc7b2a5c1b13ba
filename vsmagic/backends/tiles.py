"""Cutting a frame into tiles whose seams cannot be seen: where to cut, and how to put together again.

Every tile has the same size (one compiled shape), overlaps its neighbours by twice the halo, and gives only the
pixels that are a halo or more away from a cut, so each of them is what the whole frame would have given.
"""

import math
from collections.abc import Callable

import msgspec
import vapoursynth as vs

from vsmagic.errors import OptionError


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """One tile along one axis, in input pixels."""

    start: int
    """First pixel the network sees."""
    keep: int
    """First pixel whose result is kept."""
    end: int
    """End of the kept pixels, exclusive."""


def spans(length: int, tile: int, halo: int, multiple: int) -> tuple[int, tuple[Span, ...]]:
    """Cut one axis into tiles of one size.

    Args:
        length: pixels along the axis, a multiple of ``multiple``.
        tile: longest tile allowed, halo included.
        halo: pixels an output pixel looks beyond its place.
        multiple: tiles start on and measure multiples of this.

    Returns:
        The tiles' common size and the tiles, which together keep every pixel once.

    Raises:
        OptionError: a tile of that size keeps nothing, being no larger than its two halos.
    """
    if tile >= length:
        return length, (Span(start=0, keep=0, end=length),)
    halo = _up(halo, multiple)
    tile -= tile % multiple
    core = tile - 2 * halo
    if core < multiple:
        raise OptionError(f"tile: {tile} pixels are too few for this model; expected at least {2 * halo + multiple}.")
    count = math.ceil((length - 2 * halo) / core)
    # As even as they can be, so that no tile is computed mostly for its halo.
    size = min(tile, _up(math.ceil((length - 2 * halo) / count), multiple) + 2 * halo)
    starts = [min(n * (size - 2 * halo), length - size) for n in range(count)]
    cuts = [0, *(start + halo for start in starts[1:]), length]
    return size, tuple(Span(start=start, keep=cuts[n], end=cuts[n + 1]) for n, start in enumerate(starts))


def tiled(
    clip: vs.VideoNode,
    size: tuple[int, int],
    *,
    halo: int,
    multiple: int,
    scale: int,
    run: Callable[[vs.VideoNode], vs.VideoNode],
) -> vs.VideoNode:
    """Apply ``run`` tile by tile; its result is ``scale`` times larger.

    Args:
        clip: the whole frame, its size a multiple of ``multiple``.
        size: largest tile, (width, height), halo included.
        halo: pixels an output pixel looks beyond its place.
        multiple: tiles start on and measure multiples of this.
        scale: output size over input size.
        run: applies the network to a clip of one tile.
    """
    width, columns = spans(clip.width, size[0], halo, multiple)
    height, rows = spans(clip.height, size[1], halo, multiple)
    cells = [(row, column) for row in rows for column in columns]
    windows = [clip.std.CropAbs(width, height, column.start, row.start) for row, column in cells]
    # All tiles go through one filter, one after the other: each further one would hold the network's memory again.
    done = run(vs.core.std.Interleave(windows, modify_duration=False))

    def kept(number: int) -> vs.VideoNode:
        row, column = cells[number]
        tile = done.std.SelectEvery(len(cells), number, modify_duration=False)
        return tile.std.CropAbs(
            (column.end - column.keep) * scale,
            (row.end - row.keep) * scale,
            (column.keep - column.start) * scale,
            (row.keep - row.start) * scale,
        )

    parts = [kept(number) for number in range(len(cells))]
    lines = [_stack(parts[n : n + len(columns)], across=True) for n in range(0, len(parts), len(columns))]
    return _stack(lines, across=False)


def fitting(width: int, height: int, halo: int, multiple: int, pixels: int) -> tuple[int, int]:
    """Return the tile (width, height) of at most ``pixels`` pixels that computes the least for its halos.

    The whole frame where it fits; else the split whose tiles together cover the fewest pixels.
    """
    if width * height <= pixels:
        return width, height
    least = 2 * _up(halo, multiple) + multiple
    best, best_cost = (min(width, least), min(height, least)), math.inf
    for columns in range(1, math.ceil(width / multiple) + 1):
        tile_width = _share(width, columns, halo, multiple)
        if tile_width < min(least, width):
            break
        rows = next((r for r in range(1, height + 1) if tile_width * _share(height, r, halo, multiple) <= pixels), None)
        if rows is None:
            continue
        tile_height = _share(height, rows, halo, multiple)
        cost = columns * rows * tile_width * tile_height
        if tile_height >= min(least, height) and cost < best_cost:
            best, best_cost = (tile_width, tile_height), cost
    return best


def _share(length: int, count: int, halo: int, multiple: int) -> int:
    """Size of each of ``count`` equal tiles over a length."""
    halo = _up(halo, multiple)
    return length if count == 1 else min(length, _up(math.ceil((length - 2 * halo) / count), multiple) + 2 * halo)


def _up(value: int, multiple: int) -> int:
    return -(-value // multiple) * multiple


def _stack(parts: list[vs.VideoNode], *, across: bool) -> vs.VideoNode:
    if len(parts) == 1:
        return parts[0]
    return vs.core.std.StackHorizontal(parts) if across else vs.core.std.StackVertical(parts)
