"""Cutting by time keeps exactly the frames that begin in it."""

import math
from fractions import Fraction

import pytest
import vapoursynth as vs
from hypothesis import given
from hypothesis import strategies as st

import frames as fr
from vsmagic import OptionError, clips, trim

core = vs.core
BLANK = core.std.BlankClip(format=vs.GRAY8, width=16, height=16, length=50, fpsnum=30000, fpsden=1001)
NTSC = BLANK.std.FrameEval(lambda n: BLANK.std.SetFrameProps(number=n))
moments = st.floats(-1, 3) | st.fractions(-1, 3, max_denominator=30000) | st.integers(-1, 3)


def numbers(clip: vs.VideoNode) -> list[int]:
    return [frame.props["number"] for frame in clip.frames(close=True)]


@given(start=moments, end=moments | st.none())
def test_the_frames_that_begin_in_it(start: float | Fraction, end: float | Fraction | None) -> None:
    begins = [
        n for n in range(50) if start <= Fraction(n * 1001, 30000) and (end is None or Fraction(n * 1001, 30000) < end)
    ]
    if begins:
        assert numbers(trim(NTSC, start=start, end=end)) == begins
    else:
        with pytest.raises(OptionError, match="no frame lies between"):
            trim(NTSC, start=start, end=end)


def test_parts_that_meet_make_the_whole() -> None:
    parts = [trim(NTSC, end=0.5), trim(NTSC, start=0.5, end=1.0), trim(NTSC, start=1.0)]
    assert [n for part in parts for n in numbers(part)] == list(range(50))


def test_a_variable_rate_keeps_its_times(data) -> None:
    import vsmagic

    clip = vsmagic.source(data / "clips/derived/vfr_bbb_pattern_720p.mkv")
    part = trim(clip, start=0.04, end=0.4)
    assert part.num_frames == 5
    assert list(clips.known_times(part)) == [Fraction(n, 25) for n in (0, 2, 4, 5, 7, 9)]
    assert fr.durations(part) == [Fraction(n, 25) for n in (2, 2, 1, 2, 2)]


@pytest.mark.parametrize("bad", [math.nan, "1", True, None])
def test_what_is_no_moment(bad: object) -> None:
    with pytest.raises(OptionError, match=r"trim: .* is no moment"):
        trim(NTSC, start=bad)


def test_infinity_is_beyond_the_end() -> None:
    assert trim(NTSC, start=-math.inf, end=math.inf).num_frames == 50
    with pytest.raises(OptionError):
        trim(NTSC, start=math.inf)
