"""Woven pictures are not enhanced unasked: they are refused, asked about, or mended, and everything else goes along."""

import json
import os
import pty
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import pytest
import vapoursynth as vs

from command import Run
from vsmagic import chain as chains
from vsmagic.chain import Chain
from vsmagic.steps import AsProgressiveStep, DeinterlaceStep, InverseTelecineStep, UpscaleStep

from .conftest import ffmpeg, frame_hashes, frame_times, leftovers, one_sentence, packets

# No network: this only makes the picture smaller.
SMALLER = ("--size", "128x96", "--codec", "ffv1", "-q")


@pytest.fixture(scope="module")
def woven(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """20 interlaced frames at 30 a second, the bottom field first, tagged as the top; a tone of the same length."""
    path = tmp_path_factory.mktemp("woven") / "woven.mkv"
    clip = data / "clips/live_stpancras_320x240_60fps_601full.mp4"
    weave = "crop=160:120,tinterlace=interleave_bottom,setfield=tff"
    tone = "sine=440:48000:duration=0.66667"
    coded = ("-c:v", "libx264", "-crf", "10", "-x264-params", "tff=1", "-pix_fmt", "yuv420p", "-c:a", "pcm_s16le")
    read = ("-i", clip, "-f", "lavfi", "-i", tone, "-map", "0:v", "-map", "1:a")
    ffmpeg(*read, "-vf", weave, "-frames:v", "20", "-r", "30", *coded, path)
    return path


@pytest.fixture(scope="module")
def film(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """32 frames of film as 40 of video, lossless and untagged."""
    path = tmp_path_factory.mktemp("film") / "film.mkv"
    clip = data / "clips/live_cockatoo_720p20_yuv420.mp4"
    pull = "crop=160:120,settb=1001/24000,setpts=N,fps=24000/1001,telecine=first_field=top:pattern=23,setfield=prog"
    ffmpeg("-i", clip, "-an", "-vf", pull, "-frames:v", "40", "-c:v", "ffv1", path)
    return path


def test_woven_pictures_are_refused_where_nobody_can_be_asked(woven: Path, tmp_path: Path, run: Run) -> None:
    for more in ((), ("--fields", "refuse"), ("--dry-run",)):
        ran = run("enhance", woven, tmp_path / "out.mkv", *SMALLER, *more)
        assert ran.code == 2
        told = one_sentence(ran.err)
        assert "woven.mkv: its pictures are interlaced, bottom field first" in told
        assert "--fields double" in told
        assert leftovers(tmp_path) == []


@pytest.mark.parametrize(("how", "frames"), [("double", 40), ("deinterlace", 20), ("keep", 20)])
def test_the_option_says_what_becomes_of_them(how: str, frames: int, *, woven: Path, tmp_path: Path, run: Run) -> None:
    out = tmp_path / "out.mkv"
    ran = run("enhance", woven, out, *SMALLER, "--fields", how)
    assert ran.code == 0, ran.err
    times = frame_times(out)
    assert len(times) == frames
    assert abs(times[-1] - (frames - 1) * Fraction(20, 30 * frames)) <= Fraction(1, 1000)
    assert b"".join(data for _, data in packets(out, "audio")) == b"".join(data for _, data in packets(woven, "audio"))
    assert ("tagged as interlaced, and its pictures are taken as they are" in ran.err) == (how == "keep")
    if how == "double":
        pieces = tmp_path / "pieces.mkv"
        assert run("enhance", woven, pieces, *SMALLER, "--fields", how, "--chunk", 7).code == 0
        assert frame_hashes(pieces) == frame_hashes(out)


def test_film_gets_its_own_frames_back(film: Path, data: Path, tmp_path: Path, run: Run) -> None:
    """With a chain from a file, about which nobody is asked; one frame in one chunk or in another is the same."""
    chain, out = tmp_path / "chain.toml", tmp_path / "out.mkv"
    chain.write_text('[[steps]]\nfilter = "inverse_telecine"\norder = "top"\n')
    assert run("enhance", film, out, "--chain", chain, "--codec", "ffv1", "-q", "--chunk", 9).code == 0
    original = frame_hashes(data / "clips/live_cockatoo_720p20_yuv420.mp4", filters="crop=160:120", frames=32)
    assert frame_hashes(out)[1:-1] == original[1:-1]
    times = frame_times(out)
    assert all(abs(time - n * Fraction(1001, 24000)) <= Fraction(1, 1000) for n, time in enumerate(times))


def test_a_program_that_reads_json_is_not_asked(woven: Path, tmp_path: Path) -> None:
    code, told = _on_a_terminal("1\n", woven, tmp_path / "out.mkv", *SMALLER, "--progress", "json")
    assert code == 2
    assert "Number" not in told
    assert "give --fields" in told.replace("\r\n", " ")


def test_an_unchanged_picture_is_not_looked_at(woven: Path, tmp_path: Path, run: Run) -> None:
    for more in ((), ("--fields", "keep")):
        out = tmp_path / f"out{len(more)}.mkv"
        assert run("enhance", woven, out, "--scale", 1, "--codec", "ffv1", "-q", *more).code == 0
        assert frame_hashes(out) == frame_hashes(woven)
        assert (
            b"top" in subprocess.run([sys.executable, "-c", _FIELDS, str(out)], capture_output=True, check=True).stdout
        )


_FIELDS = """
import sys, av
frame = next(av.open(sys.argv[1]).decode(video=0))
print("top" if frame.interlaced_frame else "progressive")
"""


def _on_a_terminal(answer: str, *arguments: object) -> tuple[int, str]:
    """Run ``vsmagic enhance`` with a terminal at stdin and stderr, and give an answer."""
    here, there = pty.openpty()
    line = [sys.executable, "-m", "vsmagic", "enhance", *map(str, arguments)]
    with subprocess.Popen(line, stdin=there, stderr=there, stdout=subprocess.DEVNULL) as child:
        os.close(there)
        told = ""
        while True:
            try:
                part = os.read(here, 4096).decode()
            except OSError:  # the other end is gone
                break
            told += part
            if "Number" in part:
                os.write(here, answer.encode())
        os.close(here)
    return child.returncode, told


@pytest.mark.parametrize(
    ("answer", "steps", "frames"),
    [
        ("\n", [{"filter": "deinterlace", "rate": "field", "order": "bottom"}], 40),
        ("9\n2\n", [{"filter": "deinterlace", "order": "bottom"}], 20),
        ("5\n", None, 0),
    ],
)
def test_on_a_terminal_it_is_asked(
    answer: str, steps: list[dict[str, object]] | None, frames: int, *, woven: Path, tmp_path: Path
) -> None:
    out, report, saved = tmp_path / "out.mkv", tmp_path / "run.json", tmp_path / "saved.json"
    code, told = _on_a_terminal(answer, woven, out, *SMALLER, "--report", report, "--save-chain", saved)
    assert told.count("What is to be done?") == 1
    assert (code == 0, out.exists()) == (steps is not None,) * 2, told
    if steps is not None:
        assert len(frame_times(out)) == frames
        chain = json.loads(report.read_text())["files"][0]["chain"]
        found = json.loads(chain) if isinstance(chain, str) else chain
        assert found[: len(steps)] == json.loads(saved.read_text())[: len(steps)] == steps
    else:
        assert code == 2
        assert leftovers(tmp_path) == ["run.json", "saved.json"]


def test_film_is_asked_about_with_its_own_remedy_first(film: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.mkv"
    code, told = _on_a_terminal("\n", film, out, *SMALLER)
    assert code == 0, told
    assert "telecined film, top field first" in told
    assert len(frame_times(out)) == 32


def test_whole_pictures_that_are_tagged_as_interlaced_pass(data: Path, tmp_path: Path, run: Run) -> None:
    clip, out = tmp_path / "tagged.mkv", tmp_path / "out.mkv"
    source = data / "clips/live_carturn_360p25_fastmotion.mp4"
    ffmpeg("-i", source, "-an", "-vf", "crop=160:120,setfield=tff", "-frames:v", "12", "-c:v", "ffv1", clip)
    ran = run("enhance", clip, out, *SMALLER)
    assert (ran.code, "interlaced" in ran.err) == (0, False)
    assert len(frame_times(out)) == 12


def test_fields_that_were_turned_into_columns_are_refused(woven: Path, tmp_path: Path, run: Run) -> None:
    turned, out = tmp_path / "turned.mp4", tmp_path / "out.mkv"
    ffmpeg("-display_rotation", "90", "-i", woven, "-an", "-c", "copy", turned)
    for more in ((), ("--fields", "double")):
        ran = run("enhance", turned, out, *SMALLER, *more)
        assert ran.code == 2
        assert "store it unturned first" in one_sentence(ran.err)
    assert leftovers(tmp_path) == ["turned.mp4"]


def test_a_job_that_is_continued_is_not_asked_about_again(woven: Path, tmp_path: Path) -> None:
    from dataclasses import replace

    from vsmagic.encode.answers import answered
    from vsmagic.encode.chunks import folder
    from vsmagic.encode.chunks.identity import Identity, stamp
    from vsmagic.encode.job import Job, describe, prepare
    from vsmagic.encode.listening import Listening
    from vsmagic.encode.progress import Silent

    asked, given = UpscaleStep(size="128x96"), DeinterlaceStep(rate="field", order="bottom")
    job = Job(source=woven, output=tmp_path / "out.mkv", chain=chains.to_json(Chain((asked,))), codec="ffv1")
    prepared = prepare(job)
    assert answered(prepared) is prepared
    begun = replace(prepared, job=replace(job, chain=chains.to_json(Chain((given, asked)))))
    description = describe(begun, Listening(Silent()))
    what = Identity(source=stamp(woven), graph=begun.graph(), encoder=(), versions={}, description=description)
    with folder.held(job.output) as here:
        here.begin(folder.job(woven, job.output, what))
        assert answered(prepared) == begun
        other = replace(prepared, job=replace(job, chain=chains.to_json(Chain((UpscaleStep(size="64x48"),)))))
        assert answered(other) is other
        afresh = replace(prepared, job=replace(job, resume=False))
        assert answered(afresh) is afresh


def test_flags_put_the_fields_first() -> None:
    made = chains.from_flags(fields="double", size="128x96", start=1.0, keyframes=None)
    assert made.steps[0] == DeinterlaceStep(rate="field")
    assert chains.from_flags(fields="inverse-telecine", scale=1).steps == (InverseTelecineStep(),)
    assert chains.from_flags(fields="keep", size="128x96").steps[0] == AsProgressiveStep()
    assert chains.from_flags(fields="keep", scale=1, end=1.0).steps == chains.from_flags(scale=1, end=1.0).steps
    with pytest.raises(ValueError, match="expected deinterlace, double, inverse-telecine, keep"):
        chains.from_flags(fields="weave", scale=2)


def test_chains_apply_the_steps() -> None:
    clip = vs.core.std.BlankClip(width=64, height=48, format=vs.YUV420P8, length=10, fpsnum=30000, fpsden=1001)
    text = (
        '[{"filter": "inverse_telecine", "order": "top"}, {"filter": "deinterlace", "rate": "field", "order": "top"}]'
    )
    made = chains.apply(chains.parse(text, folder=Path()), clip)
    assert (made.num_frames, made.fps) == (16, Fraction(48000, 1001))
