"""Runs a command and tells on stdout, as JSON, how it ended, how long it took and its peak of memory.

    python -m vsmagic.bench.observed COMMAND [ARGUMENT ...]

A small process of its own: Linux counts into a program's peak what the process that started it held at that moment.
"""

import json
import os
import subprocess
import sys
import time


def main(command: list[str]) -> None:
    """Run a command; its stderr passes through, its stdout is dropped."""
    began = time.monotonic()
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as running:
        _, status, usage = os.wait4(running.pid, 0)
        seconds = time.monotonic() - began
        running.returncode = os.waitstatus_to_exitcode(status)
    unit = 1 if sys.platform == "darwin" else 1024
    told = {"code": running.returncode, "seconds": seconds, "peak": usage.ru_maxrss * unit}
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    main(sys.argv[1:])
