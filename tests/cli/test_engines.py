"""``vsmagic engines``, as it is typed."""

import json
import os
import re
from pathlib import Path

import pytest
from msgspec.structs import replace

from vsmagic.engine import gpu
from vsmagic.engine.gpu import Gpu
from vsmagic.engine.library import TENSORRT_RTX
from vsmagic.engine.store import Store
from vsmagic.errors import BackendError
from vsmagic.models import registry

BUILD = ("engines", "build", "--model", "magic-x2", "--precision", "f16")

needs_builder = pytest.mark.skipif(
    not TENSORRT_RTX.installed(),
    reason="needs TensorRT-RTX's builder, which needs no GPU: pip install 'vsmagic[nvidia]'",
)


@pytest.fixture(autouse=True)
def own_store(tmp_path, monkeypatch):
    monkeypatch.setenv("VSMAGIC_CACHE", str(tmp_path / "cache"))


@pytest.fixture(autouse=True)
def no_gpu(monkeypatch):
    def none(device):
        raise BackendError(f"GPU {device}: no NVIDIA driver was found (libcuda.so.1). Install the GPU's.")

    monkeypatch.setattr(gpu, "facts", none)


def test_where_there_are_none_it_is_said(run):
    for command in ("list", "verify"):
        told = run("engines", command)
        assert (told.code, told.err) == (0, "")
        assert told.out == f"No engines in {Store().folder}.\n"


@needs_builder
def test_from_nothing_to_nothing(run):
    assert "No engines in" in run("engines", "list").out
    sizes = ("--shape", "64x48", "--shape", "96x64")
    built = run(*BUILD, "--backend", "trt_rtx", "--compute-capability", "8.6", *sizes)
    assert (built.code, built.err) == (0, "")
    lines = [line.split("  ") for line in built.out.splitlines()]
    assert [line[1:5] for line in lines] == [["magic-x2", size, "f16", "8.6"] for size in ("64x48", "96x64")]

    assert run(*BUILD, "--compute-capability", "8.6", *sizes).out == built.out

    listed = run("engines", "list")
    assert "2 engines" in listed.out
    assert all(line[0] in listed.out for line in lines)
    described = json.loads(run("engines", "list", "--json").out)
    shown = json.loads(run("engines", "show", lines[0][0]).out)
    assert shown in [entry | {"used": shown["used"]} for entry in described]
    assert shown["engine"]["shapes"]["opt"] == [64, 48]
    assert shown["name"] == "magic-x2"

    assert run("engines", "verify").out.count("ok") == 2
    assert run("engines", "prune").out.startswith("0 engines deleted")
    assert run("engines", "prune", "--all").out.startswith("2 engines deleted")
    assert "No engines in" in run("engines", "list").out


@needs_builder
def test_sizes_are_padded_as_the_model_wants_and_every_pass_has_its_engine(run, monkeypatch):
    twice = replace(registry.resolve("magic-x2"), passes=2)
    monkeypatch.setattr(registry, "resolve", lambda _: twice)
    built = run("engines", "build", "--model", "magic-x2", "--compute-capability", "8.9", "--shape", "63x47")
    assert [line.split("  ")[2] for line in built.out.splitlines()] == ["64x48", "126x94"]


@needs_builder
def test_dynamic_and_several_gpus(run):
    several = ("--compute-capability", "12.0", "--compute-capability", "8.6")
    built = run(*BUILD, *several, "--min", "64x64", "--opt", "128x96", "--max", "256x256")
    assert "64x64 to 256x256, best at 128x96  f16  8.6, 12.0" in built.out


@needs_builder
def test_a_recipe_and_options_over_it(run, tmp_path):
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(
        'backend = "trt_rtx"\nmodels = ["animejanai-v3-compact"]\ncapabilities = ["8.6"]\n[[shapes]]\nsize = "96x64"\n'
    )
    built = run("engines", "build", recipe, "--model", "magic-x2")
    assert "magic-x2  96x64  f16  8.6" in built.out
    built = run("engines", "build", recipe, "--model", "magic-x2", "--shape", "64x64", "--compute-capability", "7.5")
    assert "magic-x2  64x64  f16  7.5" in built.out


@needs_builder
def test_our_own_recipe_builds(run):
    built = run("engines", "build", Path(__file__).parents[2] / "engines" / "magic-480p.toml")
    assert built.code == 0, built.err
    assert [line.split("  ")[2] for line in built.out.splitlines()] == ["640x480", "720x480", "854x480"]


@needs_builder
def test_force_builds_again(run):
    arguments = (*BUILD, "--compute-capability", "8.6", "--shape", "64x48")
    run(*arguments)
    (before,) = Store().all()
    run(*arguments)
    assert [engine.stamp for engine in Store().all()] == [before.stamp]
    run(*arguments, "--force")
    (after,) = Store().all()
    assert after.stamp != before.stamp


@needs_builder
def test_damage_is_found_told_and_mended(run):
    run(*BUILD, "--compute-capability", "8.6", "--shape", "64x48", "--shape", "96x64")
    first, second = Store().all()
    content = bytearray(first.path.read_bytes())
    content[len(content) // 2] ^= 1
    first.path.write_bytes(content)
    os.truncate(second.path, 1000)
    found = run("engines", "verify")
    assert found.code == 7
    assert f"{first.digest[:12]}  magic-x2  its content has changed" in found.out
    assert f"{second.digest[:12]}  incomplete" in found.out
    assert "verify --remove" in found.err
    assert run("engines", "verify", "--remove").code == 0
    assert not [path for path in Store().folder.iterdir() if path.suffix in (".engine", ".json")]
    assert run("engines", "verify").out == f"No engines in {Store().folder}.\n"


@needs_builder
def test_an_engine_for_another_gpu_than_the_one_at_hand_is_noted(run, monkeypatch):
    here = Gpu(name="NVIDIA GeForce RTX 2060", capability="7.5", memory=6 << 30, driver="580.1")
    monkeypatch.setattr(gpu, "facts", lambda _: here)
    built = run(*BUILD, "--compute-capability", "8.6", "--shape", "64x48")
    assert "do not run on this machine's NVIDIA GeForce RTX 2060; for it, use --compute-capability 7.5" in built.err
    assert "f16  7.5  " in run(*BUILD, "--shape", "64x48").out


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ((), 2, "nothing to build; name a recipe, or a --model and a --shape"),
        (("--model", "magic-x2", "--compute-capability", "8.6"), 2, "names no shape"),
        (("--model", "magic-x2", "--shape", "64"), 2, "'64' is no frame size"),
        (("--model", "magic-x2", "--min", "8x8"), 2, "either one size, or all of min, opt and max"),
        (("--model", "magic-x2", "--shape", "64x64", "--compute-capability", "6.1"), 2, "'6.1' is not one"),
        (("--model", "magic-x2", "--shape", "64x64", "--backend", "ov"), 2, "backend is 'ov'; expected trt or trt_rtx"),
        (("--model", "magic-x2", "--shape", "64x64", "--level", "7"), 2, "level is 7; expected 0 to 5"),
        (("--model", "magic-x2", "--shape", "64x64"), 5, "no NVIDIA driver .* name a compute capability, such as 8.6"),
        (("--model", "magic-x2", "--shape", "64x64", "--backend", "trt"), 5, "backend trt: GPU 0: no NVIDIA driver"),
        (("--model", "gone.onnx", "--shape", "64x64", "--compute-capability", "8.6"), 4, "gone.onnx: the file cannot"),
        (("--model", "nobody", "--shape", "64x64", "--compute-capability", "8.6"), 4, "model 'nobody' is not known"),
        (("gone.toml",), 2, "recipe gone.toml: cannot be read"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_is_wrong_is_told_in_one_sentence(run, arguments, code, words):
    done = run("engines", "build", *arguments)
    assert done.code == code, done.err
    assert done.out == ""
    assert len(done.err.splitlines()) == 1
    assert re.search(words, done.err), done.err


def test_a_key_that_fits_none(run):
    assert run("engines", "show", "ff").err == (
        "vsmagic: engines: no engine has a key that begins with 'ff'. See: vsmagic engines list\n"
    )
    assert run("engines", "verify", "ff").code == 2


def test_a_missing_builder_is_told_with_the_command(run, monkeypatch):
    import dataclasses

    from vsmagic.engine import library

    missing = dataclasses.replace(TENSORRT_RTX, modules=("nobody_has_this_library",))
    monkeypatch.setitem(library.LIBRARIES, "trt_rtx", missing)
    done = run(*BUILD, "--compute-capability", "8.6", "--shape", "64x48")
    assert done.code == 5
    assert "TensorRT-RTX is not installed" in done.err
    assert "pip install 'tensorrt-rtx-cu13-libs" in done.err
