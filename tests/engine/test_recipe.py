"""Recipes: every one that is checked in is sound, and every mistake is named."""

from pathlib import Path

import pytest

from vsmagic.engine.key import Shapes
from vsmagic.engine.recipe import load_recipe, parse_size
from vsmagic.errors import OptionError

FOLDER = Path(__file__).parents[2] / "engines"
RECIPES = sorted(FOLDER.glob("*.toml"))
GOOD = 'backend = "trt_rtx"\nmodels = ["magic-x2"]\n[[shapes]]\nsize = "64x48"\n'
FAMILIES = {
    "animejanai-v3": {f"animejanai-v3-{size}" for size in ("compact", "ultracompact", "superultracompact")},
    "magic": {"magic-x2"},
}


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.name)
def test_a_recipe_of_ours_is_sound(path):
    recipe = load_recipe(path)
    family, lines = path.stem.rsplit("-", 1)
    assert set(recipe.models) == FAMILIES[family]
    assert recipe.precision == "f16"
    assert recipe.backend == "trt_rtx"
    assert recipe.description
    shapes = [shape.parsed("here") for shape in recipe.shapes]
    assert all(shape.static and shape.opt[1] == int(lines.removesuffix("p")) for shape in shapes)


def test_every_real_time_case_has_one():
    wanted = {f"{family}-{lines}p.toml" for family in FAMILIES for lines in (480, 720, 1080)}
    assert {path.name for path in RECIPES} == wanted


def write(folder: Path, text: str) -> Path:
    path = folder / "recipe.toml"
    path.write_text(text)
    return path


def test_all_fields(tmp_path):
    text = 'precision = "f16"\ncapabilities = ["8.6", "12.0"]\nworkspace = 512\nlevel = 4\n' + GOOD
    recipe = load_recipe(write(tmp_path, text + '[[shapes]]\nmin = "8x8"\nopt = "64x64"\nmax = "128x64"\n'))
    assert (recipe.options.workspace, recipe.options.level) == (512, 4)
    assert [shape.parsed("here") for shape in recipe.shapes] == [
        Shapes.fixed((64, 48)),
        Shapes(min=(8, 8), opt=(64, 64), max=(128, 64)),
    ]


def test_files_are_looked_for_beside_the_recipe(tmp_path):
    path = write(tmp_path, GOOD.replace("magic-x2", "nets/mine.onnx"))
    assert load_recipe(path).models == (str(tmp_path / "nets" / "mine.onnx"),)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("backend", "colour"), "unknown field `colour`|missing required field `backend`"),
        (("size", "sizes"), "unknown field `sizes`"),
        (('"trt_rtx"', '"ncnn"'), "backend is 'ncnn'; expected trt or trt_rtx"),
        (('["magic-x2"]', "[]"), "names no model"),
        (('["magic-x2"]', '"magic-x2"'), "Expected `array`, got `str`"),
        (("64x48", "64"), "'64' is no frame size; expected WIDTHxHEIGHT"),
        (("64x48", "0x48"), "'0x48' is no frame size"),
        (("64x48", "99999x48"), "'99999x48' is no frame size"),
        (('size = "64x48"', 'min = "8x8"'), "expected either one size, or all of min, opt and max"),
        (('size = "64x48"', 'min = "9x8"\nopt = "8x9"\nmax = "10x10"'), "expected min <= opt <= max"),
        (("[[shapes]]", "[shapes]"), "Expected `array`"),
        (('size = "64x48"', "size = "), "Invalid value"),
        (('"trt_rtx"', '"trt_rtx"\nprecision = "fp16"'), "Invalid enum value 'fp16'"),
        (('"trt_rtx"', '"trt_rtx"\nlevel = 9'), "level is 9; expected 0 to 5"),
        (('"trt_rtx"', '"trt_rtx"\nworkspace = 0'), "workspace is 0; expected MiB, from 1"),
        (('"trt_rtx"', '"trt_rtx"\ncapabilities = ["6.1"]'), "compute capability '6.1' is not one .* 7.5, 8.0"),
        (('"trt_rtx"', '"trt"\ncapabilities = ["8.6"]'), "trt builds for the GPU at hand"),
    ],
    ids=lambda value: value[1] if isinstance(value, tuple) else "",
)
def test_a_mistake_is_named(tmp_path, change, words):
    path = write(tmp_path, GOOD.replace(*change))
    with pytest.raises(OptionError, match=words) as caught:
        load_recipe(path)
    assert str(path) in str(caught.value)


def test_a_recipe_without_shapes(tmp_path):
    with pytest.raises(OptionError, match="missing required field `shapes`"):
        load_recipe(write(tmp_path, 'backend = "trt_rtx"\nmodels = ["magic-x2"]\n'))
    with pytest.raises(OptionError, match="names no shape"):
        load_recipe(write(tmp_path, 'backend = "trt_rtx"\nmodels = ["magic-x2"]\nshapes = []\n'))


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"\x00" * 100], ids=["no text", "zeros"])
def test_what_is_no_recipe(tmp_path, content):
    path = tmp_path / "recipe.toml"
    path.write_bytes(content)
    with pytest.raises(OptionError, match=r"recipe .*recipe\.toml: "):
        load_recipe(path)
    with pytest.raises(OptionError, match="cannot be read"):
        load_recipe(tmp_path / "gone.toml")


@pytest.mark.parametrize("text", ["", "x", "1920x1080x3", "-1x5", "\uff11x1", "1920X1080", "1.5x2", "16385x16"])
def test_sizes_are_taken_literally(text):
    with pytest.raises(OptionError, match=r"here: .* is no frame size"):
        parse_size(text, "here")
