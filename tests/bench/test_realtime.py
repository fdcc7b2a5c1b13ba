"""The speed table is filled as answers come, by one process at a time, and what fails costs no more than itself."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from contextlib import nullcontext
from itertools import pairwise
from pathlib import Path

import msgspec
import numpy as np
import pytest
import vapoursynth as vs

from vsmagic import clips, idle
from vsmagic.bench import footage, orders, realtime, timed
from vsmagic.bench.case import make_still
from vsmagic.bench.orders import Answer, Order
from vsmagic.engine.lock import exclusive
from vsmagic.errors import SourceError
from vsmagic.filters import changes
from vsmagic.mpv import profiles, speeds
from vsmagic.mpv.speeds import Speed
from vsmagic.shipped import shipped

ORDER = Order(steps="[]", sizes=((64, 48), (128, 96)), footage="none", length=0.01, seconds=5.0)
COMMAND = [sys.executable, "-c", "from vsmagic.cli.main import main; main()", "bench", "--realtime"]


@pytest.fixture(scope="module")
def still(tmp_path_factory):
    path = tmp_path_factory.mktemp("still") / "still.mkv"
    make_still(path, (320, 180))
    return path


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("VSMAGIC_CACHE", str(tmp_path))
    return tmp_path


@pytest.fixture
def known():
    return profiles.load()


@pytest.fixture
def fast(monkeypatch, cache):
    """Let answers come from a dictionary, by the model's name; note the orders."""
    taken = []
    given = {
        "magic-x2-fast": [30.0, 9.0], "magic-x2": [6.0], "magic-restore-x2": [6.0],
        "magic-flow": [20.0], "mvtools": [200.0, 90.0],
    }  # fmt: skip

    def ask(order, *, most):
        taken.append((order, most))
        model = json.loads(order.steps)[0]["model"]
        for size, fps in zip(order.sizes, given[model], strict=False):
            yield fps if isinstance(fps, Answer) else Answer(size=size, fps=fps)

    monkeypatch.setattr(realtime, "ask", ask)
    monkeypatch.setattr(realtime, "drawn_still", lambda: nullcontext(Path("still.mkv")))
    monkeypatch.setattr(idle, "busy", lambda *_: 0.05)
    ask.taken, ask.given = taken, given
    return ask


def measure(known, **more):
    said = []
    return realtime.measure(known, tell=said.append, **more), said


def known_here(known):
    """The chains whose models are on every machine."""
    models = {motion.name: motion.step["model"] for motion in known.profiles.motions}
    models |= {picture.name: picture.steps[0]["model"] for picture in known.profiles.pictures}
    return [one for one in realtime.subjects(known) if models[one.names[0]].startswith(("magic-", "mvtools"))]


def pixels(frame: vs.VideoFrame) -> np.ndarray:
    return np.asarray(frame[0]).astype(float)


def test_pictures_move_without_a_jump_and_are_like_a_players(still):
    clip = footage.moving(still, (96, 64))
    assert (clip.width, clip.height, clip.format.id) == (96, 64, vs.YUV420P8)
    assert clips.unending(clip)
    period = 2 * (footage.FRAMES - 1)
    frames = [pixels(frame) for frame in clip[: period + 1].frames(close=False)]
    assert np.array_equal(frames[0], frames[period])
    steps = [np.abs(one - other).mean() for one, other in pairwise(frames)]
    assert min(steps) > 1
    assert max(steps) < 3 * min(steps)
    assert all(frame.std() > 20 for frame in frames)
    marked = changes.marked(clip)[: period + 1]
    assert not any(frame.props.get("_SceneChangeNext") for frame in marked.frames(close=False))
    assert clips.duration(clip.get_frame(7), 7).denominator == 24


def test_pictures_can_come_from_a_video(data):
    clip = footage.moving(data / "clips/live_carturn_360p25_fastmotion.mp4", (96, 64))
    assert (clip.width, clip.height) == (96, 64)
    assert not np.array_equal(pixels(clip.get_frame(0)), pixels(clip.get_frame(1)))


def test_a_video_may_be_too_short(data, tmp_path):
    from vsmagic.bench.case import make_clip

    make_clip(tmp_path / "short.mkv", (64, 48), 5, None)
    with pytest.raises(SourceError, match="has 5 frames; expected at least 16"):
        footage.moving(tmp_path / "short.mkv", (96, 64))


class Clock:
    """Frames that take so long each; what they count is told by a clock of their own."""

    def __init__(self, seconds, first=0.0):
        self.now, self._seconds, self._first = 0.0, seconds, first

    def perf_counter(self):
        return self.now

    def process_time(self):
        return 1.5 * self.now

    def frames(self, *, prefetch, close):
        assert (prefetch, close) == (timed.ASKED, True)
        self.now += self._first
        while True:
            self.now += self._seconds
            yield None


@pytest.mark.parametrize(("seconds", "cycle"), [(0.01, 1), (0.01, 5), (0.3, 1), (0.3, 5)])
def test_a_speed_is_frames_over_time_without_the_start(monkeypatch, seconds, cycle):
    clock = Clock(seconds, first=1.5)
    monkeypatch.setattr(timed, "time", clock)
    pace = timed.speed(clock, cycle=cycle, seconds=2.0)
    assert pace == pytest.approx((1 / seconds, 1.5 * seconds))


def test_as_many_frames_are_asked_for_as_by_the_player():
    script = (shipped("mpv") / "modules" / "decision.lua").read_text()
    assert re.search(r"^local TRIED, MEASURED = \d+, (\d+)\b", script, re.MULTILINE)[1] == str(timed.ASKED)


def test_one_frame_of_a_very_slow_chain_is_enough(monkeypatch):
    clock = Clock(60.0)
    monkeypatch.setattr(timed, "time", clock)
    assert timed.speed(clock, cycle=1, seconds=2.0) == pytest.approx((1 / 60, 90.0))
    assert clock.now == 60


def test_what_is_far_too_slow_is_not_measured_at_larger_sizes(monkeypatch, still):
    given = [10.0, timed.SLOW - 0.1, 1.0]
    monkeypatch.setattr(timed, "speed", lambda *_args, **_more: timed.Pace(given.pop(0), 0.1))
    order = msgspec.structs.replace(ORDER, footage=str(still), sizes=((32, 32), (64, 64), (96, 96)))
    assert [answer.size for answer in timed.answers(order)] == [(32, 32), (64, 64)]
    assert given == [1.0]


def test_only_made_frames_count(monkeypatch, still):
    monkeypatch.setattr(timed, "speed", lambda _clip, *, cycle, **_more: timed.Pace(100.0 * cycle, 0.2))
    order = msgspec.structs.replace(ORDER, footage=str(still), cycle=5, counted=4, sizes=((32, 32),))
    (answer,) = timed.answers(order)
    assert (answer.fps, answer.processor) == (400.0, 0.25)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import os; os.abort()", "ended with code -6"),
        ("import sys; sys.exit('on purpose')", "ended with code 1; its last words: on purpose"),
        ("import time; time.sleep(60)", "gave nothing in 1 s at 64x48"),
    ],
)
def test_a_process_that_fails_is_an_answer(monkeypatch, code, words):
    monkeypatch.setattr(orders, "_INSIDE", f'print(\'{{"size":[64,48],"fps":5}}\', flush=True); {code}')
    first, last = orders.ask(ORDER, most=1.0)
    assert first == Answer(size=(64, 48), fps=5.0)
    assert words in last.error


def test_who_stops_listening_ends_the_process(monkeypatch, tmp_path):
    told = tmp_path / "pid"
    inside = (
        f"import os, time; open({str(told)!r}, 'w').write(str(os.getpid())); print('{{}}', flush=True); time.sleep(60)"
    )
    monkeypatch.setattr(orders, "_INSIDE", inside)
    answers = orders.ask(ORDER, most=30.0)
    next(answers)
    answers.close()
    with pytest.raises(ProcessLookupError):
        os.kill(int(told.read_text()), 0)


def test_a_chain_that_does_not_run_here_says_why(still):
    order = msgspec.structs.replace(ORDER, footage=str(still), steps='[{"filter":"upscale","scale":2,"backend":"trt"}]')
    (answer,) = orders.ask(order, most=60.0)
    assert "backend trt cannot run here" in answer.error


def test_each_chain_is_measured_once_and_the_quickest_first(known):
    found = realtime.subjects(known)
    names = [name for subject in found for name in subject.names]
    assert sorted(names) == sorted(each.name for each in (*known.profiles.pictures, *known.profiles.motions))
    assert len({subject.chain for subject in found}) == len(found)
    assert found[0].names == ("live-performance", "animation-performance")
    assert [subject.kind for subject in found[1:4]] == ["motions"] * 3
    assert (found[1].cycle, found[1].counted) == (5, 4)


def test_the_table_grows_with_every_answer(known, fast, monkeypatch):
    kept = []
    store = speeds.store
    monkeypatch.setattr(speeds, "store", lambda table: (store(table), kept.append(speeds.load())))
    table, said = measure(known, sizes=((128, 96), (64, 48)))
    assert table.pictures["live-performance"] == [
        Speed(width=64, height=48, fps=30.0), Speed(width=128, height=96, fps=9.0)
    ]  # fmt: skip
    assert table.pictures["animation-performance"] == table.pictures["live-performance"]
    assert table.motions == {"flow": [Speed(width=64, height=48, fps=20.0)], "blocks": [
        Speed(width=64, height=48, fps=200.0), Speed(width=128, height=96, fps=90.0)
    ]}  # fmt: skip
    assert table.pictures["live-balanced"] == [Speed(width=64, height=48, fps=6.0)]
    assert set(table.lacking) == {"live-quality", "animation-quality", "animation-balanced", "rife"}
    assert all("vsmagic models fetch" in why for why in table.lacking.values())
    assert [one.complete for one in kept] == [False] * (len(kept) - 1) + [True]
    assert speeds.load() == kept[-1] == table
    sizes = [sum(map(len, (*one.pictures.values(), *one.motions.values()))) for one in kept]
    assert sizes == sorted(sizes)
    assert speeds.stale(table, speeds.here()) is None
    assert speeds.doubt(table) is None
    assert any("live-performance" in line and "30.0 frames a second at 64x48" in line for line in said)


def test_what_fails_is_lacking_and_what_failed_later_is_only_told(known, fast):
    fast.given |= {"magic-flow": [Answer(error="crashed")], "mvtools": [50.0, Answer(error="took for ever")]}
    table, said = measure(known)
    assert table.lacking["flow"] == "crashed"
    assert [speed.fps for speed in table.motions["blocks"]] == [50.0]
    assert "blocks" not in table.lacking
    assert "blocks: no further size was measured: took for ever" in said
    fast.given["magic-flow"] = [8.0]
    assert "flow" not in measure(known)[0].lacking


def test_what_was_known_of_the_same_stays_until_it_is_measured_anew(known, fast):
    before, _ = measure(known, sizes=((64, 48), (128, 96)))
    speeds.store(msgspec.structs.replace(before, chains=before.chains | {"flow": []}, complete=False))
    fast.given |= {"magic-x2-fast": [31.0], "magic-flow": [], "mvtools": []}
    after, _ = measure(known, sizes=((64, 48),))
    assert [speed.fps for speed in after.pictures["live-performance"]] == [31.0, 9.0]
    assert after.motions == {"blocks": before.motions["blocks"]}  # flow's chain had been another


def test_what_was_measured_elsewhere_is_forgotten(known, fast):
    before, _ = measure(known)
    speeds.store(msgspec.structs.replace(before, machine="another"))
    fast.given |= {model: [] for model in fast.given} | {"mvtools": [1.0]}
    after, _ = measure(known)
    assert after.pictures == {}
    assert list(after.motions) == ["blocks"]


def test_the_time_is_shared_out(known, fast):
    measure(known, seconds=60.0, length=0.5)
    orders_ = [order for order, _ in fast.taken]
    assert [order.length for order in orders_] == [0.5] * len(known_here(known))
    assert orders_[0].seconds == pytest.approx(60.0 / len(orders_))
    assert orders_[-1].seconds == pytest.approx(60.0, abs=2.0)  # the others took none of it
    assert all(most <= 75.0 for _, most in fast.taken)


def test_a_busy_machine_is_told_or_waited_for(known, fast, monkeypatch):
    monkeypatch.setattr(idle, "busy", lambda *_: 0.8)
    table, said = measure(known)
    assert table.busy == 0.8
    assert sum("80% of the processors: the figures will be too low" in line for line in said) == 1
    assert "80% of the processors while it was measured" in speeds.doubt(table)
    waits = []
    monkeypatch.setattr(idle, "wait", lambda *, tell: waits.append(tell) or 0.1)
    table, said = measure(known, when_idle=True)
    assert len(waits) == len(fast.taken) / 2 == len(known_here(known))
    assert table.busy == 0.1
    assert not any("too low" in line for line in said)


def test_of_two_one_measures(known, fast):
    table, _ = measure(known)
    taken = len(fast.taken)
    waiting, result = threading.Event(), []

    def tell(words):
        if "another vsmagic is measuring" in words:
            waiting.set()

    with exclusive(speeds.path().with_suffix(".lock")):
        other = threading.Thread(target=lambda: result.append(realtime.measure(known, tell=tell)))
        other.start()
        assert waiting.wait(30)
    other.join(30)
    assert result == [table]
    assert len(fast.taken) == taken
    assert list(speeds.path().parent.iterdir()) == [speeds.path()]


def start(cache: Path, *arguments: str) -> subprocess.Popen[str]:
    environ = os.environ | {
        "VSMAGIC_CACHE": str(cache),
        "PYTHONPATH": os.pathsep.join(
            filter(None, [str(Path(realtime.__file__).parents[2]), os.environ.get("PYTHONPATH")])
        ),
    }
    return subprocess.Popen([*COMMAND, *arguments], env=environ, stdout=-1, stderr=-1, text=True)


def test_the_command_measures_prints_and_checks(cache):
    checked = start(cache, "--check")
    said, _ = checked.communicate(timeout=60)
    assert checked.returncode == 1
    assert "nothing was measured yet. Run: vsmagic bench --realtime" in said
    measured = start(cache, "--size", "64x48", "--seconds", "0.1", "--json")
    said, progress = measured.communicate(timeout=120)
    assert measured.returncode == 0, progress
    table = msgspec.json.decode(said, type=speeds.Table)
    assert table == speeds.load()
    assert table.complete
    for rows in (*table.pictures.values(), *table.motions.values()):
        (row,) = rows
        assert (row.width, row.height) == (64, 48)
        assert row.fps > 0
    assert "flow" in table.motions
    assert "blocks" in table.motions or "pip install" in table.lacking["blocks"]  # mvtools is an extra
    assert not [path for path in cache.rglob("*") if path.is_file() and path != speeds.path()]
    for differing, code, words in (
        ({"busy": 0.0}, 0, {"holds": True, "why": None, "doubt": None}),
        ({"busy": 0.5}, 0, {"holds": True, "doubt": "other programs took 50% of the processors while it was measured"}),
        ({"complete": False}, 1, {"holds": False, "why": "the measurement did not come to its end"}),
        ({"vsmagic": "0.0.1"}, 1, {"holds": False}),
    ):
        speeds.store(msgspec.structs.replace(table, **differing))
        checked = start(cache, "--check", "--json")
        said, _ = checked.communicate(timeout=60)
        assert (checked.returncode, json.loads(said)) == (code, json.loads(said) | words | {"path": str(speeds.path())})


def test_a_signal_leaves_what_was_measured_and_nothing_else(cache):
    process = start(cache, "--size", "64x48", "--size", "320x240", "--seconds", "60")
    end = time.monotonic() + 60
    while not (speeds.path().exists() and (cache / "indexes").exists()):  # the child is at its pictures
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 143
    assert "stopped by SIGTERM; what was measured is kept" in said
    assert speeds.load().complete is False
    assert {path.name for path in cache.iterdir() if path.is_file()} == {"realtime.json"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--realtime", "--model", "magic-x2"], "--model does not go with --realtime"),
        (["--realtime", "--memory"], "--memory does not go with --realtime"),
        (["--when-idle"], "--when-idle needs --realtime"),
        (["--check"], "--check needs --realtime"),
    ],
)
def test_options_that_would_do_nothing_are_refused(run, arguments, words):
    ran = run("bench", *arguments)
    assert ran.code == 2
    assert words in ran.err
