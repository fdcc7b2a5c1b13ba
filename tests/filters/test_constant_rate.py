"""A constant rate of whole frames: each is the one on the screen at its moment, and nothing is computed twice."""

import itertools
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import pytest
import vapoursynth as vs
from hypothesis import given
from hypothesis import strategies as st

import vsmagic
from vsmagic import chain as chains
from vsmagic import clips
from vsmagic.errors import OptionError
from vsmagic.filters.constant_rate import frames_shown, usual

MS = Fraction(1, 1000)


def _clip(durations: Sequence[Fraction]) -> vs.VideoNode:
    """A clip whose frame n says so in ``Number`` and lasts as long as asked; of variable rate."""
    blank = vs.core.std.BlankClip(width=16, height=16, format=vs.GRAY8, length=len(durations), fpsnum=0, fpsden=1)

    def stamp(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        made = f.copy()
        made.props.update(Number=n, _DurationNum=durations[n].numerator, _DurationDen=durations[n].denominator)
        return made

    return blank.std.ModifyFrame(blank, stamp)


def _numbers(clip: vs.VideoNode) -> list[int]:
    return [int(frame.props["Number"]) for frame in clip.frames(close=True)]


@given(
    st.lists(st.integers(1, 400), min_size=1, max_size=40),
    st.sampled_from([Fraction(24000, 1001), Fraction(25), Fraction(60), Fraction(7, 3)]),
)
def test_each_frame_is_the_one_on_the_screen(ticks: list[int], rate: Fraction) -> None:
    times = list(itertools.accumulate((tick * MS for tick in ticks), initial=Fraction(0)))
    shown = frames_shown(times, rate)
    assert shown == sorted(shown)
    assert abs(len(shown) / rate - times[-1]) <= max(1 / rate / 2, 1 / rate if len(shown) == 1 else 0)
    for k, frame in enumerate(shown):
        moment = (k + Fraction(1, 2)) / rate
        assert times[frame] <= min(moment, times[-1])
        assert moment < times[frame + 1] or frame == len(ticks) - 1


def test_frames_are_repeated_and_dropped_whole() -> None:
    durations = [40 * MS, 80 * MS, 120 * MS, 10 * MS, 10 * MS, 20 * MS, 40 * MS]
    made = vsmagic.constant_rate(_clip(durations), fps=25)
    assert made.fps == 25
    assert _numbers(made) == [0, 1, 1, 2, 2, 2, 5, 6]
    assert all((frame.props["_DurationNum"], frame.props["_DurationDen"]) == (1, 25) for frame in made.frames())


@pytest.mark.parametrize("times_over", [1, 5])
def test_another_constant_rate(times_over: int) -> None:
    clip = _clip([40 * MS] * 10).std.AssumeFPS(fpsnum=25)
    assert _numbers(vsmagic.constant_rate(clip, fps=25 * times_over)) == [
        n for n in range(10) for _ in range(times_over)
    ]
    assert vsmagic.constant_rate(clip) is clip
    assert vsmagic.constant_rate(clip, fps="25") is clip


@pytest.mark.parametrize(
    ("durations", "rate"),
    [
        ([40, 80, 80], 25),  # every third frame of two was left out
        ([33, 34, 33, 36, 31], 30),  # a phone's jitter
        ([16, 17, 17, 500, 16, 17, 17, 2000, 17, 16], 60),  # a screen capture that stands still
        ([125, 125, 130, 120], 8),
        ([400, 600], 2),
    ],
)
def test_the_usual_rate(durations: list[int], rate: int) -> None:
    times = list(itertools.accumulate((ms * MS for ms in durations * 20), initial=Fraction(0)))
    assert usual(times) in {Fraction(rate), Fraction(rate * 1000, 1001)}


def test_a_repeated_frame_is_computed_once() -> None:
    """Whatever stands before it is asked once, however often its frame is shown."""
    clip = _clip([40 * MS, 120 * MS] * 200)
    computed = []

    def count(n: int) -> vs.VideoNode:
        computed.append(n)
        return clip

    made = clip.std.FrameEval(count)
    clips.keep_times(made, clip)
    out = vsmagic.constant_rate(made, fps=25)
    assert out.num_frames == 800
    computed.clear()
    for _ in out.frames(prefetch=8, close=True):
        pass
    assert sorted(computed) == list(range(400))


def test_what_it_refuses() -> None:
    clip = _clip([40 * MS, 80 * MS])
    for fps in (0, -1, "x", 2000):
        with pytest.raises(OptionError, match=r"^constant_rate: fps is .*expected"):
            vsmagic.constant_rate(clip, fps=fps)
    played = vs.core.std.BlankClip(length=134_217_727, fpsnum=0, fpsden=1, keep=True)
    with pytest.raises(OptionError, match="player"):
        vsmagic.constant_rate(played)
    for pace in ({"fps": 60}, {"multiplier": 2}, {"slowdown": 2}):
        with pytest.raises(OptionError, match="already"):
            chains.from_flags(scale=1, constant_rate="auto", **pace)


def test_as_a_step_it_comes_last(data: Path) -> None:
    chain = chains.from_flags(scale=2, constant_rate="59.94", start=1)
    assert chains.to_json(chain).endswith('{"filter":"constant_rate","fps":"59.94"}]')
    clip = vsmagic.source(data / "clips/derived/vfr_bbb_pattern_720p.mkv")
    made = chains.apply(chains.Chain((chains.ConstantRateStep(),)), clip)
    assert made.fps == 25
    assert made.num_frames == 100
