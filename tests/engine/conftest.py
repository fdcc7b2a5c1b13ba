"""Networks made on the spot, and the library that builds engines of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from vsmagic.engine.build import Job
from vsmagic.engine.key import EngineKey, Shapes
from vsmagic.engine.library import TENSORRT_RTX
from vsmagic.engine.make import Workshop
from vsmagic.engine.store import Store

WITHOUT_BUILDER = (
    "needs TensorRT-RTX's builder, which needs no GPU: pip install tensorrt-rtx-cu13-libs tensorrt-rtx-cu13-bindings"
)


@dataclass
class Graph:
    """Writes an ONNX graph node by node; every method returns the name of its result."""

    nodes: list[onnx.NodeProto] = field(default_factory=list)
    weights: list[onnx.TensorProto] = field(default_factory=list)
    random: np.random.Generator = field(default_factory=lambda: np.random.default_rng(1))

    def __call__(self, operator: str, *inputs: str, outputs: int = 1, **attributes: object) -> str:
        names = [f"t{len(self.nodes)}_{n}" for n in range(outputs)]
        self.nodes.append(helper.make_node(operator, list(inputs), names, **attributes))
        return names[0]

    def constant(self, values: object, dtype: type = np.float32) -> str:
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.asarray(values, dtype), name))
        return name

    def conv(self, source: str, inside: int, outside: int, *, kernel: int = 3, stride: int = 1) -> str:
        shape = (outside, inside, kernel, kernel)
        weight = self.random.standard_normal(shape) * (0.7 / (inside * kernel**2) ** 0.5)
        names = source, self.constant(weight), self.constant(np.zeros(outside))
        pad = (kernel - 1) // 2
        return self("Conv", *names, kernel_shape=[kernel, kernel], pads=[pad] * 4, strides=[stride, stride])

    def slice(self, source: str, start: int, end: int, axis: int = 1) -> str:
        return self("Slice", source, *(self.constant([n], np.int64) for n in (start, end, axis)))

    def resize(self, source: str, factor: float, mode: str = "linear") -> str:
        scales = self.constant([1, 1, factor, factor])
        where = "asymmetric" if mode == "nearest" else "half_pixel"
        extra = {"nearest_mode": "floor"} if mode == "nearest" else {}
        return self("Resize", source, "", scales, mode=mode, coordinate_transformation_mode=where, **extra)

    def bytes(self, result: str, channels: int, outside: int) -> bytes:
        def value(name: str, planes: int) -> onnx.ValueInfoProto:
            return helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["batch", planes, "height", "width"])

        self.nodes.append(helper.make_node("Identity", [result], ["output"]))
        graph = helper.make_graph(
            self.nodes, "test", [value("input", channels)], [value("output", outside)], self.weights
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        onnx.checker.check_model(model)
        return bytes(model.SerializeToString())


def srvgg() -> bytes:
    """Real-ESRGAN's small kind: convolutions with PReLU, pixel shuffle, and the enlarged input added."""
    g = Graph()
    planes = g("PRelu", g.conv("input", 3, 16), g.constant(np.full((16, 1, 1), 0.1)))
    for _ in range(3):
        planes = g("PRelu", g.conv(planes, 16, 16), g.constant(np.full((16, 1, 1), 0.1)))
    spread = g("DepthToSpace", g.conv(planes, 16, 12), blocksize=2, mode="CRD")
    return g.bytes(g("Add", spread, g.resize("input", 2, "nearest")), 3, 3)


def rrdb() -> bytes:
    """Real-ESRGAN's large kind, with one block of one dense layer group, enlarging four times."""
    g = Graph()
    first = g.conv("input", 3, 16)
    planes, held = [first], first
    for number in range(4):
        joined = g("Concat", *planes, axis=1) if number else first
        planes.append(g("LeakyRelu", g.conv(joined, 16 + 8 * number, 8), alpha=0.2))
    dense = g.conv(g("Concat", *planes, axis=1), 48, 16)
    held = g("Add", g("Mul", dense, g.constant(0.2)), held)
    for _ in range(2):
        held = g("LeakyRelu", g.conv(g.resize(held, 2, "nearest"), 16, 16), alpha=0.2)
    return g.bytes(g.conv(held, 16, 3), 3, 3)


def rife() -> bytes:
    """RIFE's shape: seven planes (left, right, time), motion found in two steps, both pictures warped by it."""
    g = Graph()
    left, right, moment = g.slice("input", 0, 3), g.slice("input", 3, 6), g.slice("input", 6, 7)
    grid, scale = _grid(g)
    flow, mask, warped = "", "", [left, right]
    for number in range(2):
        known = g("Concat", *warped, moment, *([flow] if flow else []), axis=1)
        planes = g("LeakyRelu", g.conv(g.resize(known, 0.5), 11 if flow else 7, 16, stride=2), alpha=0.2)
        planes = g("LeakyRelu", g.conv(planes, 16, 16), alpha=0.2)
        weight = g.constant(g.random.standard_normal((16, 5, 4, 4)) * 0.05)
        found = g("ConvTranspose", planes, weight, strides=[2, 2], pads=[1, 1, 1, 1], kernel_shape=[4, 4])
        found = g.resize(found, 2)
        delta, found_mask = g("Mul", g.slice(found, 0, 4), g.constant(8.0)), g.slice(found, 4, 5)
        flow = g("Add", flow, delta) if number else delta
        mask = g("Add", mask, found_mask) if number else found_mask
        warped = [_warp(g, left, g.slice(flow, 0, 2), grid, scale), _warp(g, right, g.slice(flow, 2, 4), grid, scale)]
    share = g("Sigmoid", mask)
    rest = g("Sub", g.constant(1.0), share)
    return g.bytes(g("Add", g("Mul", warped[0], share), g("Mul", warped[1], rest)), 7, 3)


def _grid(g: Graph) -> tuple[str, str]:
    """Coordinates of every pixel, -1 to 1, ``[1, 2, h, w]``, and what turns pixels into them, ``[1, 2, 1, 1]``."""
    shape = g("Shape", "input")
    axes, steps = [], []
    for axis, place in ((3, [0, 1, 2]), (2, [0, 1, 3])):
        length = g("Gather", shape, g.constant(axis, np.int64))
        numbers = g("Range", g.constant(0, np.int64), length, g.constant(1, np.int64))
        last = g("Sub", g("Cast", length, to=onnx.TensorProto.FLOAT), g.constant(1.0))
        step = g("Div", g.constant(2.0), last)
        line = g("Sub", g("Mul", g("Cast", numbers, to=onnx.TensorProto.FLOAT), step), g.constant(1.0))
        line = g("Unsqueeze", line, g.constant(place, np.int64))
        plane = g("Concat", g.constant([1, 1], np.int64), g.slice(shape, 2, 4, 0), axis=0)
        axes.append(g("Expand", line, plane))
        steps.append(g("Reshape", step, g.constant([1, 1, 1, 1], np.int64)))
    return g("Concat", *axes, axis=1), g("Concat", *steps, axis=1)


def _warp(g: Graph, picture: str, flow: str, grid: str, scale: str) -> str:
    places = g("Transpose", g("Add", grid, g("Mul", flow, scale)), perm=[0, 2, 3, 1])
    return g("GridSample", picture, places, align_corners=1, mode="bilinear", padding_mode="border")


NETWORKS: dict[str, tuple[Callable[[], bytes], int]] = {"srvgg": (srvgg, 3), "rrdb": (rrdb, 3), "rife": (rife, 7)}


@pytest.fixture(scope="session")
def networks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Files with small networks of the kinds there are, random weights; ``magic`` is the embedded one."""
    from vsmagic.models.registry import EMBEDDED

    folder = tmp_path_factory.mktemp("networks")
    files = {name: folder / f"{name}.onnx" for name in NETWORKS}
    for name, file in files.items():
        file.write_bytes(NETWORKS[name][0]())
    return files | {"magic": EMBEDDED / "magic-x2.onnx"}


@pytest.fixture(scope="session")
def channels() -> dict[str, int]:
    return {name: count for name, (_, count) in NETWORKS.items()} | {"magic": 1}


@pytest.fixture(scope="session")
def rtx() -> object:
    """The library TensorRT-RTX."""
    if not TENSORRT_RTX.installed():
        pytest.skip(WITHOUT_BUILDER)
    return TENSORRT_RTX.load(None)


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return Workshop(store=Store(tmp_path / "engines"), library=TENSORRT_RTX, plugin=None)


MakeJob = Callable[..., Job]


@pytest.fixture
def job(networks: dict[str, Path], channels: dict[str, int]) -> MakeJob:
    """Make a job: by default the SRVGG network at 64x48 in f16 for one GPU."""

    def make(
        network: str | Path = "srvgg",
        *,
        shapes: Shapes = Shapes.fixed((64, 48)),  # noqa: B008
        precision: str = "f16",
        capabilities: Sequence[str] = ("8.6",),
        version: str = "1.7.1",
        planes: int | None = None,
        **facts: object,
    ) -> Job:
        path = network if isinstance(network, Path) else networks[network]
        key = EngineKey(
            library="tensorrt_rtx",
            version=version,
            model=path.stem,
            shapes=shapes,
            precision=precision,  # type: ignore[arg-type]
            capabilities=tuple(capabilities),
            **facts,  # type: ignore[arg-type]
        )
        return Job(
            key=key, name=path.stem, network=path, channels=planes or channels.get(path.stem.partition("-")[0], 3)
        )

    return make
