"""Bad input, bad options, bad places: one sentence, the right code, and nothing left behind."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from command import Run

from .conftest import FFMPEG, ffmpeg, frame_hashes, leftovers, one_sentence


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten small frames."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=64x48:r=10:d=1", "-pix_fmt", "yuv420p", path)
    return path


@pytest.fixture(scope="session")
def long_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A minute that takes a while to encode."""
    path = tmp_path_factory.mktemp("clip") / "long.mp4"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=320x240:r=25:d=60", "-preset", "ultrafast", "-pix_fmt", "yuv420p", path)
    return path


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (lambda _: None, "no such file"),
        (lambda path: path.mkdir(), "directory"),
        (lambda path: path.write_bytes(b""), "empty"),
        (lambda path: path.write_text("To be, or not to be.\n" * 20), "text file"),
        (lambda path: path.write_bytes(bytes(range(256)) * 20), "not a video"),
        (lambda path: ffmpeg("-f", "lavfi", "-i", "sine=d=1", "-f", "wav", path), "no video track"),
    ],
    ids=["missing", "directory", "empty", "text", "noise", "sound"],
)
def test_inputs_that_are_no_video(make: object, word: str, tmp_path: Path, run: Run) -> None:
    source = tmp_path / "in.mp4"
    assert callable(make)
    make(source)
    before = leftovers(tmp_path)
    ran = run("enhance", source, tmp_path / "out.mkv")
    assert ran.code == 3
    assert word in one_sentence(ran.err)
    assert leftovers(tmp_path) == before


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (["--codec", "vp9"], 2, "h264, h265, av1, ffv1"),
        (["--crf", "99"], 2, "51"),
        (["--codec", "ffv1", "--crf", "9"], 2, "lossless"),
        (["--preset", "warp"], 2, "medium"),
        (["--track", "3"], 2, "counted from 0"),
        (["--scale", "0"], 2, "scale"),
        (["--scale", "nan"], 2, "scale"),
        (["--size", "12"], 2, "1280x720"),
        (["--scale", "2", "--size", "64x64"], 2, "scale"),
        (["--start", "soon"], 2, "seconds"),
        (["--start", "5", "--scale", "1"], 2, "no frame"),
        (["--model", "nope"], 4, "nope"),
        (["--backend", "nope"], 2, "nope"),
        (["--chain", "nope.json"], 2, "nope.json"),
        (["--keyframes", "nope.json"], 2, "nope.json"),
        (["--ffmpeg", "/nope/ffmpeg"], 8, "/nope/ffmpeg"),
        (["--ffmpeg", sys.executable], 8, "ffmpeg"),
        (["--loader", "nope"], 2, "bestsource"),
        (["--nope"], 2, "--nope"),
    ],
)
def test_options_that_are_wrong(
    arguments: list[str],
    code: int,
    word: str,
    *,
    clip: Path,
    tmp_path: Path,
    run: Run,
) -> None:
    ran = run("enhance", clip, tmp_path / "out.mkv", *arguments)
    assert word in one_sentence(ran.err)
    assert ran.code == code
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize(("source", "output", "code"), [("\udcff.mp4", "o.mkv", 3), ("a.mp4", "\udcff.mkv", 7)])
def test_names_that_are_no_utf8(source: str, output: str, code: int, *, clip: Path, tmp_path: Path, run: Run) -> None:
    shutil.copy(clip, tmp_path / source)
    ran = run("enhance", tmp_path / source, tmp_path / output, "--scale", 1)
    assert "is no UTF-8" in one_sentence(ran.err)
    assert ran.code == code
    assert leftovers(tmp_path) == [source]


def test_a_name_that_leaves_no_room(clip: Path, tmp_path: Path, run: Run) -> None:
    ran = run("enhance", clip, tmp_path / f"{'ä' * 122}.mkv", "--scale", 1, "-q")
    assert (ran.code, "2 bytes too long" in one_sentence(ran.err)) == (7, True)
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize("name", ["out.avi", "out", "out.mp5"])
def test_an_unknown_extension(name: str, clip: Path, tmp_path: Path, run: Run) -> None:
    ran = run("enhance", clip, tmp_path / name, "--scale", 1)
    assert ran.code == 2
    assert ".mkv" in one_sentence(ran.err)


def test_a_codec_the_container_cannot_hold(clip: Path, tmp_path: Path, run: Run) -> None:
    ran = run("enhance", clip, tmp_path / "out.mp4", "--scale", 1, "--codec", "ffv1")
    assert ran.code == 2
    assert ".mkv" in one_sentence(ran.err)


@pytest.mark.parametrize("kind", ["same", "symlink", "hardlink"])
def test_the_input_is_never_the_output(kind: str, clip: Path, tmp_path: Path, run: Run) -> None:
    source = tmp_path / "in.mp4"
    source.write_bytes(clip.read_bytes())
    out = source if kind == "same" else tmp_path / "out.mp4"
    if kind == "symlink":
        out.symlink_to(source)
    if kind == "hardlink":
        out.hardlink_to(source)
    ran = run("enhance", source, out, "--scale", 1, "--overwrite")
    assert ran.code == 2
    assert "input itself" in one_sentence(ran.err)
    assert source.read_bytes() == clip.read_bytes()


def test_an_existing_output_is_replaced_only_when_asked(clip: Path, tmp_path: Path, run: Run) -> None:
    out = tmp_path / "out.mkv"
    out.write_text("precious")
    ran = run("enhance", clip, out, "--scale", 1)
    assert ran.code == 7
    assert "--overwrite" in one_sentence(ran.err)
    assert out.read_text() == "precious"
    assert run("enhance", clip, out, "--scale", 1, "-y", "-q").code == 0
    assert len(frame_hashes(out)) == 10


@pytest.mark.parametrize("folder", ["/nope", "/proc"])
def test_a_folder_that_cannot_be_written(folder: str, clip: Path, run: Run) -> None:
    ran = run("enhance", clip, f"{folder}/out.mkv", "--scale", 1)
    assert ran.code == 7
    assert folder in one_sentence(ran.err)


def test_a_full_disk(long_clip: Path, tmp_path: Path, run: Run) -> None:
    full = tmp_path / "full"
    full.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", full], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("needs the right to mount a small file system")
    try:
        ran = run("enhance", long_clip, full / "out.mkv", "--scale", 1, "--codec", "ffv1", "--quiet")
        left = leftovers(full)
    finally:
        subprocess.run(["umount", full], check=True)
    assert "full" in one_sentence(ran.err)
    assert ran.code == 7
    assert left == []


def test_the_encoders_own_words_reach_the_user(clip: Path, tmp_path: Path, run: Run) -> None:
    """An ffmpeg that answers like one and fails when it works."""
    fake = tmp_path / "ffmpeg"
    fake.write_text(
        f'#!/bin/sh\ncase "$*" in\n*yuv4mpegpipe*) echo "the moon is in the wrong house" >&2; exit 3 ;;\nesac\n'
        f'exec "{FFMPEG}" "$@"\n'
    )
    fake.chmod(0o755)
    before = leftovers(tmp_path)
    ran = run("enhance", clip, tmp_path / "out.mkv", "--scale", 1, "--ffmpeg", fake, "--quiet")
    assert ran.code == 6
    assert "the moon is in the wrong house" in one_sentence(ran.err)
    assert leftovers(tmp_path) == before


def test_a_chain_that_fails_says_so_itself(clip: Path, tmp_path: Path, run: Run) -> None:
    chain = tmp_path / "chain.json"
    chain.write_text('[{"filter": "upscale", "scale": 2}, {"filter": "sharpen"}]')
    ran = run("enhance", clip, tmp_path / "out.mkv", "--chain", chain)
    assert ran.code == 2
    assert "step 1" in one_sentence(ran.err)


@pytest.mark.parametrize(
    ("name", "claimed"), [("derived/bad_bitflips_middle_third.mkv", 132), ("derived/bad_truncated_60pct.mkv", 132)]
)
def test_a_damaged_clip_is_enhanced_as_far_as_it_goes(
    name: str, claimed: int, data: Path, tmp_path: Path, run: Run
) -> None:
    out = tmp_path / "out.mkv"
    ran = run("enhance", data / "clips" / name, out, "--scale", 1, "--preset", "ultrafast", "--quiet")
    assert ran.code == 9
    assert "is damaged" in one_sentence(ran.err)
    assert 30 < len(frame_hashes(out)) < claimed
    assert leftovers(tmp_path) == ["out.mkv"]


def test_one_lost_frame_is_told(data: Path, tmp_path: Path, run: Run) -> None:
    out = tmp_path / "out.mkv"
    clip = data / "clips/bad_truncated_index_h264.mp4"
    ran = run("enhance", clip, out, "--scale", 1, "--preset", "ultrafast", "--quiet")
    assert ran.code == 9
    assert "1 of 50 frames" in one_sentence(ran.err)
    assert len(frame_hashes(out)) == 49


@pytest.mark.parametrize(
    "name", ["hdr_dolbyvision_720p_rotate.mov", "lowres_160x120_30fps.mp4", "bad_no_duration.webm"]
)
def test_sound_clips_are_not_called_damaged(name: str, data: Path, tmp_path: Path, run: Run) -> None:
    """Edit lists, an empty last packet and missing lengths are no damage."""
    ran = run("enhance", data / "clips" / name, tmp_path / "out.mkv", "--scale", 1, "--preset", "ultrafast", "-q")
    assert ran.code == 0, ran.err


def _children_of(session: int) -> list[str]:
    """Command lines of vspipe and ffmpeg processes that work on files of this test."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            line = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(session) in line and ("vspipe" in line or "ffmpeg" in line):
            found.append(line)
    return found


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="looks for orphans in /proc")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stop_leaves_nothing(number: signal.Signals, code: int, long_clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.mkv"
    line = [sys.executable, "-c", "from vsmagic.cli.main import main; main()", "enhance"]
    job = subprocess.Popen(
        [*line, long_clip, out, "--scale", "1", "--preset", "veryslow", "--crf", "1"],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    until = time.monotonic() + 30
    while not list(tmp_path.glob(".out.mkv.vsmagic/.making-*/chunk-*.mp4")) and time.monotonic() < until:
        time.sleep(0.05)
    assert len(_children_of(long_clip.parent.name)) + len(_children_of(tmp_path.name)) >= 2
    os.killpg(job.pid, number)  # as a terminal does: the whole group is told
    _, said = job.communicate(timeout=20)
    assert job.returncode == code
    assert "stopped by" in one_sentence(said)
    assert leftovers(tmp_path) == []
    assert not _children_of(tmp_path.name)


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="finds the child in /proc")
@pytest.mark.parametrize("program", ["vspipe", "ffmpeg"])
def test_a_child_that_dies_ends_the_job(program: str, long_clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.mkv"
    line = [sys.executable, "-c", "from vsmagic.cli.main import main; main()", "enhance"]
    job = subprocess.Popen(
        [*line, long_clip, out, "--scale", "1", "--preset", "veryslow", "--crf", "1", "--quiet"],
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    until = time.monotonic() + 30
    while not list(tmp_path.glob(".out.mkv.vsmagic/.making-*/chunk-*.mp4")) and time.monotonic() < until:
        time.sleep(0.05)
    for process in Path("/proc").glob("[0-9]*"):
        words = (process / "cmdline").read_bytes().split(b"\0") if (process / "cmdline").exists() else [b""]
        if program.encode() in Path(words[0].decode()).name.encode() and any(
            tmp_path.name.encode() in w for w in words
        ):
            os.kill(int(process.name), signal.SIGKILL)
    _, said = job.communicate(timeout=20)
    assert job.returncode == 6
    assert program in one_sentence(said)
    assert leftovers(tmp_path) == []
