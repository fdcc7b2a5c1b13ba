"""Profiles: the chains a player chooses among, read from ``profiles.json``.

A picture profile enlarges; it is made for a content, in one of three tiers. A motion profile adds frames. Lua reads the
same file, which lies beside it. Importing this module does not import VapourSynth.
"""

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec

from vsmagic import chain
from vsmagic.chain import Chain
from vsmagic.errors import OptionError
from vsmagic.shipped import shipped
from vsmagic.steps import InterpolateStep

Content = Literal["live", "animation"]
Tier = Literal["quality", "balanced", "performance"]
TIERS: tuple[Tier, ...] = ("quality", "balanced", "performance")
"""The slowest first."""

MULTIPLIER = "5/2"
"""Factor on the rate that a motion is shown and measured with: from 24 frames a second to 60."""

_RATES = ("fps", "multiplier", "slowdown")


class Picture(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A chain that makes pictures better and keeps their times."""

    name: str
    content: Content
    tier: Tier
    title: str
    """What a person reads on the screen."""
    named_only: bool = False
    """Taken where a person names it and never by itself: what it does is not for every video."""
    steps: list[dict[str, Any]]


class Motion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A way to add frames. How many is the player's business."""

    name: str
    title: str = ""
    """What a person reads on the screen; empty: the name."""
    step: dict[str, Any]
    """An ``interpolate`` step that names no rate."""


class Profiles(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything in the file; paths of models in it are taken from its folder."""

    pictures: tuple[Picture, ...]
    motions: tuple[Motion, ...] = ()


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """Profiles that were checked, as chains."""

    file: Path
    profiles: Profiles
    folder: Path

    def picture(self, name: str) -> Chain:
        """Return the chain of a picture profile.

        Raises:
            OptionError: no profile has that name.
        """
        known = {picture.name: picture for picture in self.profiles.pictures}
        return self._parsed(_named(name, known, "picture").steps, name)

    def motion(self, name: str, multiplier: str = MULTIPLIER) -> Chain:
        """Return the chain of a motion profile.

        Args:
            name: the profile's.
            multiplier: factor on the rate, above 1, as text: ``2``, ``5/2``.

        Raises:
            OptionError: no profile has that name, or the factor is none.
        """
        known = {motion.name: motion for motion in self.profiles.motions}
        return self._parsed([_named(name, known, "motion").step | {"multiplier": multiplier}], name)

    def together(self, picture: str | None, motion: str | None, multiplier: str = MULTIPLIER) -> Chain:
        """Return a picture's chain after a motion's: frames are added before they are enlarged, which costs less."""
        moving = self.motion(motion, multiplier).steps if motion else ()
        return Chain((*moving, *(self.picture(picture).steps if picture else ())))

    def _parsed(self, steps: Sequence[dict[str, Any]], name: str) -> Chain:
        return chain.parse(msgspec.json.encode(steps).decode(), folder=self.folder, name=f"{self.file}: {name}")


def default_file() -> Path:
    """Return the path of the profiles that come with vsmagic.

    Raises:
        SetupError: they are missing.
    """
    return shipped("mpv") / "profiles.json"


def load(file: Path | None = None) -> Known:
    """Read profiles and see that each is a chain.

    Args:
        file: what to read; None for those that come with vsmagic.

    Raises:
        OptionError: it cannot be read, is malformed, or a name stands in it twice.
        ChainError: the steps of a profile are no chain; names the profile.
    """
    file = file or default_file()
    try:
        found = msgspec.json.decode(file.read_bytes(), type=Profiles)
    except OSError as error:
        raise OptionError(f"profiles {file}: cannot be read ({error.strerror}).") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise OptionError(f"profiles {file}: {error}. Compare it with the file that comes with vsmagic.") from error
    known = Known(file=file, profiles=found, folder=file.parent)
    _check(known)
    return known


def _check(known: Known) -> None:
    profiles, where = known.profiles, f"profiles {known.file}"
    names = [*(picture.name for picture in profiles.pictures), *(motion.name for motion in profiles.motions)]
    for name in names:
        if names.count(name) > 1:
            raise OptionError(f"{where}: {name!r} is the name of two profiles; give each its own.")
    for picture in profiles.pictures:
        if any(isinstance(step, InterpolateStep) for step in known.picture(picture.name).steps):
            raise OptionError(f"{where}: {picture.name} adds frames; put that step under motions.")
    for motion in profiles.motions:
        if motion.step.get("filter") != "interpolate" or any(name in motion.step for name in _RATES):
            raise OptionError(f"{where}: {motion.name} has to be an interpolate step that names no rate.")
        known.motion(motion.name)


def _named[Profile](name: str, known: dict[str, Profile], kind: str) -> Profile:
    if name in known:
        return known[name]
    close = difflib.get_close_matches(name, known, n=1)
    hint = f" (did you mean {close[0]}?)" if close else ""
    raise OptionError(f"{kind} profile {name!r} is not known; expected {', '.join(known) or 'none'}{hint}.")
