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


GAINS = {"magic-x2": {"set5": 3.2, "set14": 2.3}, "magic-x2-fast": {"set5": 2.7, "set14": 1.9}}
"""What docs/training.md says that each gains over bicubic, in dB, less a tenth; the first bar was 1.5 and 1.0."""
SIZES = {"magic-x2-fast": {"channels": 24, "depth": 3, "threads": 1}}
"""Options of a run that are not the defaults."""


@pytest.fixture(scope="module", params=GAINS)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def spec(name):
    return load_spec(FOLDER / f"{name}.json", ModelSpec)


@pytest.fixture(scope="module")
def model(name):
    """Residual ``[2h, 2w]`` for luma ``[h, w]``."""
    session = onnxruntime.InferenceSession(FOLDER / f"{name}.onnx")
    return lambda luma: session.run(None, {"luma": luma[None, None]})[0][0, 0]


@pytest.mark.parametrize(("folder", "bicubic"), [("set5", 33.65), ("set14", 29.88)])
def test_it_beats_bicubic_on_every_picture_and_by_far_in_the_mean(data, name, model, folder, bicubic):
    scores = evaluate(data / "images" / folder, model)
    assert mean(scores).model >= bicubic + GAINS[name][folder]
    assert min(score.gain for score in scores) > 0, scores


def test_applied_twice_it_beats_bicubic_at_four(data, model):
    """28.42 dB is bicubic's published figure on Set5 at scale 4."""
    from vsmagic.training.evaluate import enlarge, psnr, read_luma

    scores = []
    for large in sorted((data / "images" / "set5").glob("*_HR.png")):
        small = read_luma(large.with_name(large.name.replace("_HR", "_LRx4")))
        truth = read_luma(large)[: 4 * small.shape[0], : 4 * small.shape[1]]
        scores.append(psnr(truth, enlarge(enlarge(small, model), model), border=4))
    assert np.mean(scores) > 28.42 + 1.5


def test_its_spec_tells_the_truth(name, spec):
    content = (FOLDER / f"{name}.onnx").read_bytes()
    assert spec.sha256 == hashlib.sha256(content).hexdigest()
    assert (spec.scale, spec.channels, spec.base, spec.multiple) == (2, 1, "bicubic", 2)
    assert spec.licence == "MIT"


def test_its_graph_is_plain(name):
    graph = onnx.load(FOLDER / f"{name}.onnx")
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


def test_batch_and_size_are_free(name):
    session = onnxruntime.InferenceSession(FOLDER / f"{name}.onnx")
    luma = np.random.default_rng(0).random((3, 1, 18, 50), dtype=np.float32)
    (together,) = session.run(None, {"luma": luma})
    assert together.shape == (3, 1, 36, 100)
    (alone,) = session.run(None, {"luma": luma[1:2]})
    assert np.abs(together[1] - alone[0]).max() < 1e-5


def test_it_is_what_the_command_makes(name):
    """The facts beside the weights name the options of the run: those that docs/training.md gives."""
    facts = json.loads((FOLDER / f"{name}.training.json").read_text())
    defaults = TrainOptions(output=Path(), **SIZES.get(name, {}))
    unlike = {
        key: (facts[key], getattr(defaults, key))
        for key in ("seed", "threads", "pictures", "picture_size", "channels", "depth", "steps", "batch", "patch",
                    "peak_rate", "warmup", "memory")
        if facts[key] != getattr(defaults, key)
    }  # fmt: skip
    assert not unlike
    assert facts["sha256"] == load_spec(FOLDER / f"{name}.json", ModelSpec).sha256
