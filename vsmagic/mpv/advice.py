"""What an examined mpv means for the person in front of it, in words."""

import os
import shlex
from dataclasses import dataclass
from pathlib import Path

from vsmagic.mpv import identity
from vsmagic.mpv.player import OLDEST, Inside, Player

RUN = "vsmagic mpv run FILE"
SHADERS = "vsmagic mpv install --shaders-only"


@dataclass(frozen=True, kw_only=True)
class Advice:
    """The verdict on an mpv."""

    works: bool
    """Whether its filter runs this very vsmagic as things are."""
    found: str
    """What there is."""
    steps: tuple[str, ...] = ()
    """Commands that mend it, each to be run once, with what they do behind a ``#``."""
    otherwise: str | None = None
    """A sentence: what to do where there are no steps, or instead of them, or what to mind."""

    @property
    def remedy(self) -> str | None:
        """Steps and sentence on one line."""
        return (
            "; ".join([*(step.partition("  #")[0].strip() for step in self.steps), *filter(None, [self.otherwise])])
            or None
        )


def advise(player: Player) -> Advice:
    """Say whether a player runs vsmagic, and what is needed if it does not."""
    name = f"mpv {player.version}, {player.program}"
    if not player.has_filter:
        other = f"its shaders need no filter: {SHADERS}; for all of vsmagic, take an mpv that is built with VapourSynth"
        return Advice(works=False, found=f"{name}, has no vapoursynth filter", otherwise=other)
    if player.too_old:
        oldest = ".".join(map(str, OLDEST))
        other = f"take mpv {oldest} or newer, built with VapourSynth; this one can use the shaders: {SHADERS}"
        return Advice(works=False, found=f"{name}, is too old: vsmagic needs {oldest} or newer", otherwise=other)
    found = f"{name}, with the vapoursynth filter, which loads {_loads(player)}"
    if player.needs == "nothing":
        return Advice(works=True, found=found, otherwise=_elsewhere())
    if player.needs == "unknown":
        return Advice(works=False, found=found, otherwise=_unknown(player))
    if player.needs == "preload":
        other = f"it is linked to the system's VapourSynth; this one takes its place when you play with: {RUN}"
        return Advice(works=False, found=found, otherwise=other)
    return Advice(works=False, found=found, steps=tuple(_steps(player)), otherwise=f"or play without that: {RUN}")


def _loads(player: Player) -> str:
    inside = player.inside
    if inside is None:
        return f"no VapourSynth ({player.words})"
    if inside.release is None:
        return f"Python {inside.python} of {inside.prefix} and no VapourSynth ({inside.trouble})"
    return f"VapourSynth R{inside.release} of {inside.prefix} and {_vsmagic(inside)}"


def _vsmagic(inside: Inside) -> str:
    if inside.package is None:
        return f"no vsmagic ({inside.trouble})"
    return "this vsmagic" if inside.ours else f"another vsmagic, {inside.vsmagic} in {inside.package}"


def _elsewhere() -> str | None:
    """Name what this shell sets and another, or the desktop, may not."""
    needed = [name for name in ("VSSCRIPT_PATH", "PYTHONPATH") if os.environ.get(name)]
    if identity.known():
        needed = [name for name in needed if name != "PYTHONPATH"]
    if not needed:
        return None
    return f"{' and '.join(needed)} {'is' if len(needed) == 1 else 'are'} set in this shell; any other needs the same"


def _steps(player: Player) -> list[str]:
    steps = ["unset PYTHONHOME"] if os.environ.get("PYTHONHOME") else []
    if not identity.known():
        steps.append(_introduction())
    if player.needs == "configuration":
        steps.append(f"{_vapoursynth()} config  # its Python, for every program that loads it")
    if os.environ.get("VSSCRIPT_PATH") != str(identity.vsscript()):
        steps.append(f"{_vapoursynth()} register-install  # VSSCRIPT_PATH={identity.vsscript()}, for every new shell")
    return steps


def _introduction() -> str:
    """Make this package known to its Python, which was shown it by a variable only."""
    root = shlex.quote(str(identity.ROOT))
    if (identity.ROOT / "pyproject.toml").is_file():
        python = shlex.quote(str(identity.programs() / "python"))
        return f"{python} -m pip install --editable {root}  # vsmagic, for its Python"
    return f"export PYTHONPATH={root}  # vsmagic, for its Python, wherever mpv is started"


def _unknown(player: Player) -> str:
    if player.inside is not None:
        return (
            f"VSSCRIPT_PATH does not lead it elsewhere (mpv reads that since the versions after 0.41): take a newer "
            f"one, or install vsmagic for the Python of {player.inside.prefix}"
        )
    return f"look at what {_vapoursynth()} check-env says; until it works its shaders do: {SHADERS}"


def _vapoursynth() -> str:
    name = "vapoursynth.exe" if os.name == "nt" else "vapoursynth"
    return shlex.quote(str(Path(identity.programs(), name)))
