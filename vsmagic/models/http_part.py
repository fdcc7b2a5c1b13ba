"""The HTTP of a download: ask for what is missing of a file, and read it without ever waiting for long."""

import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, override

import msgspec

from vsmagic import __version__
from vsmagic.errors import reason
from vsmagic.files import write_atomically
from vsmagic.models import store

_BLOCK = 1 << 16
_SLOWEST = 1024
"""Bytes in a stall's time below which a connection counts as stalled: some trickle for ever."""
_REDIRECTS = 5
_PASSING = {408, 425, 429, 500, 502, 503, 504}
"""Statuses that may be otherwise the next time."""


class Refused(Exception):  # noqa: N818 - said of the server, inside the package only
    """The server will not give the file, however often it is asked."""


class Lost(Exception):  # noqa: N818 - as above
    """The connection failed in a way that may be otherwise the next time."""


class _Version(msgspec.Struct, frozen=True):
    """Which version of which file a part is of, as the server names it."""

    url: str
    validator: str


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A response whose body continues the part."""

    response: http.client.HTTPResponse
    stall: float
    total: int | None
    """Bytes that the whole file has, as the server says; None where it does not."""

    def blocks(self) -> Iterator[bytes]:
        """Yield the body as it comes.

        Raises:
            Lost: the connection broke, or brought less than a trickle for the stall's time.
        """
        since, came = time.monotonic(), 0
        while block := self._read():
            came += len(block)
            yield block
            now = time.monotonic()
            if now - since >= self.stall:
                if came < _SLOWEST:
                    raise Lost(f"only {came} bytes came in {now - since:.0f} s")
                since, came = now, 0

    def _read(self) -> bytes:
        try:
            return self.response.read1(_BLOCK)
        except (http.client.HTTPException, OSError) as error:
            raise Lost(reason(error)) from error


@contextmanager
def opened(url: str, path: Path, total: int | None, stall: float) -> Iterator[Answer | None]:
    """Ask for what is missing of a file; the part then ends where the answer's body begins.

    Args:
        url: where the file is.
        path: where it will lie; its part lies beside it.
        total: bytes it has; None where that is not known.
        stall: seconds without a byte after which the connection is given up.

    Yields:
        The answer; None where nothing is missing.

    Raises:
        Refused: the server does not give it, or redirects without end or to another protocol.
        Lost: whatever may be otherwise the next time.
    """
    part = store.part_of(path)
    begin = part.stat().st_size if part.exists() else 0
    if total is not None and begin > total:
        discard(path)
        begin = 0
    if begin == total:
        yield None
        return
    with _answered(url, path, begin, stall) as response:
        if begin and not _continues(response, path, begin):
            discard(path)
            begin = 0
        _remember(response, url, path)
        length = response.headers.get("Content-Length", "")
        yield Answer(response=response, stall=stall, total=begin + int(length) if length.isdecimal() else None)


def _answered(url: str, path: Path, begin: int, stall: float) -> http.client.HTTPResponse:
    try:
        response: http.client.HTTPResponse = _opener().open(_request(url, path, begin), timeout=stall)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            discard(path)
            raise Lost("the server's file is shorter than the part that is here") from error
        if error.code in _PASSING:
            raise Lost(f"the server answers {error.code} {error.reason}") from error
        if error.code in range(300, 400):
            raise Refused("redirects without end") from error
        raise Refused(f"answers {error.code} {error.reason}") from error
    except (http.client.HTTPException, OSError) as error:
        raise Lost(reason(error)) from error
    return response


def discard(path: Path) -> None:
    """Delete the part of a file."""
    store.part_of(path).unlink(missing_ok=True)
    store.validators_of(path).unlink(missing_ok=True)


def _request(url: str, path: Path, begin: int) -> urllib.request.Request:
    # A compressed body would be of another length and have other ranges.
    headers = {"User-Agent": f"vsmagic/{__version__}", "Accept-Encoding": "identity"}
    if begin:
        headers["Range"] = f"bytes={begin}-"
        try:
            version = msgspec.json.decode(store.validators_of(path).read_bytes(), type=_Version)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            version = None
        if version and version.url == url:
            headers["If-Range"] = version.validator
    return urllib.request.Request(url, headers=headers)  # noqa: S310 - _opener knows HTTP and HTTPS alone


def _continues(response: http.client.HTTPResponse, path: Path, begin: int) -> bool:
    """Whether the body begins where the part ends; else it is the file from its start."""
    if response.status != http.HTTPStatus.PARTIAL_CONTENT:
        return False
    found = response.headers.get("Content-Range", "")
    if not found.startswith(f"bytes {begin}-"):
        discard(path)
        raise Lost(f"the server gives the range {found!r} in place of the one from byte {begin}")
    return True


def _remember(response: http.client.HTTPResponse, url: str, path: Path) -> None:
    """Note how the server names this version, so that a part is never continued with another version's bytes."""
    tag = response.headers.get("ETag", "")
    validator = tag if tag.startswith('"') else response.headers.get("Last-Modified")
    if validator:
        write_atomically(store.validators_of(path), msgspec.json.encode(_Version(url, validator)))


def _opener() -> urllib.request.OpenerDirector:
    """HTTP and HTTPS, through the environment's proxies; no file:, no ftp:."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.UnknownHandler(),
        _Redirects(),
    ):
        opener.add_handler(handler)
    return opener


class _Redirects(urllib.request.HTTPRedirectHandler):
    max_redirections = _REDIRECTS
    max_repeats = 2

    @override
    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        if not newurl.startswith(("https://", "http://")) or (
            req.full_url.startswith("https:") and newurl.startswith("http://")
        ):
            raise Refused(f"redirects to {newurl}, which is not trusted")
        return super().redirect_request(req, fp, code, msg, headers, newurl)

    @override
    def http_error_302(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: http.client.HTTPMessage
    ) -> IO[bytes] | None:
        fp.close()  # what comes with a redirect would be read to its end, and may have none
        return super().http_error_302(req, fp, code, msg, headers)

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302
