"""Crops of a user's pictures and videos: the same for the same seed, with detail, and nothing passed in silence."""

import logging
import shutil

import numpy as np
import pytest
from PIL import Image

from vsmagic.errors import OptionError
from vsmagic.training.folder import named_pictures_of, pictures_of


def noise(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def save(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


@pytest.fixture
def folder(tmp_path):
    save(tmp_path / "one.png", noise(80, 100))
    save(tmp_path / "below" / "two.png", noise(64, 64, seed=1))
    return tmp_path


def test_crops_of_pictures_are_their_own_pixels(folder):
    crops = named_pictures_of(folder, size=48, count=5, seed=0)
    assert [name for _, name in crops] == sorted(name for _, name in crops)
    assert {name for _, name in crops} == {"one.png", "below/two.png"}
    pixels = {"one.png": noise(80, 100), "below/two.png": noise(64, 64, seed=1)}
    for crop, name in crops:
        assert crop.shape == (48, 48, 3)
        windows = np.lib.stride_tricks.sliding_window_view(pixels[name], (48, 48, 3))
        assert (windows[..., 0, 0, 0] == crop[0, 0, 0]).any()
        assert any(np.array_equal(pixels[name][y : y + 48, x : x + 48], crop)
                   for y, x in np.ndindex(windows.shape[:2]))  # fmt: skip


def test_the_seed_decides_wherever_the_folder_lies(folder, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("other") / "copy"
    shutil.copytree(folder, elsewhere)
    first, second, other = (
        pictures_of(place, size=32, count=6, seed=seed) for place, seed in ((folder, 1), (elsewhere, 1), (folder, 2))
    )
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(first, other, strict=True))


def test_frames_are_spread_over_a_video(data, tmp_path):
    shutil.copy(data / "clips" / "live_realshort_320x240.mp4", tmp_path / "clip.mp4")
    crops = pictures_of(tmp_path, size=240, count=4, seed=0)
    assert all(crop.shape == (240, 240, 3) and crop.dtype == np.uint8 for crop in crops)
    assert len({crop.tobytes() for crop in crops}) == 4
    assert all(crop.std() > 10 for crop in crops)


def test_what_is_broken_is_named_and_what_is_small_is_counted(folder, caplog):
    (folder / "broken.mkv").write_bytes(bytes(range(256)) * 4)
    whole = (folder / "one.png").read_bytes()
    (folder / "cut.png").write_bytes(whole[: len(whole) // 2])
    (folder / "notes.txt").write_text("not a picture")
    (folder / ".hidden").write_bytes(b"\0\1")
    save(folder / "small.png", noise(20, 200))
    with caplog.at_level(logging.WARNING):
        assert len(pictures_of(folder, size=48, count=7, seed=0)) == 7
    said = [record.getMessage() for record in caplog.records]
    assert [text for text in said if "smaller" in text] == ["1 of the files are smaller than 48x48 and left out"]
    (broken,) = [text for text in said if "cannot be read" in text]
    assert "broken.mkv (" in broken
    assert "cut.png (" in broken
    assert "notes.txt" not in broken
    assert "hidden" not in broken


def test_flat_crops_are_avoided(tmp_path):
    pixels = np.full((64, 256, 3), 90, dtype=np.uint8)
    pixels[:, 128:] = noise(64, 128)
    save(tmp_path / "half.png", pixels)
    crops = pictures_of(tmp_path, size=32, count=20, seed=0)
    assert min(crop.std() for crop in crops) > 5


def test_a_flat_picture_is_still_used(tmp_path):
    save(tmp_path / "flat.png", np.full((40, 40, 3), 90, dtype=np.uint8))
    (crop,) = pictures_of(tmp_path, size=32, count=1, seed=0)
    assert (crop == 90).all()


def test_gray_and_transparent_pictures_become_rgb(tmp_path):
    Image.fromarray(noise(40, 40)[:, :, 0]).save(tmp_path / "gray.png")
    Image.fromarray(noise(40, 40)).convert("RGBA").save(tmp_path / "see-through.png")
    assert all(crop.shape == (32, 32, 3) for crop in pictures_of(tmp_path, size=32, count=4, seed=0))


def test_sixteen_bits_of_grey_keep_their_levels(tmp_path):
    levels = noise(40, 40)[:, :, 0]
    Image.fromarray(levels.astype(np.uint16) * 257).save(tmp_path / "deep.png")
    (crop,) = pictures_of(tmp_path, size=40, count=1, seed=0)
    assert (crop == levels[:, :, None]).all()


def test_a_picture_too_large_for_memory_is_named(folder, caplog, monkeypatch):
    save(folder / "huge.png", noise(100, 200))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 9000)  # which Pillow refuses at twice that
    assert len(pictures_of(folder, size=48, count=3, seed=0)) == 3
    assert "huge.png (" in caplog.text


@pytest.mark.parametrize("small", [True, False])
def test_nothing_usable_is_refused(tmp_path, small, caplog):
    if small:
        save(tmp_path / "small.png", noise(16, 16))
    with pytest.raises(OptionError, match=r"holds no picture and no video of at least 32x32.*Name another folder"):
        pictures_of(tmp_path, size=32, count=1, seed=0)


def test_a_file_in_place_of_a_folder_is_refused(folder):
    with pytest.raises(OptionError, match=r"one\.png: is no folder"):
        pictures_of(folder / "one.png", size=32, count=1, seed=0)
