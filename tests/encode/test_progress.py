"""Progress is true: speeds and times left settle on what is, nothing passes the end, nothing counts that was there."""

import errno
import io
import json
import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsmagic.encode import progress
from vsmagic.encode.many.report import Entry, Report
from vsmagic.encode.progress import live, plain, words
from vsmagic.encode.progress.lines import Lines
from vsmagic.encode.progress.pace import LEAST, LONG, Pace
from vsmagic.encode.progress.tally import Tally
from vsmagic.errors import OutputError

speeds = st.floats(0.05, 2000)


def steady(pace: Pace, begin: float, frames: int, speed: float, *, burst: int = 1) -> float:
    """Let frames come at a speed, so many at once; return when the last did."""
    for number in range(burst, frames + 1, burst):
        pace.add(burst, begin + number / speed)
    return begin + frames / speed


@given(speed=speeds, total=st.integers(300, 1500), share=st.floats(0.1, 0.99), idle=st.floats(0, 60))
def test_at_a_constant_speed_the_time_left_is_right_from_a_tenth_on(
    speed: float, total: int, share: float, idle: float
) -> None:
    """However long the first frame took."""
    pace = Pace(0.0)
    frames = int(total * share)
    now = steady(pace, idle, frames, speed)
    left = pace.left(total - frames, now)
    assert left == pytest.approx((total - frames) / speed, rel=0.001)
    assert pace.current(now) == pytest.approx(speed, rel=0.001)
    assert pace.mean(now) == pytest.approx(frames / now)


@given(speed=speeds, total=st.integers(400, 600), share=st.floats(0.1, 0.9), jitter=st.randoms(use_true_random=False))
def test_uneven_frames_do_not_shake_it(speed: float, total: int, share: float, jitter: object) -> None:
    """Each comes up to one frame early or late, as from filters that work on several at once."""
    pace = Pace(0.0)
    times = sorted((number + jitter.uniform(-1, 1)) / speed for number in range(1, int(total * share) + 1))  # type: ignore[attr-defined]
    for when in times:
        pace.add(1, max(when, 0.0))
    left = pace.left(total - len(times), times[-1])
    assert left == pytest.approx((total - len(times)) / speed, rel=0.1)


@given(before=speeds, after=speeds, long=st.floats(1, 500))
def test_a_change_of_speed_is_believed_after_the_window(before: float, after: float, long: float) -> None:
    """After so many seconds, or so many frames where they are slow, nothing is left of the former speed."""
    pace = Pace(0.0)
    changed = steady(pace, 0.0, min(max(2, int(long * before)), 500), before)
    settled = int(max(LONG * after * 1.05, LEAST)) + 2
    now = steady(pace, changed, settled, after, burst=max(1, settled // 500))
    assert pace.left(1000, now) == pytest.approx(1000 / after, rel=0.05)


@given(speed=speeds, wait=st.floats(0, 1000))
def test_while_nothing_comes_the_time_left_runs_down_and_then_grows(speed: float, wait: float) -> None:
    pace = Pace(0.0)
    now = steady(pace, 0.0, 300, speed)
    told, later = pace.left(100, now), pace.left(100, now + wait)
    assert told is not None
    assert later is not None
    assert later >= 0
    assert later <= told if wait <= 1 / speed else later >= told - 1 / speed - 1e-6
    assert pace.current(now + wait) <= speed * 1.001


def test_nothing_is_foretold_from_nothing() -> None:
    pace = Pace(0.0)
    assert (pace.left(10, 5.0), pace.current(5.0), pace.mean(5.0)) == (None, 0, 0)
    pace.add(3, 6.0)
    assert (pace.left(10, 7.0), pace.current(7.0)) == (None, 0)
    assert pace.left(0, 7.0) == 0


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


events = st.lists(
    st.tuples(st.integers(0, 3), st.integers(-5, 60), st.integers(0, 9999), st.booleans(), st.floats(0, 9))
)


@given(lengths=st.lists(st.integers(1, 40), min_size=4, max_size=4), kept=st.sets(st.integers(0, 3)), told=events)
def test_whatever_is_told_the_figures_hold_together(
    lengths: list[int], kept: set[int], told: list[tuple[int, int, int, bool, float]]
) -> None:
    clock = Clock()
    tally = Tally(clock)
    tally.begin(lengths, dict.fromkeys(kept, 500))
    for chunk, done, size, finished, wait in told:
        clock.now += wait
        if finished:
            tally.made(chunk, size)
        else:
            tally.frames(chunk, done, size)
        state = tally.state()
        assert 0 <= state.kept <= state.done <= state.total == sum(lengths)
        assert state.left is None or state.left >= 0
        assert state.left == 0 or state.done < state.total
        assert state.expected is None or state.expected >= state.size
        assert state.mean * state.elapsed <= sum(max(done, 40) for _, done, *_ in told) * len(told)
        assert int(words.percent(state)[:-1]) <= 100
        assert (words.percent(state) == "100%") == (state.done == state.total)


def test_frames_of_an_earlier_run_are_done_but_not_fast() -> None:
    clock = Clock()
    tally = Tally(clock)
    tally.begin([100] * 10, dict.fromkeys(range(5), 1000))
    assert tally.state().share == 0.5
    for done in range(1, 51):
        clock.now += 0.5
        tally.frames(5, done, done * 10)
    state = tally.state()
    assert state.done == 550
    assert (state.mean, state.fps) == (pytest.approx(2), pytest.approx(2))
    assert state.left == pytest.approx(450 / 2)
    assert state.expected == 10_000, "the chunks that are finished tell, not what an encoder still holds back"


def test_a_chunk_that_is_begun_anew() -> None:
    clock = Clock()
    tally = Tally(clock)
    tally.begin([100, 100], {})
    for done in (*range(1, 61), *range(1, 61)):
        clock.now += 1
        tally.frames(0, done, 0)
    state = tally.state()
    assert state.done == 60
    assert state.fps == pytest.approx(1, rel=0.05), "the work was done, though in vain"
    assert state.left == pytest.approx(140, rel=0.05)


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 bytes"), (999, "999 bytes"), (1000, "1.0 kB"), (999_960, "1.0 MB"), (2.5e9, "2.5 GB")]
)
def test_sizes(number: float, text: str) -> None:
    assert words.size(int(number)) == text


@pytest.mark.parametrize(("seconds", "text"), [(0.2, "0:00"), (59.6, "1:00"), (754, "12:34"), (36_001, "10:00:01")])
def test_times(seconds: float, text: str) -> None:
    assert words.clock(seconds) == text


def drive(hears: progress.Progress, tick: Callable[[], None]) -> None:
    hears.stage("starting")
    hears.begin([60, 40], {0: 1000})
    for done in range(1, 41):
        tick()
        hears.frames(1, done, done * 20)
    hears.made(1, 800)
    hears.stage("adding sound and the rest")


def report() -> Report:
    files = [Entry(input=f"/in/e{n}.mkv", output=f"/out/e{n}.mkv", input_duration=60) for n in range(1, 4)]
    return Report(arguments=(), versions={}, machine="", begun="", files=files)


def test_plain_lines_are_few(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()

    def tick() -> None:
        clock.now += 1

    monkeypatch.setattr(plain.time, "monotonic", clock)
    monkeypatch.setattr(plain, "Tally", lambda: Tally(clock))
    shown = plain.Plain()
    shown.begin(report())
    drive(shown.file(1), tick)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 8
    assert lines[1] == (
        "vsmagic: [2 of 3] e2.mkv: frame 70 of 100 (70%), 0:30 left, 1.0 fps (mean 1.0), 1.2 of about 1.7 kB"
    )
    assert lines[-1] == "vsmagic: [2 of 3] e2.mkv: frame 100 of 100 (100%), 1.0 fps, 1.8 kB"
    assert all(line.isprintable() for line in lines)


def test_the_end_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    """By vspipe, and again once both programs have ended: the last line stood there twice."""
    hears = plain.PlainFile()
    for total in (30, 20):
        hears.begin([total], {})
        for done in (total - 1, total, total, total + 1):
            hears.frames(0, done, 0)
        hears.made(0, 0)
    assert re.findall(r"frame (\d+) of (\d+)", capsys.readouterr().err) == [("30", "30"), ("20", "20")]


def test_frames_before_the_total_is_known_are_not_told(capsys: pytest.CaptureFixture[str]) -> None:
    plain.PlainFile().frames(0, 3, 0)
    assert capsys.readouterr().err == ""


def test_json_is_one_object_a_line_and_tells_all() -> None:
    out = io.StringIO()
    told = Lines(out)
    run = report()
    told.begin(run)
    drive(told.file(0), lambda: None)
    told.warned(0, "the sky is green")
    told.ended(0, run.files[0])
    told.end(run)
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert all(line["v"] == 1 and line["time"] > 0 for line in lines)
    kinds = [line["type"] for line in lines]
    assert kinds[:4] == ["run", "file", "stage", "begin"]
    assert kinds[-6:] == ["chunk", "progress", "stage", "warning", "file-end", "end"]
    begin, last = lines[3], [line for line in lines if line["type"] == "progress"][-1]
    assert (begin["chunks"], begin["chunks_kept"], begin["frames_kept"]) == ([60, 40], [0], 60)
    assert (last["frames"], last["frames_total"], last["bytes"], last["seconds_left"]) == (100, 100, 1800, 0)
    assert last["making"] == []


def test_without_a_terminal_it_is_plain() -> None:
    with progress.shown() as found:
        assert isinstance(found, plain.Plain)


def test_every_kind_takes_everything(capsys: pytest.CaptureFixture[str]) -> None:
    for kind in progress.KINDS:
        run = report()
        with progress.shown(kind) as found:
            found.begin(run)
            drive(found.file(0), lambda: None)
            found.ended(0, run.files[0])
            found.end(run)
    assert "\x1b" not in capsys.readouterr().err, "not a terminal: nothing is drawn"


@pytest.mark.parametrize("width", [40, 80, 120])
def test_the_picture_fits_its_terminal(width: int) -> None:
    from rich.console import Console

    shown = live.Live()
    shown.begin(report())
    hears = shown.file(0)
    hears.begin([100] * 12, {0: 5_000_000})
    for chunk in range(1, 10):
        hears.frames(chunk, 40, 2_000_000)
    console = Console(width=width, force_terminal=True, color_system=None, file=io.StringIO())
    console.print(shown)
    lines = console.file.getvalue().splitlines()
    assert all(len(line) <= width for line in lines)
    assert lines[0].startswith("e1.mkv ")
    assert lines[0].rstrip().endswith("38%")
    assert [line.split("  ")[1].split(" \N{BOX DRAWINGS HEAVY HORIZONTAL}")[0] for line in lines[2:8]] == [
        f"chunk {n} of 12" for n in range(2, 8)
    ]
    assert lines[8].startswith("  and 3 more")
    assert lines[9].startswith("0 of 3 files")


def test_lines_that_nobody_reads_stop_the_run() -> None:
    class Gone(io.StringIO):
        def flush(self) -> None:
            raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    with pytest.raises(OutputError, match=r"stdout \(Broken pipe\), so the run was stopped"):
        Lines(Gone()).warned(None, "words")
