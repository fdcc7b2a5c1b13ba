"""Generated pictures: the same for the same seed, and much like the world."""

import numpy as np
import pytest

from vsmagic.training.pictures import KINDS, picture, pool

SIZE = 128


@pytest.fixture(scope="module")
def pictures():
    return pool(7, 32, SIZE)


def test_a_picture_follows_from_seed_and_number_alone(pictures):
    assert np.array_equal(picture(7, 5, SIZE), pictures[5])
    assert not np.array_equal(picture(8, 5, SIZE), pictures[5])
    assert not np.array_equal(pictures[4], pictures[5])


def test_it_does_not_matter_how_many_processes_draw(pictures):
    drawn = pool(7, 4, SIZE, workers=2)
    assert all(np.array_equal(one, other) for one, other in zip(drawn, pictures[:4], strict=True))


def test_pictures_are_8_bit_squares_none_constant_and_together_cover_the_range(pictures):
    assert {(one.dtype.name, one.shape) for one in pictures} == {("uint8", (SIZE, SIZE))}
    assert min(one.std() for one in pictures) > 5
    assert min(one.min() for one in pictures) < 10
    assert max(one.max() for one in pictures) > 245
    assert 90 < np.mean(pictures) < 165


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_fills_its_canvas_with_finite_values_that_vary(kind):
    canvas = KINDS[kind][0](np.random.default_rng(3), 160)
    assert canvas.shape == (160, 160)
    assert np.isfinite(canvas).all()
    assert canvas.std() > 0.01


def test_the_mean_spectrum_falls_about_as_natural_ones_do(pictures):
    """Amplitude near 1/f: natural pictures have exponents from 0.8 to 1.5 (Field 1987; Torralba and Oliva 2003)."""
    window = np.hanning(SIZE)[:, None] * np.hanning(SIZE)
    power = np.mean([np.abs(np.fft.fft2((one - one.mean()) * window)) ** 2 for one in pictures], axis=0)
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(SIZE), np.fft.fftfreq(SIZE)))
    band = (frequency > 0.02) & (frequency < 0.25)
    slope = np.polyfit(np.log(frequency[band]), np.log(power[band]) / 2, 1)[0]
    assert -1.6 < slope < -0.7
