"""The measure of legibility measures legibility."""

import numpy as np
import pytest

from vsmagic.training.degrade import enlarged, gaussian, resample
from vsmagic.training.legibility import legibility


def nothing(luma):
    return np.zeros((2 * luma.shape[0], 2 * luma.shape[1]), dtype=np.float32)


def blurring(luma):
    """Residual that leaves bicubic blurred by a large pixel and a half."""
    large = enlarged(luma, 2)
    return resample(gaussian(large.shape[0], 1.5), large, gaussian(large.shape[1], 1.5)) - large


def test_text_as_it_was_written_is_recognised_to_the_last_letter():
    (found,) = legibility(np.zeros_like, scale=1)
    assert (found.bicubic, found.model) == (found.model, found.bicubic)
    assert found.model.recognised == 1
    assert found.model.psnr > 90


def test_adding_nothing_is_bicubic_every_time():
    (found,) = legibility(nothing)
    assert found.model == found.bicubic
    assert legibility(nothing) == [found]
    assert 0.5 < found.bicubic.recognised < 1


def test_blur_makes_it_worse():
    (found,) = legibility(blurring)
    assert found.model.psnr < found.bicubic.psnr
    assert found.model.recognised < found.bicubic.recognised


@pytest.mark.parametrize("scale", [1, 2, 4])
def test_text_for_networks_that_restore_is_compressed_too(scale):
    found = legibility(lambda luma: np.zeros((scale * luma.shape[0], scale * luma.shape[1]), np.float32), scale=scale,
                       purpose="restore")  # fmt: skip
    assert [one.name for one in found] == ["clean", "h264 30", "mjpeg 6"]
    assert found[2].bicubic.psnr < found[0].bicubic.psnr
