r"""Where mpv's configuration lies.

The rules are those of mpv 0.40's own sources (options/path.c, osdep/path-unix.c, path-darwin.c, path-win.c):

1. ``MPV_HOME``, on every system.
2. Windows: ``portable_config`` beside mpv.exe, else ``%APPDATA%\mpv``.
3. Linux, macOS and the rest: ``$XDG_CONFIG_HOME/mpv``, else ``~/.config/mpv``; where that does not exist and ``~/.mpv``
   does, ``~/.mpv``.

An mpv from Flatpak or Snap has a home of its own, which these rules do not reach; it is told beside them.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vsmagic.errors import SetupError

_FLATPAK = "io.mpv.Mpv"
_SNAP = "/snap/"


@dataclass(frozen=True, kw_only=True)
class Place:
    """A folder of mpv's configuration."""

    folder: Path
    """It need not exist; mpv makes it when it starts."""
    why: str
    """What led there, in words."""
    sealed: bool = False
    """Whether the mpv that reads it runs in a sandbox, where it sees no Python of this system."""


def place(
    program: Path | None = None, *, environ: Mapping[str, str] | None = None, platform: str = sys.platform
) -> Place:
    """Return where an mpv program reads its configuration.

    Args:
        program: the mpv; None for one that is installed as usual.
        environ: the environment it is started in; this process's own where it is not given.
        platform: as in :data:`sys.platform`.

    Raises:
        SetupError: nothing in the environment says where.
    """
    environ = os.environ if environ is None else environ
    found = (
        _forced(environ)
        or _sandboxed(program, environ)
        or (_windows(program, environ) if platform == "win32" else _unix(environ))
    )
    if found is None:
        raise SetupError("mpv's configuration: HOME is not set; name the folder with --config-dir.")
    return found


def sandboxes(environ: Mapping[str, str] | None = None) -> Sequence[Place]:
    """Return the configuration folders of mpvs in sandboxes that have been started here."""
    environ = os.environ if environ is None else environ
    home = environ.get("HOME")
    if not home:
        return ()
    # The parents of the configuration folder: a sandbox that has run has made them.
    return tuple(found for found in (_flatpak(home), _snap(home)) if found.folder.parent.is_dir())


def named(folder: Path, environ: Mapping[str, str] | None = None) -> Place:
    """Return the place of a folder that was named; it may be a sandbox's."""
    matching = (found for found in sandboxes(environ) if found.folder == folder)
    return next(matching, Place(folder=folder, why="--config-dir"))


def _forced(environ: Mapping[str, str]) -> Place | None:
    folder = environ.get("MPV_HOME")
    return Place(folder=_expanded(folder, environ), why="MPV_HOME") if folder else None


def _expanded(text: str, environ: Mapping[str, str]) -> Path:
    home = environ.get("HOME") or environ.get("USERPROFILE")
    return Path(home, text[2:]) if text.startswith("~/") and home else Path(text)


def _sandboxed(program: Path | None, environ: Mapping[str, str]) -> Place | None:
    home = environ.get("HOME")
    if program is None or not home:
        return None
    if program.name == _FLATPAK:
        return _flatpak(home)
    return _snap(home) if program.as_posix().startswith(_SNAP) else None


def _flatpak(home: str) -> Place:
    return Place(folder=Path(home, ".var", "app", _FLATPAK, "config", "mpv"), why="mpv from Flatpak", sealed=True)


def _snap(home: str) -> Place:
    return Place(folder=Path(home, "snap", "mpv", "current", ".config", "mpv"), why="mpv from Snap", sealed=True)


def _windows(program: Path | None, environ: Mapping[str, str]) -> Place | None:
    if program is not None and (portable := program.parent / "portable_config").is_dir():
        return Place(folder=portable, why="portable_config beside mpv")
    roaming = environ.get("APPDATA")
    return Place(folder=Path(roaming, "mpv"), why="%APPDATA%") if roaming else None


def _unix(environ: Mapping[str, str]) -> Place | None:
    home, base = environ.get("HOME"), environ.get("XDG_CONFIG_HOME")
    folder = Path(base, "mpv") if base else Path(home, ".config", "mpv") if home else None
    if home and (old := Path(home, ".mpv")).exists() and not (folder and folder.exists()):
        return Place(folder=old, why="there is ~/.mpv and no newer folder")
    if folder is None:
        return None
    return Place(folder=folder, why="XDG_CONFIG_HOME" if base else "the usual folder")
