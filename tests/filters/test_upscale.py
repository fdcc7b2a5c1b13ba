"""Laws of the enlargement: geometry, colour and timing, with networks that are known exactly and with the real ones."""

import logging
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import vapoursynth as vs

import frames as fr
import networks
from shading import Video, assert_near, expected, random_luma
from vsmagic import BackendError, FormatError, ModelError, OptionError, chain, colours, upscale
from vsmagic.models import registry

core = vs.core
LOCATIONS = [
    vs.CHROMA_LEFT, vs.CHROMA_CENTER, vs.CHROMA_TOP_LEFT, vs.CHROMA_TOP, vs.CHROMA_BOTTOM_LEFT, vs.CHROMA_BOTTOM
]  # fmt: skip


@pytest.fixture(scope="module")
def double_rgb(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(networks.double(tmp_path_factory.mktemp("networks") / "double_rgb.onnx", 3))


@pytest.fixture(scope="module")
def double_luma(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(networks.double(tmp_path_factory.mktemp("networks") / "double_luma.onnx", 1))


def constant(name: str, level: float, value_range: int, size: tuple[int, int] = (16, 12)) -> vs.VideoNode:
    """A colour that every matrix can show, in any format and range."""
    fmt = core.get_video_format(fr.FORMATS[name])
    numbers = [level, 0.1, -0.08] if fmt.color_family == vs.YUV else [level, level / 2, level / 3]
    if fmt.sample_type == vs.INTEGER:
        unit = 1 << (fmt.bits_per_sample - 8)
        limited = value_range == vs.RANGE_LIMITED and fmt.color_family != vs.RGB
        luma = (lambda v: (16 + 219 * v) * unit) if limited else (lambda v: v * fr.peak(fmt))
        chroma = lambda v: 128 * unit + v * (224 * unit if limited else fr.peak(fmt))  # noqa: E731
        yuv = fmt.color_family == vs.YUV
        numbers = [round((chroma if n and yuv else luma)(v)) for n, v in enumerate(numbers)]
    width, height = size
    clip = core.std.BlankClip(format=fmt.id, width=width, height=height, length=1, color=numbers[: fmt.num_planes])
    return clip.std.SetFrameProps(_Matrix=fr.matrix_of(name), _Range=value_range, _ChromaLocation=vs.CHROMA_LEFT)


@pytest.mark.parametrize("value_range", [vs.RANGE_LIMITED, vs.RANGE_FULL], ids=["limited", "full"])
@pytest.mark.parametrize("name", fr.FORMATS)
def test_a_constant_stays_that_constant(name: str, value_range: int, double_rgb: str, double_luma: str) -> None:
    """In every format, through both routes, whatever the resampling afterwards."""
    if name.startswith("RGB") and value_range == vs.RANGE_LIMITED:
        value_range = vs.RANGE_FULL
    clip = constant(name, 0.6, value_range)
    for model in (double_rgb, double_luma):
        for size in ((32, 24), (48, 36)):
            result = upscale(clip, model=model, size=size, backend="ort")
            assert (result.format.id, result.width, result.height) == (clip.format.id, *size)
            for before, after in zip(fr.planes(clip), fr.planes(result), strict=True):
                assert np.abs(after - before[0, 0]).max() <= fr.rounding(clip.format)
            assert result.get_frame(0).props.get("_Range", value_range) == value_range


@pytest.mark.parametrize("name", ["YUV420P8", "YUV422P10", "YUV444P16", "YUV420PS", "GRAY8", "GRAYH", "RGB8", "RGBS"])
def test_the_embedded_model_keeps_a_constant(name: str) -> None:
    clip = constant(name, 0.5, vs.RANGE_FULL, (96, 80))
    for model in ("magic-x2", "magic-x4"):
        result = upscale(clip, model=model, scale=3, precision="f32")
        peak, border = fr.peak(clip.format), 17 * 3
        for before, after in zip(fr.planes(clip), fr.planes(result), strict=True):
            error = np.abs(after - before[0, 0]) / peak
            # Beyond the halo nothing of the frame's edge is seen; convolutions take what lies outside for black.
            assert error[border:-border, border:-border].max() <= 0.001 + fr.rounding(clip.format) / peak
            assert error.mean() <= 0.002 + fr.rounding(clip.format) / peak
            assert error.max() <= 0.015


@pytest.mark.parametrize("name", ["YUV420P8", "YUV422P10", "YUV411P8", "RGB8", "GRAY16", "YUV444PH"])
@pytest.mark.parametrize("scale", [1.5, 2, 4])
def test_properties_count_and_durations_are_kept(name: str, scale: float) -> None:
    clip = fr.textured(fr.FORMATS[name], 32, 24, count=3, fps=(30000, 1001), _Matrix=fr.matrix_of(name))
    props = {"_Range": vs.RANGE_FULL, "_SARNum": 64, "_SARDen": 45, "_Transfer": 16, "_Primaries": 9, "mine": 5}
    if name.startswith("YUV4") and "444" not in name:
        props["_ChromaLocation"] = vs.CHROMA_TOP_LEFT
    clip = clip.std.SetFrameProps(**props)
    result = upscale(clip, scale=scale)
    assert (result.width, result.height, result.format.id) == (32 * scale, 24 * scale, clip.format.id)
    assert (result.num_frames, result.fps) == (3, clip.fps)
    assert fr.durations(result) == fr.durations(clip)
    for frame in result.frames(close=True):
        assert {key: frame.props[key] for key in props} == props
        assert frame.props["_Matrix"] == fr.matrix_of(name)


@pytest.mark.parametrize("scale", [1, 2, 4])
def test_what_a_network_of_luma_adds_stands_on_the_bicubic_enlargement(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scale: int
) -> None:
    """Tiled and not, at an odd size: ONNX Runtime and numpy say what comes out."""
    model = random_luma(tmp_path / "network.onnx", scale)
    monkeypatch.setattr(registry, "resolve", lambda *_, **__: model)
    luma = fr.texture(47, 35, seed=6)
    truth = expected(Video(luma=255 * luma, range="full"), model)
    for tile in ("auto", "32x32"):
        result = upscale(fr.grey(luma), model="network", scale=scale, backend="ort", precision="f32", tile=tile)
        assert_near(255 * fr.planes(result)[0].clip(0, 1), truth, 0.01)


@pytest.mark.parametrize("name", ["GRAY8", "RGB8", "YUV444P8"])
def test_odd_sizes(name: str) -> None:
    clip = fr.textured(fr.FORMATS[name], 31, 23, _Matrix=fr.matrix_of(name))
    result = upscale(clip, scale=2)
    assert (result.width, result.height) == (62, 46)
    fr.raw(result)


@pytest.mark.parametrize("name", ["YUV420P8", "GRAYS", "RGB8"])
def test_scale_one_changes_nothing(name: str) -> None:
    clip = fr.textured(fr.FORMATS[name], 32, 24, _Matrix=fr.matrix_of(name))
    assert upscale(clip, scale=1) is clip


@pytest.mark.parametrize("model", ["magic-x2", "magic-x4"])
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_the_picture_does_not_move(model: str, scale: int) -> None:
    """Registered against zimg's bicubic; an enlargement whose kernel is off by half a pixel shows here."""
    clip = fr.grey(fr.texture(64, 48, seed=3))
    result = upscale(clip, model=model, scale=scale, precision="f32")
    bicubic = clip.resize.Bicubic(64 * scale, 48 * scale, filter_param_a=0, filter_param_b=0.5)
    right, down = fr.shift_between(fr.planes(bicubic)[0], fr.planes(result)[0])
    assert right == pytest.approx(0, abs=0.03 * scale)
    assert down == pytest.approx(0, abs=0.03 * scale)


def test_a_flip_before_is_a_flip_after() -> None:
    clip = fr.grey(fr.texture(64, 48, seed=5))
    before = fr.planes(upscale(clip.std.Turn180(), scale=2, precision="f32").std.Turn180())[0]
    after = fr.planes(upscale(clip, scale=2, precision="f32"))[0]
    assert fr.shift_between(before, after) == pytest.approx((0, 0), abs=0.05)
    assert fr.psnr(before, after) > 40


@pytest.mark.parametrize("name", ["RGB8", "RGBS", "RGB16"])
def test_rgb_through_an_exact_model_is_exact(name: str, double_rgb: str) -> None:
    clip = fr.textured(fr.FORMATS[name], 31, 23, _Matrix=0)
    result = upscale(clip, model=double_rgb, scale=2, backend="ort")
    for before, after in zip(fr.planes(clip), fr.planes(result), strict=True):
        assert np.abs(np.kron(before, np.ones((2, 2))) - after).max() <= (0 if name != "RGBS" else 1e-6)


@pytest.mark.parametrize("sampling", ["420", "422", "411", "440"])
@pytest.mark.parametrize("location", LOCATIONS)
def test_chroma_of_the_luma_route_is_zimgs_own(sampling: str, location: int, double_luma: str) -> None:
    clip = fr.textured(fr.FORMATS[f"YUV{sampling}P8"], 64, 48, _Matrix=6, _ChromaLocation=location, _Range=0)
    result = upscale(clip, model=double_luma, scale=3, backend="ort")
    expected = clip.resize.Spline36(192, 144)
    for found, wanted in zip(fr.planes(result)[1:], fr.planes(expected)[1:], strict=True):
        assert np.abs(found - wanted).max() <= 1


@pytest.mark.parametrize("location", LOCATIONS)
@pytest.mark.parametrize("luma", [True, False])
def test_chroma_stands_where_it_belongs(luma: bool, location: int, double_luma: str, double_rgb: str) -> None:
    format_id = vs.YUV420PS
    source = fr.sited(format_id, location, (128, 96))
    clip = fr.clip_of([source], format_id, _Matrix=1, _Range=1, _ChromaLocation=location)
    result = upscale(clip, model=double_luma if luma else double_rgb, scale=2, backend="ort")
    wanted = fr.sited(format_id, location, (256, 192), (0, 0, 128, 96))
    for number in (1, 2):
        inside = np.s_[8:-8, 8:-8]
        difference = np.abs(fr.planes(result)[number][inside] - wanted[number][inside]).max()
        assert difference <= (0.004 if luma else 0.03)  # doubled pixels are steps
        assert fr.shift_between(wanted[number], fr.planes(result)[number]) == pytest.approx((0, 0), abs=0.03)


BARS = {"white": (1, 1, 1), "yellow": (1, 1, 0), "cyan": (0, 1, 1), "green": (0, 1, 0), "magenta": (1, 0, 1),
        "red": (1, 0, 0), "blue": (0, 0, 1), "grey": (0.5, 0.5, 0.5)}  # fmt: skip
WEIGHTS = {vs.MATRIX_ST170_M: (0.299, 0.114), vs.MATRIX_BT709: (0.2126, 0.0722), vs.MATRIX_BT2020_NCL: (0.2627, 0.0593)}


def yuv_of(rgb: tuple[float, ...], matrix: int, value_range: int, bits: int) -> list[int]:
    """H.273's equations, written down again: independent of zimg."""
    kr, kb = WEIGHTS[matrix]
    red, green, blue = (0.75 * c for c in rgb)
    luma = kr * red + (1 - kr - kb) * green + kb * blue
    colour = (blue - luma) / (2 * (1 - kb)), (red - luma) / (2 * (1 - kr))
    unit, top = 1 << (bits - 8), (1 << bits) - 1
    if value_range == vs.RANGE_FULL:
        return [round(luma * top), *(round(c * top + (top + 1) / 2) for c in colour)]
    return [round((219 * luma + 16) * unit), *(round((224 * c + 128) * unit) for c in colour)]


@pytest.mark.parametrize("matrix", WEIGHTS)
@pytest.mark.parametrize("value_range", [vs.RANGE_LIMITED, vs.RANGE_FULL], ids=["limited", "full"])
@pytest.mark.parametrize("bits", [8, 10])
def test_colour_bars_keep_their_colours(
    matrix: int, value_range: int, bits: int, double_luma: str, double_rgb: str
) -> None:
    format_id = fr.FORMATS[f"YUV444P{bits}"]
    codes = [yuv_of(rgb, matrix, value_range, bits) for rgb in BARS.values()]
    bars = [np.repeat(np.array([code[n] for code in codes]), 8)[None].repeat(16, 0) for n in range(3)]
    clip = fr.clip_of([bars], format_id, _Matrix=matrix, _Range=value_range)
    for model in (double_luma, double_rgb):
        result = upscale(clip, model=model, scale=2, backend="ort")
        for n, plane in enumerate(fr.planes(result)):
            for bar, code in enumerate(codes):
                assert np.abs(plane[:, 16 * bar + 6 : 16 * bar + 10] - code[n]).max() <= 1 + (bits > 8)


def test_the_model_sees_rgb_in_that_order(tmp_path: Path) -> None:
    """A model that keeps only its first channel must keep red."""
    from onnx import helper

    weights = {"mask": np.array([1, 0, 0], np.float32).reshape(1, 3, 1, 1)}
    nodes = [
        helper.make_node("Mul", ["input", "mask"], ["first"]),
        helper.make_node("Concat", ["first"] * 4, ["four"], axis=1),
        helper.make_node("DepthToSpace", ["four"], ["output"], blocksize=2),
    ]
    model = networks.save(tmp_path / "red.onnx", nodes, weights=weights)
    clip = core.std.BlankClip(format=vs.RGB24, width=16, height=16, length=1, color=[200, 100, 50])
    result = fr.planes(upscale(clip, model=str(model), scale=2, backend="ort"))
    assert [plane.max() for plane in result] == [200, 0, 0]


@pytest.mark.parametrize("model", ["magic-x2", "double"])
def test_ten_bits_stay_ten_bits(model: str, double_rgb: str) -> None:
    ramp = np.rint(np.linspace(64, 940, 512))[None].repeat(16, 0)
    clip = fr.clip_of([[ramp, *[np.full((8, 256), 512)] * 2]], vs.YUV420P10, _Matrix=1, _Range=vs.RANGE_LIMITED)
    result = upscale(clip, model=double_rgb if model == "double" else model, scale=2)
    levels = np.unique(fr.planes(result)[0][:, 8:-8])  # the ramp has a corner where the frame's border mirrors it
    assert len(levels) > 500
    assert levels.min() >= 60
    assert levels.max() <= 945


@pytest.mark.parametrize(
    ("width", "height", "pixel", "expected"),
    [(64, 36, (1, 1), (3840, 2160)), (36, 64, (1, 1), (1080, 1920)), (720, 576, (64, 45), (3840, 2160))],
)
def test_target_auto_gives_square_pixels(
    width: int, height: int, pixel: tuple[int, int], expected: tuple[int, int]
) -> None:
    clip = core.std.BlankClip(format=vs.YUV420P8, width=width, height=height, length=1)
    clip = clip.std.SetFrameProps(_SARNum=pixel[0], _SARDen=pixel[1], _Matrix=6)
    result = upscale(clip, target="auto")  # builds the graph; no frame is asked for
    assert (result.width, result.height) == expected


def test_pixel_aspect_is_kept_by_scale_and_squared_by_size() -> None:
    clip = fr.textured(vs.YUV420P8, 72, 58, _Matrix=6, _SARNum=64, _SARDen=45)
    assert colours.pixel_aspect(upscale(clip, scale=2)) == Fraction(64, 45)
    squared = upscale(clip, size=(204, 116))
    assert colours.pixel_aspect(squared) == 1
    luma = fr.planes(squared)[0]
    assert luma[:, :4].std() > 1  # no bars: 72 x 64/45 is 102 columns
    assert luma[:, -4:].std() > 1


def test_contain_keeps_the_aspect_between_bars() -> None:
    clip = fr.textured(vs.YUV420P8, 32, 32, _Matrix=6, _Range=vs.RANGE_LIMITED)
    result = upscale(clip, size=(128, 64))
    left, right = result.std.CropAbs(32, 64, 0, 0), result.std.CropAbs(32, 64, 96, 0)
    for bar in (left, right):
        assert [set(plane.flat) for plane in map(np.unique, fr.planes(bar))] == [{16}, {128}, {128}]
    middle = result.std.CropAbs(64, 64, 32, 0)
    assert fr.raw(middle) == fr.raw(upscale(clip, size=(64, 64)))


def test_smaller_than_the_source_needs_no_model(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    clip = fr.textured(vs.YUV420P8, 64, 48, _Matrix=6, _Range=0, _ChromaLocation=0)
    result = upscale(clip, size=(32, 24))
    assert fr.raw(result) == fr.raw(clip.resize.Spline36(32, 24))
    assert "nothing to enlarge" in caplog.text


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"scale": 0}, OptionError, "scale is 0"),
        ({"scale": 2, "size": (64, 48)}, OptionError, "scale and size are both given"),
        ({"size": (65, 48)}, FormatError, "upscale: size is 65x48"),
        ({"target": "4k"}, OptionError, "target is '4k'"),
        ({"scale": 2, "fit": "fill"}, OptionError, "fit is 'fill'"),
        ({"scale": 2, "backend": "ovv"}, OptionError, r"backend 'ovv' is not known.*did you mean ov\?"),
        ({"scale": 2, "precision": "int4"}, OptionError, "int4"),
        ({"scale": 2, "tile": (0, 5)}, OptionError, r"tile is \(0, 5\)"),
        ({"scale": 2, "tile": "8x8"}, OptionError, "tile: 8 pixels are too few"),
        ({"scale": 2, "denoise": 1.5}, OptionError, "denoise is 1.5; expected a number from 0"),
        ({"scale": 2, "denoise": float("nan")}, OptionError, "denoise is nan"),
        ({"scale": 2, "denoise": 0.5}, OptionError, "model auto has no strength to set; .*realesr-general-x4v3"),
        ({"scale": 2, "denoise": 0.5, "model": "magic-x2"}, OptionError, "model magic-x2 has no strength"),
        ({"denoise": 0.5, "model": "realesr-general-x4v3@0.1"}, OptionError, "names a strength too"),
        ({"scale": 1, "backend": "ovv"}, OptionError, "'ovv' is not known"),
        ({"scale": 1, "precision": "int4"}, OptionError, "int4"),
        ({"scale": 1, "tile": "big"}, OptionError, "tile is 'big'"),
        ({"scale": 2, "streams": 0}, OptionError, "streams is 0"),
        ({"scale": 2, "device": -1}, OptionError, "device is -1"),
        ({"scale": 2, "model": "magic-x3"}, ModelError, r"did you mean magic-x\d\?"),
        ({"scale": 2, "model": "/nowhere/a.onnx"}, ModelError, "cannot be read"),
        ({"scale": 2, "backend": "trt"}, BackendError, "backend trt cannot run here"),
        ({"scale": 2, "backend": "ort", "precision": "f16", "strict": True}, BackendError, "f16"),
    ],
)
def test_bad_options_are_told(options: dict, kind: type[Exception], message: str) -> None:
    clip = fr.textured(vs.YUV420P8, 64, 48, _Matrix=6)
    with pytest.raises(kind, match=message) as caught:
        upscale(clip, **options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["realesr-general-x4v3", "RealESR-general-x4v3"])
def test_denoise_is_the_strength_in_the_models_name(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    resolve = registry.resolve
    monkeypatch.setattr(registry, "resolve", lambda name, **_: asked.append(name) or resolve("magic-x4"))
    clip = fr.textured(vs.YUV420P8, 16, 12, _Matrix=6)
    upscale(clip, scale=4, model=name, denoise=0.25)
    chain.apply(chain.from_flags(scale=4, model=name, denoise=1), clip)
    assert asked == ["realesr-general-x4v3@0.25", "realesr-general-x4v3@1.0"]
