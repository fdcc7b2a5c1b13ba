"""Runs vspipe and ffmpeg joined by a pipe: no byte of a picture passes through Python."""

import logging
import os
import re
import select
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vsmagic import logs
from vsmagic.encode import description as descriptions
from vsmagic.encode.children import Child, Children
from vsmagic.encode.description import Description
from vsmagic.encode.progress import Progress, Silent
from vsmagic.errors import EncodeError, OutputError, SourceError, VsmagicError

log = logging.getLogger(__name__)

_FRAME = re.compile(r"Frame: (\d+)/(\d+)")
_INDEXING = re.compile(r"index progress (\d+%)")
# A frame that the source could not decode, told by BestSource or FFMS2 themselves.
_DAMAGE = re.compile(r"Failed to retrieve frame (\d+) with error: ((?:VideoSource|ffms2|FFVideoSource)\b.*)")
_CHATTER = re.compile(r"Frame: |Output |Script evaluation|Information: |Warning: |vsmagic: ")
_FULL = "No space left on device"


@dataclass(frozen=True, kw_only=True)
class Piped:
    """What went through the pipe."""

    description: Description
    damage: str | None
    """The source filter's words about the frame at which it gave up; None when all frames came."""


def run(
    graph: Sequence[str],
    environment: Mapping[str, str],
    encoder: Callable[[Description], Sequence[str]],
    *,
    description: Path,
    progress: Progress,
) -> Piped:
    """Start vspipe, wait for the script's description, start the encoder on the pipe, and wait for both.

    Args:
        graph: the command of vspipe, writing to stdout.
        environment: its environment.
        encoder: makes the encoder's command, reading from stdin, of the description.
        description: where the script writes it.
        progress: is told of frames and stages.

    Raises:
        VsmagicError: of the class that the script raised, in its own words.
        EncodeError: vspipe or ffmpeg failed.
        OutputError: the disk is full.
    """
    with Children() as children:
        reading, writing = os.pipe()
        try:
            vspipe = children.start(graph, environment=environment, stdout=writing, heard=_Listener(progress))
        finally:
            os.close(writing)
        try:
            described = _await_description(reading, vspipe, description)
            progress.total(described.frames)
            ffmpeg = children.start(encoder(described), stdin=reading)
        finally:
            os.close(reading)
        damage = _await_both(children, vspipe, ffmpeg)
        if damage is None:  # vspipe tells of frames only now and then
            progress.frames(described.frames)
    return Piped(description=described, damage=damage)


def describe(graph: Sequence[str], environment: Mapping[str, str], *, description: Path) -> Description:
    """Let the script build its graph and describe it, and stop before frames are rendered.

    Raises:
        VsmagicError: of the class that the script raised, in its own words.
        EncodeError: vspipe failed.
    """
    with Children() as children:
        reading, writing = os.pipe()
        try:
            vspipe = children.start(graph, environment=environment, stdout=writing, heard=_Listener(Silent()))
        finally:
            os.close(writing)
        try:
            return _await_description(reading, vspipe, description)
        finally:
            os.close(reading)


class _Listener:
    """Sorts what vspipe says: frames, indexing, our own warnings, the rest."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def __call__(self, line: str) -> None:
        if frame := _FRAME.search(line):
            self._progress.frames(int(frame[1]))
        elif indexing := _INDEXING.search(line):
            self._progress.stage(f"indexing {indexing[1]}")
        elif line.startswith(logs.NAME):
            text = line.removeprefix(logs.NAME)
            level = logging.WARNING if text.startswith(logs.WARNING) else logging.INFO
            log.log(level, "%s", text.removeprefix(logs.WARNING))
        else:
            log.debug("vspipe: %s", line)


def _await_description(reading: int, vspipe: Child, description: Path) -> Description:
    """Wait until vspipe writes its first byte or ends, then read what the script told."""
    select.select([reading], [], [])
    found = descriptions.read(description)
    if found is None:
        vspipe.finish(seconds=10)
        found = descriptions.read(description)
    if isinstance(found, Description):
        return found
    if isinstance(found, descriptions.Refusal):
        raise _error(found)
    raise EncodeError(f"vspipe failed before the first frame: {last_words(vspipe)}.")


def _error(refusal: descriptions.Refusal) -> VsmagicError:
    kinds: dict[int, type[VsmagicError]] = {kind.exit_code: kind for kind in VsmagicError.__subclasses__()}
    return kinds.get(refusal.exit_code, VsmagicError)(refusal.error)


def _await_both(children: Children, vspipe: Child, ffmpeg: Child) -> str | None:
    """Wait for the end of both; return the damage that ended the source early, if any."""
    damage = None
    for _ in (vspipe, ffmpeg):
        child = children.next_end()
        if child is ffmpeg and child.code:
            raise _encoder_error(ffmpeg)
        if child is vspipe and child.code and not _broken_pipe(vspipe):
            damage = _damage(vspipe)
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
