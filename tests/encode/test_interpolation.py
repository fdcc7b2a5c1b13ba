"""Frames in between, from the command line to the finished file: counts, times, sound, subtitles, chapters."""

import json
from fractions import Fraction
from pathlib import Path

import av
import pytest

from command import Run

from .conftest import ffmpeg, frame_hashes, frame_times, one_sentence

pytest.importorskip("vapoursynth")
FAST = ("--flow-model", "mvtools", "--scene-changes", "ignore", "--preset", "ultrafast")


def _length(path: Path, kind: str) -> Fraction:
    """Seconds of what a track decodes to."""
    with av.open(str(path)) as file:
        stream = next(stream for stream in file.streams if stream.type == kind)
        if kind == "audio":
            return sum((Fraction(frame.samples, frame.sample_rate) for frame in file.decode(stream)), Fraction(0))
        base = Fraction(stream.time_base.numerator, stream.time_base.denominator)
        packets = [packet for packet in file.demux(stream) if packet.pts is not None]
        return max(packet.pts + packet.duration for packet in packets) * base - min(p.pts for p in packets) * base


@pytest.mark.parametrize(
    ("name", "end", "flags", "rate", "frames"),
    [
        ("anim_bbb_480x360_24fps_aac.mp4", "0.25", ("--fps", "60", "--scale", "1"), Fraction(60), 15),
        ("live_carphone_qcif_heavily_compressed.mp4", "0.2", ("--fps", "59.94"), Fraction(60000, 1001), 12),
        ("derived/oldcam_160x120_8fps_mjpeg_pcmu8.avi", "1", ("--multiplier", "5/2"), Fraction(20), 20),
        ("derived/oldcam_160x120_8fps_mjpeg_pcmu8.avi", "1", ("--fps", "24"), Fraction(24), 24),
    ],
)  # fmt: skip
def test_frames_lie_at_multiples_of_the_rate(
    *, name: str, end: str, flags: tuple[str, ...], rate: Fraction, frames: int, data: Path, tmp_path: Path, run: Run
) -> None:
    clip, out = data / "clips" / name, tmp_path / "out.mp4"
    ran = run("enhance", clip, out, *flags, "--end", end, *FAST)
    assert ran.code == 0, ran.err
    assert frame_times(out) == [n / rate for n in range(frames)]
    assert _length(out, "video") == frames / rate
    with av.open(str(out)) as file:
        assert file.streams.video[0].average_rate == rate


@pytest.mark.parametrize("size", ["64x64", "32x48"])
def test_block_motion_of_small_pictures_does_not_crash(size: str, tmp_path: Path, run: Run) -> None:
    """mvtools by itself overruns its memory on pictures of up to 64 across; these did end it."""
    clip, out = tmp_path / "small.mkv", tmp_path / "out.mkv"
    ffmpeg("-f", "lavfi", "-i", f"testsrc2=s={size}:r=12:d=2", "-pix_fmt", "yuv420p", "-c:v", "ffv1", clip)
    ran = run("enhance", clip, out, "--slowdown", "2", *FAST)
    assert ran.code == 0, ran.err
    assert len(frame_times(out)) == 48


def test_a_variable_rate_becomes_constant(data: Path, tmp_path: Path, run: Run) -> None:
    clip, out = data / "clips/derived/vfr_bbb_pattern_720p.mkv", tmp_path / "out.mp4"
    flags = ("--size", "64x36", "--order", "upscale-first", "--fps", "30", "--end", "0.4")
    ran = run("enhance", clip, out, *flags, *FAST)
    assert ran.code == 0, ran.err
    kept = sum(time < Fraction(2, 5) for time in frame_times(clip))
    seconds = [*frame_times(clip), Fraction(4)][kept]
    frames = round(seconds * 30)
    assert frame_times(out) == [Fraction(n, 30) for n in range(frames)]
    assert abs(_length(out, "video") - seconds) <= Fraction(1, 60)


@pytest.mark.parametrize(("flags", "repeated"), [((), True), (("--scene-threshold", "1"), False)])
def test_the_threshold_decides_what_a_cut_is(
    *, flags: tuple[str, ...], repeated: bool, tmp_path: Path, run: Run
) -> None:
    """With the highest there is none: between two scenes stands neither's frame, but a third."""
    clip, out = tmp_path / "two scenes.mkv", tmp_path / "out.mkv"
    scenes = ("-f", "lavfi", "-i", "testsrc2=s=96x64:r=10:d=0.4", "-f", "lavfi", "-i", "smptebars=s=96x64:r=10:d=0.4")
    ffmpeg(*scenes, "-filter_complex", "concat", "-pix_fmt", "yuv420p", "-c:v", "ffv1", clip)
    ran = run("enhance", clip, out, "--multiplier", "2", "--flow-model", "mvtools", "--codec", "ffv1", *flags)
    assert ran.code == 0, ran.err
    before, between, after = frame_hashes(out)[6:9]
    assert before != after
    assert (between in (before, after)) == repeated


def test_strict_reaches_the_frames_in_between(data: Path, tmp_path: Path, run: Run) -> None:
    clip, out = data / "clips/derived/oldcam_160x120_8fps_mjpeg_pcmu8.avi", tmp_path / "out.mkv"
    ran = run("enhance", clip, out, "--multiplier", "2", "--backend", "ort", "--precision", "f16", "--strict")
    assert ran.code == 5
    assert "cannot compute in f16" in one_sentence(ran.err)
    assert not out.exists()


@pytest.mark.parametrize("frames", [1, 2])
def test_the_shortest_clips(frames: int, data: Path, tmp_path: Path, run: Run) -> None:
    clip, out = data / "clips/derived/oldcam_160x120_8fps_mjpeg_pcmu8.avi", tmp_path / "out.mkv"
    ran = run("enhance", clip, out, "--multiplier", "3", "--end", str(frames / 8), *FAST)
    assert ran.code == 0, ran.err
    assert len(frame_times(out)) == 3 * frames


@pytest.fixture(scope="module")
def beep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One second of 12 fps with sound that begins at 0.5 s, two subtitles and two chapters."""
    folder = tmp_path_factory.mktemp("beep")
    path, words = folder / "beep.mkv", folder / "words.srt"
    words.write_text("1\n00:00:00,100 --> 00:00:00,300\nA\n\n2\n00:00:00,500 --> 00:00:00,900\nB\n")
    chapters = folder / "chapters.txt"
    chapters.write_text(
        ";FFMETADATA1\n"
        "[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=500\ntitle=one\n"
        "[CHAPTER]\nTIMEBASE=1/1000\nSTART=500\nEND=1000\ntitle=a\\=b\\;c\n"
    )
    picture = ("-f", "lavfi", "-i", "testsrc2=s=64x64:r=12:d=1")
    sound = ("-f", "lavfi", "-i", "aevalsrc='if(gte(t,0.5),0.5*sin(2*PI*440*t),0)':s=48000:d=1")
    kinds = ("-map", "0", "-map", "1", "-map", "2", "-map_chapters", "3", "-c:v", "ffv1", "-c:a", "flac")
    ffmpeg(*picture, *sound, "-i", words, "-i", chapters, *kinds, "-pix_fmt", "yuv420p", "-c:s", "subrip", path)
    return path


def _onset(path: Path) -> float:
    """Second at which the sound begins, from the picture's first frame, by its samples."""
    rate = 8000
    samples = ffmpeg("-i", path, "-map", "0:a", "-ac", "1", "-ar", rate, "-af", "aresample=async=1", "-f", "s16le", "-")
    values = memoryview(samples).cast("h")
    return next(n for n, value in enumerate(values) if abs(value) > 2000) / rate


@pytest.mark.parametrize(("flags", "factor"), [(("--slowdown", "4"), 4), (("--slowdown", "5/2", "--fps", "24"), 2.5)])
@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_slow_motion_stretches_everything(
    *, flags: tuple[str, ...], factor: float, suffix: str, beep: Path, tmp_path: Path, run: Run
) -> None:
    out = tmp_path / f"out{suffix}"
    ran = run("enhance", beep, out, *flags, *FAST)
    assert ran.code == 0, ran.err
    assert f"{factor:g} times slower; the sound is stretched likewise" in ran.err
    with av.open(str(out)) as file:
        frame = 1 / file.streams.video[0].average_rate
        chapters = [(float(c["start"] * c["time_base"]), float(c["end"] * c["time_base"])) for c in file.chapters()]
        titles = [chapter["metadata"]["title"] for chapter in file.chapters()]
        subtitles = next(stream for stream in file.streams if stream.type == "subtitle")
        base = subtitles.time_base
        shown = [
            (float(p.pts * base), float(p.duration * base)) for p in file.demux(subtitles) if bytes(p).strip(b"\0")
        ]
    assert abs(_length(out, "video") - factor) <= frame
    assert abs(_length(out, "audio") - factor) <= frame
    # A tone out of silence begins up to a window and a half early; that its middle is in step, test_sync measures.
    assert abs(_onset(out) - 0.5 * factor) <= 0.02 * factor
    assert chapters == [pytest.approx((0, 0.5 * factor), abs=2e-3), pytest.approx((0.5 * factor, factor), abs=2e-3)]
    assert titles == ["one", "a=b;c"]
    assert shown == [
        pytest.approx((0.1 * factor, 0.2 * factor), abs=2e-3),
        pytest.approx((0.5 * factor, 0.4 * factor), abs=2e-3),
    ]


@pytest.mark.parametrize(("suffix", "told"), [(".mkv", True), (".mp4", False)])
def test_what_slow_motion_leaves_inside_subtitles_is_told(
    *, suffix: str, told: bool, data: Path, tmp_path: Path, run: Run
) -> None:
    """MP4 holds no effects."""
    clip, out = data / "clips/av_h264_ac3_ssa.mkv", tmp_path / f"out{suffix}"
    flags = ("--size", "64x36", "--order", "upscale-first", "--end", "0.2")
    ran = run("enhance", clip, out, "--slowdown", "2", *flags, *FAST)
    assert ran.code == 0, ran.err
    assert ("warning: effects inside ASS subtitles (karaoke, movement, fades) keep their own pace" in ran.err) == told


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_stretched_sound_does_not_end_early(suffix: str, tmp_path: Path, run: Run) -> None:
    """Matroska tells no length of a track but in a tag; what atempo swallows at the end is made up."""
    clip, out = tmp_path / f"clicks{suffix}", tmp_path / "out.mkv"
    picture = ("-f", "lavfi", "-i", "testsrc2=s=64x64:r=12:d=2")
    sound = ("-f", "lavfi", "-i", "aevalsrc='if(lt(mod(t,0.5),0.05),0.5*sin(2*PI*880*t),0)':s=48000:d=2")
    ffmpeg(*picture, *sound, "-c:v", "libx264", "-pix_fmt", "yuv420p", "-c:a", "flac", clip)
    ran = run("enhance", clip, out, "--slowdown", "4", *FAST)
    assert ran.code == 0, ran.err
    assert _length(out, "audio") == pytest.approx(8, abs=0.01)


def test_slow_motion_of_a_part_is_cut_in_the_sources_time(beep: Path, tmp_path: Path, run: Run) -> None:
    out = tmp_path / "out.mkv"
    ran = run("enhance", beep, out, "--slowdown", "2", "--start", "0.25", "--end", "0.75", *FAST)
    assert ran.code == 0, ran.err
    assert frame_times(out) == [pytest.approx(Fraction(n, 12), abs=6e-4) for n in range(12)]  # Matroska's milliseconds
    assert abs(_length(out, "audio") - 1) <= Fraction(1, 12)
    assert abs(_onset(out) - 0.5) <= 1 / 12
    with av.open(str(out)) as file:
        starts = [float(chapter["start"] * chapter["time_base"]) for chapter in file.chapters()]
    assert starts == [0, pytest.approx(0.5, abs=2e-3)]


def test_sound_that_keeps_its_speed(beep: Path, tmp_path: Path, run: Run) -> None:
    out = tmp_path / "out.mkv"
    ran = run("enhance", beep, out, "--slowdown", "2", "--audio", "keep", *FAST)
    assert ran.code == 0, ran.err
    assert "the sound keeps its speed and ends earlier" in ran.err
    assert _length(out, "audio") == 1
    assert _length(out, "video") == pytest.approx(2, abs=2e-3)
    assert abs(_onset(out) - 0.5) <= 0.01


def test_sound_that_is_dropped(beep: Path, tmp_path: Path, run: Run) -> None:
    out = tmp_path / "out.mp4"
    ran = run("enhance", beep, out, "--slowdown", "2", "--audio", "drop", *FAST)
    assert ran.code == 0, ran.err
    assert "the sound is left out" in ran.err
    with av.open(str(out)) as file:
        assert not file.streams.audio


def test_frames_in_between_leave_the_sound_alone(beep: Path, tmp_path: Path, run: Run) -> None:
    from .conftest import packets

    out = tmp_path / "out.mkv"
    ran = run("enhance", beep, out, "--fps", "30", *FAST)
    assert ran.code == 0, ran.err
    assert packets(out, "audio") == packets(beep, "audio")
    assert len(frame_times(out)) == 30


def test_the_dry_run_tells_the_order_and_can_be_pasted(beep: Path, tmp_path: Path, run: Run) -> None:
    import subprocess

    out = tmp_path / "out.mkv"
    flags = ("--slowdown", "2", "--scale", "2", "--flow-model", "mvtools", "--codec", "ffv1", "--dry-run")
    plan = run("enhance", beep, out, *flags)
    assert plan.code == 0, plan.err
    chain, order = plan.out.splitlines()[:2]
    steps = [step["filter"] for step in json.loads(chain.removeprefix("# chain: "))]
    assert steps == ["upscale", "interpolate"]
    assert order.startswith("# order: upscale, then interpolate: about ")
    assert "GFLOP for a second of the output; interpolate, then upscale: " in order
    subprocess.run(["sh", "-e", "-c", plan.out], check=True, capture_output=True)
    assert len(frame_times(out)) == 24
    assert abs(_length(out, "audio") - 2) <= Fraction(1, 12)
    other = run("enhance", beep, out, *flags, "-y", "--order", "interpolate-first")
    assert "# order: interpolate, then upscale: about " in other.out


@pytest.mark.parametrize(
    ("flags", "code", "word"),
    [
        (("--fps", "60", "--multiplier", "2"), 2, "exclude each other"),
        (("--multiplier", "0.5"), 2, "multiplier is 0.5"),
        (("--fps", "0"), 2, "fps is 0"),
        (("--fps", "inf"), 2, "fps is 'inf'"),
        (("--fps", "1000000"), 2, "fps is 1000000"),
        (("--fps", "-5"), 2, "fps is -5"),
        (("--fps", "60", "--flow-model", "nope"), 4, "nope"),
        (("--fps", "60", "--flow-model", "nope", "--scale", "2"), 4, "nope"),
        (("--flow-model", "mvtools", "--scale", "2"), 2, "without fps"),
    ],
)
def test_misuse_is_told_before_anything_is_made(
    *, flags: tuple[str, ...], code: int, word: str, beep: Path, tmp_path: Path, run: Run
) -> None:
    ran = run("enhance", beep, tmp_path / "out.mkv", *flags, "--quiet")
    assert ran.code == code, ran.err
    assert word in one_sentence(ran.err)
    assert list(tmp_path.iterdir()) == []
