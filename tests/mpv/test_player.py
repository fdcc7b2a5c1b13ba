"""What an mpv is able to do, asked from real ones and from some that are played."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from vsmagic import SetupError, __version__
from vsmagic.mpv import identity, player, report
from vsmagic.mpv.advice import advise


def acting(folder: Path, script: str) -> Path:
    """Make a program that acts like an mpv in the parts that are looked at."""
    program = folder / "mpv"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return program


def claiming(folder: Path, version: str, filters: str = "") -> Path:
    return acting(folder, f'case "$*" in *version*) echo "{version}";; *help*) echo "{filters}";; esac')


def without(environ: dict[str, str], *names: str) -> dict[str, str]:
    """Take this VapourSynth out of an environment, as that of a person who has only installed things."""
    return {name: value for name, value in environ.items() if name not in names} | {"PATH": "/usr/bin:/bin"}


@pytest.fixture(autouse=True)
def _plain(monkeypatch):
    """What a developer's shell sets is no part of this."""
    for name in ("VSSCRIPT_PATH", "PYTHONHOME", "VSMAGIC_MPV"):
        monkeypatch.delenv(name, raising=False)


def test_an_mpv_that_works(mpv, mpv_env):
    found = player.examine(mpv, mpv_env)
    assert (found.has_filter, found.too_old, found.needs, found.words) == (True, False, "nothing", None)
    assert found.number >= player.OLDEST
    assert found.inside.ours
    assert found.inside.vsmagic == __version__
    assert Path(found.inside.prefix).samefile(sys.prefix)
    assert advise(found).works
    assert "and this vsmagic" in advise(found).found


def test_examining_leaves_the_home_as_it_was(mpv, mpv_env):
    home = Path(mpv_env["HOME"])
    player.examine(mpv, mpv_env)
    player.examine(mpv, without(mpv_env, "VSSCRIPT_PATH"))
    assert list(home.iterdir()) == []


def test_the_stock_mpv_has_no_filter(stock_mpv, mpv_env):
    found = player.examine(stock_mpv, mpv_env)
    if found.has_filter:
        pytest.skip("this system's mpv has the filter")
    assert found.inside is None
    advice = advise(found)
    assert not advice.works
    assert "has no vapoursynth filter" in advice.found
    assert "vsmagic mpv install --shaders-only" in advice.remedy


def test_without_the_variable_each_step_is_named(mpv, mpv_env):
    """An empty home: neither the library is named, nor has its Python been written down."""
    found = player.examine(mpv, without(mpv_env, "VSSCRIPT_PATH"))
    assert found.needs == "configuration"
    assert found.words
    steps = advise(found).steps
    assert [step.partition("  #")[0].split("/")[-1] for step in steps][-2:] == [
        "vapoursynth config",
        "vapoursynth register-install",
    ]
    assert str(identity.vsscript()) in steps[-1]
    assert "vsmagic mpv run FILE" in advise(found).remedy


def test_with_the_python_written_down_the_variable_is_enough(mpv, mpv_env, tmp_path):
    """And the steps that are named do what they promise, in a home of their own."""
    bare = without(mpv_env, "VSSCRIPT_PATH")
    subprocess.run([identity.programs() / "vapoursynth", "config"], env=bare, check=True, capture_output=True)
    assert player.examine(mpv, bare).needs == "variable"
    done = player.examine(mpv, bare | {"VSSCRIPT_PATH": str(identity.vsscript())})
    assert done.needs == "nothing"


def test_a_wrong_variable_is_seen(mpv, mpv_env):
    found = player.examine(mpv, mpv_env | {"VSSCRIPT_PATH": "/nowhere/libvsscript.so"})
    assert found.inside is None
    assert "/nowhere/libvsscript.so" in found.words
    assert found.needs == "variable"


def test_a_python_without_vsmagic_is_told(mpv, mpv_env, tmp_path):
    (tmp_path / "vsmagic.py").write_text("raise ImportError('none here')\n")
    found = player.examine(mpv, mpv_env | {"PYTHONPATH": str(tmp_path)})
    assert found.inside.release >= 81
    assert found.inside.package is None
    assert "no vsmagic (ImportError: none here)" in advise(found).found
    assert not advise(found).works


def test_another_vsmagic_is_told(mpv, mpv_env, tmp_path):
    (tmp_path / "vsmagic").mkdir()
    (tmp_path / "vsmagic" / "__init__.py").write_text("__version__ = '0.0.1'\n")
    found = player.examine(mpv, mpv_env | {"PYTHONPATH": str(tmp_path)})
    assert not found.inside.ours
    assert f"another vsmagic, 0.0.1 in {tmp_path / 'vsmagic'}" in advise(found).found


@pytest.mark.parametrize(
    ("said", "version", "number"),
    [
        ("mpv 0.35.1 Copyright © 2000-2023 mpv/MPlayer/mplayer2 projects", "0.35.1", (0, 35)),
        ("mpv v0.40.0 Copyright © 2000-2025 mpv/MPlayer/mplayer2 projects", "0.40.0", (0, 40)),
        ("mpv v0.41.0-314-gf2a1b3c4 Copyright ©", "0.41.0-314-gf2a1b3c4", (0, 41)),
        ("mpv git-2026-05-01-abcdef Copyright ©", "git-2026-05-01-abcdef", None),
        ("mpv UNKNOWN Copyright ©", "UNKNOWN", None),
    ],
)
def test_versions(said, version, number, tmp_path):
    found = player.examine(claiming(tmp_path, said))
    assert (found.version, found.number) == (version, number)
    assert not found.too_old


def test_too_old(tmp_path):
    found = player.examine(claiming(tmp_path, "mpv 0.38.0 Copyright", "  vapoursynth      VapourSynth bridge"))
    assert found.too_old
    advice = advise(found)
    assert "is too old: vsmagic needs 0.39 or newer" in advice.found
    assert "--shaders-only" in advice.remedy


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("echo 'ls (GNU coreutils) 9.1'", "is no mpv that runs here (it says: ls (GNU coreutils) 9.1)"),
        ("echo 'error while loading shared libraries: libx.so.1' >&2; exit 127", "loading shared libraries: libx.so.1"),
        ("exit 0", "it says: nothing"),
        ("exec sleep 30", "does not answer within 1 seconds"),
    ],
)
def test_what_is_no_mpv_is_told_in_a_sentence(script, words, tmp_path, monkeypatch):
    monkeypatch.setattr(player, "_SECONDS", 1)
    with pytest.raises(SetupError) as caught:
        player.examine(acting(tmp_path, script))
    assert words in str(caught.value)
    assert str(tmp_path / "mpv") in str(caught.value)


def test_which_mpv(tmp_path, monkeypatch):
    named, other, usual = (
        claiming(tmp_path / name, "mpv 1.0.0") for name in _folders(tmp_path, "named", "other", "bin")
    )
    monkeypatch.setenv("PATH", str(usual.parent))
    assert player.find() == usual
    monkeypatch.setenv("VSMAGIC_MPV", str(other))
    assert player.find() == other
    assert player.find(str(named)) == named
    with pytest.raises(SetupError, match=r"^--mpv is '/nowhere/mpv'; expected"):
        player.find("/nowhere/mpv")
    monkeypatch.setenv("VSMAGIC_MPV", "/nowhere/mpv")
    with pytest.raises(SetupError, match=r"^VSMAGIC_MPV is '/nowhere/mpv'; expected"):
        player.find()
    monkeypatch.setenv("VSMAGIC_MPV", "")
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(SetupError, match="mpv is not on PATH; install it, or name it"):
        player.find()
    assert report.examined(None)[0] is None


def _folders(root: Path, *names: str) -> list[str]:
    for name in names:
        (root / name).mkdir()
    return list(names)


def test_what_only_this_shell_sets_is_told(mpv, mpv_env, monkeypatch):
    monkeypatch.setenv("VSSCRIPT_PATH", mpv_env["VSSCRIPT_PATH"])
    advice = advise(player.examine(mpv, mpv_env))
    assert advice.works
    assert "VSSCRIPT_PATH" in advice.otherwise


def test_the_doctor_tells(monkeypatch, mpv, mpv_env, stock_mpv):
    from vsmagic.diagnosis import programs

    def looked() -> tuple[str, str, str | None]:
        [check] = [check for check in (look() for look in programs.EXAMINATIONS) if check.name == "mpv"]
        assert not check.fatal
        return check.state, check.detail, check.remedy

    for name, value in mpv_env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("VSMAGIC_MPV", str(mpv))
    state, detail, remedy = looked()
    assert (state, remedy) == ("ok", None)
    assert f"{mpv}, with the vapoursynth filter, which loads VapourSynth R" in detail
    monkeypatch.delenv("VSSCRIPT_PATH")
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    state, detail, remedy = looked()
    assert state == "optional"
    assert "vapoursynth register-install" in remedy
    monkeypatch.setenv("VSMAGIC_MPV", str(stock_mpv))
    state, detail, remedy = looked()
    assert (state, "has no vapoursynth filter" in detail) == ("optional", True)
    monkeypatch.setenv("VSMAGIC_MPV", "/nowhere/mpv")
    state, detail, remedy = looked()
    assert (state, "/nowhere/mpv" in detail) == ("optional", True)


def test_the_environment_leads_to_this_python_and_no_other():
    found = identity.environ({"PYTHONHOME": "/other", "PATH": "/usr/bin", "LANG": "C"})
    assert "PYTHONHOME" not in found
    assert found["PATH"].split(os.pathsep) == [str(Path(sys.executable).parent), "/usr/bin"]
    assert found["VSSCRIPT_PATH"] == str(identity.vsscript())
    assert found["LANG"] == "C"
    assert identity.environ(found) == found


LINKED = """
int main(void) { const void *getVSScriptAPI(int); return getVSScriptAPI(4 << 16 | 1) ? 0 : 3; }
"""


def test_a_program_that_is_linked_to_the_systems_library_gets_ours(tmp_path, mpv_env):
    """As mpv 0.39 to 0.41 are: a compiled program and a library of that name, and the loader of this system."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("needs a C compiler")
    (tmp_path / "system.c").write_text("const void *getVSScriptAPI(int version) { return 0; }\n")
    (tmp_path / "program.c").write_text(LINKED)
    library = tmp_path / "libvapoursynth-script.so.0"
    subprocess.run(
        [compiler, "-shared", "-fPIC", f"-Wl,-soname,{library.name}", "-o", library, tmp_path / "system.c"], check=True
    )
    program = tmp_path / "program"
    subprocess.run([compiler, "-o", program, tmp_path / "program.c", library, f"-Wl,-rpath,{tmp_path}"], check=True)
    found = player.Player(program=program, version="0.41.0", number=(0, 41), has_filter=True)
    assert found.linked
    assert subprocess.run([program], env=identity.environ(mpv_env), check=False).returncode == 3
    assert subprocess.run([program], env=identity.environ(mpv_env, preload=True), check=False).returncode == 0


def test_an_mpv_that_loads_the_library_by_itself_is_not_linked_to_it(mpv):
    assert not player.examine(mpv, deep=False).linked


def test_what_is_preloaded_already_stays():
    found = identity.environ({"LD_PRELOAD": "/usr/lib/libjemalloc.so"}, preload=True)
    assert found["LD_PRELOAD"].split(os.pathsep) == [str(identity.vsscript()), "/usr/lib/libjemalloc.so"]


def test_the_library_is_the_one_that_vapoursynth_names():
    said = subprocess.run(
        [sys.executable, "-m", "vapoursynth", "get-vsscript"], capture_output=True, text=True, check=True
    )
    assert str(identity.vsscript()) == said.stdout.strip()


def test_our_command_starts_this_vsmagic_from_anywhere(tmp_path):
    """Whatever lies in the folder it is started in, and with no variable that points to us."""
    (tmp_path / "json.py").write_text(
        "raise SystemExit('a file of the user's was imported')\n".replace("user's", "user")
    )
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    line = [*identity.command(), "--version"]
    done = subprocess.run(line, cwd=tmp_path, env=env, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == f"vsmagic {__version__}"
