"""Rates and durations come out exactly as they went in."""

import json
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import pytest

from command import Run
from vsmagic.encode.timecodes import read_durations, timeline

from .conftest import frame_times


def _durations(path: Path) -> list[Fraction]:
    with av.open(str(path)) as file:
        stream = file.streams.video[0]
        base = Fraction(stream.time_base.numerator, stream.time_base.denominator)
        found = [(packet.pts, packet.duration) for packet in file.demux(stream) if packet.pts is not None]
    return [duration * base for _, duration in sorted(found)]


def test_the_old_camera(data: Path, tmp_path: Path, run: Run) -> None:
    """80 frames at 8 fps with sound: 10 seconds, in step."""
    clip = data / "clips/derived/oldcam_160x120_8fps_mjpeg_pcmu8.avi"
    out = tmp_path / "out.mp4"
    assert run("enhance", clip, out, "--scale", 1, "--preset", "ultrafast").code == 0
    assert frame_times(out) == [Fraction(n, 8) for n in range(80)]
    assert sum(_durations(out)) == 10
    with av.open(str(out)) as file:
        assert file.streams.video[0].average_rate == 8
        sound = file.streams.audio[0]
        seconds = sum(frame.samples / frame.sample_rate for frame in file.decode(sound))
    assert seconds == pytest.approx(10, abs=0.15)


@pytest.mark.parametrize("codec", ["h264", "h265", "av1"])
def test_ntsc_is_exact(codec: str, data: Path, tmp_path: Path, run: Run) -> None:
    clip, out = data / "clips/live_carphone_qcif_heavily_compressed.mp4", tmp_path / "out.mp4"
    preset = "12" if codec == "av1" else "ultrafast"
    assert run("enhance", clip, out, "--scale", 1, "--codec", codec, "--preset", preset).code == 0
    assert frame_times(out) == [n * Fraction(1001, 30000) for n in range(120)]
    assert sum(_durations(out)) == 120 * Fraction(1001, 30000)


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_a_known_variable_pattern(suffix: str, data: Path, tmp_path: Path, run: Run) -> None:
    clip, out = data / "clips/derived/vfr_bbb_pattern_720p.mkv", tmp_path / f"out{suffix}"
    assert run("enhance", clip, out, "--size", "160x90", "--model", "auto", "--preset", "ultrafast").code == 0
    times = frame_times(out)
    steps = [after - before for before, after in pairwise(times)]
    pattern = [Fraction(n, 1000) for n in (40, 80, 80)]
    assert len(times) == 60
    assert times == frame_times(clip)
    assert set(steps) == set(pattern)
    assert sum(_durations(out)) == 4


@pytest.mark.parametrize("name", ["oldphone_h263_352x288_sar12x11_vfr.3gp", "vfr_fire_720p_rotate180.mp4"])
def test_a_phones_variable_rate_is_exact_in_mp4(name: str, data: Path, tmp_path: Path, run: Run) -> None:
    clip, out = data / "clips" / name, tmp_path / "out.mp4"
    assert run("enhance", clip, out, "--scale", 1, "--preset", "ultrafast", "--quiet").code == 0
    assert frame_times(out) == frame_times(clip)


def test_a_part_is_the_frames_between_two_moments(data: Path, tmp_path: Path, run: Run) -> None:
    clip, out = data / "clips/counter_1080p10.mp4", tmp_path / "out.mp4"
    arguments = ("--size", "64x36", "--start", "1", "--end", "0:02.5", "--preset", "ultrafast", "--quiet")
    assert run("enhance", clip, out, *arguments).code == 0
    assert frame_times(out) == [Fraction(n, 10) for n in range(15)]


def test_durations_are_read_line_by_line(tmp_path: Path) -> None:
    properties = tmp_path / "frames.json"
    properties.write_text(
        '[\n\t{"_DurationDen": 25, "_DurationNum": 1},\n\t{"_DurationNum": 2, "_DurationDen": 25, "x": "}"},\n'
    )
    assert read_durations(properties) == [Fraction(1, 25), Fraction(2, 25)]


def test_times_add_up_exactly_in_a_common_base() -> None:
    mixed = timeline([Fraction(1001, 30000), Fraction(1, 25), Fraction(1, 24)])
    assert mixed.duration == Fraction(1001, 30000) + Fraction(1, 25) + Fraction(1, 24)
    assert mixed.longest == Fraction(1, 24)


def test_times_without_a_common_base_do_not_drift() -> None:
    durations = [Fraction(1, 1_000_003), Fraction(1, 999_983)] * 1000
    line = timeline(durations)
    assert abs(line.duration - sum(durations)) <= line.base


VARIABLE = (
    "color_bt601_full_720p_vfr.mp4",
    "hdr10_1080p_hevc10_pq_vfr.mp4",
    "oldphone_h263_352x288_sar12x11_vfr.3gp",
    "vertical_flir_1080x1440_vfr.mp4",
    "vfr_fire_720p_rotate180.mp4",
    "derived/vfr_bbb_pattern_720p.mkv",
)


@pytest.mark.parametrize("name", VARIABLE)
def test_no_path_makes_a_variable_rate_constant(name: str, data: Path, tmp_path: Path, run: Run) -> None:
    """Cut, cropped and enlarged: MP4 has the times to the tick, Matroska to the nearest millisecond, without drift."""
    clip = data / "clips" / name
    before = frame_times(clip)
    end = before[min(len(before) // 2, 25)]
    chain = tmp_path / "chain.json"
    shown = {"time": 0, "x": 16, "y": 16, "width": 64, "height": 48}
    crop = {"filter": "dezoom", "keyframes": [shown], "size": "64x48"}
    upscale = {"filter": "upscale", "scale": 2, "model": "magic-x2-fast"}
    chain.write_text(json.dumps([crop, {"filter": "trim", "end": float(end)}, upscale]))
    exact = None
    for suffix in (".mp4", ".mkv") if "pattern" in name or "phone" in name else (".mp4",):
        out = tmp_path / f"out{suffix}"
        ran = run("enhance", clip, out, "--chain", chain, "--preset", "ultrafast", "--quiet")
        assert ran.code == 0, ran.err
        made = frame_times(out)
        if exact is None:
            exact = made
            assert len({after - step for step, after in pairwise(made)}) > 1
            assert made == before[: len(made)]
            assert len(made) >= min(len(before) // 2, 25)
        assert len(made) == len(exact)
        assert all(abs(mine - true) <= Fraction(1, 1000) for mine, true in zip(made, exact, strict=True))


def test_a_rate_is_constant_on_request_alone(data: Path, tmp_path: Path, run: Run) -> None:
    clip, out, chain = data / "clips/derived/vfr_bbb_pattern_720p.mkv", tmp_path / "out.mp4", tmp_path / "chain.json"
    chain.write_text('[{"filter": "trim", "end": 1}, {"filter": "constant_rate"}]')
    assert run("enhance", clip, out, "--chain", chain, "--preset", "ultrafast", "--quiet").code == 0
    assert frame_times(out) == [Fraction(n, 25) for n in range(25)]
    told = run("enhance", clip, tmp_path / "none.mp4", "--scale", 1, "--dry-run")
    assert "the frame rate varies, which a pipe cannot carry" in told.err
