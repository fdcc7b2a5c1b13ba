"""Finds VapourSynth's own program ``vspipe`` and its configuration, and makes its command line."""

import hashlib
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from vsmagic.errors import SetupError
from vsmagic.settings import settings
from vsmagic.shipped import shipped

_REINSTALL = "install it again with: python -m pip install --force-reinstall vapoursynth"


@dataclass(frozen=True, kw_only=True)
class Vspipe:
    """The native ``vspipe`` and what its environment needs so that it runs this very Python."""

    program: Path
    configuration: Path
    """Folder of its configuration, XDG_CONFIG_HOME."""
    programs: Path
    """Folder of this Python, which must come first on PATH."""

    def environ(self) -> dict[str, str]:
        """Return the whole environment for the child, made from this process's own."""
        path = os.pathsep.join([str(self.programs), os.environ.get("PATH", os.defpath)])
        return {**_environ(), "XDG_CONFIG_HOME": str(self.configuration), "PATH": path}

    def shell(self, line: Sequence[str]) -> str:
        """Return a command of this program, with its environment, as a POSIX shell reads it."""
        variables = (
            f'XDG_CONFIG_HOME={shlex.quote(str(self.configuration))} PATH={shlex.quote(str(self.programs))}:"$PATH"'
        )
        return f"env -u PYTHONHOME {variables} {shlex.join(line)}"


def _environ() -> dict[str, str]:
    """Return this process's environment without what would lead to another Python."""
    return {key: value for key, value in os.environ.items() if key != "PYTHONHOME"}


def find_vspipe() -> Vspipe:
    """Find the ``vspipe`` of this installation and write its configuration if there is none yet.

    The ``vspipe`` on PATH is a Python program that starts the native one and, stopped by a signal, leaves it
    running; so the native one beside VapourSynth's library is started directly.

    Raises:
        SetupError: VapourSynth is not installed, incomplete, or cannot be configured.
    """
    spec = find_spec("vapoursynth")
    if spec is None or spec.origin is None:
        raise SetupError(f"VapourSynth is not installed for {sys.executable}; {_REINSTALL}")
    program = Path(spec.origin).with_name("vspipe.exe" if os.name == "nt" else "vspipe")
    if not program.is_file():
        raise SetupError(f"{program}: vspipe is missing from this VapourSynth; {_REINSTALL}")
    return Vspipe(program=program, configuration=_configuration(program), programs=Path(sys.executable).parent)


def _configuration(program: Path) -> Path:
    """Return a folder whose ``vapoursynth/vapoursynth.toml`` names this Python, made once per installation."""
    identity = f"{sys.executable}\0{sys.prefix}\0{sys.version}\0{program}\0{program.stat().st_mtime}"
    folder = settings().cache / "vapoursynth" / hashlib.sha256(identity.encode()).hexdigest()[:16]
    if (folder / "vapoursynth" / "vapoursynth.toml").is_file():
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as made:
            _configure(Path(made))
            (folder / "vapoursynth").mkdir(parents=True, exist_ok=True)
            for file in Path(made).rglob("*.toml"):
                file.replace(folder / "vapoursynth" / file.name)
    except OSError as error:
        raise SetupError(
            f"{folder}: the cache folder cannot be written ({error.strerror}); set VSMAGIC_CACHE to one that can."
        ) from error
    return folder


def _configure(folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "vapoursynth", "config"],
        env={**_environ(), "XDG_CONFIG_HOME": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        words = (done.stderr or done.stdout).strip().splitlines()
        raise SetupError(f"'vapoursynth config' failed: {words[-1] if words else 'no message'}; {_REINSTALL}")


def command(
    vspipe: Vspipe, arguments: Mapping[str, str], *, properties: Path | None = None, progress: bool = False
) -> Sequence[str]:
    """Return the command line that writes the script's output as YUV4MPEG2 to stdout.

    Args:
        vspipe: the program.
        arguments: ``--arg`` values of the script.
        properties: file that receives every output frame's properties, one JSON object a line.
        progress: print ``Frame: n/N`` to stderr.
    """
    line = [str(vspipe.program), "--container", "y4m"]
    if properties is not None:
        line += ["--json", str(properties)]
    if progress:
        line.append("--progress")
    for key, value in arguments.items():
        line += ["--arg", f"{key}={value}"]
    return [*line, str(shipped("encode.vpy")), "-"]
