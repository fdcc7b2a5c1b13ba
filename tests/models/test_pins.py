"""Files whose hash nobody published: pinned on their first download, and the same from then on."""

import hashlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from hosting import CONTENT, OTHER, QUICK, Handler, Server, entry, left_over, own_cache, serving
from vsmagic.errors import ModelError
from vsmagic.models import download, registry, store
from vsmagic.models.entry import Entry, File
from vsmagic.settings import settings


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as made:
        yield made


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own_cache(tmp_path, monkeypatch)


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
