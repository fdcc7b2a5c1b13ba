"""What ``info`` tells is what the file is."""

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from command import Run


def _facts(path: Path, run: Run, *more: object) -> dict[str, Any]:
    ran = run("info", path, "--json", *more)
    assert ran.code == 0, ran.err
    found = json.loads(ran.out)
    assert isinstance(found, dict)
    return found


def test_a_constant_rate_is_exact(data: Path, run: Run) -> None:
    picture = _facts(data / "clips/live_carphone_qcif_sar128x117.mp4", run)["picture"]
    assert (picture["width"], picture["height"], picture["pixel_aspect"]) == (176, 144, "128/117")
    assert (picture["rate"], picture["frames"]) == ("30000/1001", 120)
    assert Fraction(picture["duration"]["exact"]) == 120 * Fraction(1001, 30000)
    assert "matrix" in picture["guessed"]


def test_a_variable_rate_is_told(data: Path, run: Run) -> None:
    picture = _facts(data / "clips/derived/vfr_bbb_pattern_720p.mkv", run)["picture"]
    assert picture["rate"] is None
    assert picture["frame_seconds"] == [0.04, 0.08]
    assert Fraction(picture["duration"]["exact"]) == 4


def test_rotation_colour_and_hdr(data: Path, run: Run) -> None:
    facts = _facts(data / "clips/hdr_dolbyvision_720p_rotate.mov", run)
    picture = facts["picture"]
    assert (picture["width"], picture["height"], picture["rotation"]) == (720, 1280, 90)
    assert (picture["matrix"], picture["transfer"], picture["bits"]) == ("bt2020nc", "arib-std-b67", 10)
    assert picture["hdr"] == {"dolby_vision_profile": 8}
    assert any("Dolby Vision" in warning for warning in facts["warnings"])
    assert (facts["enhance"]["width"], facts["enhance"]["height"]) == (1080, 1920)
    assert facts["enhance"]["outputs"][".mp4"]["codec"] == "h265"


def test_interlaced_and_alpha_are_warned_of(data: Path, run: Run) -> None:
    interlaced = _facts(data / "clips/interlaced_sony_1080i25_ac3_pgs.mts", run)
    assert any("interlaced" in warning for warning in interlaced["warnings"])
    alpha = _facts(data / "clips/color_bt470bg_alpha_vp9.webm", run)
    assert alpha["picture"]["alpha"]


def test_tracks_and_what_becomes_of_them(data: Path, run: Run) -> None:
    facts = _facts(data / "clips/derived/oldcam_160x120_8fps_mjpeg_pcmu8.avi", run)
    assert [track["codec"] for track in facts["tracks"]] == ["mjpeg", "pcm_u8"]
    assert facts["enhance"]["outputs"][".mkv"]["changes"] == []
    assert "MP4 does not hold pcm_u8" in facts["enhance"]["outputs"][".mp4"]["changes"][0]
    second = _facts(data / "clips/av_nasa_2video_2audio_2subs.mp4", run, "--track", 1)
    assert (second["picture"]["width"], second["picture"]["rate"]) == (480, "30000/1001")


@pytest.mark.parametrize("name", ["oldphone_h263_352x288_sar12x11_vfr.3gp", "live_geese_720p30_aac.mp4"])
def test_the_text_has_one_line_a_fact(name: str, data: Path, run: Run) -> None:
    ran = run("info", data / "clips" / name)
    assert ran.code == 0
    words = [line.split()[0] for line in ran.out.splitlines()]
    for word in ("file", "container", "video", "audio", "size", "time", "colour", "enhance"):
        assert word in words
    assert ran.err == ""


def test_a_file_that_is_no_video(tmp_path: Path, run: Run) -> None:
    (tmp_path / "a.mp4").write_text("nothing")
    ran = run("info", tmp_path / "a.mp4", "--json")
    assert (ran.code, ran.out) == (3, "")
    assert "text file" in ran.err
