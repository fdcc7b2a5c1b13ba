"""Sizes and places of pictures in frames."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsmagic import OptionError
from vsmagic.filters.sizes import FITS, Fit, Target, nearest, output_size, parse_size, parse_target, place
from vsmagic.keyframes import Rect

AUTO = Target(auto=True)


@pytest.mark.parametrize(
    ("width", "height", "pixel", "expected"),
    [
        (1920, 1080, 1, (3840, 2160)),
        (1280, 720, 1, (3840, 2160)),
        (854, 480, 1, (3840, 2160)),  # 1.779
        (1700, 1000, 1, (3840, 2160)),
        (1800, 1000, 1, (3840, 2160)),
        (1810, 1000, 1, (3840, 2122)),
        (1690, 1000, 1, (3650, 2160)),
        (1920, 800, 1, (3840, 1600)),
        (640, 480, 1, (2880, 2160)),
        (160, 120, 1, (2880, 2160)),
        (1080, 1920, 1, (1080, 1920)),
        (550, 1000, 1, (1080, 1920)),
        (600, 1000, 1, (1080, 1920)),
        (610, 1000, 1, (1080, 1770)),
        (540, 1000, 1, (1036, 1920)),
        (720, 576, Fraction(64, 45), (3840, 2160)),
        (720, 576, Fraction(16, 15), (2880, 2160)),
        (1, 1, 1, (2160, 2160)),
        (7680, 4320, 1, (3840, 2160)),
    ],
)
def test_target_auto(width: int, height: int, pixel: Fraction, expected: tuple[int, int]) -> None:
    assert output_size(AUTO, width, height, float(pixel)) == expected


@given(width=st.integers(1, 8000), height=st.integers(1, 8000), pixel=st.floats(0.25, 4))
def test_target_auto_is_even_and_fits_one_of_the_two(width: int, height: int, pixel: float) -> None:
    w, h = output_size(AUTO, width, height, pixel)
    assert w % 2 == h % 2 == 0
    assert (w <= 3840 and h <= 2160) or (w <= 1080 and h <= 1920)
    aspect = width * pixel / height
    if 0.02 < aspect < 50:
        usual = 1.7 <= aspect <= 1.8 or 0.55 <= aspect <= 0.6
        assert w / h == pytest.approx(aspect, rel=0.07 if usual else 2 / min(w, h) + 1e-9)


@pytest.mark.parametrize("scale", [0, -1, float("nan"), float("inf"), "2", True, [2]])
def test_scales_that_are_none(scale: object) -> None:
    with pytest.raises(OptionError, match="scale is "):
        parse_target(scale=scale)


@pytest.mark.parametrize(
    "size",
    ["", "1280", "1280x", "0x720", "-1x5", "1280x720x3", "1e3x10", (0, 5), (1280,), (1.5, 2), (True, 2), 5, "1_0x5"],
)
def test_sizes_that_are_none(size: object) -> None:
    with pytest.raises(OptionError, match="size is "):
        parse_size(size, "size")


@pytest.mark.parametrize("size", ["1280x720", " 1280:720 ", (1280, 720), [1280, 720]])
def test_sizes(size: object) -> None:
    assert parse_size(size, "size") == (1280, 720)


def test_only_one_of_scale_size_and_target() -> None:
    with pytest.raises(OptionError, match="scale and size are both given"):
        parse_target(scale=2, size=(2, 2))
    with pytest.raises(OptionError, match="target is 'uhd'"):
        parse_target(target="uhd")
    assert parse_target() == parse_target(target="auto") == AUTO
    assert parse_target(model_scale=1) == parse_target(scale=1) == Target(scale=1.0)
    assert parse_target(model_scale=2) == parse_target(target="auto", model_scale=1) == AUTO
    assert parse_target(scale=3, model_scale=1) == Target(scale=3.0)


sides = st.floats(1, 4000)
rects = st.builds(Rect, x=st.floats(-100, 4000), y=st.floats(-100, 4000), width=sides, height=sides)
steps = st.sampled_from([(1, 1), (2, 2), (2, 1), (1, 2), (4, 1)])


@pytest.mark.parametrize("fit", FITS)
@given(rect=rects, grid=st.tuples(st.integers(1, 2000), st.integers(1, 2000)), step=steps, aspect=st.floats(0.5, 2))
def test_a_placement_lies_in_the_frame_on_the_chroma_grid(
    fit: Fit, rect: Rect, grid: tuple[int, int], step: tuple[int, int], aspect: float
) -> None:
    width, height = grid[0] * step[0], grid[1] * step[1]
    box = place(rect, (width, height), fit, aspect, step)
    assert box.width > 0
    assert box.height > 0
    assert box.left >= 0
    assert box.top >= 0
    assert box.left + box.width <= width
    assert box.top + box.height <= height
    assert box.left % step[0] == box.width % step[0] == 0
    assert box.top % step[1] == box.height % step[1] == 0
    assert box.source.width > 0
    assert box.source.height > 0


@given(rect=rects, columns=st.integers(20, 2000), rows=st.integers(20, 2000), aspect=st.floats(0.5, 2))
def test_contain_shows_all_and_keeps_the_aspect(rect: Rect, columns: int, rows: int, aspect: float) -> None:
    width, height = 2 * columns, 2 * rows
    box = place(rect, (width, height), "contain", aspect)
    assert box.source == rect
    assert box.width == width or box.height == height
    shape = rect.width * aspect / rect.height
    exact = min(width, height * shape), min(height, width / shape)
    assert abs(box.width - exact[0]) <= max(4, 0.0011 * width)
    assert abs(box.height - exact[1]) <= max(4, 0.0011 * height)
    bars = width - box.width - box.left, height - box.height - box.top
    assert abs(bars[0] - box.left) <= 2
    assert abs(bars[1] - box.top) <= 2


@given(rect=rects, columns=st.integers(20, 2000), rows=st.integers(20, 2000), aspect=st.floats(0.5, 2))
def test_cover_fills_the_frame_and_keeps_the_aspect(rect: Rect, columns: int, rows: int, aspect: float) -> None:
    width, height = 2 * columns, 2 * rows
    box = place(rect, (width, height), "cover", aspect)
    assert (box.left, box.top, box.width, box.height) == (0, 0, width, height)
    source = box.source
    assert source.width * aspect / source.height == pytest.approx(width / height, rel=2e-3)
    assert source.width == pytest.approx(rect.width) or source.height == pytest.approx(rect.height)
    assert source.x + source.width / 2 == pytest.approx(rect.x + rect.width / 2, abs=1e-6)
    assert source.y + source.height / 2 == pytest.approx(rect.y + rect.height / 2, abs=1e-6)


@given(value=st.floats(0, 10000), step=st.integers(1, 8))
def test_nearest(value: float, step: int) -> None:
    found = nearest(value, step)
    assert found % step == 0
    assert found >= step
    assert abs(found - value) <= step / 2 + 1e-9 or found == step
