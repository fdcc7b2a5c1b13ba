"""Frames on the way to a place are only resampled, and what is shown is never one of them."""

import json
import math
import struct
import subprocess
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import pytest
import vapoursynth as vs

import frames as fr
from playing import Player
from vsmagic.mpv import seeking
from vsmagic.mpv.seeking import Clock, Place, passing
from vsmagic.shipped import shipped

core = vs.core
RATE, START, FRAMES = 25.0, 7.5, 134_217_727
LUA = """
package.path = [[{modules}/?.lua;]] .. package.path
require("seeks").start([[{file}]], function() mp.commandv("script-message", "wrong") end)
"""


def record(moment: float, duration: float, *, rate: float = RATE, dts: float = 3.25) -> bytes:
    """What mpv attaches to a frame, as far as it matters: numbers of all kinds around the four doubles."""
    before = struct.pack("=iiQQ", 480, 360, 0x7F0000001000, 2**40)
    return before + struct.pack("=dddd", moment, dts, duration, rate) + struct.pack("=Qd", 0x7F0000002000, 0.5)


@pytest.fixture
def shown() -> vs.VideoNode:
    """A player's clip at 25 frames a second that begins at 7.5 s, as a script is given it."""
    clip = fr.textured(vs.YUV420P8, 32, 16, _Matrix=6).std.Loop()
    clip = core.std.Splice([clip[0], clip[0].std.AssumeFPS(fpsnum=24)]).std.Loop()[:FRAMES]

    def tell(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        frame = f.copy()
        frame.props.update(_DurationNum=40_000, _DurationDen=1_000_000, _MP_IMAGE=record(START + n / RATE, 1 / RATE))
        return frame

    return clip.std.ModifyFrame(clip, tell)


@pytest.fixture
def word(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "word"
    seeking._counts.clear()


def which(result: vs.VideoNode, count: int) -> list[str]:
    """Tell of each frame whether it was enhanced (marked) or only resampled."""
    return ["made" if result.get_frame(n).props.get("made") else "plain" for n in range(count)]


@pytest.mark.parametrize("factor", [1, Fraction(5, 2)])
def test_frames_before_the_place_are_plain_and_from_there_on_made(
    factor: Fraction, shown: vs.VideoNode, word: Path
) -> None:
    made = shown.resize.Bicubic(64, 32).std.SetFrameProps(made=1)
    if factor != 1:
        from vsmagic.filters import pattern, shares

        found = pattern.multiplied(factor, FRAMES)
        made = shares.lasting(found.left(made), found, shown, 1 / factor)
    result = passing(shown, made, Fraction(factor), Place(word, 3), Clock(RATE))
    word.write_text("[4, 9.3]")
    first, near = math.ceil(45 * factor), math.ceil(20 * factor)
    assert fr.planes(result, near)[0].std() > 1
    assert fr.planes(result, near - 1)[0].std() == 0
    assert which(result, first + 3) == ["plain"] * first + ["made"] * 3
    durations = [
        Fraction(f.props["_DurationNum"], f.props["_DurationDen"]) for f in (result.get_frame(n) for n in (1, 12))
    ]
    assert durations == [Fraction(1, 25) / factor] * 2


def test_once_frames_are_shown_nobody_is_asked_any_more(shown: vs.VideoNode, word: Path) -> None:
    """A seek ends the script: what is told while it plays is of no script that runs."""
    result = passing(shown, shown.std.SetFrameProps(made=1), Fraction(1), Place(word, 3), Clock(RATE))
    word.write_text("[4, 7.7]")
    assert which(result, 7) == ["plain"] * 5 + ["made"] * 2
    word.write_text("[5, 99]")
    assert which(result[7:], 5) == ["made"] * 5


@pytest.mark.parametrize(
    "told", ["[3, 7.9]", "[4]", "[0, 7.9]", "[4, 7.5]", None], ids=["over", "none", "older", "here", "no file"]
)
def test_without_a_seek_that_goes_on_every_frame_is_made(told: str | None, shown: vs.VideoNode, word: Path) -> None:
    if told:
        word.write_text(told)
    made = shown.std.SetFrameProps(made=1)
    assert which(passing(shown, made, Fraction(1), Place(word, 3), Clock(RATE)), 5) == ["made"] * 5


@pytest.mark.parametrize(
    "told",
    [
        record(START, 0.04, rate=24.0),
        record(START, 0.05),
        record(START, 0.04) + record(START, 0.04),
        b"",
        b"\0" * 400,
    ],
    ids=["another rate", "another duration", "twice", "nothing", "zeros"],
)
def test_a_record_that_is_not_understood_is_not_believed(told: bytes) -> None:
    props = {"_MP_IMAGE": told, "_DurationNum": 40_000, "_DurationDen": 1_000_000}
    assert Clock(RATE).moment(0, props) is None


def test_a_record_whose_frames_do_not_follow_each_other_is_not_believed(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock(RATE)
    props = {"_DurationNum": 40_000, "_DurationDen": 1_000_000}
    assert clock.moment(0, props | {"_MP_IMAGE": record(5.0, 0.04)}) == 5.0
    assert clock.moment(1, props | {"_MP_IMAGE": record(5.2, 0.04)}) is None
    assert clock.moment(2, props | {"_MP_IMAGE": record(5.24, 0.04)}) is None
    assert "Exact seeks take longer" in caplog.text


@pytest.mark.parametrize(
    "name", ["anim_bbb_480x360_24fps_aac.mp4", "vfr_fire_720p_rotate180.mp4", "delayed_start_480x320.mp4"]
)
def test_the_moments_are_those_of_the_file(
    name: str, mpv: Path, mpv_env: dict[str, str], data: Path, tmp_path: Path
) -> None:
    """What is read out of mpv's own memory is what another program reads in the file."""
    script, clip = tmp_path / "moments.vpy", data / "clips" / name
    script.write_text(
        "import sys\nfrom vsmagic.mpv.seeking import Clock\nclock = Clock(container_fps)\n"
        "def tell(n, f):\n    sys.stderr.write(f'moment {n} {clock.moment(n, f.props)}\\n')\n    return f\n"
        "video_in.std.ModifyFrame(video_in, tell).set_output()\n"
    )
    line = [
        mpv,
        "--no-config",
        "--vo=null",
        "--ao=null",
        "--untimed",
        "--frames=20",
        f"--vf=vapoursynth={script}",
        clip,
    ]
    done = subprocess.run(line, env=mpv_env, capture_output=True, text=True, timeout=60, check=True)
    told = dict(text.split()[1:] for text in done.stderr.splitlines() if text.startswith("moment "))
    with av.open(str(clip)) as file:
        stream = file.streams.video[0]
        times = [float(frame.pts * stream.time_base) for _, frame in zip(range(20), file.decode(stream), strict=False)]
    assert [float(told[str(n)]) for n in range(20)] == pytest.approx(times, abs=1e-3)


def test_exact_seeks_show_the_picture_that_is_there(
    mpv: Path, mpv_env: dict[str, str], data: Path, tmp_path: Path
) -> None:
    """Any order of seeks, among them such as interrupt each other, steps back and one beyond the end."""
    lua, word = tmp_path / "seeks.lua", tmp_path / "word"
    lua.write_text(LUA.format(modules=shipped("mpv") / "modules", file=word))
    clip = data / "clips/anim_bbb_480x360_24fps_aac.mp4"
    asked = json.dumps({"chain": [{"filter": "upscale", "scale": 2, "model": "magic-x2"}], "seeks": str(word)})
    vf = f"vapoursynth=%{len(str(_SCRIPT))}%{_SCRIPT}:user-data=%{len(asked)}%{asked}"
    quick = ["--no-config", "--pause", "--keep-open=yes", "--vf-add=crop=160:120:160:120", clip]
    places = (3.25, 1.0, 5.5, 5.25, 0.25)
    with Player(mpv, *quick, f"--script={lua}", env=mpv_env) as player:
        player.set("user-data/pictures", str(tmp_path / "seen.png"))
        player.event("playback-restart")
        player.command("vf", "add", f"@ours:{vf}")
        player.event("playback-restart")
        seen = {}
        for place in places:
            player.command("seek", (place + 2) % 9, "absolute+exact")
            seen[place] = _picture_at(player, place)
        player.command("frame-back-step")
        player.event("playback-restart")
        back = _picture(player)
    with Player(mpv, *quick, f"--vf-append=@ours:vapoursynth={_SCRIPT}:user-data=live-balanced", env=mpv_env) as player:
        player.set("user-data/pictures", str(tmp_path / "seen.png"))
        player.event("playback-restart")
        for place in places:
            assert _picture_at(player, place) == seen[place], place
        player.command("frame-back-step")
        player.event("playback-restart")
        assert _picture(player) == back


_SCRIPT = shipped("mpv") / "vsmagic.vpy"


def _picture_at(player: Player, place: float) -> bytes:
    player.events.clear()
    player.command("seek", place, "absolute+exact")
    player.wait_for(lambda: not player.get("seeking", True) and abs(player.get("time-pos", -1) - place) < 0.05)
    return _picture(player)


def _picture(player: Player) -> bytes:
    """Return what the player shows, before it is drawn."""
    path = Path(player.get("user-data/pictures"))
    player.command("screenshot-to-file", str(path), "video")
    with av.open(str(path)) as file:
        frame = next(file.decode(video=0))
    assert (frame.width, frame.height) == (320, 240)
    return frame.to_ndarray(format="rgb24").tobytes()
