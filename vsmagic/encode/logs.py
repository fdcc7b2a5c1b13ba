"""One way of writing log lines to stderr, shared by the command and the script that vspipe runs for it."""

import logging
import sys
from typing import Any

NAME = "vsmagic: "
"""Begins every line."""
WARNING = "warning: "
"""Follows the name on lines that a quiet job shows too."""


class _Format(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        mark = WARNING if record.levelno >= logging.WARNING else ""
        return f"{NAME}{mark}{super().format(record)}"


class _Stderr(logging.StreamHandler[Any]):
    """Writes to whatever stderr is at the time: a live progress bar puts itself in its place."""

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr
        super().emit(record)


def to_stderr(level: int) -> None:
    """Let the package's log from this level on appear on stderr, and nowhere else."""
    logger = logging.getLogger("vsmagic")
    logger.setLevel(level)
    logger.propagate = False
    handler = _Stderr()
    handler.setFormatter(_Format())
    logger.handlers = [handler]
