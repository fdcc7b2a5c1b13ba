"""What was prepared is what the player's script looks for; who is stopped or killed leaves nothing in the way."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from itertools import pairwise
from pathlib import Path

import pytest
import vapoursynth as vs

import rtx_machine
from vsmagic import chain as chains
from vsmagic.backends import tuned
from vsmagic.engine.library import TENSORRT_RTX
from vsmagic.engine.lock import exclusive
from vsmagic.engine.store import Store
from vsmagic.errors import ChainError, MissingModelError, NotReadyError, OptionError, OutputError
from vsmagic.models import download
from vsmagic.mpv import needs, prepare
from vsmagic.mpv.progress import Interrupted, Report

FILE = "2x_AnimeJaNai_HD_V3_SuperUltraCompact-fp32.onnx"
SMALL = '[{"filter": "upscale", "scale": 2, "model": "animejanai-v3-superultracompact"}]'
BOTH = (
    '[{"filter": "interpolate", "multiplier": "5/2", "model": "magic-flow"},'
    ' {"filter": "upscale", "scale": 2, "model": "magic-x2"}]'
)
SIZE = (64, 48)
START = "import rtx_machine; rtx_machine.pretend(); from vsmagic.cli.main import main; main()"
ROOT = Path(prepare.__file__).parents[2]


class Told(Report):
    """Keeps what it was told."""

    def __init__(self, file=None):
        super().__init__(file)
        self.said = []

    def working(self, what, share=None):
        super().working(what, share)
        self.said.append(self._now)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("VSMAGIC_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def rtx(cache, monkeypatch):
    """A machine with a GPU, as far as vsmagic can tell, and TensorRT-RTX's real builder."""
    if not TENSORRT_RTX.installed():
        pytest.skip("needs TensorRT-RTX's builder: pip install tensorrt-rtx-cu13-libs tensorrt-rtx-cu13-bindings")
    rtx_machine.pretend(monkeypatch.setattr)


@pytest.fixture
def fetching(data, monkeypatch):
    """Downloads that come from the test data; returns the names of what was fetched."""
    fetched = []

    def fetch(entry, *, progress):
        fetched.append(entry.name)
        for done in range(0, 101, 10):
            progress(done, 100)
        return download.take(entry, data / "weights" / entry.file.name)

    monkeypatch.setattr(prepare, "_download", fetch)
    return fetched


def played(text, monkeypatch):
    """Build the chain as the player's script does: nothing slow may happen."""
    monkeypatch.setenv("VSMAGIC_BUILD", "off")
    monkeypatch.setenv("VSMAGIC_TUNE", "off")
    try:
        return chains.apply(prepare.read(text), prepare._clip(SIZE))
    finally:
        monkeypatch.delenv("VSMAGIC_BUILD")
        monkeypatch.delenv("VSMAGIC_TUNE")


def shares(report):
    return [progress.share for progress in report.said]


@pytest.mark.parametrize("text", ["live-performance", BOTH])
def test_what_comes_with_vsmagic_is_soon_ready(cache, tmp_path, text):
    report = Told(tmp_path / "progress.json")
    prepare.prepare(prepare.read(text), SIZE, fetch=False, report=report)
    assert json.loads((tmp_path / "progress.json").read_bytes()) == {"state": "ready", "share": 1.0, "what": "ready"}
    assert shares(report) == sorted(shares(report))
    assert not [path for path in cache.rglob("*") if path.is_file()]


def test_it_measures_unless_that_is_switched_off(cache, monkeypatch):
    from vsmagic.backends import tune

    monkeypatch.setattr(tune, "SECONDS", 0.1)
    monkeypatch.setenv("VSMAGIC_TUNE", "on")
    report = Told()
    prepare.prepare(prepare.read("live-performance"), (192, 128), fetch=False, report=report)
    assert list(tuned.folder().glob("*.json"))
    assert any("measuring how magic-x2-fast runs best here" in progress.what for progress in report.said)
    again = Told()
    prepare.prepare(prepare.read("live-performance"), (192, 128), fetch=False, report=again)
    assert not any("measuring" in progress.what for progress in again.said)


def test_nothing_is_fetched_unasked(cache, fetching):
    report = Told()
    with pytest.raises(MissingModelError, match="vsmagic models fetch animejanai-v3-superultracompact"):
        prepare.prepare(prepare.read(SMALL), SIZE, fetch=False, report=report)
    assert fetching == []


def test_what_is_missing_is_fetched_and_converted(cache, fetching, monkeypatch):
    with pytest.raises(NotReadyError):
        played(SMALL, monkeypatch)
    report = Told()
    prepare.prepare(prepare.read(SMALL), SIZE, fetch=True, report=report)
    assert fetching == ["animejanai-v3-superultracompact"]
    assert played(SMALL, monkeypatch).width == 128
    assert shares(report) == sorted(shares(report))
    said = [progress.what for progress in report.said]
    assert "fetching animejanai-v3-superultracompact (CC-BY-NC-SA-4.0, commercial use forbidden)" in said
    prepare.prepare(prepare.read(SMALL), SIZE, fetch=True, report=Told())
    assert len(fetching) == 1


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ('[{"filter": "upscale", "model": "realesr-general-x4v3"}]', ["realesr-general-x4v3"]),
        ('[{"filter": "upscale", "model": "realesr-general-x4v3", "denoise": 1}]', ["realesr-general-x4v3"]),
        ('[{"filter": "upscale", "model": "realesr-general-x4v3@0"}]', ["realesr-general-wdn-x4v3"]),
        ("live-quality", ["realesr-general-x4v3", "realesr-general-wdn-x4v3"]),
        ('[{"filter": "interpolate", "multiplier": 2, "model": "rife-4.6"}]', ["rife-4.6"]),
        ('[{"filter": "interpolate", "multiplier": 2}, {"filter": "upscale"}, {"filter": "trim"}]', []),
        ('[{"filter": "upscale", "model": "mine.onnx"}, {"filter": "upscale", "model": "nobody"}]', []),
        ('[{"filter": "upscale", "model": "animejanai-v2-compact"}]', []),  # nothing to fetch: it is put there by hand
        (SMALL[:-1] + "," + SMALL[1:], ["animejanai-v3-superultracompact"]),
    ],
)
def test_what_has_to_be_fetched_is_known_ahead(cache, text, names):
    assert [entry.name for entry in needs.missing(prepare.read(text))] == names


def test_a_model_of_ones_own_stands_before_the_catalogue(cache):
    from vsmagic.models import store

    folder = store.added("animejanai-v3-compact")
    folder.mkdir(parents=True)
    (folder / "spec.json").write_text("{}")
    assert needs.missing(prepare.read("animation-quality")) == []


def test_engines_are_built_with_progress_and_found_by_the_script(cache, rtx, monkeypatch):
    with pytest.raises(NotReadyError, match="its engine for 64x64 has to be built"):
        played(BOTH, monkeypatch)
    monkeypatch.setenv("VSMAGIC_BUILD", "off")  # as inherited from a player: this is what prepares
    report = Told()
    prepare.prepare(prepare.read(BOTH), SIZE, fetch=False, report=report)
    assert os.environ["VSMAGIC_BUILD"] == "off"
    assert {(engine.record.name, engine.record.key.shapes.opt) for engine in Store().all()} == {
        ("magic-flow", (64, 64)), ("magic-x2", (64, 48))
    }  # fmt: skip
    assert played(BOTH, monkeypatch).width == 128
    first, second = (
        [one.share for one in report.said if f"engine of {name} " in one.what] for name in ("magic-flow", "magic-x2")
    )
    assert 0 < max(first) <= 0.5 <= max(second) <= 1
    assert len(set(first)) > 3
    assert shares(report) == sorted(shares(report))
    assert not list(cache.rglob("*.lock"))


def test_the_log_is_as_before(cache, caplog):
    import logging

    logger = logging.getLogger("vsmagic")
    before = logger.level, list(logger.handlers), [handler.level for handler in logger.handlers]
    prepare.prepare(prepare.read("live-performance"), SIZE, fetch=False, report=Report(None))
    assert (logger.level, list(logger.handlers), [handler.level for handler in logger.handlers]) == before


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("[", ChainError),
        ('[{"filter": "upscale", "scala": 2}]', ChainError),
        ("nobody", OptionError),
        ("none.toml", ChainError),
        ("", OptionError),
    ],
)
def test_what_is_no_chain_is_told(text, error):
    with pytest.raises(error):
        prepare.read(text)


def test_a_chain_file_is_read(tmp_path):
    (tmp_path / "mine.toml").write_text('[[steps]]\nfilter = "upscale"\nscale = 2\n')
    assert prepare.read(str(tmp_path / "mine.toml")).steps[0].scale == 2


def test_progress_never_falls_and_is_always_whole(tmp_path):
    file = tmp_path / "progress.json"
    report, seen, done = Report(file), [], threading.Event()

    def read():
        while not done.is_set():
            if file.exists():
                seen.append(json.loads(file.read_bytes()))

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(200):
        report.working(f"step {number}", (number * 7 % 200) / 200)
    report.failed("the sky is green")
    done.set()
    reader.join()
    assert json.loads(file.read_bytes()) == {
        "state": "failed", "share": 199 / 200, "what": "step 199", "error": "the sky is green"
    }  # fmt: skip
    assert all(one["share"] <= other["share"] for one, other in pairwise(seen))
    assert [path.name for path in tmp_path.iterdir()] == ["progress.json"]


def test_who_is_stopped_writes_no_more(tmp_path):
    report = Report(tmp_path / "progress.json")
    report.working("something")
    report.stop()
    report.remove()
    with pytest.raises(Interrupted):
        report.working("more")
    report.failed("never mind")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    report = Report(tmp_path / "file" / "progress.json")
    with pytest.raises(OutputError):
        report.working("something")
    report.failed("which cannot be told either")


def start(cache: Path, *arguments: str) -> subprocess.Popen[str]:
    environ = os.environ | {
        "VSMAGIC_CACHE": str(cache),
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests"), os.environ.get("PYTHONPATH", "")]),
    }
    command = [sys.executable, "-c", START, "mpv", "prepare", "--chain", BOTH, *arguments]
    return subprocess.Popen(command, env=environ, stdout=-1, stderr=-1, text=True)


def wait_for(condition, process, seconds=60.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.002)


@pytest.mark.usefixtures("rtx")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_one_that_is_ended_leaves_nothing_in_the_way(cache, tmp_path, number):
    file = tmp_path / "progress.json"
    arguments = "--size", "1920x1080", "--progress", str(file)
    process = start(cache, *arguments)
    wait_for(lambda: list((cache / "engines").glob("*.lock")), process)
    process.send_signal(number)
    process.communicate(timeout=60)
    assert not list(cache.rglob("*.engine"))
    assert not list(cache.rglob(".*"))
    if number == signal.SIGKILL:
        assert process.returncode == -number
        assert json.loads(file.read_bytes())["state"] == "working"
    else:
        assert process.returncode == 128 + number
        assert not [path for path in (*cache.rglob("*"), *tmp_path.glob("*.json")) if path.is_file()]
    again = start(cache, *arguments)
    _, said = again.communicate(timeout=120)
    assert again.returncode == 0, said
    assert json.loads(file.read_bytes())["state"] == "ready"
    assert len(Store().all()) == 2
    assert not list(cache.rglob("*.lock"))


@pytest.mark.usefixtures("rtx")
def test_of_two_one_works_and_the_other_waits(cache, tmp_path):
    chain = prepare.read(BOTH)
    files = [tmp_path / f"{number}.json" for number in range(2)]
    with exclusive(prepare._lock(chain, SIZE)):
        both = [start(cache, "--size", "64x48", "--progress", str(file)) for file in files]
        for file, process in zip(files, both, strict=True):
            wait_for(lambda file=file: file.exists() and b"waiting for another" in file.read_bytes(), process)
    said = [process.communicate(timeout=120) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert len(Store().all()) == 2
    assert [json.loads(file.read_bytes())["state"] for file in files] == ["ready", "ready"]


def test_the_command_tells_what_is_wrong_in_file_and_words(cache, tmp_path, run):
    file = tmp_path / "progress.json"
    ran = run("mpv", "prepare", "--chain", SMALL, "--size", "64x48", "--progress", file)
    assert ran.code == MissingModelError.exit_code
    words = "model animejanai-v3-superultracompact is not on this machine; run: vsmagic models fetch"
    assert words in ran.err
    told = json.loads(file.read_bytes())
    assert told["state"] == "failed"
    assert words in told["error"]
    assert run("mpv", "prepare", "--chain", "[]", "--size", "64").code == 2


def test_an_unsuitable_plugin_is_a_sentence(cache, monkeypatch):
    def refuse(*_arguments):
        raise vs.Error("operator(): no")

    monkeypatch.setattr(chains, "apply", refuse)
    with pytest.raises(OptionError, match=r"cannot be applied to 64x48: Error: operator\(\): no"):
        prepare.prepare(prepare.read("live-performance"), SIZE, fetch=False, report=Report(None))


def test_a_local_file_is_read_ahead(cache, data, tmp_path, monkeypatch):
    shutil.copyfile(data / "weights" / FILE, tmp_path / "mine.onnx")
    text = json.dumps([{"filter": "upscale", "scale": 2, "model": str(tmp_path / "mine.onnx")}])
    with pytest.raises(NotReadyError):
        played(text, monkeypatch)
    prepare.prepare(prepare.read(text), SIZE, fetch=False, report=Report(None))
    assert played(text, monkeypatch).width == 128
