"""A real server on loopback that does everything wrong, and a model of which it has the file."""

import hashlib
import http.client
import http.server
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from vsmagic.models import download
from vsmagic.models.download import Patience
from vsmagic.models.entry import Entry, File
from vsmagic.settings import settings

CONTENT = bytes(range(256)) * 4096  # 1 MiB
OTHER = bytes(len(CONTENT))
QUICK = Patience(attempts=3, pause=0.01, stall=0.4)


class Server(http.server.ThreadingHTTPServer):
    """Serves ``content``; ``answers`` are what it does to the next requests, in order, the last one for ever."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content = CONTENT
        self.tag: str | None = '"one"'
        self.answers: list[Callable[[Handler], None]] = [Handler.properly]
        self.requests: list[dict[str, str]] = []

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that hang up are part of the tests."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/weights.pth"


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self.server.requests.append(dict(self.headers) | {"path": self.path})
        answers = self.server.answers
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        answer(self)

    def begin(self) -> int:
        """Send status and headers as a good server does; return the first byte to send."""
        content, tag = self.server.content, self.server.tag
        wanted = self.headers.get("Range")
        fits = self.headers.get("If-Range") in (None, tag)
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and fits else 0
        if start >= len(content):
            self.status(416)
            return start
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        if tag:
            self.send_header("ETag", tag)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        return start

    def properly(self) -> None:
        self.wfile.write(self.server.content[self.begin() :])

    def truncated(self) -> None:
        start = self.begin()
        self.wfile.write(self.server.content[start : start + 300_000])

    def nothing(self) -> None:
        self.begin()

    def stalling(self) -> None:
        start = self.begin()
        self.wfile.write(self.server.content[start : start + 100_000])
        self.wfile.flush()
        time.sleep(2)

    def trickling(self) -> None:
        start = self.begin()
        for byte in self.server.content[start : start + 60]:
            self.wfile.write(bytes([byte]))
            self.wfile.flush()
            time.sleep(0.05)

    def without_ranges(self) -> None:
        self.plain(self.server.content, len(self.server.content))

    def truncated_without_ranges(self) -> None:
        self.plain(self.server.content[:200_000], len(self.server.content))

    def says_less(self) -> None:
        self.plain(self.server.content, 1000)

    def says_more(self) -> None:
        self.plain(self.server.content, 2 * len(self.server.content))

    def gives_more(self) -> None:
        self.plain(self.server.content + b"more" * 100_000, len(self.server.content) + 400_000)

    def offers_too_much(self) -> None:
        self.plain(b"", 1 << 31)

    def endless(self) -> None:
        self.send_response(200)
        self.end_headers()
        while True:
            self.wfile.write(bytes(65536))

    def other_range(self) -> None:
        self.send_response(206)
        self.send_header("Content-Range", f"bytes 0-{len(CONTENT) - 1}/{len(CONTENT)}")
        self.end_headers()
        self.wfile.write(CONTENT)

    def not_found(self) -> None:
        self.status(404)

    def broken(self) -> None:
        self.status(500)

    def there(self) -> None:
        self.redirect("/moved/weights.pth")

    def there_with_an_endless_body(self) -> None:
        self.send_response(302)
        self.send_header("Location", "/moved/weights.pth")
        self.end_headers()
        while True:
            self.wfile.write(bytes(65536))

    def round_about(self) -> None:
        self.redirect("/weights.pth?again" if "again" not in self.path else "/weights.pth")

    def ever_further(self) -> None:
        self.redirect(f"/{len(self.server.requests)}")

    def to_a_file(self) -> None:
        self.redirect("file:///etc/passwd")

    def to_ftp(self) -> None:
        self.redirect("ftp://127.0.0.1/weights.pth")

    def hangs_up(self) -> None:
        self.connection.shutdown(socket.SHUT_RDWR)

    def redirect(self, place: str) -> None:
        self.send_response(302)
        self.send_header("Location", place)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def status(self, code: int) -> None:
        self.send_response(code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def plain(self, content: bytes, length: int) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(content)


@contextmanager
def serving() -> Iterator[Server]:
    """Run a server, on loopback."""
    with Server() as made:
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield made
        made.shutdown()
        thread.join()


def own_cache(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Use an empty cache, and no proxy."""
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("VSMAGIC_CACHE", str(folder / "cache"))


def entry(url: str, content: bytes = CONTENT) -> Entry:
    file = File(name="weights.pth", url=url, sha256=hashlib.sha256(content).hexdigest(), bytes=len(content))
    return Entry(
        name="tested", family="tests", halo=1, licence="MIT", page="https://example.org", description="", file=file
    )


def fetch(server: Server, patience: Patience = QUICK) -> Path:
    return download.fetch(entry(server.url), patience=patience)


def left_over() -> list[str]:
    """Files in the models folder that are neither a model nor a lock."""
    files = (path for path in settings().models.rglob("*") if path.is_file())
    return sorted(path.name for path in files if not path.name.endswith(".lock") and path.parent.name != "verified")
