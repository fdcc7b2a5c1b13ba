"""What the probe tells of the real clips, against what ffprobe told when they were collected."""

from fractions import Fraction
from pathlib import Path

import pytest

from vsmagic.errors import SourceError
from vsmagic.media import first_time, probe
from vsmagic.sidedata import DolbyVision


@pytest.mark.parametrize(("name", "degrees"), [("0", 0), ("90", 90), ("180", 180), ("270", 270)])
def test_rotation_is_clockwise(name: str, degrees: int, data: Path) -> None:
    video = probe(data / f"clips/rotate_{name}_568x320.mov").video[0]
    assert (video.rotation, video.mirrored) == (degrees, False)
    assert (video.width, video.height) == (568, 320)


def test_tracks_are_counted_by_kind(data: Path) -> None:
    media = probe(data / "clips/av_nasa_2video_2audio_2subs.mp4")
    assert [(track.number, track.stream) for track in media.video] == [(0, 0), (1, 3)]
    assert [track.codec for track in media.of_kind("subtitle")] == ["mov_text", "mov_text"]
    assert {track.language for track in media.tracks} == {"eng"}


def test_colour_aspect_and_fields(data: Path) -> None:
    video = probe(data / "clips/live_stpancras_320x240_60fps_601full.mp4").video[0]
    assert (video.range, video.matrix, video.primaries, video.transfer) == ("full", "smpte170m", "bt470bg", "smpte170m")
    assert probe(data / "clips/live_carphone_qcif_sar128x117.mp4").video[0].pixel_aspect == Fraction(128, 117)
    assert probe(data / "clips/interlaced_sony_1080i25_ac3_pgs.mts").video[0].field_order == "top"
    assert probe(data / "clips/derived/interlaced_bff_320x240_30i_h264.mkv").video[0].field_order == "bottom"
    assert probe(data / "clips/color_bt470bg_alpha_vp9.webm").video[0].alpha


def test_hdr(data: Path) -> None:
    hdr = probe(data / "clips/hdr10_1080p_av1_mdcv_clli_60fps.mp4").video[0].hdr
    assert hdr.light_level == (1100, 180)
    assert hdr.mastering is not None
    assert hdr.mastering.luminance == (0, 1000)
    assert hdr.mastering.white == (Fraction(15634, 50000), Fraction(16449, 50000))
    assert probe(data / "clips/hdr_dolbyvision_720p_rotate.mov").video[0].hdr.dolby_vision == DolbyVision(
        profile=8, level=2, compatible=4
    )


@pytest.mark.parametrize(
    ("name", "seconds"),
    [
        ("oldphone_h263_352x288_sar12x11_vfr.3gp", Fraction(2048, 16000)),
        ("delayed_start_480x320.mp4", 0),
        ("anim_bbb_720p24_30s_vp8_vorbis.webm", Fraction(3, 1000)),
        ("bad_h264_P_lost.264", 0),
    ],
)
def test_when_the_first_picture_is_shown(name: str, seconds: Fraction, data: Path) -> None:
    media = probe(data / "clips" / name)
    assert first_time(media, media.video[0]) == seconds


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("derived/bad_empty.mp4", "empty"),
        ("derived/bad_truncated_no_moov.mp4", "moov"),
        ("nothing.mp4", "no such file"),
    ],
)
def test_what_cannot_be_read_says_why(name: str, word: str, data: Path) -> None:
    with pytest.raises(SourceError, match=word):
        probe(data / "clips" / name)


def test_a_name_that_looks_like_a_protocol(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("http:x.mp4").write_bytes((data / "clips/counter_1080p10.mp4").read_bytes())
    assert probe("http:x.mp4").video[0].width == 1920
