"""RIFE: how names, files and flow scales become networks, and what is refused."""

import copy
import json
import math
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from rife_files import exported, saved, weights
from vsmagic.errors import ModelError, OptionError
from vsmagic.models import catalogue, listing, motion, registry, store
from vsmagic.models.add import add
from vsmagic.models.rife import convert
from vsmagic.models.rife import resolve as rife
from vsmagic.settings import settings


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VSMAGIC_CACHE", str(tmp_path / "cache"))
    torch.set_num_threads(1)
    return tmp_path / "cache"


@pytest.fixture
def unexported(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make something that is no network, at once, but differs as the network would: for tests of names and files."""

    def export(found: convert.Weights, flow_scale: float, path: Path) -> bytes:
        total = sum(float(values.double().sum()) for values in found.tensors.values())
        return f"{found.architecture.name}, {flow_scale}, {total}".encode()

    monkeypatch.setattr(convert, "export", export)


@pytest.mark.parametrize(
    ("height", "scale"), [(64, 1.0), (1080, 1.0), (1200, 1.0), (1440, 0.5), (2160, 0.5), (2400, 0.5), (4320, 0.25)]
)
def test_the_automatic_flow_scale(height: int, scale: float) -> None:
    assert motion.scaled("auto", height, scales=rife.SCALES, limits=rife.LIMITS) == scale


@pytest.mark.parametrize("wrong", [0, 0.3, -1, 8, math.nan, math.inf, "much"])
def test_a_flow_scale_that_is_none(wrong: Any) -> None:
    with pytest.raises(OptionError, match=r"expected auto or one of 0\.25, 0\.5, 1, 2, 4"):
        motion.scaled(wrong, 1080, scales=rife.SCALES, limits=rife.LIMITS)


@pytest.mark.usefixtures("unexported")
def test_weights_and_scale_together_name_what_was_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add(saved(tmp_path / "flownet.pkl"), "mine")
    usual, coarse = (rife.resolve("mine", flow_scale=scale, height=480) for scale in (1, 0.5))
    assert usual.path != coarse.path
    assert usual.spec.sha256 != coarse.spec.sha256
    assert (usual.spec.multiple, coarse.spec.multiple) == (32, 64)
    monkeypatch.setattr(convert, "read", None)  # a second time, nothing is read or converted
    assert rife.resolve("mine", flow_scale=1.0, height=2160) == usual
    assert rife.resolve("mine", flow_scale="auto", height=2160) == coarse


@pytest.mark.usefixtures("unexported")
def test_a_file_that_was_changed_is_another_one(tmp_path: Path) -> None:
    path = saved(tmp_path / "flownet.pkl")
    before = rife.resolve(str(path), height=480)
    saved(path, **{"block0.lastconv.0.bias": torch.ones(24)})
    assert rife.resolve(str(path), height=480).spec.sha256 != before.spec.sha256


@pytest.mark.usefixtures("unexported")
def test_an_entry_runs_from_the_authors_file_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = catalogue.find("rife-4.6")
    assert entry
    assert entry.file
    with pytest.raises(ModelError, match=r"run: vsmagic models fetch rife-4\.6"):
        rife.resolve("rife-4.6", height=480)
    settings().models.mkdir(parents=True)
    path = saved(settings().models / entry.file.name, "4.15-lite")
    with pytest.raises(ModelError, match="SHA-256 differs"):
        rife.resolve("rife-4.6", height=480)
    monkeypatch.setattr(store, "is_whole", lambda _: True)
    assert rife.installed() == "rife-4.25"  # every file counts as the authors' now
    with pytest.raises(ModelError, match=r"layers are those of RIFE 4\.15-lite or .*; rife-4\.6 is another network"):
        rife.resolve("rife-4.6", height=480)
    saved(path, "4.6")
    model = rife.resolve("flownet_v4.6", height=480)
    assert (model.name, model.spec.multiple, model.spec.licence) == ("rife-4.6", 32, "MIT")


def test_a_known_version_is_added_under_its_name(tmp_path: Path) -> None:
    path = saved(tmp_path / "flownet.pkl")
    assert rife.installed() is None
    facts = add(path, "rife-4.15-lite")
    assert (facts.name, facts.licence) == ("rife-4.15-lite", "MIT")
    assert rife.installed() == "rife-4.15-lite"
    entry, state = listing.one("rife-4.15-lite")
    assert (state, entry.kind, entry.family, entry.multiple) == ("added", "interpolate", "RIFE", 32)
    assert [one.name for one, _ in listing.listed(("rife", "4.15"))] == ["rife-4.15-lite"]
    model = rife.resolve("rife-4.15-lite", height=480)
    assert (model.spec.licence, model.path.read_bytes()) == ("MIT", exported("4.15-lite"))
    with pytest.raises(ModelError, match="makes frames in between"):
        registry.resolve("rife-4.15-lite")
    with pytest.raises(OptionError, match="vsmagic models remove"):
        add(path, "rife-4.15-lite")
    assert store.forget("rife-4.15-lite", None)
    assert listing.one("rife-4.15-lite")[1] == "not fetched"


@pytest.mark.parametrize(
    ("name", "version", "told"),
    [
        ("rife-4.25-heavy", "4.15-lite", "layers are those of RIFE 4.15-lite .* rife-4.25-heavy is another network"),
        ("rife-4.6", "4.6", "vsmagic models fetch rife-4.6 --from"),
        ("animejanai-v2-compact", "4.15-lite", "makes frames in between; animejanai-v2-compact is a model of x2"),
        ("magic-x2", "4.15-lite", "is a model that vsmagic knows"),
    ],
)
def test_a_name_of_another_model_is_not_given(name: str, version: str, told: str, tmp_path: Path) -> None:
    with pytest.raises((ModelError, OptionError), match=told):
        add(saved(tmp_path / "flownet.pkl", version), name)
    assert not [path for path in settings().models.rglob("*") if path.is_file()]


def test_the_form_of_the_file_does_not_matter(tmp_path: Path) -> None:
    """Renamed, as .safetensors, in the old pickle of PyTorch, in half precision: the layers tell."""
    tensors = weights("4.15-lite")
    save_file({name: values.half() for name, values in tensors.items()}, tmp_path / "a.safetensors")
    torch.save({f"module.{name}": values for name, values in tensors.items()}, tmp_path / "b.pth",
               _use_new_zipfile_serialization=False)  # fmt: skip
    torch.save({"state_dict": tensors}, tmp_path / "c.pkl")
    for path in sorted(tmp_path.glob("?.*")):
        found = convert.read(path)
        assert found
        assert found.architecture.versions[0] == "4.15-lite"
        assert all(values.dtype == torch.float32 for values in found.tensors.values())
    (tmp_path / "d.onnx").write_bytes((tmp_path / "c.pkl").read_bytes())
    with pytest.raises(ModelError, match="not a complete ONNX file"):
        add(tmp_path / "d.onnx", "renamed")


def test_it_is_no_model_to_enlarge_with(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="makes frames in between; to enlarge, take another one"):
        registry.resolve(str(saved(tmp_path / "flownet.pkl")))
    torch.save({"0.weight": torch.zeros(8, 3, 3, 3)}, tmp_path / "other.pkl")
    with pytest.raises(ModelError, match="block0"):
        rife.resolve(str(tmp_path / "other.pkl"), height=480)


@pytest.mark.parametrize("name", ["rife-4.7", "nonsense", "magic-x2", "absent.pkl", "rife.onnx", "../x", ""])
def test_what_is_no_rife_is_told(name: str) -> None:
    with pytest.raises(ModelError, match=r"does not make frames in between|cannot be read|one flow scale") as caught:
        rife.resolve(name, height=480)
    assert "\n" not in str(caught.value)


BETA = "block2.convblock.3.beta"


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        pytest.param({BETA: None}, f"tensor {BETA} of shape 1x64x1x1 is missing\\.", id="missing"),
        pytest.param(
            {BETA: torch.zeros(1, 32, 1, 1)}, f"{BETA} has the shape 1x32x1x1 in place of 1x64x1x1", id="shape"
        ),
        pytest.param({"block7.beta": torch.zeros(3)}, "block7.beta of shape 3 has no place in it", id="unexpected"),
        pytest.param({BETA: None, "encode.cnn0.bias": None}, "and 1 more", id="two"),
        pytest.param({BETA: torch.full((1, 64, 1, 1), torch.nan)}, f"{BETA} holds numbers that are not", id="nan"),
    ],
)
def test_a_layer_that_is_wrong_is_named(changed: Mapping[str, Any], told: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=told) as caught:
        add(saved(tmp_path / "flownet.pkl", **changed), "mine")
    assert "\n" not in str(caught.value)
    assert not [path for path in settings().models.rglob("*") if path.is_file()]


def test_a_version_that_is_not_known_is_refused(tmp_path: Path) -> None:
    """4.5, for one: a plane less than 4.6 in every block."""
    other = copy.copy(weights("4.6"))
    for name in [name for name in other if "lastconv" in name]:
        other[name] = other[name][:, :20] if other[name].ndim == 4 else other[name][:20]
    path = tmp_path / "flownet.pkl"
    torch.save(other, path)
    with pytest.raises(ModelError, match=r"RIFE 4\.6 is nearest, but tensor block0\.lastconv\.0\.weight has the shape"):
        add(path, "mine")


@pytest.mark.parametrize("length", [0, 1, 100, 5_000, -1_000_000, -100])
def test_a_file_that_is_cut_short_is_told(length: int, tmp_path: Path) -> None:
    path = saved(tmp_path / "flownet.pkl")
    content = path.read_bytes()
    path.write_bytes(content[:length])
    with pytest.raises(ModelError) as caught:
        add(path, "mine")
    assert "\n" not in str(caught.value)


class Bomb:
    """Makes a file when it is unpickled, if anything in it is run."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.mark,))


@pytest.mark.parametrize("way", ["torch", "legacy", "pickle"])
def test_a_malicious_pickle_executes_nothing(way: str, tmp_path: Path) -> None:
    mark = tmp_path / "executed"
    thing: dict[str, Any] = {**weights("4.15-lite"), "teacher.bomb": Bomb(mark)}
    path = tmp_path / "flownet.pkl"
    if way == "pickle":
        path.write_bytes(pickle.dumps(thing))
    else:
        torch.save(thing, path, _use_new_zipfile_serialization=way == "torch")
    for attempt in (lambda: add(path, "bad"), lambda: rife.resolve(str(path), height=480)):
        with pytest.raises(ModelError, match="not plain weights"):
            attempt()
    assert not mark.exists()
    pickle.loads(pickle.dumps(Bomb(mark)))  # noqa: S301 - on purpose: else the above would prove nothing
    assert mark.exists()


@pytest.mark.usefixtures("unexported")
def test_facts_that_are_damaged_are_told(tmp_path: Path) -> None:
    add(saved(tmp_path / "flownet.pkl"), "mine")
    facts = store.added("mine") / "motion.json"
    assert json.loads(facts.read_text())["version"] == "4.15-lite"
    facts.write_text("{")
    with pytest.raises(ModelError, match=r"motion\.json: damaged"):
        rife.resolve("mine", height=480)
