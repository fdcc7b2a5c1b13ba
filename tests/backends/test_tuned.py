"""How a model runs best is measured once, kept, and changes nothing of a picture. No figure is asserted."""

import os
import re
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest
from msgspec.structs import replace

import frames as fr
import vsmagic
from tuning import SIZE, clip_of, key_of, plan_of, record_of
from vsmagic.backends import infer, settle, tune, tuned
from vsmagic.backends.infer import Plan
from vsmagic.backends.tuned import Key, Record
from vsmagic.models import registry

ROOT = Path(__file__).parents[2]


@pytest.fixture
def measured(records: Path, monkeypatch: pytest.MonkeyPatch) -> list[Key]:
    """The keys that were measured; a measurement always finds one stream best."""
    keys = []

    def measure(key: Key, plan: Plan, size: tuple[int, int], **how: object) -> Record:
        keys.append(key)
        return record_of(key)

    monkeypatch.setattr(tune, "measure", measure)
    return keys


def test_what_is_stored_comes_back(records: Path) -> None:
    record = record_of(key_of())
    assert tuned.load(record.key) is None
    tuned.store(record)
    assert tuned.load(record.key) == record
    assert [path.name for path in records.iterdir()] == [f"{record.key.digest()}.json"]


@pytest.mark.parametrize("field", [field for field in Key.__struct_fields__ if field != "steps"])
def test_whatever_matters_changes_the_key(field: str, records: Path) -> None:
    record = record_of(key_of())
    tuned.store(record)
    other = {"passes": 2, "area": 1, "memory": 1, "streams": 3, "tile": (8, 8), "precision": "f16"}.get(field, "other")
    assert tuned.load(msgspec.structs.replace(record.key, **{field: other})) is None


def test_the_key_tells_device_plugin_limit_and_what_was_asked_for(
    records: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = key_of()
    assert "OpenVINO" in before.version
    assert "cores" in before.device
    assert before != key_of(plan_of("ort"))
    assert before.streams is before.tile is before.precision is None
    assert tuned.key_of(plan_of(), SIZE, precision_open=False).precision == "f32"
    assert key_of(plan_of(streams=2, tile=(32, 32))).tile == (32, 32)
    monkeypatch.setenv("VSMAGIC_MEMORY", "100")
    assert key_of() != before


def test_sizes_of_one_order_share_a_measurement(records: Path) -> None:
    areas = {size: key_of(size=size).area for size in [(640, 480), (720, 576), (1280, 720), (1920, 1080), (3840, 2160)]}
    assert areas[640, 480] == areas[720, 576] < areas[1280, 720] == areas[1920, 1080] < areas[3840, 2160]


def test_first_use_measures_and_later_ones_do_not(measured: list[Key]) -> None:
    for _ in range(3):
        plan = settle.settled(plan_of(), SIZE, frames=settle.LEAST_FRAMES, precision_open=True)
        assert plan.preferred == 1
    assert measured == [key_of()]


def test_a_short_clip_uses_what_is_known_and_measures_nothing(measured: list[Key]) -> None:
    vsmagic.upscale(clip_of(settle.LEAST_FRAMES - 1), scale=2)
    assert measured == []
    tuned.store(record_of(key_of()))
    assert settle.settled(plan_of(), SIZE, frames=1, precision_open=True).preferred == 1


def test_off_measures_nothing_and_keeps_what_is_known(measured: list[Key], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VSMAGIC_TUNE", "off")
    vsmagic.upscale(clip_of(200), scale=2)
    assert measured == []
    tuned.store(record_of(key_of()))
    assert settle.settled(plan_of(), SIZE, frames=200, precision_open=True).preferred == 1


def test_a_long_clip_is_measured_through_upscale(measured: list[Key]) -> None:
    vsmagic.upscale(clip_of(200), scale=2, strict=True, backend="ov")
    assert [key.area for key in measured] == [key_of().area]
    vsmagic.upscale(clip_of(200, (32, 24)), scale=4, backend="ov")
    assert measured[-1].model == registry.resolve("magic-x4").spec.sha256


def test_a_crop_is_measured_on_its_largest_window(measured: list[Key], monkeypatch: pytest.MonkeyPatch) -> None:
    """The size the model really sees: on a GPU an engine is built for it."""
    sizes, seen = [], []
    settled, compute = settle.settled, infer.compute
    monkeypatch.setattr(settle, "settled", lambda plan, size, **more: sizes.append(size) or settled(plan, size, **more))
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
    plan = settle.settled(plan_of(streams=3), SIZE, frames=200, precision_open=True)
    assert infer.arrangement(SIZE, plan)[1] == 3
    plan = settle.settled(plan_of(), SIZE, frames=200, precision_open=False)
    assert plan.precision == "f32"
    assert [key.precision for key in measured] == [None, "f32"]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"key": 3}', b"\xff\x00", b'{"\xff": 1}'])
def test_a_damaged_record_is_told_and_measured_again(
    content: bytes, records: Path, measured: list[Key], caplog: pytest.LogCaptureFixture
) -> None:
    tuned.store(record_of(key_of()))
    [path] = records.iterdir()
    path.write_bytes(content)
    assert settle.settled(plan_of(), SIZE, frames=200, precision_open=True).preferred == 1
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
    assert settle.settled(plan, SIZE, frames=200, precision_open=True) == plan
    assert measured == []
    assert "so the usual is taken" in caplog.text


def test_nothing_is_announced_of_a_model_that_is_refused(
    records: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Vsgan's refusal of an ONNX came after the words that it was being measured."""
    (tmp_path / "none.onnx").write_text("no network")
    plan = plan_of()
    refused = replace(plan, model=replace(plan.model, path=tmp_path / "none.onnx"))
    with caplog.at_level("INFO"):
        assert settle.settled(refused, SIZE, frames=200, precision_open=True) == refused
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


def test_the_picture_is_the_same_before_and_after(records: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Streams, and the tiles that follow from them under a small limit."""
    monkeypatch.setenv("VSMAGIC_MEMORY", "16")
    clip = clip_of(2, (320, 240))
    before = fr.planes(vsmagic.upscale(clip, scale=2, backend="ov", precision="f32"), 1)
    plan = plan_of()
    key = tuned.key_of(plan, (320, 240), precision_open=False)
    tuned.store(record_of(key, streams=4))
    assert infer.arrangement((320, 240), replace(plan, preferred=4))[0] != infer.arrangement((320, 240), plan)[0]
    after = fr.planes(vsmagic.upscale(clip, scale=2, backend="ov", precision="f32"), 1)
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


def test_of_two_processes_one_measures(records: Path) -> None:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    started = [
        subprocess.Popen([sys.executable, "-P", "-c", _FIRST_USE], stdout=subprocess.PIPE, text=True, env=environment)
        for _ in range(2)
    ]
    told = [process.communicate(timeout=120)[0] for process in started]
    assert [process.returncode for process in started] == [0, 0]
    assert sum(len(re.findall("^measuring how magic-x2", words, re.MULTILINE)) for words in told) == 1
    assert [path.suffix for path in records.iterdir()] == [".json"]
