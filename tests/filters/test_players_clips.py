"""A player's clip: it claims no end and no rate, tells colours in mpv's way, and is not looked at before it plays."""

from fractions import Fraction

import numpy as np
import pytest
import vapoursynth as vs

import frames as fr
import networks
from vsmagic import OptionError, colours, dezoom, interpolate, trim, upscale

core = vs.core
KEY = [{"time": 0, "x": 0, "y": 0, "width": 48, "height": 32}]
FRAMES = 134_217_727
DURATIONS = [Fraction(1, 25), Fraction(1, 30), Fraction(1, 12)]
TOLD = [{"_ColorSpace": matrix, "_Range": full} for matrix, full in ((1, 0), (6, 1), (9, 0))]
KNOWN = [{"_Matrix": 1, "_Range": 0}, {"_Matrix": 6, "_Range": 1}, {"_Matrix": 9, "_Range": 0}]


@pytest.fixture(scope="module")
def double(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(networks.double(tmp_path_factory.mktemp("networks") / "double.onnx", 3))


class Players:
    """A clip as mpv's filter hands it over, from a few frames that go round, and whether it may be looked at."""

    def __init__(self, clip: vs.VideoNode | None = None, **props: int) -> None:
        self.shown = False
        clip = (self._three(props) if clip is None else clip).std.Loop()[:FRAMES]

        def see(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
            assert self.shown, "a frame was asked for while the filters were built"
            return f

        self.clip = clip.std.ModifyFrame(clip, see)

    def _three(self, props: dict[str, int]) -> vs.VideoNode:
        random = np.random.default_rng(3)
        shapes = [(64, 96), (32, 48), (32, 48)]
        parts = []
        for told, duration in zip(TOLD, DURATIONS, strict=True):
            planes = [random.integers(30, 220, shape) for shape in shapes]
            part = fr.clip_of([planes], vs.YUV420P8, fps=(1 / duration).as_integer_ratio())
            part = part.std.RemoveFrameProps(["_Matrix", "_Range"])
            parts.append(part.std.SetFrameProps(**told, **props, _ChromaLocation=2, _MP_IMAGE=7, _FieldBased=0))
        return core.std.Splice(parts)

    def told(self, n: int) -> vs.VideoNode:
        """Frame n alone, as a file's source tells its colours."""
        frame = self.clip[n : n + 2].std.AssumeFPS(fpsnum=25)
        return frame.std.SetFrameProps(**KNOWN[n % 3])


def same(one: vs.VideoNode, n: int, other: vs.VideoNode, m: int = 0) -> bool:
    return all((a == b).all() for a, b in zip(fr.planes(one, n), fr.planes(other, m), strict=True))


@pytest.mark.parametrize("model", ["magic-x2", "double"])
def test_upscale_takes_each_frames_own_colours_and_looks_at_none_before(model: str, double: str) -> None:
    players = Players(_SARNum=16, _SARDen=15)
    model = double if model == "double" else model
    result = upscale(players.clip, scale=2, model=model, backend="ov")
    players.shown = True
    assert (result.width, result.height, result.num_frames, result.fps) == (192, 128, FRAMES, 0)
    for n in (0, 1, 2, 4):
        assert same(result, n, upscale(players.told(n), scale=2, model=model, backend="ov"))
        props = result.get_frame(n).props
        assert Fraction(props["_DurationNum"], props["_DurationDen"]) == DURATIONS[n % 3]
        assert (props["_MP_IMAGE"], props["_SARNum"], props["_SARDen"]) == (7, 16, 15)
        assert {name: props[name] for name in ("_Matrix", "_Range")} == KNOWN[n % 3]


def test_a_size_in_square_pixels_needs_square_pixels() -> None:
    square = Players(_SARNum=1, _SARDen=1)
    result = upscale(square.clip, size=(150, 100))
    square.shown = True
    assert same(result, 1, upscale(square.told(1), size=(150, 100)))
    wide = Players(_SARNum=16, _SARDen=15)
    result = upscale(wide.clip, target="auto", model="magic-x2")
    wide.shown = True
    with pytest.raises(vs.Error, match=r"pixels of this video are 16/15 as wide as high.*Give scale"):
        result.get_frame(0)


@pytest.mark.parametrize("model", ["magic-flow", "mvtools"])
@pytest.mark.parametrize("multiplier", ["2", "5/2", "6/5", "3"])
def test_interpolate_divides_what_lies_between_two_frames(model: str, multiplier: str) -> None:
    players, by = Players(), Fraction(multiplier)
    result = interpolate(players.clip, multiplier=multiplier, model=model, scene_changes="ignore")
    players.shown = True
    assert result.fps == 0
    assert result.num_frames >= (FRAMES - 3) * by
    ends = [sum(DURATIONS[k % 3] for k in range(n)) for n in range(8)]

    def moment(k: int) -> Fraction:
        at = k / by
        return ends[int(at)] + (at - int(at)) * DURATIONS[int(at) % 3]

    for k in range(int(6 * by)):
        props = result.get_frame(k).props
        assert Fraction(props["_DurationNum"], props["_DurationDen"]) == moment(k + 1) - moment(k)
        assert props["_MP_IMAGE"] == 7
        if (k / by).denominator == 1:
            assert same(result, k, players.clip, int(k / by))


def test_interpolated_frames_have_the_colours_of_the_frame_before_them() -> None:
    players = Players()
    result = interpolate(players.clip, multiplier=2, model="magic-flow", scene_changes="ignore")
    players.shown = True
    for n in range(3):
        props = result.get_frame(2 * n + 1).props
        assert (props["_Matrix"], props["_Range"]) == (KNOWN[n]["_Matrix"], KNOWN[n]["_Range"])


def test_scene_changes_are_looked_for_only_when_it_plays() -> None:
    random = np.random.default_rng(1)
    scenes = [random.integers(20, 230, (8, 12)).repeat(12, 0).repeat(12, 1) for _ in range(2)]
    pictures = [[np.roll(scenes[n // 4], n, 1)] + [np.full((48, 72), 128)] * 2 for n in range(8)]
    clip = fr.clip_of(pictures, vs.YUV420P8)
    players = Players(clip=core.std.Splice([clip[:4], clip[4:].std.AssumeFPS(fpsnum=24)]))
    result = interpolate(players.clip, multiplier=2, model="mvtools")
    players.shown = True
    assert same(result, 7, players.clip, 4)
    assert not same(result, 5, players.clip, 3)


def test_repeats_in_a_players_clip_are_made_once_and_looked_for_three_frames_back() -> None:
    """mpv keeps no more than four frames for each that it asks for at the same time."""
    asked: list[int] = []
    still = fr.textured(vs.YUV420P8, 64, 48, _Matrix=6).std.Loop()
    still = core.std.Splice([still[0].std.AssumeFPS(fpsnum=24), still[:100].std.AssumeFPS(fpsnum=25)]).std.Loop()
    still = still[:FRAMES]

    def note(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        asked.append(n)
        return f

    result = upscale(still.std.ModifyFrame(still, note), scale=2)
    frames = [result.get_frame(n) for n in range(40, 60)]
    assert all((np.asarray(frame[0]) == np.asarray(frames[0][0])).all() for frame in frames)
    assert min(asked) >= 36


@pytest.mark.parametrize("filtered", [lambda c: trim(c, start=1), lambda c: dezoom(c, keyframes=KEY)])
def test_what_needs_times_from_the_start_is_refused(filtered) -> None:
    with pytest.raises(OptionError, match="player's, whose"):
        filtered(Players().clip)


def test_a_color_space_counts_where_there_is_no_matrix() -> None:
    clip = fr.textured(vs.YUV420P8, 64, 48).std.RemoveFrameProps(["_Matrix", "_Range"])
    for told, matrix in (({"_ColorSpace": 5}, 5), ({"_ColorSpace": 5, "_Matrix": 9}, 9), ({"_ColorSpace": 2}, 6)):
        assert colours.colour(clip.std.SetFrameProps(**told)).matrix == matrix


def test_a_frame_without_a_duration_fails_with_words() -> None:
    players = Players()
    players.shown = True
    bare = players.clip.std.RemoveFrameProps(["_DurationNum"])
    with pytest.raises(vs.Error, match="has no duration"):
        interpolate(bare, multiplier=2, model="mvtools", scene_changes="ignore").get_frame(0)
