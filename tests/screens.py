"""Fixtures: the players that tests drive, and a screen for them."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def mpv() -> Path:
    """An mpv that has the VapourSynth filter: VSMAGIC_TEST_MPV, or the one that tests/mpv/build-mpv made."""
    named = os.environ.get("VSMAGIC_TEST_MPV")
    program = Path(named) if named else built_mpv()
    if not program.is_file():
        pytest.skip(f"needs an mpv with the vapoursynth filter; tests/mpv/build-mpv makes one ({program})")
    return program


def built_mpv() -> Path:
    """Return where tests/mpv/build-mpv puts its mpv."""
    where = subprocess.run(
        [CHECKOUT / "tests/mpv/build-mpv", "--where"], capture_output=True, text=True, check=True
    ).stdout.strip()
    return Path(where)


@pytest.fixture(scope="session")
def stock_mpv() -> Path:
    """The system's mpv, whatever it can do."""
    program = shutil.which("mpv")
    if program is None:
        pytest.skip("needs the system's mpv (Debian: apt install mpv)")
    return Path(program)


@pytest.fixture
def mpv_env(tmp_path: Path) -> dict[str, str]:
    """An environment of a user with an empty home, in which mpv finds this VapourSynth and this vsmagic."""
    home = tmp_path / "home"
    home.mkdir()
    kept = {name: os.environ[name] for name in ("LANG", "VSMAGIC_CACHE", "VSMAGIC_TUNE") if name in os.environ}
    # VapourSynth's library takes the Python whose folder comes first.
    path = os.pathsep.join([str(Path(sys.prefix) / "bin"), os.environ["PATH"]])
    found = {"VSSCRIPT_PATH": str(vsscript()), "PYTHONPATH": str(CHECKOUT)}
    return kept | found | {"HOME": str(home), "PATH": path}


def vsscript() -> Path:
    """Return the library through which mpv starts this Python's VapourSynth."""
    said = subprocess.run(
        [Path(sys.prefix) / "bin" / "vapoursynth", "get-vsscript"], capture_output=True, text=True, check=True
    )
    return Path(said.stdout.strip())


@pytest.fixture(scope="session")
def screen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A display of 1920x1080 in memory, such as ``:97``; for DISPLAY."""
    server = shutil.which("Xvfb")
    if server is None:
        pytest.skip("needs Xvfb (Debian: apt install xvfb)")
    folder = tmp_path_factory.mktemp("screen")
    told, tell = os.pipe()
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [server, "-displayfd", str(tell), "-screen", "0", "1920x1080x24", "-nolisten", "tcp"],
            pass_fds=[tell],
            stdout=log,
            stderr=log,
        )
    os.close(tell)
    with os.fdopen(told) as answer:
        number = answer.readline().strip()
    assert number, (folder / "log").read_text()
    yield f":{number}"
    process.terminate()
    process.wait(10)
