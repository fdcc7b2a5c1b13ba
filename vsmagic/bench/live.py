"""How a profile does in a real mpv: does it keep time, and what do seeks and switching cost?

    python -m vsmagic.bench.live VIDEO [PROFILE] [--motion NAME] [--seconds 30] [--mpv PROGRAM]

Plays with vsmagic's own script as `vsmagic mpv run` does, without a window and without sound but with both clocks, and
drives it over mpv's JSON IPC. Real time is proved by three figures together: progress of ``time-pos`` against the clock
near 1, a small ``avsync``, and no dropped frames. Seeks and switching are timed from the command to the picture
(``playback-restart``), with the filter and without in turns. Prints one JSON object.
"""

import argparse
import json
import os
import statistics
import sys
import time
from pathlib import Path
from typing import Any

from vsmagic.bench.player import Player
from vsmagic.errors import OptionError, VsmagicError
from vsmagic.mpv import launch, player

_STEP = 0.37  # of the file, from one seek to the next, round and round: no two neighbours share a keyframe


def main(arguments: list[str] | None = None) -> None:
    """Measure, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", type=Path)
    parser.add_argument("profile", nargs="?", default="live-performance")
    parser.add_argument("--motion", default="off")
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--rounds", type=int, default=8, help="of seeks and switches")
    parser.add_argument("--mpv")
    given = parser.parse_args(arguments)
    try:
        with _open(given) as mpv:
            figures = _real_time(mpv, given.seconds) | _waits(mpv, given.rounds)
    except VsmagicError as error:
        sys.exit(f"vsmagic: {error}")
    json.dump(figures, sys.stdout, indent=2)
    sys.stdout.write("\n")


def _open(given: argparse.Namespace) -> Player:
    options = {"profile": given.profile, "motion": given.motion, "backoff": "no", "measure": "no", "remember": "no"}
    script = ",".join(f"vsmagic-{name}={value}" for name, value in options.items())
    prepared = launch.launch(
        player.find(given.mpv),
        str(given.video.resolve()),
        ["--no-config", "--loop-file=inf", f"--script-opts={script}"],
    )
    return Player(*prepared.command, env=prepared.environ)


def _real_time(mpv: Player, seconds: float) -> dict[str, Any]:
    """Play, and compare what passes in the film with what passes on the clock."""
    mpv.wait("user-data/vsmagic/profile", bool)
    time.sleep(3)  # the start is no part of it
    if mpv.get("duration") - mpv.get("time-pos") < seconds + 1:
        raise OptionError(f"live: the video ends within {seconds:g} s; take a longer one, or a smaller --seconds.")
    drops = _drops(mpv)
    at, began, farthest = mpv.get("time-pos"), time.monotonic(), 0.0
    while time.monotonic() - began < seconds:
        time.sleep(0.25)
        farthest = max(farthest, abs(mpv.get("avsync", 0.0)))
    passed, wall = mpv.get("time-pos") - at, time.monotonic() - began
    return {
        "profile": mpv.get("user-data/vsmagic/title"),
        "size": [mpv.get("video-out-params/w"), mpv.get("video-out-params/h")],
        "progress": round(passed / wall, 4),
        "avsync_ms": round(farthest * 1000, 1),
        "dropped": _drops(mpv) - drops,
    }


def _drops(mpv: Player) -> int:
    return sum(int(mpv.get(name, 0)) for name in ("frame-drop-count", "decoder-frame-drop-count"))


def _waits(mpv: Player, rounds: int) -> dict[str, Any]:
    """Time seeks and switches in milliseconds, paused, with the filter and without in turns."""
    mpv.set("pause", value=True)
    seeks: dict[str, list[float]] = {"exact": [], "exact_plain": [], "keyframe": [], "keyframe_plain": []}
    switches: list[float] = []
    place = 0.0
    for _ in range(rounds):
        for plain in ("", "_plain"):
            for kind, flags in (("exact", "absolute-percent+exact"), ("keyframe", "absolute-percent+keyframes")):
                place = (place + _STEP) % 0.9
                seeks[kind + plain].append(_until_shown(mpv, "seek", 100 * place, flags))
            switches.append(_until_shown(mpv, "script-message-to", "vsmagic", "toggle"))
    found = {f"seek_{name}_ms": round(statistics.median(values)) for name, values in seeks.items()}
    return found | {"switch_ms": round(statistics.median(switches)), "switch_longest_ms": round(max(switches))}


def _until_shown(mpv: Player, *command: object) -> float:
    mpv.events.clear()
    began = time.monotonic()
    mpv.command(*command)
    mpv.event("playback-restart")
    taken = time.monotonic() - began
    time.sleep(0.5)  # what was asked for ahead is done, as it is when a person looks
    return 1000 * taken


if __name__ == "__main__":
    os.environ.setdefault("VSMAGIC_TUNE", "off")
    main()
