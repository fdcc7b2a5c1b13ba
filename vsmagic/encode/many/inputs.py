"""Which files a command means, and what is made of each: files, folders, patterns and lists in, pairs of paths out."""

import glob
import logging
import os
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from vsmagic.encode.codecs import codec_for
from vsmagic.encode.containers import CONTAINERS
from vsmagic.errors import OptionError, OutputError, SourceError

log = logging.getLogger(__name__)

# What is taken from a folder; anything else in it, which a name or a pattern can still ask for, is no business of ours.
VIDEOS = frozenset(
    {".264", ".265", ".3g2", ".3gp", ".asf", ".avi", ".divx", ".dv", ".f4v", ".flv", ".h264", ".h265", ".hevc", ".ivf",
     ".m1v", ".m2t", ".m2ts", ".m2v", ".m4v", ".mjpeg", ".mkv", ".mov", ".mp4", ".mpe", ".mpeg", ".mpg", ".mts", ".mxf",
     ".nut", ".obu", ".ogm", ".ogv", ".qt", ".rm", ".rmvb", ".ts", ".vob", ".webm", ".wmv", ".y4m"}
)  # fmt: skip
_OWN = frozenset({".m4v", ".mkv", ".mov", ".mp4"})
"""Kept from input to output. WebM is not: it would take another codec than the rest of a season."""
_ELSE = ".mkv"
_DIGITS = re.compile(r"(\d+)")


@dataclass(frozen=True, kw_only=True)
class Pair:
    """One file and what is made of it."""

    source: Path
    output: Path


@dataclass(frozen=True, kw_only=True)
class _Found:
    source: Path
    below: Path
    """Where under the folder of the outputs it goes, with the source's own extension."""


def read_list(name: str) -> list[str]:
    """Return the names in a list file: one a line, from the list's own folder; ``-`` is stdin.

    Empty lines and those that begin with # are passed by.

    Raises:
        OptionError: it cannot be read, or names nothing.
    """
    folder = Path() if name == "-" else Path(name).parent
    try:
        raw = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
        text = raw.decode("utf-8-sig")
    except OSError as error:
        raise OptionError(f"--list {name}: the file cannot be read ({error.strerror}).") from error
    except UnicodeDecodeError as error:
        raise OptionError(f"--list {name}: not a text file; expected one path a line, in UTF-8.") from error
    lines = [line.strip() for line in text.splitlines()]
    named = [str(folder / line) for line in lines if line and not line.startswith("#")]
    if not named:
        raise OptionError(f"--list {name}: names no file; expected one path a line.")
    return named


def several(words: Sequence[str], output: Path, *, folder: bool = False) -> bool:
    """Whether the outputs go into a folder: several words, a folder or a pattern among them, or OUT is a folder.

    Args:
        words: what was given as inputs.
        output: what was given as OUT.
        folder: OUT was written as a folder, with a slash at its end.
    """
    one = len(words) == 1
    return not one or folder or output.is_dir() or os.path.isdir(words[0]) or _is_pattern(words[0])  # noqa: PTH112


def pairs(words: Sequence[str], output: Path, *, container: str | None = None, codec: str | None = None) -> list[Pair]:
    """Return the files that words mean, each once, in natural order within folders and patterns, with their outputs.

    Args:
        words: names of files and folders, and patterns such as ``season/*.mkv`` or ``**/*.avi``.
        output: the folder of the outputs; it is not looked into where it lies in a folder of inputs.
        container: extension of all outputs, with its point; None: that of the input if it is .mkv, .mp4, .m4v or
            .mov and holds the codec, else .mkv.
        codec: what was asked for, by name.

    Raises:
        OptionError: a pattern matches nothing, two inputs would give one output, or an output would be an input.
        SourceError: there is no video.
        OutputError: the folder of the outputs is a file.
    """
    if output.exists() and not output.is_dir():
        raise OutputError(f"{output}: is a file; expected a folder, for the outputs of several inputs.")
    _check_folder_name(words, output)
    found: dict[Path, _Found] = {}
    for word in words:
        for one in _meant(word, output, alone=len(words) == 1):
            found.setdefault(one.source.resolve(), one)
    if not found:
        raise SourceError(
            f"{', '.join(words)}: no video in it; expected files that end in .mkv, .mp4, .avi or the like."
        )
    made = [
        Pair(source=one.source, output=output / one.below.with_suffix(container or _suffix(one.source, codec)))
        for one in found.values()
    ]
    _check(made)
    return made


def natural(path: Path) -> list[list[tuple[int, int, str]]]:
    """Return a key that sorts e2 before e10."""
    return [
        [
            (0, int(piece), "") if piece.isdecimal() else (1, 0, piece)
            for piece in _DIGITS.split(part.casefold())
            if piece
        ]
        for part in path.parts
    ]


def _is_pattern(word: str) -> bool:
    return glob.has_magic(word) and not os.path.lexists(word)


def _meant(word: str, output: Path, *, alone: bool) -> Iterator[_Found]:
    path = Path(word)
    if path.is_dir():
        yield from _inside(path, Path() if alone else Path(path.resolve().name), output)
    elif _is_pattern(word):
        matches = sorted(map(Path, glob.glob(word, recursive=True)), key=natural)  # noqa: PTH207 - the pattern may be absolute
        if not matches:
            raise OptionError(f"{word}: no file has such a name; check the pattern and the folder.")
        for match in matches:
            if not match.is_dir():
                yield _Found(source=match, below=Path(match.name))
    else:
        yield _Found(source=path, below=Path(path.name))


def _inside(folder: Path, below: Path, output: Path) -> Iterator[_Found]:
    """Give the videos of a folder and of those in it; hidden ones, such as the folders of jobs, are passed by."""
    files = []
    for here, folders, names in folder.walk(on_error=_tell):
        folders[:] = [name for name in folders if not name.startswith(".") and not _same(here / name, output)]
        files += [here / name for name in names if not name.startswith(".") and Path(name).suffix.lower() in VIDEOS]
    if not files:
        log.warning("%s: no video in it", folder)
    for file in sorted(files, key=natural):
        yield _Found(source=file, below=below / file.relative_to(folder))


def _tell(error: OSError) -> None:
    log.warning("%s: cannot be read (%s)", error.filename, error.strerror)


def _same(one: Path, other: Path) -> bool:
    return other.exists() and one.samefile(other)


def _suffix(source: Path, codec: str | None) -> str:
    own = source.suffix.lower()
    if own not in _OWN:
        return _ELSE
    try:
        codec_for(CONTAINERS[own], codec, bits=8)
    except OptionError:
        return _ELSE
    return own


def _check_folder_name(words: Sequence[str], output: Path) -> None:
    """Refuse what is likely meant as the name of a file."""
    if output.suffix.lower() in CONTAINERS and not output.is_dir():
        if len(words) == 1:
            raise SourceError(
                f"{words[0]}: is a directory or a pattern, whose outputs go into a folder; {output} names a file."
            )
        raise OptionError(
            f"{output}: is the name of a file; expected a folder, for the outputs of {len(words)} inputs."
        )


def _check(made: Sequence[Pair]) -> None:
    inputs = {pair.source.resolve() for pair in made}
    taken: dict[Path, Path] = {}
    for pair in made:
        target = pair.output.resolve()
        if target in inputs:
            raise OptionError(f"{pair.output}: is one of the inputs; choose another folder for the outputs.")
        if target in taken:
            raise OptionError(
                f"{taken[target]} and {pair.source} would both become {pair.output}; rename one, or run them into "
                "folders of their own."
            )
        taken[target] = pair.source
