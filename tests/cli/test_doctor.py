"""vsmagic doctor: tells the truth about this installation, and about broken ones, without falling over itself."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from vsmagic.cli.doctor import doctor
from vsmagic.diagnosis import examine, isolated
from vsmagic.diagnosis.check import Check

ROOT = Path(__file__).parents[2]


def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join(filter(None, [str(ROOT), variables.pop("PYTHONPATH", "")]))
    return subprocess.run(
        [sys.executable, "-P", "-c", "from vsmagic.cli.main import main; main()", "doctor", *arguments],
        env=os.environ | {"PYTHONPATH": path} | variables,
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )


def checks_of(done: subprocess.CompletedProcess[str]) -> dict[str, dict[str, object]]:
    return {check["name"]: check for check in json.loads(done.stdout)["checks"]}


@pytest.fixture(scope="module")
def here() -> subprocess.CompletedProcess[str]:
    return run("--json")


def test_this_installation_works_and_plugins_keep_quiet(here):
    assert here.returncode == 0, here.stdout
    assert here.stderr == ""
    assert json.loads(here.stdout)["ok"] is True


def test_json_tells_every_part_once(here):
    found = json.loads(here.stdout)["checks"]
    assert [set(check) for check in found] == [
        {"group", "name", "state", "detail", "remedy", "required"} for _ in found
    ]
    names = [check["name"] for check in found]
    assert len(set(names)) == len(names)
    plugins = {"bs", "ffms2", "ov", "ort", "ort_cuda", "trt", "trt_rtx", "ncnn", "vszip", "mv"}
    devices = {"processor", "memory", "NVIDIA GPU", "Vulkan devices", "OpenVINO devices"}
    assert {"Python", "ffmpeg", "mpv", "cache", "models"} | plugins | devices <= set(names)


def test_json_tells_the_table_that_auto_goes_by(here):
    """In a process without the suite's VapourSynth it is made of what select itself goes by."""
    from vsmagic.backends import select
    from vsmagic.models import registry

    rows = json.loads(here.stdout)["backends"]
    assert [row["backend"] for row in rows] == [backend.name for backend in select.BACKENDS]
    network = registry.resolve("auto").path
    [taken] = [row for row in rows if row["taken"]]
    assert taken["backend"] == select.choose("auto", network).name
    assert taken["passed_by"] is None
    assert all(row["passed_by"] for row in rows[: rows.index(taken)])
    by_name = {row["backend"]: row for row in rows}
    assert by_name["ncnn"]["excludes"]["GridSample"] == "its plugin aborts the process"
    for backend, row in zip(select.BACKENDS, rows, strict=True):
        assert set(row["excludes"]) == backend.excludes
        assert all(row["excludes"].values())
        assert row["computes_in"] == list(backend.precisions)


def test_what_is_required_works_here(here):
    assert [name for name, check in checks_of(here).items() if check["required"] and check["state"] != "ok"] == []


@pytest.mark.parametrize(
    ("variable", "value", "name"),
    [
        ("VSMAGIC_FFMPEG", "/nowhere/ffmpeg", "ffmpeg"),
        ("VSMAGIC_CACHE", "/proc/nowhere", "cache"),
    ],
)
def test_a_wrong_setting_is_named(monkeypatch, variable, value, name):
    monkeypatch.setenv(variable, value)
    check = next(check for check in (look() for look in _looks("files", "programs")) if check.name == name)
    assert check.state == "broken"
    assert check.fatal
    assert value in check.detail


def _looks(*modules: str) -> list[examine.Examination]:
    names = {f"vsmagic.diagnosis.{module}" for module in modules}
    return [look for look in examine.EXAMINATIONS if getattr(look, "__module__", None) in names]


def test_a_setting_that_cannot_be_read_fells_nothing():
    found = checks_of(run("--json", VSMAGIC_MEMORY="much"))
    assert "VSMAGIC_MEMORY is 'much'" in str(found["cache"]["detail"])
    assert found["Python"]["state"] == "ok"


def test_without_vapoursynth_it_says_so_and_goes_on(tmp_path):
    (tmp_path / "vapoursynth.py").write_text("raise ImportError('no VapourSynth on purpose')\n")
    done = run("--json", PYTHONPATH=str(tmp_path))
    found = checks_of(done)
    assert done.returncode == 8
    assert done.stderr == ""
    assert found["VapourSynth"]["state"] == "broken"
    assert "no VapourSynth on purpose" in str(found["VapourSynth"]["detail"])
    assert "-m pip install --force-reinstall vapoursynth" in str(found["VapourSynth"]["remedy"])
    assert found["ov"]["state"] == "broken"
    assert found["ffmpeg"]["state"] == "ok"
    assert json.loads(done.stdout)["backends"] is None


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("kill -SEGV $$", "crashes (SIGSEGV)"),
        ("echo noise >&2; echo 'Error: the driver is old' >&2; exit 1", "Error: the driver is old"),
        ("exit 4", "fails with exit code 4"),
        ("exec sleep 30", "hangs: no answer within 1 seconds"),
    ],
)
def test_a_probe_that_fails_is_told_in_words(monkeypatch, tmp_path, script, words):
    program = tmp_path / "python"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    monkeypatch.setattr(isolated, "_SECONDS", 1)
    began = time.monotonic()
    with pytest.raises(isolated.NoAnswerError) as caught:
        isolated.ask.__wrapped__("plugins")
    assert str(caught.value) == words
    assert time.monotonic() - began < 10


GOOD = Check(group="A", name="good", state="ok", detail="1.0", required=True)
ABSENT = Check(group="A", name="absent", state="optional", detail="not installed", remedy="pip install absent")
BROKEN = Check(group="B", name="broken", state="broken", detail="crashes", remedy="mend it")
VITAL = Check(group="B", name="vital", state="missing", detail="gone", remedy="x" * 300, required=True)


@pytest.mark.parametrize(
    ("checks", "arguments", "code"),
    [
        ([GOOD, ABSENT, BROKEN], [], 0),
        ([GOOD, ABSENT, BROKEN], ["--strict"], 8),
        ([GOOD, ABSENT], ["--strict"], 0),
        ([GOOD, VITAL], [], 8),
        ([GOOD, VITAL], ["--json"], 8),
    ],
)
def test_exit_code(monkeypatch, checks, arguments, code):
    monkeypatch.setattr(examine, "examine", lambda: checks)
    assert CliRunner().invoke(doctor, arguments).exit_code == code


def test_people_see_states_and_remedies_that_can_be_copied(monkeypatch):
    monkeypatch.setattr(examine, "examine", lambda: [GOOD, ABSENT, BROKEN, VITAL])
    monkeypatch.setattr("vsmagic.cli.doctor._WIDE", 1000)
    shown = CliRunner().invoke(doctor, []).output
    lines = [" ".join(line.split()) for line in shown.splitlines()]
    assert {"A", "good ok 1.0", "absent optional not installed", "B", "broken broken crashes"} <= set(lines)
    assert lines.index("To mend:") < lines.index("broken: mend it") < lines.index("To add, if you want it:")
    assert f"vital: {'x' * 300}" in lines
    assert "absent: pip install absent" in lines
    ncnn, after = (next(n for n, line in enumerate(lines) if line.startswith(name)) for name in ("ncnn f16", "ov "))
    assert "not with Cast, GridSample, Mod, Shape, Slice: its plugin aborts the process" in lines[ncnn:after]
    assert sum("auto takes it" in line for line in lines) == 1
    assert lines[-1] == "Not working: vital."
