"""The shaders in real players: what the window shows is what ONNX Runtime makes, to 1/255."""

from pathlib import Path

import numpy as np
import pytest

from shading import Screen, Video, Write, assert_near, expected, picture, random_luma, stored
from vsmagic.models.registry import Model
from vsmagic.shaders.export import Precision, Range

SIZE = (74, 53)
EVEN = (74, 54)


@pytest.fixture
def video(data: Path) -> Video:
    return stored(picture(data / "images/bsd100/019_HR.png", EVEN))


@pytest.mark.parametrize(
    ("output", "api", "precision", "value_range"),
    [("gpu", "opengl", "single", "limited"), ("gpu-next", "opengl", "half", "full"),
     ("gpu", "vulkan", "half", "limited"), ("gpu-next", "vulkan", "single", "limited")],
)  # fmt: skip
def test_stock_mpv(
    *, stock_mpv: Path, screen: str, tmp_path: Path, data: Path, magic: Model, write: Write, output: str, api: str,
    precision: Precision, value_range: Range,
) -> None:  # fmt: skip
    video = stored(picture(data / "images/bsd100/019_HR.png", SIZE), value_range)
    player = Screen(program=stock_mpv, display=screen, folder=tmp_path, output=output, api=api)
    _assert_shown(player.shown(video, write(magic, precision, value_range)), expected(video, magic))


@pytest.mark.parametrize("output", ["gpu", "gpu-next"])
def test_newer_mpv(
    *, mpv: Path, screen: str, tmp_path: Path, video: Video, magic: Model, write: Write, output: str
) -> None:
    player = Screen(program=mpv, display=screen, folder=tmp_path, output=output)
    _assert_shown(player.shown(video, write(magic, "half")), expected(video, magic))


@pytest.mark.parametrize("output", ["gpu", "gpu-next"])
def test_other_scales(
    *, stock_mpv: Path, screen: str, tmp_path: Path, video: Video, other_scale: Model, write: Write, output: str
) -> None:
    player = Screen(program=stock_mpv, display=screen, folder=tmp_path, output=output)
    window = player.shown(video, write(other_scale), scale=other_scale.scale)
    _assert_shown(window, expected(video, other_scale))


def test_restoring_comes_before_enlarging(
    *, stock_mpv: Path, screen: str, tmp_path: Path, video: Video, magic: Model, write: Write
) -> None:
    """Two shaders of luma run in the order of the list; what is between them is not cut to black and white."""
    restore = random_luma(tmp_path / "restore-x1.onnx", 1)
    full = Video(luma=np.clip(video.luma, 90, 160), range="full")
    player = Screen(program=stock_mpv, display=screen, folder=tmp_path, output="gpu")
    after = f"--glsl-shaders-append={write(magic, 'single', 'full')}"
    window = player.shown(full, write(restore, "single", "full"), after)
    restored = Video(luma=expected(full, restore), range="full")
    _assert_shown(window, expected(restored, magic))


def test_twice_is_four_times_as_large(
    *, stock_mpv: Path, screen: str, tmp_path: Path, data: Path, magic: Model, write: Write
) -> None:
    video = stored(picture(data / "images/bsd100/019_HR.png", (23, 18)), "full")
    path = write(magic, "single", "full")
    player = Screen(program=stock_mpv, display=screen, folder=tmp_path, output="gpu")
    window = player.shown(video, path, f"--glsl-shaders-append={path}", scale=4)
    twice = Video(luma=expected(video, magic), range="full")
    _assert_shown(window, expected(twice, magic))


def test_a_picture_that_is_not_enlarged_is_left_alone(
    *, stock_mpv: Path, screen: str, tmp_path: Path, video: Video, magic: Model, write: Write
) -> None:
    player = Screen(program=stock_mpv, display=screen, folder=tmp_path, output="gpu")
    plain, same = (player.shown(video, shader, scale=1) for shader in (None, write(magic)))
    assert (plain == same).all()


def test_chroma_is_the_players_own(
    *, stock_mpv: Path, screen: str, tmp_path: Path, video: Video, magic: Model, write: Write
) -> None:
    y, x = np.mgrid[0 : EVEN[1], 0 : EVEN[0]]
    chroma = np.rint(128 + 20 * np.sin(x / 9)), np.rint(128 + 20 * np.cos(y / 7))
    coloured = Video(luma=np.clip(video.luma, 90, 160), chroma=chroma)
    player = Screen(program=stock_mpv, display=screen, folder=tmp_path, output="gpu")
    plain, made = (player.shown(coloured, shader) for shader in (None, write(magic)))
    assert np.abs(plain - made).max() > 10  # luma is not
    inside = ((made > 2) & (made < 253)).all(axis=2)
    assert inside.mean() > 0.9
    for of_plain, of_made in zip(_chroma(plain), _chroma(made), strict=True):
        assert_near(of_made[inside], of_plain[inside], 1.2)


def _assert_shown(window: np.ndarray, truth: np.ndarray) -> None:
    for channel in range(3):
        assert_near(window[..., channel], np.rint(truth))


def _chroma(rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """BT.709's colour differences, 0 to 255 each way."""
    luma = rgb @ [0.2126, 0.7152, 0.0722]
    return (rgb[..., 2] - luma) / 1.8556, (rgb[..., 0] - luma) / 1.5748
