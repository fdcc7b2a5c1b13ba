"""What is done to every clip: checks, tags, times, padding, chroma siting."""

import itertools
import logging
from fractions import Fraction

import numpy as np
import pytest
import vapoursynth as vs
from hypothesis import given
from hypothesis import strategies as st

import frames as fr
from vsmagic import FormatError, clips, colours

core = vs.core
BLANK = core.std.BlankClip(format=vs.YUV420P8, width=64, height=48, length=5, fpsnum=30000, fpsden=1001)


def untimed(clip: vs.VideoNode) -> vs.VideoNode:
    """The same frames in a clip without a rate."""
    return core.std.Splice([clip, clip[:1].std.AssumeFPS(fpsnum=7, fpsden=3)])[: clip.num_frames]


@pytest.mark.parametrize("name", fr.FORMATS)
def test_every_constant_format_passes(name: str) -> None:
    clip = core.std.BlankClip(format=fr.FORMATS[name], width=64, height=48, length=1)
    assert clips.check(clip, name="filter").id == fr.FORMATS[name]


@pytest.mark.parametrize(
    ("clip", "message"),
    [
        ("no clip", "filter: got a str"),
        (None, "filter: got a NoneType"),
        (core.std.Splice([BLANK, BLANK.resize.Point(32, 32)], mismatch=True), "filter: the clip's size or format"),
        (core.std.Splice([BLANK, BLANK.resize.Point(format=vs.YUV444P8)], mismatch=True), "size or format changes"),
        (core.std.BlankClip(format=vs.GRAY32), "filter: the clip is Gray32; expected 8 to 16 bits"),
    ],
)
def test_others_do_not(clip: object, message: str) -> None:
    with pytest.raises(FormatError, match=message):
        clips.check(clip, name="filter")


@pytest.mark.parametrize(
    ("width", "height", "matrix"),
    [(720, 576, 6), (640, 360, 6), (1280, 536, 1), (640, 720, 1), (1920, 1080, 1), (1279, 719, 6), (3840, 2160, 1)],
)
def test_an_absent_matrix_is_guessed_by_size(
    width: int, height: int, matrix: int, caplog: pytest.LogCaptureFixture
) -> None:
    clip = core.std.BlankClip(format=vs.YUV444P8, width=width, height=height, length=1)
    clip = clip.std.RemoveFrameProps(["_Matrix", "_Range"])
    tagged, known = colours.tagged(clip), colours.colour(clip)
    assert (known.matrix, known.range, known.guessed) == (matrix, vs.RANGE_LIMITED, ("matrix", "range"))
    assert tagged.get_frame(0).props["_Matrix"] == matrix
    assert len([r for r in caplog.records if r.levelno == logging.WARNING]) == 1


@pytest.mark.parametrize("matrix", [1, 5, 6, 7, 9])
@pytest.mark.parametrize("value_range", [vs.RANGE_LIMITED, vs.RANGE_FULL])
def test_what_is_told_is_kept(matrix: int, value_range: int, caplog: pytest.LogCaptureFixture) -> None:
    clip = BLANK.std.SetFrameProps(_Matrix=matrix, _Range=value_range, _ChromaLocation=vs.CHROMA_TOP_LEFT, _Transfer=16)
    tagged, known = colours.tagged(clip), colours.colour(clip)
    assert (known.matrix, known.range, known.chroma, known.guessed) == (matrix, value_range, vs.CHROMA_TOP_LEFT, ())
    props = tagged.get_frame(4).props
    assert (props["_Matrix"], props["_Range"], props["_Transfer"]) == (matrix, value_range, 16)
    assert not caplog.records


def test_interlacing_is_told(caplog: pytest.LogCaptureFixture) -> None:
    clip = BLANK.std.SetFrameProps(_Matrix=6, _FieldBased=2)
    assert colours.tagged(clip).get_frame(0).props["_FieldBased"] == 0
    assert "deinterlace it first" in caplog.text


@pytest.mark.parametrize(
    ("props", "aspect"),
    [
        ({}, 1),
        ({"_SARNum": 64, "_SARDen": 45}, Fraction(64, 45)),
        ({"_SARNum": 0, "_SARDen": 1}, 1),
        ({"_SARNum": 1, "_SARDen": 0}, 1),
        ({"_SARNum": -4, "_SARDen": 3}, 1),
        ({"_SARNum": "4", "_SARDen": 3}, 1),
    ],
)
def test_pixel_aspect(props: dict, aspect: Fraction) -> None:
    assert colours.pixel_aspect(BLANK.std.SetFrameProps(**props)) == aspect


def test_times_of_a_rate_are_exact_and_cost_no_frame() -> None:
    clip = core.std.BlankClip(BLANK, length=2**27 - 1)
    times = clips.times(clip)
    assert len(times) == clip.num_frames + 1
    assert times[10**8] == Fraction(1001, 30000) * 10**8
    assert times[-1] == times[clip.num_frames]
    assert list(times[2:4]) == [Fraction(2002, 30000), Fraction(3003, 30000)]
    with pytest.raises(IndexError):
        times[clip.num_frames + 1]


def test_times_without_a_rate_are_the_durations() -> None:
    wanted = [Fraction(1, 7), Fraction(1001, 30000), Fraction(2, 5)]
    parts = [BLANK[0].std.SetFrameProps(_DurationNum=d.numerator, _DurationDen=d.denominator) for d in wanted]
    clip = untimed(core.std.Splice(parts))
    assert not clip.fps
    assert clips.known_times(clip) is None
    times = clips.times(clip)
    assert [b - a for a, b in itertools.pairwise(times)] == wanted
    derived = clip.std.FlipVertical()
    assert clips.known_times(derived) is None
    assert clips.known_times(clips.keep_times(derived, clip)) == times


@pytest.mark.parametrize("props", [{"_DurationNum": 0}, {"_DurationDen": 0}, {"_DurationNum": -1}])
def test_a_frame_without_a_duration_is_named(props: dict[str, int]) -> None:
    clip = untimed(core.std.Splice([BLANK[:2], BLANK[2].std.SetFrameProps(**props)]))
    with pytest.raises(FormatError, match="frame 2 of a clip with variable rate has no duration"):
        clips.times(clip)


@pytest.mark.parametrize("name", ["GRAYS", "RGB8", "YUV420P8", "YUV422P10", "YUV411P8"])
@pytest.mark.parametrize("multiple", [1, 4, 8, 64])
def test_padding_mirrors_and_leaves_the_picture(name: str, multiple: int) -> None:
    clip = fr.textured(fr.FORMATS[name], 76, 52, _Matrix=0 if name == "RGB8" else 6)
    padded = clips.pad(clip, multiple)
    assert (padded.width, padded.height) == (-(-76 // multiple) * multiple, -(-52 // multiple) * multiple)
    for before, after in zip(fr.planes(clip), fr.planes(padded), strict=True):
        grown = [(0, after.shape[axis] - before.shape[axis]) for axis in (0, 1)]
        assert np.array_equal(after, np.pad(before, grown, mode="symmetric"))


@given(
    sampling=st.sampled_from(["444", "422", "420", "411", "440"]),
    location=st.sampled_from([0, 1, 2, 3, 4, 5]),
    ratio=st.floats(0.5, 8),
)
def test_chroma_shift_maps_sample_places_onto_each_other(sampling: str, location: int, ratio: float) -> None:
    """The first output sample, taken back into the input, must stand where its luma stands."""
    fmt = core.get_video_format(fr.FORMATS[f"YUV{sampling}P8"])
    shift = colours.chroma_shift(fmt, location, (ratio, ratio))
    for axis, bits in ((0, fmt.subsampling_w), (1, fmt.subsampling_h)):
        step = 1 << bits
        first = fr._along(step, step, fr._sides(location)[axis])[0]  # in luma pixels, of the input as of the output
        taken = (0.5 / ratio + shift[axis] - 0.5) * step + first  # the place that output sample 0 is taken from
        assert taken == pytest.approx(first / ratio, abs=1e-9)
