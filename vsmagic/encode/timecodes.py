"""The exact times of the frames that were piped, read from the properties vspipe wrote beside them."""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from math import lcm
from pathlib import Path

import msgspec

from vsmagic.errors import EncodeError

# A time base of MP4 and MOV is one over a 32-bit number; libavformat keeps it signed.
_FINEST = 2**31 - 1
_FALLBACK = 1_000_000
_COARSE = 10_000


class _Frame(msgspec.Struct):
    """The two properties that carry time; the others of a line are skipped."""

    num: int | None = msgspec.field(default=None, name="_DurationNum")
    den: int | None = msgspec.field(default=None, name="_DurationDen")


@dataclass(frozen=True, kw_only=True)
class Timeline:
    """Start of every frame in ticks from the first frame, and the end of the last one as the last item."""

    base: Fraction
    """Seconds a tick."""
    ticks: Sequence[int]

    @property
    def frames(self) -> int:
        """How many frames there are."""
        return len(self.ticks) - 1

    @property
    def duration(self) -> Fraction:
        """Seconds of all frames together."""
        return self.ticks[-1] * self.base

    @property
    def longest(self) -> Fraction:
        """Seconds of the longest frame; 0 when there is none."""
        steps = (after - before for before, after in pairwise(self.ticks))
        return max(steps, default=0) * self.base


def read_durations(properties: Path) -> list[Fraction]:
    """Read the duration of each frame, in seconds, from what ``vspipe --json`` wrote.

    A file that ends early, because vspipe did, gives the frames it holds.

    Raises:
        EncodeError: a frame has no duration.
    """
    decoder = msgspec.json.Decoder(_Frame)
    shared: dict[tuple[int, int], Fraction] = {}
    durations: list[Fraction] = []
    with properties.open("rb") as lines:
        for line in lines:
            text = line.strip().rstrip(b",")
            if not (text.startswith(b"{") and text.endswith(b"}")):
                continue
            frame = decoder.decode(text)
            if not frame.num or not frame.den:
                raise EncodeError(
                    f"frame {len(durations)} of the chain's output has no duration; a filter of the chain dropped "
                    "_DurationNum/_DurationDen."
                )
            pair = (frame.num, frame.den)
            durations.append(shared.setdefault(pair, Fraction(*pair)))
    return durations


def timeline(durations: Sequence[Fraction]) -> Timeline:
    """Add durations up in a time base in which every one of them is a whole number.

    Where no such time base fits into MP4's 31 bits, times are rounded to the nearest microsecond; the rounding
    does not add up.
    """
    exact = lcm(*{duration.denominator for duration in durations})
    den = exact if exact <= _FINEST else _FALLBACK
    ticks = array("q", [0])
    total = Fraction(0)
    for duration in durations:
        total += duration
        ticks.append(round(total * den))
    return Timeline(base=Fraction(1, den), ticks=ticks)


def clock(base: Fraction) -> int:
    """Return the ticks a second of a container's clock in which every time of a base is a whole number.

    A coarse one would round the delay of the picture, or of the sound beside it.
    """
    ticks = base.denominator
    while ticks < _COARSE:
        ticks *= 10
    return ticks
