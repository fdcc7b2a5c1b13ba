"""The networks that come with vsmagic keep their promises: laws of every one that the catalogue has."""

import hashlib
import json
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path

import numpy as np
import onnx
import pytest

from vsmagic.models import registry
from vsmagic.models.entry import Entry
from vsmagic.models.spec import INT8_SUFFIX, UNSEEN_DB, ModelSpec, load_spec
from vsmagic.training.degrade import Plane, enlarged, reduced, to_bytes, to_plane
from vsmagic.training.evaluate import Score, cases, enlarge, evaluate, mean, psnr, read_luma, references
from vsmagic.training.legibility import legibility
from vsmagic.training.options import TrainOptions

onnxruntime = pytest.importorskip("onnxruntime")

FOLDER = registry.EMBEDDED
NETWORKS = {entry.name: entry for entry in registry.ENTRIES if entry.passes == 1}
CLEAN = [name for name, entry in NETWORKS.items() if entry.purpose == "clean"]
RESTORE = [name for name, entry in NETWORKS.items() if entry.purpose == "restore"]

FLOORS = {
    "magic-x2": 3.32,
    "magic-x2-fast": 3.07,
    "magic-x2-best": 3.44,
    "magic-x4": 2.18,
    "magic-x4-fast": 1.92,
    "magic-restore-x1": 0.33,
    "magic-restore-x1-fast": 0.33,
    "magic-restore-x2": 1.15,
    "magic-restore-x2-fast": 1.08,
    "magic-restore-x2-best": 1.2,
}
"""Mean gain over bicubic on Set5 in dB, less 0.05: of clean pictures, or of compressed ones for those that restore; at
scale 1 over the picture as it came."""

CONTENTS = {"live": "any", "animation": "anime"}
"""What a training draws, and what the model is then for."""


@cache
def spec_of(name: str) -> ModelSpec:
    return load_spec(FOLDER / f"{name}.json", ModelSpec)


@cache
def network(name: str, suffix: str = ".onnx") -> Callable[[Plane], Plane]:
    """Residual ``[scale * h, scale * w]`` for luma ``[h, w]``."""
    session = onnxruntime.InferenceSession(FOLDER / f"{name}{suffix}")
    return lambda luma: session.run(None, {"luma": luma[None, None]})[0][0, 0]


@cache
def set5(folder: Path, name: str, purpose: str, suffix: str = ".onnx") -> list[Score]:
    return evaluate(folder, network(name, suffix), scale=NETWORKS[name].scale, purpose=purpose)


@dataclass(frozen=True)
class Pair:
    name: str
    small: Plane
    truth: Plane


def centre(large: Path, scale: int, side: int = 480) -> Pair:
    """The middle of a picture, reduced."""
    luma = read_luma(large)
    height, width = (min(side, length) // (2 * scale) * 2 * scale for length in luma.shape)
    top, left = (luma.shape[0] - height) // 2, (luma.shape[1] - width) // 2
    truth = luma[top : top + height, left : left + width]
    return Pair(large.name, to_plane(reduced(to_bytes(truth), scale)), truth)


@cache
def pairs(folder: Path, scale: int) -> tuple[Pair, ...]:
    if folder.name == "anime":  # those with alpha have no luma of their own where they are transparent
        return tuple(centre(large, scale) for large in sorted(folder.glob("*.png")) if "rgba" not in large.name)
    found: Iterator = (case for large in references(folder) for case in cases(large, scale=scale, purpose="clean"))
    return tuple(Pair(case.name, case.small, case.truth) for case in found)


@pytest.mark.parametrize("folder", ["set5", "set14", "bsd100", "urban100", "anime"])
@pytest.mark.parametrize("name", CLEAN)
def test_a_clean_model_is_never_below_bicubic(data: Path, name: str, folder: str) -> None:
    scale = NETWORKS[name].scale
    found = pairs(data / "images" / folder, scale)
    assert found
    for pair in found:
        bicubic, model = enlarged(pair.small, scale), enlarge(pair.small, network(name), scale)
        assert psnr(pair.truth, model, border=scale) > psnr(pair.truth, bicubic, border=scale), pair.name


def test_every_network_has_a_floor() -> None:
    assert set(FLOORS) == set(NETWORKS)


@pytest.mark.parametrize("name", NETWORKS)
def test_its_mean_gain_over_bicubic_is_above_its_floor(data: Path, name: str) -> None:
    found = mean(set5(data / "images" / "set5", name, NETWORKS[name].purpose))
    assert found.gain >= FLOORS[name], found


def sibling(entry: Entry) -> str | None:
    """The clean network of the same scale and tier, where there is one; for scale 1 there cannot be."""
    kin = (one for one in NETWORKS.values() if one.purpose == "clean" and one.content == entry.content)
    return next((one.name for one in kin if (one.scale, one.tier) == (entry.scale, entry.tier)), None)


@pytest.mark.parametrize("name", [name for name in RESTORE if sibling(NETWORKS[name])])
def test_one_that_restores_does_better_on_compressed_pictures_than_its_clean_sibling(data: Path, name: str) -> None:
    folder, clean = data / "images" / "set5", sibling(NETWORKS[name])
    ours, theirs = mean(set5(folder, name, "restore")), mean(set5(folder, clean, "restore"))
    assert ours.model > theirs.model, (ours, theirs)


@pytest.mark.parametrize("name", NETWORKS)
def test_small_text_is_more_legible_than_after_bicubic(name: str) -> None:
    """At scale 1 clean text cannot become more legible than it is: only compressed text is looked at."""
    scale = NETWORKS[name].scale
    for found in legibility(network(name), scale=scale, purpose=NETWORKS[name].purpose)[1 if scale == 1 else 0 :]:
        assert found.model.psnr >= found.bicubic.psnr, found
        assert found.model.recognised >= found.bicubic.recognised, found


@pytest.mark.parametrize("name", [name for name in NETWORKS if "int8" in spec_of(name).unasked])
def test_int8_loses_less_than_auto_may_lose(data: Path, name: str) -> None:
    folder, purpose = data / "images" / "set5", NETWORKS[name].purpose
    whole, bytes_ = (mean(set5(folder, name, purpose, suffix)).model for suffix in (".onnx", INT8_SUFFIX))
    assert whole - bytes_ < UNSEEN_DB


@pytest.mark.parametrize("name", [name for name in CLEAN if NETWORKS[name].scale == 2])
def test_applied_twice_it_beats_bicubic_at_four(data: Path, name: str) -> None:
    """28.42 dB is bicubic's published figure on Set5 at scale 4."""
    scores = []
    for large in references(data / "images" / "set5"):
        small = read_luma(large.with_name(large.name.replace("_HR", "_LRx4")))
        truth = read_luma(large)[: 4 * small.shape[0], : 4 * small.shape[1]]
        scores.append(psnr(truth, enlarge(enlarge(small, network(name)), network(name)), border=4))
    assert np.mean(scores) > 28.42 + 1.5


@pytest.mark.parametrize("name", NETWORKS)
def test_its_spec_tells_the_truth(name: str) -> None:
    spec, entry = spec_of(name), NETWORKS[name]
    assert spec.sha256 == hashlib.sha256((FOLDER / f"{name}.onnx").read_bytes()).hexdigest()
    assert spec.int8
    assert spec.int8.sha256 == hashlib.sha256((FOLDER / f"{name}{INT8_SUFFIX}").read_bytes()).hexdigest()
    assert (spec.name, spec.channels, spec.base, spec.multiple) == (name, 1, "bicubic", 2)
    assert (spec.scale, spec.purpose, spec.content) == (entry.scale, entry.purpose, entry.content)
    assert spec.licence == entry.licence == "MIT"


@pytest.mark.parametrize("name", NETWORKS)
def test_it_is_what_its_command_makes(name: str) -> None:
    """The facts of the run name every option; networks it began from stand there as hashes, in the command as names."""
    facts, spec = json.loads((FOLDER / f"{name}.training.json").read_text()), spec_of(name)
    assert facts["sha256"] == spec.sha256
    *before, last = spec.made_by.split(" && ")
    assert facts["command"] == last
    assert bool(before) == (facts["start"] is not None)
    assert (facts["scale"], facts["purpose"], CONTENTS[facts["content"]]) == (spec.scale, spec.purpose, spec.content)
    words = shlex.split(last)
    named = {}
    for field, flag in (("start", "--from"), ("teacher", "--teacher")):
        assert (facts[field] is not None) == (flag in words)
        if flag in words:
            named[field] = words[words.index(flag) + 1]
    known = {field.name for field in fields(TrainOptions)} - {"output", "name", "start", "teacher"}
    options = TrainOptions(
        output=Path("OUT"), name=name, **{key: value for key, value in facts.items() if key in known}, **named
    )
    assert options.command() == last
    assert isinstance(facts["seed"], int)
    assert ("--seed" in words) == (facts["seed"] != TrainOptions(output=Path()).seed)


def test_what_began_from_the_same_commands_began_from_the_same_network() -> None:
    """That is a network that comes with vsmagic, where it does."""
    made: dict[str, set[str]] = {}
    for name in NETWORKS:
        spec, facts = spec_of(name), json.loads((FOLDER / f"{name}.training.json").read_text())
        made.setdefault(spec.made_by, set()).add(spec.sha256)
        if facts["start"] is not None:
            made.setdefault(" && ".join(spec.made_by.split(" && ")[:-1]), set()).add(facts["start"])
    assert len(made) > len(NETWORKS)
    assert all(len(networks) == 1 for networks in made.values()), made


@pytest.mark.parametrize("name", NETWORKS)
def test_its_graph_is_plain(name: str) -> None:
    graph = onnx.load(FOLDER / f"{name}.onnx")
    onnx.checker.check_model(graph, full_check=True)
    assert {node.op_type for node in graph.graph.node} == {"Conv", "LeakyRelu", "Add", "DepthToSpace"}
    assert [entry.version for entry in graph.opset_import] == [17]


@pytest.mark.parametrize(("y", "x"), [(60, 60), (60, 61), (61, 60), (61, 61)])
@pytest.mark.parametrize("name", NETWORKS)
def test_nothing_beyond_the_halo_changes(name: str, y: int, x: int) -> None:
    scale, halo = NETWORKS[name].scale, spec_of(name).halo
    assert halo
    assert halo < 60
    luma = np.random.default_rng(0).random((124, 124), dtype=np.float32)
    changed = luma.copy()
    changed[y, x] = 1 - changed[y, x]
    rows, columns = np.nonzero(network(name)(luma) != network(name)(changed))
    assert max(np.abs(rows // scale - y).max(), np.abs(columns // scale - x).max()) <= halo


@pytest.mark.parametrize("name", NETWORKS)
def test_a_constant_stays_all_but_constant(name: str) -> None:
    """Away from the border; 1/255 is the step of 8 bits."""
    border = spec_of(name).halo * NETWORKS[name].scale
    for level in (0, 0.25, 0.5, 1):
        residual = network(name)(np.full((96, 96), level, dtype=np.float32))
        assert np.abs(residual[border:-border, border:-border]).max() < 1 / 255, level


@pytest.mark.parametrize("name", NETWORKS)
def test_batch_and_size_are_free(name: str) -> None:
    session, scale = onnxruntime.InferenceSession(FOLDER / f"{name}.onnx"), NETWORKS[name].scale
    luma = np.random.default_rng(0).random((3, 1, 18, 50), dtype=np.float32)
    (together,) = session.run(None, {"luma": luma})
    assert together.shape == (3, 1, 18 * scale, 50 * scale)
    (alone,) = session.run(None, {"luma": luma[1:2]})
    assert np.abs(together[1] - alone[0]).max() < 1e-5
