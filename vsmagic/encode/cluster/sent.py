"""What is sent to a Ray cluster by value, so that it runs on nodes that lack vsmagic too.

Nothing here imports anything but Python's own modules before it is called.
"""

import asyncio
from typing import Any

_HELD = 16 * 2**20


class Mailbox:
    """Carries what chunks tell, and the pieces of their files, to the one who asked for them; lives on the head node.

    A chunk that hears False here is wanted no more.
    """

    def __init__(self) -> None:
        self._letters: list[tuple[str, tuple[Any, ...]]] = []
        self._held = 0
        self._begun: set[str] = set()
        self._dropped: set[str] = set()
        self._closed = False
        self._news = asyncio.Event()
        self._taken = asyncio.Event()

    async def tell(self, attempt: str, letters: list[tuple[Any, ...]]) -> bool:
        """Leave letters, or none; return whether the attempt is wanted."""
        if not self._wanted(attempt):
            return False
        self._begun.add(attempt)
        self._letters += [(attempt, letter) for letter in letters]
        if letters:
            self._news.set()
        return True

    async def piece(self, attempt: str, data: bytes) -> bool:
        """Leave a piece of a file as soon as those before it were taken; return whether the attempt is wanted."""
        while self._held >= _HELD and self._wanted(attempt):
            self._taken.clear()
            await self._taken.wait()
        self._held += len(data)
        return await self.tell(attempt, [("piece", data)])

    async def take(self, seconds: float) -> list[tuple[str, tuple[Any, ...]]]:
        """Return all letters, waiting for the first one at most this long."""
        try:
            await asyncio.wait_for(self._news.wait(), seconds)
        except TimeoutError:
            return []
        taken, self._letters, self._held = self._letters, [], 0
        self._news.clear()
        self._taken.set()
        return taken

    async def drop(self, attempt: str) -> bool:
        """Want an attempt no more unless it has begun; return whether it is dropped."""
        if attempt in self._begun:
            return False
        self._dropped.add(attempt)
        return True

    async def close(self) -> None:
        """Want nothing more."""
        self._closed = True
        self._taken.set()

    def _wanted(self, attempt: str) -> bool:
        return not self._closed and attempt not in self._dropped


def check(asked: bytes, version: str, node: str) -> str | bytes:
    """Return what a node has, see :func:`vsmagic.encode.cluster.check.check`, or in words what it lacks."""
    try:
        import vsmagic
    except ImportError as error:
        return f"vsmagic is not installed there ({error})"
    if vsmagic.__version__ != version:
        return f"it has vsmagic {vsmagic.__version__}, not {version}"
    try:
        from vsmagic.encode.cluster import check
    except ImportError as error:
        return f"its vsmagic is incomplete ({error})"
    return check.check(asked, node)


def make(order: bytes, attempt: str, mailbox: Any) -> bytes:
    """Make a chunk, see :func:`vsmagic.encode.cluster.make.make`."""
    from vsmagic.encode.cluster import make

    return make.make(order, attempt, mailbox)
