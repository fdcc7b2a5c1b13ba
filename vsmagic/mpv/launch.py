"""``vsmagic mpv run``: start mpv with everything set, without installing anything in its configuration."""

import logging
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from vsmagic.errors import SetupError
from vsmagic.files import cache_folder, write_atomically
from vsmagic.mpv import folder, identity, player
from vsmagic.mpv.conffile import CONF, FOLDER
from vsmagic.mpv.folder import RECORD, SCRIPT, SHADER
from vsmagic.settings import settings

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Launch:
    """A command and the whole environment it needs."""

    command: tuple[str, ...]
    environ: Mapping[str, str]


def launch(program: Path, file: str, options: Sequence[str]) -> Launch:
    """Make our folder in the cache, where it is not as it should be, and the command that plays a file with it.

    An mpv without the VapourSynth filter, or too old for it, gets the shader instead, and that is logged.

    Args:
        program: the mpv.
        file: what to play: a path, a URL, or ``-`` for stdin.
        options: mpv's, and more files; they stand last, so they win.

    Raises:
        SetupError: mpv does not run, or something of this vsmagic is missing.
        OutputError: the cache cannot be written.
    """
    found = player.examine(program, deep=False)
    shader = _shader(found)
    ours = _folder(settings().cache / "mpv", shader)
    line = (
        str(program),
        *_without_installed(),
        f"--include={ours / CONF}",
        f"./{file}" if file.startswith("-") and file != "-" else file,
        *options,
    )
    env = dict(os.environ)
    if not shader:
        env = identity.environ(env, preload=found.linked)
        _mind_note(env)
    return Launch(command=line, environ=env)


def start(prepared: Launch) -> NoReturn:
    """Become mpv, so that signals, the terminal and the exit code are its own."""
    log.debug("%s", prepared.command)
    sys.stdout.flush()
    sys.stderr.flush()
    if os.name == "nt":  # exec there starts a second process and ends this one at once
        sys.exit(subprocess.run(prepared.command, env=prepared.environ, check=False).returncode)
    try:
        os.execve(prepared.command[0], prepared.command, prepared.environ)  # noqa: S606 - no shell is wanted
    except OSError as error:
        raise SetupError(f"{prepared.command[0]}: cannot be run ({error.strerror}). Name another mpv.") from error


def _shader(found: player.Player) -> str | None:
    """Return the shader to play with; None where the filter does it."""
    if found.has_filter and not found.too_old:
        return None
    why = "has no vapoursynth filter" if not found.has_filter else "has too old a vapoursynth filter"
    log.warning("mpv %s %s; the shader %s enlarges instead, with no profiles and no keys", found.version, why, SHADER)
    return SHADER


def _mind_note(env: Mapping[str, str]) -> None:
    """Say so where VapourSynth cannot note which Python is its own, without which it does not start."""
    note = identity.note(env)
    if note is None or _is_noted(note, env["VSSCRIPT_PATH"]):
        return
    there = next(path for path in note.parents if path.exists())
    if not there.is_dir() or not os.access(there, os.W_OK):
        log.warning(
            "%s: cannot be written; VapourSynth notes its Python there, and mpv plays without vsmagic until it can. "
            "Make it writable, or set XDG_CONFIG_HOME to a folder that is", note,
        )  # fmt: skip


def _is_noted(note: Path, library: str) -> bool:
    try:
        return library in note.read_text(errors="replace")
    except OSError:
        return False


def _folder(ours: Path, shader: str | None) -> Path:
    """Bring a folder in the cache to what an installed one holds."""
    contents = folder.files(base=str(ours), shader=shader)
    entry = folder.installation(ours, contents, shader=shader)
    for name, content in (contents | {RECORD: folder.encoded(entry)}).items():
        path = ours / name
        if not path.is_file() or path.read_bytes() != content:
            cache_folder(path.parent)
            write_atomically(path, content)
    return ours


def _without_installed() -> tuple[str, ...]:
    """Return options that take an installed vsmagic out: it would be a second one. mpv minds no absent ones."""
    shaders = (f"--glsl-shaders-remove=~~/{FOLDER}/{name}" for name in folder.shaders())
    return f"--scripts-remove=~~/{FOLDER}/{SCRIPT}", *shaders
