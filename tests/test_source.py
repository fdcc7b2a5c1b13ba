"""Opening files: the frames are ffmpeg's, the times are PyAV's."""

import itertools
import subprocess
from fractions import Fraction
from pathlib import Path

import av
import imageio_ffmpeg
import numpy as np
import pytest
import vapoursynth as vs

import frames as fr
import vsmagic
from vsmagic import OptionError, OutputError, SetupError, SourceError, clips, colours
from vsmagic.source import USUAL_RATES, constant_rate

F = Fraction

# name: frames, rate (0: variable), and the whole duration.
FACTS = {
    "anim_bbb_480x360_24fps_aac.mp4": (240, F(24), F(10)),
    "av1_640x360_25fps.mkv": (125, F(25), F(5)),
    "av_h264_ac3_srt.mkv": (30, F(30), F(1)),
    "av_nasa_2video_2audio_2subs.mp4": (325, F(25), F(13)),
    "bad_failing_audio.mp4": (280, F(25), F(56, 5)),
    "bad_mdat_too_long.mp4": (30, F(30000, 1001), F(1001, 1000)),
    "color_bt470bg_alpha_vp9.webm": (150, F(30), F(5)),
    "color_nclx709_1080x720.mp4": (30, F(30000, 1001), F(1001, 1000)),
    "counter_1080p10.mp4": (30, F(10), F(3)),
    "delayed_start_480x320.mp4": (24, F(25), F(24, 25)),
    "derived/oldcam_160x120_8fps_mjpeg_pcmu8.avi": (80, F(8), F(10)),
    "derived/vfr_bbb_pattern_720p.mkv": (60, F(0), F(4)),
    "interlaced_sony_1080i25_ac3_pgs.mts": (13, F(25), F(13, 25)),
    "live_carphone_qcif_sar128x117.mp4": (120, F(30000, 1001), F(1001, 250)),
    "live_geese_720p30_aac.mp4": (109, F(30000, 1001), F(109 * 1001, 30000)),
    "live_realshort_320x240.mp4": (36, F(45000, 1499), F(1499, 1250)),
    "live_stpancras_320x240_60fps_601full.mp4": (932, F(60), F(233, 15)),
    "lowres_160x120_30fps.mp4": (435, F(30), F(29, 2)),
    "odd_1x1_yuv444.mp4": (5, F(1), F(5)),
    "odd_vp9_161x121.webm": (30, F(30000, 1001), F(1001, 1000)),
    "oldcam_kodak_320x240_15fps_mjpeg.avi": (41, F(15), F(41, 15)),
    "oldphone_h263_352x288_sar12x11_vfr.3gp": (71, F(0), F(1003, 200)),
    "rotate_90_568x320.mov": (3, F(30), F(1, 10)),
    "tenbit_hevc_testsrc_200x200.mp4": (30, F(30), F(1)),
    "tenbit_vp9_bt2020_426x240.webm": (72, F(24000, 1001), F(3003, 1000)),
    "vfr_fire_720p_rotate180.mp4": (25, F(0), F(71393, 30000)),
}
SMALL = [name for name in FACTS if "720" not in name and "1080" not in name and "stpancras" not in name]


def pts(path: Path, track: int = 0) -> tuple[list[Fraction], Fraction]:
    """Time stamps of every decoded frame, in seconds, and the clock's tick: PyAV's own account."""
    with av.open(path) as container:
        stream = container.streams.video[track]
        stamps = [frame.pts * stream.time_base for frame in container.decode(stream) if frame.pts is not None]
        return stamps, stream.time_base


def by_ffmpeg(path: Path, pixel_format: str, count: int, *more: str) -> np.ndarray:
    done = subprocess.run(
        [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-noautorotate", "-i", path, *more, "-frames:v", str(count),
         "-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", pixel_format, "-"],
        capture_output=True, check=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    return np.frombuffer(done.stdout, np.uint8)


@pytest.mark.parametrize("name", FACTS)
def test_count_rate_and_duration(name: str, data: Path) -> None:
    count, rate, whole = FACTS[name]
    clip = vsmagic.source(data / "clips" / name)
    assert (clip.num_frames, Fraction(clip.fps)) == (count, rate)
    assert clips.times(clip)[-1] == whole


@pytest.mark.parametrize("name", SMALL)
def test_every_frame_carries_its_duration(name: str, data: Path) -> None:
    clip = vsmagic.source(data / "clips" / name)
    times = clips.times(clip)
    assert [b - a for a, b in itertools.pairwise(times)] == fr.durations(clip)


@pytest.mark.parametrize("name", [*SMALL, "derived/vfr_bbb_pattern_720p.mkv"])
def test_times_are_pyavs(name: str, data: Path) -> None:
    path = data / "clips" / name
    stamps, tick = pts(path)
    times = clips.times(vsmagic.source(path))
    assert len(times) == len(stamps) + 1
    offsets = [time - stamp for time, stamp in zip(times, stamps, strict=False)]
    exact = not vsmagic.source(path).fps
    assert max(offsets) - min(offsets) <= (0 if exact else 2 * tick)


def test_vfr_stays_vfr(data: Path) -> None:
    """Of each five frames at 25 fps, 0, 1 and 3 were kept."""
    clip = vsmagic.source(data / "clips/derived/vfr_bbb_pattern_720p.mkv")
    assert fr.durations(clip[:6]) == [F(1, 25), F(2, 25), F(2, 25)] * 2
    assert fr.durations(clip[-1:]) == [F(2, 25)]


@pytest.mark.parametrize("track", [0, 1])
def test_tracks_can_be_selected(track: int, data: Path) -> None:
    path = data / "clips/av_nasa_2video_2audio_2subs.mp4"
    clip = vsmagic.source(path, track=track)
    assert (clip.width, clip.height) == [(320, 180), (480, 270)][track]
    size = clip.width * clip.height * 3 // 2
    expected = by_ffmpeg(path, "yuv420p", 2, "-map", f"0:v:{track}")
    assert b"".join(fr.raw(clip[:2])) == expected.tobytes()
    assert len(expected) == 2 * size


@pytest.mark.parametrize(
    ("name", "pixel_format"),
    [
        ("anim_bbb_480x360_24fps_aac.mp4", "yuv420p"),
        ("odd_1x1_yuv444.mp4", "yuv444p"),
        ("oldcam_kodak_320x240_15fps_mjpeg.avi", "yuvj422p"),
        ("derived/oldcam_160x120_8fps_mjpeg_pcmu8.avi", "yuvj420p"),
        ("tenbit_vp9_bt2020_426x240.webm", "yuv420p10le"),
        ("tenbit_hevc_testsrc_200x200.mp4", "yuv420p10le"),
        ("delayed_start_480x320.mp4", "yuv420p"),
        ("oldphone_h263_352x288_sar12x11_vfr.3gp", "yuv420p"),
        ("derived/bad_bitflips_middle_third.mkv", "yuv420p"),
    ],
)
def test_frames_are_ffmpegs(name: str, pixel_format: str, data: Path) -> None:
    path = data / "clips" / name
    clip = vsmagic.source(path)
    assert b"".join(fr.raw(clip[:3])) == by_ffmpeg(path, pixel_format, 3).tobytes()


def test_rotation_is_applied(data: Path) -> None:
    """One recording tagged four ways: each stands as ffmpeg shows it, and its chroma is turned with it."""
    for degrees in (0, 90, 180, 270):
        path = data / f"clips/rotate_{degrees}_568x320.mov"
        clip = vsmagic.source(path)
        with av.open(path) as container:
            stored = container.streams.video[0].codec_context
            sizes = stored.width, stored.height
        assert (clip.width, clip.height) == (sizes if degrees in (0, 180) else sizes[::-1])
        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", path, "-frames:v", "1", "-f", "rawvideo",
                   "-pix_fmt", "yuv420p", "-"]  # fmt: skip
        shown = subprocess.run(command, capture_output=True, check=True, stdin=subprocess.DEVNULL).stdout
        assert fr.raw(clip[:1])[0] == shown


@pytest.mark.parametrize(
    "name",
    [
        "derived/vfr_bbb_pattern_720p.mkv",
        "live_carphone_qcif_sar128x117.mp4",
        "rotate_90_568x320.mov",
        "rotate_180_568x320.mov",
        "tenbit_hevc_testsrc_200x200.mp4",
        "derived/oldcam_160x120_8fps_mjpeg_pcmu8.avi",
    ],
)
def test_ffms2_gives_the_same(name: str, data: Path) -> None:
    path = data / "clips" / name
    try:
        other = vsmagic.source(path, loader="ffms2")
    except SetupError as error:
        pytest.skip(str(error))
    clip = vsmagic.source(path)
    assert (other.width, other.height, other.format.id, other.num_frames) == (
        clip.width,
        clip.height,
        clip.format.id,
        clip.num_frames,
    )
    assert colours.pixel_aspect(other) == colours.pixel_aspect(clip)
    assert colours.colour(other).range == colours.colour(clip).range
    assert list(clips.times(other)) == list(clips.times(clip))
    assert fr.durations(other[:4]) == fr.durations(clip[:4])
    assert fr.raw(other[:3]) == fr.raw(clip[:3])


@pytest.mark.parametrize(("tick", "unit"), [(F(1, 1000), "ms"), (F(1, 90000), "90 kHz"), (F(1, 600), "QuickTime")])
@pytest.mark.parametrize("rate", USUAL_RATES, ids=str)
def test_a_rate_survives_the_rounding_of_a_clock(rate: Fraction, tick: Fraction, unit: str) -> None:
    """Also for a clip of few frames, whose stamps fit other rates better than their own."""
    for count in (2, 3, 5, 10, 30, 500):
        for rounded in (round, int):
            stamps = [rounded(n / rate / tick) + 7 for n in range(count)]
            assert constant_rate(stamps, tick, rate) == rate
            if count == 500:
                assert constant_rate(stamps, tick, F(0)) == rate


def test_a_wrong_claim_is_not_believed() -> None:
    stamps = [n * 1001 for n in range(240)]
    assert constant_rate(stamps, F(1, 24000), F(1000)) == F(24000, 1001)
    assert constant_rate(stamps, F(1, 24000), F(24)) == F(24000, 1001)


def test_an_odd_rate_is_kept_exactly() -> None:
    assert constant_rate([n * 1499 for n in range(36)], F(1, 45000), F(0)) == F(45000, 1499)


def test_a_missing_frame_makes_a_variable_rate() -> None:
    stamps = [40 * n for n in range(50) if n != 20]
    assert constant_rate(stamps, F(1, 1000), F(25)) is None


def test_a_clock_of_frames_rounds_nothing() -> None:
    """AVI counts frames: one that was left out of a capture makes all later ones a frame late."""
    assert constant_rate(list(range(50)), F(1, 25), F(25)) == 25
    assert constant_rate([0, *range(2, 50)], F(1, 25), F(25)) is None


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("derived/bad_empty.mp4", "empty"),
        ("derived/bad_truncated_no_moov.mp4", "moov"),
        ("bad_vp9_invalid_bitstream.webm", "damaged"),
        ("derived", "is a folder"),
        ("missing.mp4", "does not exist"),
    ],
)
def test_bad_files_are_told(name: str, message: str, data: Path) -> None:
    with pytest.raises(SourceError, match=message) as caught:
        vsmagic.source(data / "clips" / name)
    assert "\n" not in str(caught.value)
    assert str(data / "clips" / name) in str(caught.value)


@pytest.mark.parametrize("content", [b"hello\n", b"RIFF....WAVE", bytes(4096)], ids=["text", "riff", "zeros"])
@pytest.mark.parametrize("loader", ["bestsource", "ffms2"])
def test_a_file_that_is_no_video(content: bytes, loader: str, tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(content)
    with pytest.raises((SourceError, SetupError)) as caught:
        vsmagic.source(path, loader=loader)
    assert "\n" not in str(caught.value)


def test_sound_alone_is_told(tmp_path: Path) -> None:
    path = tmp_path / "sound.wav"
    subprocess.run(
        [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-f", "lavfi", "-i", "sine=d=0.2", path], check=True
    )
    with pytest.raises(SourceError, match="video"):
        vsmagic.source(path)


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"loader": "bestsauce"}, OptionError, "expected bestsource, ffms2"),
        ({"track": -1}, OptionError, "track is -1"),
        ({"track": True}, OptionError, "track is True"),
        ({"track": "0"}, OptionError, "track is '0'"),
        ({"track": 2}, SourceError, "has no video track 2"),
        ({"track": 2, "loader": "ffms2"}, SourceError, "has no video track 2"),
    ],
)
def test_bad_options_are_told(options: dict, kind: type[Exception], message: str, data: Path) -> None:
    with pytest.raises(kind, match=message):
        vsmagic.source(data / "clips/av_nasa_2video_2audio_2subs.mp4", **options)


@pytest.mark.parametrize("loader", ["bestsource", "ffms2"])
def test_a_cache_that_cannot_be_made_is_told(
    loader: str, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("VSMAGIC_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(OutputError, match="Set VSMAGIC_CACHE"):
        vsmagic.source(data / "clips/rotate_0_568x320.mov", loader=loader)


def test_alpha_is_told(data: Path, caplog: pytest.LogCaptureFixture) -> None:
    clip = vsmagic.source(data / "clips/color_bt470bg_alpha_vp9.webm")
    assert clip.format.id == vs.YUV420P8
    assert "alpha" in caplog.text


def test_indexes_stay_out_of_the_source_folder(data: Path) -> None:
    before = sorted(path.name for path in (data / "clips").iterdir())
    vsmagic.source(data / "clips/rotate_0_568x320.mov").get_frame(0)
    assert sorted(path.name for path in (data / "clips").iterdir()) == before
