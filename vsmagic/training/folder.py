"""Pictures to train on out of a user's own folder: crops of pictures, and of frames of videos."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vsmagic.errors import OptionError, VsmagicError, reason

if TYPE_CHECKING:
    import vapoursynth as vs

log = logging.getLogger(__name__)

type Rgb = NDArray[np.uint8]
"""A colour picture, ``[height, width, 3]``; 8 bits, full range."""

_TRIES = 8
# Mean difference of neighbouring pixels, in levels of 255, below which a crop counts as flat.
_DETAIL = 1.5
# What lies beside pictures and videos and is neither: left out without a word.
_OTHER = frozenset({".txt", ".md", ".json", ".xml", ".nfo", ".srt", ".ass", ".db", ".ini", ".url", ".html"})


def pictures_of(folder: Path, *, size: int, count: int, seed: int) -> list[Rgb]:
    """Crop pictures out of those, and out of the videos, in a folder and the folders below it.

    Every file gives about as many; frames are spread over a video. A crop with hardly any detail is drawn again, up
    to 8 times. Hidden files and text are left out; files that cannot be read, and ones that are too small, are told in
    warnings. The seed and the files' names and content decide, wherever the folder lies.

    Args:
        folder: Where the files are.
        size: Height and width of a crop, in pixels.
        count: How many crops.
        seed: Any non-negative integer.

    Returns:
        ``count`` pictures of 8-bit full-range RGB ``[size, size, 3]``, file by file.

    Raises:
        OptionError: the folder holds nothing usable.
    """
    return [crop for crop, _ in named_pictures_of(folder, size=size, count=count, seed=seed)]


def named_pictures_of(folder: Path, *, size: int, count: int, seed: int) -> list[tuple[Rgb, str]]:
    """Crop as :func:`pictures_of` does, and tell the file's name below the folder beside each crop."""
    found = _Found(size=size)
    opened = [one for path in _files(folder) if (one := found.open(path, folder)) is not None]
    crops: list[tuple[Rgb, str]] = []
    # A file may still fail while it is read: what it owed is asked of the others.
    while opened and len(crops) < count:
        shares = _shares(count - len(crops), opened, seed)
        for one, share in zip(list(opened), shares, strict=True):
            taken = found.crops(one, share, seed, len(crops))
            crops += [(crop, one.name) for crop in taken]
            if len(taken) < share:
                opened.remove(one)
    found.tell()
    if len(crops) < count:
        raise OptionError(
            f"{folder}: holds no picture and no video of at least {size}x{size} pixels that can be read; expected "
            "some in it or below. Name another folder, or take smaller pictures."
        )
    return crops


@dataclass(frozen=True, kw_only=True)
class _Source:
    """A file that crops come from."""

    path: Path
    name: str
    """Below the folder, with slashes."""
    video: "vs.VideoNode | None"
    """The clip as RGB24; None for a still picture, which is read when it is asked for."""


@dataclass(kw_only=True)
class _Found:
    """What was looked at, and what of it is of no use."""

    size: int
    small: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    def open(self, path: Path, folder: Path) -> _Source | None:
        """Open a file; None, and a note, where it cannot be read or is too small."""
        name = path.relative_to(folder).as_posix()
        try:
            still = _still_size(path)
            video = None if still else _video(path)
        except _unreadable() as error:
            self.broken.append(f"{name} ({reason(error)})")
            return None
        width, height = still or ((video.width, video.height) if video else (0, 0))
        if min(width, height) < self.size:
            self.small.append(name)
            return None
        return _Source(path=path, name=name, video=video)

    def crops(self, one: _Source, count: int, seed: int, number: int) -> list[Rgb]:
        """Cut crops out of a file; fewer, and a note, where it turns out to be broken."""
        random = np.random.default_rng([seed, number])
        crops: list[Rgb] = []
        try:
            crops.extend(_crop(frame, self.size, random) for frame in _frames(one, count))
        except _unreadable() as error:
            self.broken.append(f"{one.name} ({reason(error)})")
        return crops

    def tell(self) -> None:
        """Warn of files that gave nothing."""
        if self.small:
            log.warning("%d of the files are smaller than %dx%d and left out", len(self.small), self.size, self.size)
        if self.broken:
            log.warning("left out, for they cannot be read: %s", "; ".join(self.broken))


def _unreadable() -> tuple[type[Exception], ...]:
    """What is raised for a file that cannot be read: Pillow knows no common error for broken pictures and huge ones."""
    import vapoursynth as vs
    from PIL import Image

    return VsmagicError, vs.Error, OSError, ValueError, SyntaxError, TypeError, Image.DecompressionBombError


def _files(folder: Path) -> list[Path]:
    """Files at and below a folder in the order of their names; no hidden ones, nor text."""
    if not folder.is_dir():
        raise OptionError(f"{folder}: is no folder; expected one with pictures or videos in it. Check the name.")
    paths = [path for path in folder.rglob("*") if path.is_file() and path.suffix.lower() not in _OTHER]
    seen = {path.relative_to(folder): path for path in paths}
    return [seen[name] for name in sorted(seen, key=Path.as_posix) if not any(p.startswith(".") for p in name.parts)]


def _shares(count: int, sources: list[_Source], seed: int) -> list[int]:
    """How many crops each file gives: equally many, and one more for some that chance picks."""
    each, more = divmod(count, len(sources))
    lucky = np.random.default_rng([seed, count]).permutation(len(sources)) < more
    return [each + int(one) for one in lucky]


def _still_size(path: Path) -> tuple[int, int] | None:
    """Width and height of a picture as it is shown; None where Pillow knows no picture in it, or several."""
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with Image.open(path) as picture:
            if getattr(picture, "n_frames", 1) > 1:
                return None
            return ImageOps.exif_transpose(picture).size  # which also finds a picture that is cut off
    except UnidentifiedImageError:
        return None


def _video(path: Path) -> "vs.VideoNode":
    """Open a video as RGB24, by its own matrix and range."""
    import vapoursynth as vs

    from vsmagic import colours
    from vsmagic.source import source

    return colours.tagged(source(path)).resize.Bicubic(format=vs.RGB24)


def _frames(one: _Source, count: int) -> Iterator[Rgb]:
    """Give ``count`` pictures of a file: the same still one again, or frames spread over a video."""
    if not count:
        return
    if one.video is None:
        yield from [_still(one.path)] * count
        return
    for number in range(count):
        with one.video.get_frame((2 * number + 1) * one.video.num_frames // (2 * count)) as frame:
            yield np.stack([np.asarray(frame[plane]) for plane in range(3)], axis=-1)


def _still(path: Path) -> Rgb:
    from PIL import Image, ImageOps

    with Image.open(path) as picture:
        upright = ImageOps.exif_transpose(picture)
        if upright.mode.startswith("I"):  # 16 bits of grey, which convert() would cut off at 255
            upright = Image.fromarray((np.asarray(upright).clip(0, 65535) / 257 + 0.5).astype(np.uint8))
        return np.asarray(upright.convert("RGB"))


def _crop(frame: Rgb, size: int, random: np.random.Generator) -> Rgb:
    """Cut a square at a random place with some detail; where none is found, the one with most."""
    best, most = frame[:size, :size], -1.0
    for _ in range(1 + _TRIES):
        y, x = (int(random.integers(0, length - size + 1)) for length in frame.shape[:2])
        crop = frame[y : y + size, x : x + size]
        detail = _detail(crop)
        if detail > most:
            best, most = crop, detail
        if most >= _DETAIL:
            break
    return np.ascontiguousarray(best)


def _detail(crop: Rgb) -> float:
    levels = crop.mean(2)
    return float(np.abs(np.diff(levels, axis=0)).mean() + np.abs(np.diff(levels, axis=1)).mean()) / 2
