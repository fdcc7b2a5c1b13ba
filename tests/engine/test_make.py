"""Engines are built once, by whoever comes first, and a killed build leaves nothing in the way."""

import dataclasses
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from vsmagic.engine import lock, make
from vsmagic.engine.build import Built
from vsmagic.engine.key import Shapes
from vsmagic.engine.make import obtain
from vsmagic.errors import BackendError, OutputError

COMMAND = [sys.executable, "-c", "from vsmagic.cli.main import main; main()", "--debug"]
BUILD = ["engines", "build", "--model", "magic-x2", "--compute-capability", "8.6", "--precision", "f16"]


def start(cache: Path, *arguments: str) -> subprocess.Popen[str]:
    root = str(Path(make.__file__).parents[2])
    environ = os.environ | {
        "VSMAGIC_CACHE": str(cache),
        "PYTHONPATH": os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")])),
    }
    return subprocess.Popen([*COMMAND, *BUILD, *arguments], env=environ, stdout=-1, stderr=-1, text=True)


def wait_for(condition, process, seconds=60.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.002)


@pytest.fixture
def count_builds(monkeypatch):
    """Replace the build by one that only counts."""
    jobs = []

    def build(job, library, *, tell, timings=None):
        jobs.append((job, timings))
        merge = None if timings is None else lambda others: others + b"+1"
        return Built(content=b"engine %d" % len(jobs), timings=merge)

    class Module:
        __version__ = "1.7.1.116"

    monkeypatch.setattr(make, "build", build)
    monkeypatch.setattr(make.Library, "load", lambda *_: Module)
    return jobs


def test_the_second_time_nothing_is_built(job, workshop, count_builds):
    first = obtain(job(), workshop)
    assert first.path.read_bytes() == b"engine 1"
    assert obtain(job(), workshop).path == first.path
    assert len(count_builds) == 1
    assert not list(workshop.store.folder.glob("*.lock"))


def test_a_refused_engine_is_built_anew_once(job, workshop, count_builds):
    first = obtain(job(), workshop)
    second = obtain(job(), workshop, refused=first)
    assert second.path.read_bytes() == b"engine 2"
    # Another process had the first one refused too, and finds that it has been replaced.
    assert obtain(job(), workshop, refused=first).stamp == second.stamp
    assert len(count_builds) == 2


def test_a_refused_stand_in_makes_room_for_the_engine_itself(job, workshop, count_builds):
    wide = job(shapes=Shapes(min=(16, 16), opt=(64, 64), max=(256, 256)))
    stand_in = obtain(wide, workshop)
    assert obtain(job(), workshop).path == stand_in.path
    own = obtain(job(), workshop, refused=stand_in)
    assert own.record.key == job().key
    assert [engine.path for engine in workshop.store.all()] == [own.path]


def test_a_failed_build_keeps_what_there_was(job, workshop, count_builds, monkeypatch):
    first = obtain(job(), workshop)

    def fail(*arguments, **more):
        raise BackendError("on purpose")

    monkeypatch.setattr(make, "build", fail)
    with pytest.raises(BackendError, match="on purpose"):
        obtain(job(), workshop, refused=first)
    assert obtain(job(), workshop).stamp == first.stamp
    assert not list(workshop.store.folder.glob("*.lock"))


def test_timings_are_shared_by_all_engines(job, workshop, count_builds):
    timed = dataclasses.replace(workshop, library=dataclasses.replace(workshop.library, timing_cache=True))
    obtain(job(), timed)
    obtain(job(precision="f32"), timed)
    obtain(job(gpu="NVIDIA Other", capabilities=[]), timed)
    assert [timings for _, timings in count_builds] == [b"", b"+1", b""]
    found = {path.name: path.read_bytes() for path in (workshop.store.folder / "timing").iterdir()}
    assert found == {"tensorrt-rtx-1.7.1-.cache": b"+1+1", "tensorrt-rtx-1.7.1-NVIDIA-Other-.cache": b"+1"}


def test_timings_that_cannot_be_kept_fell_no_build(job, workshop, count_builds, caplog):
    timed = dataclasses.replace(workshop, library=dataclasses.replace(workshop.library, timing_cache=True))
    workshop.store.folder.mkdir()
    (workshop.store.folder / "timing").write_text("in the way")
    obtain(job(), timed)
    assert "timings are not kept" in caplog.text


def test_a_folder_that_cannot_be_locked_is_named(tmp_path):
    with (
        pytest.raises(OutputError, match=r"cannot be locked .* Set VSMAGIC_CACHE"),
        lock.exclusive(tmp_path / "missing" / "a.lock"),
    ):
        pass


def test_what_is_found_after_waiting_is_not_built(tmp_path, job, rtx):
    """Two real processes want the same engine, while a third one, this, seems to build it."""
    from vsmagic.engine import plan
    from vsmagic.engine.library import TENSORRT_RTX, short
    from vsmagic.engine.store import Store
    from vsmagic.models import registry

    store = Store(tmp_path / "engines")
    where = plan.target(TENSORRT_RTX, 0, ("8.6",))
    (wanted,) = plan.jobs(
        registry.resolve("magic-x2"), TENSORRT_RTX, short(rtx.__version__), where,
        shapes=Shapes.fixed((320, 192)), precision="f16",
    )  # fmt: skip
    with lock.exclusive(store.lock_file(wanted.key)):
        both = [start(tmp_path, "--shape", "320x192") for _ in range(2)]
        said = ["", ""]
        for number, process in enumerate(both):
            while "waiting for another process" not in said[number]:
                line = process.stderr.readline()
                assert line, said[number]
                said[number] += line
    results = [process.communicate(timeout=60) for process in both]
    logs = [first + rest for first, (_, rest) in zip(said, results, strict=True)]
    assert [process.returncode for process in both] == [0, 0], logs
    assert sum(log.count("compiling an engine") for log in logs) == 1
    assert results[0][0] == results[1][0] != ""
    assert [engine.record.key for engine in store.all()] == [wanted.key]
    assert not list(store.folder.glob("*.lock"))


def test_a_killed_build_leaves_nothing_and_the_next_one_builds(tmp_path, rtx):
    size = ("--min", "64x64", "--opt", "1280x720", "--max", "1920x1080")
    process = start(tmp_path, *size)
    folder = tmp_path / "engines"
    wait_for(lambda: list(folder.glob("*.lock")), process)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=30)
    assert process.returncode == -signal.SIGKILL
    assert not list(folder.glob("*.engine"))
    assert not list(folder.glob("*.json"))
    again = start(tmp_path, *size)
    _, err = again.communicate(timeout=60)
    assert again.returncode == 0, err
    assert "waiting" not in err
    assert len(list(folder.glob("*.engine"))) == len(list(folder.glob("*.json"))) == 1
    assert not list(folder.glob("*.lock"))
