"""Back-off: on traces of a real mpv with a real slow filter, and in a loop with a machine that is made up."""

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from luatest import LUAS, Lua

TRACES = Path(__file__).parent / "traces"
"""Samples of mpv 0.40 playing 480x360 at 24 frames a second, four a second, the filter as slow as named."""


def samples(name: str) -> Iterator[dict[str, Any]]:
    yield from (json.loads(line) for line in (TRACES / f"{name}.jsonl").read_text().splitlines())


@dataclass
class Verdict:
    after: float
    """Seconds since playback began."""
    share: float
    why: str


def first_verdict(lua: Lua, name: str, change: Callable[[dict[str, Any]], dict[str, Any]] = dict) -> Verdict | None:
    pace = lua.module("pace")
    judge = pace.new()
    began = 0.0
    for sample in samples(name):
        if sample.get("event") == "restart":
            pace.restart(judge, False)
            began = sample["now"]
            continue
        found = pace.feed(judge, lua.table(change(sample)))
        if found:
            return Verdict(sample["now"] - began, found.share, found.why)
    return None


@pytest.fixture(params=LUAS)
def lua(request: pytest.FixtureRequest) -> Lua:
    return Lua(request.param)


@pytest.fixture(scope="module")
def lua52() -> Lua:
    return Lua("lua52")


def test_a_healthy_playback_is_left_alone(lua: Lua) -> None:
    assert first_verdict(lua, "healthy") is None


@pytest.mark.parametrize("name", ["ten_times_too_slow", "ten_times_too_slow_silent"])
def test_ten_times_too_slow_is_seen_within_a_second(lua: Lua, name: str) -> None:
    found = first_verdict(lua, name)
    assert found is not None
    assert found.after <= 1.1
    assert found.share == pytest.approx(0.1, abs=0.05)


@pytest.mark.parametrize(("name", "share"), [("nine_tenths", 0.9), ("nine_tenths_silent", 0.9), ("nearly", 0.98)])
def test_a_little_too_slow_is_seen_while_it_is_little(lua: Lua, name: str, share: float) -> None:
    found = first_verdict(lua, name)
    assert found is not None
    assert found.after <= 3
    assert found.share == pytest.approx(share, abs=0.03)


def test_without_frame_dropping_position_alone_tells(lua: Lua) -> None:
    found = first_verdict(lua, "nine_tenths", lambda sample: {**sample, "drops": 0, "sync": None})
    assert found is not None
    assert found.why == "falling behind"


def test_dropped_frames_alone_are_no_proof(lua: Lua) -> None:
    """A damaged file drops frames in time with the sound."""
    assert first_verdict(lua, "healthy", lambda sample: {**sample, "drops": int(sample["now"] * 20)}) is None


@pytest.mark.parametrize("name", ["ten_times_too_slow", "nine_tenths"])
def test_what_is_paused_seeking_or_buffering_is_not_judged(lua: Lua, name: str) -> None:
    assert first_verdict(lua, name, lambda sample: {**sample, "busy": True}) is None


def test_seeks_keep_starting_anew(lua: Lua) -> None:
    """Pressing the arrow key twice a second tells nothing about speed."""

    def seeking(sample: dict[str, Any]) -> dict[str, Any]:
        jump = 5 * math.floor(sample["now"] * 2)
        return {**sample, "position": sample.get("position", 0) + jump}

    assert first_verdict(lua, "nine_tenths", seeking) is None


def playing(
    seconds: float, frames: Callable[[float], float], *, rate: float, sync: float = 0.0
) -> Iterator[dict[str, Any]]:
    """Samples of a playback: the position at a time is that of the last frame due by then."""
    for n in range(int(seconds * 4)):
        now = n / 4
        yield {"now": now, "position": frames(now), "speed": 1, "busy": False, "drops": 0, "rate": rate, "sync": 0.0}


@given(rate=st.sampled_from([0.5, 1, 4, 6, 10, 15, 23.976, 50, 120]), phase=st.floats(0, 1))
def test_no_constant_rate_looks_slow(lua52: Lua, rate: float, phase: float) -> None:
    pace = lua52.module("pace")
    judge = pace.new()
    for sample in playing(60, lambda now: math.floor((now + phase) * rate) / rate, rate=rate):
        assert not pace.feed(judge, lua52.table(sample))


@given(st.lists(st.floats(0.02, 6), min_size=5, max_size=40))
def test_no_variable_rate_looks_slow(lua52: Lua, durations: list[float]) -> None:
    """Frames stand as long as they last: a slide show between moving parts."""
    pace = lua52.module("pace")
    judge = pace.new()
    starts = [sum(durations[:n]) for n in range(len(durations))]
    # what mpv makes of it: the mean of the last ten frames' durations
    mean = sum(durations) / len(durations)

    def shown(now: float) -> float:
        return max((start for start in starts if start <= now), default=0.0)

    for sample in playing(sum(durations), shown, rate=1 / mean):
        assert not pace.feed(judge, lua52.table(sample))


def test_one_hiccup_is_forgiven(lua: Lua) -> None:
    """The picture stops for a second, as when a window opens, and then catches up."""
    pace = lua.module("pace")
    judge = pace.new()
    for sample in playing(20, lambda now: now if now < 5 else max(5.0, min(now, 5 + (now - 6) * 1.3)), rate=24):
        assert not pace.feed(judge, lua.table(sample))


def test_a_filter_that_stands_still_is_seen(lua: Lua) -> None:
    pace = lua.module("pace")
    judge = pace.new()
    found = [pace.feed(judge, lua.table(sample)) for sample in playing(10, lambda now: min(now, 2), rate=24)]
    assert any(found)


def test_a_filter_that_never_shows_anything_is_seen(lua: Lua) -> None:
    pace = lua.module("pace")
    judge = pace.new()
    pace.restart(judge, True)
    found = [pace.feed(judge, lua.table(sample)) for sample in playing(10, lambda _: 2.0, rate=24)]
    assert any(found)


# The whole loop, an hour at a time


MEASURED = {"quality": 40.0, "balanced": 80.0, "performance": 200.0}


@dataclass
class Machine:
    """A machine that reaches a share of what was measured, which changes with time."""

    lua: Lua
    speed: Callable[[float], float]
    table: bool = True
    need: float = 24.0
    changes: list[tuple[float, str | None]] = field(default_factory=list)
    measured: dict[str, float] = field(
        default_factory=lambda: {"quality": 40.0, "balanced": 80.0, "performance": 200.0}
    )

    def play(self, seconds: float) -> None:
        backoff = self.lua.module("backoff")
        memory = backoff.new()
        running = self._best(self._fitting(backoff, memory, 0.0))
        self.changes.append((0.0, running))
        since = 0.0
        for now in range(int(seconds)):
            reached = self.measured[running] * self.speed(now) if running else math.inf
            if reached < self.need and now - since >= 2:
                known = self.measured[running] if self.table else None
                backoff.failed(memory, now, running, self.need, reached, known)
                wanted = self._best(self._fitting(backoff, memory, now))
            elif now % 5 == 0 and backoff.settled(now - since):
                better = [name for name in self._fitting(backoff, memory, now) if self._above(name, running)]
                wanted = better[-1] if better else running
            else:
                continue
            if wanted != running:
                running, since = wanted, float(now)
                self.changes.append((float(now), running))

    def _best(self, fitting: list[str]) -> str | None:
        return fitting[0] if fitting else None

    def _above(self, name: str, running: str | None) -> bool:
        return running is None or self.measured[name] < self.measured[running]

    def _fitting(self, backoff: Any, memory: Any, now: float) -> list[str]:
        share = backoff.share(memory, now)
        found = []
        for name, fps in self.measured.items():
            fits = fps * share >= 1.25 * self.need if self.table else name == "performance"
            if fits and backoff.allowed(memory, now, name, self.need, fps if self.table else None):
                found.append(name)
        return found


HOUR = 3600


def test_a_fast_machine_never_changes(lua: Lua) -> None:
    machine = Machine(lua, lambda _: 1.0)
    machine.play(HOUR)
    assert machine.changes == [(0, "quality")]


@pytest.mark.parametrize("share", [0.5, 0.25, 0.05])
def test_a_machine_slower_than_measured_does_not_swing(lua: Lua, share: float) -> None:
    """It tries better ones ever more rarely: six times at most in the first hour, three more in the second."""
    machine = Machine(lua, lambda _: share)
    machine.play(2 * HOUR)
    first = [when for when, _ in machine.changes if when < HOUR]
    assert len(first) <= 12
    assert len(machine.changes) - len(first) <= 6
    assert first[1] <= 3, "the first step down comes at once"


def test_it_goes_down_several_steps_at_once_where_it_has_to(lua: Lua) -> None:
    machine = Machine(lua, lambda _: 0.2)
    machine.play(60)
    assert [name for _, name in machine.changes[:2]] == ["quality", "performance"]


def test_it_comes_up_again_when_another_program_ends(lua: Lua) -> None:
    machine = Machine(lua, lambda now: 0.3 if 100 <= now < 400 else 1.0)
    machine.play(HOUR)
    assert machine.changes[-1][1] == "quality"
    assert machine.changes[-1][0] < HOUR / 2
    assert len(machine.changes) <= 10


def test_a_machine_that_comes_and_goes_is_not_followed_each_time(lua: Lua) -> None:
    """Every other half minute something else runs."""
    machine = Machine(lua, lambda now: 0.3 if now // 30 % 2 else 1.0)
    machine.play(HOUR)
    assert len(machine.changes) <= 20


def test_what_failed_unmeasured_stays_out(lua: Lua) -> None:
    machine = Machine(lua, lambda _: 0.05, table=False)
    machine.play(HOUR)
    assert machine.changes == [(0, "performance"), (2, None)]


def test_what_failed_may_be_tried_where_there_is_less_to_do(lua: Lua) -> None:
    backoff = lua.module("backoff")
    memory = backoff.new()
    backoff.failed(memory, 0, "performance", 60, 30, None)
    assert not backoff.allowed(memory, 1, "performance", 60)
    assert backoff.allowed(memory, 1, "performance", 30)


def test_nothing_is_tried_while_playback_is_slow_by_itself(lua: Lua) -> None:
    backoff = lua.module("backoff")
    memory = backoff.new()
    backoff.alone(memory, 100)
    assert not backoff.allowed(memory, 101, "performance", 1)
    assert backoff.allowed(memory, 1000, "performance", 1)
