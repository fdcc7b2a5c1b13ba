"""Where vsmagic keeps its files and which programs it starts: one frozen object, read from the environment.

=================== ==================================================== ==============================
variable            meaning                                              default
=================== ==================================================== ==============================
VSMAGIC_CACHE       folder for indexes, models and engines               the user's cache folder
VSMAGIC_FFMPEG      path of the ffmpeg to run                            the one imageio-ffmpeg carries
VSMAGIC_MEMORY      memory a model may take, all streams, in MiB         768
VSMAGIC_TUNE        on: measure once how a model runs best here, when    on
                    a long clip first uses it; off: never by itself
=================== ==================================================== ==============================

An empty variable counts as absent.
"""

import os
import re
from pathlib import Path

import msgspec

from vsmagic.errors import OptionError


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Paths and limits of this user and machine."""

    cache: Path
    """Root of everything that can be made again: indexes, models, engines."""
    ffmpeg: str | None
    """Path of the ffmpeg asked for; None means the one imageio-ffmpeg carries."""
    memory: int
    """Bytes that the streams of a model may take together; frames that need more are tiled."""
    tune: bool
    """Measure on first use how a model runs best."""

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
        OptionError: VSMAGIC_MEMORY is not a positive whole number, or VSMAGIC_TUNE neither on nor off.
    """
    cache = os.environ.get("VSMAGIC_CACHE")
    if not cache:
        from platformdirs import user_cache_dir

        cache = user_cache_dir("vsmagic", appauthor=False)
    return Settings(
        cache=Path(cache),
        ffmpeg=os.environ.get("VSMAGIC_FFMPEG") or None,
        memory=_memory_bytes(os.environ.get("VSMAGIC_MEMORY") or "768"),
        tune=_on(os.environ.get("VSMAGIC_TUNE") or "on"),
    )


def _memory_bytes(text: str) -> int:
    if not re.fullmatch("0*[1-9][0-9]{0,11}", text, re.ASCII):
        raise OptionError(f"VSMAGIC_MEMORY is {text!r}; expected a positive whole number of MiB, such as 512.")
    return int(text) * 2**20


def _on(text: str) -> bool:
    if text not in ("on", "off"):
        raise OptionError(f"VSMAGIC_TUNE is {text!r}; expected on or off.")
    return text == "on"
