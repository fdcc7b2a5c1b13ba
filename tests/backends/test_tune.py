"""Measuring how a model runs best: what is tried, and what is taken. No figure is asserted."""

import msgspec
import numpy as np
import pytest
from msgspec.structs import replace

import frames as fr
from tuning import BACKENDS, SIZE, key_of, plan_of
from vsmagic.backends import devices, select, tune
from vsmagic.backends.tune import Way
from vsmagic.models.spec import Precision


class Speeds:
    """Stands for a machine on which every way has a known speed; 'slow' ways never end in time."""

    def __init__(self, fps: dict[tuple[Precision, int], float]) -> None:
        self.speeds, self.asked, self.fps = fps, [], {}

    def left(self) -> float:
        return 1e9

    def ratio(self, champion: Way, challenger: Way, frames: int) -> float | None:
        assert frames % champion.streams == frames % challenger.streams == 0
        self.asked.append((challenger.precision, challenger.streams))
        speeds = [self.speeds.get((way.precision, way.streams)) for way in (champion, challenger)]
        return None if speeds[1] is None else speeds[1] / speeds[0]


def streams_by(fps: dict[int, float], monkeypatch: pytest.MonkeyPatch, usual: int, most: int) -> tuple[object, ...]:
    kind = replace(devices.PROCESSOR, streams=lambda: most)
    monkeypatch.setitem(devices.KINDS, "ov", kind)
    track = Speeds({("f32", streams): speed for streams, speed in fps.items()})
    start = Way(precision="f32", streams=usual, size=SIZE)
    streams, why = tune._best_streams(track, plan_of(), start, 1e-6)
    return streams, why, [streams for _, streams in track.asked]


@pytest.mark.parametrize(
    ("fps", "limits", "chosen", "asked"),
    [
        ({1: 10, 2: 15, 4: 30}, (1, 4), 4, [2, 4]),
        ({1: 10, 2: 10.4, 4: 30}, (1, 4), 1, [2]),  # within the noise: nothing is taken, nor tried further
        ({1: 10, 2: 12, 4: 12}, (1, 4), 2, [2, 4]),
        ({1: 30, 2: 20, 4: 10}, (4, 4), 1, [2, 1]),
        ({1: 10, 2: 20, 4: 20, 6: 29}, (6, 6), 6, [4]),
        ({1: 5, 2: 10, 4: 5}, (2, 4), 2, [4, 1]),
        ({1: 5}, (1, 1), 1, []),
    ],
)
def test_streams_are_climbed_from_the_usual(
    fps: dict[int, float], limits: tuple[int, int], chosen: int, asked: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert streams_by(fps, monkeypatch, *limits) == (chosen, "", asked)


def test_what_there_was_no_time_for_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert streams_by({1: 10}, monkeypatch, 1, 2) == (None, "there was no time for f32 with 2 streams", [2])
    assert streams_by({1: 10, 2: 20}, monkeypatch, 1, 4) == (2, "there was no time for f32 with 4 streams", [2, 4])


@pytest.mark.parametrize(
    ("f32", "f16", "bf16", "chosen"),
    [
        (10, 11.4, 1, "f32"),
        (10, 11.6, 1, "f16"),
        (10, 11.4, 12, "bf16"),
        (10, 20, 22, "f16"),
        (10, 20, 24, "bf16"),
        (10, 9, 8, "f32"),
    ],
)
def test_a_less_exact_precision_must_be_clearly_faster(f32: float, f16: float, bf16: float, chosen: str) -> None:
    plan = plan_of()
    spec = msgspec.structs.replace(plan.model.spec, precisions=("bf16", "f32", "f16"))
    backend = replace(plan.backend, computes=lambda: ("bf16", "f16", "f32"))
    plan = replace(plan, model=replace(plan.model, spec=spec), backend=backend)
    track = Speeds({("f32", 1): f32, ("f16", 1): f16, ("bf16", 1): bf16})
    assert tune._best_precision(track, plan, Way(precision="bf16", streams=1, size=SIZE), 1e-6) == (chosen, "")


def test_a_precision_the_model_does_not_tolerate_is_never_tried() -> None:
    plan = plan_of()
    spec = msgspec.structs.replace(plan.model.spec, precisions=("f32",))
    backend = replace(plan.backend, computes=lambda: ("bf16", "f16", "f32"))
    track = Speeds({})
    found = tune._best_precision(
        track, replace(plan, model=replace(plan.model, spec=spec), backend=backend),
        Way(precision="f32", streams=1, size=SIZE), 1e-6,
    )  # fmt: skip
    assert (found, track.asked) == (("f32", ""), [])


def test_no_second_engine_is_built_to_compare() -> None:
    plan = replace(plan_of(), backend=BACKENDS["trt_rtx"], precision="f16")
    precision, why = tune._best_precision(Speeds({}), plan, Way(precision="f16", streams=1, size=SIZE), 1e-6)
    assert precision == "f16"
    assert "engine" in why


class Clock:
    """Goes on by a step at every look."""

    def __init__(self, step: float) -> None:
        self.now, self.step = 0.0, step

    def __call__(self) -> float:
        self.now += self.step
        return self.now


def test_a_measurement_on_the_real_plugin_compares_all_that_is_open() -> None:
    plan = plan_of("ort")
    record = tune.measure(key_of(plan), plan, SIZE, seconds=1000, clock=Clock(0.01))
    tried = {taken.streams for taken in record.taken}
    assert record.streams in tried or devices.PROCESSOR.streams() == 1
    assert record.reason == ""
    assert all(taken.tile == taken.size == SIZE for taken in record.taken)


def test_a_network_too_slow_to_be_compared_keeps_the_usual() -> None:
    plan = plan_of("ov")
    record = tune.measure(key_of(plan), plan, (640, 480), seconds=5, clock=Clock(1.0))
    alone = devices.PROCESSOR.streams() == 1  # one core has no other number to compare
    assert (record.precision, record.streams, record.taken) == ("f32", 1 if alone else None, ())
    assert alone or "there was no time for" in record.reason


def test_the_noise_is_noise() -> None:
    for channels in (1, 3):
        clip = tune._noise((40, 30), channels)
        assert clip.num_frames > 10**5
        for plane in fr.planes(clip):
            assert plane.shape == (30, 40)
            assert 0 <= plane.min() < 0.1
            assert 0.9 < plane.max() <= 1
            assert len(np.unique(plane)) > 100


def test_every_backend_has_its_kind_of_device() -> None:
    assert {backend.name for backend in select.BACKENDS} <= set(devices.KINDS)
