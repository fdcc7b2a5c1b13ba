"""Laws of repeated frames: what is marked, what is left out, and that a network runs once for what is identical."""

import random
import sys
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import vapoursynth as vs

import frames as fr
import networks
from vsmagic import FormatError, OptionError, clips, dezoom, upscale
from vsmagic.filters import repeats

core = vs.core


def on(pattern: Sequence[int], name: str = "GRAY8", size: tuple[int, int] = (48, 36)) -> vs.VideoNode:
    """A clip that shows these pictures, at 30 fps, each frame with a number of its own."""
    matrix = 0 if name.startswith("RGB") else 6
    pictures = fr.textured(fr.FORMATS[name], *size, count=max(pattern) + 1, _Matrix=matrix)
    clip = core.std.Splice([pictures[n] for n in pattern]).std.AssumeFPS(fpsnum=30, fpsden=1)
    return clip.std.FrameEval(lambda n: clip.std.SetFrameProps(mine=n))


def of_runs(*lengths: int) -> list[int]:
    """Pictures shown for so many frames each."""
    return [n for n, length in enumerate(lengths) for _ in range(length)]


def prop(clip: vs.VideoNode, name: str) -> list[int]:
    return [frame.props[name] for frame in clip.frames(close=True)]


@pytest.mark.parametrize("tolerance", [0, 1, repeats.TOLERANCE])
@pytest.mark.parametrize("name", ["GRAY8", "GRAYH", "YUV420P8", "YUV422P10", "YUV420PH", "YUV444PS", "RGB16"])
def test_repeats_are_marked_in_every_format(name: str, tolerance: float) -> None:
    clip = on(of_runs(1, 2, 1, 3), name)
    result = repeats.marked(clip, tolerance=tolerance)
    assert prop(result, "_Repeat") == [0, 0, 1, 0, 0, 1, 1]
    assert fr.raw(result) == fr.raw(clip)
    assert prop(result, "mine") == list(range(7))
    assert fr.durations(result) == fr.durations(clip)


@pytest.mark.parametrize("name", ["YUV420P8", "YUV444P16", "RGB8", "YUV444PS"])
def test_one_sample_of_one_plane_is_no_repeat(name: str) -> None:
    first = fr.planes(fr.textured(fr.FORMATS[name], 320, 240))
    for plane in range(3):
        second = [p.copy() for p in first]
        second[plane][-1, -1] += 1 if "S" not in name else 1e-6
        clip = fr.clip_of([first, second, second], fr.FORMATS[name])
        assert prop(repeats.marked(clip), "_Repeat") == [0, 0, 1]
        assert prop(repeats.marked(clip, tolerance=1), "_Repeat") == [0, 1, 1]


def test_a_small_thing_that_moves_is_no_repeat() -> None:
    """A mouth of 12x8 in 720x480 changes the mean by 0.01, and its own place by 40."""
    first = np.full((480, 720), 100.0)
    second = first.copy()
    second[300:308, 351:363] += 40
    clip = fr.clip_of([[first], [second]], vs.GRAY8)
    assert prop(repeats.marked(clip, tolerance=repeats.TOLERANCE), "_Repeat") == [0, 0]
    assert prop(repeats.marked(clip, tolerance=41), "_Repeat") == [0, 1]


@pytest.mark.parametrize("size", [(1, 1), (2, 1), (1, 7), (161, 121)])
@pytest.mark.parametrize("tolerance", [0, 2])
def test_odd_and_tiny_sizes(size: tuple[int, int], tolerance: float) -> None:
    black, white = (np.full(size[::-1], float(level)) for level in (0, 255))
    clip = fr.clip_of([[black], [black], [white], [white]], vs.GRAY8)
    assert prop(repeats.marked(clip, tolerance=tolerance), "_Repeat") == [0, 1, 0, 1]


def test_the_tolerance_is_in_steps_of_eight_bits() -> None:
    for name, step in (("GRAY8", 3), ("GRAY10", 12), ("GRAY16", 3 * 256), ("GRAYS", 3 / 255)):
        level = np.full((32, 32), 0.25 * fr.peak(core.get_video_format(fr.FORMATS[name])))
        clip = fr.clip_of([[level], [level + step]], fr.FORMATS[name])
        assert [prop(repeats.marked(clip, tolerance=t), "_Repeat")[1] for t in (2.9, 3.1)] == [0, 1]


@pytest.mark.parametrize("lengths", [(1, 2, 1, 3), (4, 4), (1,), (2,), (1, 1, 1), (5, 6, 1)])
def test_runs_tell_where_they_begin_and_end(lengths: tuple[int, ...]) -> None:
    pattern = of_runs(*lengths)
    result = repeats.runs(repeats.marked(on(pattern)))
    total = len(pattern)
    begins = [pattern.index(p) for p in pattern]
    ends = [total - pattern[::-1].index(p) for p in pattern]
    assert prop(result, "_RunBack") == [min(n - begins[n], 5) for n in range(total)]
    assert prop(result, "_RunAhead") == [min(ends[n] - n, 5) for n in range(total)]


def test_runs_look_no_further_than_they_say() -> None:
    clip, asked = on(of_runs(*[2] * 20)), []
    watched = clip.std.FrameEval(lambda n: asked.append(n) or clip)
    result = repeats.runs(repeats.marked(watched))
    asked.clear()
    result.get_frame(20).close()
    assert set(asked) <= set(range(20 - 5, 20 + 6))


@pytest.mark.parametrize("tolerance", [-1, 256, float("nan"), True, "1"])
def test_bad_tolerances_are_told(tolerance: float) -> None:
    with pytest.raises(OptionError, match="tolerance is"):
        repeats.marked(on([0, 1]), tolerance=tolerance)


def test_a_clip_that_changes_its_size_is_refused() -> None:
    clip = core.std.Splice([on([0]), on([0], size=(64, 48))], mismatch=True)
    with pytest.raises(FormatError, match="repeats: the clip's size or format changes"):
        repeats.marked(clip)


# --- Left out


@pytest.mark.parametrize("lengths", [(1, 3, 2, 1, 4), (5,), (2, 2, 2), (1, 1, 1), (2, 1, 1, 1) * 4, (7, 1)])
def test_what_is_left_lasts_as_long(lengths: tuple[int, ...]) -> None:
    clip = on(of_runs(*lengths))
    result = repeats.dropped(clip)
    assert result.num_frames == len(lengths)
    assert sum(fr.durations(result)) == sum(fr.durations(clip)) == clips.times(result)[len(lengths)]
    firsts = [sum(lengths[:n]) for n in range(len(lengths))]
    assert prop(result, "mine") == firsts
    known = clips.times(result)
    assert [known[n + 1] - known[n] for n in range(len(lengths))] == fr.durations(result)


def test_each_picture_of_a_screen_capture_keeps_its_own_time() -> None:
    result = repeats.dropped(on(of_runs(1, 3, 2, 1, 4)))
    assert fr.durations(result) == [Fraction(n, 30) for n in (1, 3, 2, 1, 4)]
    assert not result.fps


@pytest.mark.parametrize(
    ("cycle", "rate"),
    [((2, 1, 1, 1), 24), ((1, 1, 2, 1), 24), ((3, 2), 12), ((2, 1, 1, 1, 1), 25), ((2,), 15), ((3,), 10)],
)
def test_a_pulldown_is_undone_evenly(cycle: tuple[int, ...], rate: int) -> None:
    result = repeats.dropped(on(of_runs(*cycle * 4)))
    assert fr.durations(result) == [Fraction(1, rate)] * len(cycle) * 4
    assert result.fps == rate


def test_no_picture_moves_by_a_frame() -> None:
    """Whatever the runs: cycles begin and end anywhere among others."""
    random.seed(3)
    times = [Fraction(n, 30) for n in range(400)]
    for _ in range(200):
        lengths = random.choices([(2, 1, 1, 1) * 4, (3, 2) * 5, (1,), (2,), (5,), (1, 2)], k=6)
        kept = np.cumsum([0, *(n for part in lengths for n in part)]).tolist()
        starts = repeats.spread(kept, times)
        assert all(abs(start - times[n]) < Fraction(1, 30) for start, n in zip(starts, kept, strict=True))
        assert starts == sorted(set(starts))


# --- Computed once


def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Count what goes into the network: frame numbers, in the order in which they are computed."""
    seen: list[int] = []
    real = sys.modules["vsmagic.filters.upscale"].infer  # the package's attribute of that name is the function

    def infer(clip: vs.VideoNode, plan: object) -> vs.VideoNode:
        def note(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
            seen.append(n)
            return f

        return real(clip.std.ModifyFrame(clip, note), plan)

    monkeypatch.setattr(sys.modules["vsmagic.filters.upscale"], "infer", infer)
    return seen


PATTERNS = {
    "twos": (of_runs(*[2] * 24), 24),
    "twos, from the second": (of_runs(1, *[2] * 23, 1), 25),
    "threes": (of_runs(*[3] * 16), 16),
    "still": ([0] * 48, 6),
    "ones": (list(range(48)), 48),
}


@pytest.mark.parametrize("order", ["in order", "at random"])
@pytest.mark.parametrize("pattern", PATTERNS)
def test_the_network_runs_once_for_what_is_identical(
    pattern: str, order: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures, most = PATTERNS[pattern]
    clip = on(pictures, "YUV420P8")
    model = str(networks.deep(tmp_path / "deep.onnx"))
    with monkeypatch.context() as never:
        never.setattr(repeats, "reused", lambda *given, **_: given[1])
        every = upscale(clip, model=model, scale=2, backend="ort")
    seen = counted(monkeypatch)
    result = upscale(clip, model=model, scale=2, backend="ort")
    numbers = list(range(48))
    if order == "at random":
        random.Random(1).shuffle(numbers)
    for n in numbers:
        with result.get_frame(n) as got, every.get_frame(n) as expected:
            assert dict(got.props) == dict(expected.props)
            assert got.props["mine"] == n
            assert all((np.asarray(a) == np.asarray(b)).all() for a, b in zip(got, expected, strict=True))
    assert len(set(seen)) <= most
    # What was computed may have left the cache when it is asked for again much later.
    assert len(seen) <= (most if order == "in order" else 1.3 * most)


def test_a_change_in_chroma_alone_reaches_a_model_of_rgb(tmp_path: Path) -> None:
    """A model of luma does not see it and need not run; its chroma comes from the frame itself."""
    first = fr.planes(fr.textured(vs.YUV444P8, 48, 36))
    second = [first[0], first[1], first[2].copy()]
    second[2][3, 3] += 40
    clip = fr.clip_of([first, second, first], vs.YUV444P8, _Matrix=6)
    for channels in (1, 3):
        model = str(networks.double(tmp_path / f"double{channels}.onnx", channels))
        result = upscale(clip, model=model, scale=2, backend="ort")
        for n in range(3):
            alone = upscale(clip[n], model=model, scale=2, backend="ort")
            assert all((a == b).all() for a, b in zip(fr.planes(result, n), fr.planes(alone), strict=True))


def test_a_moving_crop_of_a_still_picture_is_computed_where_it_goes(tmp_path: Path) -> None:
    clip = on([0] * 12, "YUV420P8", (160, 120))
    keys = [
        {"frame": 0, "x": 0, "y": 0, "width": 64, "height": 48},
        {"frame": 11, "x": 90, "y": 70, "width": 64, "height": 48},
    ]
    result = upscale(dezoom(clip, keyframes=keys), model=str(networks.double(tmp_path / "d.onnx", 1)), size=(128, 96))
    moved = [fr.planes(result, n)[0] for n in range(12)]
    assert all(np.abs(a - b).max() > 1 for a, b in pairwise(moved))
