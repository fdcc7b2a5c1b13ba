"""Every real clip passes through ``enhance`` unchanged where nothing is asked for: pictures, times, sound."""

import os
from fractions import Fraction
from pathlib import Path

import av
import pytest

from command import Run

from .conftest import ffmpeg, frame_hashes, frame_times, one_sentence, packets

DATA = Path(os.environ.get("VSMAGIC_TEST_DATA", Path(__file__).parents[3] / "shared" / "data")) / "clips"
# Files that hold nothing to decode, and the raw ones that say nothing of themselves.
REFUSED = {
    "bad_empty.mp4": "empty",
    "bad_truncated_no_moov.mp4": "moov",
    "bad_vp9_invalid_bitstream.webm": "can be decoded",
    "lowres_cisco_160x96_6fps.yuv": "header",
    "lowres_cisco_320x192_12fps.yuv": "header",
}
# Damage whose concealment depends on how many threads decode.
CONCEALED = {"bad_h264_error_I_P.264"}
# VapourSynth has no 4:2:0 of an odd size: the last column and row are cut off.
CROPPED = {"odd_vp9_161x121.webm": "crop=160:120:0:0"}
CLIPS = sorted(path for path in DATA.rglob("*.*") if path.is_file() and path.name not in REFUSED)
MILLISECOND = Fraction(1, 1000)
SOUND = 2 * MILLISECOND


def _name(path: Path) -> str:
    return path.name


@pytest.mark.parametrize("clip", CLIPS, ids=_name)
def test_scale_1_keeps_every_picture_and_its_time(clip: Path, tmp_path: Path, run: Run) -> None:
    out = tmp_path / "out.mkv"
    ran = run("enhance", clip, out, "--scale", 1, "--codec", "ffv1", "--end", "0.15", "--quiet")
    assert ran.code == 0, ran.err
    mine = frame_hashes(out)
    assert mine
    if clip.name not in CONCEALED:
        assert mine == frame_hashes(clip, frames=len(mine), filters=CROPPED.get(clip.name))
    _check_times(clip, out)
    _check_sound(clip, out)
    _check_colours(clip, out)


def _check_colours(clip: Path, out: Path) -> None:
    """What the first picture says of its colours is what it said; limited range is what nothing said means."""
    seen = []
    for path in (clip, out):
        with av.open(str(path)) as file:
            frame = next(file.decode(video=0))
        told = (frame.colorspace, frame.color_trc, frame.color_primaries, frame.color_range or 1)
        seen.append(tuple(map(int, told)))
    assert seen[0] == seen[1]


def _check_times(clip: Path, out: Path) -> None:
    """Matroska counts milliseconds; a raw stream has no times of its own, and a wrong clock is straightened."""
    theirs = frame_times(clip) if clip.suffix != ".264" else [Fraction(n, 25) for n in range(100)]
    mine = frame_times(out)
    with av.open(str(clip)) as file:
        base = file.streams.video[0].time_base
    tick = Fraction(base.numerator, base.denominator) if base is not None else Fraction(0)
    for ours, original in zip(mine, theirs, strict=False):
        assert abs(ours - original) <= tick + MILLISECOND


def _check_sound(clip: Path, out: Path) -> None:
    """Every packet of sound in the output stands where it stood against the first picture."""
    with av.open(str(clip)) as file:
        tracks = len(file.streams.audio)
    for number in range(tracks):
        zero, mine = packets(out, "video")[0][0], packets(out, "audio", number)
        original_zero = _first_picture(clip)
        stood: dict[bytes, list[Fraction]] = {}
        for time, content in packets(clip, "audio", number):
            stood.setdefault(content, []).append(time - original_zero)
        assert mine
        for time, content in mine:
            # Silence repeats itself: the nearest of equal packets is meant.
            assert min(abs(time - zero - each) for each in stood[content]) < SOUND


def _first_picture(path: Path) -> Fraction:
    with av.open(str(path)) as file:
        stream = file.streams.video[0]
        frame = next(file.decode(stream))
        return (frame.pts or 0) * Fraction(stream.time_base.numerator, stream.time_base.denominator)


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_opened_gets_one_sentence(name: str, data: Path, tmp_path: Path, run: Run) -> None:
    clip = next((data / "clips").rglob(name))
    ran = run("enhance", clip, tmp_path / "out.mkv", "--quiet")
    assert ran.code == 3
    assert REFUSED[name] in one_sentence(ran.err)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("raw", [("160x96_6fps", "160x96", 6), ("320x192_12fps", "320x192", 12)])
def test_raw_pictures_pass_once_they_have_a_header(
    raw: tuple[str, str, int], data: Path, tmp_path: Path, run: Run
) -> None:
    name, size, rate = raw
    wrapped, out = tmp_path / "in.y4m", tmp_path / "out.mkv"
    pictures = data / "clips" / f"lowres_cisco_{name}.yuv"
    ffmpeg("-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", size, "-r", rate, "-i", pictures, wrapped)
    assert run("enhance", wrapped, out, "--scale", 1, "--codec", "ffv1", "--quiet").code == 0
    assert frame_hashes(out) == frame_hashes(wrapped)
