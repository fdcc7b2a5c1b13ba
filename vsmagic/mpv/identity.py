"""Which vsmagic this is: the Python it runs in, the words that start it, the VapourSynth beside it."""

import os
import sys
import sysconfig
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from vsmagic.errors import SetupError

PACKAGE = Path(__file__).parents[1]
"""The folder this package was imported from."""
ROOT = PACKAGE.parent
"""What has to be on sys.path to import it."""


def vsscript() -> Path:
    """Return VapourSynth's scripting library, the path that ``vapoursynth get-vsscript`` prints; nothing is started.

    Raises:
        SetupError: this Python has no VapourSynth, or one without the library.
    """
    names = {"win32": "vsscript.dll", "darwin": "libvsscript.dylib"}
    spec = find_spec("vapoursynth")
    found = Path(spec.origin).with_name(names.get(sys.platform, "libvsscript.so")) if spec and spec.origin else None
    if found is None or not found.is_file():
        raise SetupError(
            f"{found or 'VapourSynth'}: not there for {sys.executable}; install it with: "
            f"{sys.executable} -m pip install --force-reinstall vapoursynth"
        )
    return found


def programs() -> Path:
    """Return the folder of this Python, which holds ``vapoursynth`` too."""
    return Path(sys.executable).parent


@cache
def known() -> bool:
    """Whether this Python finds this package by itself: it is installed there, as files or as a path to a checkout."""
    folders = {Path(sysconfig.get_path(name)) for name in ("purelib", "platlib")}
    if ROOT in folders:
        return True
    return any(_leads_here(file) for folder in folders for file in folder.glob("*.pth"))


def _leads_here(file: Path) -> bool:
    try:
        lines = file.read_text(errors="replace").splitlines()
    except OSError:
        return False
    return any(Path(line.strip()) == ROOT for line in lines if line.strip() and not line.startswith(("import ", "#")))


def command() -> tuple[str, ...]:
    """Return the words that start this very vsmagic, from any folder and whatever lies in it."""
    if known():
        return sys.executable, "-P", "-m", "vsmagic"
    start = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from vsmagic.cli.main import main; main()"
    return sys.executable, "-P", "-c", start


def environ(base: dict[str, str], *, preload: bool = False) -> dict[str, str]:
    """Return an environment in which a player loads the VapourSynth beside this Python, and this very vsmagic.

    ``VSSCRIPT_PATH`` names the library. It asks ``vapoursynth``, found on PATH, for its Python where that was never
    written down; ``PYTHONHOME`` would lead that Python to another's library. ``PYTHONPATH`` is set only where the
    Python does not know this package.

    Args:
        base: the environment it is made from.
        preload: the player is linked to a library of the system's; put ours in its place (Linux alone).
    """
    found = {key: value for key, value in base.items() if key != "PYTHONHOME"}
    found["VSSCRIPT_PATH"] = str(vsscript())
    found["PATH"] = _joined(str(programs()), base.get("PATH", os.defpath))
    if not known():
        found["PYTHONPATH"] = _joined(str(ROOT), base.get("PYTHONPATH", ""))
    if preload:
        found["LD_PRELOAD"] = _joined(found["VSSCRIPT_PATH"], base.get("LD_PRELOAD", ""))
    return found


def note(environ: Mapping[str, str]) -> Path | None:
    """Return the file in which VapourSynth's library notes its Python; None where that is not known (only Linux is)."""
    base = environ.get("XDG_CONFIG_HOME") or (Path(environ["HOME"], ".config") if environ.get("HOME") else None)
    return Path(base, "vapoursynth", "vapoursynth.toml") if base and sys.platform == "linux" else None


def _joined(first: str, rest: str) -> str:
    return os.pathsep.join([first, *(part for part in rest.split(os.pathsep) if part and part != first)])
