"""vsmagic bench --tune: measures anew, keeps it, and shows what was tried."""

import json
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from tuning import BACKENDS, key_of, plan_of, record_of
from vsmagic.backends import devices, select, tuned
from vsmagic.backends.tuned import Record
from vsmagic.cli.main import main


def bench(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(["bench", "--tune", *arguments])
    said = capsys.readouterr()
    return int(ended.value.code or 0), said.out, said.err


def test_bench_measures_anew_and_keeps_it(records: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = plan_of("ort")
    tuned.store(record_of(key_of(plan), streams=9))
    code, out, _ = bench(
        capsys, "--model", "magic-x2", "--backend", "ort", "--size", "64x48", "--seconds", "60", "--json"
    )
    assert code == 0
    [told] = json.loads(out)["tuned"]
    kept = tuned.load(key_of(plan))
    assert kept is not None
    assert kept.streams != 9
    assert msgspec.convert(told, Record) == kept


def test_bench_shows_what_was_tried(records: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = bench(capsys, "--backend", "ort", "--size", "64x48", "--size", "32x32", "--seconds", "60")
    assert code == 0
    assert out.count("magic-x2 on ort (ONNX Runtime") == 2
    assert out.count("largest tile") == 2
    assert "magic-x2 on ort, 64x48" in err


def test_bench_says_in_words_that_there_was_no_time(
    records: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It printed the heading of a table without lines."""
    monkeypatch.setitem(devices.KINDS, "ov", replace(devices.PROCESSOR, streams=lambda: 4))
    code, out, _ = bench(capsys, "--backend", "ov", "--precision", "f32", "--size", "1280x720", "--seconds", "0.1")
    assert code == 0
    assert "there was no time for f32 with" in out
    assert "Nothing could be compared" in out
    assert "--seconds 0.4" in out
    assert "largest tile" not in out


def test_bench_without_time_leaves_what_was_measured_and_what_was_not(
    records: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An empty result took the place of a good one, and no first use measured again."""
    monkeypatch.setitem(devices.KINDS, "ov", replace(devices.PROCESSOR, streams=lambda: 4))
    measured, unmeasured = (1280, 720), (640, 360)
    earlier = record_of(key_of(size=measured), streams=4)
    tuned.store(earlier)
    sizes = [f"--size={width}x{height}" for width, height in (measured, unmeasured)]
    code, out, _ = bench(capsys, "--backend", "ov", *sizes, "--seconds", "0.1")
    assert code == 0
    assert out.count("so nothing is kept") == 2
    assert tuned.load(earlier.key) == earlier
    assert tuned.load(key_of(size=unmeasured)) is None


def test_bench_says_in_words_that_there_was_nothing_to_compare(
    records: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(devices.KINDS, "ort", replace(devices.PROCESSOR, streams=lambda: 1))
    monkeypatch.setitem(BACKENDS, "ort", replace(BACKENDS["ort"], streams=lambda: 1))
    monkeypatch.setattr(select, "BACKENDS", tuple(BACKENDS.values()))
    code, out, _ = bench(capsys, "--backend", "ort", "--precision", "f32", "--size", "64x48", "--seconds", "60")
    assert code == 0
    assert "only one way to run it here: f32, one at a time" in out
    assert "largest tile" not in out


@pytest.mark.parametrize("arguments", [["--model", "none"], ["--precision", "f32", "--precision", "f16"]])
def test_bad_options_of_bench_are_one_sentence(
    arguments: list[str], records: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = bench(capsys, *arguments, "--size", "64x48")
    assert code in (2, 4)
    assert out == ""
    assert err.splitlines()[-1].startswith("vsmagic: ")
