"""Exact times of interpolated frames: which frames each lies between, and how far along. No VapourSynth here.

Everything is a :class:`fractions.Fraction`. Output frame k is shown at k / rate; in the source that is the moment
k / (rate * slowdown). The output ends with the source, to the nearest frame.
"""

import bisect
import math
from collections.abc import Sequence
from fractions import Fraction
from numbers import Rational

import msgspec

from vsmagic.errors import OptionError

Number = int | float | str | Fraction

FASTEST = 1000
"""Frames a second that nothing shown on a screen exceeds."""

_LARGEST = 2**63 - 1  # numerator or denominator of a clip's rate

_NTSC = (24, 30, 48, 60, 120, 240)
_NTSC_RATES = {Fraction(rate * 1000, 1001) for rate in _NTSC}


class Tempo(msgspec.Struct, frozen=True, kw_only=True):
    """The pace of the output."""

    rate: Fraction
    """Frames a second, constant."""
    step: Fraction
    """Seconds of the source from one output frame to the next."""
    count: int
    """Frames."""

    def moment(self, k: int) -> Fraction:
        """Time of output frame k in the source."""
        return k * self.step


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where an output frame lies in the source."""

    frame: int
    """The last source frame at or before it."""
    part: Fraction
    """How far it is from that frame to the next, from 0 to below 1; 0 after the last frame has begun."""


def tempo(
    times: Sequence[Fraction],
    *,
    fps: Number | None = None,
    multiplier: Number | None = None,
    slowdown: Number = 1,
) -> Tempo:
    """Return the pace that is asked for.

    Args:
        times: start of every source frame in seconds, from 0, and the end of the last.
        fps: frames a second of the output; ``"59.94"`` and its like mean their exact NTSC rates (60000/1001).
        multiplier: output rate over the source's mean rate, before any slowdown, at least 1.
        slowdown: how many times longer it lasts, at least 1. With neither rate nor multiplier, the source's rate stays.

    Raises:
        OptionError: both or neither are given, or a number is not acceptable.
    """
    if fps is not None and multiplier is not None:
        raise OptionError(f"interpolate: fps {fps} and multiplier {multiplier} exclude each other; give one.")
    slower = at_least_one(slowdown, "slowdown")
    if fps is None and multiplier is None and slower == 1:
        raise OptionError("interpolate: give fps, such as 60, a multiplier, such as 2, or a slowdown, such as 4.")
    end = times[len(times) - 1]
    mean = Fraction(len(times) - 1) / end
    rate = (
        parse_rate(fps)
        if fps is not None
        else mean * at_least_one(1 if multiplier is None else multiplier, "multiplier")
    )
    if rate > FASTEST:
        raise OptionError(f"interpolate: {float(rate):g} frames a second are asked for; expected at most {FASTEST}.")
    if max(rate.numerator, rate.denominator) > _LARGEST:
        raise OptionError(
            f"interpolate: about {float(rate):g} frames a second, exactly {rate}, cannot be a clip's rate; give a "
            "shorter fraction as fps, such as 60."
        )
    count = max(1, math.floor(end * slower * rate + Fraction(1, 2)))
    return Tempo(rate=rate, step=1 / (rate * slower), count=count)


def place(times: Sequence[Fraction], moment: Fraction) -> Place:
    """Return between which frames a moment lies."""
    last = len(times) - 2
    frame = min(bisect.bisect_right(times, moment) - 1, last)
    if frame == last:
        return Place(frame=frame, part=Fraction(0))
    return Place(frame=frame, part=(moment - times[frame]) / (times[frame + 1] - times[frame]))


def parse_rate(value: Number, name: str = "interpolate: fps") -> Fraction:
    """Return an exact rate: a number, a fraction such as 60000/1001, or the usual decimals of the NTSC rates.

    Raises:
        OptionError: not a positive, finite number, or more than :data:`FASTEST`.
    """
    number = _exact(value, name)
    if not 0 < number <= FASTEST:
        raise OptionError(f"{name} is {value}; expected a rate above 0 and at most {FASTEST}.")
    if isinstance(value, str | float) and "/" not in str(value):
        # 23.976, 23.98 and 59.94 are how people write 24000/1001 and 60000/1001.
        return next((rate for rate in _NTSC_RATES if abs(rate - number) < Fraction(1, 200)), number)
    return number


def at_least_one(value: Number, name: str) -> Fraction:
    """Return an exact factor.

    Raises:
        OptionError: not a finite number of at least 1, or more than 1000.
    """
    number = _exact(value, f"interpolate: {name}")
    if not 1 <= number <= 1000:
        raise OptionError(f"interpolate: {name} is {value}; expected 1 to 1000, such as 2 or 5/2.")
    return number


def _exact(value: Number, name: str) -> Fraction:
    try:
        return _read(value)
    except (ValueError, TypeError, ZeroDivisionError, OverflowError) as error:
        raise OptionError(f"{name} is {value!r}; expected a number, such as 60, 59.94 or 5/2.") from error


def _read(value: Number) -> Fraction:
    if isinstance(value, bool):  # a number to Python; nobody means it for one
        raise TypeError
    if isinstance(value, str) and "e" in value.lower():
        value = float(value)  # a fraction would write out all digits of 1e999999999
    if isinstance(value, float):
        return Fraction(repr(float(value)))
    if isinstance(value, Rational):  # NumPy's whole numbers too, which overflow when they are counted with
        return Fraction(int(value.numerator), int(value.denominator))
    return Fraction(value)
