"""Our folder in mpv's configuration: what it holds, and the record of it, ``installation.json``."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import msgspec

from vsmagic import __version__
from vsmagic.errors import OptionError, SetupError
from vsmagic.mpv import identity
from vsmagic.mpv.conffile import CONF
from vsmagic.settings import settings
from vsmagic.shipped import shipped

RECORD = "installation.json"
SCRIPT = "vsmagic.lua"
SHADER = "magic-x2-fast-single"
"""The shader that --shaders-only turns on unless another is named."""


class Installation(msgspec.Struct, frozen=True, kw_only=True):
    """What ``installation.json`` says. The Lua script reads the first six; the rest is for the next install."""

    version: str
    """Of the vsmagic that installed it."""
    command: tuple[str, ...]
    """Words that start that vsmagic."""
    vsscript: str
    """Path of the VapourSynth library beside it."""
    speeds: str
    """Path of the speed table."""
    folder: str
    """Path of this folder."""
    shader: str | None = None
    """The shader that is turned on; None where the script is."""
    files: dict[str, str] = {}
    """SHA-256 of every other file as it was installed, by its path in this folder."""
    levels: int = 0
    """Folders that were made, from this one upward."""
    conf: bool = False
    """Whether mpv.conf was made."""
    line: bool = False
    """Whether the line in mpv.conf was added."""


def record(content: bytes) -> Installation | None:
    """Read a record; None where it is damaged."""
    try:
        return msgspec.json.decode(content, type=Installation)
    except msgspec.DecodeError:  # ValidationError among them
        return None


def digests(files: Mapping[str, bytes]) -> dict[str, str]:
    """Return SHA-256 of every file, sorted by name."""
    return {name: digest(files[name]) for name in sorted(files)}


def digest(content: bytes) -> str:
    """Return the SHA-256 of a file's bytes."""
    return hashlib.sha256(content).hexdigest()


def files(*, base: str, shader: str | None) -> dict[str, bytes]:
    """Return every file but the record, by its path in the folder.

    Args:
        base: how mpv names the folder: ``~~/vsmagic``, or a path.
        shader: with it, the shaders alone, and this one of them turned on; without, all, and the script turned on.

    Raises:
        OptionError: there is no shader of that name.
        SetupError: this vsmagic lacks its scripts.
    """
    found = shaders() if shader is not None else _scripts() | shaders()
    return found | {CONF: _conf(base, shader, found)}


def installation(folder: Path, contents: Mapping[str, bytes], *, shader: str | None) -> Installation:
    """Return the record of a new installation in a folder."""
    return Installation(
        version=__version__,
        command=identity.command(),
        vsscript=str(identity.vsscript()),
        speeds=str(settings().cache / "realtime.json"),
        folder=str(folder),
        shader=shader,
        files=digests(contents),
    )


def encoded(entry: Installation) -> bytes:
    """Return the bytes of a record, the same for the same record."""
    return msgspec.json.format(msgspec.json.encode(entry), indent=2) + b"\n"


def _scripts() -> dict[str, bytes]:
    root = shipped("mpv")
    found = {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and not path.name.startswith(".") and path.suffix != ".pyc"
    }
    if SCRIPT not in found:
        raise SetupError(f"{root / SCRIPT}: missing; install vsmagic again.")
    return found


def shaders() -> dict[str, bytes]:
    """Return every shader, by its path in the folder."""
    root = shipped("shaders")
    return {f"shaders/{path.name}": path.read_bytes() for path in sorted(root.glob("*.glsl"))}


def _conf(base: str, shader: str | None, found: Mapping[str, bytes]) -> bytes:
    lines = [
        f"# Made by vsmagic {__version__}: vsmagic mpv install. The next install makes it anew.",
        "# mpv carries this out after all of mpv.conf, so it only adds to lists: every option of yours stays as it is.",
    ]
    if shader is None:
        return _joined([*lines, f"scripts-append={quoted(f'{base}/{SCRIPT}')}"])
    path = f"shaders/{shader.removesuffix('.glsl')}.glsl"
    if path not in found:
        names = ", ".join(Path(name).stem for name in found) or "none"
        raise OptionError(f"mpv install: there is no shader {shader!r}; expected one of: {names}.")
    return _joined([*lines, f"glsl-shaders-append={quoted(f'{base}/{path}')}"])


def _joined(lines: list[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode(errors="surrogateescape")


def quoted(value: str) -> str:
    """Quote a value for an mpv configuration file; a quote inside it takes mpv's form with the length in bytes."""
    return f"%{len(value.encode(errors='surrogateescape'))}%{value}" if '"' in value else f'"{value}"'
