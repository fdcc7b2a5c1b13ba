"""Laws of the keyframed crop."""

import itertools
import logging
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import vapoursynth as vs

import frames as fr
import vsmagic
from vsmagic import FormatError, KeyframeError, KeyframeTrack, OptionError, clips, dezoom

core = vs.core
SUBSAMPLED = ["YUV420PS", "YUV422PS", "YUV411PS", "YUV440PS", "YUV420P16"]
LOCATIONS = {
    "left": vs.CHROMA_LEFT, "center": vs.CHROMA_CENTER, "top left": vs.CHROMA_TOP_LEFT, "top": vs.CHROMA_TOP,
    "bottom left": vs.CHROMA_BOTTOM_LEFT, "bottom": vs.CHROMA_BOTTOM,
}  # fmt: skip


def key(x: float, y: float, width: float, height: float, frame: int = 0) -> dict[str, float]:
    return {"frame": frame, "x": x, "y": y, "width": width, "height": height}


def tagged(name: str, width: int = 64, height: int = 48, **more: int) -> vs.VideoNode:
    matrix = vs.MATRIX_RGB if name.startswith("RGB") else vs.MATRIX_ST170_M
    return fr.textured(fr.FORMATS[name], width, height, _Matrix=matrix, **more)


def stored(format_id: int, parts: list[np.ndarray]) -> list[np.ndarray]:
    """Planes of 0 to 1 and -0.5 to 0.5 in a format's own numbers, full range."""
    fmt = core.get_video_format(format_id)
    if fmt.sample_type == vs.FLOAT:
        return parts
    top = fr.peak(fmt)
    return [np.rint(p * top + ((top + 1) / 2 if n and fmt.color_family == vs.YUV else 0)) for n, p in enumerate(parts)]


@pytest.mark.parametrize("name", fr.FORMATS)
def test_a_key_of_the_whole_frame_changes_nothing(name: str) -> None:
    clip = tagged(name, count=2)
    result = dezoom(clip, keyframes=[key(0, 0, 64, 48)])
    assert result.format.id == clip.format.id
    assert fr.raw(result) == fr.raw(clip)


@pytest.mark.parametrize("name", fr.FORMATS)
def test_whole_pixels_are_cropped_bit_by_bit(name: str) -> None:
    clip = tagged(name, count=2)
    keys = [key(8, 4, 32, 24), key(12, 8, 32, 24, frame=1)]
    result = dezoom(clip, keyframes=keys)
    expected = clip.std.CropAbs(32, 24, 8, 4)[0] + clip.std.CropAbs(32, 24, 12, 8)[1]
    assert fr.raw(result) == fr.raw(expected)


@pytest.mark.parametrize("name", ["GRAY8", "GRAYS", "RGB8", "YUV444P10"])
def test_odd_frames_are_cropped_too(name: str) -> None:
    clip = tagged(name, 63, 47)
    result = dezoom(clip, keyframes=[key(31, 3, 32, 44)])
    assert fr.raw(result) == fr.raw(clip.std.CropAbs(32, 44, 31, 3))
    whole = dezoom(clip, keyframes=[key(0, 0, 63, 47)], size=(63, 47))
    assert fr.raw(whole) == fr.raw(clip)


@pytest.mark.parametrize(("size", "rect"), [((64, 48), (3.3, 2.7, 64, 48)), ((96, 72), (10.25, 5.6, 48, 36))])
@pytest.mark.parametrize("location", LOCATIONS)
@pytest.mark.parametrize("name", SUBSAMPLED)
def test_luma_and_chroma_stand_where_the_rectangle_says(
    name: str, location: str, size: tuple[int, int], rect: fr.Box
) -> None:
    """Against a picture that is known between its pixels, each chroma sample at its own place."""
    format_id, where = fr.FORMATS[name], LOCATIONS[location]
    source = stored(format_id, fr.sited(format_id, where, (128, 96)))
    clip = fr.clip_of([source], format_id, _Matrix=6, _Range=vs.RANGE_FULL, _ChromaLocation=where)
    result = dezoom(clip, keyframes=[key(*rect)], size=size)
    expected = stored(format_id, fr.sited(format_id, where, size, rect))
    for found, wanted in zip(fr.planes(result), expected, strict=True):
        assert np.abs(found - wanted).max() <= 0.004 * fr.peak(clip.format)
    assert result.get_frame(0).props["_ChromaLocation"] == where


def test_a_slow_pan_does_not_jitter() -> None:
    """Integer windows would stand still for seven frames and jump at the eighth."""
    picture = fr.texture(160, 120, seed=4)
    clip = fr.grey(*[picture] * 16)
    result = dezoom(clip, keyframes=[key(20, 20, 96, 72), key(20 + 15 * 0.13, 20 - 15 * 0.07, 96, 72, frame=15)])
    steps = [
        fr.shift_between(fr.planes(result, n)[0], fr.planes(result, n + 1)[0]) for n in range(result.num_frames - 1)
    ]
    for right, down in steps:
        assert right == pytest.approx(-0.13, abs=0.05)
        assert down == pytest.approx(0.07, abs=0.05)


@pytest.mark.parametrize("name", ["GRAYS", "RGBS", "YUV444P16", "YUV420P16"])
def test_a_flip_before_equals_a_flip_after(name: str) -> None:
    clip = tagged(name, 128, 96).std.SetFrameProps(_ChromaLocation=vs.CHROMA_CENTER)
    x, y, width, height = 10.3, 20.6, 64.4, 48.3
    before = dezoom(clip.std.Turn180(), keyframes=[key(128 - x - width, 96 - y - height, width, height)], size=(80, 60))
    after = dezoom(clip, keyframes=[key(x, y, width, height)], size=(80, 60)).std.Turn180()
    for a, b in zip(fr.planes(before), fr.planes(after), strict=True):
        assert np.abs(a - b).max() <= fr.rounding(clip.format)


def test_times_of_a_variable_rate_are_used(data: Path) -> None:
    clip = vsmagic.source(data / "clips/derived/vfr_bbb_pattern_720p.mkv")
    entries = [{**key(0, 0, 160, 90), "time": 0}, {**key(100, 50, 160, 90), "time": 1}]
    track = KeyframeTrack.parse([{k: v for k, v in entry.items() if k != "frame"} for entry in entries])
    result = dezoom(clip, keyframes=track)
    assert clips.known_times(result) == clips.times(clip)
    for n, time in ((0, Fraction(0)), (1, Fraction(1, 25)), (2, Fraction(3, 25)), (7, Fraction(11, 25)), (40, None)):
        x = 100 if time is None else 100 * time
        still = dezoom(clip, keyframes=[key(float(x), float(x) / 2, 160, 90)], size=(160, 90))
        assert fr.raw(result[n]) == fr.raw(still[n])
    assert fr.durations(result[:6]) == fr.durations(clip[:6])


def test_frames_and_seconds_say_the_same() -> None:
    clip = tagged("YUV420P8", count=6)
    by_frame = dezoom(clip, keyframes=[key(0, 0, 32, 24), key(10, 8, 32, 24, frame=5)])
    entries = [{**key(0, 0, 32, 24), "time": 0}, {**key(10, 8, 32, 24), "time": 0.2}]
    for entry in entries:
        del entry["frame"]
    assert fr.raw(dezoom(clip, keyframes=entries)) == fr.raw(by_frame)


@pytest.mark.parametrize("name", ["YUV420P8", "YUV420PS", "YUV444P10", "RGB8", "GRAY16"])
@pytest.mark.parametrize("value_range", [vs.RANGE_LIMITED, vs.RANGE_FULL])
def test_contain_has_black_bars(name: str, value_range: int) -> None:
    clip = tagged(name).std.SetFrameProps(_Range=value_range)
    result = dezoom(clip, keyframes=[key(0, 0, 32, 32)], size=(64, 32))
    fmt = clip.format
    plain = dezoom(clip, keyframes=[key(0, 0, 32, 32)], size=(32, 32))
    assert fr.raw(result.std.CropAbs(32, 32, 16, 0)) == fr.raw(plain)
    bars = result.std.CropAbs(16, 32, 0, 0), result.std.CropAbs(16, 32, 48, 0)
    limited = value_range == vs.RANGE_LIMITED and fmt.color_family != vs.RGB and fmt.sample_type == vs.INTEGER
    middle = 0.0 if fmt.sample_type == vs.FLOAT else 1 << (fmt.bits_per_sample - 1)
    for bar in bars:
        for number, plane in enumerate(fr.planes(bar)):
            chroma = number and fmt.color_family == vs.YUV
            assert np.all(plane == (middle if chroma else 16 << (fmt.bits_per_sample - 8) if limited else 0))


def test_cover_cuts_and_stretch_distorts() -> None:
    clip = tagged("GRAYS")
    keys = [key(0, 0, 32, 32)]
    cover = dezoom(clip, keyframes=keys, size=(64, 32), fit="cover")
    assert fr.raw(cover) == fr.raw(dezoom(clip, keyframes=[key(0, 8, 32, 16)], size=(64, 32)))
    stretch = dezoom(clip, keyframes=keys, size=(64, 32), fit="stretch")
    expected = clip.resize.Spline36(64, 32, src_width=32, src_height=32)
    assert fr.raw(stretch) == fr.raw(expected)


def test_one_that_leaves_the_frame_is_shifted_in_with_one_warning(caplog: pytest.LogCaptureFixture) -> None:
    clip = tagged("YUV420P8", count=3)
    keys = [key(-20, 40, 32, 24), key(60, -10, 32, 24, frame=2)]
    result = dezoom(clip, keyframes=keys)
    fr.raw(result)
    warnings = [record.message for record in caplog.records if record.levelno == logging.WARNING]
    assert warnings == ["dezoom: 2 of 2 keyframes leave the 64x48 frame and are shifted in"]
    assert fr.raw(result[0]) == fr.raw(clip.std.CropAbs(32, 24, 0, 24)[0])
    assert fr.raw(result[2]) == fr.raw(clip.std.CropAbs(32, 24, 32, 0)[2])


def test_one_larger_than_the_frame_is_shrunk_never_stretched(caplog: pytest.LogCaptureFixture) -> None:
    clip = tagged("YUV420P8")
    result = dezoom(clip, keyframes=[key(-32, 0, 128, 48)])
    assert (result.width, result.height) == (64, 24)
    assert fr.raw(result) == fr.raw(clip.std.CropAbs(64, 24, 0, 12))
    assert "1 of 1 keyframes are larger than the 64x48 frame and are shrunk about their centre" in caplog.text


@pytest.mark.parametrize("name", ["YUV420P8", "RGB8", "GRAYH"])
def test_properties_count_and_durations_are_kept(name: str) -> None:
    props = {"_Primaries": 9, "_Transfer": 16, "_SARNum": 64, "_SARDen": 45, "_Range": 1, "mine": 7}
    clip = tagged(name, count=3, fps=(30000, 1001)).std.SetFrameProps(**props)
    result = dezoom(clip, keyframes=[key(1.5, 2.5, 20, 15), key(3, 4, 20, 15, frame=2)], size=(40, 30))
    assert (result.num_frames, result.fps) == (clip.num_frames, clip.fps)
    assert fr.durations(result) == fr.durations(clip)
    for frame in result.frames(close=True):
        assert {name: frame.props[name] for name in props} == props
        assert frame.props["_Matrix"] == clip.get_frame(0).props["_Matrix"]


@pytest.mark.parametrize(("name", "expected"), [("YUV420P8", (102, 76)), ("YUV411P8", (100, 76)), ("RGB8", (102, 76))])
def test_the_default_size_is_the_largest_keys_made_to_fit_the_chroma(name: str, expected: tuple[int, int]) -> None:
    clip = tagged(name, 160, 120)
    result = dezoom(clip, keyframes=[key(0, 0, 101.6, 75.7), key(0, 0, 40, 30, frame=9)])
    assert (result.width, result.height) == expected
    result.get_frame(0)


@pytest.mark.parametrize(
    ("name", "options", "kind", "message"),
    [
        ("YUV420P8", {"size": (33, 24)}, FormatError, "dezoom: size is 33x24; .* multiples of 2 and 2"),
        ("YUV411P8", {"size": (34, 24)}, FormatError, "multiples of 4 and 1"),
        ("YUV420P8", {"size": "0x5"}, OptionError, "dezoom: size is '0x5'"),
        ("YUV420P8", {"fit": "fill"}, OptionError, "fit is 'fill'; expected contain, cover, stretch"),
        ("YUV420P8", {"easing": "bounce"}, KeyframeError, "unknown easing 'bounce'"),
        ("YUV420P8", {"keyframes": []}, KeyframeError, "the list is empty"),
        ("YUV420P8", {"keyframes": 5}, KeyframeError, "got a int"),
        ("YUV420P8", {"keyframes": "/nowhere/zoom.json"}, KeyframeError, "cannot be read"),
    ],
)
def test_bad_options_are_told(name: str, options: dict, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        dezoom(tagged(name), **{"keyframes": [key(0, 0, 32, 24)], **options})


def test_a_track_has_its_own_easing() -> None:
    track = KeyframeTrack.parse([key(0, 0, 32, 24), key(8, 8, 32, 24, frame=2)], easing="hold")
    clip = tagged("GRAY8", count=3)
    assert fr.raw(dezoom(clip, keyframes=track))[1] == fr.raw(clip.std.CropAbs(32, 24, 0, 0))[1]
    with pytest.raises(KeyframeError, match="the KeyframeTrack has 'hold'"):
        dezoom(clip, keyframes=track, easing="smooth")


def test_a_still_crop_of_an_unknown_clip_needs_no_times() -> None:
    """mpv's clip claims 134,217,727 frames of no rate: reading their durations would never end."""
    clip = tagged("YUV420P8", count=2)
    endless = core.std.Splice([clip[0].std.AssumeFPS(fpsnum=1), clip[1].std.AssumeFPS(fpsnum=2)])
    assert not endless.fps
    dezoom(endless, keyframes=[{"time": 0, "x": 0, "y": 0, "width": 32, "height": 24}])
    assert clips.known_times(endless) is None


def test_consecutive_frames_differ_only_by_the_crop() -> None:
    picture = [fr.texture(64, 48)] * 4
    result = dezoom(fr.grey(*picture), keyframes=[key(0, 0, 32, 24), key(30, 20, 32, 24, frame=3)], easing="hold")
    shown = fr.raw(result)
    assert all(a == b for a, b in itertools.pairwise(shown[:3]))
    assert shown[2] != shown[3]
