"""The sheet shows pictures as they are and worn ones enlarged, and the command makes it."""

import io
import sys

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from vsmagic.cli.train_preview import preview
from vsmagic.errors import OptionError, SetupError
from vsmagic.training.pictures import KINDS
from vsmagic.training.preview import Example, sheet


def example(seed=0):
    random = np.random.default_rng(seed)
    return Example(
        picture=random.integers(0, 256, (64, 64, 3), dtype=np.uint8),
        small=random.integers(0, 256, (32, 32), dtype=np.uint8),
        name="leaves",
        steps="bicubic to 1/2, h264 crf 30 fast",
    )


def holds(pixels, part):
    """Whether a part stands somewhere in the pixels."""
    height, width = part.shape[:2]
    firsts = np.argwhere((pixels == part[0, 0]).all(-1))
    return any(np.array_equal(pixels[y : y + height, x : x + width], part) for y, x in firsts)


def test_pictures_stand_beside_their_worn_ones():
    examples = [example(seed) for seed in range(3)]
    pixels = np.asarray(Image.open(io.BytesIO(sheet(examples))))
    for one in examples:
        assert holds(pixels, one.picture)
        assert holds(pixels, np.repeat(one.small.repeat(2, 0).repeat(2, 1)[:, :, None], 3, axis=2))


def test_labels_are_written():
    labelled = sheet([example()])
    bare = sheet([Example(picture=example().picture, small=example().small, name="", steps="")])
    assert labelled != bare


def test_an_empty_sheet_is_refused():
    with pytest.raises(ValueError, match="expected at least one"):
        sheet([])


def run(*arguments):
    return CliRunner().invoke(preview, [str(argument) for argument in arguments], catch_exceptions=False)


@pytest.mark.parametrize("scale", [1, 4])
def test_the_command_writes_the_same_sheet_again(tmp_path, scale):
    kind = next(name for name, one in KINDS.items() if one.animation > 0)
    options = ("--count", 2, "--kind", kind, "--content", "animation", "--scale", scale, "--seed", 5)
    for name in ("a.png", "b.png"):
        ran = run("--output", tmp_path / name, *options)
        assert (ran.exit_code, ran.output) == (0, f"{tmp_path / name}\n")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    with Image.open(tmp_path / "a.png") as written:
        assert written.format == "PNG"


def test_the_command_takes_a_folder(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (200, 220, 3), dtype=np.uint8)).save(data / "one.png")
    assert run("--output", tmp_path / "a.png", "--data", data, "--count", 3).exit_code == 0
    with Image.open(tmp_path / "a.png") as written:
        assert written.width > 800


def test_what_is_not_installed_is_told_with_the_remedy(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib_fontja", None)
    with pytest.raises(SetupError, match=r"matplotlib_fontja not installed.*pip install 'vsmagic\[train\]'"):
        run("--output", tmp_path / "a.png")


def test_an_unknown_kind_and_a_kind_of_a_folder_are_refused(tmp_path):
    with pytest.raises(OptionError, match=r"--kind nonsense: is not known; expected one of leaves"):
        run("--output", tmp_path / "a.png", "--kind", "nonsense")
    with pytest.raises(OptionError, match="have no kind"):
        run("--output", tmp_path / "a.png", "--kind", "leaves", "--data", tmp_path)
    assert not (tmp_path / "a.png").exists()
