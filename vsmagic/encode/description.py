"""What the script ``encode.vpy`` tells before the first frame: one JSON file.

A run that only describes tells a :class:`Description`, one that makes a chunk a :class:`Shape`, and one that fails a
:class:`Refusal`.
"""

from fractions import Fraction
from pathlib import Path
from typing import Literal

import msgspec

Subsampling = Literal["gray", "420", "422", "444", "411", "rgb"]


class Light(msgspec.Struct, frozen=True, kw_only=True):
    """HDR10 metadata (SMPTE ST 2086 and CTA-861.3) as VapourSynth's frame properties give it."""

    primaries_x: tuple[float, float, float] | None = None
    """CIE 1931 x of red, green, blue."""
    primaries_y: tuple[float, float, float] | None = None
    white: tuple[float, float] | None = None
    """CIE 1931 x, y of the white point."""
    luminance: tuple[float, float] | None = None
    """Lowest and highest luminance of the mastering display, cd/m²."""
    level: tuple[int, int] | None = None
    """MaxCLL and MaxFALL, cd/m²."""


class Shape(msgspec.Struct, frozen=True, kw_only=True, tag="shape"):
    """What can be told of a clip without rendering a frame."""

    width: int
    height: int
    subsampling: Subsampling
    bits: int
    rate: tuple[int, int] | None
    """Frames a second as numerator and denominator; None: the durations vary."""
    frames: int
    alpha: bool = False
    """The pipe carries a second picture below the first: its luma is the alpha of the first, full range."""


class Network(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """A network that the chain runs."""

    name: str
    backend: str
    precision: str
    device: int
    digest: str
    """SHA-256 of the file that is run."""


class Description(msgspec.Struct, frozen=True, kw_only=True, tag="description"):
    """The clip that vspipe writes, the span of the source it stands for, and what making it takes."""

    width: int
    height: int
    subsampling: Subsampling
    bits: int
    rate: tuple[int, int] | None
    """Frames a second as numerator and denominator; None: the durations vary."""
    frames: int
    matrix: int | None
    """H.273 code point; None when untagged. The same for transfer and primaries."""
    transfer: int | None
    primaries: int | None
    full_range: bool | None
    chroma: int | None
    """``_ChromaLocation``; None when untagged."""
    pixel_aspect: tuple[int, int] | None
    fields: Literal["progressive", "top", "bottom"] | None
    light: Light
    alpha: bool = False
    """As in :class:`Shape`; width and height are those of the picture alone."""
    dynamic_hdr: tuple[str, ...] = ()
    """Kinds of HDR metadata that vary by frame and that no encoder here carries over."""
    begin: tuple[int, int]
    """Seconds, as a fraction, from the source's first frame to the first one written."""
    duration: tuple[int, int]
    """Seconds, as a fraction, of all frames together."""
    whole: bool
    """Nothing of the source was cut away."""
    source_frames: int
    """Frames of the source before any trimming."""
    source_duration: tuple[int, int]
    """Seconds, as a fraction, of the whole source."""
    slowdown: tuple[int, int] = (1, 1)
    """How many times longer everything lasts than in the source, as a fraction."""

    bounds: tuple[int, ...] = ()
    """Frames at which the clip is cut into chunks, 0 and its length included; empty when that was not asked for."""
    networks: tuple[Network, ...] = ()
    memory: int = 0
    """Bytes that the process held at most until the first frame was there."""

    @property
    def shape(self) -> Shape:
        """What every run of the same graph must tell."""
        return Shape(
            width=self.width, height=self.height, subsampling=self.subsampling, bits=self.bits, rate=self.rate,
            frames=self.frames, alpha=self.alpha,
        )  # fmt: skip

    @property
    def stretch(self) -> Fraction:
        """How many times longer everything lasts than in the source."""
        return Fraction(*self.slowdown)

    @property
    def exact_rate(self) -> Fraction | None:
        """Frames a second, or None when the durations vary."""
        return Fraction(*self.rate) if self.rate else None


class Refusal(msgspec.Struct, frozen=True, kw_only=True, tag="refusal"):
    """An error that vsmagic raised inside the script."""

    error: str
    exit_code: int
    fields: tuple[str, str] | None = None
    """Of an InterlacedError: what kind of pictures these are, and the field that comes first."""


Told = Description | Shape | Refusal


def read(path: Path) -> Told | None:
    """Return what the script wrote, or None when it wrote nothing."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    told: Told = msgspec.json.decode(content, type=Told)
    return told
