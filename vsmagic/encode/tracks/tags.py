"""Tags of a file and its tracks: which describe the former file and not the film, and which an output cannot hold."""

import re
from collections.abc import Iterable, Mapping

from vsmagic.encode.containers import Container

STALE = ("major_brand", "minor_version", "compatible_brands", "encoder")
"""What the former file says of itself."""

# What the former track says of itself: mkvmerge's statistics, and facts that the new picture tells in its own way.
_STALE_TRACK = re.compile(
    r"(?:bps|duration|number_of_frames|number_of_bytes|_statistics_\w+|source_id|encoder|encoder_options"
    r"|vendor_id|rotate|alpha_mode)(?:-\w+)?",
    re.IGNORECASE,
)
# Without meaning for who watches; QuickTime's files and ours are full of them.
_IDLE = re.compile(r"(?:" + "|".join(STALE) + r"|name|filename|mimetype)", re.IGNORECASE)


def stale(metadata: Mapping[str, str]) -> list[str]:
    """Return the names of a track's tags that are not true of a track made anew."""
    return [name for name in metadata if _STALE_TRACK.fullmatch(name)]


def lost(metadata: Mapping[str, str], kept: frozenset[str] | None) -> list[str]:
    """Return the names of tags that a container keeps nowhere.

    Args:
        metadata: of a file or a track.
        kept: names in lower case; None: every one.
    """
    if kept is None:
        return []
    return [
        name
        for name, value in metadata.items()
        if value and name.lower() not in kept and not _STALE_TRACK.fullmatch(name) and not _IDLE.fullmatch(name)
    ]


def unwritten(languages: Iterable[str | None], container: Container) -> list[str]:
    """Return the languages that a container, which has three letters for them, cannot tell."""
    if container.muxer not in {"mp4", "mov"}:
        return []
    return sorted({tag for tag in languages if tag and not re.fullmatch(r"[a-z]{3}", tag)})
