"""A sheet that shows what a network will train on: pictures, and what wear makes of them."""

import io
from collections.abc import Iterable
from dataclasses import dataclass
from textwrap import wrap

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from vsmagic.training.degrade import Picture

type Rgb = NDArray[np.uint8]
"""A colour picture, ``[height, width, 3]``; 8 bits, full range."""

_MARGIN = 8
_POINTS = 11
_LEADING = 14
_LINES = 5
_LETTER = 6.2  # mean width of a letter of that size, in pixels
_PAPER, _INK = (24, 24, 24), (225, 225, 225)
_WIDEST = 1800


@dataclass(frozen=True, kw_only=True)
class Example:
    """One picture of a sheet and its worn version."""

    picture: Rgb
    """8-bit ``[h, w, 3]``; of one size in a sheet."""
    small: Picture
    """8-bit luma ``[h / scale, w / scale]``."""
    name: str
    """What stands under the picture: its kind, or its file."""
    steps: str
    """What stands under the worn one: what became of it."""


def sheet(examples: Iterable[Example]) -> bytes:
    """Lay examples out side by side, each worn picture enlarged by nearest neighbour to the size of the other.

    Args:
        examples: At least one.

    Returns:
        The sheet as a PNG.

    Raises:
        ValueError: there are none.
    """
    shown = list(examples)
    if not shown:
        raise ValueError("sheet: no examples; expected at least one.")
    height, width, _ = shown[0].picture.shape
    pair, row = 2 * width + 2 * _MARGIN, height + _LINES * _LEADING + _MARGIN
    columns = max(1, min(len(shown), (_WIDEST - _MARGIN) // pair))
    rows = -(-len(shown) // columns)
    paper = Image.new("RGB", (_MARGIN + columns * pair, _MARGIN + rows * row), _PAPER)
    for number, example in enumerate(shown):
        _lay(paper, example, _MARGIN + number % columns * pair, _MARGIN + number // columns * row)
    file = io.BytesIO()
    paper.save(file, format="PNG")
    return file.getvalue()


def _lay(paper: Image.Image, example: Example, left: int, top: int) -> None:
    height, width, _ = example.picture.shape
    paper.paste(Image.fromarray(example.picture), (left, top))
    _label(paper, example.name, left, top + height, width)
    enlarged = Image.fromarray(example.small).resize((width, height), Image.Resampling.NEAREST)
    paper.paste(enlarged, (left + width + _MARGIN // 2, top))
    _label(paper, example.steps, left + width + _MARGIN // 2, top + height, width)


def _label(paper: Image.Image, words: str, left: int, top: int, width: int) -> None:
    pencil, font = ImageDraw.Draw(paper), ImageFont.load_default(_POINTS)
    lines = wrap(words, max(8, int(width / _LETTER)), max_lines=_LINES, placeholder=" …")
    for number, line in enumerate(lines):
        pencil.text((left, top + number * _LEADING + 1), line, fill=_INK, font=font)
