"""Where vsmagic keeps its files and which programs it starts: one frozen object, read from the environment.

=================== ==================================================== ==============================
variable            meaning                                              default
=================== ==================================================== ==============================
VSMAGIC_CACHE       folder for indexes, models and engines               the user's cache folder
VSMAGIC_FFMPEG      path of the ffmpeg to run                            the one imageio-ffmpeg carries
VSMAGIC_MPV         path of the mpv to run and to examine                the mpv on PATH
VSMAGIC_MEMORY      memory a model may take, all streams, in MiB         768
VSMAGIC_TUNE        on: measure once how a model runs best here, when    on
                    a long clip first uses it; off: never by itself
VSMAGIC_BUILD       on: compile engines and convert models where they    on
                    are first used; off: what is missing is an error
=================== ==================================================== ==============================

An empty variable counts as absent.
"""

import os
import sys
from pathlib import Path

import msgspec

from vsmagic.errors import OptionError


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Paths and limits of this user and machine."""

    cache: Path
    """Root of everything that can be made again: indexes, models, engines."""
    ffmpeg: str | None
    """Path of the ffmpeg asked for; None means the one imageio-ffmpeg carries."""
    mpv: str | None
    """Path of the mpv asked for; None means the one on PATH."""
    memory: int
    """Bytes that the streams of a model may take together; frames that need more are tiled."""
    tune: bool
    """Measure on first use how a model runs best."""
    build: bool
    """Make on first use what a model needs to run: an engine, or a network of another format. Else that it is missing
    is a :class:`~vsmagic.errors.NotReadyError`."""

    @property
    def indexes(self) -> Path:
        """Folder of the source filters' indexes."""
        return self.cache / "indexes"

    @property
    def models(self) -> Path:
        """Folder of model files and of what was read from them."""
        return self.cache / "models"


def settings() -> Settings:
    """Read the settings from the environment.

    Raises:
        OptionError: VSMAGIC_MEMORY is not a positive whole number, or VSMAGIC_TUNE or VSMAGIC_BUILD neither on nor off.
    """
    cache = os.environ.get("VSMAGIC_CACHE")
    return Settings(
        cache=Path(cache) if cache else _user_cache(),
        ffmpeg=os.environ.get("VSMAGIC_FFMPEG") or None,
        mpv=os.environ.get("VSMAGIC_MPV") or None,
        memory=_memory_bytes(os.environ.get("VSMAGIC_MEMORY") or "768"),
        tune=_on("VSMAGIC_TUNE"),
        build=_on("VSMAGIC_BUILD"),
    )


def _user_cache() -> Path:
    """Return our folder in the user's cache as platformdirs has it, which takes 4 ms of every start to import."""
    home, base = os.environ.get("HOME"), os.environ.get("XDG_CACHE_HOME")
    usual = Path(base) if base else Path(home) / ".cache" if home else None
    if sys.platform == "linux" and usual and usual.is_absolute():
        return usual / "vsmagic"
    from platformdirs import user_cache_dir

    return Path(user_cache_dir("vsmagic", appauthor=False))


def _memory_bytes(text: str) -> int:
    digits = text.lstrip("0")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 12):
        raise OptionError(f"VSMAGIC_MEMORY is {text!r}; expected a positive whole number of MiB, such as 512.")
    return int(digits) * 2**20


def _on(name: str) -> bool:
    text = os.environ.get(name) or "on"
    if text not in ("on", "off"):
        raise OptionError(f"{name} is {text!r}; expected on or off.")
    return text == "on"
