"""Woven fields become the pictures they were taken from, and are told from pictures that never were woven."""

import logging
import re
import subprocess
from collections.abc import Callable
from fractions import Fraction
from itertools import accumulate, pairwise
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
import vapoursynth as vs

import frames as fr
import vsmagic
from vsmagic import FormatError, OptionError, as_progressive, clips, deinterlace, inverse_telecine
from vsmagic.filters.look import GROUPS, TOGETHER, Finding, look, places

core = vs.core
NTSC = Fraction(30000, 1001)
ORDERS = ("top", "bottom")


def woven(clip: vs.VideoNode, order: str = "top") -> vs.VideoNode:
    """Interlace a clip: one field of each frame in turn, two to a frame. Untagged."""
    top = order == "top"
    fields = clip.std.SetFieldBased(0).std.SeparateFields(tff=top).std.SelectEvery(4, [0, 3])
    return fields.std.DoubleWeave(tff=top)[::2].std.RemoveFrameProps(["_FieldBased", "_Field"])


def telecined(clip: vs.VideoNode, order: str = "top") -> vs.VideoNode:
    """Of four frames A B C D the frames AA BB BC CD DD, the letters being the first and the second field."""
    top = order == "top"
    fields = clip.std.SetFieldBased(0).std.SeparateFields(tff=top)
    video = fields.std.SelectEvery(8, [0, 1, 2, 3, 2, 5, 4, 7, 6, 7]).std.DoubleWeave(tff=top)[::2]
    rate = NTSC.as_integer_ratio()
    return video.std.AssumeFPS(None, *rate).std.RemoveFrameProps(["_FieldBased", "_Field"])


def luma_psnr(a: vs.VideoNode, b: vs.VideoNode, first: int, end: int) -> float:
    errors = [np.mean((fr.planes(a, n)[0] - fr.planes(b, n)[0]) ** 2) for n in range(first, end)]
    return float(10 * np.log10(255**2 / np.mean(errors)))


def bobbed(clip: vs.VideoNode, order: str) -> vs.VideoNode:
    """Every field enlarged alone, each in its own place."""
    fields = clip.std.SetFieldBased(0).std.SeparateFields(tff=order == "top").std.SetFieldBased(0)
    shifts = (0.25, -0.25) if order == "top" else (-0.25, 0.25)
    halves = [
        fields[n::2].resize.Bicubic(height=clip.height, src_top=shift, src_height=fields.height)
        for n, shift in enumerate(shifts)
    ]
    return core.std.Interleave(halves)


def held(clip: vs.VideoNode, rate: int) -> vs.VideoNode:
    """The same frames without their properties, decoded once."""
    return fr.clip_of([[np.array(plane) for plane in frame] for frame in clip.frames()], clip.format.id, fps=(rate, 1))


@pytest.fixture(scope="session")
def station(data: Path) -> vs.VideoNode:
    """60 frames a second of a real place, the camera moving: the truth under what is woven of it."""
    clip = vsmagic.source(data / "clips/live_stpancras_320x240_60fps_601full.mp4")
    return held(clip.std.CropAbs(160, 120, 80, 60)[:48], 60)


@pytest.fixture(scope="session")
def film(data: Path) -> vs.VideoNode:
    """48 frames that all move."""
    return held(vsmagic.source(data / "clips/live_cockatoo_720p20_yuv420.mp4").std.CropAbs(160, 120, 480, 240)[:48], 24)


@pytest.mark.parametrize("order", ORDERS)
def test_every_field_becomes_the_picture_that_it_was_taken_from(station: vs.VideoNode, order: str) -> None:
    source = woven(station[:24], order)
    made = deinterlace(source, rate="field", order=order)
    assert (made.num_frames, made.fps) == (24, 2 * source.fps)
    doubled = source.std.SeparateFields(tff=order == "top").std.SetFieldBased(0).resize.Point(height=120)
    other = deinterlace(source, rate="field", order=ORDERS[order == "top"])
    found, bob, double, wrong = (
        luma_psnr(clip, station, 4, 20) for clip in (made, bobbed(source, order), doubled, other)
    )
    assert (found > bob + 1, found > double + 3, found > wrong + 3) == (True, True, True), (found, bob, double, wrong)
    each = deinterlace(source, order=order)
    assert (each.num_frames, each.fps) == (12, source.fps)
    assert fr.raw(each) == fr.raw(made[::2])
    assert {frame.props["_FieldBased"] for clip in (each, made) for frame in clip.frames(close=True)} == {0}


@pytest.mark.parametrize("name", sorted(fr.FORMATS))
def test_a_still_picture_comes_back_in_every_format(name: str) -> None:
    still = fr.textured(fr.FORMATS[name], 64, 48, number=7).std.Loop(10)
    still = still.std.AssumeFPS(None, *NTSC.as_integer_ratio())
    for made, count in (
        (deinterlace(still, order="top"), 10),
        (deinterlace(still, order="bottom", rate="field"), 20),
        (inverse_telecine(still, order="top"), 8),
    ):
        assert (made.format.id, made.num_frames) == (still.format.id, count)
        assert made.get_frame(4).props["number"] == 7
        assert fr.raw(made[2:-2]) == fr.raw(still[:1]) * (count - 4)


def test_a_variable_rate_is_halved_exactly() -> None:
    durations = [Fraction(1, 25), Fraction(2, 25), Fraction(1001, 30000)]
    parts = [core.std.BlankClip(format=vs.GRAY8, width=16, height=16, length=1, fpsnum=n + 1) for n in range(3)]
    clip = core.std.Splice(parts)
    lasting = [(d.numerator, d.denominator) for d in durations]

    def stamp(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        frame = f.copy()
        frame.props["_DurationNum"], frame.props["_DurationDen"] = lasting[n]
        return frame

    clip = clip.std.ModifyFrame(clip, stamp)
    clips.remember_times(clip, list(accumulate(durations, initial=Fraction(0))))
    made = deinterlace(clip, rate="field", order="top")
    assert made.fps == 0
    assert fr.durations(made) == [d / 2 for d in durations for _ in range(2)]
    known = clips.known_times(made)
    assert known is not None
    assert list(known) == list(accumulate((d / 2 for d in durations for _ in range(2)), initial=Fraction(0)))
    assert clips.known_times(deinterlace(clip, order="top")) == clips.known_times(clip)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("format_id", [vs.YUV420P8, vs.YUV422P10, vs.RGB24, vs.GRAYS])
def test_film_gets_its_own_frames_back(film: vs.VideoNode, order: str, format_id: int) -> None:
    film = film.resize.Bicubic(format=format_id, **({"matrix_in": 6} if format_id == vs.RGB24 else {}))
    made = inverse_telecine(telecined(film[:32], order), order=order)
    assert (made.num_frames, made.fps) == (32, Fraction(24000, 1001))
    assert fr.raw(made)[1:-1] == fr.raw(film[1:31])
    assert {frame.props["_FieldBased"] for frame in made.frames(close=True)} == {0}
    assert not [name for name in made.get_frame(3).props if name.startswith("VFM") or name == "_Combed"]


def test_frames_do_not_depend_on_what_was_asked_for_before(film: vs.VideoNode) -> None:
    """Chunks of a job begin anywhere."""
    source = telecined(film[:32])
    forward = fr.raw(inverse_telecine(source, order="top"))
    backward = inverse_telecine(source, order="top")
    assert [fr.raw(backward[n])[0] for n in range(31, -1, -1)] == forward[::-1]


def test_what_matches_nothing_is_not_left_combed(film: vs.VideoNode, station: vs.VideoNode) -> None:
    video = woven(station[:40]).std.AssumeFPS(None, *NTSC.as_integer_ratio())
    source = telecined(film[:32]) + video
    made = inverse_telecine(source, order="top")
    assert made.num_frames == 48  # of 40 frames of film and 20 of video
    matched = source.std.SetFieldBased(2).vivtc.VFM(order=1).vivtc.VDecimate()
    assert combs(made[34:46]) < 0.5 * combs(matched[34:46])
    assert fr.raw(made[2:30]) == fr.raw(film[2:30])


def combs(clip: vs.VideoNode) -> float:
    """How far rows lie, on the average, beyond both their neighbours."""
    found = []
    for frame in clip.frames(close=True):
        rows = np.asarray(frame[0], float)
        above, here, below = rows[:-2], rows[1:-1], rows[2:]
        found.append(np.maximum(0, np.minimum((here - above) * (here - below), 400) - 100).mean())
    return float(np.mean(found))


def test_the_order_is_taken_from_the_tag_and_else_from_the_frames(
    station: vs.VideoNode, caplog: pytest.LogCaptureFixture
) -> None:
    source = woven(station[:24], "bottom")
    right = fr.raw(deinterlace(source, order="bottom"))
    assert fr.raw(deinterlace(source)) == right
    assert fr.raw(deinterlace(source.std.SetFieldBased(2))) == fr.raw(deinterlace(source, order="top"))
    assert fr.raw(deinterlace(source.std.SetFieldBased(2), order="bottom")) == right
    assert not caplog.records
    still = source[:1].std.Loop(12)
    assert fr.raw(deinterlace(still)[2:4]) == fr.raw(deinterlace(still, order="top")[2:4])
    assert "neither tag nor frames" in caplog.text


def noisy(clip: vs.VideoNode, sigma: float) -> vs.VideoNode:
    random = np.random.default_rng(3)

    def add(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        frame = f.copy()
        plane = np.asarray(frame[0])
        plane[:] = np.clip(np.rint(plane + random.normal(0, sigma, plane.shape)), 0, 255).astype(np.uint8)
        return frame

    return clip.std.ModifyFrame(clip, add)


def striped(step: Fraction) -> vs.VideoNode:
    """Horizontal lines one row thick in half of the picture, that move by so many rows in a frame."""
    rows = np.arange(96)[:, None]
    pictures = [[np.where(np.arange(128) < 64, 60 + 120 * ((rows + int(n * step)) % 2), 100)] for n in range(24)]
    return fr.clip_of(pictures, vs.GRAY8)


@pytest.mark.parametrize(("order", "tag"), [("top", None), ("bottom", 0), ("top", 1), ("bottom", 2), ("top", 2)])
def test_woven_frames_are_found_whatever_the_tag_says(
    station: vs.VideoNode, film: vs.VideoNode, order: str, tag: int | None
) -> None:
    tagged = {1: "bottom", 2: "top"}.get(tag or 0)
    for source, kind in (
        (woven(station, order), "interlaced"),
        (telecined(film, order), "telecined"),
        (station, "progressive"),
    ):
        clip = source if tag is None else source.std.SetFieldBased(tag)
        found = look(clip)
        assert (found.kind, found.order) == (kind, None if kind == "progressive" else order)
        assert (found.tagged, found.sure) == (tagged, True)


def test_noise_does_not_hide_it(station: vs.VideoNode, film: vs.VideoNode) -> None:
    assert look(noisy(woven(station), 5)).kind == "interlaced"
    assert look(noisy(telecined(film), 3)).kind == "telecined"
    assert look(noisy(film, 5)).kind == "progressive"


@pytest.mark.parametrize("step", [0, 1, Fraction(1, 2), 2, 3])
def test_fine_lines_are_no_combs(step: Fraction) -> None:
    assert look(striped(step)).kind == "progressive"


def test_where_nothing_moves_the_tag_decides(station: vs.VideoNode) -> None:
    still = woven(station[:2]).std.Loop(30)
    assert look(still) == Finding(kind="progressive", looked=29)
    assert look(still.std.SetFieldBased(1)) == Finding(kind="interlaced", order="bottom", tagged="bottom", looked=29)


@pytest.mark.parametrize(
    ("name", "kind", "order"),
    [
        ("interlaced_sony_1080i25_ac3_pgs.mts", "interlaced", "top"),
        ("derived/interlaced_tff_320x240_30i_mpeg2.ts", "interlaced", "top"),
        ("derived/interlaced_bff_320x240_30i_h264.mkv", "interlaced", "bottom"),
        # What idet or one of two frames would take for woven, or what cannot be decoded to its end.
        *(
            (name, "progressive", None)
            for name in (
                "tenbit_h264_testsrc_200x200.mp4", "color_bt709_full_range_720p.mp4", "av1_640x360_25fps.mkv",
                "derived/bad_bitflips_middle_third.mkv", "odd_1x1_yuv444.mp4", "odd_vp9_161x121.webm",
                "oldcam_kodak_320x240_15fps_mjpeg.avi", "live_carphone_qcif_heavily_compressed.mp4",
                "fades_480x320.mp4", "rotate_90_568x320.mov",
            )
        ),
    ],
)  # fmt: skip
def test_real_clips_are_what_they_are(name: str, kind: str, order: str | None, data: Path) -> None:
    found = look(vsmagic.source(data / "clips" / name))
    assert (found.kind, found.order) == (kind, order)
    assert found.looked <= GROUPS * TOGETHER


@pytest.mark.parametrize("order", ORDERS)
def test_compressed_and_tagged_wrongly_idet_agrees(
    order: str, station: vs.VideoNode, tmp_path: Path, data: Path
) -> None:
    ffmpeg, file = imageio_ffmpeg.get_ffmpeg_exe(), tmp_path / "woven.mkv"
    weave = f"tinterlace=interleave_{order},setfield={'bff' if order == 'top' else 'tff'}"
    made = [ffmpeg, "-v", "error", "-i", str(data / "clips/live_stpancras_320x240_60fps_601full.mp4"), "-vf", weave,
            "-frames:v", "30", "-c:v", "mpeg2video", "-q:v", "6", "-flags", "+ildct+ilme", str(file)]  # fmt: skip
    subprocess.run(made, check=True)
    clip = vsmagic.source(file)
    found = look(clip)
    assert (found.kind, found.order) == ("interlaced", order)
    assert found.tagged != order
    assert clip.num_frames == 30
    told = subprocess.run([ffmpeg, "-i", str(file), "-vf", "idet", "-f", "null", "-"], capture_output=True, check=True)
    counts = re.findall(rb"Multi frame detection: TFF: *(\d+) BFF: *(\d+) Progressive: *(\d+)", told.stderr)[-1]
    assert int(counts[ORDERS.index(order)]) > 25


@pytest.mark.parametrize("frames", [1, 2, 59, 60, 61, 1000, 10**6])
def test_no_more_than_sixty_frames_are_looked_at(frames: int) -> None:
    found = places(frames)
    assert sum(end - start for start, end in found) <= min(60, frames)
    assert all(a[1] <= b[0] for a, b in pairwise(found))
    assert (found[0][0], found[-1][1]) == (0, frames)


def test_a_tagged_clip_is_warned_of_once(station: vs.VideoNode, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    keys = [{"time": 0, "x": 8, "y": 8, "width": 120, "height": 90}]
    source = woven(station[:12]).std.SetFieldBased(2).std.SetFrameProps(_Matrix=6)
    vsmagic.upscale(vsmagic.dezoom(source, keyframes=keys), size=(200, 150))
    assert [record.message for record in caplog.records if "vsmagic.deinterlace" in record.message]
    assert len(caplog.records) == 1
    caplog.clear()
    for mended in (deinterlace(source), as_progressive(source)):
        vsmagic.dezoom(mended, keyframes=keys)
    endless = source.std.Loop(clips.MOST_READ)
    vsmagic.upscale(endless, scale=2)
    assert not caplog.records


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda c: deinterlace(c, rate="double"), OptionError, "expected frame or field"),
        (lambda c: deinterlace(c, order="tff"), OptionError, "expected auto, top, bottom"),
        (lambda c: inverse_telecine(c, order=1), OptionError, "expected auto, top, bottom"),
        (lambda c: deinterlace(c.std.CropAbs(16, 4), order="top"), FormatError, "16x4; expected at least 8x8"),
        (lambda c: inverse_telecine(c + c.std.AssumeFPS(fpsnum=5), order="top"), FormatError, "variable rate"),
        (lambda c: inverse_telecine(c.std.Loop(clips.MOST_READ), order="top"), OptionError, "player's"),
        (lambda c: deinterlace(c.std.Loop(clips.MOST_READ)), OptionError, "give order top or bottom"),
        (lambda c: as_progressive(c.num_frames), FormatError, "expected a VapourSynth video clip"),
    ],
)
def test_what_is_refused(make: Callable[[vs.VideoNode], object], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        make(core.std.BlankClip(format=vs.GRAY8, width=16, height=16, length=10))


def test_a_players_clip_is_deinterlaced_when_the_order_is_given() -> None:
    endless = core.std.BlankClip(format=vs.GRAY8, width=16, height=16, length=100).std.Loop(clips.MOST_READ)
    made = deinterlace(endless, rate="field", order="top")
    assert (made.num_frames, made.fps) == (2 * endless.num_frames, 2 * endless.fps)
