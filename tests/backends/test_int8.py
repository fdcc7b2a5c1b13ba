"""A model that has a network in 8-bit integers beside its own is computed in int8 like in any other precision."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import vapoursynth as vs
from msgspec.structs import replace

import frames as fr
import vsmagic
from tuning import BACKENDS, SIZE, clip_of, key_of, plan_of, record_of
from vsmagic import chain
from vsmagic.backends import base, cpu, infer, select, settle, tune, tuned
from vsmagic.backends.base import Backend, Request
from vsmagic.backends.tune import Way
from vsmagic.bench.case import cases
from vsmagic.encode.inside.networks import Networks
from vsmagic.errors import BackendError, ModelError
from vsmagic.models import arithmetic, inspect, listing, registry, spec
from vsmagic.models.registry import Model
from vsmagic.models.spec import INT8, Int8, ModelSpec, Precision

NAMES = [entry.name for entry in registry.ENTRIES]
VNNI = ({"avx512_vnni"}, {"avx_vnni"})


@pytest.fixture(params=NAMES)
def model(request: pytest.FixtureRequest) -> Model:
    found = registry.resolve(request.param)
    if found.spec.int8 is None:
        pytest.skip(f"{found.name} has no network in int8")
    return found


def with_flags(monkeypatch: pytest.MonkeyPatch, flags: Iterable[str]) -> None:
    monkeypatch.setattr(cpu, "flags", lambda: frozenset(flags))


def lossy(model: Model, lost_db: float) -> Model:
    assert model.spec.int8
    return replace(model, spec=replace(model.spec, int8=replace(model.spec.int8, lost_db=lost_db)))


def without(model: Model) -> Model:
    return replace(model, spec=replace(model.spec, int8=None))


@contextmanager
def requests() -> Iterator[list[Request]]:
    """Collect what a plugin is asked for."""
    heard: list[Request] = []

    def hear(clips: Sequence[vs.VideoNode], backend: Backend, request: Request) -> None:
        heard.append(request)

    with base.told(hear):
        yield heard


def test_the_upscalers_that_come_with_vsmagic_have_one() -> None:
    assert all(registry.resolve(name).spec.int8 for name in NAMES)


def test_the_facts_are_those_of_the_file(model: Model) -> None:
    whole, small = model.network("f32"), model.network("int8")
    assert set(model.networks) == {whole, small}
    for network in model.networks:
        assert hashlib.sha256(network.path.read_bytes()).hexdigest() == network.sha256
    before, after = (inspect.inspect(network.path) for network in (whole, small))
    for fact in ("scale", "channels", "multiple", "halo", "activations"):
        assert getattr(before, fact) == getattr(after, fact), fact
    assert arithmetic.per_pixel(small.path) == arithmetic.per_pixel(whole.path)


def test_only_the_network_in_int8_has_its_operators(model: Model) -> None:
    """Backends of GPUs would refuse a model whose own network had them."""
    marks = [name.encode() for name in INT8]
    assert all(mark in model.network("int8").path.read_bytes() for mark in marks)
    for precision in ("f32", "f16", "bf16"):
        assert not any(mark in model.network(precision).path.read_bytes() for mark in marks)
    assert "int8" not in model.spec.precisions  # of which engines are built


def test_what_auto_may_take_loses_less_than_is_seen(model: Model) -> None:
    assert model.spec.int8
    assert ("int8" in model.spec.unasked) == (model.spec.int8.lost_db < spec.UNSEEN_DB)
    for lost, unasked, tolerated in [
        (spec.UNSEEN_DB / 2, ("int8", *model.spec.precisions), ("int8", *model.spec.precisions)),
        (spec.UNSEEN_DB, model.spec.precisions, (*model.spec.precisions, "int8")),
    ]:
        facts = lossy(model, lost).spec
        assert (facts.unasked, facts.tolerated) == (unasked, tolerated)
    assert without(model).spec.tolerated == without(model).spec.unasked == model.spec.precisions


@pytest.mark.parametrize("backend", ["ov", "ort"])
def test_it_looks_like_the_model_in_f32(model: Model, backend: str) -> None:
    clip = fr.textured(vs.GRAYS, 96, 80).std.SetFrameProps(_Matrix=1)
    wanted = {"model": model.name, "scale": model.scale, "backend": backend, "strict": True}
    whole, small = (fr.planes(vsmagic.upscale(clip, precision=precision, **wanted))[0] for precision in ("f32", "int8"))
    assert whole.shape == small.shape
    assert np.mean((whole - small) ** 2) > 0
    assert 10 * np.log10(1 / np.mean((whole - small) ** 2)) > 40


def test_tiles_do_not_show() -> None:
    clip = clip_of(1, (96, 80))
    whole, tiled = (
        fr.planes(vsmagic.upscale(clip, scale=2, backend="ov", precision="int8", tile=tile))[0]
        for tile in ("auto", (64, 56))
    )
    assert np.abs(whole - tiled).max() <= 2 / 255


@pytest.mark.parametrize("flags", VNNI, ids=lambda flags: next(iter(flags)))
def test_auto_takes_it_on_a_processor_with_vnni(flags: set[str], model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    with_flags(monkeypatch, flags)
    ov = BACKENDS["ov"]
    assert select.choose_precision("auto", lossy(model, 0.01).spec.tolerated, ov) == "int8"
    assert select.choose_precision("auto", lossy(model, 0.2).spec.tolerated, ov) == "f32"
    assert select.choose_precision("auto", without(model).spec.tolerated, ov) == "f32"
    with_flags(monkeypatch, flags | {"avx512_bf16"})
    assert select.choose_precision("auto", lossy(model, 0.01).spec.tolerated, ov) == "int8"
    assert select.choose_precision("auto", lossy(model, 0.2).spec.tolerated, ov) == "bf16"


@pytest.mark.parametrize("flags", [set(), {"avx2"}, {"avx512_bf16"}], ids=str)
def test_without_vnni_it_must_be_asked_for(flags: set[str], model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    with_flags(monkeypatch, flags)
    ov = BACKENDS["ov"]
    assert "int8" not in ov.precisions
    assert select.choose_precision("auto", model.spec.tolerated, ov) != "int8"
    assert select.choose_precision("int8", model.spec.tolerated, ov, strict=True) == "int8"


@pytest.mark.parametrize(("flags", "hint"), [(set(), "f32"), ({"avx512_bf16"}, "bf16")])
def test_what_stays_float_is_computed_in_what_is_native(
    flags: set[str], hint: str, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_flags(monkeypatch, flags)
    request = Request(network=model.network("int8").path, precision="int8")
    assert BACKENDS["ov"].arguments(request)["config"]()["INFERENCE_PRECISION_HINT"] == hint


@pytest.mark.parametrize("backend", ["trt_rtx", "trt", "ort_cuda", "ncnn", "torch", "vsgan"])
def test_other_backends_never_get_it(
    backend: str, model: Model, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with_flags(monkeypatch, {"avx512_vnni"})
    found = BACKENDS[backend]
    assert select.choose_precision("auto", model.spec.tolerated, found) != "int8"
    assert select.choose_precision("int8", model.spec.tolerated, found) == "f32"
    assert f"backend {backend} cannot compute in int8" in caplog.text
    with pytest.raises(BackendError, match="cannot compute in int8"):
        select.choose_precision("int8", model.spec.tolerated, found, strict=True)


def test_a_model_without_one_is_computed_in_f32_and_the_remedy_told(
    model: Model, caplog: pytest.LogCaptureFixture
) -> None:
    tolerated, ov = without(model).spec.tolerated, BACKENDS["ov"]
    assert select.choose_precision("int8", tolerated, ov) == "f32"
    assert "vsmagic models quantize" in caplog.text
    with pytest.raises(ModelError, match="vsmagic models quantize"):
        select.choose_precision("int8", tolerated, ov, strict=True)


@pytest.mark.parametrize("precision", ["f32", "int8"])
def test_the_plugin_gets_the_file_of_the_precision(precision: Precision) -> None:
    with requests() as heard:
        vsmagic.upscale(clip_of(2), scale=2, backend="ov", precision=precision, strict=True)
    [request] = heard
    network = registry.resolve("magic-x2").network(precision)
    assert (request.precision, request.network, request.sha256) == (precision, network.path, network.sha256)


def test_a_chain_in_int8_is_in_int8_and_a_job_knows_by_which_network() -> None:
    step = {"filter": "upscale", "scale": 2, "backend": "ov", "precision": "int8"}
    steps = chain.parse(json.dumps([step]), folder=Path())
    networks = Networks()
    with base.told(networks.hear):
        chain.apply(steps, clip_of(2))
    [told] = networks.told()
    network = registry.resolve("magic-x2").network("int8")
    assert (told.precision, told.digest) == ("int8", network.sha256)


def test_a_measurement_depends_on_the_network_where_it_may_be_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = plan_of()
    assert plan.model.spec.int8
    other = replace(plan.model.spec, int8=replace(plan.model.spec.int8, sha256="0" * 64))
    changed = replace(plan, model=replace(plan.model, spec=other))
    with_flags(monkeypatch, {"avx512_vnni"})
    assert key_of(plan) != key_of(changed)
    with_flags(monkeypatch, set())
    assert key_of(plan) == key_of(changed)


class Speeds:
    """Stands for a machine on which every precision has a known speed."""

    def __init__(self, **fps: float) -> None:
        self.speeds, self.fps = fps, {}

    def left(self) -> float:
        return 1e9

    def ratio(self, champion: Way, challenger: Way, frames: int) -> float | None:  # noqa: ARG002
        return self.speeds[challenger.precision] / self.speeds[champion.precision]


@pytest.mark.parametrize(
    ("fps", "lost_db", "chosen"),
    [
        ({"f32": 10, "bf16": 20, "int8": 40}, 0.01, "int8"),
        ({"f32": 10, "bf16": 20, "int8": 22}, 0.01, "bf16"),
        ({"f32": 10, "bf16": 11, "int8": 20}, 0.01, "int8"),
        ({"f32": 10, "bf16": 9, "int8": 11}, 0.01, "f32"),
        ({"f32": 10, "bf16": 20}, 0.2, "bf16"),
    ],
)
def test_the_tuner_takes_it_where_it_is_clearly_faster(
    fps: dict[str, float], lost_db: float, chosen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_flags(monkeypatch, {"avx512_vnni", "avx512_bf16"})
    plan = plan_of()
    plan = replace(plan, model=lossy(plan.model, lost_db))
    start = Way(precision="int8", streams=1, size=SIZE)
    assert tune._best_precision(Speeds(**fps), plan, start, 1e-6) == (chosen, "")


def test_a_measurement_runs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with_flags(monkeypatch, cpu.flags() | {"avx512_vnni"})
    plan = replace(plan_of(streams=1), model=lossy(plan_of().model, 0.01))
    record = tune.measure(key_of(plan), plan, SIZE, seconds=1000)
    assert "int8" in {taken.precision for taken in record.taken}


def test_a_record_in_int8_is_used(records: Path) -> None:
    plan = plan_of()
    tuned.store(record_of(key_of(plan), precision="int8"))
    settled = settle.settled(plan, SIZE, frames=1, precision_open=True)
    assert settled.precision == "int8"
    with requests() as heard:
        infer.infer(clip_of(1), settled)
    assert [request.network for request in heard] == [plan.model.network("int8").path]


def test_the_benchmark_measures_it_where_it_is_native(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = {"model": "magic-x2", "sizes": [(64, 48)], "scale": 2, "backend": "ov"}
    with_flags(monkeypatch, {"avx512_vnni"})
    assert "int8" in {case.precision for case in cases(precisions=(), **wanted)[0]}
    with_flags(monkeypatch, set())
    assert "int8" not in {case.precision for case in cases(precisions=(), **wanted)[0]}
    assert [case.precision for case in cases(precisions=("int8",), **wanted)[0]] == ["int8"]


def test_the_benchmark_leaves_out_a_model_without_one(data: Path) -> None:
    file = str(data / "weights" / "2x_AnimeJaNai_HD_V3_SuperUltraCompact-fp32.onnx")
    planned, notes = cases(model=file, sizes=[(64, 48)], scale=2, backend="ov", precisions=("f32", "int8"))
    assert [case.precision for case in planned] == ["f32"]
    assert len(notes) == 1
    assert "has no network for it" in notes[0]


def test_the_list_tells_the_loss(model: Model) -> None:
    entry, state = listing.one(model.name)
    assert "int8" in entry.precisions
    told = listing.facts(entry, state)["int8"]
    assert model.spec.int8
    assert told["lost_db"] == model.spec.int8.lost_db


def test_facts_with_and_without_one_come_back(model: Model, tmp_path: Path) -> None:
    for facts in (model.spec, without(model).spec):
        (tmp_path / "a.json").write_bytes(spec.encode_spec(facts))
        assert spec.load_spec(tmp_path / "a.json", ModelSpec) == facts
    assert isinstance(model.spec.int8, Int8)
