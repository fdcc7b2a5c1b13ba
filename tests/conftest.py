"""Fixtures of every test: where the real clips, pictures and weights are."""

import os
from pathlib import Path

import hypothesis
import pytest

# The same examples every time, and no deadline: how fast a machine is does not make a law false.
hypothesis.settings.register_profile("laws", max_examples=50, deadline=None, derandomize=True, database=None)
hypothesis.settings.load_profile("laws")

DATA = Path(os.environ.get("VSMAGIC_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))


def pytest_report_header() -> str:
    if DATA.is_dir():
        return f"real clips, pictures and weights: {DATA}"
    return f"no real clips, pictures and weights at {DATA}: tests that need them are skipped (set VSMAGIC_TEST_DATA)"


@pytest.fixture(scope="session")
def data() -> Path:
    """Folder with clips/, images/ and weights/."""
    if not DATA.is_dir():
        pytest.skip(f"needs the shared test data, not found at {DATA}; set VSMAGIC_TEST_DATA to its folder")
    return DATA


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep the suite out of the user's cache, and let it start cold."""
    os.environ["VSMAGIC_CACHE"] = str(tmp_path_factory.mktemp("cache"))
