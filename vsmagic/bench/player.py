"""A real mpv, driven as a person would: keys, commands and what it says, over its JSON IPC."""

import contextlib
import json
import os
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

SECONDS = 30.0  # patience with a loaded machine; nothing that works waits that long


class MpvError(Exception):
    """mpv refused a command; the text is its own."""


class Player:
    """An mpv that runs until it is closed.

    Args:
        program: the mpv.
        arguments: options and files. ``--idle`` keeps it open without a file.
        env: the whole environment; this process's own where it is not given.
        display: keep the options as they are; otherwise there is neither window nor sound, but both keep time.
    """

    def __init__(
        self, program: Path | str, *arguments: object, env: Mapping[str, str] | None = None, display: bool = False
    ) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="mpv-")
        path = Path(self._folder.name) / "ipc"
        quiet = [] if display else ["--vo=null", "--ao=null"]
        self.log: list[dict[str, Any]] = []
        """What mpv logged since it was asked to (level info), oldest first: prefix, level, text."""
        self.events: list[dict[str, Any]] = []
        self._said = Path(self._folder.name) / "terminal"
        with self._said.open("wb") as terminal:
            self.process = subprocess.Popen(
                [program, f"--input-ipc-server={path}", *quiet, *map(str, arguments)],
                env=dict(os.environ if env is None else env),
                stdin=subprocess.DEVNULL,
                stdout=terminal,
                stderr=subprocess.STDOUT,
            )
        self._news = threading.Condition()
        self._answers: dict[int, dict[str, Any]] = {}
        self._number = 0
        self._socket = self._connected(path)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.command("request_log_messages", "info")

    def command(self, *words: object) -> Any:
        """Run a command and return its data."""
        self._number += 1
        number = self._number
        self._socket.sendall(json.dumps({"command": words, "request_id": number}).encode() + b"\n")
        with self._news:
            answered = self._news.wait_for(lambda: number in self._answers or self.ended, SECONDS)
            if not answered or number not in self._answers:
                raise MpvError(f"no answer to {words}; mpv {'has ended' if self.ended else 'hangs'}: {self.terminal}")
            answer = self._answers.pop(number)
        if answer["error"] != "success":
            raise MpvError(f"{words}: {answer['error']}")
        return answer.get("data")

    def get(self, name: str, default: Any = None) -> Any:
        """Return a property, or the default where it is not available now."""
        try:
            return self.command("get_property", name)
        except MpvError:
            return default

    def set(self, name: str, value: object) -> None:
        """Set a property."""
        self.command("set_property", name, value)

    def key(self, name: str) -> None:
        """Press a key, as mpv names it."""
        self.command("keypress", name)

    def wait(self, name: str, expected: Callable[[Any], object] | object, seconds: float = SECONDS) -> Any:
        """Wait until a property is as expected, a value or a test of it, and return it."""
        test = expected if callable(expected) else lambda value: value == expected
        end = time.monotonic() + seconds
        while True:
            value = self.get(name)
            if test(value):
                return value
            if time.monotonic() > end or self.ended:
                raise AssertionError(f"{name} is {value!r} after {seconds} s; mpv said: {self.terminal}")
            time.sleep(0.02)

    def wait_for(self, what: Callable[[], object], seconds: float = SECONDS) -> None:
        """Wait until something holds."""
        end = time.monotonic() + seconds
        while not what():
            if time.monotonic() > end or self.ended:
                raise AssertionError(f"it does not come true within {seconds} s; mpv said: {self.terminal}")
            time.sleep(0.02)

    def event(self, name: str, seconds: float = SECONDS) -> dict[str, Any]:
        """Wait for the next event of that name, counted from the last call for it or from the start."""
        found: list[dict[str, Any]] = []

        def come() -> bool:
            for n, event in enumerate(self.events):
                if event["event"] == name:
                    found.append(self.events.pop(n))
                    return True
            return False

        self.wait_for(come, seconds)
        return found[0]

    def said(self, level: str = "error") -> list[str]:
        """Return the text of what was logged at a level."""
        return [message["text"].rstrip("\n") for message in self.log if message["level"] == level]

    @property
    def terminal(self) -> str:
        """Everything mpv wrote to the terminal."""
        return self._said.read_text(errors="replace")

    @property
    def ended(self) -> bool:
        """Whether it is no longer there."""
        return self.process.poll() is not None

    @property
    def memory(self) -> int:
        """Bytes of memory it holds now."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def close(self) -> int:
        """Quit as the key q does, and return the exit code."""
        if not self.ended:
            with contextlib.suppress(MpvError, OSError):
                self.command("quit")
        try:
            code = self.process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"mpv does not quit: {self.terminal}") from None
        finally:
            self._socket.close()
            self._reader.join(5)
        self._folder.cleanup()
        return code

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.close()
            return
        self.process.kill()
        self.process.wait()
        self._socket.close()
        self._folder.cleanup()

    def _connected(self, path: Path) -> socket.socket:
        end = time.monotonic() + SECONDS
        while True:
            link = socket.socket(socket.AF_UNIX)
            try:
                link.connect(str(path))
            except OSError:
                link.close()
                if self.ended or time.monotonic() > end:
                    self.process.kill()
                    raise AssertionError(f"mpv does not listen: {self.terminal}") from None
                time.sleep(0.02)
            else:
                return link

    def _read(self) -> None:
        with self._socket.makefile("rb") as lines:
            try:
                for line in lines:
                    self._take(json.loads(line))
            except (OSError, ValueError):  # closed from this side
                pass
        with self._news:
            self._news.notify_all()

    def _take(self, message: dict[str, Any]) -> None:
        with self._news:
            if "request_id" in message and "error" in message:
                self._answers[message["request_id"]] = message
            elif message.get("event") == "log-message":
                self.log.append(message)
            else:
                self.events.append(message)
            self._news.notify_all()
