"""The yardstick: published figures come out."""

import numpy as np
import pytest
from PIL import Image

from vsmagic.errors import OptionError
from vsmagic.training.evaluate import Score, enlarge, evaluate, mean, psnr, read_luma, references, table


def nothing(luma):
    return np.zeros((2 * luma.shape[0], 2 * luma.shape[1]), dtype=np.float32)


@pytest.mark.parametrize(("folder", "published"), [("set5", 33.65), ("set14", 29.88)])
def test_bicubic_scores_what_was_published(data, folder, published):
    assert mean(evaluate(data / "images" / folder, nothing)).bicubic == pytest.approx(published, abs=0.01)


def test_psnr_of_a_known_error():
    black = np.zeros((16, 16), dtype=np.float32)
    assert psnr(black, black + 1, swing=255) == pytest.approx(0)
    assert psnr(black, black + 1) == pytest.approx(20 * np.log10(255 / 219))


def test_psnr_leaves_the_border_out():
    black = np.zeros((16, 16), dtype=np.float32)
    framed = np.pad(black[2:-2, 2:-2], 2, constant_values=1)
    assert psnr(black, framed) > 99


@pytest.mark.parametrize("shape", [(6, 8), (7, 8), (6, 9), (7, 9)])
def test_odd_sizes_are_padded_for_the_model_and_cropped(shape):
    seen = []

    def model(luma):
        seen.append(luma.shape)
        return nothing(luma)

    assert enlarge(np.full(shape, 0.5, dtype=np.float32), model).shape == (2 * shape[0], 2 * shape[1])
    assert all(side % 2 == 0 for side in seen[0])


def test_luma_is_full_range(tmp_path):
    Image.fromarray(np.array([[[255, 255, 255], [0, 0, 0], [0, 255, 0]]], dtype=np.uint8)).save(tmp_path / "a.png")
    assert read_luma(tmp_path / "a.png")[0] == pytest.approx([1, 0, 0.587])


@pytest.mark.parametrize(("scale", "published"), [(2, 33.65), (4, 28.42)])
def test_small_pictures_that_are_not_published_are_made_alike(data, tmp_path, scale, published):
    for large in (data / "images" / "set5").glob("*_HR.png"):
        (tmp_path / large.name).symlink_to(large)

    def none(luma):
        return np.zeros((scale * luma.shape[0], scale * luma.shape[1]), dtype=np.float32)

    assert mean(evaluate(tmp_path, none, scale=scale)).bicubic == pytest.approx(published, abs=0.02)


def test_compressed_pictures_are_worse_than_clean_ones(data):
    clean, worn = (mean(evaluate(data / "images" / "set5", nothing, purpose=one)) for one in ("clean", "restore"))
    assert worn.bicubic < clean.bicubic - 1


def test_a_folder_without_references_is_an_error(tmp_path):
    with pytest.raises(OptionError, match="no reference picture"):
        references(tmp_path)


def test_the_table_ends_with_the_mean():
    lines = table([Score(name="a", bicubic=30, model=32), Score(name="b", bicubic=20, model=21)]).splitlines()
    assert len(lines) == 4
    assert lines[-1].split() == ["mean", "25.00", "26.50", "+1.50"]
