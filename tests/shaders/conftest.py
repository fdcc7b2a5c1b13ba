"""Fixtures of the shaders' tests."""

import pytest

from shading import Write, writer
from vsmagic.models import registry
from vsmagic.models.registry import Model


@pytest.fixture(scope="session")
def magic() -> Model:
    return registry.resolve("magic-x2")


@pytest.fixture(scope="session")
def write(tmp_path_factory: pytest.TempPathFactory) -> Write:
    return writer(tmp_path_factory.mktemp("shaders"))
