"""Measuring whether small text stays legible when it is enlarged.

Single letters and short words of several fonts and scripts are written on a sheet, dark on light and light on dark, at
sizes that leave 5 to 12 small pixels a letter. The sheet is reduced and enlarged again, and two things are measured:
how far the letters are from what was written, over their boxes alone, and how many of them are still taken for
themselves: each letter that stands alone is compared with all letters of its font and size.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from vsmagic.training.degrade import Picture, Plane, enlarged, reduced, to_bytes, to_plane
from vsmagic.training.evaluate import FULL, LUMA_BT601, Enlarger, enlarge
from vsmagic.training.options import Purpose
from vsmagic.training.pictures.fonts import font
from vsmagic.training.wear import compressed

LETTERS: tuple[tuple[str, str], ...] = (
    ("DejaVuSans.ttf", "abcdeghkmnorsuwxzBDGQRS023568"),
    ("DejaVuSerif.ttf", "acegmosukzαβδεθλξσφω3568"),  # noqa: RUF001  Greek it is
    ("STIXGeneral.ttf", "aceosnumrжикнпцшщыэ034689"),
    ("DejaVuSans-Bold.ttf", "вдзкмнпцшщью235689"),
    ("ipaexg.ttf", "あおぬねめるろアウクケシツソンワ日目自見国円会今全金大太"),
)
"""Fonts, and letters that are told apart in each; many are much alike."""

WORDS: tuple[tuple[str, str], ...] = (
    ("DejaVuSans.ttf", "fjord 42"),
    ("DejaVuSerif.ttf", "Ελλάδα"),
    ("STIXGeneral.ttf", "Жизнь"),
    ("ipaexg.ttf", "日本語"),
)
"""Fonts, and short words, which count for the error alone."""

CODECS: tuple[tuple[str, int], ...] = (("h264", 30), ("mjpeg", 6))
"""Codecs and settings that the text goes through for networks that restore, beside none."""

SIZES: dict[int, tuple[int, ...]] = {1: (9, 12), 2: (14, 20), 4: (22, 24)}
"""Sizes of the fonts in pixels of the large picture, by the scale: small letters of 5 to 12 pixels where it allows."""

_INKS = ((40, 225), (230, 30))
"""Ink and paper of text dark on light and light on dark, of 255."""

_REACH = 1
"""Large pixels that a letter may have moved, in each direction."""


@dataclass(frozen=True, kw_only=True)
class Text:
    """How legible text was after one enlargement."""

    psnr: float
    """Over the boxes of letters and words alone, full swing, in dB."""
    recognised: float
    """Share of the single letters that are most like themselves, 0 to 1."""


@dataclass(frozen=True, kw_only=True)
class Legibility:
    """Text after bicubic and after a network."""

    name: str
    """``clean``, or the codec and its setting."""
    bicubic: Text
    """At scale 1: the small picture as it is."""
    model: Text


@dataclass(frozen=True, kw_only=True)
class _Box:
    """A written letter or word: where it stands on its sheet, and what it might have been."""

    area: tuple[slice, slice]
    """Rows and columns of the large sheet."""
    letter: int | None
    """Its number among those of its font; None for a word."""
    alphabet: tuple[str, str, int]
    """File of the font, its letters, size in pixels."""


@dataclass(frozen=True, kw_only=True, eq=False)
class _Sheet:
    """8-bit luma ``[height, width]``, full range, of one ink and one paper, with what is written on it."""

    picture: Picture
    boxes: tuple[_Box, ...]


def legibility(residual: Enlarger, *, scale: int = 2, purpose: Purpose = "clean") -> list[Legibility]:
    """Measure text after a network and after bicubic; the same numbers every time.

    Args:
        residual: gives the residual ``[scale * h, scale * w]`` for luma ``[h, w]``, both even.
        scale: output size over input size: 1, 2 or 4.
        purpose: ``restore`` measures text that went through :data:`CODECS` too.

    Returns:
        Clean text first, then one of each codec.
    """
    found = [_measured("clean", scale, residual, None)]
    if purpose == "restore":
        found += [_measured(f"{codec} {quality}", scale, residual, (codec, quality)) for codec, quality in CODECS]
    return found


def _measured(name: str, scale: int, residual: Enlarger, codec: tuple[str, int] | None) -> Legibility:
    sheets = _sheets(scale)
    smalls = [_small(sheet.picture, scale, codec) for sheet in sheets]
    return Legibility(
        name=name,
        bicubic=_text(sheets, (enlarged(small, scale) for small in smalls)),
        model=_text(sheets, (enlarge(small, residual, scale) for small in smalls)),
    )


def _small(picture: Picture, scale: int, codec: tuple[str, int] | None) -> Plane:
    """Reduce a sheet, and compress it where there is a codec; luma ``[height / scale, width / scale]``, 0 to 1."""
    small = reduced(picture, scale)
    if codec is None:
        return to_plane(small)
    worn: Plane = (compressed(np.repeat(small[:, :, None], 3, axis=2), *codec) @ LUMA_BT601 / FULL).astype(np.float32)
    return worn


def _text(sheets: Iterable[_Sheet], results: Iterable[Plane]) -> Text:
    """Compare enlarged sheets with what was written."""
    errors: list[NDArray[np.float64]] = []
    hits: list[bool] = []
    for sheet, result in zip(sheets, results, strict=True):
        shown = to_bytes(result).astype(np.float64)
        for box in sheet.boxes:
            errors.append(((shown[box.area] - sheet.picture[box.area]) ** 2).ravel())
            if box.letter is not None:
                hits.append(_recognised(shown, box) == box.letter)
    mean = float(np.mean(np.concatenate(errors)))
    return Text(psnr=10 * float(np.log10(FULL**2 / max(mean, 1e-10))), recognised=float(np.mean(hits)))


def _recognised(shown: NDArray[np.float64], box: _Box) -> int:
    """Return the number of the letter that this place looks most like, whatever its contrast's sign."""
    templates = _templates(*box.alphabet)  # [letters, pixels]
    rows, columns = box.area
    best = np.zeros(len(templates))
    for down in range(-_REACH, _REACH + 1):
        for right in range(-_REACH, _REACH + 1):
            place = slice(rows.start + down, rows.stop + down), slice(columns.start + right, columns.stop + right)
            best = np.maximum(best, np.abs(templates @ _normalised(shown[place].ravel())))
    return int(np.argmax(best))


def _normalised(numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    """Take the mean out, and let the squares sum to 1."""
    centred = numbers - numbers.mean()
    unit: NDArray[np.float64] = centred / max(float(np.sqrt((centred**2).sum())), 1e-9)
    return unit


@cache
def _templates(file: str, letters: str, size: int) -> NDArray[np.float64]:
    """All letters of a font at a size, ``[letters, pixels]``, each normalised."""
    side = _side(size)
    return np.stack([_normalised(_ink(file, letter, size, side).astype(np.float64).ravel()) for letter in letters])


def _side(size: int) -> int:
    """Height and width of a letter's box in pixels: all of it and a pixel's softness around."""
    return size + 6


def _ink(file: str, line: str, size: int, width: int) -> Picture:
    """A letter or a word in the middle of its box: ``[height, width]``, 0 for paper, 255 for ink."""
    sheet = Image.new("L", (width, _side(size)))
    ImageDraw.Draw(sheet).text(
        (width // 2, round(0.78 * _side(size))), line, fill=255, font=font(file, size), anchor="ms"
    )
    return np.asarray(sheet)


@cache
def _sheets(scale: int) -> tuple[_Sheet, ...]:
    """All that is written: a sheet for each size and each ink."""
    return tuple(_sheet(size, ink, paper) for size in SIZES[scale] for ink, paper in _INKS)


def _sheet(size: int, ink: int, paper: int) -> _Sheet:
    """Write all letters and words at one size, so that they fall differently on the small picture's pixels."""
    side, columns = _side(size), 14
    pitch, words = side + 5, 3 * side
    written = list(_written(size))
    rows = -(-len(written) // columns) + 1
    height, width = (-(-length // 8) * 8 for length in (rows * pitch + 8, columns * pitch + 8))
    cover = np.zeros((height, width), dtype=np.uint8)
    boxes = []
    for number, (line, letter, alphabet) in enumerate(written):
        length = side if letter is not None else words
        row, column = divmod(number, columns) if letter is not None else (rows - 1, 3 * (len(written) - 1 - number))
        # The pitch is no multiple of the scale, and every third box is a pixel off: all phases occur.
        top, left = 4 + row * pitch + number % 3 - 1, 4 + column * pitch + number % 2
        area = slice(top, top + side), slice(left, left + length)
        cover[area] = _ink(alphabet[0], line, size, length)
        boxes.append(_Box(area=area, letter=letter, alphabet=alphabet))
    share = to_plane(cover)
    return _Sheet(picture=to_bytes((paper + share * (ink - paper)) / np.float32(FULL)), boxes=tuple(boxes))


def _written(size: int) -> Iterator[tuple[str, int | None, tuple[str, str, int]]]:
    """Yield what is written, its number among its font's letters, and their alphabet; words come last."""
    for file, letters in LETTERS:
        for number, letter in enumerate(letters):
            yield letter, number, (file, letters, size)
    for file, word in WORDS:
        yield word, None, (file, word, size)
