"""vsmagic mpv run: mpv with everything set, and nothing installed."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from playing import Player
from vsmagic.mpv import folder, identity, install, launch

ROOT = Path(__file__).parents[2]

ACTOR = """#!/bin/sh
case "$*" in
  *--version) echo 'mpv v0.40.0 Copyright'; exit;;
  *--vf=help) echo '  vapoursynth   VapourSynth bridge'; exit;;
esac
"""


@pytest.fixture
def scripts(tmp_path, monkeypatch) -> None:
    """Scripts that say where they lie."""
    root = tmp_path / "scripts"
    (root / "mpv").mkdir(parents=True)
    (root / "shaders").mkdir()
    (root / "mpv" / "vsmagic.lua").write_text("mp.msg.info('ours ' .. debug.getinfo(1, 'S').source)\n")
    (root / "shaders" / "magic-x2-fast-single.glsl").write_text(
        "//!HOOK LUMA\n//!BIND HOOKED\nvec4 hook() { return HOOKED_texOff(0); }\n"
    )
    monkeypatch.setattr(folder, "shipped", lambda name: root / name)


@pytest.fixture
def home(mpv_env, monkeypatch, tmp_path) -> Path:
    """An empty home in this process too, with a cache of its own; nothing leads to VapourSynth."""
    for name in ("XDG_CONFIG_HOME", "MPV_HOME", "PYTHONHOME", "VSSCRIPT_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", mpv_env["HOME"])
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.setenv("VSMAGIC_CACHE", str(tmp_path / 'cache of "mine" #1'))
    return Path(mpv_env["HOME"])


def playing(prepared: launch.Launch) -> Player:
    return Player(prepared.command[0], *prepared.command[1:], env=prepared.environ)


def ours(player: Player) -> list[str]:
    return [line.partition("ours ")[2].strip() for line in player.terminal.splitlines() if "ours " in line]


def test_mpv_loads_the_script_from_the_cache_and_this_vapoursynth(mpv, scripts, home, tmp_path, monkeypatch):
    """In an empty home, with no variable set: the script runs, the filter imports this vsmagic, nothing installed."""
    answer = tmp_path / "answer.json"
    monkeypatch.setenv("VSMAGIC_ANSWER", str(answer))
    prepared = launch.launch(mpv, "av://lavfi:testsrc2=s=64x64:r=24:d=60", ["--volume=33"])
    with playing(prepared) as player:
        player.wait_for(lambda: ours(player))
        assert ours(player) == [f"@{os.environ['VSMAGIC_CACHE']}/mpv/vsmagic.lua"]
        assert player.get("volume") == 33
        player.command("vf", "add", f"vapoursynth=file={ROOT / 'vsmagic' / 'mpv' / 'inside.py'}")
        player.wait_for(answer.is_file)
    assert Path(json.loads(answer.read_text())["package"]).samefile(ROOT / "vsmagic")
    assert not (home / ".config" / "mpv" / "vsmagic").exists()
    assert not (home / ".config" / "mpv" / "mpv.conf").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="where VapourSynth notes its Python is known of Linux alone")
def test_a_place_that_vapoursynth_cannot_write_to_is_told_before_mpv_starts(mpv, scripts, home, caplog):
    (home / ".config").write_text("no folder")  # root may write into any folder
    launch.launch(mpv, "film.mkv", [])
    assert f"{home}/.config/vapoursynth/vapoursynth.toml: cannot be written" in caplog.text


def test_a_place_that_is_noted_need_not_be_writable(mpv, scripts, home, caplog):
    note = home / ".config" / "vapoursynth" / "vapoursynth.toml"
    note.parent.mkdir(parents=True)
    launch.launch(mpv, "film.mkv", [])
    note.write_text(f'"{identity.vsscript()}" = []')
    note.parent.chmod(0o500)
    launch.launch(mpv, "film.mkv", [])
    assert "cannot be written" not in caplog.text


@pytest.mark.parametrize("shader", [None, "magic-x2-fast-single"])
def test_an_installed_one_is_not_a_second_one(shader, mpv, scripts, home):
    install.install(home / ".config" / "mpv", shader=shader).changes.make()
    with playing(launch.launch(mpv, "av://lavfi:testsrc2=s=64x64:r=24:d=60", [])) as player:
        player.wait_for(lambda: ours(player))
        assert player.get("options/scripts") == [f"{os.environ['VSMAGIC_CACHE']}/mpv/vsmagic.lua"]
        assert player.get("options/glsl-shaders") == []
        assert len(ours(player)) == 1


def test_an_mpv_without_the_filter_gets_the_shader_and_says_so(stock_mpv, scripts, home, caplog):
    prepared = launch.launch(stock_mpv, "av://lavfi:testsrc2=s=64x64:r=24:d=60", [])
    if not caplog.records:
        pytest.skip("this system's mpv has the filter")
    [said] = caplog.records
    assert "has no vapoursynth filter; the shader magic-x2-fast-single enlarges instead" in said.message
    with playing(prepared) as player:
        [shader] = player.get("options/glsl-shaders")
        assert shader == f"{os.environ['VSMAGIC_CACHE']}/mpv/shaders/magic-x2-fast-single.glsl"
        assert player.get("options/scripts") == []


def test_a_second_start_writes_nothing(mpv, scripts, home):
    launch.launch(mpv, "a.mkv", [])
    cache = Path(os.environ["VSMAGIC_CACHE"], "mpv")
    before = {path: path.stat().st_mtime_ns for path in cache.rglob("*")}
    assert cache / "vsmagic.lua" in before
    launch.launch(mpv, "a.mkv", [])
    assert {path: path.stat().st_mtime_ns for path in cache.rglob("*")} == before


@pytest.fixture
def actor(tmp_path, home, scripts, monkeypatch):
    """A program that is examined as an mpv is, and then does what a test says; starting it replaces this process."""

    def made(script: str) -> Path:
        program = tmp_path / "mpv"
        program.write_text(f"{ACTOR}{script}\n")
        program.chmod(0o755)
        return program

    return made


def started(prepared: launch.Launch, **options: object) -> "subprocess.Popen[str]":
    """Start what was prepared as the command does, in a process of its own."""
    what = f"Launch(command={prepared.command!r}, environ={dict(prepared.environ)!r})"
    text = f"from vsmagic.mpv.launch import Launch, start; start({what})"
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen([sys.executable, "-c", text], env=env, text=True, stdout=subprocess.PIPE, **options)


def test_what_stands_after_the_file_is_mpvs(actor):
    program = actor('printf "%s\\n" "$@"')
    told, _ = started(launch.launch(program, "a b.mkv", ["--start=1", "--", "-odd.mkv"])).communicate(timeout=60)
    assert told.splitlines()[-4:] == ["a b.mkv", "--start=1", "--", "-odd.mkv"]


@pytest.mark.parametrize(("file", "given"), [("-odd.mkv", "./-odd.mkv"), ("-", "-"), ("https://a/b", "https://a/b")])
def test_a_file_is_never_taken_for_an_option(file, given, actor):
    assert launch.launch(actor(""), file, []).command[-1] == given


def test_the_exit_code_is_mpvs(actor):
    process = started(launch.launch(actor("exit 4"), "a.mkv", []))
    process.communicate(timeout=60)
    assert process.returncode == 4


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signals_are_mpvs(number, actor):
    """There is no process between: the one that was started is mpv itself."""
    process = started(launch.launch(actor("echo $$; exec sleep 60"), "a.mkv", []))
    assert int(process.stdout.readline()) == process.pid
    time.sleep(0.2)  # the shell becomes sleep
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode == -number


def test_the_command(run, actor, monkeypatch):
    """Its own options stand before the file, and are not mpv's."""
    prepared = []

    def start(what: launch.Launch) -> None:
        prepared.append(what)
        raise SystemExit(0)

    monkeypatch.setattr(launch, "start", start)
    program = actor("")
    assert run("mpv", "run", "--mpv", program, "a.mkv", "--mpv=x", "--help", "-v").code == 0
    assert prepared[0].command[0] == str(program)
    assert prepared[0].command[-4:] == ("a.mkv", "--mpv=x", "--help", "-v")


def test_without_mpv_it_is_one_sentence(run, scripts, home, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.delenv("VSMAGIC_MPV", raising=False)
    said = run("mpv", "run", "a.mkv")
    assert (said.code, said.out) == (8, "")
    assert said.err == "vsmagic: mpv is not on PATH; install it, or name it with --mpv PROGRAM or VSMAGIC_MPV.\n"


def test_an_option_before_the_file_is_told(run, actor):
    said = run("mpv", "run", "--fullscreen", "a.mkv")
    assert said.code == 2
    assert "mpv's options stand after the file" in said.err
