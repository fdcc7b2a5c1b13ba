"""Runs vspipe and ffmpeg joined by a pipe: no byte of a picture passes through Python."""

import logging
import os
import re
import select
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from vsmagic import logs
from vsmagic.encode import description as descriptions
from vsmagic.encode.children import Child, Children
from vsmagic.encode.description import Description, Shape
from vsmagic.errors import EncodeError, InterlacedError, OutputError, SourceError, VsmagicError

log = logging.getLogger(__name__)

_FRAME = re.compile(r"Frame: (\d+)/(\d+)")
_RENDERED = re.compile(r"Output (\d+) frames")
_INDEXING = re.compile(r"index progress (\d+%)")
# A frame that the source could not decode, told by BestSource or FFMS2 themselves.
_DAMAGE = re.compile(r"Failed to retrieve frame (\d+) with error: ((?:VideoSource|ffms2|FFVideoSource)\b.*)")
_CHATTER = re.compile(r"Frame: |Output |Script evaluation|Information: |Warning: |vsmagic: ")
_FULL = "No space left on device"


class Heard(Protocol):
    """What hears how far a pipe is. Called from several threads."""

    def frames(self, done: int, size: int) -> None:
        """So many frames have left the filters, and the encoder has written so many bytes."""

    def stage(self, words: str) -> None:
        """Something without frames to count goes on."""

    def say(self, level: int, words: str) -> None:
        """The script said something, at a level of :mod:`logging`."""


def run(
    graph: Sequence[str],
    encoder: Sequence[str],
    *,
    environment: Mapping[str, str],
    described: Path,
    shape: Shape,
    written: Path | None,
    heard: Heard,
    children: Children,
) -> str | None:
    """Pipe the pictures of vspipe into the encoder, and wait for both.

    Args:
        graph: the command of vspipe, writing to stdout.
        encoder: the encoder's command, reading from stdin.
        environment: of both.
        described: where the script tells the shape of what it writes.
        shape: what that must be.
        written: the file that the encoder writes, to tell its size; None where there is none.
        heard: is told how far it is.
        children: both run among these, and are gone afterwards.

    Returns:
        The source filter's words about the frame at which it gave up; None when all frames came.

    Raises:
        VsmagicError: of the class that the script raised, in its own words.
        EncodeError: vspipe or ffmpeg failed, or the graph gives something else than it should.
        OutputError: the disk is full.
    """
    with children:
        reading, writing = os.pipe()
        try:
            listener = _Listener(heard, written)
            vspipe = children.start(graph, environment=environment, stdout=writing, heard=listener)
        finally:
            os.close(writing)
        try:
            _check_shape(_await_told(reading, vspipe, described, Shape), shape)
            ffmpeg = children.start(encoder, environment=environment, stdin=reading)
        finally:
            os.close(reading)
        return _await_both(children, vspipe, ffmpeg)


def _check_shape(told: Shape, wanted: Shape) -> None:
    if told != wanted:
        raise EncodeError(
            f"the filters give {_words(told)} here, but {_words(wanted)} when the job was begun; the input, a filter "
            "or a model is another one. Run it again."
        )


def _words(shape: Shape) -> str:
    rate = "a variable rate" if shape.rate is None else f"{shape.rate[0]}/{shape.rate[1]} fps"
    return f"{shape.frames} frames of {shape.width}x{shape.height} in {shape.subsampling}, {shape.bits} bits, at {rate}"


def describe(graph: Sequence[str], *, environment: Mapping[str, str], described: Path, heard: Heard) -> Description:
    """Let the script build its graph and describe it, and stop before frames are rendered.

    Raises:
        VsmagicError: of the class that the script raised, in its own words.
        EncodeError: vspipe failed.
    """
    with Children() as children:
        reading, writing = os.pipe()
        try:
            vspipe = children.start(graph, environment=environment, stdout=writing, heard=_Listener(heard, None))
        finally:
            os.close(writing)
        try:
            return _await_told(reading, vspipe, described, Description)
        finally:
            os.close(reading)


class _Listener:
    """Sorts what vspipe says: frames, indexing, our own warnings, the rest."""

    def __init__(self, heard: Heard, written: Path | None) -> None:
        self._heard = heard
        self._written = written

    def __call__(self, line: str) -> None:
        if frame := _FRAME.search(line) or _RENDERED.match(line):
            self._heard.frames(int(frame[1]), self._size())
        elif indexing := _INDEXING.search(line):
            self._heard.stage(f"indexing {indexing[1]}")
        elif line.startswith(logs.NAME):
            text = line.removeprefix(logs.NAME)
            level = logging.WARNING if text.startswith(logs.WARNING) else logging.INFO
            self._heard.say(level, text.removeprefix(logs.WARNING))
        else:
            log.debug("vspipe: %s", line)

    def _size(self) -> int:
        try:
            return 0 if self._written is None else self._written.stat().st_size
        except FileNotFoundError:  # the encoder has not begun to write
            return 0


def _await_told[Told: (Shape, Description)](reading: int, vspipe: Child, described: Path, kind: type[Told]) -> Told:
    """Wait until vspipe writes its first byte or ends, then read what the script told."""
    select.select([reading], [], [])
    found = descriptions.read(described)
    if found is None:
        vspipe.finish(seconds=10)
        found = descriptions.read(described)
    if isinstance(found, kind):
        return found
    if isinstance(found, descriptions.Refusal):
        raise _error(found)
    raise EncodeError(f"vspipe failed before the first frame: {last_words(vspipe)}.")


def _error(refusal: descriptions.Refusal) -> VsmagicError:
    if refusal.fields is not None:
        return InterlacedError(refusal.error, kind=refusal.fields[0], order=refusal.fields[1])
    kinds: dict[int, type[VsmagicError]] = {kind.exit_code: kind for kind in VsmagicError.__subclasses__()}
    return kinds.get(refusal.exit_code, VsmagicError)(refusal.error)


def _await_both(children: Children, vspipe: Child, ffmpeg: Child) -> str | None:
    """Wait for the end of both; return the damage that ended the source early, if any."""
    damage = None
    for _ in (vspipe, ffmpeg):
        child = children.next_end()
        if child is vspipe and child.code and not _broken_pipe(vspipe):
            damage = _damage(vspipe)
        if child is ffmpeg and child.code and damage is None:  # with a damaged source it may have got no frame
            raise _encoder_error(ffmpeg)
    if _broken_pipe(vspipe):
        raise EncodeError("ffmpeg stopped reading before the last frame.")
    return damage


def _broken_pipe(vspipe: Child) -> bool:
    """Whether vspipe ended because nobody read on: then it is ffmpeg that has something to tell."""
    return vspipe.code == -signal.SIGPIPE or any("fwrite() call failed" in line for line in vspipe.lines)


def _damage(vspipe: Child) -> str:
    found = next(filter(None, map(_DAMAGE.search, vspipe.lines)), None)
    if found is None:
        raise EncodeError(f"vspipe failed: {last_words(vspipe)}.")
    if found[1] == "0":
        raise SourceError(f"no frame of the video can be decoded ({found[2]}); get the file again.")
    return found[2].partition(". ")[0].rstrip(".")


def _encoder_error(ffmpeg: Child) -> VsmagicError:
    raise_if_full(ffmpeg)
    return EncodeError(f"ffmpeg failed: {last_words(ffmpeg)}.")


def raise_if_full(child: Child) -> None:
    """Raise OutputError if a child complained about a full disk."""
    if any(_FULL in line for line in child.lines):
        raise OutputError("the disk of the output is full; free space or choose another folder.")


def last_words(child: Child, count: int = 3) -> str:
    """Return how a child ended, or the last lines it said that tell something; without a full stop."""
    code = child.code
    if code is not None and code < 0:
        return f"{signal.Signals(-code).name} ended it"
    told = [line for line in child.lines if not _CHATTER.match(line)]
    return " / ".join(told[-count:]).rstrip(".") if told else f"it ended with code {code} and said nothing"
