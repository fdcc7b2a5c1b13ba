"""Frames in between: their number and times, which of them are source frames, and what the others look like."""

import sys
from fractions import Fraction
from itertools import accumulate

import numpy as np
import pytest
import vapoursynth as vs

import frames as fr
from moving import moving
from vsmagic import clips
from vsmagic.errors import FormatError, ModelError, OptionError
from vsmagic.filters import pattern
from vsmagic.filters.interpolate import interpolate
from vsmagic.tempo import place, tempo

module = sys.modules["vsmagic.filters.interpolate"]
core = vs.core
NTSC_FILM = Fraction(24000, 1001)


def numbered(count, rate=Fraction(25), width=32, height=32):
    """Frames that carry their number, ``N``, and a grey that grows with it."""
    blank = core.std.BlankClip(
        format=vs.YUV420P8, width=width, height=height, length=count, fpsnum=rate.numerator, fpsden=rate.denominator,
        keep=True,
    )  # fmt: skip

    def fill(n, f):
        frame = f.copy()
        frame.props.update({"N": n, "_Matrix": 6, "_Range": 0, "_ChromaLocation": 0, "_FieldBased": 0})
        np.asarray(frame[0])[:] = 16 + n % 200
        return frame

    return blank.std.ModifyFrame(blank, fill)


def uneven(clip, lengths):
    """Let a clip's frames last as long as told."""
    parts = [clip[n].std.AssumeFPS(fpsnum=(1 / d).numerator, fpsden=(1 / d).denominator) for n, d in enumerate(lengths)]
    result = core.std.Splice(parts)
    assert not result.fps
    return result


CASES = [
    (100, Fraction(25), {"multiplier": "5/2"}),
    (48, NTSC_FILM, {"fps": 60}),
    (48, NTSC_FILM, {"fps": "59.94"}),
    (8, Fraction(8), {"fps": 24}),
    (7, Fraction(25), {"fps": 144}),
    (30, Fraction(60), {"fps": 24}),
    (10, Fraction(25), {"slowdown": 4}),
    (11, Fraction(25), {"slowdown": "7/3", "fps": 50}),
    (1, Fraction(25), {"multiplier": 4}),
    (2, Fraction(25), {"multiplier": 11}),
    (5, Fraction(25), {"fps": 25}),
]


@pytest.mark.parametrize(("count", "rate", "wanted"), CASES)
@pytest.mark.parametrize("variable", [False, True], ids=["constant", "listed"])
def test_patterns_lie_where_their_times_say(count, rate, wanted, variable):
    times = [n / rate for n in range(count + 1)]
    pace = tempo(times, **wanted)
    found = pattern.listed(pace, times) if variable else pattern.regular(pace, rate, count)
    clip = numbered(count, rate)
    left, right, parts = found.left(clip), found.right(clip), found.times(16, 16)
    assert len(left) == len(right) == len(parts) == pace.count
    for k in range(pace.count):
        here = place(times, pace.moment(k))
        assert left.get_frame(k).props["N"] == here.frame
        assert right.get_frame(k).props["N"] == min(here.frame + 1, count - 1)
        assert (k < found.tail) == (here.frame < count - 1)
        if k < found.tail:
            assert parts.get_frame(k)[0][0, 0] == pytest.approx(float(here.part), abs=1e-7)


@pytest.mark.parametrize(("count", "rate", "wanted"), CASES)
def test_source_frames_stay_as_they_are_and_every_frame_lasts_as_long(count, rate, wanted):
    clip = numbered(count, rate)
    result = interpolate(clip, model="mvtools", scene_changes="ignore", **wanted)
    pace = tempo([n / rate for n in range(count + 1)], **wanted)
    assert (result.num_frames, Fraction(result.fps), result.format.id) == (pace.count, pace.rate, clip.format.id)
    times = [n / rate for n in range(count + 1)]
    for k, frame in enumerate(result.frames(close=True)):
        assert Fraction(frame.props["_DurationNum"], frame.props["_DurationDen"]) == 1 / pace.rate
        here = place(times, pace.moment(k))
        if here.part == 0:
            assert frame.props["N"] == here.frame
            assert int(np.asarray(frame[0])[0, 0]) == 16 + here.frame


def test_a_variable_rate_becomes_constant_at_its_true_times():
    lengths = [Fraction(1, 10), Fraction(1, 30), Fraction(1, 30), Fraction(1, 7), Fraction(1, 50)]
    clip = uneven(numbered(5), lengths)
    times = list(accumulate(lengths, initial=Fraction(0)))
    result = interpolate(clip, fps=50, model="mvtools", scene_changes="ignore")
    assert result.fps == 50
    assert abs(result.num_frames / Fraction(50) - times[-1]) <= Fraction(1, 100)
    for k, frame in enumerate(result.frames(close=True)):
        here = place(times, Fraction(k, 50))
        assert frame.props["N"] == here.frame
        # The grey grows by one a frame: what lies between is between.
        assert abs(int(np.asarray(frame[0])[16, 16]) - 16 - here.frame) <= 1


@pytest.mark.parametrize(
    ("lengths", "wanted", "rate", "count"),
    [
        ([Fraction(1001, 24000)] * 24, {"fps": "59.94"}, Fraction(60000, 1001), 60),
        ([Fraction(1001, 24000)] * 24, {"fps": 60}, Fraction(60), 60),
        ([Fraction(1, 25)] * 12, {"fps": 144}, Fraction(144), 69),
        ([Fraction(1, 8)] * 8, {"slowdown": "7/2", "fps": 24}, Fraction(24), 84),
        ([Fraction(n % 7 + 1, 90) for n in range(20)], {"fps": 60}, Fraction(60), 51),
        ([Fraction(n % 5 + 1, 44) for n in range(10)], {"slowdown": 3, "multiplier": "3/2"}, Fraction(22), 45),
    ],
)
def test_what_grows_evenly_with_time_still_does(lengths, wanted, rate, count, monkeypatch):
    """By the clock alone: each frame is as bright as the second it begins at, and the network mixes by its time."""
    monkeypatch.setattr(module, "between", lambda *given: core.std.MaskedMerge(*given[:3], first_plane=True))
    starts = list(accumulate(lengths, initial=Fraction(0)))
    blank = core.std.BlankClip
    each = [
        blank(format=vs.GRAYS, width=16, height=16, length=1, color=float(start), fpsnum=n.denominator,
              fpsden=n.numerator)
        for start, n in zip(starts, lengths, strict=False)
    ]  # fmt: skip
    result = interpolate(core.std.Splice(each), scene_changes="ignore", **wanted)
    assert (result.fps, result.num_frames) == (rate, count)
    slower = Fraction(str(wanted.get("slowdown", 1)))
    shown = [frame[0][8, 8] for frame in result.frames(close=True)]
    expected = [float(min(k / rate / slower, starts[-2])) for k in range(count)]
    assert shown == pytest.approx(expected, abs=2e-6)


@pytest.mark.parametrize("backend", ["ov", "ort", "torch"])
def test_even_motion_is_followed(backend):
    """Nearer to the true picture than the average of its neighbours, by far, at three times."""
    clip, at = moving(3, step=4)
    result = interpolate(clip, multiplier=4, backend=backend, scene_changes="ignore")
    for k in (1, 2, 3):
        true = at(k / 4)[0]
        made = fr.planes(result, k)[0]
        mean = (1 - k / 4) * at(0)[0] + k / 4 * at(1)[0]
        inner = (slice(8, -8), slice(8, -8))
        assert np.abs(made - true)[inner].mean() < 0.4 * np.abs(mean - true)[inner].mean()


def test_backends_agree():
    clip, _ = moving(2, width=70, height=50)
    made = {
        name: fr.planes(interpolate(clip, multiplier=3, backend=name, precision="f32", scene_changes="ignore"), 1)
        for name in ("ov", "ort", "torch")
    }
    for name in ("ov", "ort"):
        assert max(np.abs(one - other).max() for one, other in zip(made[name], made["torch"], strict=True)) < 1 / 255


@pytest.mark.parametrize(
    "name", ["YUV420P8", "YUV422P10", "YUV444P16", "YUV420PS", "GRAY8", "GRAYS", "RGB24", "RGB48", "RGBS", "YUV411P8"]
)
@pytest.mark.parametrize("model", ["auto", "mvtools"])
def test_every_format_comes_back_as_it_went_in(name, model):
    fmt = core.get_video_format(fr.FORMATS["RGB8" if name == "RGB24" else "RGB16" if name == "RGB48" else name])
    clip = fr.textured(fmt.id, 36, 20)
    clip = clip + clip
    result = interpolate(clip, multiplier=2, model=model, scene_changes="ignore")
    assert (result.format.id, result.width, result.height, result.num_frames) == (fmt.id, 36, 20, 4)
    peak = 1.0 if fmt.sample_type == vs.FLOAT else (1 << fmt.bits_per_sample) - 1
    for number, (one, other) in enumerate(zip(fr.planes(clip, 0), fr.planes(result, 1), strict=True)):
        # Nothing moves: the frame between is the frame itself, but for rounding and for chroma's way through RGB.
        assert np.abs(one - other).mean() / peak < (0.01 if number == 0 else 0.02)
    assert fr.raw(result[0]) == fr.raw(clip[0])


def two_scenes(count=3):
    one, other = (fr.clip_of([[fr.texture(48, 48, seed=seed)] * 3] * count, vs.RGBS) for seed in (5, 9))
    return one + other


@pytest.fixture
def runs(monkeypatch):
    """Numbers of the output frames that a network was run for."""
    ran = []

    def counted(first, second, time, plan):
        def note(n, f):
            ran.append(n)
            return f

        return first.std.ModifyFrame(first, note)

    monkeypatch.setattr(module, "between", counted)
    return ran


def test_no_network_runs_over_a_cut(runs):
    clip = two_scenes()
    result = fr.raw(interpolate(clip, multiplier=2))
    assert sorted(runs) == [1, 3, 7, 9]
    source = fr.raw(clip)
    assert result[5] == source[3]  # the nearer one; half-way the later one
    assert result[4] == source[2]


def test_cuts_are_ignored_or_blended_when_that_is_asked_for(runs):
    clip = two_scenes()
    mixed = fr.planes(interpolate(clip, multiplier=4, scene_changes="blend"), 9)[0]
    one, other = fr.planes(clip, 2)[0], fr.planes(clip, 3)[0]
    assert mixed == pytest.approx(0.75 * one + 0.25 * other, abs=1e-6)
    runs.clear()
    fr.raw(interpolate(clip, multiplier=2, scene_changes="ignore"))
    assert sorted(runs) == [1, 3, 5, 7, 9]


def test_marks_from_elsewhere_are_believed(runs):
    clip = core.std.Splice([part.std.SetFrameProps(_SceneChangeNext=n == 1) for n, part in enumerate(singles(4))])
    fr.raw(interpolate(clip, multiplier=2))
    assert sorted(runs) == [1, 5]


def test_marks_on_some_frames_alone_are_taken_for_all_there_are(runs):
    first, *rest = singles(4)
    clip = core.std.Splice([first.std.SetFrameProps(_SceneChangeNext=1), *rest])
    fr.raw(interpolate(clip, multiplier=2))
    assert sorted(runs) == [3, 5]


@pytest.mark.parametrize("duplicates", ["keep", "retime"])
def test_cuts_that_are_marked_and_ignored_are_none(duplicates):
    clip, _ = moving(4, step=4)
    twos = core.std.Interleave([clip, clip])
    plain, marked = (
        fr.raw(interpolate(given, multiplier=2, duplicates=duplicates, scene_changes="ignore"))
        for given in (twos, twos.std.SetFrameProps(_SceneChangeNext=1))
    )
    assert plain == marked


@pytest.mark.parametrize("scene_changes", ["repeat", "ignore"])
@pytest.mark.parametrize("duplicates", ["keep", "retime"])
def test_marks_of_the_source_are_not_left_on_what_is_made_of_it(scene_changes, duplicates):
    """So that another interpolation finds the cuts of the frames that it is given."""
    clip = numbered(4).std.SetFrameProps(_SceneChangeNext=1, _SceneChangePrev=1)
    result = interpolate(clip, multiplier=2, scene_changes=scene_changes, duplicates=duplicates)
    assert not any(name.startswith("_SceneChange") for frame in result.frames(close=True) for name in frame.props)


def test_frames_in_between_can_be_added_twice(runs):
    clip = interpolate(interpolate(two_scenes(), multiplier=2), multiplier=2)
    assert len(fr.raw(clip)) == 24


def singles(count):
    clip, _ = moving(count)
    return [clip[n] for n in range(count)]


def test_frames_that_are_source_frames_cost_nothing(runs):
    clip, _ = moving(8)
    fr.raw(interpolate(clip, fps="75/2", scene_changes="ignore"))
    assert sorted(runs) == [k for k in range(11) if k % 3]


def test_repeats_are_retimed_to_even_motion():
    """Drawings on twos, each moved by 4 pixels: half-way through a run the picture is half-way to the next."""
    drawings, at = moving(4, step=4)
    twos = core.std.Interleave([drawings, drawings])
    kept, retimed = (interpolate(twos, slowdown=2, duplicates=how) for how in ("keep", "retime"))
    assert kept.num_frames == retimed.num_frames == 16
    inner = (slice(8, -8), slice(8, -8))
    for k in (1, 2, 3, 6):
        true = at(k / 4)[0]
        errors = [np.abs(fr.planes(clip, k)[0] - true)[inner].mean() for clip in (kept, retimed)]
        assert errors[1] < 0.7 * errors[0]
    assert fr.raw(retimed[4]) == fr.raw(drawings[1])
    assert fr.raw(retimed[15]) == fr.raw(drawings[3])


def test_dropped_repeats_leave_even_motion(runs):
    drawings, _ = moving(6, step=4)
    result = interpolate(core.std.Interleave([drawings, drawings]), fps=100, duplicates="drop", scene_changes="ignore")
    assert result.num_frames == 24
    for _ in result.frames(close=True):
        pass
    assert sorted(runs) == [k for k in range(20) if k % 4]


@pytest.mark.parametrize("duplicates", ["keep", "retime", "drop"])
def test_rates_count_from_the_clip_as_it_was_given(duplicates):
    drawings, _ = moving(4, step=4)
    twos = core.std.Interleave([drawings, drawings]).std.AssumeFPS(fpsnum=24)
    doubled, slow = (interpolate(twos, duplicates=duplicates, **how) for how in ({"multiplier": 2}, {"slowdown": 3}))
    assert (doubled.fps, doubled.num_frames) == (48, 16)
    assert (slow.fps, slow.num_frames) == (24, 24)


def test_properties_are_the_earlier_frames():
    result = interpolate(numbered(4), multiplier=3, scene_changes="ignore")
    assert [frame.props["N"] for frame in result.frames(close=True)] == [n // 3 for n in range(12)]
    assert result.get_frame(1).props["_Matrix"] == 6


@pytest.mark.parametrize(
    ("wanted", "error", "words"),
    [
        ({"fps": 0}, OptionError, "fps is 0"),
        ({"fps": -24}, OptionError, "fps is -24"),
        ({"fps": float("inf")}, OptionError, "fps is inf"),
        ({"fps": 10**6}, OptionError, "fps is 1000000"),
        ({"multiplier": 0.5}, OptionError, "multiplier is 0.5"),
        ({}, OptionError, "give fps"),
        ({"fps": 50, "model": "rive-4.6"}, ModelError, "rive-4.6"),
        ({"fps": 50, "backend": "nope"}, OptionError, "backend 'nope' is not known"),
        ({"fps": 50, "scene_changes": "maybe"}, OptionError, "scene_changes is 'maybe'; expected repeat"),
        ({"fps": 50, "duplicates": "eat"}, OptionError, "duplicates is 'eat'; expected keep"),
        ({"fps": 50, "flow_scale": 3}, OptionError, "flow_scale"),
        ({"fps": 50, "flow_scale": 0.5, "model": "mvtools"}, OptionError, "mvtools has none"),
        ({"fps": 50, "streams": 0}, OptionError, "streams is 0; expected a whole number from 1"),
        ({"fps": 50, "device": -1}, OptionError, "device is -1; expected a whole number from 0"),
    ],
)
def test_what_cannot_be_done_is_told_before_a_frame_is_made(wanted, error, words):
    with pytest.raises(error, match=words):
        interpolate(numbered(3), **wanted)


def test_a_clip_without_durations_or_with_changing_sizes_is_refused():
    varied = core.std.Splice([numbered(2), numbered(2, width=48)], mismatch=True)
    with pytest.raises(FormatError, match="changes from frame to frame"):
        interpolate(varied, multiplier=2)
    timeless = uneven(numbered(2), [Fraction(1, 10), Fraction(1, 20)]).std.RemoveFrameProps(["_DurationNum"])
    with pytest.raises(FormatError, match="has no duration"):
        interpolate(timeless, fps=50)


def test_a_clip_without_an_end_is_refused_and_not_read(monkeypatch):
    """mpv's clips claim 134,217,727 frames at a rate of 0."""
    one, other = numbered(1), numbered(1, Fraction(30))
    endless = core.std.Splice([one, other]).std.Loop()
    assert not endless.fps
    assert endless.num_frames > 10**8
    for wanted in ({"fps": 60}, {"multiplier": 1}, {"multiplier": 2, "duplicates": "drop"}, {"slowdown": 2}):
        with pytest.raises(OptionError, match=r"no end, as a player's.*std\.AssumeFPS"):
            interpolate(endless, **wanted)
    rated = endless.std.AssumeFPS(fpsnum=24)
    players = rated[:134_217_727]
    result = interpolate(players, multiplier=2, model="mvtools", scene_changes="ignore")
    assert (result.fps, result.num_frames) == (48, 268_435_454)
    with pytest.raises(FormatError, match="claims 134217727 frames, as a player's"):
        interpolate(players, multiplier=2, duplicates="drop")
    with pytest.raises(OptionError, match="a clip has at most"):
        interpolate(rated, multiplier=2)
    with pytest.raises(OptionError, match="more than mvtools can count"):
        interpolate(players, multiplier=15.9, model="mvtools")


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        ({"threshold": 0}, "above 0 and at most 1"),
        ({"threshold": float("nan")}, "above 0 and at most 1"),
        ({"threshold": 0.2, "scene_changes": "ignore"}, "leave one of them out"),
    ],
)
def test_a_threshold_is_judged_before_anything_is_loaded(wanted, told, monkeypatch):
    monkeypatch.setattr("vsmagic.filters.interpolate._plan", None)
    with pytest.raises(OptionError, match=told):
        interpolate(numbered(3), multiplier=2, **wanted)


def test_known_times_spare_the_reading(monkeypatch):
    clip = uneven(numbered(3), [Fraction(1, 10), Fraction(1, 30), Fraction(1, 20)])
    clips.remember_times(clip, [Fraction(0), Fraction(1, 10), Fraction(2, 15), Fraction(11, 60)])
    monkeypatch.setattr(clips, "duration", None)
    assert interpolate(clip, fps=60, scene_changes="ignore").num_frames == 11
