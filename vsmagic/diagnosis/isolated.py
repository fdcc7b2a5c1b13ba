"""Ask a question in a process of its own: a broken driver may crash, hang or write to the terminal there."""

import functools
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

_SECONDS = 120  # on a busy machine, importing PyTorch alone may take most of one minute


class NoAnswerError(Exception):
    """The process failed, crashed or did not answer in time; the message says which."""


@functools.cache
def ask(question: str) -> dict[str, Any]:
    """Return the answer to one of the questions of :mod:`vsmagic.diagnosis.probes`.

    Raises:
        NoAnswerError: there is none.
    """
    # -P: a file of the user's in the current folder must not be taken for a library.
    command = [sys.executable, "-P", "-m", "vsmagic.diagnosis.probes", question]
    try:
        done = subprocess.run(
            command,
            env=os.environ | {"PYTHONPATH": _path()},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise NoAnswerError(f"hangs: no answer within {_SECONDS} seconds") from error
    if done.returncode < 0:
        raise NoAnswerError(f"crashes ({signal.Signals(-done.returncode).name})")
    if done.returncode:
        words = done.stderr.decode(errors="replace").strip().splitlines()
        raise NoAnswerError(words[-1] if words else f"fails with exit code {done.returncode}")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def _path() -> str:
    """Return a PYTHONPATH on which the process finds this very package, wherever it was imported from."""
    here = str(Path(__file__).parents[2])
    return os.pathsep.join(filter(None, [here, os.environ.get("PYTHONPATH")]))
