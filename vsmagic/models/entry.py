"""What is known of a model that can be asked for by name."""

from typing import Literal

import msgspec

from vsmagic.models.spec import Precision, Purpose

Kind = Literal["upscale", "interpolate"]
Tier = Literal["fast", "balanced", "best"]


class File(msgspec.Struct, frozen=True, kw_only=True):
    """The file that the authors publish."""

    name: str
    """What it is called, there and in the models folder; its suffix tells the format."""
    url: str | None = None
    """Where it is; None when it comes inside a larger archive only."""
    sha256: str | None = None
    """Its hash, lower-case hexadecimal; None: pinned on first download."""
    bytes: int | None = None
    """Its size; None where it is not known."""

    @property
    def by_hand(self) -> bool:
        """Whether nothing is known that would tell this file from another."""
        return self.url is None and self.sha256 is None


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One model: what it is for, what a filter must know, where it comes from, under which licence."""

    name: str
    """What a user types; lower case."""
    family: str
    kind: Kind = "upscale"
    scale: int = 1
    """Output size over input size, after all passes; 1 for models that add frames."""
    channels: Literal[1, 3] = 3
    """1: it sees luma alone; 3: it sees RGB."""
    range: tuple[float, float] = (0.0, 1.0)
    """Values its input and output stand for black and white with, full range."""
    multiple: int = 1
    """Width and height that it takes are multiples of this; filters pad and crop."""
    halo: int | None = None
    """Input pixels beyond its own place that an output pixel depends on; None: the whole frame."""
    precisions: tuple[Precision, ...] = ("f32", "bf16", "f16")
    """Precisions of arithmetic it tolerates, the preferred one first."""
    content: str = "any"
    """Pictures it is for: any, photo, anime."""
    purpose: Purpose | None = None
    """``clean``: it enlarges and no more; ``restore``: it also takes compression and noise away. None where the authors
    do not say."""
    tier: Tier = "balanced"
    """What it costs beside others of its family that do the same."""
    licence: str
    """SPDX identifier."""
    commercial: bool | None = True
    """Whether the licence allows commercial use; None where it is not known."""
    page: str
    """Where its authors describe it."""
    description: str
    file: File | None = None
    """What is fetched; None for a model that comes with the package."""
    embedded: str | None = None
    """Name of its spec and network under ``models/embedded``, for a model that comes with the package. Multiple, halo
    and precisions are then those of the spec."""
    passes: int = 1
    """How many times the network is applied, each pass to the result of the one before."""
    blend: str | None = None
    """Name of the model whose weights are mixed with this one's for ``NAME@STRENGTH``: this model's share is the
    strength, from 0 to 1."""

    @property
    def sha256(self) -> str:
        """The published hash of its file; empty where there is none or it is not known."""
        return self.file.sha256 or "" if self.file else ""
