"""Put vsmagic into mpv's configuration, and take it out again.

One folder, ``vsmagic``, is ours, and one line in ``mpv.conf`` includes ``vsmagic.conf`` in it. What is to be done is
worked out first, as :class:`~vsmagic.mpv.changes.Changes`, and then done or only told. In the order of the changes the
record comes first and mpv.conf last: whatever happens between, mpv includes nothing that is incomplete, and the next
run knows the folder for ours.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from vsmagic.errors import OutputError
from vsmagic.mpv import conffile, folder
from vsmagic.mpv.changes import PART, Changes, Write
from vsmagic.mpv.conffile import FOLDER, LINE
from vsmagic.mpv.folder import RECORD, Installation

_KEPT = ".old"


@dataclass(frozen=True, kw_only=True)
class State:
    """What is in a configuration folder of mpv now."""

    home: Path
    """mpv's configuration folder; it need not exist."""
    conf: Path
    """The file that mpv.conf is, behind symbolic links."""
    content: bytes | None
    """What it holds; None where there is none."""
    entry: Installation | None
    """The record of our folder; None where nothing is installed."""
    present: Mapping[str, bytes]
    """Every file in our folder but the record and what a killed run left, by its path in it."""
    parts: Sequence[Path]
    """What killed runs left."""

    @property
    def ours(self) -> Path:
        """Our folder."""
        return self.home / FOLDER

    @property
    def line(self) -> int | None:
        """Number of the line of mpv.conf that includes ours."""
        return conffile.included(self.content or b"")

    @property
    def changed(self) -> list[str]:
        """Files of ours that were changed by hand."""
        recorded = self.entry.files if self.entry else {}
        return [n for n, content in self.present.items() if n in recorded and recorded[n] != folder.digest(content)]

    @property
    def lost(self) -> list[str]:
        """Files of ours that are gone."""
        return [name for name in (self.entry.files if self.entry else ()) if name not in self.present]

    @property
    def foreign(self) -> list[str]:
        """Files in our folder that somebody else put there."""
        return [name for name in self.present if name not in (self.entry.files if self.entry else ())]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is to be done, and what there is to say about it."""

    changes: Changes
    notes: tuple[str, ...] = ()


def state(home: Path) -> State:
    """Look at a configuration folder of mpv.

    Raises:
        OutputError: something of the name vsmagic is there that is not ours, or something cannot be read.
    """
    try:
        return _state(home)
    except OSError as error:
        raise OutputError(
            f"{error.filename or home}: cannot be read ({error.strerror}). Look at its rights."
        ) from error


def _state(home: Path) -> State:
    ours, conf = home / FOLDER, Path(os.path.realpath(home / "mpv.conf"))
    if (ours.exists() or ours.is_symlink()) and not ours.is_dir():
        raise _not_ours(ours, "it is no folder")
    found = {path.relative_to(ours).as_posix(): path for path in sorted(ours.rglob("*")) if not path.is_dir()}
    parts = [path for path in found.values() if path.name.endswith(PART)]
    present = {name: path.read_bytes() for name, path in found.items() if path not in parts and path.is_file()}
    text = present.pop(RECORD, None)
    if text is None and present:
        raise _not_ours(ours, f"it holds no {RECORD}")
    return State(
        home=home,
        conf=conf,
        content=conf.read_bytes() if conf.exists() else None,
        entry=None if text is None else folder.record(text) or _unreadable(ours),
        present=present,
        parts=parts + (sorted(conf.parent.glob(f".mpv.conf.*{PART}")) if conf.parent.is_dir() else []),
    )


def _not_ours(ours: Path, why: str) -> OutputError:
    return OutputError(
        f"{ours}: was not made by vsmagic ({why}). Move it away, or name another folder with --config-dir."
    )


def _unreadable(ours: Path) -> Installation:
    """Stand in for a damaged record: the folder is ours, and every file in it may be somebody else's."""
    return Installation(version="unknown", command=(), vsscript="", speeds="", folder=str(ours), levels=1, line=True)


def install(home: Path, *, shader: str | None = None) -> Plan:
    """Plan an installation; where this very one is there already, the plan is empty.

    Args:
        home: mpv's configuration folder.
        shader: with it, only shaders are installed, and the one of this name is turned on.

    Raises:
        OptionError: there is no such shader.
        OutputError: as in :func:`state`.
        SetupError: something of this vsmagic is missing.
    """
    now = state(home)
    contents = folder.files(base=f"~~/{FOLDER}", shader=shader)
    missing = _missing(now.ours)
    entry = _entry(now, folder.installation(now.ours, contents, shader=shader), len(missing))
    kept = _kept(now, contents)
    writes = [
        *_write(now.ours / RECORD, folder.encoded(entry)),
        *(write for name, content in (contents | kept).items() for write in _write(now.ours / name, content)),
        *_line(now),
    ]
    gone = [n for n in now.present if n in _recorded(now) and n not in contents and n not in now.changed]
    removals = (*(now.ours / name for name in gone), *now.parts)
    return Plan(
        changes=Changes(
            folders=(*missing, *_inner(now.ours, contents)),
            writes=tuple(writes),
            removals=removals,
            emptied=tuple(_holding(now.ours, gone)),
        ),
        notes=(*_notes(now, kept), *conffile.remarks(_conf_with(now), shaders=shader is not None)),
    )


def _recorded(now: State) -> Mapping[str, str]:
    return now.entry.files if now.entry else {}


def _missing(path: Path) -> list[Path]:
    """Return a folder and those above it that are not there, the highest first."""
    return [folder for folder in reversed((path, *path.parents)) if not folder.exists()]


def _inner(ours: Path, contents: Mapping[str, bytes]) -> list[Path]:
    """Return the folders below ours that are not there, the highest first."""
    needed = {parent for name in contents for parent in Path(name).parents if parent != Path()}
    return [ours / folder for folder in sorted(needed) if not (ours / folder).exists()]


def _entry(now: State, fresh: Installation, levels: int) -> Installation:
    """Add to a record what was made for it, now or by an earlier install."""
    was = now.entry or fresh
    return msgspec.structs.replace(
        fresh,
        levels=max(levels, was.levels, 1),  # an empty one was ours: a killed install left it
        conf=now.content is None or was.conf,
        line=now.line is None or was.line,
    )


def _write(path: Path, content: bytes) -> list[Write]:
    """Return the change that gives a file this content; none where it has it."""
    try:
        old = path.read_bytes()
    except FileNotFoundError:
        return [Write(path=path, content=content, what=f"new, {len(content)} bytes")]
    except OSError as error:
        raise OutputError(f"{path}: cannot be read ({error.strerror}). Move it away.") from error
    return [] if old == content else [Write(path=path, content=content, what=f"replaced, {len(content)} bytes")]


def _line(now: State) -> list[Write]:
    if now.line is not None:
        return []
    what = f"{'made with' if now.content is None else 'gets'} this first line: {LINE.decode()}"
    remedy = f"Put this line first in it yourself, and run this again: {LINE.decode()}"
    return [Write(path=now.conf, content=_conf_with(now), what=what, remedy=remedy)]


def _conf_with(now: State) -> bytes:
    """Return what mpv.conf holds with our line."""
    content = now.content or b""
    return conffile.with_line(content) if now.line is None else content


def _kept(now: State, contents: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return what is in the way of our files and was not put there by us, under names it can keep."""
    return {
        _free(f"{name}{_KEPT}", now.present): now.present[name]
        for name, content in contents.items()
        if name in now.present and now.present[name] != content and _is_theirs(now, name)
    }


def _is_theirs(now: State, name: str) -> bool:
    return _recorded(now).get(name) != folder.digest(now.present[name])


def _free(name: str, taken: Mapping[str, bytes]) -> str:
    return name if name not in taken else _free(f"{name}{_KEPT}", taken)


def _notes(now: State, kept: Mapping[str, bytes]) -> list[str]:
    return [f"{now.ours / name}: your changes to this file are kept here; the file itself is new." for name in kept]


def uninstall(home: Path) -> Plan:
    """Plan to take everything out again; where nothing is installed, the plan is empty and says so.

    Raises:
        OutputError: as in :func:`state`.
    """
    now = state(home)
    if now.entry is None:
        return Plan(
            changes=Changes(removals=tuple(now.parts)), notes=(*_left_line(now), f"nothing is installed in {home}.")
        )
    keep = set(now.foreign) | set(now.changed)
    gone = [name for name in now.present if name not in keep]
    conf, removed = _conf_without(now)
    removals = (*removed, *(now.ours / name for name in gone), *now.parts, now.ours / RECORD)
    notes = [
        f"{now.ours / name}: is not vsmagic's as it is now, and stays; the next install wants it elsewhere."
        for name in sorted(keep)
    ]
    return Plan(
        changes=Changes(
            writes=tuple(conf),
            removals=removals,
            emptied=(*_holding(now.ours, [*gone, *keep]), *_upward(now.ours, now.entry.levels)),
        ),
        notes=(*notes, *(() if now.entry.line else _left_line(now))),
    )


def _conf_without(now: State) -> tuple[list[Write], list[Path]]:
    """Return what becomes of mpv.conf: written without our line, or removed where install made it."""
    if now.content is None or now.entry is None or not now.entry.line:
        return [], []
    rest = conffile.without_line(now.content)
    if rest == now.content:
        return [], []
    if not rest and now.entry.conf:
        return [], [now.conf]
    return [Write(path=now.conf, content=rest, what=f"loses this line: {LINE.decode()}")], []


def _left_line(now: State) -> list[str]:
    if now.line is None:
        return []
    return [f"line {now.line} of {now.conf} includes vsmagic.conf and is not vsmagic's: take it out yourself."]


def _holding(ours: Path, names: Sequence[str]) -> list[Path]:
    """Return the folders below ours that hold these files, the deepest first."""
    return [
        ours / parent for parent in sorted({p for n in names for p in Path(n).parents if p != Path()}, reverse=True)
    ]


def _upward(ours: Path, levels: int) -> list[Path]:
    return [ours, *ours.parents][:levels]
