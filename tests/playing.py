"""The driver of a real mpv, under the name that tests use."""

from vsmagic.bench.player import SECONDS, MpvError, Player

__all__ = ["SECONDS", "MpvError", "Player"]
