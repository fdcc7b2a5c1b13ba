"""Small pictures are made as MATLAB makes them, large ones as zimg does."""

import numpy as np
import pytest
import vapoursynth as vs
from PIL import Image

from vsmagic.training.degrade import enlarged, gaussian, keys_cubic, reduced, resampling, to_bytes, to_plane


@pytest.fixture
def noise():
    return np.random.default_rng(0).random((24, 32), dtype=np.float32)


def test_the_kernel_interpolates_and_weighs_one_everywhere():
    assert keys_cubic(np.array([0.0, 1.0, 2.0, 3.0])).tolist() == [1, 0, 0, 0]
    places = np.linspace(0, 1, 11)[:, None] + np.arange(-3, 4)
    assert np.allclose(keys_cubic(places).sum(1), 1)


@pytest.mark.parametrize(("source", "target", "blur"), [(20, 10, 0), (20, 40, 0), (21, 7, 0), (20, 10, 1.5)])
def test_lines_keep_constants_and_symmetry(source, target, blur):
    matrix = resampling(source, target, blur)
    assert matrix.shape == (target, source)
    assert np.allclose(matrix.sum(1), 1, atol=1e-6)
    assert np.allclose(matrix, matrix[::-1, ::-1], atol=1e-6)


def test_a_gaussian_spreads_by_its_deviation():
    line = gaussian(61, 2.0)[30]
    assert np.sqrt((line * (np.arange(61) - 30) ** 2).sum()) == pytest.approx(2, rel=0.02)


def test_a_ramp_stays_a_ramp_when_doubled():
    ramp = np.tile(np.arange(20, dtype=np.float32) / 20, (20, 1))
    assert np.allclose(np.diff(enlarged(ramp, 2)[10, 6:-6]), 1 / 40, atol=1e-6)


def test_doubling_equals_zimg(noise):
    def fill(n, f):
        frame = f.copy()
        np.asarray(frame[0])[:] = noise
        return frame

    blank = vs.core.std.BlankClip(format=vs.GRAYS, width=32, height=24, length=1)
    clip = blank.std.ModifyFrame(blank, fill).resize.Bicubic(64, 48, filter_param_a=0, filter_param_b=0.5)
    with clip.get_frame(0) as frame:
        assert np.abs(np.asarray(frame[0]) - enlarged(noise, 2)).max() < 1e-5


def test_reducing_asks_for_multiples():
    with pytest.raises(ValueError, match="31x24; both sizes must be multiples of 2"):
        reduced(np.zeros((24, 31), dtype=np.uint8), 2)


def test_bytes_round_and_clip():
    assert to_bytes(np.array([[-1, 0.498, 0.5, 2]], dtype=np.float32)).tolist() == [[0, 127, 128, 255]]
    assert to_plane(np.array([[0, 255]], dtype=np.uint8)).tolist() == [[0, 1]]


@pytest.mark.parametrize("name", ["set5/butterfly", "set5/head", "set14/foreman", "set14/pepper"])
def test_halving_reproduces_published_small_pictures(data, name):
    """They were made with MATLAB's imresize. Three pixels of border are left out: theirs was treated otherwise."""
    large = np.asarray(Image.open(data / "images" / f"{name}_HR.png").convert("RGB"))
    small = np.asarray(Image.open(data / "images" / f"{name}_LRx2.png").convert("RGB"))
    mine = np.stack([reduced(np.ascontiguousarray(large[..., channel]), 2) for channel in range(3)], axis=-1)
    difference = np.abs(mine.astype(int) - small)[3:-3, 3:-3]
    assert difference.max() <= 1, np.bincount(difference.ravel())
    assert (difference == 0).mean() > 0.99, np.bincount(difference.ravel())
