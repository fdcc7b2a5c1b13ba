"""What a loader hands to :func:`vsmagic.source.source`."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import vapoursynth as vs


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """Pictures, and when each of them is shown."""

    clip: vs.VideoNode
    """Rotated as it is meant to be seen, with colour and pixel aspect as frame properties."""
    stamps: Sequence[int | Fraction] | None
    """Start of each frame in ticks; None where the file tells none."""
    tick: Fraction
    """Seconds from one step to the next of the clock that ``stamps`` are counted in."""
    alpha: bool = False
    """The file has transparency, which ``clip`` has not."""
