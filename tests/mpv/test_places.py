"""Where mpv's configuration lies: the rules, and mpv itself as the witness of those for this system."""

import subprocess
from pathlib import Path

import pytest

from vsmagic import VsmagicError
from vsmagic.mpv import places


def where(environ: dict[str, str], program: Path | None = None, platform: str = "linux") -> Path:
    return places.place(program, environ=environ, platform=platform).folder


def asked(program: Path, environ: dict[str, str]) -> Path:
    """Return what mpv itself takes for the folder."""
    line = [program, "--no-terminal", "--vo=null", "--ao=null", "--log-file=/dev/stdout"]  # nothing to play: it ends
    done = subprocess.run(line, env=environ, capture_output=True, text=True, timeout=60, check=False)
    mark = "user path: '~~home/' -> '"
    [said] = [line.partition(mark)[2].rstrip("'/") for line in done.stdout.splitlines() if mark in line]
    return Path(said)


LAYOUTS = {
    "nothing there": ([], {}),
    "the usual one": ([".config/mpv"], {}),
    "the old one alone": ([".mpv"], {}),
    "old and usual": ([".mpv", ".config/mpv"], {}),
    "XDG": ([".config/mpv"], {"XDG_CONFIG_HOME": "{home}/xdg"}),
    "old, and XDG that is not there": ([".mpv", ".config/mpv"], {"XDG_CONFIG_HOME": "{home}/xdg"}),
    "old, and XDG": ([".mpv", "xdg/mpv"], {"XDG_CONFIG_HOME": "{home}/xdg"}),
    "XDG that is empty": ([".mpv"], {"XDG_CONFIG_HOME": ""}),
    "MPV_HOME": ([".mpv"], {"MPV_HOME": "{home}/other", "XDG_CONFIG_HOME": "{home}/xdg"}),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("which", ["mpv", "stock_mpv"])
def test_it_is_where_mpv_itself_looks(layout, which, tmp_path, request):
    folders, variables = LAYOUTS[layout]
    for folder in folders:
        (tmp_path / folder).mkdir(parents=True)
    environ = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    environ |= {name: value.format(home=tmp_path) for name, value in variables.items()}
    found = where(environ)  # before mpv makes it
    assert found == asked(request.getfixturevalue(which), environ)


def test_mpv_home_may_begin_with_a_tilde(mpv, tmp_path):
    """mpv 0.35 made a folder named ~ of it."""
    environ = {"HOME": str(tmp_path), "MPV_HOME": "~/other", "PATH": "/usr/bin:/bin"}
    assert where(environ) == asked(mpv, environ) == tmp_path / "other"


def test_without_a_home_the_option_is_named():
    with pytest.raises(VsmagicError, match="--config-dir"):
        places.place(environ={}, platform="linux")


def test_windows(tmp_path):
    environ = {"APPDATA": str(tmp_path / "Roaming"), "HOME": "/nowhere", "XDG_CONFIG_HOME": "/nowhere"}
    program = tmp_path / "player" / "mpv.exe"
    assert where(environ, program, "win32") == where(environ, None, "win32") == tmp_path / "Roaming" / "mpv"
    (program.parent / "portable_config").mkdir(parents=True)
    assert where(environ, program, "win32") == program.parent / "portable_config"
    assert where(environ | {"MPV_HOME": "/m"}, program, "win32") == Path("/m")


def test_portable_config_counts_on_windows_alone(tmp_path):
    (tmp_path / "portable_config").mkdir()
    assert where({"HOME": "/h"}, tmp_path / "mpv") == Path("/h/.config/mpv")


def test_macos_has_the_rules_of_linux():
    assert where({"HOME": "/Users/u"}, Path("/Applications/mpv.app/Contents/MacOS/mpv"), "darwin") == Path(
        "/Users/u/.config/mpv"
    )


@pytest.mark.parametrize(
    ("program", "folder"),
    [
        ("/var/lib/flatpak/exports/bin/io.mpv.Mpv", ".var/app/io.mpv.Mpv/config/mpv"),
        ("/snap/bin/mpv", "snap/mpv/current/.config/mpv"),
    ],
)
def test_a_sandbox_has_a_home_of_its_own(program, folder, tmp_path):
    environ = {"HOME": str(tmp_path)}
    found = places.place(Path(program), environ=environ, platform="linux")
    assert found.folder == tmp_path / folder
    assert found.sealed
    assert places.sandboxes(environ) == ()  # it was never started
    found.folder.mkdir(parents=True)
    assert places.sandboxes(environ) == (found,)
    assert places.named(found.folder, environ) == found
    assert not places.named(tmp_path, environ).sealed
