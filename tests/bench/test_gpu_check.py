"""scripts/gpu-check, rehearsed on the processor: everything is measured or said why not, whatever a case does."""

import itertools
import json
import os
import re
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import onnx
import pytest

from vsmagic.backends.nvidia import driver_trouble
from vsmagic.errors import BackendError, ModelError, OptionError, OutputError, SetupError, SourceError
from vsmagic.gpucheck import collect, libraries, networks, nvml, pictures, plan, record, report, runner, session
from vsmagic.gpucheck.record import Agreement, Case, Device, Peak, Reference, Report, Result, Speed, Survey

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "scripts" / "gpu-check"
BACKENDS, MODELS = ("ov", "ort"), ("superultracompact", "magic-x2")

CHILD = """
import json, os, sys, time
from pathlib import Path
task = json.loads(Path(sys.argv[1]).read_text())
case = task["case"]
with open(os.environ["STARTED"], "a") as log:
    log.write(case["kind"] + " " + case["backend"] + "\\n")
match case["backend"]:
    case "crash":
        print("out of memory, they say", file=sys.stderr, flush=True)
        os.abort()
    case "hang":
        time.sleep(60)
    case "silent":
        sys.exit(0)
    case "code":
        sys.exit(3)
    case "refuse":
        answer = {"figures": None, "error": "no such thing here"}
    case _:
        speed = {"type": "speed", "frames": 9, "seconds": 3.0, "fps": 3.0, "halves": [3.0, 3.0], "start": 0.1}
        answer = {"figures": speed, "error": ""}
Path(sys.argv[2]).write_text(json.dumps(answer))
"""


def gpu_check(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(SCRIPT), *arguments],
        env=os.environ | {"VSMAGIC_PYTHON": sys.executable},
        cwd=cwd,
        check=False,
        capture_output=True,
        text=True,
        timeout=1600,
    )


@pytest.fixture(scope="module")
def rehearsal(tmp_path_factory):
    """The text and the file of one real run on the processor."""
    folder = tmp_path_factory.mktemp("rehearsal")
    names = [
        "--backends",
        ",".join(BACKENDS),
        "--models",
        ",".join(MODELS),
        "--budget",
        "1500",
        "--case-timeout",
        "300",
    ]
    done = gpu_check("--device", "cpu", *names, "--seconds", "0.05", "--out", "found.json", cwd=folder)
    assert done.returncode == 0, done.stderr
    return done.stdout, record.load(folder / "found.json")


@pytest.fixture
def place(tmp_path):
    """A workplace whose children do what the name of their backend says."""
    child = tmp_path / "child.py"
    child.write_text(CHILD)
    return runner.Workplace(
        work=tmp_path,
        environment=os.environ | {"STARTED": str(tmp_path / "started")},
        device=None,
        seconds=1,
        weights={},
        sizes=[(64, 48)],
        child=(sys.executable, str(child)),
    )


def limits(budget=60.0, case=30.0):
    return runner.Limits(budget=budget, case=case, began=time.monotonic())


def speed_of(backend, kind="speed", precision="f16"):
    return Case(kind=kind, backend=backend, model="compact", size=(64, 48), precision=precision, streams=1)


def ran(cases, place, given=None, known=()):
    return runner.run(cases, place, given or limits(), known=known, tell=lambda _: None)


def test_every_promised_case_is_there_in_its_order(rehearsal):
    _, found = rehearsal
    scope = plan.Scope(backends=BACKENDS, models=MODELS, sizes=[(64, 48)], precisions=["f32"], streams=[1, 2])
    assert [one.case for one in found.results] == plan.cases(scope)
    assert found.complete
    assert {one.status for one in found.results} == {"ok"}, [one for one in found.results if one.status != "ok"]
    assert found.schema == record.SCHEMA


def test_backends_agree_with_pytorch(rehearsal):
    _, found = rehearsal
    agreements = [one.figures for one in found.results if isinstance(one.figures, Agreement)]
    assert len(agreements) == len(BACKENDS) * len(MODELS)
    for figures in agreements:
        assert figures.mean <= figures.largest < 0.01
        assert figures.psnr is None or figures.psnr > 100


def test_speeds_are_of_frames_that_came(rehearsal):
    _, found = rehearsal
    speeds = [one for one in found.results if isinstance(one.figures, Speed)]
    assert {one.case.clip for one in speeds} == {"network", "video"}
    for one in speeds:
        figures = one.figures
        assert figures.frames >= 4 * one.case.streams
        assert figures.fps == pytest.approx(figures.frames / figures.seconds)
        assert min(figures.halves) * 0.99 <= figures.fps <= max(figures.halves) * 1.01
        assert one.rss > 2**24
        assert one.vram is None


def test_operations_are_those_of_the_published_shapes(rehearsal):
    _, found = rehearsal
    counted = {
        one.case.model: one.figures.flops["64x48"] for one in found.results if isinstance(one.figures, Reference)
    }
    # Small networks: 3x3 at full size. The embedded one: at half size, after 4x4 to 48 channels.
    assert counted["superultracompact"] == 2 * 9 * (3 * 24 + 8 * 24 * 24 + 24 * 12) * 64 * 48
    assert counted["magic-x2"] == 2 * (16 * 48 + 9 * (6 * 48 * 48 + 48 * 16)) * 32 * 24


def test_the_survey_names_versions_and_what_is_missing(rehearsal):
    text, found = rehearsal
    [survey] = [one.figures for one in found.results if isinstance(one.figures, Survey)]
    told = {one.name: one for one in survey.backends}
    assert told["ov"].runs
    assert "OpenVINO" in told["ov"].version
    assert set(survey.libraries) == {name for names in libraries.NEEDED.values() for name in names}
    if driver_trouble():
        assert not told["ort_cuda"].runs
        assert told["ort_cuda"].trouble
        assert survey.libraries["libcuda.so.1"].startswith("missing")
    assert "Agreement with the reference" in text
    assert "From video to video" in text


@pytest.mark.parametrize("model", networks.SHAPES)
def test_random_networks_have_the_authors_shapes(model, data):
    def shape(network):
        nodes = [node.op_type for node in network.graph.node if node.op_type != "Clip"]
        weights = [list(one.dims) for one in network.graph.initializer if len(one.dims) == 4]
        return nodes, weights

    published = networks.official(model, data / "weights")
    made = onnx.load_from_string(networks.make(networks.SHAPES[model]))
    onnx.checker.check_model(made, full_check=True)
    assert shape(made) == shape(onnx.load(published))


def test_weights_that_are_not_the_authors_are_refused(tmp_path, data):
    published = networks.official("superultracompact", data / "weights")
    (tmp_path / published.name).write_bytes(published.read_bytes()[:-1] + b"\0")
    with pytest.raises(ModelError, match="SHA-256 differs"):
        networks.official("superultracompact", tmp_path)


@pytest.mark.parametrize("model", networks.MODELS)
def test_the_reference_equals_onnx_own_evaluator(model, tmp_path):
    pytest.importorskip("torch")
    from vsmagic.gpucheck import with_torch
    from vsmagic.models import evaluate

    network = networks.find(model, tmp_path, None)
    content = network.path.read_bytes()
    picture = pictures.picture((24, 20), network.channels)[None]
    expected = evaluate.output(content, picture, network.path)
    assert expected.std() > 0.001
    assert np.abs(with_torch.compute(content, picture) - expected).max() < 1e-5


def test_whatever_a_case_does_the_rest_goes_on(place):
    cases = [speed_of(name) for name in ("crash", "hang", "silent", "code", "refuse", "works")]
    results = ran(cases, place, limits(case=6))
    assert [one.status for one in results] == ["crashed", "timeout", "crashed", "crashed", "failed", "ok"]
    assert "SIGABRT" in results[0].reason
    assert "out of memory, they say" in results[0].reason
    assert "stopped after 6 s" in results[1].reason
    assert "exit code 3" in results[3].reason
    assert results[4].reason == "no such thing here"
    assert results[5].figures.fps == 3


def test_a_backend_that_never_works_is_not_tried_for_ever(place):
    cases = [
        *[speed_of("crash", "agreement")] * 2,
        speed_of("crash"),
        speed_of("works"),
        speed_of("crash", "speed", "f32"),
    ]
    results = ran(cases, place)
    assert [one.status for one in results] == ["crashed", "crashed", "not run", "ok", "crashed"]
    assert "worked in no case before in f16" in results[2].reason
    assert "SIGABRT" in results[2].reason


def test_what_the_survey_rules_out_is_not_run(place):
    found = Survey(
        backends=[record.Found(name="trt", runs=False, trouble="no libnvinfer"), record.Found(name="works", runs=True)],
        packages={}, libraries={},
    )  # fmt: skip
    known = [Result(case=Case(kind="survey"), status="ok", figures=found)]
    assert runner.needless(speed_of("trt"), known) == "no libnvinfer"
    assert "no backend vsgan" in runner.needless(speed_of("vsgan"), known)
    assert not runner.needless(speed_of("works"), known)


def test_a_model_without_reference_is_not_run():
    known = [Result(case=Case(kind="reference", model="compact"), status="crashed", reason="gone")]
    assert "gone" in runner.needless(speed_of("ov"), known)


def wishes(path, **facts):
    given = {
        "out": path, "device": None, "budget": 60.0, "timeout": 30.0, "seconds": 1.0, "backends": ["works"],
        "models": ["compact"], "sizes": [(64, 48)], "weights": None, "resume": False,
    }  # fmt: skip
    return session.Wishes(**(given | facts))


def test_a_spent_budget_lists_every_case(tmp_path, place):
    given = wishes(tmp_path / "found.json", budget=0.1)
    found = session.run(given, tell=lambda _: None, child=place.child)
    assert found == record.load(tmp_path / "found.json")
    assert len(found.results) == 7
    assert {(one.status, one.reason) for one in found.results} == {("not run", "time")}
    assert report.text(found).count("not run") == 7


def test_on_a_card_everything_the_page_promises_is_covered(tmp_path, place, monkeypatch):
    from vsmagic.engine import gpu

    card = gpu.Gpu(name="NVIDIA Card", capability="9.0", memory=2**37, driver="1")
    monkeypatch.setattr(gpu, "facts", lambda _: card)
    given = wishes(tmp_path / "found.json", device=0, budget=0.1, backends=[], models=[], sizes=[])
    found = session.run(given, tell=lambda _: None, child=place.child)
    assert (found.device.name, found.device.capability, found.device.memory) == ("NVIDIA Card", "9.0", 2**37)
    cases = [one.case for one in found.results]
    assert len({case.id for case in cases}) == len(cases)
    speeds = {
        (case.backend, case.model, case.size[1], case.streams)
        for case in cases
        if (case.kind, case.precision, case.clip) == ("speed", "f16", "network")
    }
    backends = ("ort_cuda", "torch", "trt", "trt_rtx", "ncnn")
    assert speeds == set(itertools.product(backends, networks.MODELS, (480, 720, 1080), (1, 2, 4)))
    agreements = {(case.backend, case.model, case.precision) for case in cases if case.kind == "agreement"}
    assert agreements == set(itertools.product(backends, networks.MODELS, ("f16", "f32")))
    assert [case.kind for case in cases[:2]] == ["survey", "peak"]


def test_a_budget_that_runs_out_cuts_the_last(place):
    results = ran([speed_of("works"), speed_of("hang"), speed_of("works")], place, limits(budget=8))
    assert [one.status for one in results] == ["ok", "timeout", "not run"]


def test_a_stopped_run_leaves_what_it_had_and_is_resumed(tmp_path, place, monkeypatch):
    started = tmp_path / "started"
    monkeypatch.setenv("STARTED", str(started))
    out = tmp_path / "found.json"
    told = []

    def stop(words):
        told.append(words)
        if len(told) == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        session.run(wishes(out), tell=stop, child=place.child)
    left = record.load(out)
    assert not left.complete
    assert len(left.results) == 5
    started.unlink()
    found = session.run(wishes(out, resume=True), tell=told.append, child=place.child)
    assert found.complete
    assert found.results[:5][4] == left.results[4]
    # Done before: the peak, the agreement and one speed. Done anew: what others build upon.
    assert started.read_text().split("\n")[:-1] == ["survey ", "reference ", "speed works", "speed works"]


def test_results_of_another_card_are_not_resumed(tmp_path):
    out = tmp_path / "found.json"
    record.save(out, made(device=Device(name="another")))
    with pytest.raises(OptionError, match="another"):
        session.run(wishes(out, resume=True), tell=lambda _: None)


def made(**facts):
    speed = Speed(frames=100, seconds=1.0, fps=100.0, halves=(100.0, 100.0), start=2.0)
    reference = Reference(
        source="random", file="a.onnx", sha256="0", flops={"1920x1080": 2_500_000_000_000}, by="torch"
    )
    peak = Peak(torch="2", device="card", matrix=8192, tflops={"f16": 500.0, "f32": 50.0}, upload=50.0, download=40.0)
    case = Case(
        kind="speed", backend="ort_cuda", model="compact", size=(1920, 1080), precision="f16", streams=2, clip="network"
    )
    results = [
        Result(case=Case(kind="peak"), status="ok", figures=peak),
        Result(case=Case(kind="reference", model="compact"), status="ok", figures=reference),
        Result(case=case, status="ok", figures=speed, vram=2**30),
        Result(case=speed_of("ncnn"), status="crashed", reason="signal SIGSEGV | gone"),
    ]
    given = {
        "schema": 1, "vsmagic": "0", "started": "2026-01-02 03:04:05", "complete": True,
        "device": Device(name="NVIDIA Card", capability="9.0", memory=2**37, driver="1"), "machine": "a machine",
        "budget": 420.0, "elapsed": 100.0, "folders": [], "results": results,
    }  # fmt: skip
    return Report(**(given | facts))


def test_the_share_of_the_peak_is_operations_over_operations():
    found = made()
    assert report.share(found.results[2], found.results) == pytest.approx(0.5)
    assert report.share(found.results[2], found.results[1:]) is None
    text = report.text(found)
    assert re.search(r"compact +1920x1080 +f16 +ort_cuda +2 +100 +100, 100 +50.0% +1024", text)
    assert "SIGSEGV" in text


def test_a_section_goes_below_the_mark_the_newest_first(tmp_path):
    page = tmp_path / "gpu.md"
    page.write_text(f"# GPU\n\n{report.MARK}\n")
    for year in (2026, 2027):
        report.insert(page, report.markdown(made(started=f"{year}-01-02 03:04:05")))
    text = page.read_text()
    assert text.index("## NVIDIA Card, 2027-01-02") < text.index("## NVIDIA Card, 2026-01-02")
    assert "SIGSEGV \\| gone" in text
    with pytest.raises(OutputError, match="has no line"):
        report.insert(ROOT / "LICENSE", "words")


def test_the_page_of_the_documentation_has_the_mark():
    assert report.MARK in (ROOT / "docs" / "gpu.md").read_text()


def test_a_report_is_read_strictly_and_again_the_same(tmp_path):
    path = tmp_path / "found.json"
    record.save(path, made())
    assert record.load(path) == made()
    path.write_text(json.dumps(json.loads(path.read_text()) | {"more": 1}))
    with pytest.raises(SourceError, match="more"):
        record.load(path)


@pytest.mark.skipif(driver_trouble() is None, reason="this machine has an NVIDIA GPU")
def test_without_a_gpu_it_says_so_and_writes_nothing(tmp_path):
    done = gpu_check("--out", "found.json", cwd=tmp_path)
    assert done.returncode == BackendError.exit_code
    assert re.fullmatch(r"gpu-check: GPU 0: .*\n", done.stderr)
    assert not (tmp_path / "found.json").exists()


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--device", "gpu"], 2),
        (["--device", "cpu", "--models", "big"], 2),
        (["--device", "cpu", "--sizes", "7x8"], 2),
        (["--collect", "there", "--groups", "all"], 2),
        (["--join", "nowhere"], 3),
        (["--from", "nowhere.json"], 3),
    ],
)
def test_bad_options_are_one_sentence(tmp_path, arguments, code):
    done = gpu_check(*arguments, cwd=tmp_path)
    assert done.returncode == code
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1


@pytest.fixture
def carried(tmp_path, monkeypatch):
    """A folder of pieces cut from one small wheel, and the wheel's content."""
    content = np.random.default_rng(1).bytes(200_000)

    def download(packages, folder):
        folder.mkdir()
        with zipfile.ZipFile(folder / "one-1-py3-none-any.whl", "w") as wheel:
            wheel.writestr("one/lib.so", content)
            wheel.writestr("one/__init__.py", "")

    monkeypatch.setattr(collect, "_download", download)
    [archive] = collect.collect(tmp_path / "pieces", ["ncnn"], 64_000)
    assert [piece["bytes"] for piece in archive["pieces"][:-1]] == [64_000] * 3
    return tmp_path / "pieces", content


def test_what_was_cut_is_joined_again(carried, tmp_path):
    folder, content = carried
    assert collect.join(folder, tmp_path / "site") == ["ncnn"]
    assert (tmp_path / "site" / "one" / "lib.so").read_bytes() == content


def test_a_damaged_or_missing_piece_is_told(carried, tmp_path):
    folder, _ = carried
    piece = folder / "ncnn.tar.xz.2of4"
    whole = piece.read_bytes()
    piece.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(SourceError, match=r"2of4: is not what was collected"):
        collect.join(folder, tmp_path / "site")
    piece.unlink()
    with pytest.raises(SourceError, match="no archive is whole"):
        collect.join(folder, tmp_path / "site")
    assert not (tmp_path / "site").exists()


def test_pip_that_fails_is_told_in_its_own_words(tmp_path, monkeypatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    with pytest.raises(SetupError, match="pip cannot download vapoursynth-mlrt-ncnn"):
        collect.collect(tmp_path / "pieces", ["ncnn"], 1000)
    assert not (tmp_path / "pieces" / collect.MANIFEST).exists()


def test_libraries_of_other_packages_go_on_the_loaders_path(tmp_path, monkeypatch):
    for name in ("nvidia/cu13/lib/libcudart.so.13", "nvidia/cudnn/lib/libcudnn.so.9", "nvidia/empty/lib/notes"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).touch()
    found = libraries.folders([str(tmp_path / "none"), str(tmp_path), str(tmp_path)])
    assert found == [str(tmp_path / "nvidia" / name / "lib") for name in ("cu13", "cudnn")]
    monkeypatch.setenv("LD_LIBRARY_PATH", "/before")
    assert libraries.environment(found)["LD_LIBRARY_PATH"] == os.pathsep.join([*found, "/before"])


def test_libraries_are_loaded_or_told_missing():
    found = libraries.loaded(("libm.so.6", "libnone.so.1"))
    assert Path(found["libm.so.6"]).name.startswith("libm")
    assert found["libnone.so.1"].startswith("missing: libnone.so.1")


def test_the_cards_memory_is_the_peak_less_what_was_used_before():
    used = iter([100, 150, 700, 300])

    class Card(nvml.Reader):
        def __init__(self):
            pass

        def used(self):
            return next(used, 120)

    with nvml.Watch(Card()) as watch:
        time.sleep(0.3)
    assert watch.peak == 600
    with nvml.Watch(None) as watch:
        pass
    assert watch.peak is None
