"""One suite over every backend that runs here and every model at hand."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest
import vapoursynth as vs

import frames as fr
import networks
from vsmagic import BackendError, OptionError
from vsmagic.backends import select, tiles
from vsmagic.backends.base import Backend
from vsmagic.backends.infer import Plan, infer
from vsmagic.models import registry
from vsmagic.models.registry import Model
from vsmagic.models.spec import Precision

RUNNABLE = ("ov", "ort", "ncnn", "torch")  # vsgan runs its authors' files alone: see test_torch
# Every shared ONNX file and two embedded networks, one of scale 1; the largest are left to test_reference.
MODELS = [
    "magic-x2",
    "2x_AnimeJaNai_HD_V3_SuperUltraCompact-fp32.onnx",
    "2x_AnimeJaNai_HD_V3_UltraCompact-fp32.onnx",
    "2x_AnimeJaNai_HD_V3_UltraCompact-fp16.onnx",
    "2x_AnimeJaNai_HD_V3_UltraCompact_1x3xHxW_dyn-HW_strong_fp16_op23_dynamo.onnx",
    "2x_AnimeJaNai_HD_V3.1_Performance_SPANF3_b5f48_unshuffle_fp16.onnx",
    "2x_AnimeJaNai_HD_V3_Compact-fp32.onnx",
    "magic-restore-x1-fast",
]


@pytest.fixture(params=RUNNABLE)
def backend(request: pytest.FixtureRequest) -> Backend:
    """A backend that runs on this machine."""
    found = {b.name: b for b in select.BACKENDS}[request.param]
    trouble = select.trouble(found)
    if trouble:
        pytest.skip(f"backend {request.param}: {trouble}")
    return found


@pytest.fixture(params=MODELS, ids=lambda name: name.removesuffix(".onnx")[:60])
def model(request: pytest.FixtureRequest, data: Path) -> Model:
    return resolved(request.param, data)


@cache
def resolved(name: str, data: Path) -> Model:
    return registry.resolve(str(data / "weights" / name) if name.endswith(".onnx") else name)


def textured(model: Model, width: int = 48, height: int = 40) -> vs.VideoNode:
    return fr.textured(vs.RGBS if model.spec.channels == 3 else vs.GRAYS, width, height)


def run(clip: vs.VideoNode, model: Model, backend: Backend, precision: Precision = "f32", **more: object) -> np.ndarray:
    result = infer(clip, Plan(model=model, backend=backend, precision=precision, **more))
    assert (result.width, result.height) == (clip.width * model.scale, clip.height * model.scale)
    assert result.format.id == clip.format.id
    return np.stack(fr.planes(result))


def agreement(model: Model) -> float:
    """How far two correct runs may differ, by the numbers the network itself computes in."""
    return 2 / 255 if model.spec.element == "f16" else 1e-4


def skip_what_cannot_run(model: Model, backend: Backend) -> None:
    operator = select.refused(backend, model.path)
    if operator:
        pytest.skip(f"backend {backend.name} has no operator {operator}")


def test_backends_agree(model: Model, backend: Backend) -> None:
    if backend.name == "ort":
        pytest.skip("is what the others are compared with")
    skip_what_cannot_run(model, backend)
    clip = textured(model)
    reference = run(clip, model, {b.name: b for b in select.BACKENDS}["ort"])
    found = run(clip, model, backend)
    allowed = max(agreement(model), 2 / 255 if backend.name == "ncnn" else 0)
    assert np.abs(found - reference).max() <= allowed, fr.psnr(found, reference)


def test_other_precisions_agree(backend: Backend, data: Path) -> None:
    model = resolved("magic-x2", data)
    clip = textured(model)
    reference = run(clip, model, backend)
    for precision in backend.precisions:
        apart = np.abs(run(clip, model, backend, precision) - reference)
        if precision == "int8":  # single pixels may be rounded further off; what it loses is in its spec
            assert np.sqrt(np.mean(apart**2)) <= 1 / 255
        else:
            assert apart.max() <= 2 / 255


@pytest.mark.parametrize(
    ("shape", "stride", "channels"),
    [((24, 40), 1, 1), ((48, 31), 1, 3), ((25, 19), 2, 3), ((40, 24), 2, 1), ((31, 48), 4, 1)],
)
def test_tiled_equals_untiled(
    shape: tuple[int, int], stride: int, channels: int, backend: Backend, tmp_path: Path
) -> None:
    """For odd sizes too, and for networks that want multiples."""
    network = networks.deep(tmp_path / "deep.onnx", channels, stride=stride)
    model = registry.resolve(str(network))
    least = 2 * -(-model.spec.halo // model.spec.multiple) * model.spec.multiple + model.spec.multiple
    tile = max(shape[0], least), max(shape[1], least)
    clip = textured(model, 95, 71)
    whole = run(clip, model, backend, tile=(4096, 4096))
    tiled = run(clip, model, backend, tile=tile)
    assert np.abs(tiled - whole).max() <= 1e-5 * max(1.0, np.abs(whole).max()) * (100 if backend.name == "ncnn" else 1)


@pytest.mark.parametrize("name", ["magic-x2", "magic-x4", MODELS[1]])
def test_real_models_tile_invisibly(name: str, data: Path) -> None:
    model = resolved(name, data)
    clip = textured(model, 95, 71)
    ov = {b.name: b for b in select.BACKENDS}["ov"]
    whole, tiled = run(clip, model, ov, tile=(4096, 4096)), run(clip, model, ov, tile=(64, 56))
    assert np.abs(tiled - whole).max() <= 2e-5


def test_a_memory_limit_tiles_and_changes_nothing(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = resolved("magic-x2", data)
    clip = textured(model, 320, 240)
    ort = {b.name: b for b in select.BACKENDS}["ort"]
    whole = run(clip, model, ort)
    monkeypatch.setenv("VSMAGIC_MEMORY", "8")
    assert np.abs(run(clip, model, ort) - whole).max() <= 2e-5


def test_nothing_beyond_the_halo_counts(model: Model) -> None:
    """The halo read from the graph is what tiles rely on: a changed pixel changes nothing further away."""
    halo, scale = model.spec.halo, model.spec.scale
    if halo is None:
        pytest.skip("a pixel depends on the whole frame: never tiled")
    side = min(96, 2 * halo + 24)
    picture = textured(model, side, side)
    ort = {b.name: b for b in select.BACKENDS}["ort"]
    before = run(picture, model, ort)
    for at in (side // 2, side // 2 + 1):  # a strided network does not look equally far from both
        dot = np.zeros((side, side))
        dot[at, at] = 0.35
        touched = [plane + dot for plane in fr.planes(picture)]
        change = np.abs(run(fr.clip_of([touched], picture.format.id), model, ort) - before).max(axis=0)
        far = np.ones_like(change, bool)
        low, high = max(0, (at - halo) * scale), (at + halo + 1) * scale
        far[low:high, low:high] = False
        assert change.max() > 1e-3
        assert not far.any() or change[far].max() <= 1e-6


@pytest.mark.parametrize("size", [(33, 47), (31, 29), (16, 50)], ids=lambda s: f"{s[0]}x{s[1]}")
def test_odd_sizes_run_on_every_model(size: tuple[int, int], model: Model) -> None:
    found = run(textured(model, *size), model, {b.name: b for b in select.BACKENDS}["ort"])
    assert np.isfinite(found).all()


def test_frames_come_back_in_order_with_their_properties(backend: Backend, data: Path) -> None:
    model = resolved("magic-x2", data)
    levels = [0.2, 0.4, 0.6, 0.8, 0.3]
    clip = fr.grey(*[np.full((24, 32), level) for level in levels], fps=(30000, 1001), mine=3)
    result = infer(clip, Plan(model=model, backend=backend, precision="f32", streams=2))
    assert fr.durations(result) == fr.durations(clip)
    for n, level in enumerate(levels):
        assert abs(fr.planes(result, n)[0][20:28, 20:44].mean() - level) < 0.02
        assert result.get_frame(n).props["mine"] == 3


@pytest.mark.parametrize("length", [1, 7, 64, 333, 1920])
@pytest.mark.parametrize("tile", [40, 64, 100, 512])
@pytest.mark.parametrize(("halo", "multiple"), [(0, 1), (3, 2), (16, 2), (17, 1), (9, 8)])
def test_spans_keep_every_pixel_once(length: int, tile: int, halo: int, multiple: int) -> None:
    length = -(-length // multiple) * multiple
    if tile < length and tile - tile % multiple < 2 * -(-halo // multiple) * multiple + multiple:
        with pytest.raises(OptionError, match="too few"):
            tiles.spans(length, tile, halo, multiple)
        return
    size, found = tiles.spans(length, tile, halo, multiple)
    assert size <= max(tile, min(length, tile))
    assert [n for span in found for n in range(span.keep, span.end)] == list(range(length))
    for span in found:
        assert span.start % multiple == size % multiple == 0
        assert span.start + size <= length
        assert span.keep - span.start >= halo or span.start == 0
        assert span.start + size - span.end >= halo or span.start + size == length


def test_a_model_of_the_whole_frame_is_never_tiled(tmp_path: Path) -> None:
    from onnx import helper

    nodes = [
        helper.make_node("ReduceMean", ["input"], ["mean"], axes=[2, 3]),
        helper.make_node("Sub", ["input", "mean"], ["centred"]),
        helper.make_node("Concat", ["centred"] * 4, ["four"], axis=1),
        helper.make_node("DepthToSpace", ["four"], ["output"], blocksize=2),
    ]
    model = registry.resolve(str(networks.save(tmp_path / "norm.onnx", nodes)))
    assert model.spec.halo is None
    ort = {b.name: b for b in select.BACKENDS}["ort"]
    with pytest.raises(OptionError, match="cannot be tiled"):
        run(textured(model), model, ort, tile=(32, 32))
    assert abs(run(textured(model), model, ort).mean()) < 1e-4


@pytest.mark.parametrize("name", [MODELS[3], MODELS[5]])
def test_a_network_the_plugin_would_die_of_is_refused(name: str, data: Path) -> None:
    """ncnn's plugin aborts the process on a Cast."""
    found = {b.name: b for b in select.BACKENDS}["ncnn"]
    if select.trouble(found):
        pytest.skip(f"backend ncnn: {select.trouble(found)}")
    network = resolved(name, data).path
    with pytest.raises(BackendError, match=r"backend ncnn cannot run .*it lacks the operator"):
        select.choose("ncnn", network)
    assert select.choose("auto", network).name != "ncnn"
    assert select.choose("ncnn", resolved("magic-x2", data).path) is found


def test_auto_takes_one_that_runs() -> None:
    found = select.choose("auto")
    assert select.trouble(found) is None
    assert found.name not in ("trt", "trt_rtx")


@pytest.mark.parametrize("name", [b.name for b in select.BACKENDS])
def test_a_backend_runs_or_says_what_to_do(name: str) -> None:
    trouble = select.trouble({b.name: b for b in select.BACKENDS}[name])
    assert trouble is None or any(word in trouble for word in ("install", "use backend", "check with"))
