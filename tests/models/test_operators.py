"""The evaluator's operators in numpy against PyTorch's."""

import numpy as np
import pytest

from vsmagic.models import operators

torch = pytest.importorskip("torch")


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
@pytest.mark.parametrize("beyond", ["zeros", "border"])
@pytest.mark.parametrize("corners", [0, 1])
def test_grid_sample_is_pytorchs(mode, beyond, corners):
    random = np.random.default_rng(4)
    picture = random.random((2, 3, 9, 7), dtype=np.float32)
    grid = random.uniform(-1.4, 1.4, (2, 5, 6, 2)).astype(np.float32)
    expected = torch.nn.functional.grid_sample(
        torch.from_numpy(picture), torch.from_numpy(grid), mode, beyond, align_corners=bool(corners)
    )
    operator = operators.grid_sample()
    (found,) = operator._run(operator, picture, grid, align_corners=corners, mode=mode, padding_mode=beyond)
    assert np.abs(found - expected.numpy()).max() < 1e-5


def test_what_is_not_known_is_refused():
    operator = operators.grid_sample()
    with pytest.raises(NotImplementedError, match="nearest"):
        operator._run(operator, np.zeros((1, 1, 2, 2)), np.zeros((1, 1, 1, 2)), mode="nearest")
