"""What is installed in mpv's configuration and what this mpv makes of it: one object, for people and for programs."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vsmagic.errors import SetupError, VsmagicError
from vsmagic.mpv import install, places, player
from vsmagic.mpv.advice import Advice, advise
from vsmagic.mpv.install import State
from vsmagic.mpv.places import Place
from vsmagic.mpv.player import Player


@dataclass(frozen=True, kw_only=True)
class Report:
    """Everything that ``vsmagic mpv status`` tells."""

    place: Place
    state: State
    current: bool
    """Whether a new install would change nothing."""
    player: Player | None
    """None where no mpv was found."""
    advice: Advice
    """The verdict on the player; without one, what is missing."""

    @property
    def works(self) -> bool:
        """Whether playing with this mpv, just so, uses what is installed."""
        if self.state.entry is None or self.state.line is None or self.state.lost or self.player is None:
            return False
        return self.state.entry.shader is not None or self.advice.works


def report(place: Place, program: str | None) -> Report:
    """Look at everything.

    Args:
        place: mpv's configuration folder.
        program: the mpv that was asked for; None for the usual one.

    Raises:
        OutputError: as in :func:`vsmagic.mpv.install.state`.
        SetupError: the mpv that was asked for is none.
    """
    state = install.state(place.folder)
    found, advice = examined(program)
    return Report(place=place, state=state, current=_current(state), player=found, advice=advice)


def examined(program: str | None) -> tuple[Player | None, Advice]:
    """Examine the mpv that was asked for, or the usual one; where there is none, the advice says so.

    Raises:
        SetupError: the mpv that was asked for is none.
    """
    try:
        found = player.examine(player.find(program))
    except SetupError as error:
        if program:
            raise
        wrong, _, remedy = str(error).removesuffix(".").partition("; ")
        return None, Advice(works=False, found=wrong, otherwise=remedy or None)
    return found, advise(found)


def _current(state: State) -> bool:
    if state.entry is None:
        return False
    try:
        return not install.install(state.home, shader=state.entry.shader).changes
    except VsmagicError:  # its shader is none of this vsmagic's
        return False


def told(found: Report) -> dict[str, Any]:
    """Return the report as plain data."""
    state, entry = found.state, found.state.entry
    return {
        "config_dir": str(found.place.folder),
        "installed": entry and {
            "version": entry.version, "shader": entry.shader, "command": list(entry.command), "current": found.current,
            "line": state.line, "changed": state.changed, "lost": state.lost, "foreign": state.foreign,
        },
        "mpv": found.player and _player(found.player),
        "found": found.advice.found,
        "works": found.works,
        "remedies": list(remedies(found)),
    }  # fmt: skip


def _player(found: Player) -> dict[str, Any]:
    import msgspec

    return {
        "program": str(found.program), "version": found.version, "filter": found.has_filter, "too_old": found.too_old,
        "loads": found.inside and msgspec.to_builtins(found.inside), "words": found.words, "needs": found.needs,
    }  # fmt: skip


def remedies(found: Report) -> Iterator[str]:
    """Say what is to be done, in the order in which to do it."""
    state, entry = found.state, found.state.entry
    again = "vsmagic mpv install" + (" --shaders-only" if entry and entry.shader else "")
    if entry is None:
        yield f"nothing is installed: {again}"
    elif state.lost or state.line is None:
        yield f"part of the installation is missing: {again}"
    elif not found.current:
        yield f"it is not what this vsmagic would install: {again}"
    if entry and entry.command and not Path(entry.command[0]).exists():
        yield f"the Python it was installed from is gone ({entry.command[0]}): {again}"
    if not (entry and entry.shader):
        yield from found.advice.steps
        yield from filter(None, [found.advice.otherwise])


def lines(found: Report) -> Iterator[tuple[str, str]]:
    """Tell the report in lines: a name, and what there is to say."""
    state, entry = found.state, found.state.entry
    yield "mpv", found.advice.found
    yield "configuration", f"{found.place.folder} ({found.place.why})"
    if entry is None:
        yield "installed", "nothing"
    else:
        what = f"the shader {entry.shader}" if entry.shader else "the script"
        yield "installed", f"{what} of vsmagic {entry.version}{'' if found.current else ', not as now'}"
    if state.line is not None:
        yield "mpv.conf", f"line {state.line} includes it"
    elif entry is not None:
        yield "mpv.conf", "does not include it"
    for name, files in (("changed", state.changed), ("missing", state.lost), ("not ours", state.foreign)):
        if files:
            yield name, ", ".join(files)


def beside(place: Place) -> Iterator[str]:
    """Tell of mpvs that read another configuration: those in sandboxes, or each that is started as usual."""
    usual = _usual()
    if usual is not None and not place.sealed and usual != place.folder:
        yield f"mpv reads {usual} unless it is started with --config-dir={place.folder}"
    for found in places.sandboxes():
        if found.folder != place.folder:
            yield (
                f"{found.why} reads {found.folder} instead and sees no Python of this system; for it: "
                f"vsmagic mpv install --shaders-only --config-dir {found.folder}"
            )


def _usual() -> Path | None:
    try:
        return places.place().folder
    except SetupError:
        return None
