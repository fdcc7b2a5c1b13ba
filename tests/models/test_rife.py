"""RIFE: the table of networks against the published one, and every network against PyTorch through the backends."""

import functools
import itertools
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
import vapoursynth as vs

import rife_reference as reference
from frames import clip_of
from rife_files import exported, saved, weights
from vsmagic.backends import base
from vsmagic.backends.base import Backend, Request
from vsmagic.backends.ort import ORT
from vsmagic.backends.ov import OV
from vsmagic.backends.torch import TORCH
from vsmagic.engine.half import to_half
from vsmagic.models import catalogue
from vsmagic.models.rife import architecture, convert
from vsmagic.models.rife import resolve as rife
from vsmagic.models.rife.network import Network

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
