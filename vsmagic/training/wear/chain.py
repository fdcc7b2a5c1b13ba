"""The way of a picture into an old file, step by step, each drawn at random."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from vsmagic.training.degrade import Picture, Plane, to_bytes
from vsmagic.training.wear import lens, lines, signal
from vsmagic.training.wear.codecs import CODECS, played
from vsmagic.training.wear.colour import Planes, Rgb, halved, luma_of_file, to_file
from vsmagic.training.wear.filming import Film

type Random = np.random.Generator

CLEAN = 1 / 5
"""The share of pictures that are resized and no more."""
CODED = 4 / 5
"""The share of the others that are resized by bicubic and compressed, and no more. Where more are blurred and noisy
too, a network cannot tell how sharp a picture was, and changes too much of files that an encoder has hardly touched: on
compressed pictures of Set5 it gained 0.45 dB over a clean network with a half, one in eight clean and fewer mild ones,
and 0.59 with these shares."""
_FRAMES = (3, 6)
# Small Gaussians, in small pixels: of few sizes, for their matrices are kept.
_GRAINS = (0.0, 0.5, 0.8, 1.2)
_HALOS = (0.6, 0.9, 1.3, 1.8)
_BLOCK = 16
_MANNERS = {"still": 0.35, "whole": 0.25, "fractional": 0.4}
_DEINTERLACED = {"combed": 0.3, "bob": 0.3, "doubled lines": 0.2, "blended fields": 0.2}


@dataclass(frozen=True, kw_only=True)
class Worn:
    """A small picture and what became of it."""

    picture: Picture
    """8-bit full-range luma ``[H / scale, W / scale]``."""
    steps: tuple[str, ...]
    """The steps in words, in their order."""


def worn(random: Random, large: Rgb, scale: int) -> Picture:
    """Make a small worn picture; see :func:`wear`, which also tells how."""
    return wear(random, large, scale).picture


def wear(random: Random, large: Rgb, scale: int) -> Worn:
    """Make the small picture that a viewer of old video has of a large one.

    It lies exactly where the large one does: the centres of both coincide, and on average nothing is displaced.
    The generator's state alone decides what happens, to the byte.

    Args:
        random: Where chance comes from.
        large: 8-bit RGB ``[H, W, 3]``, full range.
        scale: How many times smaller the result is each way, from 1; both sizes must be multiples of twice that.

    Raises:
        ValueError: a size is not such a multiple.
    """
    height, width, _ = large.shape
    if height % (2 * scale) or width % (2 * scale):
        raise ValueError(
            f"wear: the picture is {width}x{height}; both sizes must be multiples of {2 * scale}. Crop it first."
        )
    kernel = _drawn(random, {name: share for name, (_, _, share) in lines.KERNELS.items()}) if scale > 1 else "bicubic"
    resize = (f"{kernel} to 1/{scale}",) if scale > 1 else ()
    luma, blue, red = halved(large)
    if random.random() < CLEAN:
        small = Film(scale=scale, kernel=kernel).luma(luma, 0)
        return Worn(picture=to_bytes(small), steps=(*resize, "clean"))
    draw = _Draw(random)
    if random.random() < CODED:
        draw.steps += (f"bicubic to 1/{scale}",) if scale > 1 else ()
        film = _camera(draw, Film(scale=scale, kernel="bicubic"))
        frames = film.frames((luma, blue, red))
    else:
        kernels = _lens(draw, scale)
        draw.steps += resize
        film = _film(draw, scale, kernel)
        frames = _signal(draw, film.frames((lens.through(luma, kernels), blue, red)))
    files = _encoded(draw, [to_file(frame) for frame in frames])
    return Worn(picture=to_bytes(luma_of_file(files[film.taken])), steps=tuple(draw.steps))


class _Draw:
    """Chance that goes by a degree: how bad this picture is on the whole, 0 to 1."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.degree = float(random.beta(1.0, 1.6))
        self.steps: list[str] = []

    def takes(self, most: float) -> bool:
        """Whether a step is taken: with probability ``most`` at the worst degree, with a third of it at the best."""
        return bool(self.random.random() < most * (1 + 2 * self.degree) / 3)

    def amount(self, least: float, most: float) -> float:
        """How strong a step is."""
        return least + (most - least) * self.degree * float(self.random.uniform(0.4, 1.0))


def _lens(draw: _Draw, scale: int) -> list[Plane]:
    """Blurs, in large pixels; their strengths are in small ones."""
    kernels = []
    if draw.takes(0.45):
        along, ratio = draw.amount(0.25, 1.2), float(draw.random.choice([1.0, 0.7, 0.4]))
        across = max(ratio * along, 0.2)
        kernels.append(lens.gaussian(scale * along, scale * across, _angle(draw)))
        draw.steps.append(f"blur {along:.1f}" if ratio == 1 else f"blur {along:.1f}x{across:.1f}")
    # At most one of these on top: lenses that are out of focus in front of moving cameras leave nothing to restore.
    if draw.takes(0.15):
        radius = draw.amount(0.5, 1.5)
        kernels.append(lens.disc(scale * radius))
        draw.steps.append(f"defocus {radius:.1f}")
    elif draw.takes(0.15):
        length = draw.amount(1, 4)
        kernels.append(lens.motion(scale * length, _angle(draw)))
        draw.steps.append(f"motion {length:.1f}")
    return kernels


def _film(draw: _Draw, scale: int, kernel: str) -> Film:
    soft, fields = 1.0, "progressive"
    if draw.takes(0.2):
        soft = draw.amount(1.1, 1.6)
        draw.steps.append(f"soft {soft:.1f}")
    film = _camera(draw, Film(scale=scale, kernel=kernel, soft=soft))
    if draw.takes(0.35):
        still = () if any(film.speed) else ("combed",)  # what stands still shows no comb
        fields = _drawn(draw.random, {name: share for name, share in _DEINTERLACED.items() if name not in still})
        draw.steps.append(fields)
    return replace(film, fields=fields)


def _camera(draw: _Draw, film: Film) -> Film:
    """Let the camera stand still or pan, for a few frames of which one is taken."""
    count = int(draw.random.integers(_FRAMES[0], _FRAMES[1] + 1))
    taken = count // 2 if draw.random.random() < 0.6 else count - 1
    down, across = _speed(draw.random)
    if down or across:
        draw.steps.append(f"pan {across:.2g},{down:.2g}")
    return replace(film, speed=(down, across), count=count, taken=taken)


def _speed(random: Random) -> tuple[float, float]:
    """Down and across, in small pixels a frame: standing still, by whole ones, or by fractions."""
    manner = _drawn(random, _MANNERS)
    if manner == "still":
        return 0.0, 0.0
    down, across = (random.laplace(0, 1.2, 2) * (0.4, 1.0)).clip(-6, 6)  # cameras pan more than they tilt
    if manner == "whole":
        down, across = np.rint(down) + 0.0, np.rint(across) + 0.0  # and no negative zero
    return float(down), float(across)


def _signal(draw: _Draw, frames: list[Planes]) -> list[Planes]:
    """Noise, fresh in every frame, and sharpening, which raises the noise as well."""
    if draw.takes(0.6):
        kind = _drawn(draw.random, {name: share for name, (_, share) in signal.NOISES.items()})
        strength, grain = draw.amount(0.002, 0.035), float(draw.random.choice(_GRAINS))
        frames = [signal.noisy(draw.random, frame, kind, strength, grain) for frame in frames]
        draw.steps.append(f"{kind} {255 * strength:.1f}")
    if draw.takes(0.35):
        amount, wide = draw.amount(0.3, 1.6), float(draw.random.choice(_HALOS))
        across_only = bool(draw.random.random() < 0.4)
        frames = [signal.sharpened(frame, amount, wide, across_only=across_only) for frame in frames]
        draw.steps.append(f"halo {amount:.1f}, {wide:.1f} wide" + (" across" if across_only else ""))
    return frames


def _encoded(draw: _Draw, frames: list[Picture]) -> list[Picture]:
    """Compress once, or twice, the first time with blocks that begin elsewhere: it was cropped in between."""
    if draw.takes(0.3):
        up, left = (2 * int(draw.random.integers(0, _BLOCK // 2)) for _ in range(2))
        frames = [_uncovered(frame, up, left) for frame in _coded(draw, [_covered(f, up, left) for f in frames])]
    return _coded(draw, frames)


def _coded(draw: _Draw, frames: list[Picture]) -> list[Picture]:
    random, name = draw.random, _drawn(draw.random, {name: codec.share for name, codec in CODECS.items()})
    codec = CODECS[name]
    mild, bad = codec.span
    quality = round(mild + (bad - mild) * float(np.clip(random.normal(draw.degree, 0.2), 0, 1)))
    preset = str(random.choice(codec.presets)) if codec.presets else None
    draw.steps.append(f"{name} {codec.setting} {quality}" + (f" {preset}" if preset else ""))
    return played(frames, name, quality, preset=preset, b_frames=int(random.integers(0, 3)))


def _covered(stored: Picture, up: int, left: int) -> Picture:
    """Put mirrored lines and columns, even in number, above and left of what `colour.to_file` gives."""
    return _planewise(stored, lambda plane, part: np.pad(plane, ((up // part, 0), (left // part, 0)), mode="symmetric"))


def _uncovered(stored: Picture, up: int, left: int) -> Picture:
    return _planewise(stored, lambda plane, part: plane[up // part :, left // part :])


def _planewise(stored: Picture, change: Callable[[Picture, int], Picture]) -> Picture:
    """Change each plane of a file's frame; it is told that chroma is of half the size."""
    height, width = stored.shape[0] * 2 // 3, stored.shape[1]
    luma = change(stored[:height], 1)
    chroma = [change(plane, 2) for plane in stored[height:].reshape(2, height // 2, width // 2)]
    return np.concatenate([luma.ravel(), *(plane.ravel() for plane in chroma)]).reshape(-1, luma.shape[1])


def _angle(draw: _Draw) -> float:
    return float(draw.random.uniform(0, np.pi))


def _drawn(random: Random, shares: Mapping[str, float]) -> str:
    """One of the names, as often as its share."""
    names, weights = list(shares), np.array(list(shares.values()))
    return names[random.choice(len(names), p=weights / weights.sum())]
