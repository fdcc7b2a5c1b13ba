"""Generated moving scenes: three moments of one, and where everything went in between.

A scene is a background and up to five layers over it, each a picture of :mod:`vsmagic.training.pictures` recoloured,
cut out by a shape (round, cornered, thin, fenced, written, or holes) and moving in its own way beside the camera's:
straight, turning, growing and bending. Because the motion is known, the network can be told both what the frame at
the time between looks like and how far each of its pixels is from where it was and will be.

A scene depends on its seed and number and on the pictures it is given, never on which process draws it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor
from torch.nn import functional

from vsmagic.training.pictures import RGB, Random, curve, luma, outline, smooth_noise, words
from vsmagic.training.workers import shared_out

MASK_SIZE = 160
"""Height and width of a layer's shape in pixels of its picture."""

_LAYERS = 5
_LOUD, _FLAT = 0.25, 0.15  # shares of layers in strong colours, and in a few shades
_FARTHEST = 0.4  # of the picture's size that anything moves from the first moment to the last


@dataclass(frozen=True, kw_only=True)
class Scene:
    """Three moments of a scene."""

    pictures: NDArray[np.uint8]
    """``[9, size, size]``: RGB of the first moment, of the last, and of the one between."""
    time: float
    """When that one is, 0 to 1."""
    motion: NDArray[np.float16]
    """``[4, size, size]``: from each pixel of the one between, x and y in pixels to where its content was in the
    first, then to where it will be in the last."""


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How things move in a set of scenes."""

    still: float = 0.15
    """Share of things that do not move from their place beside the camera, and of cameras that do not."""
    speed: float = 0.05
    """Mean way of the others, as a share of the picture's size."""
    oddity: float = 0.5
    """Share of things that also turn, and of those that also grow or shrink."""


def scene(seed: int, number: int, size: int, textures: NDArray[np.uint8], pace: Pace) -> Scene:
    """Draw scene ``number`` of a seed.

    Args:
        seed: any non-negative integer.
        number: which of the seed's scenes, from 0.
        size: height and width in pixels.
        pace: how things move.
        textures: 8-bit RGB pictures ``[count, side, side, 3]`` whose luma layers are made of.
    """
    random = np.random.default_rng([seed, number])
    time = float(random.choice([0.5, random.uniform(0.05, 0.95)]))
    camera = _Motion.random(random, size, 0.6, pace)
    layers = [_Layer.random(random, size, textures, camera, pace, back=True)]
    layers += [
        _Layer.random(random, size, textures, camera, pace, back=False)
        for _ in range(int(random.integers(0, _LAYERS + 1)))
    ]
    light = random.normal(0, 0.06, 2) if random.random() < 0.3 else np.zeros(2)
    shutter = float(random.uniform(0.1, 0.5)) if random.random() < 0.12 else 0.0
    moments = [_exposed(layers, size, moment, shutter, light) for moment in (0.0, 1.0, time)]
    planes = torch.cat(moments).clamp(0, 1)
    if random.random() < 0.3:
        noise = random.normal(0, random.uniform(0.3, 2) / 255, planes.shape)
        planes = planes + torch.from_numpy(noise.astype(np.float32))
    worn = (planes * 255).round().clamp(0, 255).to(torch.uint8).numpy()
    return Scene(pictures=worn, time=time, motion=_motion(layers, size, time).numpy().astype(np.float16))


def pool(
    seed: int, numbers: Sequence[int], size: int, textures: Sequence[RGB], *, pace: Pace, workers: int = 1
) -> list[Scene]:
    """Draw scenes of a seed, in order, on this many processes."""
    draw = partial(_drawn, seed, size, pace)
    return shared_out(draw, numbers, workers, prepare=partial(_share, np.stack(textures)))


_shared: dict[str, NDArray[np.uint8]] = {}


def _share(textures: NDArray[np.uint8]) -> None:
    """Keep the pictures in this process, where every scene finds them."""
    torch.set_num_threads(1)
    _shared["textures"] = textures


def _drawn(seed: int, size: int, pace: Pace, number: int) -> Scene:
    return scene(seed, number, size, _shared["textures"], pace)


# ---------------------------------------------------------------------------------------------------------- motion


@dataclass(frozen=True, kw_only=True)
class _Motion:
    """What one thing does from the first moment to the last."""

    shift: tuple[float, float]
    """Pixels, (x, y)."""
    turn: float
    """Radians."""
    growth: float
    """Natural logarithm of last size over first."""

    @staticmethod
    def random(random: Random, size: int, share: float, pace: Pace) -> "_Motion":
        """Draw a motion; ``share`` scales it."""
        speed = 0.0 if random.random() < pace.still else min(random.exponential(pace.speed), _FARTHEST) * size * share
        way = random.uniform(0, 2 * math.pi)
        turn = random.normal(0, 0.06) * share if random.random() < pace.oddity else 0.0
        growth = random.normal(0, 0.06) * share if random.random() < pace.oddity else 0.0
        return _Motion(shift=(speed * math.cos(way), speed * math.sin(way)), turn=turn, growth=growth)

    def beside(self, other: "_Motion") -> "_Motion":
        """Return both together."""
        shift = (self.shift[0] + other.shift[0], self.shift[1] + other.shift[1])
        return _Motion(shift=shift, turn=self.turn + other.turn, growth=self.growth + other.growth)


@dataclass(frozen=True, kw_only=True)
class _Layer:
    """A picture, its shape and its way through the scene."""

    colours: Tensor
    """``[3, side, side]``, 0 to 1."""
    mask: Tensor | None
    """``[1, MASK_SIZE, MASK_SIZE]``, 0 to 1; None for the background."""
    centre: tuple[float, float]
    """Place in the scene half-way, (x, y) in pixels."""
    origin: tuple[float, float]
    """What of the picture is there, (x, y) in its pixels."""
    angle: float
    scale: float
    """Pixels of the picture to one of the scene, half-way."""
    motion: _Motion
    bend: Tensor | None
    """``[2, 5, 5]``: how far, x and y in the picture's pixels, the motion drags it out of shape, from the picture's
    origin to MASK_SIZE around it."""

    @staticmethod
    def random(
        random: Random, size: int, textures: NDArray[np.uint8], camera: _Motion, pace: Pace, *, back: bool
    ) -> "_Layer":
        """Draw a layer that moves in its own way beside the camera."""
        side = textures.shape[1]
        own = _Motion.random(random, size, 0.4 if back else 1.0, pace)
        bend = None
        if random.random() < 0.8 * pace.oddity:
            bend = torch.from_numpy(random.normal(0, random.exponential(2.0), (2, 5, 5)).astype(np.float32))
        middle = size / 2
        return _Layer(
            colours=_coloured(random, textures),
            mask=None if back else _shape(random),
            centre=(middle, middle) if back else tuple(random.uniform(0, size, 2)),
            origin=tuple(random.uniform(0.35 * side, 0.65 * side, 2)),
            angle=random.uniform(0, 2 * math.pi),
            scale=float(np.exp(random.uniform(-0.5, 0.4 if back else 0.7))),
            motion=own.beside(camera),
            bend=bend,
        )

    def place(self, points: Tensor, moment: float) -> Tensor:
        """Return where in the picture, from its origin, points ``[h, w, 2]`` of the scene are at a moment."""
        x, y = self._off(points, moment)
        cos, sin, zoom = self._turned(moment)
        place = torch.stack([cos * x + sin * y, cos * y - sin * x], 2) / zoom
        return place if self.bend is None else place + (moment - 0.5) * self._bent(place)

    def back(self, place: Tensor, moment: float) -> Tensor:
        """Return where in the scene places of the picture are at a moment: :meth:`place` the other way round."""
        straight = place
        if self.bend is not None:
            for _ in range(4):  # the bend is slight: this closes in on it quickly
                straight = place - (moment - 0.5) * self._bent(straight)
        cos, sin, zoom = self._turned(moment)
        x, y = straight.unbind(2)
        centre = self._centre(moment)
        return torch.stack([zoom * (cos * x - sin * y) + centre[0], zoom * (sin * x + cos * y) + centre[1]], 2)

    def seen(self, place: Tensor, moment: float, light: NDArray[np.float64]) -> tuple[Tensor, Tensor]:
        """Return colours ``[3, h, w]`` and cover ``[1, h, w]`` of the picture at these places."""
        side = self.colours.shape[1]
        grid = (place + torch.tensor(self.origin, dtype=torch.float32)) * (2 / side) - 1
        colours = functional.grid_sample(
            self.colours[None], grid[None], mode="bicubic", padding_mode="reflection", align_corners=False
        )[0]
        colours = colours * float(1 + light[0] * (moment - 0.5)) + float(light[1] * (moment - 0.5))
        if self.mask is None:
            return colours, torch.ones_like(colours[:1])
        cover = functional.grid_sample(self.mask[None], place[None] * (2 / MASK_SIZE), align_corners=False)[0]
        return colours, cover

    def _off(self, points: Tensor, moment: float) -> tuple[Tensor, Tensor]:
        centre = self._centre(moment)
        return points[..., 0] - centre[0], points[..., 1] - centre[1]

    def _centre(self, moment: float) -> tuple[float, float]:
        along = moment - 0.5
        return self.centre[0] + along * self.motion.shift[0], self.centre[1] + along * self.motion.shift[1]

    def _turned(self, moment: float) -> tuple[float, float, float]:
        """Cosine, sine, and pixels of the scene to one of the picture."""
        angle = self.angle + (moment - 0.5) * self.motion.turn
        return math.cos(angle), math.sin(angle), math.exp((moment - 0.5) * self.motion.growth) / self.scale

    def _bent(self, place: Tensor) -> Tensor:
        assert self.bend is not None  # noqa: S101 - its callers asked
        drag = functional.grid_sample(
            self.bend[None], place[None] / MASK_SIZE, padding_mode="border", align_corners=True
        )
        return drag[0].permute(1, 2, 0)


def _exposed(layers: list[_Layer], size: int, moment: float, shutter: float, light: NDArray[np.float64]) -> Tensor:
    """Return the scene at a moment, ``[3, size, size]``; a shutter that stays open blurs what moves."""
    if not shutter:
        return _seen(layers, size, moment, light)
    open_ = [moment + shutter * along for along in (-0.5, -0.25, 0, 0.25, 0.5)]
    return torch.stack([_seen(layers, size, at, light) for at in open_]).mean(0)


def _seen(layers: list[_Layer], size: int, moment: float, light: NDArray[np.float64]) -> Tensor:
    points = _points(size)
    canvas = torch.zeros(3, size, size)
    for layer in layers:
        colours, cover = layer.seen(layer.place(points, moment), moment, light)
        canvas += cover * (colours - canvas)
    return canvas


def _motion(layers: list[_Layer], size: int, time: float) -> Tensor:
    """Return :attr:`Scene.motion`, of the layer on top at each pixel."""
    points = _points(size)
    motion = torch.zeros(4, size, size)
    for layer in layers:
        place = layer.place(points, time)
        ways = [(layer.back(place, moment) - points).permute(2, 0, 1) for moment in (0.0, 1.0)]
        _, cover = layer.seen(place, time, np.zeros(2))
        motion = torch.where(cover > 0.5, torch.cat(ways), motion)
    return motion


def _points(size: int) -> Tensor:
    """Centres of all pixels ``[size, size, 2]``, x and y."""
    along = torch.arange(size, dtype=torch.float32) + 0.5
    return torch.stack(torch.meshgrid(along, along, indexing="xy"), 2)


# ---------------------------------------------------------------------------------------------------------- looks


def _coloured(random: Random, textures: NDArray[np.uint8]) -> Tensor:
    """One of the pictures in colour: its luma, and two others for what is red and blue beside it.

    Most are as pale as life; some are as loud as drawings and charts, some in a few flat shades.
    """
    chosen = luma(textures[random.integers(0, len(textures), 3)]).astype(np.float32) / 255
    if random.random() < _FLAT:
        shades = float(random.integers(1, 5))
        chosen = (chosen * shades).round() / shades
    level = chosen[0]
    loud = random.random() < _LOUD
    weights = random.uniform(-1.2, 1.2, 2) if loud else random.exponential(0.25, 2)
    tints = random.normal(0, 0.35 if loud else 0.08, 2)
    red, blue = (
        np.float32(weight) * (plane - 0.5) + np.float32(tint)
        for weight, plane, tint in zip(weights, chosen[1:], tints, strict=True)
    )
    planes = np.stack([level + red, level - 0.5 * red - 0.2 * blue, level + blue])
    return torch.from_numpy(planes.clip(0, 1))


def _shape(random: Random) -> Tensor:
    """What a layer is cut out by, ``[1, MASK_SIZE, MASK_SIZE]``: drawn four times larger, so that edges are soft."""
    kinds = (_solid, _solid, _solid, _thin, _fence, _letters, _holes)
    sheet = kinds[random.choice(len(kinds))](random, 4 * MASK_SIZE)
    small = sheet.resize((MASK_SIZE, MASK_SIZE), Image.Resampling.BOX)
    mask = np.asarray(small, np.float32) / 255
    opaque = 1.0 if random.random() < 0.9 else random.uniform(0.4, 0.9)
    return torch.from_numpy(mask * np.float32(opaque))[None]


def _solid(random: Random, size: int) -> Image.Image:
    sheet = Image.new("L", (size, size))
    pencil = ImageDraw.Draw(sheet)
    for _ in range(int(random.integers(1, 4))):
        centre = random.uniform(0.35 * size, 0.65 * size, 2)
        pencil.polygon(outline(random, centre, size * random.uniform(0.08, 0.35)), fill=255)
    return sheet


def _thin(random: Random, size: int) -> Image.Image:
    sheet = Image.new("L", (size, size))
    pencil = ImageDraw.Draw(sheet)
    for _ in range(int(random.integers(1, 8))):
        points = curve(random, random.uniform(0.2 * size, 0.8 * size, 2), random.uniform(0, 7), 0.7 * size, 0.4)
        pencil.line(points, fill=255, width=int(random.integers(4, 24)), joint="curve")
    return sheet


def _fence(random: Random, size: int) -> Image.Image:
    sheet = Image.new("L", (size, size))
    pencil = ImageDraw.Draw(sheet)
    period = size * random.uniform(0.04, 0.2)
    width = int(period * random.uniform(0.15, 0.6))
    for number in range(int(size / period)):
        pencil.line([(number * period, 0), (number * period, size)], fill=255, width=max(4, width))
        if random.random() < 0.02:
            break
    if random.random() < 0.5:
        sheet = Image.fromarray(np.maximum(np.asarray(sheet), np.asarray(sheet).T))
    return sheet


def _letters(random: Random, size: int) -> Image.Image:
    sheet = Image.new("L", (size, size))
    pencil = ImageDraw.Draw(sheet)
    points = size * random.uniform(0.08, 0.4)
    font = ImageFont.load_default(points)
    for line in range(int(random.integers(1, 4))):
        place = (size * random.uniform(0, 0.3), size * 0.2 + line * points)
        pencil.text(place, words(random)[:12], fill=255, font=font)
    return sheet


def _holes(random: Random, size: int) -> Image.Image:
    field = smooth_noise(random, size // 4, random.uniform(1.4, 2.2)) > random.uniform(-0.3, 0.8)
    return Image.fromarray(field.astype(np.uint8) * 255).resize((size, size), Image.Resampling.BILINEAR)
