"""How a model runs best is measured once, kept, and changes nothing of a picture. No figure is asserted."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest
import vapoursynth as vs
from msgspec.structs import replace

import frames as fr
import vsmagic
from vsmagic.backends import devices, infer, select, tune, tuned
from vsmagic.backends.infer import Plan
from vsmagic.backends.tune import Way
from vsmagic.backends.tuned import Key, Record, Taken
from vsmagic.cli.main import main
from vsmagic.models import registry
from vsmagic.models.spec import Precision

ROOT = Path(__file__).parents[2]
BACKENDS = {backend.name: backend for backend in select.BACKENDS}
SIZE = (64, 48)


def plan_of(backend: str = "ov", **more: object) -> Plan:
    return Plan(model=registry.resolve("magic-x2"), backend=BACKENDS[backend], precision="f32", **more)


def key_of(plan: Plan | None = None, size: tuple[int, int] = SIZE) -> Key:
    return tuned.key_of(plan or plan_of(), size, precision_open=True)


def record_of(key: Key, **more: object) -> Record:
    taken = Taken(precision="f32", streams=1, tile=SIZE, size=SIZE, fps=9.5)
    record = Record(
        key=key, model="magic-x2", precision="f32", streams=1, taken=(taken,), reason="", measured="2026-11-21"
    )
    return msgspec.structs.replace(record, **more)


def clip_of(length: int, size: tuple[int, int] = SIZE) -> vs.VideoNode:
    clip = fr.textured(vs.GRAYS, *size)
    return clip.std.SetFrameProps(_Matrix=1).std.Loop(times=length)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and measuring allowed."""
    monkeypatch.setenv("VSMAGIC_CACHE", str(tmp_path))
    monkeypatch.setenv("VSMAGIC_TUNE", "on")
    return tmp_path / "tuning"


@pytest.fixture
def measured(cache: Path, monkeypatch: pytest.MonkeyPatch) -> list[Key]:
    """The keys that were measured; a measurement always finds one stream best."""
    keys = []

    def measure(key: Key, plan: Plan, size: tuple[int, int], **how: object) -> Record:
        keys.append(key)
        return record_of(key)

    monkeypatch.setattr(tune, "measure", measure)
    return keys


def test_what_is_stored_comes_back(cache: Path) -> None:
    record = record_of(key_of())
    assert tuned.load(record.key) is None
    tuned.store(record)
    assert tuned.load(record.key) == record
    assert [path.name for path in cache.iterdir()] == [f"{record.key.digest()}.json"]


@pytest.mark.parametrize("field", [field for field in Key.__struct_fields__ if field != "steps"])
def test_whatever_matters_changes_the_key(field: str, cache: Path) -> None:
    record = record_of(key_of())
    tuned.store(record)
    other = {"passes": 2, "area": 1, "memory": 1, "streams": 3, "tile": (8, 8), "precision": "f16"}.get(field, "other")
    assert tuned.load(msgspec.structs.replace(record.key, **{field: other})) is None


def test_the_key_tells_device_plugin_limit_and_what_was_asked_for(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = key_of()
    assert "OpenVINO" in before.version
    assert "cores" in before.device
    assert before != key_of(plan_of("ort"))
    assert before.streams is before.tile is before.precision is None
    assert tuned.key_of(plan_of(), SIZE, precision_open=False).precision == "f32"
    assert key_of(plan_of(streams=2, tile=(32, 32))).tile == (32, 32)
    monkeypatch.setenv("VSMAGIC_MEMORY", "100")
    assert key_of() != before


def test_sizes_of_one_order_share_a_measurement(cache: Path) -> None:
    areas = {size: key_of(size=size).area for size in [(640, 480), (720, 576), (1280, 720), (1920, 1080), (3840, 2160)]}
    assert areas[640, 480] == areas[720, 576] < areas[1280, 720] == areas[1920, 1080] < areas[3840, 2160]


def test_first_use_measures_and_later_ones_do_not(measured: list[Key]) -> None:
    for _ in range(3):
        plan = tuned.settled(plan_of(), SIZE, frames=tuned.LEAST_FRAMES, precision_open=True)
        assert plan.preferred == 1
    assert measured == [key_of()]


def test_a_short_clip_uses_what_is_known_and_measures_nothing(measured: list[Key]) -> None:
    vsmagic.upscale(clip_of(tuned.LEAST_FRAMES - 1), scale=2)
    assert measured == []
    tuned.store(record_of(key_of()))
    assert tuned.settled(plan_of(), SIZE, frames=1, precision_open=True).preferred == 1


def test_off_measures_nothing_and_keeps_what_is_known(measured: list[Key], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VSMAGIC_TUNE", "off")
    vsmagic.upscale(clip_of(200), scale=2)
    assert measured == []
    tuned.store(record_of(key_of()))
    assert tuned.settled(plan_of(), SIZE, frames=200, precision_open=True).preferred == 1


def test_a_long_clip_is_measured_through_upscale(measured: list[Key]) -> None:
    vsmagic.upscale(clip_of(200), scale=2, strict=True, backend="ov")
    assert [key.area for key in measured] == [key_of().area]
    vsmagic.upscale(clip_of(200, (32, 24)), scale=4, backend="ov")
    assert measured[-1].passes == 2


def test_a_crop_is_measured_on_its_largest_window(measured: list[Key], monkeypatch: pytest.MonkeyPatch) -> None:
    """The size the model really sees: on a GPU an engine is built for it."""
    sizes, seen = [], []
    settled, compute = tuned.settled, infer.compute
    monkeypatch.setattr(tuned, "settled", lambda plan, size, **more: sizes.append(size) or settled(plan, size, **more))
    monkeypatch.setattr(
        infer, "compute", lambda clip, plan: seen.append((clip.width, clip.height)) or compute(clip, plan)
    )
    clip = clip_of(150, (640, 360))
    keys = [{"time": time, "x": 20 * time, "y": 3, "width": 320 - 30 * time, "height": 180} for time in (0, 1, 5)]
    vsmagic.upscale(vsmagic.dezoom(clip, keyframes=keys), scale=2, backend="ov")
    assert sizes == [max(seen)]
    assert len(measured) == 1


def test_explicit_values_win(measured: list[Key]) -> None:
    tuned.store(record_of(key_of(), precision="f16", streams=7))
    vsmagic.upscale(clip_of(200), scale=2, streams=2, precision="f32")
    assert measured == []
    plan = tuned.settled(plan_of(streams=3), SIZE, frames=200, precision_open=True)
    assert infer.arrangement(SIZE, plan)[1] == 3
    plan = tuned.settled(plan_of(), SIZE, frames=200, precision_open=False)
    assert plan.precision == "f32"
    assert [key.precision for key in measured] == [None, "f32"]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"key": 3}', b"\xff\x00"])
def test_a_damaged_record_is_told_and_measured_again(
    content: bytes, cache: Path, measured: list[Key], caplog: pytest.LogCaptureFixture
) -> None:
    tuned.store(record_of(key_of()))
    [path] = cache.iterdir()
    path.write_bytes(content)
    assert tuned.settled(plan_of(), SIZE, frames=200, precision_open=True).preferred == 1
    assert measured == [key_of()]
    assert f"{path}: what was measured cannot be read" in caplog.text
    assert tuned.load(key_of()) == record_of(key_of())


def test_what_cannot_be_kept_is_not_measured(
    tmp_path: Path, measured: list[Key], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It would be measured again at every seek of a player."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("VSMAGIC_CACHE", str(tmp_path / "file"))
    plan = plan_of()
    assert tuned.settled(plan, SIZE, frames=200, precision_open=True) == plan
    assert measured == []
    assert "so the usual is taken" in caplog.text


def test_nothing_is_announced_of_a_model_that_is_refused(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Vsgan's refusal of an ONNX came after the words that it was being measured."""
    (tmp_path / "none.onnx").write_text("no network")
    plan = plan_of()
    refused = replace(plan, model=replace(plan.model, path=tmp_path / "none.onnx"))
    with caplog.at_level("INFO"):
        assert tuned.settled(refused, SIZE, frames=200, precision_open=True) == refused
        assert "measuring" not in caplog.text
        monkeypatch.setattr(tune, "SECONDS", 0.1)
        assert tune.first_use(key_of(), plan, SIZE)
    assert "measuring how magic-x2 runs best here" in caplog.text


@pytest.mark.parametrize("streams", [1, 2, 4, 8])
@pytest.mark.parametrize("mebibytes", [8, 64, 768])
def test_streams_that_were_found_best_stay_within_the_memory_limit(
    streams: int, mebibytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VSMAGIC_MEMORY", str(mebibytes))
    plan = plan_of(preferred=streams)
    tile, taken = infer.arrangement((1920, 1080), plan)
    assert 1 <= taken <= streams
    assert taken * tile[0] * tile[1] * registry.memory_per_pixel(plan.model.spec) <= mebibytes * 2**20
    assert taken == streams or tile[0] * tile[1] < 64 * 64


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


def test_the_picture_is_the_same_before_and_after(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Streams, and the tiles that follow from them under a small limit."""
    monkeypatch.setenv("VSMAGIC_MEMORY", "16")
    clip = clip_of(2, (320, 240))
    before = fr.planes(vsmagic.upscale(clip, scale=2, backend="ov"), 1)
    plan = plan_of()
    key = key_of(plan, (320, 240))
    tuned.store(record_of(key, streams=4))
    assert infer.arrangement((320, 240), replace(plan, preferred=4))[0] != infer.arrangement((320, 240), plan)[0]
    after = fr.planes(vsmagic.upscale(clip, scale=2, backend="ov"), 1)
    assert np.abs(after[0] - before[0]).max() <= 2e-5


_FIRST_USE = """
import logging, sys
import vapoursynth as vs
import vsmagic
from vsmagic.backends import tune
logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(message)s")
tune.SECONDS = 1.0
clip = vs.core.std.BlankClip(format=vs.GRAY8, width=64, height=48, length=150)
vsmagic.upscale(clip, scale=2, backend="ov").get_frame(0).close()
"""


def test_of_two_processes_one_measures(cache: Path) -> None:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    started = [
        subprocess.Popen([sys.executable, "-P", "-c", _FIRST_USE], stdout=subprocess.PIPE, text=True, env=environment)
        for _ in range(2)
    ]
    told = [process.communicate(timeout=120)[0] for process in started]
    assert [process.returncode for process in started] == [0, 0]
    assert sum(len(re.findall("^measuring how magic-x2", words, re.MULTILINE)) for words in told) == 1
    assert [path.suffix for path in cache.iterdir()] == [".json"]


def bench(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(["bench", "--tune", *arguments])
    said = capsys.readouterr()
    return int(ended.value.code or 0), said.out, said.err


def test_bench_measures_anew_and_keeps_it(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = plan_of("ort")
    tuned.store(record_of(key_of(plan), streams=9))
    code, out, _ = bench(
        capsys, "--model", "magic-x2", "--backend", "ort", "--size", "64x48", "--seconds", "2", "--json"
    )
    assert code == 0
    [told] = json.loads(out)["tuned"]
    kept = tuned.load(key_of(plan))
    assert kept is not None
    assert kept.streams != 9
    assert msgspec.convert(told, Record) == kept


def test_bench_shows_what_was_tried(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = bench(capsys, "--backend", "ort", "--size", "64x48", "--size", "32x32", "--seconds", "2")
    assert code == 0
    assert out.count("magic-x2 on ort (ONNX Runtime") == 2
    assert out.count("largest tile") == 2
    assert "magic-x2 on ort, 64x48" in err


def test_bench_says_in_words_that_there_was_no_time(
    cache: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It printed the heading of a table without lines."""
    monkeypatch.setitem(devices.KINDS, "ov", replace(devices.PROCESSOR, streams=lambda: 4))
    code, out, _ = bench(capsys, "--backend", "ov", "--precision", "f32", "--size", "1280x720", "--seconds", "0.1")
    assert code == 0
    assert "there was no time for f32 with" in out
    assert "Nothing could be compared" in out
    assert "--seconds 0.4" in out
    assert "largest tile" not in out


def test_bench_says_in_words_that_there_was_nothing_to_compare(
    cache: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(devices.KINDS, "ort", replace(devices.PROCESSOR, streams=lambda: 1))
    monkeypatch.setitem(BACKENDS, "ort", replace(BACKENDS["ort"], streams=lambda: 1))
    monkeypatch.setattr(select, "BACKENDS", tuple(BACKENDS.values()))
    code, out, _ = bench(capsys, "--backend", "ort", "--precision", "f32", "--size", "64x48", "--seconds", "2")
    assert code == 0
    assert "only one way to run it here: f32, one at a time" in out
    assert "largest tile" not in out


@pytest.mark.parametrize("arguments", [["--model", "none"], ["--precision", "f32", "--precision", "f16"]])
def test_bad_options_of_bench_are_one_sentence(
    arguments: list[str], cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = bench(capsys, *arguments, "--size", "64x48")
    assert code in (2, 4)
    assert out == ""
    assert err.splitlines()[-1].startswith("vsmagic: ")


def test_every_backend_has_its_kind_of_device() -> None:
    assert {backend.name for backend in select.BACKENDS} <= set(devices.KINDS)
