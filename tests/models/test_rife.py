"""RIFE: the table of networks against the published one, and every network against PyTorch through the backends."""

import copy
import functools
import itertools
import json
import math
import pickle
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
import vapoursynth as vs
from safetensors.torch import save_file

import rife_reference as reference
from frames import clip_of
from vsmagic.backends import base
from vsmagic.backends.base import Backend, Request
from vsmagic.backends.ort import ORT
from vsmagic.backends.ov import OV
from vsmagic.backends.torch import TORCH
from vsmagic.engine.half import to_half
from vsmagic.errors import ModelError, OptionError
from vsmagic.models import catalogue, listing, registry, store
from vsmagic.models.add import add
from vsmagic.models.rife import architecture, convert
from vsmagic.models.rife import resolve as rife
from vsmagic.models.rife.network import Network
from vsmagic.settings import settings

LEVEL = 1 / 255
VERSIONS = tuple(reference.KINDS)
every_version = pytest.mark.parametrize("version", VERSIONS)

TEACHER = 4 * 474_549
"""Bytes of the tensors in the files of 4.25 and 4.26 that only training used: a block of 64 channels and a small
network that told the time."""


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VSMAGIC_CACHE", str(tmp_path / "cache"))
    torch.set_num_threads(1)
    return tmp_path / "cache"


@functools.cache
def weights(version: str) -> dict[str, torch.Tensor]:
    return dict(reference.random(version).state_dict())


@functools.cache
def exported(version: str, flow_scale: float = 1.0) -> bytes:
    """The ONNX, made once: that takes seconds."""
    found = convert.Weights(architecture=architecture.of_version(version), tensors=weights(version))
    return convert.export(found, flow_scale, Path(version))


@pytest.fixture
def unexported(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make something that is no network, at once, but differs as the network would: for tests of names and files."""

    def export(found: convert.Weights, flow_scale: float, path: Path) -> bytes:
        total = sum(float(values.double().sum()) for values in found.tensors.values())
        return f"{found.architecture.name}, {flow_scale}, {total}".encode()

    monkeypatch.setattr(convert, "export", export)


def saved(path: Path, version: str = "4.15-lite", *, prefix: str = "module.", **changed: Any) -> Path:
    """Write weights as the authors do, some of them changed; None leaves one out."""
    tensors = {name: values for name, values in (weights(version) | changed).items() if values is not None}
    torch.save({prefix + name: values for name, values in tensors.items()}, path)
    return path


def network_of(version: str, flow_scale: float = 1.0) -> reference.Rife:
    net = reference.Rife(version, flow_scale)
    net.load_state_dict(weights(version))
    return net.eval()


def pair(multiple: int, times: tuple[int, int] = (1, 1), time: float = 0.5, shift: int = 2) -> np.ndarray:
    """Two frames of a smooth moving picture with hard edges, and the time, ``[1, 7, h, w]``."""
    height, width = multiple * times[0], multiple * times[1]
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)

    def picture(move: float) -> Iterator[np.ndarray]:
        for n in range(3):
            waves = np.sin((x - move) / (5 + n)) * np.cos(y / 7 + n)
            yield 0.5 + 0.3 * waves + 0.15 * np.sign(np.sin((x - move) / 11 + y / 17))

    planes = [*picture(0), *picture(shift), np.full((height, width), time)]
    return np.stack(planes)[None].astype(np.float32)


def through(backend: Backend, path: Path, pictures: list[np.ndarray]) -> list[np.ndarray]:
    """Run a network on frames of a clip, given as the filter gives them: first, second, time."""

    def clip(planes: slice, format_: vs.PresetVideoFormat) -> vs.VideoNode:
        return clip_of([list(one[0, planes]) for one in pictures], format_)

    clips = [clip(slice(0, 3), vs.RGBS), clip(slice(3, 6), vs.RGBS), clip(slice(6, 7), vs.GRAYS)]
    result = base.run(clips, backend, Request(network=path))
    assert result.format.id == vs.RGBS
    return [np.stack([np.asarray(plane) for plane in frame])[None].copy() for frame in result.frames()]


def expected(net: torch.nn.Module, picture: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return net(torch.from_numpy(picture)).numpy()


# The table of networks


@every_version
def test_names_and_shapes_are_the_published_ones(version: str) -> None:
    shapes = {name: tuple(values.shape) for name, values in weights(version).items()}
    assert architecture.of_version(version).tensors() == shapes


@pytest.mark.parametrize(
    ("version", "tensors", "size", "others", "other_bytes"),
    [("4.6", 120, 21_273_159, 0, 0), ("4.25", 158, 24_636_301, 40, TEACHER), ("4.26", 158, 24_636_301, 40, TEACHER)],
)
def test_the_published_files_have_room_for_these_tensors_and_no_more(
    version: str, tensors: int, size: int, others: int, other_bytes: int
) -> None:
    """PyTorch writes 350 to 450 bytes around each tensor: name, shape, alignment."""
    entry = catalogue.find(f"rife-{version}")
    assert entry
    assert entry.file
    assert entry.file.bytes == size
    shapes = architecture.of_version(version).tensors().values()
    assert len(shapes) == tensors
    around = size - other_bytes - 4 * sum(math.prod(shape) for shape in shapes)
    assert 350 < around / (tensors + others) < 450


def test_every_version_is_in_one_network_alone() -> None:
    versions = [version for one in architecture.ARCHITECTURES for version in one.versions]
    assert len(set(versions)) == len(versions)
    named = {entry.name.removeprefix("rife-") for entry in catalogue.ENTRIES if entry.family == "RIFE"}
    assert named == set(VERSIONS) <= set(versions)
    assert set(rife._PREFERRED) == named


@every_version
def test_the_lists_multiple_is_the_networks(version: str) -> None:
    entry = catalogue.find(f"rife-{version}")
    assert entry
    assert entry.multiple == architecture.of_version(version).multiple(1.0)


@every_version
@pytest.mark.parametrize("flow_scale", rife.SCALES)
def test_a_multiple_is_the_smallest_that_comes_out_even(version: str, flow_scale: float) -> None:
    """At every scale each block's picture, halved twice, has whole sizes; at half the multiple one has not."""
    network = architecture.of_version(version)
    step = network.multiple(flow_scale)

    def even(size: float) -> bool:
        seen = [size * flow_scale / one for one in network.steps]
        return all(length % 4 == 0 for length in seen) and size % 2 == 0

    assert even(step)
    assert not even(step / 2)


@every_version
@pytest.mark.parametrize("prefix", ["module.", ""])
def test_a_version_is_recognised_by_its_layers_alone(version: str, prefix: str) -> None:
    shapes = {prefix + name: tuple(values.shape) for name, values in weights(version).items()}
    shapes |= {f"{prefix}teacher.conv0.0.0.weight": (1,), f"{prefix}caltime.0.bias": (2,)}
    assert architecture.is_rife(shapes)
    assert version in architecture.recognise(shapes, "any.pkl").versions


def test_what_training_alone_used_is_left_out(tmp_path: Path) -> None:
    extra = {"teacher.conv0.0.0.weight": torch.zeros(1), "caltime.0.bias": torch.zeros(2)}
    found = convert.read(saved(tmp_path / "any.pkl", **extra))
    assert found
    assert found.tensors.keys() == weights("4.15-lite").keys()


# The networks


@every_version
def test_folded_weights_do_what_the_published_steps_do(version: str) -> None:
    step = architecture.of_version(version).multiple(1.0)
    net = network_of(version)
    picture = pair(step, time=0.3)
    assert net.motion(torch.from_numpy(picture)).abs().max() > 0.5  # else motion would not be tested
    folded = Network(architecture.of_version(version), weights(version), 1.0)
    assert abs(expected(folded, picture) - expected(net, picture)).max() < 1e-4


@pytest.mark.parametrize("version", [one.versions[0] for one in architecture.ARCHITECTURES])
def test_every_backend_does_what_pytorch_does(version: str, tmp_path: Path) -> None:
    path = tmp_path / "network.onnx"
    path.write_bytes(exported(version))
    net, step = network_of(version), architecture.of_version(version).multiple(1.0)
    pictures = [pair(step, (1, 2), time, shift) for time, shift in ((0.5, 3), (0.1, -2))]
    backends = (OV, ORT, TORCH) if version in ("4.6", "4.25-lite") else (OV, ORT)
    for backend in backends:
        for picture, result in zip(pictures, through(backend, path, pictures), strict=True):
            assert abs(result - expected(net, picture)).max() <= LEVEL, backend.name
            assert abs(result - (picture[:, :3] + picture[:, 3:6]) / 2).max() > 10 * LEVEL


@pytest.mark.parametrize("flow_scale", rife.SCALES)
def test_every_flow_scale_does_what_pytorch_does(flow_scale: float, tmp_path: Path) -> None:
    path, step = tmp_path / "network.onnx", architecture.of_version("4.15-lite").multiple(flow_scale)
    path.write_bytes(exported("4.15-lite", flow_scale))
    assert step == 32 / flow_scale
    picture = pair(step, (1, 1) if flow_scale < 1 else (3, 2), 0.7)
    wanted = expected(network_of("4.15-lite", flow_scale), picture)
    for backend in (OV, ORT):
        (result,) = through(backend, path, [picture])
        assert abs(result - wanted).max() <= LEVEL


def test_flow_scales_differ() -> None:
    found = [expected(network_of("4.15-lite", scale), pair(128, time=0.7)) for scale in rife.SCALES]
    assert all(abs(one - other).max() > LEVEL for one, other in itertools.pairwise(found))


def still(flow: tuple[float, float], version: str = "4.15-lite") -> dict[str, torch.Tensor]:
    """Weights that find the same motion everywhere, and take all of the picture from the first frame."""
    made = {name: torch.zeros_like(values) for name, values in weights(version).items()}
    last = f"block{len(reference.KINDS[version].widths) - 1}.lastconv.0.bias"
    made[last][0:4], made[last][4:8], made[last][16:20] = *flow, 100.0
    return made


def shifted(picture: np.ndarray, right: int, down: int) -> np.ndarray:
    """What is found so many pixels further; the border goes on for ever."""
    height, width = picture.shape[2:]
    rows = (np.arange(height) + down).clip(0, height - 1)
    columns = (np.arange(width) + right).clip(0, width - 1)
    return picture[:, :3][:, :, rows][:, :, :, columns]


@pytest.mark.parametrize("size", [(1, 1), (2, 40), (40, 2)])
def test_motion_is_in_pixels_and_the_border_goes_on(size: tuple[int, int], tmp_path: Path) -> None:
    """Also far from the origin, and in half precision: coordinates are computed in f32."""
    content = exported_still()
    picture = pair(32, size)
    wanted = shifted(picture, 37, -21)
    for name, network in (("f32", content), ("f16", to_half(content, "still"))):
        path = tmp_path / f"{name}.onnx"
        path.write_bytes(network)
        for backend in (OV, ORT):
            (result,) = through(backend, path, [picture])
            assert abs(result - wanted).max() < LEVEL / 4, (name, backend.name)


@functools.cache
def exported_still() -> bytes:
    found = convert.Weights(architecture=architecture.of_version("4.15-lite"), tensors=still((37, -21)))
    return convert.export(found, 1.0, Path("still"))


@pytest.mark.parametrize("version", ["4.6", "4.25"])
def test_half_precision_keeps_motion_and_coordinates_single(version: str, tmp_path: Path) -> None:
    half = to_half(exported(version), version)
    graph = onnx.shape_inference.infer_shapes(onnx.load_from_string(half), strict_mode=True).graph
    types = {value.name: value.type.tensor_type.elem_type for value in (*graph.input, *graph.value_info)}
    types |= {weight.name: weight.data_type for weight in graph.initializer}
    heavy = [node for node in graph.node if node.op_type in ("Conv", "ConvTranspose")]
    single = [node for node in graph.node if node.op_type in ("GridSample", "Range", "Sigmoid")]
    single += [node for node in graph.node if node.output[0] in {one.input[1] for one in single if len(one.input) > 1}]
    assert {types[name] for node in heavy for name in node.input} == {onnx.TensorProto.FLOAT16}
    assert onnx.TensorProto.FLOAT16 not in {types.get(name) for node in single for name in (*node.input, *node.output)}
    picture = pair(architecture.of_version(version).multiple(1.0))
    path = tmp_path / "half.onnx"
    path.write_bytes(half)
    (result,) = through(ORT, path, [picture])
    # The motion itself is found in half precision: of some pixels, to some thousandths of one.
    assert abs(result - expected(network_of(version), picture)).max() < 2 * LEVEL


def test_tensorrt_rtx_builds_an_engine_of_it(tmp_path: Path) -> None:
    from vsmagic.engine.build import Job, build
    from vsmagic.engine.key import EngineKey, Shapes
    from vsmagic.engine.library import TENSORRT_RTX

    if not TENSORRT_RTX.installed():
        pytest.skip("needs TensorRT-RTX's builder: pip install tensorrt-rtx-cu13-libs tensorrt-rtx-cu13-bindings")
    path = tmp_path / "network.onnx"
    path.write_bytes(exported("4.15-lite"))
    for precision in ("f16", "f32"):
        key = EngineKey(
            library="tensorrt_rtx", version="1.7.1", model="rife", shapes=Shapes.fixed((128, 64)),
            precision=precision, capabilities=("8.6",),
        )  # fmt: skip
        job = Job(key=key, name="rife", network=path, channels=7)
        assert len(build(job, TENSORRT_RTX.load(None), tell=lambda *_: None).content) > 1_000_000


# Names, files and flow scales


@pytest.mark.parametrize(
    ("height", "scale"), [(64, 1.0), (1080, 1.0), (1200, 1.0), (1440, 0.5), (2160, 0.5), (2400, 0.5), (4320, 0.25)]
)
def test_the_automatic_flow_scale(height: int, scale: float) -> None:
    assert rife.chosen("auto", height) == scale


@pytest.mark.parametrize("wrong", [0, 0.3, -1, 8, math.nan, math.inf, "much"])
def test_a_flow_scale_that_is_none(wrong: Any) -> None:
    with pytest.raises(OptionError, match=r"expected auto or one of 0\.25, 0\.5, 1, 2, 4"):
        rife.chosen(wrong, 1080)


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
    with pytest.raises(ModelError, match="not the facts of a RIFE"):
        rife.resolve("mine", height=480)
