"""Downloads against a real server that does everything wrong, on loopback."""

import hashlib
import http.client
import http.server
import io
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hosting import CONTENT, OTHER, QUICK, Handler, Server, entry, fetch, left_over, own_cache, serving
from vsmagic.errors import ModelError, OutputError
from vsmagic.models import download, http_part, store
from vsmagic.models.entry import Entry, File
from vsmagic.settings import settings

ROOT = Path(__file__).parents[2]


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as made:
        yield made


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own_cache(tmp_path, monkeypatch)


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
