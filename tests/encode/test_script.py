"""The script alone, the dry run, and names that tempt a shell."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from command import Ran, Run
from vsmagic.encode.vspipe import Vspipe, find_vspipe
from vsmagic.shipped import shipped

from .conftest import FFMPEG, ffmpeg, frame_hashes, frame_times, leftovers

ENCODE = str(shipped("encode.vpy"))


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "clip.mkv"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=64x48:r=10:d=1", "-pix_fmt", "yuv420p", "-c:v", "ffv1", path)
    return path


def _vspipe(*arguments: object) -> Ran:
    vspipe = find_vspipe()
    line = [str(vspipe.program), "-c", "y4m", ENCODE, *map(str, arguments)]
    done = subprocess.run(line, env=vspipe.environ(), capture_output=True, check=False)
    return Ran(done.returncode, done.stdout[:9].decode(errors="replace"), done.stderr.decode())


def test_the_script_works_alone(clip: Path, tmp_path: Path) -> None:
    vspipe, out = find_vspipe(), tmp_path / "out.mkv"
    graph = vspipe.shell([str(vspipe.program), "-c", "y4m", ENCODE, "--arg", f"source={clip}", "--arg", "scale=2", "-"])
    subprocess.run(["sh", "-c", f"{graph} | '{FFMPEG}' -v error -i - -c:v ffv1 '{out}'"], check=True)
    assert len(frame_hashes(out)) == 10
    assert b"128x96" in subprocess.run([FFMPEG, "-i", out], capture_output=True, check=False).stderr


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        ([], 2, "--arg source=FILE"),
        (["--arg", "source=/nope.mp4"], 3, "/nope.mp4"),
        (["--arg", "source={}", "--arg", "sale=2"], 2, "'sale' is unknown"),
        (["--arg", "source={}", "--arg", "scale=two"], 2, "expected a number"),
        (["--arg", "source={}", "--arg", "strict=perhaps"], 2, "expected 1 or 0"),
        (["--arg", "source={}", "--arg", "chain=[]", "--arg", "scale=2"], 2, "exclude each other"),
        (["--arg", "source={}", "--arg", "codec=vp9"], 2, "h264"),
    ],
)
def test_wrong_arguments_are_told_and_counted(arguments: list[str], code: int, word: str, clip: Path) -> None:
    ran = _vspipe(*(argument.format(clip) for argument in arguments), "-")
    assert ran.code == code
    assert word in ran.err
    assert "Traceback" not in ran.err
    assert ran.out == ""


def test_a_source_relative_to_where_vspipe_was_started(clip: Path) -> None:
    vspipe = find_vspipe()
    graph = vspipe.shell([str(vspipe.program), "--info", ENCODE, "--arg", f"source={clip.name}", "-"])
    done = subprocess.run(["sh", "-c", f"cd '{clip.parent}' && {graph}"], capture_output=True, check=False)
    assert b"Frames: 10" in done.stdout, done.stderr.decode()


def test_a_long_clip_takes_no_more_memory_than_a_short_one(tmp_path: Path) -> None:
    path, vspipe = tmp_path / "long.mp4", find_vspipe()
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=160x120:r=60:d=20", "-pix_fmt", "yuv420p", "-preset", "ultrafast", path)

    def peak(frames: int) -> int:
        options = ["--end", str(frames - 1), "--arg", f"source={path}", "--arg", "scale=2", "--arg", "backend=ov"]
        line = [str(vspipe.program), *options, ENCODE, "--"]
        observed = [sys.executable, "-m", "vsmagic.bench.observed", *line]
        done = subprocess.run(observed, env=vspipe.environ(), capture_output=True, check=True)
        told = json.loads(done.stdout)
        assert told["code"] == 0, done.stderr.decode()
        return int(told["peak"])

    assert peak(1200) <= 1.1 * peak(200)


def test_a_chain_file_relative_to_itself(clip: Path, tmp_path: Path) -> None:
    (tmp_path / "zoom.json").write_text('[{"time": 0, "x": 0, "y": 0, "width": 32, "height": 24}]')
    (tmp_path / "chain.toml").write_text('[[steps]]\nfilter = "dezoom"\nkeyframes = "zoom.json"\n')
    ran = _vspipe("--arg", f"source={clip}", "--arg", f"chain={tmp_path / 'chain.toml'}", "-")
    assert (ran.code, ran.out) == (0, "YUV4MPEG2"), ran.err


def test_describe_tells_errors_and_clips(clip: Path, tmp_path: Path) -> None:
    told = tmp_path / "told.json"
    assert _vspipe("--arg", f"source={clip}", "--arg", "scale=1", "--arg", f"describe={told}", "-").code == 0
    assert json.loads(told.read_text())["frames"] == 10
    assert _vspipe("--arg", f"source={clip}", "--arg", "scale=no", "--arg", f"describe={told}", "-").code == 2
    assert json.loads(told.read_text())["exit_code"] == 2


def test_the_dry_run_can_be_pasted(clip: Path, tmp_path: Path, run: Run) -> None:
    out = tmp_path / "o u t.mkv"
    plan = run("enhance", clip, out, "--scale", 1, "--codec", "ffv1", "--start", "0.2", "--dry-run")
    assert plan.code == 0, plan.err
    assert json.loads(plan.out.splitlines()[0].removeprefix("# chain: ")) == [{"filter": "trim", "start": 0.2}]
    assert leftovers(tmp_path) == []
    subprocess.run(["sh", "-e", "-c", plan.out], check=True, capture_output=True)
    assert frame_hashes(out) == frame_hashes(clip)[2:]


def test_a_dry_run_of_a_variable_rate_warns(data: Path, tmp_path: Path, run: Run) -> None:
    clip = data / "clips/oldphone_h263_352x288_sar12x11_vfr.3gp"
    plan = run("enhance", clip, tmp_path / "out.mkv", "--scale", 1, "--dry-run")
    assert "constant" in plan.err


@pytest.mark.parametrize("name", ["a b'c\".mkv", "-o.mkv", "100%d.mkv", "größe,=[x].mkv", "a:b.mkv"])
def test_names_that_tempt_a_shell_or_ffmpeg(
    name: str, clip: Path, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name).write_bytes(clip.read_bytes())
    ran = run("enhance", "--scale", 1, "--codec", "ffv1", "-q", f"./{name}", f"out {name}")
    assert ran.code == 0, ran.err
    assert frame_hashes(tmp_path / f"out {name}") == frame_hashes(clip)


def test_the_null_device_makes_nothing(clip: Path, run: Run) -> None:
    ran = run("enhance", clip, os.devnull, "--scale", 1)
    assert ran.code == 0, ran.err
    assert "10 frames" in ran.err
    assert Path(os.devnull).is_char_device()


def test_quiet_says_nothing(clip: Path, tmp_path: Path, run: Run) -> None:
    ran = run("enhance", clip, tmp_path / "out.mkv", "--scale", 1, "--quiet")
    assert (ran.code, ran.out, ran.err) == (0, "", "")


def test_another_pythons_home_does_not_matter(
    clip: Path, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONHOME", "/nope")
    assert run("enhance", clip, tmp_path / "out.mkv", "--scale", 1, "-q").code == 0


def test_the_native_vspipe_is_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VSMAGIC_CACHE", str(tmp_path))
    found = find_vspipe()
    assert isinstance(found, Vspipe)
    assert found.program.read_bytes()[:4] == b"\x7fELF"
    assert (found.configuration / "vapoursynth" / "vapoursynth.toml").is_file()
    assert find_vspipe() == found


def test_frames_come_at_their_times_through_a_chain_file(clip: Path, tmp_path: Path, run: Run) -> None:
    (tmp_path / "chain.json").write_text('[{"filter": "upscale", "scale": 2}, {"filter": "trim", "end": 0.5}]')
    out = tmp_path / "out.mp4"
    ran = run("enhance", clip, out, "--chain", tmp_path / "chain.json", "--preset", "ultrafast")
    assert ran.code == 0, ran.err
    assert len(frame_times(out)) == 5
