"""The files: the same ones as are checked in, within what players take, and honest about their cost."""

import math
import operator
import re
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from command import Run
from shading import random_luma
from vsmagic.models import registry
from vsmagic.models.registry import Model
from vsmagic.shaders.export import PRECISIONS, RANGES, SHIPPED, Precision, Range, embedded, file_name, shader
from vsmagic.shaders.grid import grid
from vsmagic.shaders.network import Network, read
from vsmagic.shaders.work import work

FOLDER = Path(__file__).parents[2] / "scripts" / "shaders"
NAMES = [(precision, value_range) for precision in PRECISIONS for value_range in RANGES]


@pytest.mark.parametrize(("precision", "value_range"), NAMES)
def test_what_is_checked_in_is_what_is_exported(precision: Precision, value_range: Range) -> None:
    for name in SHIPPED:
        checked_in = FOLDER / file_name(name, precision, value_range)
        text = shader(registry.resolve(name), precision=precision, value_range=value_range)
        assert checked_in.read_bytes() == text.encode()


def test_what_is_shipped_is_checked_in_and_nothing_else() -> None:
    names = {file_name(name, *kind) for name in SHIPPED for kind in NAMES}
    assert {path.name for path in FOLDER.iterdir()} == names


def test_every_embedded_network_can_be_a_shader() -> None:
    models = [model for model, _ in embedded()]
    assert set(SHIPPED) <= {model.name for model in models}
    for model in models:
        _assert_within_limits(shader(model, precision="single", value_range="limited"))


_OPERATORS = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv, "%": math.fmod, ">": operator.gt,
}  # fmt: skip


def _reckoned(expression: str, **sizes: float) -> float:
    """Compute an expression as players do: reverse Polish notation over floats."""
    stack: list[float] = []
    for word in expression.split():
        if word in "+-*/%>":
            right, left = stack.pop(), stack.pop()
            stack.append(float(_OPERATORS[word](left, right)))
        else:
            stack.append(sizes[word.replace(".", "_")] if word[0].isalpha() else float(word))
    (result,) = stack
    return result


@pytest.mark.parametrize(("cell", "multiple"), [(1, 1), (2, 2), (2, 4), (1, 3), (3, 3)])
def test_textures_hold_every_cell(magic: Model, cell: int, multiple: int) -> None:
    whole = read(magic)
    network = Network(name="n", layers=whole.layers, cell=cell, shuffle=4, base="none", multiple=multiple)
    own = grid(network, 48)
    for length in range(1, 40):
        cells = math.ceil(length / multiple) * multiple // cell
        assert _reckoned(own.width, LUMA_w=length) == cells * own.columns
        assert _reckoned(own.height, LUMA_h=length) == cells * own.rows
    assert own.columns * own.rows >= own.groups == 12


def test_every_layer_is_a_pass(magic: Model) -> None:
    text = shader(magic, precision="single", value_range="limited")
    assert text.count("//!HOOK LUMA\n") == 8
    _assert_within_limits(text)


def test_other_scales_stay_within_what_players_take(other_scale: Model) -> None:
    _assert_within_limits(shader(other_scale, precision="single", value_range="limited"))


def test_a_pass_reads_only_what_there_is(magic: Model, other_scale: Model) -> None:
    """A player leaves a shader out where a texture that it binds has not been made."""
    for model in (magic, other_scale):
        there = {"LUMA"}
        for line in shader(model, precision="half", value_range="limited").splitlines():
            match line.split():
                case ["//!BIND", name]:
                    assert name in there
                case ["//!SAVE" | "//!TEXTURE", name]:
                    there.add(name)
        assert len(there) > 2


def _assert_within_limits(text: str) -> None:
    """mpv reads 32 words of an expression and 16 textures; Vulkan promises 16 KiB shared, Direct3D 1,024 threads."""
    passes = text.split("//!HOOK LUMA\n")[1:]
    for one in passes:
        for line in re.findall(r"//!(?:WIDTH|HEIGHT|WHEN) (.*)", one):
            assert len(line.split()) <= 32
        assert len(re.findall(r"//!BIND", one)) <= 16
        assert sum(int(n) for n in re.findall(r"shared V4 \w+\[(\d+)\]", one)) * 16 <= 16384
        threads = [int(n) for n in re.search(r"//!COMPUTE \d+ \d+ (\d+) (\d+)", one).groups()]
        assert threads[0] * threads[1] <= 1024
    for width, height in re.findall(r"//!SIZE (\d+) (\d+)", text):
        assert int(width) <= 4096
        assert int(height) <= 4096


@pytest.mark.parametrize(
    ("shown", "runs"), [((1280, 960), True), ((720, 480), False), ((800, 540), False), ((960, 1440), True)]
)
def test_it_runs_where_the_picture_is_enlarged(magic: Model, shown: tuple[int, int], runs: bool) -> None:
    text = shader(magic, precision="half", value_range="limited")
    conditions = set(re.findall(r"//!WHEN (.*)", text))
    assert len(conditions) == 1
    value = _reckoned(conditions.pop(), OUTPUT_w=shown[0], OUTPUT_h=shown[1], LUMA_w=720, LUMA_h=480)
    assert bool(value) == runs


@pytest.mark.parametrize(("shown", "runs"), [(2.3, False), (2.5, True), (4, True)])
def test_four_times_runs_where_the_picture_is_enlarged_by_more(tmp_path: Path, shown: float, runs: bool) -> None:
    text = shader(random_luma(tmp_path / "x4.onnx", 4), precision="half", value_range="limited")
    (condition,) = set(re.findall(r"//!WHEN (.*)", text))
    sizes = {"OUTPUT_w": 100 * shown, "OUTPUT_h": 80 * shown, "LUMA_w": 100, "LUMA_h": 80}
    assert bool(_reckoned(condition, **sizes)) == runs
    assert "more than 2.4 times as large as it is" in text


def test_restoring_always_runs(tmp_path: Path) -> None:
    text = shader(random_luma(tmp_path / "x1.onnx", 1), precision="half", value_range="limited")
    assert "//!WHEN" not in text
    assert "x1: luma restored by a neural network" in text
    assert "Runs always, and keeps the picture's size." in text


def test_work_is_what_the_network_has(magic: Model) -> None:
    graph = onnx.load(magic.path).graph
    weights = [numpy_helper.to_array(one) for one in graph.initializer]
    own = work(read(magic))
    assert own.multiply_adds == sum(one.size for one in weights if one.ndim == 4) / 16
    assert own.multiply_adds <= own.done < 1.02 * own.multiply_adds
    assert own.per_frame(720, 480, 2) == pytest.approx(2 * 8256 * 1440 * 960)
    assert 16 < own.fetches < 40


def test_the_command_writes_it(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    ran = run("shader", "export", "magic-x2", "--range", "full")
    assert (ran.code, ran.out) == (0, "magic-x2-full-range-single.glsl\n")
    assert Path(ran.out.strip()).read_bytes() == (FOLDER / ran.out.strip()).read_bytes()
    ran = run("shader", "export", "magic-x2", "--precision", "half", "-o", "-")
    assert (ran.code, ran.out.encode()) == (0, (FOLDER / "magic-x2-half.glsl").read_bytes())


def test_the_command_tells_what_there_is(run: Run) -> None:
    ran = run("shader", "list")
    assert ran.code == 0
    assert "magic-x2  x2  8,256 multiply-adds" in ran.out
    assert "137 GFLOP" in ran.out
    assert "magic-x2-fast  x2  2,624 multiply-adds" in ran.out


def test_the_command_writes_all_that_is_checked_in(run: Run, tmp_path: Path) -> None:
    ran = run("shader", "export", "--all", str(tmp_path / "all"))
    assert ran.code == 0
    made = {path.name: path.read_bytes() for path in (tmp_path / "all").iterdir()}
    assert made == {path.name: path.read_bytes() for path in FOLDER.iterdir()}
    assert sorted(Path(line).name for line in ran.out.splitlines()) == sorted(made)


@pytest.mark.parametrize("more", [["magic-x2"], ["--precision", "half"], ["-o", "x.glsl"], None])
def test_all_goes_with_nothing_else(run: Run, tmp_path: Path, more: list[str] | None) -> None:
    ran = run("shader", "export", *([] if more is None else ["--all", str(tmp_path / "all"), *more]))
    assert ran.code == 2
    assert not (tmp_path / "all").exists()


@pytest.mark.parametrize("name", ["magic-flow", "nobody"])
def test_the_command_refuses(run: Run, name: str) -> None:
    ran = run("shader", "export", name)
    assert (ran.code, ran.out) == (4, "")
    assert len(ran.err.strip().splitlines()) == 1


def test_numbers_are_exact(magic: Model) -> None:
    """What stands in the file is the network's weights to the bit."""
    text = shader(magic, precision="half", value_range="limited")
    block = re.search(r"LAYER7_WEIGHTS\n//!SIZE 144 13\n//!FORMAT rgba32f\n//!FILTER NEAREST\n([0-9a-f]+)\n", text)
    numbers = np.frombuffer(bytes.fromhex(block.group(1)), "<f4")
    tail = numpy_helper.to_array(
        next(one for one in onnx.load(magic.path).graph.initializer if one.name == "tail.weight")
    )
    assert sorted(numbers[: tail.size]) == sorted(tail.ravel())
