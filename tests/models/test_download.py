"""Downloads against a real server that does everything wrong, on loopback."""

import hashlib
import http.client
import http.server
import io
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from vsmagic.errors import ModelError, OutputError
from vsmagic.models import download, http_part, registry, store
from vsmagic.models.download import Patience
from vsmagic.models.entry import Entry, File
from vsmagic.settings import settings

CONTENT = bytes(range(256)) * 4096  # 1 MiB
OTHER = bytes(len(CONTENT))
QUICK = Patience(attempts=3, pause=0.01, stall=0.4)
ROOT = Path(__file__).parents[2]


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


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as made:
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield made
        made.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("VSMAGIC_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


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


@pytest.mark.parametrize(
    "answers",
    [
        pytest.param([Handler.properly], id="a good server"),
        pytest.param([Handler.truncated, Handler.properly], id="truncated once"),
        pytest.param([Handler.truncated], id="truncated each time"),
        pytest.param([Handler.stalling, Handler.properly], id="stalls"),
        pytest.param([Handler.trickling, Handler.properly], id="trickles"),
        pytest.param([Handler.without_ranges], id="knows no ranges"),
        pytest.param([Handler.truncated, Handler.without_ranges], id="truncated, then knows no ranges"),
        pytest.param([Handler.truncated_without_ranges, Handler.without_ranges], id="truncated without ranges"),
        pytest.param([Handler.says_less, Handler.properly], id="says it is shorter"),
        pytest.param([Handler.says_more], id="says it is longer"),
        pytest.param([Handler.truncated, Handler.other_range, Handler.properly], id="another range than asked for"),
        pytest.param([Handler.broken, Handler.properly], id="500 once"),
        pytest.param([Handler.there, Handler.properly], id="redirects"),
        pytest.param([Handler.there, Handler.truncated, Handler.there, Handler.properly], id="redirects, truncated"),
        pytest.param([Handler.there_with_an_endless_body, Handler.properly], id="redirects with an endless body"),
        pytest.param([Handler.hangs_up, Handler.properly], id="hangs up"),
    ],
)
def test_the_file_comes_whole(server: Server, answers: list[Callable[[Handler], None]]) -> None:
    server.answers = answers
    assert fetch(server).read_bytes() == CONTENT
    assert left_over() == ["weights.pth"]


@pytest.mark.parametrize(
    ("answer", "told", "kept"),
    [
        pytest.param(Handler.not_found, "answers 404", [], id="404"),
        pytest.param(Handler.broken, "the server answers 500", [], id="500 for ever"),
        pytest.param(Handler.round_about, "redirects without end", [], id="redirects in a circle"),
        pytest.param(Handler.ever_further, "redirects without end", [], id="redirects for ever"),
        pytest.param(Handler.to_a_file, "redirects", [], id="redirects to a file"),
        pytest.param(Handler.to_ftp, "not trusted", [], id="redirects to FTP"),
        pytest.param(Handler.gives_more, "gives more than the 1048576 bytes", [], id="longer"),
        pytest.param(Handler.endless, "gives more than the 1048576 bytes", [], id="endless"),
        pytest.param(Handler.hangs_up, "RemoteDisconnected", [], id="hangs up for ever"),
        pytest.param(Handler.nothing, "ended after 0 of 1048576 bytes", None, id="gives nothing"),
        pytest.param(Handler.truncated_without_ranges, "ended after 200000 of 1048576 bytes", None, id="never more"),
    ],
)
def test_what_cannot_be_fetched_is_told(
    server: Server, answer: Callable[[Handler], None], told: str, kept: list[str] | None
) -> None:
    server.answers = [answer]
    with pytest.raises(ModelError) as caught:
        fetch(server)
    message = str(caught.value)
    assert told in message
    assert "\n" not in message
    assert "vsmagic models fetch tested --from FILE" in message
    assert "weights.pth" not in left_over()
    if kept is not None:
        assert [name for name in left_over() if not name.startswith("weights.pth.part")] == kept


def test_a_wrong_file_is_deleted_and_told(server: Server) -> None:
    server.content = OTHER
    with pytest.raises(ModelError, match=hashlib.sha256(OTHER).hexdigest()) as caught:
        fetch(server)
    assert hashlib.sha256(CONTENT).hexdigest() in str(caught.value)
    assert left_over() == []


def test_a_stop_is_continued_where_it_was(server: Server) -> None:
    server.answers = [Handler.truncated, Handler.broken]
    with pytest.raises(ModelError, match="300000 of 1048576 bytes are here and will be continued"):
        fetch(server)
    server.answers = [Handler.properly]
    assert fetch(server).read_bytes() == CONTENT
    assert server.requests[-1]["Range"] == "bytes=300000-"
    assert server.requests[-1]["If-Range"] == '"one"'


def test_another_version_is_not_glued_to_the_part(server: Server) -> None:
    server.content, server.answers = OTHER, [Handler.truncated, Handler.broken]
    with pytest.raises(ModelError):
        fetch(server)
    server.content, server.tag, server.answers = CONTENT, '"two"', [Handler.properly]
    assert fetch(server).read_bytes() == CONTENT


def test_a_part_that_does_not_fit_is_fetched_again_from_the_start(server: Server) -> None:
    server.tag = None
    settings().models.mkdir(parents=True)
    store.part_of(settings().models / "weights.pth").write_bytes(bytes(400_000))
    assert fetch(server).read_bytes() == CONTENT
    assert len(server.requests) == 2


@pytest.mark.parametrize("size", [len(CONTENT), len(CONTENT) + 1])
def test_a_part_that_is_long_enough_or_too_long_does_no_harm(server: Server, size: int) -> None:
    settings().models.mkdir(parents=True)
    store.part_of(settings().models / "weights.pth").write_bytes((CONTENT + b"x")[:size])
    assert fetch(server).read_bytes() == CONTENT
    assert len(server.requests) == size - len(CONTENT)


def test_what_is_there_is_not_fetched_again(server: Server) -> None:
    path = fetch(server)
    assert fetch(server) == path
    assert len(server.requests) == 1


def test_a_file_put_there_by_hand_is_accepted_when_its_hash_fits(server: Server) -> None:
    settings().models.mkdir(parents=True)
    (settings().models / "weights.pth").write_bytes(CONTENT)
    assert fetch(server).read_bytes() == CONTENT
    assert not server.requests


def test_a_file_put_there_by_hand_that_does_not_fit_is_replaced(server: Server) -> None:
    settings().models.mkdir(parents=True)
    (settings().models / "weights.pth").write_bytes(OTHER)
    assert fetch(server).read_bytes() == CONTENT


def test_a_file_that_was_changed_is_noticed(server: Server) -> None:
    path = fetch(server)
    path.write_bytes(OTHER)
    os.utime(path, ns=(1, 1))
    assert store.state(entry(server.url)) == "damaged"
    assert fetch(server).read_bytes() == CONTENT


def test_progress_goes_up_to_the_end_and_no_further(server: Server) -> None:
    seen: list[tuple[int, int]] = []
    server.answers = [Handler.truncated, Handler.properly]
    download.fetch(entry(server.url), progress=lambda done, total: seen.append((done, total)), patience=QUICK)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert seen[-1] == (len(CONTENT), len(CONTENT))


def test_the_environments_proxy_is_asked(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{server.server_port}")
    path = download.fetch(entry("http://models.invalid/weights.pth"), patience=QUICK)
    assert path.read_bytes() == CONTENT
    assert server.requests[0]["path"] == "http://models.invalid/weights.pth"
    assert server.requests[0]["Host"] == "models.invalid"


def test_no_proxy_is_respected(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    assert fetch(server).read_bytes() == CONTENT


def test_a_server_that_is_not_there_is_told() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/weights.pth"
    with pytest.raises(ModelError, match="Connection refused"):
        download.fetch(entry(url), patience=QUICK)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://127.0.0.1/weights.pth"])
def test_only_http_is_spoken(url: str) -> None:
    with pytest.raises(ModelError, match="unknown url type"):
        download.fetch(entry(url), patience=QUICK)


def test_https_is_not_left_for_http() -> None:
    redirects = http_part._Redirects()
    request = http_part.urllib.request.Request("https://example.org/a")
    with pytest.raises(http_part.Refused, match="not trusted"):
        redirects.redirect_request(request, io.BytesIO(), 302, "", http.client.HTTPMessage(), "http://example.org/a")


def test_take_a_file_the_user_has(tmp_path: Path) -> None:
    source = tmp_path / "Downloads.bin"
    source.write_bytes(CONTENT)
    assert download.take(entry("http://unused.invalid"), source).read_bytes() == CONTENT
    assert download.take(entry("http://unused.invalid"), settings().models / "weights.pth").read_bytes() == CONTENT
    assert left_over() == ["weights.pth"]


def test_take_refuses_another_file(tmp_path: Path) -> None:
    source = tmp_path / "other.pth"
    source.write_bytes(OTHER)
    with pytest.raises(ModelError, match="nothing was changed"):
        download.take(entry("http://unused.invalid"), source)
    with pytest.raises(ModelError, match="cannot be read"):
        download.take(entry("http://unused.invalid"), tmp_path / "absent.pth")
    assert source.exists()
    assert left_over() == []


def unpinned(url: str) -> Entry:
    """An entry whose authors publish an address and no hash."""
    return msgspec.structs.replace(entry(url), file=File(name="weights.pth", url=url))


def test_the_first_download_is_pinned_and_told(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    server.answers = [Handler.truncated, Handler.properly]
    one = unpinned(server.url)
    assert store.state(one) == "not fetched"
    path = download.fetch(one, patience=QUICK)
    assert path.read_bytes() == CONTENT
    found = hashlib.sha256(CONTENT).hexdigest()
    assert re.search(rf"{found} \({len(CONTENT)} bytes\), pinned on first download", caplog.text)
    assert one.file
    assert (store.state(one), store.expected(one.file)) == ("fetched", found)
    caplog.clear()
    download.fetch(one, patience=QUICK)
    assert len(server.requests) == 2
    assert not caplog.records


def test_a_later_download_must_match_the_pin(server: Server) -> None:
    one = unpinned(server.url)
    path = download.fetch(one, patience=QUICK)
    assert store.forget(one.name, one.file)
    assert not path.exists()
    server.content, server.tag = OTHER, '"two"'
    with pytest.raises(ModelError, match="not the file that was first downloaded as tested") as caught:
        download.fetch(one, patience=QUICK)
    assert hashlib.sha256(CONTENT).hexdigest() in str(caught.value)
    assert left_over() == ["weights.pth.json"]  # the pin
    server.content, server.tag = CONTENT, '"one"'
    assert download.fetch(one, patience=QUICK).read_bytes() == CONTENT


def test_a_pinned_file_that_was_changed_is_noticed(server: Server) -> None:
    one = unpinned(server.url)
    download.fetch(one, patience=QUICK).write_bytes(OTHER)
    assert store.state(one) == "damaged"
    with pytest.raises(ModelError, match="is not the file that was first downloaded"):
        registry.fetched(one)


def test_a_file_of_the_users_can_be_pinned(tmp_path: Path) -> None:
    for name, content in (("first.pth", CONTENT), ("other.pth", OTHER)):
        (tmp_path / name).write_bytes(content)
    one = unpinned("http://unused.invalid")
    assert download.take(one, tmp_path / "first.pth").read_bytes() == CONTENT
    with pytest.raises(ModelError, match="was first downloaded as tested"):
        download.take(one, tmp_path / "other.pth")


def test_what_lies_there_unpinned_is_not_trusted(server: Server) -> None:
    one = unpinned(server.url)
    settings().models.mkdir(parents=True)
    (settings().models / "weights.pth").write_bytes(OTHER)
    with pytest.raises(ModelError, match="run: vsmagic models fetch tested"):
        registry.fetched(one)
    assert download.fetch(one, patience=QUICK).read_bytes() == CONTENT


def test_a_part_of_an_unknown_version_is_not_continued(server: Server) -> None:
    """Without a hash and without a validator nothing would tell a file that is glued of two."""
    settings().models.mkdir(parents=True)
    store.part_of(settings().models / "weights.pth").write_bytes(OTHER[:1000])
    assert download.fetch(unpinned(server.url), patience=QUICK).read_bytes() == CONTENT
    assert "Range" not in server.requests[0]


@pytest.mark.parametrize("content", ["", "{", "{}"])
def test_a_damaged_pin_is_told(server: Server, content: str) -> None:
    one = unpinned(server.url)
    download.fetch(one, patience=QUICK)
    assert one.file
    store.pin_of(one.file).write_text(content)
    with pytest.raises(ModelError, match="delete it to trust the next download anew"):
        download.fetch(one, patience=QUICK)


@pytest.mark.parametrize(
    ("answer", "told"),
    [(Handler.endless, "does not say how long the file is"), (Handler.offers_too_much, "offers 2147483648 bytes")],
)
def test_a_file_of_unknown_size_is_bounded(server: Server, answer: Callable[[Handler], None], told: str) -> None:
    server.answers = [answer]
    with pytest.raises(ModelError, match=told):
        download.fetch(unpinned(server.url), patience=QUICK)
    assert left_over() == []


def test_a_known_hash_of_unknown_size(server: Server) -> None:
    one = entry(server.url)
    assert one.file
    unsized = msgspec.structs.replace(one, file=msgspec.structs.replace(one.file, bytes=None))
    server.answers = [Handler.truncated, Handler.properly]
    assert download.fetch(unsized, patience=QUICK).read_bytes() == CONTENT
    store.forget(one.name, one.file)
    server.content, server.tag = OTHER, '"two"'
    with pytest.raises(ModelError, match="not the file that the authors of tested published"):
        download.fetch(unsized, patience=QUICK)


def test_a_model_without_an_address_is_refused() -> None:
    unknown = Entry(
        name="unknown", family="t", halo=1, licence="MIT", page="https://example.org", description="",
        file=File(name="a.pth"),
    )  # fmt: skip
    with pytest.raises(ModelError, match=r"vsmagic models add a\.pth --name unknown"):
        download.fetch(unknown)


def test_a_folder_that_cannot_be_written_is_told(
    server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("VSMAGIC_CACHE", str(tmp_path / "file"))
    with pytest.raises(OutputError, match="VSMAGIC_CACHE"):
        fetch(server)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_told(server: Server) -> None:
    settings().models.mkdir(parents=True)
    store.part_of(settings().models / "weights.pth").symlink_to("/dev/full")
    with pytest.raises(OutputError, match="Free space"):
        fetch(server)


def test_two_processes_fetch_it_once(server: Server, tmp_path: Path) -> None:
    def slowly(handler: Handler) -> None:
        start = handler.begin()
        for n in range(start, len(CONTENT), 65536):
            handler.wfile.write(CONTENT[n : n + 65536])
            time.sleep(0.05)

    server.answers = [slowly]
    script = (
        "import sys\n"
        "from vsmagic.models import download\n"
        "from vsmagic.models.entry import Entry, File\n"
        f"facts = {{'sha256': {hashlib.sha256(CONTENT).hexdigest()!r}, 'bytes': {len(CONTENT)}}}\n"
        "file = File(name='weights.pth', url=sys.argv[1], **facts)\n"
        "download.fetch(Entry(name='tested', family='', halo=1, licence='', page='', description='', file=file))\n"
    )
    command = [sys.executable, "-P", "-c", script, server.url]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    both = [subprocess.Popen(command, env=environment) for _ in range(2)]
    assert [process.wait(60) for process in both] == [0, 0]
    assert len(server.requests) == 1
    assert (settings().models / "weights.pth").read_bytes() == CONTENT
