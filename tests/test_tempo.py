import math
from fractions import Fraction
from itertools import accumulate

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsmagic.errors import OptionError
from vsmagic.tempo import parse_rate, place, tempo

NTSC_FILM = Fraction(24000, 1001)


def regular(rate, frames):
    return [Fraction(n) / rate for n in range(frames + 1)]


# Frames and rate of the source, what is asked for, frames of the result.
COUNTS = [
    (100, 25, {"multiplier": "5/2"}, 250),
    (100, 25, {"multiplier": 2}, 200),
    (100, 25, {"multiplier": 11}, 1100),
    (1, 25, {"multiplier": 4}, 4),
    (2, 25, {"multiplier": 1.5}, 3),
    (5, 25, {"multiplier": "3/2"}, 8),
    (24000, NTSC_FILM, {"fps": 60}, 60060),
    (24000, NTSC_FILM, {"fps": 59.94}, 60000),
    (24000, NTSC_FILM, {"fps": "60000/1001"}, 60000),
    (80, 8, {"fps": 24}, 240),
    (250, 25, {"fps": 144}, 1440),
    (250, 25, {"fps": 25}, 250),
    (300, 60, {"fps": 24}, 120),
    (100, 25, {"slowdown": 4}, 400),
    (100, 25, {"slowdown": "5/2", "fps": 60}, 600),
    (100, 25, {"slowdown": 2, "multiplier": 2}, 400),
]


@pytest.mark.parametrize(("frames", "rate", "wanted", "count"), COUNTS)
def test_counts_are_exact(frames, rate, wanted, count):
    times = regular(rate, frames)
    found = tempo(times, **wanted)
    assert found.count == count
    lasts = count / found.rate / Fraction(str(wanted.get("slowdown", 1)))
    assert abs(lasts - times[-1]) <= found.step / 2


@pytest.mark.parametrize("source", [8, NTSC_FILM, 24, 25, Fraction(30000, 1001), 30, 50, 60])
@pytest.mark.parametrize("wanted", [NTSC_FILM, 24, 25, 30, 48, 50, Fraction(60000, 1001), 60, 120, 144])
def test_every_pair_of_rates_keeps_the_duration_to_half_a_frame(source, wanted):
    for frames in (1, 2, 7, 100, 1001):
        times = regular(source, frames)
        found = tempo(times, fps=wanted)
        assert found.rate == wanted
        assert found.count == 1 or abs(found.count / found.rate - times[-1]) <= Fraction(1, 2) / wanted


durations = st.lists(st.fractions(Fraction(1, 240), Fraction(2), max_denominator=90000), min_size=1, max_size=40)


@given(durations, st.fractions(Fraction(1), Fraction(200), max_denominator=1001), st.fractions(1, 8, max_denominator=9))
def test_a_moment_is_where_its_neighbours_say(lengths, rate, slowdown):
    times = list(accumulate(lengths, initial=Fraction(0)))
    found = tempo(times, fps=rate, slowdown=slowdown)
    for k in range(min(found.count, 200)):
        here = place(times, found.moment(k))
        assert 0 <= here.frame < len(lengths)
        assert 0 <= here.part < 1
        if here.frame < len(lengths) - 1:
            assert times[here.frame] + here.part * lengths[here.frame] == k / (rate * slowdown)
        else:
            assert here.part == 0
    assert found.count == 1 or abs(found.count / (rate * slowdown) - times[-1]) <= Fraction(1, 2) / (rate * slowdown)


@pytest.mark.parametrize(
    ("written", "exact"),
    [
        (23.976, NTSC_FILM), ("23.98", NTSC_FILM), ("29.97", Fraction(30000, 1001)), (59.94, Fraction(60000, 1001)),
        ("119.88", Fraction(120000, 1001)), (60, Fraction(60)), (12.5, Fraction(25, 2)), ("24", Fraction(24)),
        ("2997/100", Fraction(2997, 100)), (Fraction(24000, 1001), NTSC_FILM), ("0.5", Fraction(1, 2)),
        ("6e1", Fraction(60)), (np.int64(60), Fraction(60)), (np.float64(59.94), Fraction(60000, 1001)),
    ],
)  # fmt: skip
def test_rates_are_read_exactly(written, exact):
    assert parse_rate(written) == exact


@pytest.mark.parametrize(
    "rate",
    [0, -24, math.inf, math.nan, 10**6, "fast", "1/0", True, None, "", "inf", 1e300, "1e999999999", "1e-999999999"],
)
def test_rates_that_cannot_be_are_refused(rate):
    with pytest.raises(OptionError, match="interpolate: fps is"):
        parse_rate(rate)


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ({}, "give fps"),
        ({"fps": 60, "multiplier": 2}, "exclude each other"),
        ({"multiplier": 0.5}, "multiplier is 0.5; expected 1 to 1000"),
        ({"slowdown": 0}, "slowdown is 0; expected 1 to 1000"),
        ({"slowdown": "x"}, "expected a number"),
        ({"multiplier": 500}, "at most 1000"),
        ({"multiplier": math.nan}, "multiplier is nan"),
    ],
)
def test_paces_that_cannot_be_are_refused(wanted, words):
    with pytest.raises(OptionError, match=words):
        tempo(regular(25, 10), **wanted)


def test_a_rate_that_no_clip_can_carry_is_refused():
    """The mean of many rates that have nothing in common."""
    primes = [23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71]
    times = list(accumulate((Fraction(1, prime) for prime in primes), initial=Fraction(0)))
    assert tempo(times, fps=60).count == 17
    with pytest.raises(OptionError, match=r"about 83\.5105 frames a second, .* cannot be a clip's rate"):
        tempo(times, multiplier=2)
    with pytest.raises(OptionError, match="cannot be a clip's rate"):
        tempo(times, fps="1/99999999999999999999")
