"""Which is cheaper for the same output: to add frames before the picture is enlarged, or after. No VapourSynth here.

The estimate counts the arithmetic of both networks for one second of the output. With p pixels in a source frame,
s how many times more the enlarged one has, n frames of the source and m of the output in that second, c of which
coincide with one of the source, u and f operations per pixel of the upscaler and of the interpolation:

- interpolate first: (m - c) x p x f  +  m x p x u
- upscale first:     n x p x u  +  (m - c) x s x p x f

So upscaling first pays where u is large beside f x s. Memory traffic, resizing and repeated frames are left out.
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from vsmagic.filters.sizes import Target, output_size
from vsmagic.models import arithmetic, motion, motions, registry
from vsmagic.models.motion import FlowScale
from vsmagic.tempo import Number, tempo

Order = Literal["interpolate-first", "upscale-first"]
ORDERS: tuple[Order, ...] = ("interpolate-first", "upscale-first")

BLOCKS = 6500.0
"""What mvtools does for a pixel, as operations of a network that take as long: measured, 267 frames a second of
480x360 on two cores on which networks reach 300 GFLOP/s."""


@dataclass(frozen=True, kw_only=True)
class Footage:
    """What is known of the source."""

    width: int
    height: int
    pixel_aspect: Fraction
    rate: Fraction
    """Frames a second, the mean of a variable rate."""


@dataclass(frozen=True, kw_only=True)
class Work:
    """What decides, for one second of the output."""

    source: Fraction
    """Frames of the source."""
    output: Fraction
    """Frames of the output."""
    made: Fraction
    """Frames of the output that do not coincide with one of the source."""
    pixels: int
    """Pixels of a source frame."""
    enlarged: int
    """Pixels of an enlarged frame."""
    upscale: float
    """Operations per pixel that is enlarged."""
    interpolate: float
    """Operations per pixel of a frame in between."""

    def cost(self, order: Order) -> float:
        """Return operations for one second of the output."""
        if order == "interpolate-first":
            made, enlarged = self.made * self.pixels, self.output * self.pixels
        else:
            made, enlarged = self.made * self.enlarged, self.source * self.pixels
        return float(made) * self.interpolate + float(enlarged) * self.upscale

    @property
    def cheaper(self) -> Order:
        """The order that costs less; where both cost the same, frames are added first, in less memory."""
        return min(ORDERS, key=self.cost)


def work(
    footage: Footage,
    target: Target,
    *,
    upscaler: str = "auto",
    flow_model: str = "auto",
    flow_scale: FlowScale = "auto",
    fps: Number | None = None,
    multiplier: Number | None = None,
    slowdown: Number = 1,
) -> Work | None:
    """Count what both orders would do; None where the arithmetic of a network cannot be counted.

    Raises:
        OptionError: a rate is not acceptable.
        ModelError: a model is unknown or not on this machine.
    """
    size = output_size(target, footage.width, footage.height, float(footage.pixel_aspect))
    pace = tempo([Fraction(0), 1 / footage.rate], fps=fps, multiplier=multiplier, slowdown=slowdown)
    step = pace.step * footage.rate  # source frames to an output frame: in lowest terms, every denominator-th coincides
    enlarging = _upscaler(upscaler, max(size[0] / footage.width, size[1] / footage.height))
    moving = _interpolation(flow_model, flow_scale, min(footage.width, footage.height))
    if enlarging is None or moving is None:
        return None
    return Work(
        source=pace.rate * step,
        output=pace.rate,
        made=pace.rate * (1 - Fraction(1, step.denominator)),
        pixels=footage.width * footage.height,
        enlarged=size[0] * size[1],
        upscale=enlarging,
        interpolate=moving,
    )


def _upscaler(name: str, factor: float) -> float | None:
    if name == "auto" and factor <= 1 + 1e-9:
        return 0.0  # resampled without a network
    model = registry.resolve(name, factor=factor)
    once = arithmetic.per_pixel(model.path) if model.spec.form == "onnx" else None
    return once and once * sum(model.spec.scale ** (2 * n) for n in range(model.passes))


def _interpolation(name: str, flow_scale: FlowScale, height: int) -> float | None:
    if name == motion.MVTOOLS:
        return BLOCKS
    return arithmetic.per_pixel(motions.resolve(name, flow_scale=flow_scale, height=height).path)


def told(work: Work, order: Order) -> str:
    """Say what an order costs beside the other, in words."""
    other = ORDERS[1 - ORDERS.index(order)]
    here, there = work.cost(order), work.cost(other)
    return (
        f"{WORDS[order]}: about {_words(here)} for a second of the output; "
        f"{WORDS[other]}: {_words(there)} ({there / here if here else 1:.2f} times as much)"
    )


def _words(operations: float) -> str:
    giga = operations / 1e9
    return f"{giga:,.0f} GFLOP" if giga >= 10 else f"{giga:.2g} GFLOP"


WORDS = {"interpolate-first": "interpolate, then upscale", "upscale-first": "upscale, then interpolate"}
