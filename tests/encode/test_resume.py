"""A job that ends in any way goes on where it was, and makes what it would have made undisturbed."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib import metadata
from pathlib import Path

import pytest

from command import Run
from vsmagic import __version__
from vsmagic.encode.chunks import folder, identity, local, records
from vsmagic.encode.description import Description, Light, Network
from vsmagic.encode.ffmpeg import find_ffmpeg
from vsmagic.encode.vspipe import find_vspipe
from vsmagic.errors import OutputError

from .conftest import FFMPEG, ffmpeg, frame_hashes, frame_times, leftovers, one_sentence, packets

KILLS = int(os.environ.get("VSMAGIC_TEST_KILLS", "0"))
"""How often the long test of kills kills."""
KILLED = (
    "live_geese_720p30_aac.mp4", "anim_bbb_480x360_24fps_aac.mp4", "vfr_fire_720p_rotate180.mp4",
    "oldphone_h263_352x288_sar12x11_vfr.3gp", "tenbit_hevc_testsrc_200x200.mp4", "delayed_start_480x320.mp4",
    "fades_480x320.mp4", "derived/oldcam_160x120_8fps_mjpeg_pcmu8.avi", "av_h264_ac3_srt.mkv", "odd_vp9_161x121.webm",
)  # fmt: skip
COMMAND = [sys.executable, "-c", "from vsmagic.cli.main import main; main()"]
JOB = ("--scale", 1, "--codec", "ffv1", "--chunk", 20, "-q")


@pytest.fixture(scope="session")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three scenes of 20, 23 and 37 frames, with sound."""
    path = tmp_path_factory.mktemp("scenes") / "scenes.mkv"
    ffmpeg(
        *("-f", "lavfi", "-i", "testsrc2=s=64x48:r=20:d=1", "-f", "lavfi", "-i", "mandelbrot=s=64x48:r=20"),
        *("-f", "lavfi", "-i", "smptebars=s=64x48:r=20:d=1.85", "-f", "lavfi", "-i", "sine=d=4"),
        *("-lavfi", "[1]trim=end_frame=23,setpts=PTS-STARTPTS[b];[0][b][2]concat=n=3,noise=alls=6:allf=t"),
        *("-map", "3:a", "-pix_fmt", "yuv420p", "-c:v", "libx264", "-g", 50, path),
    )
    return path


@pytest.fixture(scope="session")
def whole(scenes: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The frames of the job done in one chunk."""
    out = tmp_path_factory.mktemp("whole") / "out.mkv"
    _enhance(scenes, out, "--chunk", 1000)
    return frame_hashes(out)


def _env() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}


def _chunks(out: Path) -> list[Path]:
    return sorted(folder.place(out).glob("chunk-*.json"))


@contextmanager
def _started(*arguments: object) -> Iterator[subprocess.Popen[str]]:
    line = [*COMMAND, "enhance", *map(str, arguments)]
    job = subprocess.Popen(line, stderr=subprocess.PIPE, text=True, env=_env())
    try:
        yield job
    finally:
        job.kill()
        job.communicate()


def _interrupted(scenes: Path, out: Path, *more: object, chunks: int = 2) -> None:
    """Start the job and kill it when so many chunks are finished."""
    with _started(scenes, out, *JOB, *more) as job:
        until = time.monotonic() + 60
        while len(_chunks(out)) < chunks and job.poll() is None and time.monotonic() < until:
            time.sleep(0.01)
    assert len(_chunks(out)) >= chunks
    assert not out.exists()


def test_it_is_cut_where_scenes_change(scenes: Path, whole: list[str], tmp_path: Path, run: Run) -> None:
    out = tmp_path / "out.mkv"
    assert run("enhance", scenes, out, *JOB, "--keep").code == 0
    kept = [json.loads(path.read_text()) for path in _chunks(out)]
    assert [(each["first"], each["end"]) for each in kept] == [(0, 20), (20, 43), (43, 60), (60, 80)]
    assert frame_hashes(out) == whole == frame_hashes(scenes)
    for each in kept:
        assert frame_hashes(folder.place(out) / each["file"]) == whole[each["first"] : each["end"]]
    shutil.rmtree(folder.place(out))


def test_packets_are_the_same_in_one_chunk_or_in_many(scenes: Path, tmp_path: Path, run: Run) -> None:
    """FFV1 encodes each frame by itself."""
    for name, chunk in (("one.mkv", 1000), ("many.mkv", 9)):
        assert run("enhance", scenes, tmp_path / name, *JOB, "--chunk", chunk).code == 0
    one, many = (packets(tmp_path / name, "video") for name in ("one.mkv", "many.mkv"))
    assert one == many
    assert packets(tmp_path / "one.mkv", "audio") == packets(tmp_path / "many.mkv", "audio")
    assert leftovers(tmp_path) == ["many.mkv", "one.mkv"]


@pytest.mark.parametrize(("codec", "suffix"), [("h264", ".mp4"), ("h265", ".mkv"), ("av1", ".mp4"), ("prores", ".mov")])
def test_chunks_of_a_lossy_codec_make_one_stream(
    codec: str, suffix: str, scenes: Path, tmp_path: Path, run: Run
) -> None:
    out = tmp_path / f"out{suffix}"
    speed = {"h264": ["--preset", "veryfast"], "h265": ["--preset", "ultrafast"], "av1": ["--preset", "12"]}
    ran = run("enhance", scenes, out, *JOB, "--codec", codec, "--chunk", 15, *speed.get(codec, []))
    assert ran.code == 0, ran.err
    told = subprocess.run(
        [FFMPEG, "-v", "warning", "-i", out, "-map", "0:v", "-f", "null", "-"], check=True, capture_output=True
    )
    assert told.stderr == b""
    times = frame_times(out)
    assert len(times) == 80
    assert all(abs(time_ * 20 - n) < 0.03 for n, time_ in enumerate(times))


def test_frames_in_between_know_what_lies_beyond_the_seam(scenes: Path, tmp_path: Path, run: Run) -> None:
    for name, chunk in (("one.mkv", 1000), ("many.mkv", 25)):
        ran = run("enhance", scenes, tmp_path / name, *JOB, "--fps", 50, "--flow-model", "mvtools", "--chunk", chunk)
        assert ran.code == 0, ran.err
    assert frame_hashes(tmp_path / "many.mkv") == frame_hashes(tmp_path / "one.mkv")


def test_killed_again_and_again(scenes: Path, whole: list[str], tmp_path: Path) -> None:
    """At random moments, each run killed on its way, until one comes through; nothing is left but the output."""
    _kill(scenes, whole, tmp_path, kills=3, chance=random.Random(1))


@pytest.mark.skipif(not KILLS, reason="takes a quarter of an hour: VSMAGIC_TEST_KILLS=100 kills so often")
def test_a_hundred_kills_over_real_clips(data: Path, tmp_path: Path) -> None:
    chance = random.Random(KILLS)
    for number, name in enumerate(KILLED):
        clip, folder_ = data / "clips" / name, tmp_path / str(number)
        folder_.mkdir()
        reference = folder_ / "whole.mkv"
        _enhance(clip, reference, "--end", 3, "--chunk", 1000)
        whole = frame_hashes(reference)
        reference.unlink()
        _kill(clip, whole, folder_, "--end", 3, kills=-(-KILLS // len(KILLED)), chance=chance)


def _kill(clip: Path, whole: list[str], where: Path, *more: object, kills: int, chance: random.Random) -> None:
    out, killed, came_through = where / "out.mkv", 0, 0
    while killed < kills or not came_through:
        with _started(clip, out, *JOB, "--chunk", 8, *more) as job:
            with suppress(subprocess.TimeoutExpired):
                job.wait(chance.uniform(0.3, 4.0) if killed < kills else 300)
            if job.poll() is None:
                job.send_signal(signal.SIGKILL)
                killed += 1
        if out.exists():
            came_through += 1
            assert frame_hashes(out) == whole
            assert leftovers(where) == ["out.mkv"]
            out.unlink()


def _enhance(clip: Path, out: Path, *more: object) -> None:
    subprocess.run([*COMMAND, "enhance", *map(str, (clip, out, *JOB, *more))], check=True, env=_env())


def test_what_is_finished_is_kept(scenes: Path, whole: list[str], tmp_path: Path, run: Run) -> None:
    out = tmp_path / "out.mkv"
    _interrupted(scenes, out)
    before = {path.name: path.stat().st_mtime_ns for path in _chunks(out)}
    ran = run("enhance", scenes, out, *JOB[:-1], "--keep")
    assert ran.code == 0, ran.err
    assert "going on: " in ran.err
    assert {path.name: path.stat().st_mtime_ns for path in _chunks(out)}.items() > before.items()
    assert frame_hashes(out) == whole


def _touch(scenes: Path) -> None:
    os.utime(scenes, (1, 1))


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (["--end", "3.95"], "the chain changed"),
        (["--codec", "h264"], "the codec or its options changed"),
        (["--chunk", "30"], "the chunks are cut elsewhere"),
        (["--no-resume"], None),
        (_touch, "the input changed"),
    ],
    ids=["chain", "codec", "chunks", "no-resume", "input"],
)
def test_another_job_begins_afresh_and_says_why(
    options: list[str] | Callable[[Path], None], word: str | None, scenes: Path, tmp_path: Path, run: Run
) -> None:
    source, out = tmp_path / "in.mkv", tmp_path / "out.mkv"
    source.write_bytes(scenes.read_bytes())
    _interrupted(source, out)
    if callable(options):
        options(source)
        options = []
    ran = run("enhance", source, out, *JOB[:-1], *options)
    assert ran.code == 0, ran.err
    assert "going on" not in ran.err
    assert word is None or f"cannot be continued, for {word}" in ran.err
    assert leftovers(tmp_path) == ["in.mkv", "out.mkv"]


def test_a_changed_model_begins_afresh(scenes: Path, tmp_path: Path, run: Run) -> None:
    from vsmagic.models.registry import EMBEDDED

    model, out = tmp_path / "model.onnx", tmp_path / "out.mkv"
    sizing = ("--scale", 2, "--model", model)
    for name, kept in (("magic-x2-fast", True), ("magic-x2", False)):
        shutil.copy(EMBEDDED / f"{name}.onnx", model)
        shutil.copy(EMBEDDED / f"{name}.json", model.with_suffix(".json"))
        if kept:
            _interrupted(scenes, out, *sizing)
    ran = run("enhance", scenes, out, *JOB[:-1], *sizing)
    assert ran.code == 0, ran.err
    assert "model model changed" in ran.err


def test_changed_keyframes_begin_afresh(scenes: Path, tmp_path: Path, run: Run) -> None:
    zoom, out = tmp_path / "zoom.json", tmp_path / "out.mkv"
    sizing = ("--keyframes", zoom)
    zoom.write_text('[{"time": 0, "x": 0, "y": 0, "width": 32, "height": 24}]')
    _interrupted(scenes, out, *sizing)
    zoom.write_text('[{"time": 0, "x": 8, "y": 0, "width": 32, "height": 24}]')
    assert json.loads(run("jobs", "show", out, "--json").out)["changed"] == ["the keyframes changed"]
    ran = run("enhance", scenes, out, *JOB[:-1], *sizing)
    assert ran.code == 0, ran.err
    assert "cannot be continued, for the keyframes changed;" in ran.err


def test_what_runs_networks_without_a_plugin_counts() -> None:
    network = Network(name="x", backend="vsgan", precision="f32", device=0, digest="")
    assert "numpy" in {each.metadata["Name"].lower() for each in metadata.distributions()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(identity, "_LIBRARIES", {"vsgan": ("numpy",)})
        assert identity.versions("1", [network])["numpy"] == metadata.version("numpy")
        assert "numpy" not in identity.versions("1")


@pytest.mark.parametrize(("asked", "device", "gpus"), [(None, 0, "AB"), (3, 0, "ABA"), (1, 0, "A"), (2, 1, "..")])
def test_workers_share_the_gpus(asked: int | None, device: int, gpus: str, monkeypatch: pytest.MonkeyPatch) -> None:
    network = Network(name="x", backend="trt", precision="f16", device=device, digest="")
    described = Description(
        width=64, height=48, subsampling="420", bits=8, rate=(25, 1), frames=9, matrix=None, transfer=None,
        primaries=None, full_range=None, chroma=None, pixel_aspect=None, fields=None, light=Light(), begin=(0, 1),
        duration=(9, 25), whole=True, source_frames=9, source_duration=(9, 25), networks=(network,),
    )  # fmt: skip
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "A,B")
    tools = local.tools(find_vspipe(), find_ffmpeg(), described, asked=asked)
    assert [each.environment.get("CUDA_VISIBLE_DEVICES", ".") for each in tools] == list(gpus)


def test_changed_code_counts_where_it_makes_pictures(tmp_path: Path) -> None:
    for name in ("filters/a.py", "cli/b.py"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text("x = 1\n")
    code = identity.code.__wrapped__
    before = code(tmp_path)
    (tmp_path / "cli/b.py").write_text("x = 2\n")
    assert code(tmp_path) == before
    (tmp_path / "filters/a.py").write_text("x = 2\n")
    assert code(tmp_path) != before
    assert identity.versions("1")["vsmagic"].startswith(f"{__version__} (")


def _shorten(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-7])


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x10
    path.write_bytes(content)


@pytest.mark.parametrize("suffix", [".mkv", ".json"])
@pytest.mark.parametrize("damage", [_shorten, _flip, Path.unlink], ids=["short", "flipped", "gone"])
def test_damaged_chunks_are_made_again(
    damage: Callable[[Path], None], suffix: str, *, scenes: Path, whole: list[str], tmp_path: Path, run: Run
) -> None:
    out = tmp_path / "out.mkv"
    _interrupted(scenes, out)
    damage(_chunks(out)[0].with_suffix(suffix))
    ran = run("enhance", scenes, out, *JOB[:-1])
    assert ran.code == 0, ran.err
    if (damage, suffix) != (Path.unlink, ".json"):  # without a record it is as if it had never been
        assert "chunk-00000.mkv: " in ran.err
        assert "made again" in ran.err
    assert frame_hashes(out) == whole
    assert leftovers(tmp_path) == ["out.mkv"]


def test_a_damaged_job_begins_afresh(scenes: Path, whole: list[str], tmp_path: Path, run: Run) -> None:
    out = tmp_path / "out.mkv"
    _interrupted(scenes, out)
    _flip(folder.place(out) / "job.json")
    assert run("enhance", scenes, out, *JOB).code == 0
    assert frame_hashes(out) == whole


def test_two_at_once(scenes: Path, tmp_path: Path, run: Run) -> None:
    out = tmp_path / "out.mkv"
    with folder.held(out):
        ran = run("enhance", scenes, out, *JOB)
        assert f"process {os.getpid()} on" in one_sentence(ran.err)
        assert ran.code == 7
    assert run("enhance", scenes, out, *JOB).code == 0
    assert leftovers(tmp_path) == ["out.mkv"]


def test_a_folder_that_goes_while_it_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out, opened = tmp_path / "out.mkv", os.open

    def late(path: Path, *arguments: int) -> int:
        monkeypatch.setattr(os, "open", opened)
        shutil.rmtree(folder.place(out))
        return opened(path, *arguments)

    monkeypatch.setattr(os, "open", late)
    with folder.held(out):
        assert folder.holder(folder.place(out)) is not None
    assert leftovers(tmp_path) == []


def test_a_failure_leaves_chunks_alone_and_nobodys_folder_is_swept(tmp_path: Path) -> None:
    out = tmp_path / "out.mkv"

    def fail() -> None:
        with folder.held(out) as here:
            folder.sweep(out)
            for name in ("chunk-00000.mkv", "chunk-00000.json", "job.json", "picture.mkv", "finished.mkv", "cover2"):
                (here.path / name).write_text("x")
            raise OutputError("the disk of the output is full.")

    with pytest.raises(OutputError, match="full"):
        fail()
    assert leftovers(folder.place(out)) == ["chunk-00000.json", "chunk-00000.mkv", "job.json", "lock"]


def test_a_source_that_is_changed_meanwhile(scenes: Path, tmp_path: Path) -> None:
    source, out = tmp_path / "in.mkv", tmp_path / "out.mkv"
    source.write_bytes(scenes.read_bytes())
    with _started(source, out, *JOB, "--chunk", 8) as job:
        while not _chunks(out) and job.poll() is None:
            time.sleep(0.01)
        os.utime(source)
        _, said = job.communicate(timeout=60)
    assert job.returncode == 3
    assert "was changed while it was read" in one_sentence(said)
    assert not out.exists()


def _wrapped(tmp_path: Path, body: str) -> Path:
    """An ffmpeg that does something else where it encodes."""
    wrapper = tmp_path / "ffmpeg"
    real = FFMPEG.replace("'", "'\\''")
    wrapper.write_text(f'#!/bin/sh\nreal=\'{real}\'\ncase "$*" in\n*chunk-*) {body} ;;\nesac\nexec "$real" "$@"\n')
    wrapper.chmod(0o755)
    return wrapper


def test_an_encoder_that_ends_early_without_an_error(scenes: Path, tmp_path: Path, run: Run) -> None:
    """It leaves out the end of the second chunk."""
    wrapper = _wrapped(
        tmp_path,
        'case "$*" in *chunk-00001*) for last; do :; done; '
        '"$real" -v error -y -f yuv4mpegpipe -i pipe:0 -vf "select=lt(n\\,5)" -fps_mode passthrough -c:v ffv1 "$last"; '
        "exit 0 ;; esac",
    )
    out = tmp_path / "out.mkv"
    ran = run("enhance", scenes, out, *JOB, "--ffmpeg", wrapper)
    assert ran.code == 6
    assert "wrote 5 of the 23 frames from 20 on" in one_sentence(ran.err)
    assert "1 chunk is finished and kept" in ran.err
    assert not out.exists()
    wrapper.write_text(f'#!/bin/sh\nexec "{FFMPEG}" "$@"\n')
    ran = run("enhance", scenes, out, *JOB[:-1], "--ffmpeg", wrapper)
    assert ran.code == 0
    assert "going on: 20 of 80 frames" in ran.err


@pytest.mark.parametrize("share", [0.5, 1.0, 1.6, 2.3])
def test_a_disk_that_fills_on_the_way(share: float, scenes: Path, whole: list[str], tmp_path: Path, run: Run) -> None:
    full = tmp_path / "full"
    full.mkdir()
    ffmpeg("-i", scenes, "-map", 0, "-c", "copy", "-c:v", "ffv1", "-g", 1, tmp_path / "like.mkv")
    size = f"size={round(share * (tmp_path / 'like.mkv').stat().st_size)}"
    if subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", full], capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount a small file system")
    try:
        ran = run("enhance", scenes, full / "out.mkv", *JOB)
        assert (ran.code, "full" in one_sentence(ran.err)) == (7, True)
        assert leftovers(full) in ([], [".out.mkv.vsmagic"])
        subprocess.run(["mount", "-o", "remount,size=20m", full], check=True)
        assert run("enhance", scenes, full / "out.mkv", *JOB).code == 0
        assert leftovers(full) == ["out.mkv"]
        assert frame_hashes(full / "out.mkv") == whole
    finally:
        subprocess.run(["umount", full], check=True)


def test_an_orphaned_vspipe_ends(scenes: Path, tmp_path: Path) -> None:
    """Killed with -9, the job cannot end its children: they do it themselves."""
    out = tmp_path / "out.mkv"
    with _started(scenes, out, "--scale", 8, "-q", "--preset", "veryslow") as job:
        until = time.monotonic() + 60
        while not list(folder.place(out).glob(".making-*/chunk-*")) and time.monotonic() < until:
            time.sleep(0.02)
        job.send_signal(signal.SIGKILL)
    until = time.monotonic() + 10
    while _processes(tmp_path.name) and time.monotonic() < until:
        time.sleep(0.1)
    assert not _processes(tmp_path.name)


def _processes(word: str) -> list[str]:
    lines = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            lines.append(process.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue
    return [line for line in lines if word in line and ("vspipe" in line or "ffmpeg" in line)]


def test_a_record_tells_runs_of_durations() -> None:
    from fractions import Fraction

    lengths = [Fraction(1, 25)] * 3 + [Fraction(1, 10)] + [Fraction(1, 25)]
    assert records.runs(lengths) == ((1, 25, 3), (1, 10, 1), (1, 25, 1))


@pytest.mark.parametrize("left", ["all", "lock"])
def test_killed_in_the_very_last_moment(left: str, scenes: Path, tmp_path: Path, run: Run) -> None:
    """The output has its name and the folder is still there: the next run, which finds the output, removes it."""
    out = tmp_path / "out.mkv"
    assert run("enhance", scenes, out, *JOB, "--keep").code == 0
    assert run("enhance", scenes, out, *JOB).code == 7
    assert leftovers(tmp_path) == [".out.mkv.vsmagic", "out.mkv"]  # asked for
    assert {name.partition("-")[0] for name in leftovers(folder.place(out))} == {"chunk", "job.json", "lock"}
    (folder.place(out) / "placed").write_text(str(out.stat().st_ino))
    if left == "lock":
        for file in folder.place(out).iterdir():
            if file.name != "lock":
                file.unlink()
    ran = run("enhance", scenes, out, *JOB)
    assert (ran.code, "--overwrite" in one_sentence(ran.err)) == (7, True)
    assert leftovers(tmp_path) == ["out.mkv"]
