"""SHA-256 of short texts: what files of the cache are named by."""

try:
    # hashlib loads OpenSSL, which takes 4 ms of every start of a script; Python's own random does as is done here.
    from _sha2 import sha256  # type: ignore[import-not-found]
except ImportError:  # a Python that was built without
    from hashlib import sha256


def digest(content: bytes) -> str:
    """Return the hash of a few kilobytes, lower-case hexadecimal; for large files hashlib is several times as fast."""
    found: str = sha256(content).hexdigest()
    return found
