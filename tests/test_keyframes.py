"""Laws of keyframes: what lies between them, and what is refused."""

import itertools
import json
import math
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vsmagic import KeyframeError
from vsmagic.keyframes import EASINGS, Easing, Keyframe, KeyframeTrack, Rect

RECT = {"x": 1, "y": 2, "width": 30, "height": 40}
pixels = st.floats(-5000, 5000)
sizes = st.floats(0.5, 8000)
rects = st.builds(Rect, x=pixels, y=pixels, width=sizes, height=sizes)


def entry(moment: float, x: float, y: float = 0, width: float = 100, height: float = 50, **more: object) -> dict:
    return {"frame": moment, "x": x, "y": y, "width": width, "height": height, **more}


GOLDEN = [entry(0, 0, 0), entry(10, 100, 50), entry(20, 200, 0), entry(30, 300, 80)]


@st.composite
def tracks(draw: st.DrawFn, easing: Easing) -> KeyframeTrack:
    times = draw(st.lists(st.fractions(0, 100, max_denominator=1001), min_size=1, max_size=6, unique=True))
    return KeyframeTrack.of([Keyframe(time=time, rect=draw(rects)) for time in times], easing=easing)


def test_catmull_rom_gives_the_designs_numbers() -> None:
    track = KeyframeTrack.parse(GOLDEN, easing="catmull-rom")
    assert (track.at(5).x, track.at(5).y) == (43.75, 28.125)
    assert (track.at(15).x, track.at(15).y) == (150, 23.125)


@pytest.mark.parametrize("easing", EASINGS)
@given(data=st.data())
def test_every_key_is_met_and_the_ends_hold(easing: Easing, data: st.DataObject) -> None:
    track = data.draw(tracks(easing))
    for key in track.keys:
        assert track.at(key.time).values() == pytest.approx(key.rect.values(), abs=1e-9)
    assert track.at(track.keys[0].time - 1) == track.keys[0].rect
    assert track.at(track.keys[-1].time + Fraction(1, 1000)) == track.keys[-1].rect


@pytest.mark.parametrize("easing", EASINGS)
@given(data=st.data(), moment=st.fractions(0, 100, max_denominator=1001))
def test_no_crop_is_smaller_than_the_smallest_key(easing: Easing, data: st.DataObject, moment: Fraction) -> None:
    track = data.draw(tracks(easing))
    rect = track.at(moment)
    assert all(map(math.isfinite, rect.values()))
    assert rect.width >= min(key.rect.width for key in track.keys) * (1 - 1e-12)
    assert rect.height >= min(key.rect.height for key in track.keys) * (1 - 1e-12)


@pytest.mark.parametrize("easing", ["linear", "hold", "smooth"])
@given(data=st.data(), moment=st.fractions(0, 100, max_denominator=1001))
def test_between_two_keys_nothing_leaves_their_range(easing: Easing, data: st.DataObject, moment: Fraction) -> None:
    track = data.draw(tracks(easing))
    before = max((key for key in track.keys if key.time <= moment), key=lambda key: key.time, default=track.keys[0])
    after = min((key for key in track.keys if key.time >= moment), key=lambda key: key.time, default=track.keys[-1])
    for value, a, b in zip(track.at(moment).values(), before.rect.values(), after.rect.values(), strict=True):
        assert min(a, b) - 1e-9 <= value <= max(a, b) + 1e-9


@given(
    steps=st.lists(st.floats(0, 500), min_size=1, max_size=5),
    gaps=st.lists(st.integers(1, 50), min_size=5, max_size=5),
)
def test_smooth_is_monotone_between_monotone_keys(steps: list[float], gaps: list[int]) -> None:
    keys, frame, x = [entry(0, 0)], 0, 0.0
    for step, gap in zip(steps, gaps, strict=False):
        frame, x = frame + gap, x + step
        keys.append(entry(frame, x))
    track = KeyframeTrack.parse(keys, easing="smooth")
    values = [track.at(Fraction(n, 8)).x for n in range(8 * frame + 1)]
    assert all(b >= a - 1e-9 for a, b in itertools.pairwise(values))


def test_smooth_has_no_corner_at_a_key() -> None:
    track = KeyframeTrack.parse([entry(0, 0), entry(10, 100), entry(30, 200)], easing="smooth")
    step = Fraction(1, 1000)
    left, right = track.at(10).x - track.at(10 - step).x, track.at(10 + step).x - track.at(10).x
    assert left == pytest.approx(right, rel=1e-2)
    assert left > 0


def test_hold_stays_until_the_next_key() -> None:
    track = KeyframeTrack.parse(GOLDEN, easing="hold")
    assert track.at(Fraction(99999, 10000)).x == 0
    assert track.at(10).x == 100


def test_a_segment_has_the_easing_of_the_key_it_starts_at() -> None:
    track = KeyframeTrack.parse([entry(0, 0, easing="hold"), entry(10, 100), entry(20, 200)])
    assert (track.at(9).x, track.at(15).x) == (0, 150)


@given(
    a=st.integers(0, 10**6),
    gap=st.integers(1, 10**6),
    part=st.fractions(0, 1, max_denominator=64),
    x=st.integers(0, 99),
)
def test_linear_is_exact(a: int, gap: int, part: Fraction, x: int) -> None:
    """Neither the moment of a key nor how far it is from zero costs precision."""
    start = Fraction(a, 1001)
    track = KeyframeTrack.of(
        [
            Keyframe(time=start, rect=Rect(x=x, y=0, width=64, height=64)),
            Keyframe(time=start + Fraction(gap, 1001), rect=Rect(x=x + 64, y=0, width=128, height=64)),
        ]
    )
    rect = track.at(start + part * Fraction(gap, 1001))
    assert rect.x == pytest.approx(x + 64 * float(part), abs=1e-12)
    assert rect.width == pytest.approx(64 * (1 + float(part)), abs=1e-12)


def test_a_decimal_time_is_the_decimal() -> None:
    track = KeyframeTrack.parse([{"time": 0.1, **RECT}, {"time": 2, **RECT, "x": 5}])
    assert [key.time for key in track.keys] == [Fraction(1, 10), Fraction(2)]
    assert not track.in_frames


def test_keys_are_sorted() -> None:
    assert KeyframeTrack.parse(GOLDEN[::-1]).keys == KeyframeTrack.parse(GOLDEN).keys


@example(rect=Rect(x=0, y=0, width=4345.119140625, height=1), width=233, height=1)
@given(rect=rects, width=st.integers(1, 8000), height=st.integers(1, 8000))
def test_inside_is_inside_keeps_aspect_and_settles(rect: Rect, width: int, height: int) -> None:
    result = rect.inside(width, height)
    slack = 1e-9 * max(width, height)
    assert result.x >= 0
    assert result.y >= 0
    assert result.x + result.width <= width + slack
    assert result.y + result.height <= height + slack
    assert result.width / result.height == pytest.approx(rect.width / rect.height, rel=1e-9)
    assert result.inside(width, height).values() == pytest.approx(result.values(), rel=1e-9, abs=slack)
    fits = rect.width <= width and rect.height <= height
    assert result.width == (rect.width if fits else pytest.approx(result.width))
    if fits and 0 <= rect.x <= width - rect.width and 0 <= rect.y <= height - rect.height:
        assert result == rect


def test_one_larger_than_the_frame_is_shrunk_about_its_centre() -> None:
    assert Rect(x=-100, y=-50, width=2120, height=1180).inside(1920, 1080).values() == pytest.approx(
        (0, (-50 + 590) - 1180 * 1920 / 2120 / 2, 1920, 1180 * 1920 / 2120)
    )


MALFORMED: dict[str, tuple[object, str]] = {
    "NaN": ([{"time": 0, **RECT}, {"time": 1, **RECT, "x": math.nan}], r"entry 1: field 'x' is nan"),
    "inf": ([{"time": 0, **RECT, "height": math.inf}], r"entry 0: field 'height' is inf"),
    "NaN time": ([{**RECT, "time": math.nan}], r"entry 0: field 'time' is nan"),
    "zero size": ([{"time": 0, **RECT, "width": 0}], r"entry 0: field 'width' is 0; expected a size above 0"),
    "negative size": ([{"time": 0, **RECT, "height": -3}], r"entry 0: field 'height' is -3"),
    "negative time": ([{"time": -0.5, **RECT}], r"entry 0: field 'time' is -0.5; expected seconds from 0"),
    "negative frame": ([{"frame": -1, **RECT}], r"entry 0: field 'frame' is -1"),
    "half a frame": ([{"frame": 1.5, **RECT}], r"entry 0: field 'frame' is 1.5"),
    "empty list": ([], r"the list is empty"),
    "unknown field": ([{"time": 0, **RECT, "widht": 3}], r"entry 0: unknown field 'widht'"),
    "both": ([{"time": 0, "frame": 0, **RECT}], r"entry 0: expected one of 'time' \(seconds\) and 'frame'"),
    "neither": ([RECT], r"entry 0: expected one of 'time' \(seconds\) and 'frame'"),
    "mixed": ([{"time": 0, **RECT}, {"frame": 5, **RECT}], r"some entries have 'time' and some 'frame'"),
    "missing": ([{"time": 0, "x": 0, "y": 0, "width": 5}], r"entry 0: field 'height' is missing"),
    "bool": ([{"time": 0, **RECT, "x": True}], r"entry 0: field 'x' is True"),
    "bool frame": ([{"frame": True, **RECT}], r"entry 0: field 'frame' is True"),
    "string": ([{"time": 0, **RECT, "y": "3"}], r"entry 0: field 'y' is '3'"),
    "null": ([{"time": None, **RECT}], r"entry 0: field 'time' is None"),
    "same moment": ([{"time": 1, **RECT}, {"time": 1.0, **RECT}], r"two entries stand at the same moment, 1"),
    "easing": ([{"time": 0, **RECT, "easing": "bounce"}], r"entry 0: field 'easing': unknown easing 'bounce'"),
    "easing of a wrong type": ([{"time": 0, **RECT, "easing": [1]}], r"entry 0: field 'easing'"),
    "entry is a list": ([[1, 2]], r"entry 0: got a list"),
    "no list": ({"time": 0, **RECT}, r"got a dict; expected a list"),
    "a string": ("zoom", r"got a str; expected a list"),
    "null list": (None, r"got nothing; expected a list"),
    "huge": ([{"time": 0, **RECT, "x": 1e308}], r"entry 0: field 'x' is too large"),
    "huge integer": ([{"time": 0, **RECT, "x": 10**400}], r"entry 0: field 'x' is too large"),
    "huge time": ([{"time": 1e300, **RECT}], r"entry 0: field 'time' is too large"),
    "huge frame": ([{"frame": 10**400, **RECT}], r"entry 0: field 'frame' is too large"),
}


@pytest.mark.parametrize("case", MALFORMED)
@pytest.mark.parametrize("way", ["list", "file"])
def test_malformed_entries_are_named(case: str, way: str, tmp_path: Path) -> None:
    entries, message = MALFORMED[case]
    file = tmp_path / "zoom.json"
    file.write_text(json.dumps(entries))
    call: Callable[[], object] = (
        (lambda: KeyframeTrack.parse(entries)) if way == "list" else (lambda: KeyframeTrack.load(file))
    )
    with pytest.raises(KeyframeError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)
    assert way == "list" or str(file) in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not valid JSON"),
        (b"time,x,y\n0,1,2", "not valid JSON"),
        (b"[{]", "not valid JSON"),
        (b"\xff\xfe\x00", "not a text file"),
        (b"[" * 100_000, "not valid JSON"),
        (b'[{"time": ' + b"9" * 5000 + b"}]", "not valid JSON"),
        (b'[{"time": 0, "x": 1, "x": 2, "y": 0, "width": 5, "height": 5}]', "field 'x' is given twice"),
    ],
    ids=["empty", "csv", "broken", "binary", "nested", "digits", "field twice"],
)
def test_a_file_that_is_no_list_of_keyframes(content: bytes, message: str, tmp_path: Path) -> None:
    file = tmp_path / "zoom.json"
    file.write_bytes(content)
    with pytest.raises(KeyframeError, match=message) as caught:
        KeyframeTrack.load(file)
    assert str(file) in str(caught.value)


@pytest.mark.parametrize("name", ["missing.json", ".", "nul\0.json"])
def test_a_file_that_cannot_be_read(name: str, tmp_path: Path) -> None:
    with pytest.raises(KeyframeError):
        KeyframeTrack.load(tmp_path / name)


def test_a_file_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    file = tmp_path / "zoom.json"
    file.write_bytes(b"\xef\xbb\xbf" + json.dumps([{"time": 0, **RECT}]).encode())
    assert KeyframeTrack.load(file).keys[0].rect == Rect(**RECT)


@pytest.mark.parametrize(
    "build",
    [
        lambda: KeyframeTrack.of([]),
        lambda: KeyframeTrack.of([Keyframe(rect=Rect(**RECT))]),
        lambda: KeyframeTrack.of([Keyframe(time=Fraction(0), rect=Rect(x=math.nan, y=0, width=1, height=1))]),
        lambda: KeyframeTrack.of([Keyframe(time=Fraction(0), rect=Rect(x=0, y=0, width=0, height=1))]),
        lambda: KeyframeTrack.of([Keyframe(time=Fraction(0), rect=Rect(**RECT))], easing="bounce"),
        lambda: KeyframeTrack(keys=()),
        lambda: KeyframeTrack(keys=tuple(Keyframe(frame=n, rect=Rect(**RECT)) for n in (5, 0))),
    ],
    ids=["no keys", "no moment", "NaN", "no width", "easing", "no keys at all", "unsorted"],
)
def test_keys_made_in_python_are_checked_too(build: Callable[[], object]) -> None:
    with pytest.raises(KeyframeError):
        build()
