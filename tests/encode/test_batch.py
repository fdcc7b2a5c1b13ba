"""Many files: what is meant, what each becomes, that one that fails stops no other, that a killed run goes on."""

import json
import logging
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from command import Run
from vsmagic.encode.chunks import folder
from vsmagic.encode.many import inputs, report
from vsmagic.encode.many.inputs import Pair, natural, pairs, read_list, several
from vsmagic.encode.many.keeping import Keeping, warnings_of
from vsmagic.encode.many.report import Entry
from vsmagic.encode.progress import Nothing
from vsmagic.errors import OptionError, OutputError, SourceError

from .conftest import ffmpeg, frame_hashes, leftovers, one_sentence

LOSSLESS = ("--scale", "1", "--codec", "ffv1")


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"")


def made(found: list[Pair], root: Path) -> dict[str, str]:
    return {str(one.source.relative_to(root)): str(one.output.relative_to(root)) for one in found}


def test_a_folder_keeps_its_tree_and_only_videos_count(tmp_path: Path) -> None:
    touch(tmp_path / "in", "e10.mkv", "e2.AVI", "notes.txt", ".hidden.mkv", ".e2.mkv.vsmagic/chunk-00000.mp4")
    touch(tmp_path / "in", "extras/b.webm", "out/e2.mkv")
    found = pairs([str(tmp_path / "in")], tmp_path / "in" / "out")
    assert list(made(found, tmp_path).items()) == [
        ("in/e2.AVI", "in/out/e2.mkv"), ("in/e10.mkv", "in/out/e10.mkv"), ("in/extras/b.webm", "in/out/extras/b.mkv")
    ]  # fmt: skip


def test_of_several_folders_each_keeps_its_name(tmp_path: Path) -> None:
    touch(tmp_path, "s1/e1.mp4", "s2/e1.mp4", "film.mov")
    found = pairs([str(tmp_path / name) for name in ("s2/", "film.mov", "s1")], tmp_path / "out")
    assert list(made(found, tmp_path).values()) == ["out/s2/e1.mp4", "out/film.mov", "out/s1/e1.mp4"]


def test_a_file_that_is_named_twice_is_made_once(tmp_path: Path) -> None:
    touch(tmp_path, "in/e1.mkv", "in/e2.mkv")
    words = [str(tmp_path / "in/e2.mkv"), str(tmp_path / "in" / "*.mkv"), str(tmp_path / "in" / ".." / "in" / "e1.mkv")]
    assert [one.source.name for one in pairs(words, tmp_path / "out")] == ["e2.mkv", "e1.mkv"]


def test_a_name_with_brackets_is_a_name(tmp_path: Path) -> None:
    touch(tmp_path, "[group] e1.mkv")
    assert not several([str(tmp_path / "[group] e1.mkv")], tmp_path / "out.mkv")
    assert len(pairs([str(tmp_path / "[group] e1.mkv")], tmp_path / "out")) == 1


@pytest.mark.parametrize(
    ("name", "container", "codec", "made"),
    [
        ("a.mkv", None, None, "a.mkv"), ("a.mp4", None, None, "a.mp4"), ("a.MP4", None, "h265", "a.mp4"),
        ("a.mp4", None, "ffv1", "a.mkv"), ("a.mov", None, "prores", "a.mov"), ("a.webm", None, None, "a.mkv"),
        ("a.avi", None, None, "a.mkv"), ("a.b.c.ts", None, None, "a.b.c.mkv"), ("a.mkv", ".mp4", None, "a.mp4"),
    ],
)  # fmt: skip
def test_the_container(name: str, container: str | None, codec: str | None, made: str, tmp_path: Path) -> None:
    touch(tmp_path, name)
    (found,) = pairs([str(tmp_path / name)], tmp_path / "out", container=container, codec=codec)
    assert found.output == tmp_path / "out" / made


def test_what_is_refused_before_work_begins(tmp_path: Path) -> None:
    touch(tmp_path, "in/a.avi", "in/a.mkv", "in/b.mkv", "empty/readme.txt", "file")
    with pytest.raises(OptionError, match=r"would both become .*out/a\.mkv"):
        pairs([str(tmp_path / "in")], tmp_path / "out")
    with pytest.raises(OptionError, match="is one of the inputs"):
        pairs([str(tmp_path / "in/b.mkv"), str(tmp_path / "in/a.avi")], tmp_path / "in")
    with pytest.raises(OptionError, match=r"\*\.flv: no file has such a name"):
        pairs([str(tmp_path / "*.flv")], tmp_path / "out")
    with pytest.raises(SourceError, match="no video in it"):
        pairs([str(tmp_path / "empty")], tmp_path / "out")
    with pytest.raises(OutputError, match="is a file"):
        pairs([str(tmp_path / "in")], tmp_path / "file")
    with pytest.raises(OptionError, match="is the name of a file"):
        pairs([str(tmp_path / "in/a.avi"), str(tmp_path / "in/b.mkv")], tmp_path / "out.mkv")


def test_a_list(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_bytes("\ufeff# my season\r\ne1.mkv\r\n\r\n /abs/e 2.mkv \r\nsub/#3.mkv\r\n".encode())
    assert read_list(str(tmp_path / "list.txt")) == [f"{tmp_path}/e1.mkv", "/abs/e 2.mkv", f"{tmp_path}/sub/#3.mkv"]
    (tmp_path / "list.txt").write_text("# nothing\n")
    with pytest.raises(OptionError, match="names no file"):
        read_list(str(tmp_path / "list.txt"))
    with pytest.raises(OptionError, match="cannot be read"):
        read_list(str(tmp_path / "none.txt"))


@given(st.lists(st.integers(0, 10**6), unique=True))
def test_natural_order_is_that_of_the_numbers(numbers: list[int]) -> None:
    names = sorted((Path(f"Episode {number} (x264).mkv") for number in numbers), key=natural)
    assert [int(re.findall(r"\d+", name.name)[0]) for name in names] == sorted(numbers)


@given(st.lists(st.text(min_size=1).map(lambda name: Path(name.replace("/", "-")))))
def test_any_names_can_be_sorted(names: list[Path]) -> None:
    assert sorted(sorted(names, key=natural), key=natural, reverse=True)[::-1] == sorted(names, key=natural) or len(
        {str(natural(name)) for name in names}
    ) < len(names)


@pytest.mark.parametrize(
    ("codes", "code"), [([], 0), ([0, 0], 0), ([0, 9], 9), ([3, 0, 3], 3), ([3, 9], 3), ([3, 6], 11), ([None, 1], 1)]
)
def test_the_exit_code_of_a_run(codes: list[int | None], code: int) -> None:
    status = {0: "made", 9: "made"}
    files = [Entry(input="", output="", status=status.get(one, "failed"), exit_code=one) for one in codes]  # type: ignore[arg-type]
    assert report.code_of(files) == code


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three small clips in a folder, one of them deeper, and two files that are none."""
    root = tmp_path_factory.mktemp("clips")
    (root / "extras").mkdir()
    for number, name in enumerate(("e1.mp4", "e2.avi", "extras/e10.mkv"), 2):
        ffmpeg("-f", "lavfi", "-i", f"testsrc2=s=64x48:r=10:d={number / 2}", "-pix_fmt", "yuv420p", root / name)
    (root / "e3.mkv").write_text("To be, or not to be.\n" * 20)
    (root / "e4.mkv").write_bytes(b"")
    return root


def test_a_season(clips: Path, tmp_path: Path, run: Run) -> None:
    """What cannot be read is told and stops nothing; the second time there is nothing left to do."""
    command = ("enhance", clips, tmp_path / "out", *LOSSLESS, "--jobs", 2, "--report", tmp_path / "run.json")
    ran = run(*command, "--progress", "json")
    assert ran.code == 3
    assert leftovers(tmp_path / "out") == ["e1.mkv", "e2.mkv", "extras"]
    for source, output in (("e1.mp4", "e1.mkv"), ("e2.avi", "e2.mkv"), ("extras/e10.mkv", "extras/e10.mkv")):
        assert frame_hashes(clips / source) == frame_hashes(tmp_path / "out" / output)
    assert ran.err.count("is a text file") == 2, "at once, and in the end"
    assert "3 made, 2 failed" in ran.err
    told = json.loads((tmp_path / "run.json").read_bytes())
    assert (told["schema"], told["made"], told["failed"], told["exit_code"]) == (1, 3, 2, 3)
    entries = {Path(entry["input"]).name: entry for entry in told["files"]}
    assert list(entries) == ["e1.mp4", "e2.avi", "e3.mkv", "e4.mkv", "e10.mkv"]
    one = entries["e10.mkv"]
    assert (one["status"], one["frames"], one["frames_made"], one["duration"], one["fps"]) == ("made", 20, 20, 2, 10)
    assert (one["width"], one["height"], one["chunks"], one["exit_code"]) == (64, 48, 1, 0)
    assert one["bytes_out"] == (tmp_path / "out" / "extras" / "e10.mkv").stat().st_size
    assert one["chain"] == []
    assert one["warnings"] == []
    assert entries["e4.mkv"]["exit_code"] == 3
    assert "empty" in entries["e4.mkv"]["error"]

    lines = [json.loads(line) for line in ran.out.splitlines()]
    assert {line["type"] for line in lines} == {"run", "file", "stage", "begin", "chunk", "progress", "file-end", "end"}
    ends = {line["file"]: line for line in lines if line["type"] == "file-end"}
    assert {name: ends[4][name] for name in one} == one, "the same facts in both"
    assert lines[-1]["exit_code"] == 3

    again = run(*command, "--progress", "none")
    assert again.code == 3
    assert "3 skipped, 2 failed" in again.err
    assert json.loads((tmp_path / "run.json").read_bytes())["files"][0]["status"] == "skipped"


def test_warnings_are_kept_with_their_file(tmp_path: Path) -> None:
    files = [Entry(input=f"/in/{name}", output=f"/out/{name}") for name in ("a.mkv", "b.mkv")]
    kept = Keeping(report.new(files, {"ffmpeg": "n9"}), Nothing(), tmp_path / "run.json")
    kept.started(1, '[{"filter": "upscale"}]')
    with warnings_of(kept, 1):
        for words in ("the sky is green", "the sky is green", "the sea too"):
            logging.getLogger("vsmagic.encode.work").warning(words)
    logging.getLogger("vsmagic.encode.work").warning("nobody listens")
    kept.failed(1, "it rained.", 6)
    told = json.loads((tmp_path / "run.json").read_bytes())
    assert told["files"][1]["warnings"] == ["the sky is green", "the sea too"]
    assert told["files"][1]["chain"] == [{"filter": "upscale"}]
    assert (told["failed"], told["ended"], told["files"][0]["status"]) == (1, None, "waiting")
    assert told["versions"]["ffmpeg"] == "n9"
    (tmp_path / "run.json").unlink()
    tmp_path.chmod(0o500)
    assert kept.end(1.0) == 6, "a record that can no longer be written is no reason to give up"
    tmp_path.chmod(0o700)


def test_what_another_run_makes_is_passed_by(clips: Path, tmp_path: Path, run: Run) -> None:
    """Two runs of one command share the files."""
    (tmp_path / "out").mkdir()
    with folder.held(tmp_path / "out" / "e1.mkv"):
        ran = run("enhance", clips / "e1.mp4", clips / "e2.avi", tmp_path / "out", *LOSSLESS)
    assert ran.code == 0
    assert re.search(rf"e1\.mp4: skipped, .*/out/e1\.mkv is being made by process {os.getpid()} ", ran.err)
    assert "1 made, 1 skipped" in ran.err
    assert leftovers(tmp_path / "out") == ["e2.mkv"]


def test_what_is_wrong_with_all_is_said_once(clips: Path, tmp_path: Path, run: Run) -> None:
    ran = run("enhance", clips / "e*.mp4", clips / "e2.avi", tmp_path / "out", *LOSSLESS, "--crf", "9")
    assert ran.code == 2
    assert "lossless" in one_sentence(ran.err)
    assert leftovers(tmp_path) == []


def test_a_dry_run_passes_by_what_is_there_and_what_cannot_be_read(clips: Path, tmp_path: Path, run: Run) -> None:
    out = tmp_path / "out"
    touch(tmp_path, "out/e1.mkv")
    ran = run("enhance", clips / "e1.mp4", clips / "e3.mkv", clips / "e2.avi", out, *LOSSLESS, "--dry-run")
    assert ran.code == 3
    assert "is a text file" in one_sentence(ran.err)
    assert [line.rpartition(" ")[2] for line in ran.out.splitlines() if " -> " in line] == [
        str(out / name) for name in ("e1.mkv", "e3.mkv", "e2.mkv")
    ]
    assert f"{out / 'e1.mkv'}\n# is there already\n" in ran.out
    assert ran.out.count("encode.vpy") == 1
    assert leftovers(out) == ["e1.mkv"]


def test_one_file_into_a_folder(clips: Path, tmp_path: Path, run: Run) -> None:
    ran = run("enhance", clips / "e1.mp4", tmp_path, *LOSSLESS, "--quiet", "--report", tmp_path / "run.json")
    assert ran.code == 0
    assert leftovers(tmp_path) == ["e1.mkv", "run.json"]


def test_one_file_has_a_report_too(clips: Path, tmp_path: Path, run: Run) -> None:
    ran = run("enhance", clips / "e3.mkv", tmp_path / "a.mkv", "--report", tmp_path / "run.json")
    assert ran.code == 3
    ran = run("enhance", clips / "e1.mp4", tmp_path / "a.mkv", *LOSSLESS, "--report", tmp_path / "run.json", "-q",
              "--save-chain", tmp_path / "c.json", "--progress", "json")  # fmt: skip
    assert ran.code == 0
    told = json.loads((tmp_path / "run.json").read_bytes())
    assert (told["files"][0]["status"], told["files"][0]["frames"], told["exit_code"]) == ("made", 10, 0)
    assert json.loads(ran.out.splitlines()[-1])["type"] == "end"
    assert json.loads((tmp_path / "c.json").read_bytes()) == []


def test_a_report_replaces_no_video(clips: Path, tmp_path: Path, run: Run) -> None:
    video = tmp_path / "e1.mp4"
    video.write_bytes((clips / "e1.mp4").read_bytes())
    ran = run("enhance", "--report", video, clips / "e2.avi", tmp_path / "out.mkv", *LOSSLESS)
    assert ran.code == 2
    assert "ending in .json" in one_sentence(ran.err)
    assert video.read_bytes() == (clips / "e1.mp4").read_bytes()


@pytest.mark.parametrize("arguments", [[], ["only.mkv"], ["--report", "x"]])
def test_something_is_missing(arguments: list[str], run: Run) -> None:
    ran = run("enhance", *arguments)
    assert ran.code == 2
    assert "Missing argument" in one_sentence(ran.err)


@pytest.fixture(scope="session")
def long_clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("long")
    for name, seconds in (("a.mkv", 1), ("b.mkv", 60)):
        ffmpeg("-f", "lavfi", "-i", f"testsrc2=s=128x96:r=25:d={seconds}", "-preset", "ultrafast", "-pix_fmt",
               "yuv420p", root / name)  # fmt: skip
    return root


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_run_that_is_ended_goes_on(number: signal.Signals, long_clips: Path, tmp_path: Path) -> None:
    """However it ended: nothing of it works on, what was finished is kept, the record says what is true."""
    command = [sys.executable, "-m", "vsmagic", "enhance", str(long_clips), str(tmp_path / "out"), "--scale", "1.5",
               "--backend", "ov", "--precision", "f32", "--fields", "keep", "--chunk", "100", "--preset", "ultrafast",
               "--report", str(tmp_path / "run.json")]  # fmt: skip
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    place = folder.place(tmp_path / "out" / "b.mkv")
    deadline = time.monotonic() + 120
    while not folder.finished(place) and time.monotonic() < deadline:
        time.sleep(0.1)
    os.kill(process.pid, number)
    said = process.communicate()[1]
    while folder.holder(place) is not None and time.monotonic() < deadline:
        time.sleep(0.1)
    assert folder.holder(place) is None
    assert folder.finished(place)
    told = json.loads((tmp_path / "run.json").read_bytes())
    states = [entry["status"] for entry in told["files"]]
    if number == signal.SIGINT:
        assert process.returncode == told["exit_code"] == 130
        assert said.count("stopped by Ctrl-C") == 1
        assert "1 made, 1 not made yet" in said
        assert states == ["made", "stopped"]
    else:
        assert (states, told["ended"], told["exit_code"]) == (["made", "running"], None, None)
    assert inputs.pairs([str(long_clips)], tmp_path / "out")[0].output.is_file()
    ran = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert ran.stderr is not None
    going = next((line for line in ran.stderr if "going on: " in line), None)
    ran.send_signal(signal.SIGTERM)
    rest = ran.communicate()[1]
    assert going is not None
    assert "b.mkv: going on" in going
    assert ran.returncode == 143
    assert "stopped by SIGTERM" in rest
