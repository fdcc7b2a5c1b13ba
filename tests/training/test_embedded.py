"""The model that comes with vsmagic keeps its promises."""

import hashlib
import json
from pathlib import Path

import numpy as np
import onnx
import pytest

import vsmagic.models
from vsmagic.models.spec import ModelSpec, load_spec
from vsmagic.training.evaluate import evaluate, mean
from vsmagic.training.options import TrainOptions

onnxruntime = pytest.importorskip("onnxruntime")

FOLDER = Path(vsmagic.models.__file__).parent / "embedded"


@pytest.fixture(scope="module")
def spec():
    return load_spec(FOLDER / "magic-x2.json", ModelSpec)


@pytest.fixture(scope="module")
def model():
    """Residual ``[2h, 2w]`` for luma ``[h, w]``."""
    session = onnxruntime.InferenceSession(FOLDER / "magic-x2.onnx")
    return lambda luma: session.run(None, {"luma": luma[None, None]})[0][0, 0]


@pytest.mark.parametrize(("folder", "bicubic", "least"), [("set5", 33.65, 3.2), ("set14", 29.88, 2.3)])
def test_it_beats_bicubic_on_every_picture_and_by_far_in_the_mean(data, model, folder, bicubic, least):
    """The first bar was 1.5 and 1.0 dB; what is asked here is what docs/training.md says, less a tenth."""
    scores = evaluate(data / "images" / folder, model)
    assert mean(scores).model >= bicubic + least
    assert min(score.gain for score in scores) > 0, scores


def test_applied_twice_it_beats_bicubic_at_four(data, model):
    """28.42 dB is bicubic's published figure on Set5 at scale 4."""
    from vsmagic.training.evaluate import enlarge, psnr, read_luma

    scores = []
    for large in sorted((data / "images" / "set5").glob("*_HR.png")):
        small = read_luma(large.with_name(large.name.replace("_HR", "_LRx4")))
        truth = read_luma(large)[: 4 * small.shape[0], : 4 * small.shape[1]]
        scores.append(psnr(truth, enlarge(enlarge(small, model), model), border=4))
    assert np.mean(scores) > 28.42 + 2


def test_its_spec_tells_the_truth(spec):
    content = (FOLDER / "magic-x2.onnx").read_bytes()
    assert spec.sha256 == hashlib.sha256(content).hexdigest()
    assert (spec.scale, spec.channels, spec.base, spec.multiple) == (2, 1, "bicubic", 2)
    assert spec.licence == "MIT"


def test_its_graph_is_plain():
    graph = onnx.load(FOLDER / "magic-x2.onnx")
    onnx.checker.check_model(graph, full_check=True)
    assert {node.op_type for node in graph.graph.node} == {"Conv", "Relu", "Add", "DepthToSpace"}
    assert [entry.version for entry in graph.opset_import] == [17]


@pytest.mark.parametrize(("y", "x"), [(40, 40), (40, 41), (41, 40), (41, 41)])
def test_nothing_beyond_the_halo_changes_and_something_at_its_edge_does(spec, model, y, x):
    luma = np.random.default_rng(0).random((84, 84), dtype=np.float32)
    changed = luma.copy()
    changed[y, x] = 1 - changed[y, x]
    rows, columns = np.nonzero(model(luma) != model(changed))
    reach = max(np.abs(rows // 2 - y).max(), np.abs(columns // 2 - x).max())
    assert reach <= spec.halo
    assert reach >= spec.halo - 2


def test_a_constant_stays_all_but_constant(model):
    """Away from the border; 1/255 is the step of 8 bits."""
    for level in (0, 0.25, 0.5, 1):
        residual = model(np.full((64, 64), level, dtype=np.float32))
        assert np.abs(residual[40:-40, 40:-40]).max() < 1 / 255


def test_batch_and_size_are_free():
    session = onnxruntime.InferenceSession(FOLDER / "magic-x2.onnx")
    luma = np.random.default_rng(0).random((3, 1, 18, 50), dtype=np.float32)
    (together,) = session.run(None, {"luma": luma})
    assert together.shape == (3, 1, 36, 100)
    (alone,) = session.run(None, {"luma": luma[1:2]})
    assert np.abs(together[1] - alone[0]).max() < 1e-5


def test_it_is_what_the_defaults_make():
    """The facts beside the weights name the options of the run: those of a bare ``vsmagic train sr``."""
    facts = json.loads((FOLDER / "magic-x2.training.json").read_text())
    defaults = TrainOptions(output=Path())
    unlike = {
        key: (facts[key], getattr(defaults, key))
        for key in ("seed", "threads", "pictures", "picture_size", "channels", "depth", "steps", "batch", "patch",
                    "peak_rate", "warmup", "memory")
        if facts[key] != getattr(defaults, key)
    }  # fmt: skip
    assert not unlike
    assert facts["sha256"] == load_spec(FOLDER / "magic-x2.json", ModelSpec).sha256
