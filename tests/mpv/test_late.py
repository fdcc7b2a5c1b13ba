"""Frames in between that begin once their network is there: until then the film's own frames, at the same times."""

import time
from fractions import Fraction

import numpy as np
import pytest
import vapoursynth as vs

import frames as fr
from vsmagic import OptionError, interpolate
from vsmagic.mpv import late
from vsmagic.steps import InterpolateStep

core = vs.core
FRAMES = 134_217_727


@pytest.fixture
def film() -> vs.VideoNode:
    """A player's clip of a picture that moves, whose frames last in turns 1/25 and 1/30 of a second."""
    grain = np.random.default_rng(2).integers(40, 200, (16, 24)).repeat(8, 0).repeat(8, 1)
    pictures = [[np.roll(grain, 2 * n, 1)] + [np.full((64, 96), 128)] * 2 for n in range(4)]
    clip = fr.clip_of(pictures, vs.YUV420P8, _Matrix=6, _Range=0, _MP_IMAGE=7)
    parts = [clip[n].std.AssumeFPS(fpsnum=(25, 30)[n % 2]) for n in range(4)]
    return core.std.Splice(parts).std.Loop()[:FRAMES]


def frame(clip: vs.VideoNode, n: int) -> list[np.ndarray]:
    return fr.planes(clip, n)


def equal(one: list[np.ndarray], other: list[np.ndarray]) -> bool:
    return all((a == b).all() for a, b in zip(one, other, strict=True))


def duration(clip: vs.VideoNode, n: int) -> Fraction:
    props = clip.get_frame(n).props
    return Fraction(props["_DurationNum"], props["_DurationDen"])


def played(clip: vs.VideoNode) -> None:
    """Ask for frames at the pace of a player."""
    for n in range(200):
        clip.get_frame(n).close()
        time.sleep(0.02)


def test_first_the_films_frames_then_those_in_between(film: vs.VideoNode, monkeypatch: pytest.MonkeyPatch) -> None:
    step = InterpolateStep(multiplier="2", model="magic-flow", scene_changes="ignore")
    monkeypatch.setattr(late, "PATIENCE", 1.0)
    result = late.interpolated(film, step)
    for n in range(4):
        assert equal(frame(result, n), frame(film, n // 2))
    monkeypatch.undo()
    made = interpolate(film, multiplier=2, model="magic-flow", scene_changes="ignore")
    end = time.monotonic() + 60
    while equal(frame(result, 5), frame(film, 2)):
        result = result.std.SetFrameProps(_again=1)  # what was shown before may be in a cache
        assert time.monotonic() < end
        time.sleep(0.05)
    for n in range(5, 12):
        assert equal(frame(result, n), frame(made, n))
        assert duration(result, n) == duration(made, n)


def test_a_failure_is_told_when_a_frame_is_asked_for(film: vs.VideoNode, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(late, "PATIENCE", 0.0)
    result = late.interpolated(film, InterpolateStep(multiplier="2", model="nobody"))
    with pytest.raises(vs.Error, match="nobody"):
        played(result)


def test_a_wrong_factor_is_told_at_once(film: vs.VideoNode) -> None:
    with pytest.raises(OptionError, match=r"multiplier is 0\.5"):
        late.interpolated(film, InterpolateStep(multiplier="0.5"))
