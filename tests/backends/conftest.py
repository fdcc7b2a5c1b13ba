"""A cache of measurements that is empty."""

from pathlib import Path

import pytest


@pytest.fixture
def records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of an empty cache, and let measurements be made."""
    monkeypatch.setenv("VSMAGIC_CACHE", str(tmp_path))
    monkeypatch.setenv("VSMAGIC_TUNE", "on")
    return tmp_path / "tuning"
