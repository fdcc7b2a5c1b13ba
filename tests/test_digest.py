"""The hash that files of the cache are named by is SHA-256, whichever library works it out."""

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from vsmagic.digest import digest


@given(st.binary(max_size=300))
def test_it_is_sha256(content: bytes) -> None:
    assert digest(content) == hashlib.sha256(content).hexdigest()
