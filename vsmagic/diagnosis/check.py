"""One result of the doctor, and the command lines it proposes."""

import contextlib
import os
import shlex
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

State = Literal["ok", "missing", "broken", "optional"]


@dataclass(frozen=True, kw_only=True)
class Check:
    """What was found out about one part of the installation."""

    group: str
    """Heading it is shown under."""
    name: str
    state: State
    """ok: it works; missing: it is needed and not there; broken: it is there and does not work; optional: it is not
    there, or has no device to run on, and nothing else depends on it."""
    detail: str
    """Version, place or device; for the other states, what is wrong."""
    remedy: str | None = None
    """The command, or the sentence, that mends it."""
    required: bool = False
    """Without it vsmagic does not work."""

    @property
    def fatal(self) -> bool:
        """Whether vsmagic does not work because of this."""
        return self.state == "missing" or (self.required and self.state != "ok")


Examination = Callable[[], Check]


def pip(what: str) -> str:
    """Return the command that installs something beside the Python that runs now."""
    return f"{_this_python()} -m pip install {what}"


def mended(trouble: str) -> tuple[str, str | None]:
    """Split a backend's words, 'what is wrong; what mends it', and make its pip this Python's own."""
    wrong, _, remedy = trouble.partition("; ")
    remedy = remedy.removeprefix("run: ")
    if remedy.startswith("pip install "):
        remedy = pip(remedy.removeprefix("pip install "))
    return wrong, remedy or None


def _this_python() -> str:
    program = Path(sys.executable)
    with contextlib.suppress(ValueError, OSError):  # it lies elsewhere, or the current folder is gone
        program = program.relative_to(Path.cwd())
    return shlex.quote(str(program) if os.sep in str(program) else sys.executable)
