"""Fixtures of every test: where the real clips, pictures and weights are."""

import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest

if TYPE_CHECKING:
    import vapoursynth as vs

    from command import Run

# The same examples every time, and no deadline: how fast a machine is does not make a law false.
hypothesis.settings.register_profile("laws", max_examples=50, deadline=None, derandomize=True, database=None)
hypothesis.settings.load_profile("laws")

pytest_plugins = ["screens"]

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
    """Keep the suite out of the user's cache, let it start cold, and let nothing depend on how fast this machine is."""
    os.environ["VSMAGIC_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    os.environ["VSMAGIC_TUNE"] = "off"


@pytest.fixture(autouse=True)
def _loggers_as_they_were() -> Iterator[None]:
    """Undo what a command run in this process did to logging, so that no test depends on those before it."""
    loggers = [logging.getLogger(name) for name in ("vsmagic", "vapoursynth")]
    states = [(logger.level, logger.propagate, list(logger.handlers)) for logger in loggers]
    yield
    for logger, (level, propagate, handlers) in zip(loggers, states, strict=True):
        logger.setLevel(level)
        logger.propagate = propagate
        logger.handlers[:] = handlers


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> "Run":
    """Run ``vsmagic …`` in this process and return its exit code and what it said."""
    from command import runner

    return runner(capfd)


@pytest.fixture
def picture_clip() -> "vs.VideoNode":
    """Four frames of 64x48 4:2:0 at 10 fps, BT.601 limited: smooth, coloured, moving."""
    import numpy as np
    import vapoursynth as vs

    from frames import clip_of

    y, x = np.mgrid[0:48, 0:64]
    planes = [
        [128 + 80 * np.sin(x / 5 + n) * np.cos(y / 7), 128 + x[:24, :32], 100 + y[:24, :32] + 5 * n] for n in range(4)
    ]
    clip = clip_of([[np.rint(p).astype(np.uint8) for p in frame] for frame in planes], vs.YUV420P8, fps=(10, 1))
    return clip.std.SetFrameProps(_Matrix=6, _Range=vs.RANGE_LIMITED, _ChromaLocation=vs.CHROMA_LEFT)
