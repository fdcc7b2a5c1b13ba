"""Fixtures of the shaders' tests."""

import pytest

from shading import Write, random_luma, writer
from vsmagic.models import registry
from vsmagic.models.registry import Model


@pytest.fixture(scope="session")
def magic() -> Model:
    return registry.resolve("magic-x2")


@pytest.fixture(scope="session")
def write(tmp_path_factory: pytest.TempPathFactory) -> Write:
    return writer(tmp_path_factory.mktemp("shaders"))


@pytest.fixture(scope="session", params=[1, 4], ids=["x1", "x4"])
def other_scale(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Model:
    """A network of random weights that keeps the size, and one that enlarges four times."""
    scale = int(request.param)
    return random_luma(tmp_path_factory.mktemp("networks") / f"random-x{scale}.onnx", scale)
