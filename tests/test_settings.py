"""The environment: what it sets, and what it may not."""

from pathlib import Path

import platformdirs
import pytest

from vsmagic import OptionError, OutputError
from vsmagic.files import cache_folder, write_atomically
from vsmagic.settings import settings


@pytest.mark.parametrize("text", ["0", "000", "-1", "1.5", "many", " ", "٣", "1" * 5000, "0x10"])
def test_memory_must_be_a_positive_whole_number(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VSMAGIC_MEMORY", text)
    with pytest.raises(OptionError, match=r"VSMAGIC_MEMORY is .*; expected a positive whole number of MiB"):
        settings()


@pytest.mark.parametrize("text", ["0", "no", "ON", " off"])
@pytest.mark.parametrize("name", ["VSMAGIC_TUNE", "VSMAGIC_BUILD"])
def test_a_switch_is_on_or_off(name: str, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, text)
    with pytest.raises(OptionError, match=rf"{name} is .*; expected on or off"):
        settings()


def test_values_are_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("VSMAGIC_MEMORY", "64")
    monkeypatch.setenv("VSMAGIC_CACHE", str(tmp_path))
    monkeypatch.setenv("VSMAGIC_FFMPEG", "/opt/ffmpeg")
    monkeypatch.setenv("VSMAGIC_MPV", "/opt/mpv")
    monkeypatch.setenv("VSMAGIC_TUNE", "on")
    monkeypatch.setenv("VSMAGIC_BUILD", "off")
    found = settings()
    assert found.tune
    assert not found.build
    assert (found.memory, found.cache, found.ffmpeg, found.mpv) == (64 * 2**20, tmp_path, "/opt/ffmpeg", "/opt/mpv")
    assert found.indexes.parent == found.models.parent == tmp_path


def test_an_empty_variable_counts_as_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty cache path would be the current folder."""
    names = ("VSMAGIC_CACHE", "VSMAGIC_MEMORY", "VSMAGIC_FFMPEG", "VSMAGIC_TUNE", "VSMAGIC_BUILD")
    for name in names:
        monkeypatch.delenv(name, raising=False)
    absent = settings()
    for name in names:
        monkeypatch.setenv(name, "")
    assert settings() == absent
    assert absent.cache.is_absolute()


@pytest.mark.parametrize(
    "environment",
    [
        {"HOME": "/home/somebody"},
        {"HOME": "/home/somebody/"},
        {"HOME": "/"},
        {"HOME": "/home/somebody", "XDG_CACHE_HOME": "/srv/cache"},
        {"HOME": "/home/somebody", "XDG_CACHE_HOME": ""},
        {"HOME": "/home/somebody", "XDG_CACHE_HOME": "relative"},
        {"HOME": "relative"},
        {"HOME": ""},
        {},
    ],
    ids=str,
)
def test_the_cache_is_where_platformdirs_has_it(environment, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("VSMAGIC_CACHE", "HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert settings().cache == Path(platformdirs.user_cache_dir("vsmagic", appauthor=False))


def test_a_file_appears_whole_and_alone(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "er" / "file"
    write_atomically(target, b"first")
    write_atomically(target, b"second")
    (tmp_path / "plain").write_bytes(b"")
    assert target.stat().st_mode == (tmp_path / "plain").stat().st_mode, "others may read it where they may read files"
    (tmp_path / "plain").unlink()
    assert target.read_bytes() == b"second"
    assert [path.name for path in target.parent.iterdir()] == ["file"]


def test_what_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(OutputError, match="cannot be written"):
        write_atomically(tmp_path / "taken", b"x")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


def test_a_cache_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="Set VSMAGIC_CACHE"):
        cache_folder(tmp_path / "file" / "indexes")
