"""One way of writing log lines to stderr, shared by the command and the scripts that vspipe and mpv run."""

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


class Once(logging.Filter):
    """Lets each message pass once, for what runs again and again in one process."""

    def __init__(self) -> None:
        super().__init__()
        self._passed: set[str] = set()

    def filter(self, record: logging.LogRecord) -> bool:  # noqa: D102 - told by its base
        message = record.getMessage()
        new = message not in self._passed
        self._passed.add(message)
        return new


def to_stderr(level: int, only: logging.Filter | None = None) -> None:
    """Let the package's log from this level on appear on stderr, and nowhere else.

    Args:
        level: the least that appears.
        only: what else decides.
    """
    logger = logging.getLogger("vsmagic")
    logger.setLevel(level)
    logger.propagate = False
    handler = _Stderr()
    handler.setFormatter(_Format())
    if only is not None:
        handler.addFilter(only)
    logger.handlers = [handler]
