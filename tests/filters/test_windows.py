"""A moving crop is always covered, by few window sizes."""

import math

from hypothesis import given
from hypothesis import strategies as st

from vsmagic.filters import windows
from vsmagic.filters.zoom import Zoom
from vsmagic.keyframes import EASINGS, KeyframeTrack

FRAME = (1920, 1080)


class _Clip:
    """All that a Zoom's arithmetic asks of a clip."""

    width, height = FRAME


def plan(zoom: Zoom, frame: tuple[int, int], *, halo: int | None, phase: int) -> windows.Windows:
    return windows.plan(zoom.key_rects(), frame, halo=halo, phase=phase, whole=zoom.spills)


def key(frame: int, x: float, y: float, width: float, height: float) -> dict[str, float]:
    return {"frame": frame, "x": x, "y": y, "width": width, "height": height}


@st.composite
def zooms(draw: st.DrawFn) -> Zoom:
    side = st.floats(2, 2500)
    place = st.floats(-500, 2500)
    keys = [key(10 * n, draw(place), draw(place), draw(side), draw(side)) for n in range(draw(st.integers(1, 4)))]
    track = KeyframeTrack.parse(keys, easing=draw(st.sampled_from(EASINGS)))
    return Zoom(clip=_Clip(), track=track, times=[], fit="contain")


phases = st.sampled_from([1, 2, 4, 8])
halos = st.sampled_from([None, 0, 6, 17, 200])


@given(zoom=zooms(), phase=phases, halo=halos)
def test_every_frame_is_covered_with_its_margin(zoom: Zoom, phase: int, halo: int | None) -> None:
    covers_all(zoom, phase, halo)


def test_a_key_larger_than_the_frame_does_not_outgrow_the_windows() -> None:
    """Shrunk it is 1920x480, yet halfway to the next key the crop is 1920x655."""
    keys = [key(0, -1000, 0, 4000, 1000), key(20, 900, 300, 100, 400)]
    covers_all(Zoom(clip=_Clip(), track=KeyframeTrack.parse(keys), times=[], fit="contain"), 2, 16)


def covers_all(zoom: Zoom, phase: int, halo: int | None) -> None:
    frame = tuple(math.ceil(side / phase) * phase for side in FRAME)
    series = plan(zoom, frame, halo=halo, phase=phase)
    margin = min(32, 32 if halo is None else halo)
    assert all(w <= frame[0] and h <= frame[1] and w % phase == h % phase == 0 for w, h in series.sizes)
    for n in range(10 * len(zoom.track.keys) + 2):
        rect = zoom.rect(n)
        number, left, top = series.cover(rect)
        width, height = series.sizes[number]
        assert left % phase == top % phase == 0
        assert 0 <= left <= frame[0] - width
        assert 0 <= top <= frame[1] - height
        assert left <= max(0, rect.x - margin)
        assert top <= max(0, rect.y - margin)
        assert left + width >= min(frame[0], rect.x + rect.width + margin)
        assert top + height >= min(frame[1], rect.y + rect.height + margin)


def test_a_zoom_of_four_times_needs_few_sizes() -> None:
    keys = [key(0, 0, 0, 1920, 1080), key(100, 720, 405, 480, 270)]
    zoom = Zoom(clip=_Clip(), track=KeyframeTrack.parse(keys), times=[], fit="contain")
    series = plan(zoom, FRAME, halo=16, phase=2)
    assert len(series.sizes) <= 8
    used = {series.cover(zoom.rect(n))[0] for n in range(101)}
    assert used == set(range(len(series.sizes)))


def test_a_pan_needs_one_size_and_costs_what_the_crop_costs() -> None:
    keys = [key(0, 0, 0, 480.5, 270.3), key(100, 1400, 800, 480.5, 270.3)]
    zoom = Zoom(clip=_Clip(), track=KeyframeTrack.parse(keys), times=[], fit="contain")
    series = plan(zoom, FRAME, halo=16, phase=2)
    assert len(series.sizes) == 1
    width, height = series.sizes[0]
    assert width * height < 1.5 * 480.5 * 270.3
