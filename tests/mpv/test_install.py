"""vsmagic mpv install and uninstall: what is whose, to the byte, and what mpv makes of it."""

import contextlib
import json
import os
import re
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from playing import Player
from vsmagic import OptionError, OutputError
from vsmagic.mpv import changes, conffile, folder, install
from vsmagic.shipped import shipped

LINE = b'include="~~/vsmagic/vsmagic.conf"'
BOM = b"\xef\xbb\xbf"

SCRIPTS = {
    "mpv/vsmagic.lua": "mp.msg.info('ours')\n",
    "mpv/vsmagic.vpy": "video_in.set_output()\n",
    "mpv/modules/one.lua": "return 1\n",
    "mpv/.hidden": "",
    "shaders/magic-x2-fast-single.glsl": "//!HOOK LUMA\n",
    "shaders/magic-x2-fast-half.glsl": "//!HOOK LUMA\n",
}
INSTALLED = {
    "installation.json", "vsmagic.conf", "vsmagic.lua", "vsmagic.vpy", "modules/one.lua",
    "shaders/magic-x2-fast-single.glsl", "shaders/magic-x2-fast-half.glsl",
}  # fmt: skip


@pytest.fixture
def scripts(tmp_path, monkeypatch) -> Path:
    """A vsmagic whose scripts are few, and may be changed by a test as a new version changes them."""
    root = tmp_path / "scripts"
    for name, text in SCRIPTS.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    monkeypatch.setattr(folder, "shipped", lambda name: root / name)
    return root


@pytest.fixture
def home(tmp_path) -> Path:
    """mpv's configuration folder, which is there."""
    path = tmp_path / "config" / "mpv"
    path.mkdir(parents=True)
    return path


def tree(root: Path) -> dict[str, tuple[object, ...]]:
    """Everything below a folder: kind, rights, time and bytes."""
    found: dict[str, tuple[object, ...]] = {}
    for path in sorted([root, *root.rglob("*")]):
        facts = path.lstat()
        what = path.readlink() if path.is_symlink() else path.read_bytes() if path.is_file() else None
        # A folder's own time tells that something came and went, which is the point of uninstall.
        when = facts.st_mtime_ns if path.is_file() else None
        found[str(path.relative_to(root))] = (stat.filemode(facts.st_mode), when, what)
    return found


def contents(root: Path) -> dict[str, object]:
    """The same without times: what people mean by the same files."""
    return {name: (mode, what) for name, (mode, _, what) in tree(root).items()}


def put(home: Path, **options: str) -> install.Plan:
    plan = install.install(home, **options)
    plan.changes.make()
    return plan


def take(home: Path) -> install.Plan:
    plan = install.uninstall(home)
    plan.changes.make()
    return plan


def names(root: Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}


# mpv.conf: any bytes, and what is likelier to go wrong.
CONFS = st.one_of(
    st.binary(max_size=80),
    st.lists(
        st.sampled_from([BOM, b"\n", b"\r\n", b"\r", b"volume=3", b"[profile]", b"#", b" ", b'"', b"%7%", LINE[:-1],
                         b"include=", b"~~/vsmagic/vsmagic.conf", b"\xff", b"\0"]),
        max_size=12,
    ).map(b"".join),
)  # fmt: skip


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])  # no example changes the scripts
@given(content=CONFS)
@example(b"")
@example(BOM)
@example(b"\n")
@example(b"\r\n" + LINE[:-1])
@example(BOM + b"volume=30\r\nmute=yes")
@example(b"no newline at the end")
@example(b"  # only a comment about " + LINE)
def test_uninstall_gives_back_the_very_bytes(scripts, content):
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        (home / "mpv.conf").write_bytes(content)
        before = contents(home)
        put(home)
        assert conffile.included((home / "mpv.conf").read_bytes())
        take(home)
        assert contents(home) == before


@given(content=CONFS.filter(lambda content: not conffile.included(content)))
def test_the_line_is_the_first_and_the_rest_is_untouched(content):
    written = conffile.with_line(content)
    body = content.removeprefix(BOM)
    assert conffile.included(written) == 1
    assert written.startswith(BOM) == content.startswith(BOM)
    assert written.endswith(body)
    added = written.removeprefix(BOM)[: len(written.removeprefix(BOM)) - len(body)]
    assert added.strip() == LINE
    assert conffile.without_line(written) == content


@pytest.mark.parametrize(
    ("content", "ending"),
    [
        (b"a=1\r\nb=2\r\n", b"\r\n"),
        (b"a=1\nb=2\r\n", b"\n"),
        (b"a=1", b"\n"),
        (b"", b"\n"),
        (BOM + b"a=1\r\n", b"\r\n"),
    ],
)
def test_the_line_ends_as_the_others_do(content, ending):
    assert conffile.with_line(content).removeprefix(BOM).startswith(LINE + ending)


@pytest.mark.parametrize(
    "line",
    [LINE, b"include=~~/vsmagic/vsmagic.conf", b"--include='~~/vsmagic/vsmagic.conf' # mine",
     b"include=%23%~~/vsmagic/vsmagic.conf", b"  include = ~~home/vsmagic/vsmagic.conf  "],
)  # fmt: skip
def test_a_line_of_the_users_is_enough_and_stays(line, scripts, home):
    conf = home / "mpv.conf"
    conf.write_bytes(b"volume=30\n" + line + b"\nmute=yes\n")
    before = tree(home)["mpv.conf"]
    put(home)
    assert tree(home)["mpv.conf"] == before
    told = take(home)
    assert tree(home)["mpv.conf"] == before
    assert any("line 2" in note for note in told.notes)


def test_what_is_installed(scripts, home):
    put(home)
    ours = home / "vsmagic"
    assert names(ours) == INSTALLED
    for name in ("vsmagic.lua", "modules/one.lua"):
        assert (ours / name).read_text() == SCRIPTS[f"mpv/{name}"]
    told = json.loads((ours / "installation.json").read_text())
    assert told["folder"] == str(ours)
    assert told["command"][0] == sys.executable
    assert told["vsscript"].endswith("libvsscript.so")
    assert Path(told["speeds"]).name == "realtime.json"
    conf = (ours / "vsmagic.conf").read_text().splitlines()
    assert [line for line in conf if not line.startswith("#")] == ['scripts-append="~~/vsmagic/vsmagic.lua"']


def test_shaders_alone(scripts, home):
    put(home, shader="magic-x2-fast-single")
    ours = home / "vsmagic"
    assert names(ours) == {name for name in INSTALLED if not name.endswith((".lua", ".vpy"))}
    lines = (ours / "vsmagic.conf").read_text().splitlines()
    assert [line for line in lines if not line.startswith("#")] == [
        'glsl-shaders-append="~~/vsmagic/shaders/magic-x2-fast-single.glsl"'
    ]
    with pytest.raises(
        OptionError, match=r"no shader 'other'; expected one of: magic-x2-fast-half, magic-x2-fast-single\.$"
    ):
        install.install(home, shader="other")


def test_a_second_install_changes_nothing(scripts, home):
    (home / "mpv.conf").write_bytes(b"volume=30\n")
    put(home)
    before = tree(home.parent)
    again = put(home)
    assert not again.changes
    assert list(again.changes.told()) == []
    assert tree(home.parent) == before


def test_rights_of_mpv_conf_stay(scripts, home):
    conf = home / "mpv.conf"
    conf.write_bytes(b"volume=30\n")
    for mode in (0o600, 0o644, 0o664):
        conf.chmod(mode)
        put(home)
        assert stat.S_IMODE(conf.stat().st_mode) == mode
        take(home)
        assert stat.S_IMODE(conf.stat().st_mode) == mode


def test_new_files_have_the_rights_that_new_files_have(scripts, home):
    old = os.umask(0o027)
    try:
        put(home)
    finally:
        os.umask(old)
    assert {oct(stat.S_IMODE(path.stat().st_mode)) for path in (home / "vsmagic").rglob("*") if path.is_file()} == {
        "0o640"
    }


@pytest.mark.parametrize("there", ["config", "config/mpv", "config/mpv/scripts"])
def test_folders_that_install_made_go_again(scripts, tmp_path, there):
    (tmp_path / there).mkdir(parents=True)
    before = contents(tmp_path / "config")
    put(tmp_path / "config" / "mpv")
    put(tmp_path / "config" / "mpv")  # does not forget what the first one made
    take(tmp_path / "config" / "mpv")
    assert contents(tmp_path / "config") == before


def test_a_link_is_followed_and_stays(scripts, home, tmp_path):
    dotfiles = tmp_path / "dotfiles"
    dotfiles.mkdir()
    (dotfiles / "mpv.conf").write_bytes(b"volume=30\n")
    (home / "mpv.conf").symlink_to(dotfiles / "mpv.conf")
    before = contents(tmp_path)
    put(home)
    assert (home / "mpv.conf").is_symlink()
    assert (dotfiles / "mpv.conf").read_bytes() == LINE + b"\nvolume=30\n"
    take(home)
    assert contents(tmp_path) == before


def test_a_link_to_nothing_is_followed_too(scripts, home, tmp_path):
    (home / "mpv.conf").symlink_to(tmp_path / "mpv.conf")
    before = contents(tmp_path)
    put(home)
    assert (tmp_path / "mpv.conf").read_bytes() == LINE + b"\n"
    take(home)
    assert contents(tmp_path) == before


def test_lines_added_later_stay(scripts, home):
    put(home)
    conf = home / "mpv.conf"
    conf.write_bytes(conf.read_bytes() + b"volume=30\n")
    take(home)
    assert contents(home) == {".": contents(home)["."], "mpv.conf": (contents(home)["mpv.conf"][0], b"volume=30\n")}


def test_the_line_may_be_moved(scripts, home):
    (home / "mpv.conf").write_bytes(b"a=1\nb=2\n")
    put(home)
    (home / "mpv.conf").write_bytes(b"a=1\n" + LINE + b"\nb=2\n")
    assert not put(home).changes
    take(home)
    assert (home / "mpv.conf").read_bytes() == b"a=1\nb=2\n"


def test_what_the_user_put_into_the_folder_is_told_and_kept(scripts, home):
    put(home)
    mine = home / "vsmagic" / "modules" / "mine.lua"
    mine.write_text("-- mine\n")
    changed = home / "vsmagic" / "vsmagic.lua"
    changed.write_text("-- changed\n")
    told = take(home).notes
    assert names(home / "vsmagic") == {"modules/mine.lua", "vsmagic.lua"}
    assert (mine.read_text(), changed.read_text()) == ("-- mine\n", "-- changed\n")
    assert {note.partition(":")[0] for note in told} == {str(mine), str(changed)}
    with pytest.raises(OutputError, match="was not made by vsmagic"):
        put(home)


def test_a_new_version_replaces_what_was_installed_and_nothing_else(scripts, home):
    put(home)
    (home / "vsmagic" / "mine.lua").write_text("-- mine\n")
    (home / "vsmagic" / "vsmagic.vpy").write_text("# changed\n")
    (scripts / "mpv" / "vsmagic.lua").write_text("-- newer\n")
    (scripts / "mpv" / "vsmagic.vpy").write_text("# newer\n")
    (scripts / "mpv" / "modules" / "one.lua").unlink()
    (scripts / "mpv" / "two.lua").write_text("return 2\n")
    state = install.state(home)
    assert (state.changed, state.foreign, state.lost) == (["vsmagic.vpy"], ["mine.lua"], [])
    notes = put(home).notes
    ours = home / "vsmagic"
    assert names(ours) == INSTALLED - {"modules/one.lua"} | {"two.lua", "mine.lua", "vsmagic.vpy.old"}
    assert not (ours / "modules").exists()
    assert (ours / "vsmagic.vpy.old").read_text() == "# changed\n"
    assert [str(ours / "vsmagic.vpy.old") in note for note in notes] == [True]
    assert not put(home).changes


def test_from_script_to_shaders_and_back(scripts, home):
    put(home)
    put(home, shader="magic-x2-fast-half")
    assert names(home / "vsmagic") == {name for name in INSTALLED if not name.endswith((".lua", ".vpy"))}
    put(home)
    assert names(home / "vsmagic") == INSTALLED
    take(home)
    assert list(home.iterdir()) == []


def test_a_lost_file_comes_back(scripts, home):
    put(home)
    (home / "vsmagic" / "vsmagic.lua").unlink()
    assert install.state(home).lost == ["vsmagic.lua"]
    put(home)
    assert install.state(home).lost == []


def test_a_damaged_record_loses_nothing(scripts, home):
    before = contents(home)
    put(home)
    (home / "vsmagic" / "vsmagic.lua").write_text("-- changed\n")
    (home / "vsmagic" / "installation.json").write_bytes(b"{\xff")
    put(home)
    assert (home / "vsmagic" / "vsmagic.lua.old").read_text() == "-- changed\n"
    (home / "vsmagic" / "vsmagic.lua.old").unlink()
    take(home)
    assert set(contents(home)) == set(before) | {"mpv.conf"}  # nobody knows any more who made it
    assert (home / "mpv.conf").read_bytes() == b""


def test_nothing_installed_is_told(home):
    before = tree(home)
    assert take(home).notes == (f"nothing is installed in {home}.",)
    assert tree(home) == before


@pytest.mark.parametrize("kind", ["file", "folder", "link", "dead link"])
def test_something_of_that_name_is_left_alone(kind, scripts, home, tmp_path):
    ours = home / "vsmagic"
    if kind == "folder":
        ours.mkdir()
        (ours / "mine").write_text("mine")
    elif kind == "file":
        ours.write_text("mine")
    else:
        ours.symlink_to(scripts / "mpv" if kind == "link" else tmp_path / "nowhere")
    before = tree(home)
    for do in (install.install, install.uninstall):
        with pytest.raises(OutputError, match=f"^{ours}: was not made by vsmagic .*--config-dir"):
            do(home)
    assert tree(home) == before


@pytest.fixture
def locked() -> Iterator[Path]:
    """A folder that nobody may write to."""
    root = Path(tempfile.mkdtemp())  # pytest's own folders let nobody else in
    path = root / "mpv"
    path.mkdir()
    (path / "mpv.conf").write_bytes(b"volume=30\n")
    path.chmod(0o555)
    root.chmod(0o755)
    yield path
    path.chmod(0o755)
    shutil.rmtree(root)


@contextlib.contextmanager
def without_rights() -> Iterator[None]:
    """Root may write everywhere; be nobody."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


def test_a_folder_that_cannot_be_written_is_told_and_stays_as_it_was(scripts, locked):
    before = tree(locked)
    plan = install.install(locked)
    with without_rights(), pytest.raises(OutputError) as caught:
        plan.changes.make()
    assert re.fullmatch(
        rf"{locked}.*: cannot be changed \(Permission denied\)\. Make it writable, .*", str(caught.value)
    )
    assert tree(locked) == before


def test_a_line_that_cannot_be_written_leaves_no_folder_behind(scripts, locked):
    """As with a configuration that something else makes: everything but mpv.conf could be written."""
    home = locked.parent / "open"
    home.mkdir()
    home.chmod(0o777)
    (home / "mpv.conf").symlink_to(locked / "mpv.conf")
    before = tree(home)
    plan = install.install(home)
    words = rf"^{locked}/mpv\.conf: cannot be written \(Permission denied\)\. Put this line first .*: {LINE.decode()}$"
    with without_rights(), pytest.raises(OutputError, match=words):
        plan.changes.make()
    assert tree(home) == before


def test_a_full_disk_leaves_everything_as_it_was(scripts, home, monkeypatch):
    (home / "mpv.conf").write_bytes(b"volume=30\n")
    before = tree(home)
    for n in range(len(INSTALLED) + 1):
        calls = iter(range(100))

        def full(_: int, calls: Iterator[int] = calls, n: int = n) -> None:
            if next(calls) == n:
                raise OSError(28, "No space left on device")

        monkeypatch.setattr(changes.os, "fsync", full)
        with pytest.raises(OutputError, match=r"\(No space left on device\)\. Free some space"):
            put(home)
        assert tree(home) == before


class Killed(BaseException):
    """The end of a process, in one that has to go on."""


def test_a_killed_install_is_completed_by_the_next(scripts, home, monkeypatch):
    """Killed before any of its steps; mpv.conf is the old one or the new one, and includes no unfinished folder."""
    (home / "mpv.conf").write_bytes(b"volume=30\n")
    before = contents(home)
    put(home)
    after = contents(home)
    take(home)
    monkeypatch.setattr(changes, "_undo", lambda *_: None)  # nobody tidies up after a kill
    replace, mkdir = Path.replace, Path.mkdir
    steps = 2 * (len(INSTALLED) + 1) + 3 + 1  # written and named, mpv.conf too; three folders; and none
    for n in range(steps):
        calls = iter(range(1000))

        def step(action, calls=calls, n=n):
            def call(*arguments, **options):
                if next(calls) == n:
                    raise Killed
                return action(*arguments, **options)

            return call

        with monkeypatch.context() as patch:
            patch.setattr(Path, "replace", step(replace))
            patch.setattr(Path, "mkdir", step(mkdir))
            patch.setattr(changes.os, "fsync", step(lambda _: None))
            with pytest.raises(Killed) if n < steps - 1 else contextlib.nullcontext():
                put(home)
        if (home / "mpv.conf").read_bytes() != b"volume=30\n":
            assert contents(home) == after
        put(home)
        assert contents(home) == after
        take(home)
        assert contents(home) == before


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("vf=vapoursynth=~/mine.vpy", "VapourSynth filter of yours"),
        ("vf-append=vapoursynth:file=x", "VapourSynth filter of yours"),
        ("input-default-bindings=no", "bind its keys in input.conf"),
        ("no-input-default-bindings", "bind its keys in input.conf"),
    ],
)
def test_lines_of_the_users_that_meet_ours_are_told(line, words, scripts, home):
    (home / "mpv.conf").write_text(f"volume=30\n{line}\n")
    [note] = put(home).notes
    assert note.startswith("line 3 of mpv.conf")  # as it is now
    assert words in note


def test_lines_that_do_not_are_not(scripts, home):
    (home / "mpv.conf").write_text(
        "#vf=vapoursynth\nvf=lavfi=yadif\ninput-default-bindings=yes\nglsl-shaders=~~/a.glsl\n"
    )
    assert put(home).notes == ()
    [note] = put(home, shader="magic-x2-fast-single").notes
    assert note.startswith("line 5 of mpv.conf has shaders of yours")


def test_a_quote_in_a_folder_is_carried_to_mpv():
    assert folder.quoted("/a b/c#d") == '"/a b/c#d"'
    assert folder.quoted('/a"ö/b') == '%7%/a"ö/b'


# The command.


def test_dry_run_tells_all_and_does_nothing(scripts, home, run):
    (home / "mpv.conf").write_bytes(b"volume=30\n")
    before = tree(home)
    said = run("mpv", "install", "--config-dir", home, "--dry-run")
    assert said.code == 0
    assert tree(home) == before
    put(home)
    lines = said.out.splitlines()
    written = {line.split(maxsplit=2)[2].split(": ")[0] for line in lines if line.startswith("would write")}
    made = {line.split(maxsplit=2)[2].rstrip("/") for line in lines if line.startswith("would make")}
    ours = home / "vsmagic"
    assert written == {str(ours / name) for name in INSTALLED} | {str(home / "mpv.conf")}
    assert made == {str(ours), str(ours / "modules"), str(ours / "shaders")}
    installed = tree(home)
    said = run("mpv", "uninstall", "--config-dir", home, "--dry-run")
    assert tree(home) == installed
    removed = {line.split(maxsplit=2)[2] for line in said.out.splitlines() if line.startswith("would remove")}
    assert {str(ours / name) for name in INSTALLED} <= removed
    assert "nothing would be done" in run("mpv", "install", "--config-dir", home, "--dry-run").out


def test_status_as_data(scripts, home, run, mpv):
    def told() -> dict:
        return json.loads(run("mpv", "status", "--json", "--config-dir", home, "--mpv", mpv).out)

    assert told()["installed"] is None
    assert not told()["works"]
    put(home)
    found = told()
    assert (found["installed"]["line"], found["installed"]["current"]) == (1, True)
    (home / "vsmagic" / "vsmagic.lua").write_text("-- changed\n")
    (home / "vsmagic" / "vsmagic.vpy").unlink()
    (home / "vsmagic" / "mine").touch()
    (home / "mpv.conf").write_bytes(b"")
    found = told()["installed"]
    assert (found["changed"], found["lost"], found["foreign"]) == (["vsmagic.lua"], ["vsmagic.vpy"], ["mine"])
    assert (found["line"], found["current"]) == (None, False)


def test_a_sandbox_takes_shaders_alone(scripts, run, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    there = tmp_path / ".var/app/io.mpv.Mpv/config/mpv"
    there.mkdir(parents=True)
    refused = run("mpv", "install", "--config-dir", there)
    assert refused.code == 2
    assert f"vsmagic mpv install --shaders-only --config-dir {there}" in refused.err
    assert list(there.iterdir()) == []
    assert run("mpv", "install", "--shaders-only", "--config-dir", there).code == 0
    assert (there / "vsmagic" / "vsmagic.conf").is_file()


def test_a_folder_that_mpv_does_not_read_by_itself_is_told(scripts, home, run, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("MPV_HOME", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    said = run("mpv", "install", "--shaders-only", "--config-dir", home).out
    assert f"mpv reads {tmp_path / 'xdg' / 'mpv'} unless it is started with --config-dir={home}" in said
    assert "unless it is started" not in run("mpv", "install", "--shaders-only").out


# mpv itself.


@pytest.mark.parametrize("which", ["mpv", "stock_mpv"])
def test_every_option_of_the_users_keeps_its_value(which, scripts, tmp_path, mpv_env, request):
    """mpv is asked for all of its options, without vsmagic and with it: the list of scripts has one more, no more."""
    program = request.getfixturevalue(which)
    home = Path(mpv_env["HOME"]) / ".config" / "mpv"
    home.mkdir(parents=True)
    (home / "mine.lua").write_text("mp.msg.info('mine')\n")
    (home / "mpv.conf").write_bytes(
        BOM
        + b'volume=30\r\nscripts="~~/mine.lua"\r\nglsl-shaders=~~/a.glsl\r\nvf=format=yuv420p\r\n[gaming]\r\nvolume=40'
    )

    def options() -> tuple[dict[str, object], list[str]]:
        with Player(program, "--idle", env=mpv_env) as player:
            player.wait_for(lambda: any("mine" in text for text in player.terminal.splitlines()))
            of_the_test = {"input-ipc-server", "input-unix-socket", "opengl-shaders"}  # and old names
            names = set(player.get("options")) - of_the_test
            return {name: player.get(f"options/{name}") for name in names}, player.terminal.splitlines()

    without, _ = options()
    put(home)
    with_ours, said = options()
    different = {name for name in without if without[name] != with_ours[name]}
    assert different == {"scripts"}
    assert with_ours["scripts"] == [*without["scripts"], "~~/vsmagic/vsmagic.lua"]
    assert without["scripts"] == ["~~/mine.lua"]
    assert any(line.strip() == "[vsmagic] ours" for line in said)
    put(home, shader="magic-x2-fast-single")
    with_shader, _ = options()
    assert {name for name in without if without[name] != with_shader[name]} == {"glsl-shaders"}
    assert with_shader["glsl-shaders"] == [*without["glsl-shaders"], "~~/vsmagic/shaders/magic-x2-fast-single.glsl"]


def test_the_real_scripts_are_all_installed(home):
    put(home)
    lying = {path.relative_to(shipped("mpv")).as_posix() for path in shipped("mpv").rglob("*") if path.is_file()}
    assert lying | {"installation.json", "vsmagic.conf"} <= names(home / "vsmagic")


@pytest.mark.parametrize("which", ["mpv", "stock_mpv"])
def test_mpv_runs_the_real_script_where_it_was_installed(which, mpv_env, request):
    """Started plainly, with nothing but the include line: the keys are there, and nothing is complained of."""
    put(Path(mpv_env["HOME"]) / ".config" / "mpv")
    program = request.getfixturevalue(which)
    with Player(program, "--idle", "--script-opts=vsmagic-measure=no", env=mpv_env) as player:
        player.wait("input-bindings", lambda found: any("vsmagic/toggle" in key["cmd"] for key in found))
        assert player.said("error") == []
        assert player.said("fatal") == []
