"""What stands beside the picture goes along: sound, subtitles, chapters, attachments, covers, tags."""

from fractions import Fraction
from pathlib import Path

import av
import pytest

from command import Run
from vsmagic.media import Media, probe

from .conftest import ffmpeg, packets

CHAPTERS = """;FFMETADATA1
title=A film
artist=Someone
[CHAPTER]
TIMEBASE=1/1000
START=0
END=1000
title=First
[CHAPTER]
TIMEBASE=1/1000
START=1000
END=2000
title=Second
"""
LINES = """1
00:00:00,200 --> 00:00:00,900
One

2
00:00:00,950 --> 00:00:01,600
Across the cut

3
00:00:01,700 --> 00:00:01,900
Last
"""


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds with two sound tracks, a subtitle, two chapters, an attachment, a cover, tags."""
    folder = tmp_path_factory.mktemp("film")
    (folder / "chapters.txt").write_text(CHAPTERS)
    (folder / "lines.srt").write_text(LINES)
    (folder / "font.ttf").write_bytes(b"\0\1\0\0not really a font")
    ffmpeg("-f", "lavfi", "-i", "color=red:s=32x32", "-frames:v", 1, folder / "cover.png")
    film = folder / "film.mkv"
    ffmpeg(
        *("-f", "lavfi", "-i", "testsrc2=s=96x64:r=24000/1001:d=2"),
        *("-f", "lavfi", "-i", "sine=440:d=2", "-f", "lavfi", "-i", "sine=880:d=2"),
        *("-i", folder / "lines.srt", "-i", folder / "chapters.txt"),
        *("-map", 0, "-map", 1, "-map", 2, "-map", 3, "-map_metadata", 4, "-map_chapters", 4),
        *("-c:v", "libx264", "-preset", "ultrafast", "-c:a:0", "aac", "-c:a:1", "flac", "-c:s", "srt"),
        *("-metadata:s:v:0", "language=ger", "-metadata:s:v:0", "title=Picture"),
        *("-metadata:s:a:0", "language=ger", "-metadata:s:a:1", "language=eng", "-metadata:s:a:1", "title=Comments"),
        *("-metadata:s:s:0", "language=fre", "-disposition:a:1", "comment", "-disposition:s:0", "forced"),
        *("-attach", folder / "font.ttf", "-metadata:s:t:0", "mimetype=font/ttf"),
        *("-attach", folder / "cover.png", "-metadata:s:t:1", "mimetype=image/png"),
        *("-metadata:s:t:1", "filename=cover.png", film),
    )
    return film


def _enhanced(film: Path, out: Path, run: Run, *more: object) -> tuple[Media, str]:
    ran = run("enhance", film, out, "--scale", 1, "--preset", "ultrafast", *more)
    assert ran.code == 0, ran.err
    return probe(out), ran.err


def test_matroska_keeps_everything(film: Path, tmp_path: Path, run: Run) -> None:
    made, said = _enhanced(film, tmp_path / "out.mkv", run)
    assert [(track.codec, track.language, track.title) for track in made.audio] == [
        ("aac", "ger", None),
        ("flac", "eng", "Comments"),
    ]
    assert "comment" in made.audio[1].dispositions
    assert not made.audio[1].default
    (subtitle,) = made.of_kind("subtitle")
    assert (subtitle.codec, subtitle.language) == ("subrip", "fre")
    assert "forced" in subtitle.dispositions
    assert [(chapter.start, chapter.end, chapter.title) for chapter in made.chapters] == [
        (0, 1, "First"),
        (1, 2, "Second"),
    ]
    assert (made.video[0].language, made.video[0].title) == ("ger", "Picture")
    assert {key.lower(): value for key, value in made.metadata.items()}.items() >= {
        "title": "A film",
        "artist": "Someone",
    }.items()
    assert [track.metadata["filename"] for track in made.of_kind("attachment")] == ["font.ttf"]
    assert len(made.of_kind("cover")) == 1
    assert "warning" not in said


def test_mp4_keeps_what_it_can_and_tells_the_rest(film: Path, tmp_path: Path, run: Run) -> None:
    made, said = _enhanced(film, tmp_path / "out.mp4", run)
    assert [track.codec for track in made.audio] == ["aac", "flac"]
    (subtitle,) = made.of_kind("subtitle")
    assert (subtitle.codec, subtitle.language) == ("mov_text", "fre")
    assert [chapter.title for chapter in made.chapters] == ["First", "Second"]
    assert made.metadata["title"] == "A film"
    assert len(made.of_kind("cover")) == 1
    assert "subtitle track 3 (subrip) is stored as mov_text" in said
    assert "attachment" in said


def test_webm_gets_opus_and_webvtt(film: Path, tmp_path: Path, run: Run) -> None:
    out = tmp_path / "out.webm"
    ran = run("enhance", film, out, "--scale", 1, "--preset", "12")
    assert ran.code == 0, ran.err
    made = probe(out)
    assert [track.codec for track in (*made.video, *made.audio)] == ["av1", "opus", "opus"]
    assert [track.codec for track in made.of_kind("subtitle")] == ["webvtt"]


def test_the_uncut_sound_is_the_very_same_packets(film: Path, tmp_path: Path, run: Run) -> None:
    out = tmp_path / "out.mkv"
    _enhanced(film, out, run)
    for number in (0, 1):
        assert packets(out, "audio", number) == packets(film, "audio", number)


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_a_cut_keeps_sound_and_subtitles_in_step(suffix: str, film: Path, tmp_path: Path, run: Run) -> None:
    out = tmp_path / f"out{suffix}"
    made, _ = _enhanced(film, out, run, "--start", "1", "--end", "1.8")
    begin = 24 * Fraction(1001, 24000)  # the first frame from second 1 on
    assert packets(out, "video")[0][0] == 0
    original = {content: time for time, content in packets(film, "audio")}
    mine = packets(out, "audio")
    assert mine[0][0] < Fraction(1024 * 2, 44100)
    for time, content in mine:
        assert abs(original[content] - begin - time) <= Fraction(2, 1000)
    assert [text for _, text in packets(out, "subtitle") if b"cut" in text]
    assert packets(out, "subtitle")[0][0] == 0
    assert made.duration is not None
    assert made.duration < 1
    assert [chapter.title for chapter in made.chapters] == ["Second"]


@pytest.mark.parametrize("suffix", [".mkv", ".mp4", ".mov"])
@pytest.mark.parametrize("name", ["derived/anamorphic_pal_720x576_sar64x45.mp4", "rotate_90_568x320.mov"])
def test_shape_is_kept_and_rotation_is_not_applied_twice(
    name: str, suffix: str, data: Path, tmp_path: Path, run: Run
) -> None:
    before = probe(data / "clips" / name).video[0]
    made, _ = _enhanced(data / "clips" / name, tmp_path / f"out{suffix}", run, "--end", "0.1")
    after = made.video[0]
    turned = before.rotation in {90, 270}
    assert (after.width, after.height) == ((before.height, before.width) if turned else (before.width, before.height))
    assert after.rotation == 0
    assert after.pixel_aspect == before.pixel_aspect


def test_the_other_video_track(data: Path, tmp_path: Path, run: Run) -> None:
    clip = data / "clips/av_nasa_2video_2audio_2subs.mp4"
    made, said = _enhanced(clip, tmp_path / "out.mkv", run, "--track", 1, "--end", "0.2")
    assert (made.video[0].width, made.video[0].height) == (480, 270)
    assert len(made.audio) == 2
    assert "video track 0 (h264) is left out" in said


def test_broken_sound_does_not_stop_the_picture(data: Path, tmp_path: Path, run: Run) -> None:
    clip = data / "clips/bad_failing_audio.mp4"
    for suffix in (".mkv", ".mp4"):
        made, _ = _enhanced(clip, tmp_path / f"out{suffix}", run, "--end", "1")
        assert made.video[0].width == 640


def test_pictures_as_subtitles_stay_in_matroska_only(data: Path, tmp_path: Path, run: Run) -> None:
    clip = data / "clips/interlaced_sony_1080i25_ac3_pgs.mts"
    kept, _ = _enhanced(clip, tmp_path / "out.mkv", run, "--end", "0.1")
    assert [track.codec for track in kept.of_kind("subtitle")] == ["hdmv_pgs_subtitle"]
    left, said = _enhanced(clip, tmp_path / "out.mp4", run, "--end", "0.1")
    assert not left.of_kind("subtitle")
    assert "hdmv_pgs_subtitle) is left out" in said


def test_old_cameras_sound_is_converted_for_mp4_only(data: Path, tmp_path: Path, run: Run) -> None:
    clip = data / "clips/derived/oldcam_160x120_8fps_mjpeg_pcmu8.avi"
    made, said = _enhanced(clip, tmp_path / "out.mp4", run, "--end", "1")
    assert made.audio[0].codec == "aac"
    assert "MP4 does not hold pcm_u8" in said
    kept, _ = _enhanced(clip, tmp_path / "out.mkv", run, "--end", "1")
    assert kept.audio[0].codec == "pcm_u8"


def test_every_frame_is_marked_as_the_first_was(data: Path, tmp_path: Path, run: Run) -> None:
    """HDR10 metadata is there for every encoder that can carry it."""
    clip = data / "clips/hdr10_1080p_av1_mdcv_clli_60fps.mp4"
    for codec, preset in (("h264", "ultrafast"), ("h265", "ultrafast"), ("av1", "12")):
        out = tmp_path / f"{codec}.mp4"
        arguments = ("--scale", 1, "--codec", codec, "--preset", preset, "--end", "0.04", "--quiet")
        assert run("enhance", clip, out, *arguments).code == 0
        with av.open(str(out)) as file:
            frame = next(file.decode(video=0))
            assert frame.format.name == "yuv420p10le"
            assert (frame.colorspace, frame.color_trc, frame.color_primaries) == (9, 16, 9)
            kinds = {kind.name for kind in frame.side_data}
            assert {"MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL"} <= kinds, codec
