"""The script in real players, driven by keys and files as a person would."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from playing import Player

CHECKOUT = Path(__file__).parents[2]
SCRIPT = CHECKOUT / "scripts" / "mpv" / "vsmagic.lua"
PRETEND = Path(__file__).parent / "pretend.vpy"
PROFILES = Path(__file__).parent / "pretend.json"

Start = Callable[..., Player]


class Place:
    """A user's folders, what the pretended filter does, and a pretended vsmagic."""

    def __init__(self, folder: Path, env: dict[str, str]) -> None:
        self.folder = folder
        self.told = folder / "pretend.json"
        self.calls = folder / "calls"
        self.config = folder / "config"
        self.config.mkdir()
        self.speeds = folder / "realtime.json"
        self.env = env | {"PRETEND": str(self.told), "TMPDIR": str(folder), "FOLDER": str(folder)}
        self.pretend()
        self.command(f"open({str(self.calls)!r}, 'a').write(' '.join(sys.argv[1:]) + chr(10))")

    def pretend(self, **what: Any) -> None:
        """Say what the pretended filter does from its next start on."""
        self.told.write_text(json.dumps(what))

    def command(self, body: str) -> None:
        """Say what the pretended vsmagic does: Python statements."""
        head = f"#!{sys.executable}\nimport json, os, signal, sys, time\n"
        program = self.folder / "vsmagic"
        program.write_text(head + body + "\n")
        program.chmod(0o755)

    def called(self) -> list[str]:
        return self.calls.read_text().splitlines() if self.calls.exists() else []

    def measure(self, **fps: float) -> None:
        """Write a speed table: frames a second at 480x360 of each profile."""
        rows = {name: [{"width": 480, "height": 360, "fps": speed}] for name, speed in fps.items()}
        motions = {name: rows.pop(name) for name in ("flow", "rife", "blocks") if name in rows}
        table = {"version": 1, "complete": True, "pictures": rows, "motions": motions, "lacking": {}}
        self.speeds.write_text(json.dumps(table))


@pytest.fixture
def place(tmp_path: Path, mpv_env: dict[str, str]) -> Place:
    return Place(tmp_path, mpv_env)


@pytest.fixture
def play(mpv: Path, place: Place) -> Iterator[Start]:
    """Start mpv with the script; options of the script by their names, and --vo for a window."""

    @contextmanager
    def start(*arguments: object, program: Path = mpv, **options: str) -> Iterator[Player]:
        pretended = {"vpy": PRETEND, "profiles": PROFILES, "command": place.folder / "vsmagic", "speeds": place.speeds}
        given = {**pretended, "measure": "no"} | options
        text = ",".join(f"vsmagic-{name}={value}" for name, value in given.items())
        words = [f"--config-dir={place.config}", "--quiet", f"--script={SCRIPT}", f"--script-opts={text}", *arguments]
        window = any(str(word).startswith("--vo=") for word in arguments)
        with Player(program, *words, env=place.env, display=window) as player:
            yield player

    return start


@pytest.fixture
def film(data: Path) -> Path:
    """480x360 at 24 frames a second, ten seconds, with sound."""
    return data / "clips" / "anim_bbb_480x360_24fps_aac.mp4"


def shown(player: Player) -> str:
    return str(player.get("user-data/vsmagic/profile", ""))


def running(player: Player, profile: str = "live-performance") -> None:
    player.wait("user-data/vsmagic/profile", profile)
    player.wait_for(lambda: pixels(player, "video-out-params") == 4 * pixels(player, "video-params") > 0)


def pixels(player: Player, name: str) -> int:
    size = player.get(name, {"w": 0, "h": 0})
    return int(size["w"] * size["h"])


def stopped(player: Player) -> None:
    player.wait("user-data/vsmagic/profile", "")
    player.wait("vf", [])
    player.wait_for(lambda: pixels(player, "video-out-params") == pixels(player, "video-params"))


def told(player: Player, text: str) -> None:
    player.wait_for(lambda: any(text in message["text"] for message in player.log if message["prefix"] == "vsmagic"))


def times_told(player: Player, text: str) -> int:
    return sum(text in message["text"] for message in player.log if message["prefix"] == "vsmagic")


def plays_on(player: Player) -> None:
    before = player.get("time-pos", 0.0)
    player.wait("time-pos", lambda now: now is not None and now > before + 0.3)


def ours(player: Player) -> list[dict[str, Any]]:
    return [entry for entry in player.get("vf") if entry.get("label") == "vsmagic"]


def chain(player: Player) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(ours(player)[0]["params"]["user-data"])
    return found


# What it does when a file opens


def test_a_file_gets_the_fast_profile_and_the_users_filters_stay(play: Start, film: Path) -> None:
    with play("--vf=@mine:hflip", "--loop", film) as player:
        running(player)
        labels = [entry.get("label") for entry in player.get("vf")]
        assert labels == ["mine", "vsmagic"]
        assert [step["model"] for step in chain(player)["chain"]] == ["magic-x2"]
        player.key("Alt+m")
        player.wait("vf", lambda vf: [entry.get("label") for entry in vf] == ["mine"])


def test_a_measured_machine_gets_the_best_that_fits(play: Start, place: Place, film: Path) -> None:
    place.measure(**{"live-quality": 20, "live-balanced": 31, "live-performance": 200})
    with play("--loop", film) as player:
        running(player, "live-balanced")
    place.measure(**{"live-quality": 20, "live-balanced": 29, "live-performance": 200})
    with play("--loop", film) as player:
        running(player)


def test_animation_is_told_by_its_folder(play: Start, place: Place, film: Path) -> None:
    anime = place.folder / "anime"
    anime.mkdir()
    copy = Path(shutil.copy(film, anime))
    with play("--loop", copy) as player:
        running(player, "animation-performance")


def test_frames_in_between_where_there_is_room(play: Start, place: Place, film: Path) -> None:
    place.measure(**{"live-performance": 200, "blocks": 300})
    with play("--loop", film, motion="auto") as player:
        player.wait("user-data/vsmagic/profile", "live-performance+blocks*2")  # no display here: twice
        steps = chain(player)["chain"]
        assert [step["filter"] for step in steps] == ["interpolate", "upscale"]
        assert steps[0]["multiplier"] == "2"
        player.wait("estimated-vf-fps", lambda fps: fps is not None and 47 < fps < 49)


def test_the_profiles_that_come_with_it_are_read(play: Start, film: Path) -> None:
    known = json.loads((SCRIPT.parent / "profiles.json").read_text())
    with play("--loop", film, profiles="") as player:
        running(player)
        steps = next(picture["steps"] for picture in known["pictures"] if picture["name"] == "live-performance")
        assert chain(player)["chain"] == steps


def test_what_nobody_can_see_is_not_enlarged(play: Start, place: Place, screen: str, data: Path, film: Path) -> None:
    place.env["DISPLAY"] = screen  # 1920x1080
    large = data / "clips" / "counter_1080p10.mp4"
    with play("--loop", "--ao=null", "--vo=x11", large, film) as player:
        player.wait("user-data/vsmagic/why", "the picture has as many pixels as the display")
        plays_on(player)
        assert player.get("vf") == []
        player.command("playlist-next")
        running(player)
    with play("--loop", "--ao=null", "--vo=x11", large, skip_unseen="no") as player:
        player.wait("user-data/vsmagic/profile", "live-performance")


# Keys


def test_keys_collide_with_no_default(mpv: Path, stock_mpv: Path, mpv_env: dict[str, str]) -> None:
    conf = (SCRIPT.parent / "vsmagic-options.conf").read_text()
    keys = re.findall(r"^#key_\w+=(\S+)", conf, re.MULTILINE)
    assert len(keys) == 7
    for program in (mpv, stock_mpv):
        with Player(program, "--no-config", "--idle", env=mpv_env) as player:
            taken = {binding["key"] for binding in player.get("input-bindings")}
            assert len(taken) > 100
            assert not taken & {player.get(f"x-{key}", key) for key in keys}


def test_the_options_file_tells_every_option_with_its_default() -> None:
    settings = (SCRIPT.parent / "modules" / "settings.lua").read_text()
    block = settings.split("local defaults = {")[1].split("}")[0]
    code = {name: value.strip('"') for name, value in re.findall(r"(\w+) = ([^,\n]+),", block)}
    conf = dict(re.findall(r"^#(\w+)=(.*)$", (SCRIPT.parent / "vsmagic-options.conf").read_text(), re.MULTILINE))
    words = {"true": "yes", "false": "no"}
    assert conf == {name: words.get(value, value) for name, value in code.items()}


def test_toggling_leaves_the_player_as_it_was(play: Start, film: Path) -> None:
    with play("--loop", film, profile="off") as player:
        plays_on(player)
        names = ("vf", "watch-later-options", "hwdec", "video-sync", "audio-delay", "speed", "options/vf")
        before = {name: player.get(name) for name in names}
        player.key("Alt+m")
        running(player)
        assert "vf" not in player.get("watch-later-options"), "the filter must not be stored with a film's position"
        player.key("Alt+m")
        stopped(player)
        assert {name: player.get(name) for name in names} == before


def test_keys_go_through_the_profiles(play: Start, film: Path) -> None:
    with play("--loop", film) as player:
        running(player)
        for expected in ("live-quality", "live-balanced"):
            player.key("Alt+n")
            running(player, expected)
        player.key("Alt+N")
        running(player, "live-quality")
        player.key("Alt+N")
        running(player)
        told(player, "automatic: Live, performance")


def test_names_can_be_bound_to_other_keys(play: Start, place: Place, film: Path) -> None:
    (place.config / "input.conf").write_text("F5 script-binding vsmagic/toggle\n")
    with play("--loop", film) as player:
        running(player)
        player.key("F5")
        stopped(player)
        player.command("script-message-to", "vsmagic", "profile", "live-balanced")
        running(player, "live-balanced")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("profile", "live-balnced"), "profile=live-balnced is not known; expected auto, off, "),
        (("profile",), "profile= is not known; expected auto, off, "),
        (("motion", "flwo"), "motion=flwo is not known; expected off, auto, "),
    ],
)
def test_a_message_with_an_unknown_name_is_told_and_changes_nothing(
    play: Start, film: Path, words: tuple[str, ...], sentence: str
) -> None:
    with play("--loop", film) as player:
        running(player)
        player.command("script-message-to", "vsmagic", *words)
        told(player, sentence)
        assert player.get("user-data/vsmagic/wish") == "auto"
        assert player.get("user-data/vsmagic/motion") == "off"
        running(player)


def test_the_end_of_a_file_is_nothing_to_tell_of(play: Start, film: Path) -> None:
    with play("--idle", "--start=9", film) as player:
        running(player)
        player.wait("idle-active", True)
        player.command("script-message-to", "vsmagic", "profile", "none")
        told(player, "profile=none is not known")
        assert times_told(player, "off: ") == 0


def test_the_original_is_shown_for_as_long_as_the_key_is_held(play: Start, film: Path) -> None:
    with play("--loop", film) as player:
        running(player)
        player.command("keydown", "Alt+a")
        stopped(player)
        time.sleep(0.5)  # longer than a tap
        player.command("keyup", "Alt+a")
        running(player)
        player.key("Alt+a")
        stopped(player)
        player.key("Alt+a")
        running(player)


def test_half_of_the_picture_is_the_original(play: Start, film: Path) -> None:
    with play("--loop", film) as player:
        running(player)
        player.key("Alt+c")
        player.wait_for(lambda: chain(player)["compare"] == "split")
        player.key("Alt+c")
        player.wait_for(lambda: chain(player)["compare"] == "off")
        player.key("Alt+m")
        stopped(player)
        player.key("Alt+c")
        told(player, "nothing to compare: switched off")
        player.key("Alt+m")
        running(player)
        assert chain(player)["compare"] == "off"


@pytest.mark.parametrize(
    ("turned", "sides"), [(0, "left right"), (90, "top bottom"), (180, "right left"), (270, "bottom top")]
)
def test_the_halves_of_a_turned_picture_are_told_as_they_are_seen(
    play: Start, film: Path, turned: int, sides: str
) -> None:  # mpv turns clockwise: a quarter brings what was on the left to the top
    first, second = sides.split()
    with play("--loop", f"--video-rotate={turned}", film) as player:
        running(player)
        player.key("Alt+c")
        told(player, f"{first} as it was, {second} enhanced")


def test_motion_by_key_is_obeyed_and_measured_motion_only_where_it_fits(play: Start, place: Place, film: Path) -> None:
    with play("--loop", film) as player:
        running(player)
        player.key("Alt+f")
        player.wait("user-data/vsmagic/profile", "live-performance+blocks*2")
        player.key("Alt+f")
        player.wait("user-data/vsmagic/profile", "live-performance")
    place.measure(**{"live-performance": 40, "blocks": 45})
    with play("--loop", film) as player:
        running(player)
        player.key("Alt+f")
        told(player, "no frames in between: too slow on this machine")
        running(player)


def test_the_same_frame_stays_while_paused(play: Start, film: Path) -> None:
    with play("--pause", "--start=3", film) as player:
        running(player)
        where = player.get("time-pos")
        for key in ("Alt+m", "Alt+m", "Alt+n", "Alt+a", "Alt+a", "Alt+c"):
            player.key(key)
            player.wait("seeking", False)
            time.sleep(0.2)
            player.wait("seeking", False)
            assert player.get("time-pos") == pytest.approx(where, abs=1e-3), key


# What goes wrong


def test_a_mistake_is_told_and_playback_goes_on(play: Start, place: Place, film: Path) -> None:
    place.pretend(errors={"magic-x2": "chain: step 1: no model of that name. Expected one of these."})
    with play("--loop", film) as player:
        told(player, "chain: step 1: no model of that name. Expected one of these.")
        stopped(player)
        plays_on(player)


def test_a_frame_that_fails_is_told_too(play: Start, place: Place, film: Path) -> None:
    script = place.folder / "fails.vpy"
    script.write_text(
        "def fail(n, f):\n    if n > 20: raise ValueError('vsmagic: frame 21 is broken')\n    return f\n"
        "video_in.std.ModifyFrame(video_in, fail).set_output()\n"
    )
    with play("--loop", film, vpy=str(script)) as player:
        told(player, "frame 21 is broken")
        stopped(player)
        plays_on(player)


def test_a_player_without_the_filter_is_told_the_remedy(play: Start, stock_mpv: Path, film: Path) -> None:
    with Player(stock_mpv, "--no-config", "--idle") as player:
        if "vapoursynth" in player.get("option-info/vf/choices"):
            pytest.skip("the system's mpv has the filter")
    with play("--loop", film, program=stock_mpv) as player:
        told(player, "vsmagic mpv install --shaders-only")
        plays_on(player)
        assert player.get("vf") == []
        for key in ("Alt+m", "Alt+m", "Alt+n", "Alt+a", "Alt+c", "Alt+f", "Alt+i"):
            player.key(key)
        plays_on(player)
        assert player.get("vf") == []


def test_a_player_without_the_filter_is_told_when_it_is_switched_on(play: Start, stock_mpv: Path, film: Path) -> None:
    with play("--loop", film, program=stock_mpv, profile="off") as player:
        if "vapoursynth" in player.get("option-info/vf/choices"):
            pytest.skip("the system's mpv has the filter")
        plays_on(player)
        assert times_told(player, "vsmagic") == 0
        player.key("Alt+m")
        told(player, "vsmagic mpv install --shaders-only")
        plays_on(player)


def test_no_vapoursynth_is_told_the_remedy(play: Start, place: Place, film: Path) -> None:
    place.env["VSSCRIPT_PATH"] = "/nowhere"
    with play("--loop", film) as player:
        told(player, "vsmagic mpv run FILE")
        plays_on(player)
        assert player.get("vf") == []
        assert player.get("vid") == 1


def test_a_python_without_vsmagic_is_told_the_remedy(play: Start, place: Place, film: Path) -> None:
    script = place.folder / "other.vpy"
    script.write_text("raise ModuleNotFoundError(\"No module named 'vsmagic'\", name='vsmagic')\n")
    with play("--loop", film, vpy=str(script)) as player:
        told(player, "vsmagic mpv run FILE")
        plays_on(player)


def test_filters_cleared_by_the_user_stay_cleared(play: Start, film: Path) -> None:
    with play("--loop", film) as player:
        running(player)
        player.command("vf", "clr", "")
        told(player, "off, because the list of filters was changed")
        plays_on(player)
        assert player.get("vf") == []
        player.key("Alt+m")
        running(player)


def test_options_that_are_not_known_are_told(play: Start, film: Path) -> None:
    with play("--loop", film, content="musical", profile="best") as player:
        running(player)
        errors = player.terminal
        assert "content=musical is not known; expected auto, live, animation. auto is taken." in errors
        assert "profile=best is not known" in errors


# Back-off


def test_ten_times_too_slow_is_taken_out(play: Start, place: Place, film: Path) -> None:
    place.pretend(seconds={"magic-x2": 10 / 24})
    with play("--loop", film) as player:
        player.wait("user-data/vsmagic/profile", "live-performance")
        stopped(player)
        assert player.get("time-pos") < 2
        told(player, "too slow for this video")
        plays_on(player)
        assert times_told(player, "too slow") == 1


def test_a_slower_machine_than_measured_goes_down(play: Start, place: Place, film: Path) -> None:
    place.measure(**{"live-quality": 40, "live-balanced": 80, "live-performance": 400})
    place.pretend(seconds={"realesrgan-x2plus": 4 / 24})
    with play("--loop", film) as player:
        player.wait("user-data/vsmagic/profile", "live-quality")
        player.wait("user-data/vsmagic/profile", "live-performance")  # 80 of which a quarter is to be had are too few
        told(player, "too slow for real time, now Live, performance")


def test_watching_can_be_switched_off(play: Start, place: Place, film: Path) -> None:
    place.pretend(seconds={"magic-x2": 3 / 24})
    with play("--loop", film, backoff="no") as player:
        player.wait("user-data/vsmagic/profile", "live-performance")
        player.wait("time-pos", lambda now: now is not None and now > 1)
        assert shown(player) == "live-performance"


# Preparation

PREPARE = """
file = sys.argv[sys.argv.index("--progress") + 1]
def tell(**what):
    open(file + ".part", "w").write(json.dumps(what)); os.replace(file + ".part", file)
def stop(*_):
    open(os.path.join(os.environ["FOLDER"], "stopped"), "w").close(); os.remove(file); sys.exit(143)
signal.signal(signal.SIGTERM, stop)
open(os.path.join(os.environ["FOLDER"], "args"), "w").write(json.dumps(sys.argv[1:]))
"""


def test_what_is_not_ready_is_prepared_and_comes_in(play: Start, place: Place, film: Path) -> None:
    place.pretend(errors={"magic-x2": "not ready: the engine for 480x360 is not built."})
    go = place.folder / "go"
    place.command(
        PREPARE + f"tell(state='working', share=0.5, what='building')\nwhile not os.path.exists({str(go)!r}):\n"
        "    time.sleep(0.05)\ntell(state='ready', share=1, what='')"
    )
    with play("--loop", film) as player:
        told(player, "preparing Live, performance")
        stopped(player)
        plays_on(player)
        args = json.loads((place.folder / "args").read_text())
        assert args[:2] == ["mpv", "prepare"]
        assert args[args.index("--size") + 1] == "480x360"
        assert json.loads(args[args.index("--chain") + 1]) == [{"filter": "upscale", "model": "magic-x2", "scale": 2}]
        assert "--fetch" not in args
        place.pretend()
        go.touch()
        running(player)
    assert not list(place.folder.glob("vsmagic-*")), "nothing is left behind"


def test_meanwhile_a_profile_that_is_ready_plays(play: Start, place: Place, film: Path) -> None:
    place.pretend(errors={"realesrgan-x2plus": "not ready: the engine is not built."})
    place.measure(**{"live-quality": 100, "live-performance": 400})
    place.command(PREPARE + "tell(state='working', share=0.5, what='building')\ntime.sleep(60)")
    with play("--loop", film, quit_build="stop") as player:
        running(player)
        told(player, "preparing Live, quality, until then Live, performance")


def test_a_failure_is_not_taken_for_that_of_the_next_profile(play: Start, place: Place, film: Path) -> None:
    """mpv's log comes late: keys pressed quickly have changed the profile by then."""
    place.pretend(errors={"realesrgan-x2plus": "not ready: the engine is not built."})
    place.command(PREPARE + "tell(state='failed', share=0, what='', error='no compiler')\nsys.exit(1)")
    with play("--loop", film) as player:
        running(player)
        for n in range(40):
            player.command("script-message-to", "vsmagic", "profile", "live-quality")
            time.sleep(0.001 * n)
            player.command("script-message-to", "vsmagic", "profile", "live-performance")
            time.sleep(0.01)
        running(player)
        assert times_told(player, "preparing Live, performance") == 0


def test_a_preparation_that_failed_is_tried_again_when_asked_for(play: Start, place: Place, film: Path) -> None:
    place.pretend(errors={"magic-x2": "not ready: the engine is not built."})
    place.command(PREPARE + "tell(state='failed', share=0, what='', error='no compiler')\nsys.exit(1)")
    with play("--loop", film) as player:
        told(player, "no compiler")
        player.wait("user-data/vsmagic/why", "Live, performance could not be made ready")
        place.command(PREPARE + "tell(state='ready', share=1, what='')")
        player.key("Alt+m")
        place.pretend()
        player.key("Alt+m")
        running(player)
    assert not list(place.folder.glob("vsmagic-*")), "nothing is left behind"


def test_a_preparation_that_fails_is_told(play: Start, place: Place, film: Path) -> None:
    place.pretend(errors={"magic-x2": "not ready: the model is not on this machine."})
    place.command(PREPARE + "tell(state='failed', share=0, what='', error='It is not there. vsmagic models fetch x')")
    with play("--loop", film) as player:
        told(player, "It is not there. vsmagic models fetch x")
        plays_on(player)
        stopped(player)


@pytest.mark.parametrize("how", ["stop", "finish"])
def test_quitting_stops_a_preparation_or_lets_it_finish(play: Start, place: Place, film: Path, how: str) -> None:
    place.pretend(errors={"magic-x2": "not ready: the engine is not built."})
    pid, go = place.folder / "pid", place.folder / "go"
    place.command(
        PREPARE
        + f"tell(state='working', share=0.5, what='building')\nopen({str(pid)!r}, 'w').write(str(os.getpid()))\n"
        f"for _ in range(1200):\n    time.sleep(0.05)\n    if os.path.exists({str(go)!r}): os.remove(file); break\n"
    )
    with play("--loop", film, quit_build=how) as player:
        told(player, "preparing Live, performance")
        player.wait_for(lambda: pid.exists() and pid.read_text())
    process = int(pid.read_text())
    if how == "stop":
        assert (place.folder / "stopped").exists(), "it was asked to end, not killed"
    else:
        assert alive(process)
        go.touch()
    end = time.monotonic() + 30
    while alive(process) and time.monotonic() < end:
        time.sleep(0.05)
    assert not alive(process)
    assert not list(place.folder.glob("vsmagic-*"))


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "Z" not in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]


# Measurement


def test_a_machine_is_measured_in_the_background_and_the_table_taken(play: Start, place: Place, film: Path) -> None:
    example = json.dumps({
        "version": 1, "complete": True, "motions": {}, "lacking": {},
        "pictures": {"live-balanced": [{"width": 480, "height": 360, "fps": 90.0}]},
    })  # fmt: skip
    place.command(
        f"open({str(place.calls)!r}, 'a').write(' '.join(sys.argv[1:]) + chr(10))\ntime.sleep(1)\n"
        f"open({str(place.speeds)!r}, 'w').write({example!r})"
    )
    with play("--loop", film, measure="idle", quit_build="stop") as player:
        running(player)
        running(player, "live-balanced")
    assert place.called() == ["bench --realtime --when-idle"]


def test_a_measured_machine_is_not_measured_again(play: Start, place: Place, film: Path) -> None:
    place.measure(**{"live-performance": 100})
    with play("--loop", film, measure="now") as player:
        running(player)
        plays_on(player)
    assert place.called() == []


# Remembering


@pytest.mark.parametrize(
    ("how", "other"), [("no", "live-performance"), ("file", "live-performance"), ("always", "live-balanced")]
)
def test_a_choice_is_remembered_where_that_is_wanted(
    play: Start, place: Place, film: Path, *, how: str, other: str
) -> None:
    with play("--loop", film, remember=how) as player:
        running(player)
        player.command("script-message-to", "vsmagic", "profile", "live-balanced")
        running(player, "live-balanced")
    with play("--loop", film, remember=how) as player:
        running(player, "live-performance" if how == "no" else "live-balanced")
        player.command("loadfile", str(film.with_name("live_carturn_360p25_fastmotion.mp4")))
        player.wait("filename", "live_carturn_360p25_fastmotion.mp4")
        running(player, other)
    kept = [file.read_text() for file in place.config.rglob("vsmagic-choices.json")]
    assert len(kept) == (how != "no")
    assert not any("bbb" in text for text in kept), "names of films are private"


def test_a_folder_that_cannot_be_written_is_told_and_nothing_else_happens(
    play: Start, place: Place, film: Path
) -> None:
    (place.config / "vsmagic-choices.json").mkdir()
    with play("--loop", film, remember="always") as player:
        running(player)
        player.key("Alt+n")
        running(player, "live-quality")
        told(player, "Your choice cannot be remembered")


# Every kind of file


def ffmpeg(*words: object) -> None:
    import imageio_ffmpeg

    subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), "-y", "-v", "error", *map(str, words)], check=True)


def test_pictures_and_sound_get_no_filter(play: Start, place: Place, film: Path) -> None:
    picture, sound = place.folder / "picture.png", place.folder / "sound.m4a"
    ffmpeg("-i", film, "-frames:v", 1, picture)
    ffmpeg("-i", film, "-vn", "-c", "copy", sound)
    with play(film, sound, picture, f"--audio-file={sound}", "--keep-open=no", "--loop-playlist") as player:
        running(player)
        player.command("playlist-next")
        player.wait("filename", "sound.m4a")
        player.wait("vf", [])
        player.command("playlist-next")
        player.wait("filename", "picture.png")
        plays_on(player)
        assert player.get("vf") == []
        player.command("playlist-next")
        player.wait("filename", film.name)
        running(player)


@pytest.mark.parametrize("pixels", ["gray", "ya8", "monow", "monob"])
def test_black_and_white_that_would_end_mpv_is_left_alone(play: Start, place: Place, film: Path, pixels: str) -> None:
    video = place.folder / "gray.nut"
    ffmpeg("-i", film, "-t", 1, "-an", "-vf", f"scale=160:120,format={pixels}", "-c:v", "rawvideo", video)
    with play("--loop", video) as player:
        player.wait("user-data/vsmagic/why", lambda why: "black-and-white" in (why or ""))
        plays_on(player)
        assert player.get("vf") == []


def test_interlaced_video_waits_for_the_deinterlacer(play: Start, data: Path) -> None:
    with play("--loop", data / "clips" / "derived" / "interlaced_tff_320x240_30i_mpeg2.ts") as player:
        told(player, "interlaced. Press d")
        plays_on(player)
        assert player.get("vf") == []
        player.command("seek", 0, "absolute")
        plays_on(player)
        assert times_told(player, "Press d") == 1
        player.key("d")
        running(player)
        player.set("deinterlace", "no")
        player.wait("vf", [])


@pytest.mark.parametrize(
    "name",
    ["tenbit_hevc_testsrc_200x200.mp4", "oldphone_h263_352x288_sar12x11_vfr.3gp",
     "lowres_160x120_30fps.mp4", "live_stpancras_320x240_60fps_601full.mp4", "derived/bad_bitflips_middle_third.mkv"],
)  # fmt: skip
def test_other_videos_are_filtered(play: Start, data: Path, name: str) -> None:
    with play("--loop", data / "clips" / name) as player:
        running(player)
        plays_on(player)
        assert times_told(player, "too slow") == 0


def test_a_stream_without_end_is_filtered(play: Start, place: Place, film: Path) -> None:
    stream = place.folder / "stream"
    os.mkfifo(stream)
    import imageio_ffmpeg

    program, coding = imageio_ffmpeg.get_ffmpeg_exe(), ["-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac"]
    again = ["-re", "-stream_loop", "-1", "-i", film]
    source = subprocess.Popen([program, "-v", "quiet", *again, *coding, "-y", "-f", "mpegts", stream])
    try:
        with play(stream) as player:
            running(player)
            plays_on(player)
            assert times_told(player, "too slow") == 0
    finally:
        source.kill()
        source.wait()


def test_a_change_of_size_on_the_way_is_followed(play: Start, place: Place, film: Path) -> None:
    for name, size in (("a", "320:240"), ("b", "640:360")):
        ffmpeg(
            "-i", film, "-t", 2, "-vf", f"scale={size}", "-c:v", "libx264", "-c:a", "aac", place.folder / f"{name}.ts"
        )
    both = place.folder / "both.ts"
    both.write_bytes((place.folder / "a.ts").read_bytes() + (place.folder / "b.ts").read_bytes())
    with play("--loop", both) as player:
        player.wait("video-out-params/w", 640)
        player.wait("video-out-params/w", 1280)
        player.wait("video-out-params/w", 640)
        assert shown(player) == "live-performance"


def test_seeking_stepping_speed_and_loops_keep_the_profile(play: Start, place: Place, film: Path) -> None:
    place.measure(**{"live-quality": 35, "live-balanced": 50, "live-performance": 400})
    with play("--loop", film) as player:
        running(player, "live-quality")
        for _ in range(3):
            player.command("seek", 1)
        player.command("frame-step")
        player.command("frame-back-step")
        player.set("pause", False)
        player.set("speed", 2)
        running(player, "live-performance")
        player.set("speed", 1)
        running(player, "live-quality")
        player.command("ab-loop")
        plays_on(player)
        player.command("ab-loop")
        time.sleep(1)
        assert shown(player) == "live-quality"
        assert times_told(player, "too slow") == 0


def test_a_second_copy_of_the_script_does_nothing(play: Start, film: Path) -> None:
    with play("--loop", f"--scripts-append={SCRIPT}", film) as player:
        running(player)
        assert len(ours(player)) == 1
        assert "vsmagic is loaded twice" in player.terminal
