"""vsmagic bench: measures what it says, in turns, on real pixels. No figure is asserted: that is not a test's work."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from vsmagic.bench import measure, start, subjects
from vsmagic.bench.case import Case, cases, make_clip
from vsmagic.bench.measure import RUNNING, Comparison, Round
from vsmagic.bench.subjects import Run
from vsmagic.errors import EncodeError, OptionError

ROOT = Path(__file__).parents[2]
CASE = Case(model="magic-x2", size=(64, 48), scale=2, backend="ort", precision="f32")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    return subprocess.run(
        [sys.executable, "-P", "-c", "from vsmagic.cli.main import main; main()", "bench", *arguments],
        env=os.environ | {"PYTHONPATH": path},
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_one_round_of_all_three():
    done = run("--size", "64x48", "--backend", "ort", "--frames", "6", "--rounds", "1", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["machine"]["processor"]
    [comparison] = told["comparisons"]
    assert (comparison["model"], comparison["backend"], comparison["precision"]) == ("magic-x2", "ort", "f32")
    [taken] = comparison["rounds"]
    for name in ("plugin", "graph", "enhance"):
        assert taken[name]["frames"] == 6
        assert taken[name]["fps"] > 0
        assert taken[name]["peak_bytes"] > 2**20
    assert comparison["ratios"]["plugin"] == [1]


def test_the_table_names_the_machine_and_every_row():
    done = run("--size", "64x48", "--backend", "ort", "--frames", "3", "--rounds", "1")
    assert done.returncode == 0, done.stderr
    first, *rows = [line.split("  ")[0].strip() for line in done.stdout.splitlines() if line.strip()]
    assert "cores" in first
    assert rows[2:] == ["plugin", "graph", "enhance", RUNNING]


def test_subjects_take_turns(monkeypatch):
    order = []

    def subject(name, seconds):
        def measured(case, clip, frames):
            order.append((name, frames))
            return Run(frames=frames, seconds=seconds * frames, peak=1)

        return measured

    monkeypatch.setattr(measure, "SUBJECTS", {name: subject(name, 0.1) for name in ("plugin", "graph", "enhance")})
    found = measure.compare(CASE, frames=5, rounds=2, seconds=1, source=None, tell=lambda _: None)
    one_round = [("plugin", 5), ("graph", 5), ("enhance", 5), ("enhance", 1)]
    assert order[-8:] == one_round * 2
    assert found.fps("graph") == pytest.approx(10)


def test_ratios_are_taken_within_a_round_and_the_median_over_rounds():
    def taken(factor):
        plugin = Run(frames=100, seconds=factor, peak=1)
        graph = Run(frames=100, seconds=factor * 1.25, peak=1)
        enhance = Run(frames=101, seconds=factor * 2 + 3, peak=1)
        return Round(runs={"plugin": plugin, "graph": graph, "enhance": enhance}, start=3)

    comparison = Comparison(case=CASE, frames=100, rounds=[taken(1), taken(10), taken(2)])
    assert comparison.ratios("graph") == pytest.approx([0.8] * 3)
    assert comparison.ratios(RUNNING) == pytest.approx([0.5] * 3)
    assert comparison.fps("plugin") == 50


def test_the_pictures_are_neither_constant_nor_alike(tmp_path):
    import numpy as np

    import vsmagic

    make_clip(tmp_path / "clip.mkv", (64, 48), 3, None)
    clip = vsmagic.source(tmp_path / "clip.mkv")
    assert (clip.width, clip.height, clip.num_frames) == (64, 48, 3)
    frames = [np.asarray(frame[0]).astype(int) for frame in clip.frames()]
    assert all(frame.std() > 10 for frame in frames)
    assert np.abs(frames[0] - frames[1]).mean() > 1


def test_a_video_of_the_users_is_looped_and_resized(tmp_path):
    import vsmagic

    make_clip(tmp_path / "short.mkv", (64, 48), 3, None)
    make_clip(tmp_path / "long.mkv", (32, 32), 10, tmp_path / "short.mkv")
    clip = vsmagic.source(tmp_path / "long.mkv")
    assert (clip.width, clip.height, clip.num_frames) == (32, 32, 10)


def test_memory_is_measured_over_two_lengths():
    found = measure.growth(CASE, source=None, tell=lambda _: None, lengths=(2, 4))
    assert [(memory.short.frames, memory.long.frames) for memory in found if memory.long] == [(2, 4)] * 2


def test_a_peak_is_the_programs_own_and_not_its_starters():
    held = b"x" * 400_000_000
    ended = subjects._run([sys.executable, "-c", "pass"], os.environ)
    assert len(held) > 2 * ended.peak


def test_precisions_a_backend_lacks_are_left_out_and_told():
    planned, notes = cases(model="auto", sizes=[(64, 48)], scale=2, backend="ort", precisions=["f32", "bf16"])
    assert [case.precision for case in planned] == ["f32"]
    assert notes == ["bf16: backend ort has none on this machine"]


def test_a_scale_the_model_has_not_is_refused():
    with pytest.raises(OptionError, match="enlarges by 2; give --scale 2"):
        cases(model="magic-x2", sizes=[(64, 48)], scale=4, backend="ort", precisions=[])


def test_a_failing_subject_is_told_in_its_own_words(tmp_path):
    with pytest.raises(EncodeError, match="no such file"):
        subjects.command(CASE, tmp_path / "missing.mkv", 1)


@pytest.mark.parametrize(
    "arguments",
    [["--size", "7x8"], ["--size", "big"], ["--rounds", "0"], ["--source", "/nowhere"], ["--model", "none"]],
)
def test_bad_options_are_one_sentence(arguments):
    done = run(*arguments)
    assert done.returncode in {2, 4}
    assert done.stdout == ""
    assert done.stderr.startswith("vsmagic: ")
    assert len(done.stderr.splitlines()) == 1


def test_a_start_is_made_of_what_is_ours_and_what_is_the_plugins(monkeypatch):
    monkeypatch.setenv("VSMAGIC_TUNE", "off")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    scripts = ["magic-x2", "interpolate:magic-flow"]
    found = start.starts(scripts, count=1)
    for [one] in found.values():
        assert 0 < one.plugin < one.building
        assert one.own + one.plugin == pytest.approx(one.importing + one.building)
    head, *rows = start.lines(found)
    assert head.split()[0] == "model"
    assert [row.split()[0] for row in rows] == scripts
    assert all(row.count(" ms") == 5 for row in rows)


def test_a_start_that_interpolates_does_nothing_else(monkeypatch, capfd):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    with pytest.raises(subprocess.CalledProcessError):
        start.starts(["interpolate:magic-x2"], count=1)
    assert "does not make frames in between" in capfd.readouterr().err


def test_the_figures_of_starts_are_medians():
    found = [start.Start(importing=n / 1000, building=0.1, plugin=0.05) for n in (1, 900, 5)]
    assert start.lines({"one": found})[1].split()[1:] == ["5", "ms", "100", "ms", "50", "ms", "55", "ms", "105", "ms"]


def test_frames_that_take_no_time_by_vspipes_clock(monkeypatch, tmp_path):
    ended = subjects._Ended(words="Output 3 frames in 0.00 seconds (inf fps)\n", elapsed=0.2, peak=1)
    monkeypatch.setattr(subjects, "_run", lambda *_: ended)
    assert 0 < subjects.plugin(CASE, tmp_path / "clip.mkv", 3).fps < 1000
