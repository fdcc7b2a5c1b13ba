"""Examine an mpv: its version, whether it has the VapourSynth filter, and what that filter loads.

What it loads is not guessed from how the program was linked: the player plays one frame through
:mod:`vsmagic.mpv.inside`, with the user's environment, and is asked again with what ``vsmagic mpv run`` would add.

Versions, from mpv's own records: the filter speaks VapourSynth's present interface, and takes ``user-data``, since
0.39.0 (DOCS/interface-changes.rst; pull requests 14326 and 14312). It loads the library that ``VSSCRIPT_PATH`` names
since the versions after 0.41 (pull requests 17731 and 17806 of April 2026); before, it is linked to the system's
``libvapoursynth-script``, and calls one function of it, which another library of that name can offer first.
``glsl-shaders`` has its name since 0.28.0.
"""

import mmap
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from shutil import copy, which
from typing import Literal

import msgspec

from vsmagic.errors import SetupError
from vsmagic.mpv import identity
from vsmagic.settings import settings

OLDEST = (0, 39)
"""The first version whose VapourSynth filter works with the VapourSynth that vsmagic needs."""

_SECONDS = 60
_VERSION = re.compile(r"mpv v?(\d+)\.(\d+)(\S*)")
_BUNDLE = Path("/Applications/mpv.app/Contents/MacOS/mpv")
_SIDE = 64  # pixels of the frame that is played
_WORDS = ("vapoursynth", "vsscript", "python")
_PLAIN = (
    "--no-config", "--load-scripts=no", "--ytdl=no", "--osc=no", "--vo=null", "--ao=null", "--frames=1",
    "--term-status-msg=", "--hwdec=no", "--demuxer=rawvideo", f"--demuxer-rawvideo-w={_SIDE}",
    f"--demuxer-rawvideo-h={_SIDE}", "--demuxer-rawvideo-fps=25",
)  # fmt: skip

Needs = Literal["nothing", "variable", "configuration", "preload", "unknown"]
_LINKED = b"libvapoursynth-script.so"


class Inside(msgspec.Struct, frozen=True, kw_only=True):
    """What the Python inside the player told."""

    python: str
    """Version."""
    prefix: str
    """Its ``sys.prefix``: the venv, or the system's."""
    release: int | None = None
    """VapourSynth's release number."""
    library: str | None = None
    """Folder of its VapourSynth."""
    vsmagic: str | None = None
    """Version of its vsmagic."""
    package: str | None = None
    """Folder of its vsmagic."""
    trouble: str | None = None
    """The first import that failed, and how."""

    @property
    def ours(self) -> bool:
        """Whether it imported this very vsmagic."""
        return self.package is not None and Path(self.package).resolve() == identity.PACKAGE.resolve()


@dataclass(frozen=True, kw_only=True)
class Player:
    """What an mpv is able to do."""

    program: Path
    version: str
    """As it names itself, such as 0.40.0."""
    number: tuple[int, int] | None
    """Major and minor version; None where it names none."""
    has_filter: bool
    """Whether it was built with the VapourSynth filter."""
    inside: Inside | None = None
    """What the filter loads as things are; None where it loads nothing."""
    words: str | None = None
    """mpv's own words where it loads nothing."""
    needs: Needs = "unknown"
    """What is needed for this vsmagic: nothing; VSSCRIPT_PATH in the environment; VapourSynth's configuration too; its
    library in the place of the system's; or something that is not known."""

    @property
    def linked(self) -> bool:
        """Whether the program names the system's library, so that VSSCRIPT_PATH is nothing to it."""
        return sys.platform == "linux" and _names_library(self.program)

    @property
    def too_old(self) -> bool:
        """Whether its filter speaks an interface that this VapourSynth no longer has."""
        return self.has_filter and self.number is not None and self.number < OLDEST


def find(program: str | None = None) -> Path:
    """Find mpv: the one that is named, else VSMAGIC_MPV, else the one on PATH.

    Raises:
        SetupError: there is none.
    """
    named, source = (program, "--mpv") if program else (settings().mpv, "VSMAGIC_MPV")
    if named:
        found = which(named)
        if found is None:
            raise SetupError(f"{source} is {named!r}; expected an mpv program that can be run. Name another one.")
        return Path(found)
    found = which("mpv")
    if found is None and not _BUNDLE.is_file():
        raise SetupError("mpv is not on PATH; install it, or name it with --mpv PROGRAM or VSMAGIC_MPV.")
    return Path(found) if found else _BUNDLE


def examine(program: Path, environ: Mapping[str, str] | None = None, *, deep: bool = True) -> Player:
    """Ask an mpv everything, in well under a second; nothing of the user's configuration is read or written.

    Args:
        program: the mpv.
        environ: the environment it is started in; this process's own where it is not given.
        deep: ask what the filter loads too.

    Raises:
        SetupError: it does not run, or is no mpv.
    """
    env = dict(os.environ if environ is None else environ)
    version, number = _version(program, env)
    plain = Player(program=program, version=version, number=number, has_filter="vapoursynth" in _filters(program, env))
    if deep and plain.has_filter and not plain.too_old:
        return _examined(plain, env)
    return plain


def _names_library(program: Path) -> bool:
    try:
        with program.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return content[:4] == b"\x7fELF" and content.find(_LINKED) >= 0
    except (OSError, ValueError):  # it may be run but not read
        return False


def _version(program: Path, env: Mapping[str, str]) -> tuple[str, tuple[int, int] | None]:
    said = _said([str(program), "--no-config", "--version"], env)
    first = said.partition("\n")[0]
    if not first.startswith("mpv "):
        raise SetupError(f"{program}: is no mpv that runs here (it says: {first or 'nothing'}). Name another one.")
    found = _VERSION.match(first)
    if found is None:  # a build that was made without its version
        return first.split()[1], None
    return f"{found[1]}.{found[2]}{found[3]}", (int(found[1]), int(found[2]))


def _filters(program: Path, env: Mapping[str, str]) -> str:
    return _said([str(program), "--no-config", "--vf=help"], env)


def _said(command: list[str], env: Mapping[str, str]) -> str:
    try:
        done = subprocess.run(
            command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            timeout=_SECONDS, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise SetupError(f"{command[0]}: does not answer within {_SECONDS} seconds. Name another mpv.") from error
    except OSError as error:
        raise SetupError(
            f"{command[0]}: cannot be run ({error.strerror}). Install mpv again, or name another."
        ) from error
    return done.stdout.decode(errors="replace")


def _examined(plain: Player, env: dict[str, str]) -> Player:
    """Ask as things are, then with the variable, then with this Python on PATH too, until this vsmagic is imported."""
    inside, words = _ask(plain.program, env)
    needs: Needs = "unknown"
    if inside and inside.ours:
        needs = "nothing"
    else:
        wanted = identity.environ(env)
        variable = wanted | {"PATH": env.get("PATH", os.defpath)}
        tries: list[tuple[Needs, dict[str, str]]] = [("variable", variable), ("configuration", wanted)]
        if sys.platform == "linux":
            tries.append(("preload", identity.environ(env, preload=True)))
        for name, tried in tries:
            found, _ = _ask(plain.program, tried)
            if found and found.ours:
                needs = name
                break
    return Player(
        program=plain.program, version=plain.version, number=plain.number, has_filter=True, inside=inside, words=words,
        needs=needs,
    )  # fmt: skip


def _ask(program: Path, env: Mapping[str, str]) -> tuple[Inside | None, str | None]:
    """Play a frame through our script; return what it told, or else mpv's words.

    The library notes the Python it has found in VapourSynth's configuration; the player is given a copy of that.
    """
    with tempfile.TemporaryDirectory(prefix="vsmagic-") as name:
        folder = Path(name)
        answer, video = folder / "answer.json", folder / "grey.yuv"
        video.write_bytes(bytes([128]) * (_SIDE * _SIDE * 3 // 2 * 2))
        script = folder / "inside.vpy"
        copy(Path(__file__).with_name("inside.py"), script)
        line = [str(program), *_PLAIN, f"--vf=vapoursynth=file={_quoted(script)}", str(video)]
        said = _said(line, {**env, "XDG_CONFIG_HOME": _configured(folder, env), "VSMAGIC_ANSWER": str(answer)})
        if answer.is_file():
            return msgspec.json.decode(answer.read_bytes(), type=Inside), None
        return None, _telling(said)


def _quoted(path: Path) -> str:
    text = str(path)
    return f"%{len(os.fsencode(text))}%{text}"


def _configured(folder: Path, env: Mapping[str, str]) -> str:
    base = env.get("XDG_CONFIG_HOME") or (Path(env["HOME"], ".config") if env.get("HOME") else None)
    place = folder / "config" / "vapoursynth"
    place.mkdir(parents=True)
    if base and (old := Path(base, "vapoursynth", "vapoursynth.toml")).is_file():
        copy(old, place)
    return str(folder / "config")


def _telling(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    telling = [line for line in lines if any(word in line.lower() for word in _WORDS)]
    return (telling or lines or ["nothing"])[0]
