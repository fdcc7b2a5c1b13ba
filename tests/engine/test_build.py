"""Real engines of TensorRT-RTX, built without a GPU and read back as far as that goes."""

import time

import msgspec
import onnx
import pytest
from onnx import helper

from vsmagic.engine.build import build
from vsmagic.engine.key import Options, Shapes
from vsmagic.engine.library import short
from vsmagic.errors import BackendError, ModelError

CAPABILITIES = ("7.5", "8.6", "8.9", "12.0")
RANGE = Shapes(min=(64, 64), opt=(128, 96), max=(256, 256))

_LENGTH, _VERSION, _MASK = slice(16, 24), slice(24, 28), slice(32, 36)
"""Where TensorRT-RTX notes in an engine's header its length, its version, and the GPUs it is for, one bit each."""


def quiet(done: float, phase: str) -> None:
    pass


def mask(content: bytes) -> int:
    return int.from_bytes(content[_MASK], "little")


def check(content: bytes, rtx) -> None:
    """Read an engine back: its header is whole and the library's own."""
    assert int.from_bytes(content[_LENGTH], "little") == len(content)
    assert ".".join(str(number) for number in content[_VERSION]) == rtx.__version__
    runtime = rtx.Runtime(_silent(rtx))
    found = runtime.get_engine_validity(content)[1]
    wrong = rtx.EngineInvalidityDiagnostics
    assert not found & (int(wrong.MALFORMED_ENGINE) | int(wrong.VERSION_MISMATCH))
    assert runtime.get_engine_validity(b"x" * len(content))[1] & int(wrong.MALFORMED_ENGINE)


def _silent(rtx):
    class Silent(rtx.ILogger):
        def __init__(self) -> None:
            rtx.ILogger.__init__(self)

        def log(self, severity, message) -> None:
            pass

    return _KEPT.setdefault("logger", Silent())


_KEPT: dict[str, object] = {}


@pytest.mark.parametrize("name", ["magic", "srvgg", "rrdb", "rife"])
def test_every_kind_of_network_for_every_generation_of_gpus(job, rtx, name):
    masks = {}
    for number, capability in enumerate(CAPABILITIES):
        shapes, precision = RANGE if number % 2 else Shapes.fixed((96, 64)), "f32" if number == 1 else "f16"
        wanted = job(name, shapes=shapes, precision=precision, capabilities=[capability])
        content = build(wanted, rtx, tell=quiet).content
        check(content, rtx)
        masks[capability] = mask(content)
    assert len(set(masks.values())) == len(CAPABILITIES)
    assert all(value.bit_count() == 1 for value in masks.values())


def test_one_engine_for_several_gpus(job, rtx):
    one = [mask(build(job(capabilities=[name]), rtx, tell=quiet).content) for name in ("8.6", "12.0")]
    both = build(job(capabilities=["8.6", "12.0"]), rtx, tell=quiet).content
    check(both, rtx)
    assert mask(both) == one[0] | one[1]


def test_animejanai_builds_in_seconds(data, job, rtx):
    network = data / "weights" / "2x_AnimeJaNai_HD_V3_Compact-fp32.onnx"
    content = build(job(network, shapes=Shapes.fixed((1920, 1080)), planes=3), rtx, tell=quiet).content
    check(content, rtx)
    for capability in CAPABILITIES:
        began = time.monotonic()
        build(job(network, shapes=RANGE, planes=3, capabilities=[capability]), rtx, tell=quiet)
        # Under 1 s on two quiet cores; what is asked for is 5.
        assert time.monotonic() - began < 15


def test_progress_rises_to_one(job, rtx):
    told = []
    build(job(), rtx, tell=lambda done, _: told.append(done))
    assert told == sorted(told)
    assert 0 <= told[0] < 0.5
    assert told[-1] == 1
    assert len(told) > 5


@pytest.mark.parametrize("kind", [KeyboardInterrupt, RuntimeError])
def test_what_is_raised_while_it_builds_comes_out(job, rtx, kind):
    def stop(done: float, phase: str) -> None:
        raise kind("on purpose")

    with pytest.raises(kind, match="on purpose"):
        build(job(), rtx, tell=stop)


def test_the_memory_limit_holds_and_is_told(job, rtx):
    limited = job("rrdb", shapes=RANGE, options=Options(workspace=1))
    with pytest.raises(BackendError, match=r"could not be built .* Try a workspace of more than 1 MiB"):
        build(limited, rtx, tell=quiet)
    assert build(job("rrdb", shapes=RANGE, options=Options(workspace=512, level=1)), rtx, tell=quiet).content


def test_a_gpu_the_library_does_not_know_is_named(job, rtx):
    with pytest.raises(BackendError, match=r"compute capability 6.1: .* builds for SM75, .* only"):
        build(job(capabilities=["6.1"]), rtx, tell=quiet)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # TensorRT-RTX has the calls, and times nothing
def test_timings_are_taken_up_and_given_back(job, rtx):
    built = build(job(), rtx, tell=quiet, timings=b"")
    assert built.timings is not None
    saved = built.timings(b"")
    assert saved
    again = build(job(), rtx, tell=quiet, timings=saved)
    assert again.timings is not None
    assert again.timings(saved)


def network(operator: str = "Relu", batch: int | str = "n", planes: int = 3, inputs: int = 1) -> bytes:
    def value(name: str) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [batch, planes, "h", "w"])

    names = [f"input{number}" for number in range(inputs)]
    domain = "" if operator in ("Relu", "Add") else "nobody"
    node = helper.make_node(operator, names, ["output"], domain=domain)
    graph = helper.make_graph([node], "g", [value(name) for name in names], [value("output")])
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("nobody", 1)]
    return bytes(helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString())


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not a complete ONNX file"),
        (b"no network at all", "not a complete ONNX file"),
        (network()[:60], "not a complete ONNX file"),
        (network("Unheard"), r"cannot read its network \(.*Unheard.*\). Try another backend"),
        (network(batch=4), r"takes \[4, 3, free, free\]; expected \[1, 3, 64, 64\]"),
        (network(planes=1), r"takes \[free, 1, free, free\]"),
        (network("Add", inputs=2), "has 2 inputs and 1 outputs"),
    ],
    ids=["empty", "text", "cut", "unknown operator", "batch of 4", "luma", "two inputs"],
)
def test_what_cannot_be_built_is_told(tmp_path, job, rtx, content, words):
    path = tmp_path / "odd.onnx"
    path.write_bytes(content)
    for precision in ("f16", "f32"):
        with pytest.raises(ModelError, match=words):
            build(job(path, shapes=Shapes.fixed((64, 64)), precision=precision, planes=3), rtx, tell=quiet)


def test_a_file_that_is_gone_is_named(tmp_path, job, rtx):
    with pytest.raises(ModelError, match=r"gone\.onnx: the file cannot be read"):
        build(job(tmp_path / "gone.onnx", planes=3), rtx, tell=quiet)


def test_the_version_in_a_key_is_what_decides(rtx):
    assert short(rtx.__version__) == ".".join(rtx.__version__.split(".")[:3])
    assert msgspec.json.encode(short("1.7.1.116")) == b'"1.7.1"'
