"""Whatever is done in whatever order: mpv lives, shows the right picture, and holds no more memory than before.

``VSMAGIC_TEST_COMMANDS`` names how many commands there are (1,000 for a release).
"""

import contextlib
import os
import random
import time
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from playing import MpvError, Player
from vsmagic.mpv import launch

COUNT = int(os.environ.get("VSMAGIC_TEST_COMMANDS", "120"))
OPTIONS = {"profile": "live-performance", "backoff": "no", "measure": "no", "remember": "no", "motion": "off"}
PARTS = 10
GROWTH = 64 * 2**20  # bytes: VapourSynth's caches and the allocator's reserves come and go by so much
PLACES = (1.0, 4.5, 2.25)
WIDTH = 480  # of the first file

Do = Callable[[Player, random.Random], object]


def message(*words: str) -> Do:
    return lambda player, _: player.command("script-message-to", "vsmagic", *words)


def seek(flags: str) -> Do:
    return lambda player, chance: player.command("seek", chance.uniform(0, 95), f"absolute-percent+{flags}")


DEEDS: dict[str, tuple[int, Do]] = {
    "seek exactly": (5, seek("exact")),
    "seek": (4, seek("keyframes")),
    "seek on": (2, lambda player, chance: player.command("seek", chance.choice((-5, 5)), "relative")),
    "toggle": (3, message("toggle")),
    "next profile": (2, message("next")),
    "previous profile": (2, message("previous")),
    "compare": (1, message("compare")),
    "split": (2, message("split")),
    "motion": (2, message("motion-toggle")),
    "statistics": (1, message("statistics")),
    "pause": (3, lambda player, _: player.command("cycle", "pause")),
    "step": (2, lambda player, _: player.command("frame-step")),
    "step back": (1, lambda player, _: player.command("frame-back-step")),
    "speed": (1, lambda player, chance: player.set("speed", chance.choice((0.5, 1, 1, 2)))),
    "next file": (2, lambda player, _: player.command("playlist-next", "weak")),
    "first file": (1, lambda player, _: player.set("playlist-pos", 0)),
    "deinterlace": (1, lambda player, _: player.command("cycle", "deinterlace")),
}  # fmt: skip


def do(player: Player, chance: random.Random, count: int) -> list[str]:
    """Do things at random, quicker than a person or as slowly as one; return their names."""
    names = list(DEEDS)
    done = chance.choices(names, [DEEDS[name][0] for name in names], k=count)
    for name in done:
        with contextlib.suppress(MpvError):  # mpv itself refuses some while a file is being opened
            DEEDS[name][1](player, chance)
        time.sleep(chance.choice((0, 0, 0.02, 0.1, 0.3)))
        assert not player.ended, player.terminal
        assert "Lua error" not in player.terminal, player.terminal
    return done


def picture(player: Player, file: int, place: float, path: Path) -> bytes:
    """Return what is shown at a place of a file with the embedded profile, whatever went before."""
    player.set("pause", value=True)
    player.set("speed", 1)
    player.set("deinterlace", value=False)
    player.events.clear()
    player.command("playlist-play-index", file)  # anew: a file may be on its way out
    player.event("file-loaded")
    player.wait("playlist-playing-pos", file)
    player.wait("duration", bool)
    player.wait("user-data/vsmagic/title", bool)  # the script is loaded, and has not ended
    player.command("script-message-to", "vsmagic", "motion", "off")
    player.command("script-message-to", "vsmagic", "profile", "live-performance")
    player.wait("user-data/vsmagic/profile", "live-performance")
    if player.get("user-data/vsmagic/split"):
        player.command("script-message-to", "vsmagic", "split")
    player.wait("video-params/w", WIDTH)  # a file that is being opened has that of the one before
    for moment in (place + 3, place):  # from afar: what is near may have been shown before, by another profile
        player.command("seek", moment, "absolute+exact")
        player.wait("video-out-params/w", 2 * WIDTH)
        player.wait_for(lambda: not player.get("seeking", True) and abs(player.get("time-pos", -1) - moment) < 0.06)  # noqa: B023
    player.command("screenshot-to-file", str(path), "video")
    with av.open(str(path)) as shown:
        return next(shown.decode(video=0)).to_ndarray(format="rgb24").tobytes()


def expected_word(text: str) -> bool:
    """Whether mpv says so when a profile is tried whose model is not on this machine, which the next one follows."""
    return any(word in text for word in ("not ready: model", "Script evaluation failed", "could not init VS",
                                         "Disabling filter vsmagic")) or not text.strip()  # fmt: skip


@pytest.fixture
def start(mpv: Path, mpv_env: dict[str, str], data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("VSMAGIC_CACHE", str(tmp_path / "cache"))
    clips = [
        data / "clips/anim_bbb_480x360_24fps_aac.mp4",
        data / "clips/lowres_160x120_30fps.mp4",
        data / "clips/live_realshort_320x240.mp4",
        data / "clips/tenbit_h264_testsrc_200x200.mp4",
    ]
    script = ",".join(f"vsmagic-{name}={value}" for name, value in OPTIONS.items())
    options = [*map(str, clips[1:]), "--no-config", "--keep-open=yes", "--loop-playlist=inf", f"--script-opts={script}"]
    prepared = launch.launch(mpv, str(clips[0]), options)
    env = dict(prepared.environ) | {name: mpv_env[name] for name in ("HOME", "PATH", "VSSCRIPT_PATH", "PYTHONPATH")}
    return lambda: Player(*prepared.command, env=env)


def apart(one: bytes, other: bytes) -> tuple[int, float]:
    """Return how far two pictures are apart, at most and on average."""
    difference = np.abs(np.frombuffer(one, np.uint8).astype(int) - np.frombuffer(other, np.uint8))
    return int(difference.max()), float(difference.mean())


def test_anything_in_any_order(start: Callable[[], Player], tmp_path: Path) -> None:
    chance = random.Random(7)
    with start() as fresh:
        expected = {place: picture(fresh, 0, place, tmp_path / "shown.png") for place in PLACES}
    with start() as player:
        done, held = [], []
        for _ in range(PARTS):
            done += do(player, chance, COUNT // PARTS)
            for place in PLACES[: 1 if len(held) < PARTS - 1 else None]:
                shown = picture(player, 0, place, tmp_path / "shown.png")
                assert shown == expected[place], (place, apart(shown, expected[place]), done[-COUNT // PARTS :])
            held.append(player.memory)
        # The first parts meet every model and size for the first time.
        assert max(held[-PARTS // 3 :]) < max(held[: -PARTS // 3]) + GROWTH, held
        wrong = {text for text in player.said("error") + player.said("fatal") if not expected_word(text)}
        assert not wrong, (wrong, done)
