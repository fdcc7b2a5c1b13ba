"""A chain is data: it survives every form, and applying it is calling the filters."""

import json
import math
from fractions import Fraction
from pathlib import Path

import pytest
import vapoursynth as vs

import networks
import vsmagic
from vsmagic import ChainError, OptionError, VsmagicError, chain
from vsmagic.chain import Chain
from vsmagic.filters.order import Footage, Work
from vsmagic.steps import DezoomStep, InterpolateStep, TrimStep, UpscaleStep

KEYS = [{"time": 0, "x": 0, "y": 0, "width": 32, "height": 24}, {"time": 1, "x": 8, "y": 8, "width": 32, "height": 24}]
CHAINS = [
    Chain(),
    Chain((TrimStep(start=0.1, end=0.5),)),
    Chain((DezoomStep(keyframes=KEYS, easing="smooth", size=(64, 48), fit="cover"), UpscaleStep(size="128x96"))),
    Chain((UpscaleStep(scale=1.5, tile=(64, 32), precision="f32", streams=2, strict=True), TrimStep(end=1.0))),
    Chain((InterpolateStep(fps="60000/1001", flow_scale=0.5), InterpolateStep(multiplier="5/2", slowdown=4))),
    Chain((DezoomStep(keyframes="/a/zoom.json"), UpscaleStep(target="auto", model="/b/model.onnx", backend="ort"))),
]


@pytest.mark.parametrize("steps", CHAINS, ids=lambda c: "-".join(type(s).__name__[:-4] for s in c.steps) or "empty")
def test_json_gives_the_same_chain_back(steps: Chain, tmp_path: Path) -> None:
    text = chain.to_json(steps)
    assert "\n" not in text
    assert chain.parse(text, folder=tmp_path) == steps


def test_toml_and_json_say_the_same(tmp_path: Path) -> None:
    toml, json_file = tmp_path / "a.TOML", tmp_path / "a.json"
    toml.write_text(
        '[[steps]]\nfilter = "dezoom"\nkeyframes = "zoom.json"\n\n'
        '[[steps]]\nfilter = "upscale"\nmodel = "nets/a.onnx"\nsize = [1280, 720]\n'
    )
    json_file.write_text(
        '[{"filter": "dezoom", "keyframes": "zoom.json"}, '
        '{"filter": "upscale", "model": "nets/a.onnx", "size": [1280, 720]}]'
    )
    loaded = chain.load(toml)
    assert loaded == chain.load(json_file)
    assert loaded.steps[0].keyframes == str(tmp_path / "zoom.json")
    assert loaded.steps[1].model == str(tmp_path / "nets" / "a.onnx")


def test_absolute_paths_and_names_stay(tmp_path: Path) -> None:
    for name in ("magic-x2", "animejanai-v3.1-performance", "realesr-general-x4v3@0.5"):  # with a point they were paths
        steps = chain.parse(
            f'[{{"filter": "dezoom", "keyframes": "/z/zoom.json"}}, {{"filter": "upscale", "model": "{name}"}}]',
            folder=tmp_path,
        ).steps
        assert (steps[0].keyframes, steps[1].model) == ("/z/zoom.json", name)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            '[{"filter": "sharpen"}]',
            "step 0: .*sharpen.*The filters are as_progressive, constant_rate, deinterlace, .* trim and upscale",
        ),
        ('[{"filter": "trim"}, {"filter": "upscale", "scael": 2}]', "step 1: .*scael"),
        ('[{"scale": 2}]', "step 0: .*filter"),
        ('[{"filter": "upscale", "scale": "2"}]', r"step 0: .*\$.scale"),
        ('[{"filter": "upscale", "fit": "zoom"}]', r"step 0: .*\$.fit"),
        ('[{"filter": "dezoom"}]', "step 0: .*keyframes"),
        ("[3]", "step 0: "),
        ('{"filter": "trim"}', "expected a list of steps"),
        ("null", "expected a list of steps"),
        ("[", "not valid JSON"),
        ("", "not valid JSON"),
        ("[" * 100_000, "not valid JSON"),
    ],
)
def test_malformed_chains_are_named(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ChainError, match=message) as caught:
        chain.parse(text, folder=tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"steps = 3", "expected a list"),
        (b"[[step]]\nfilter = 'trim'", "expected one list named 'steps'; got step"),
        (b"", "got nothing"),
        (b"[[steps]", "not valid TOML"),
        (b"\xff\xff", "not a text file"),
    ],
)
def test_malformed_toml_is_named(content: bytes, message: str, tmp_path: Path) -> None:
    file = tmp_path / "chain.toml"
    file.write_bytes(content)
    with pytest.raises(ChainError, match=message) as caught:
        chain.load(file)
    assert str(file) in str(caught.value)


@pytest.mark.parametrize("name", ["missing.json", "."])
def test_a_chain_file_that_cannot_be_read(name: str, tmp_path: Path) -> None:
    with pytest.raises(ChainError, match="cannot be read"):
        chain.load(tmp_path / name)


def test_scale_one_changes_nothing() -> None:
    assert chain.from_flags(scale=1) == Chain()
    assert chain.from_flags(scale=1, model="auto") == Chain()


@pytest.mark.parametrize(
    "wrong",
    [{"backend": "nope"}, {"precision": "f8"}, {"tile": "big"}, {"denoise": 0.5}, {"fit": "zoom"}, {"model": "no"}],
)
def test_scale_one_takes_no_wrong_value(wrong: dict[str, str]) -> None:
    """They were dropped in silence."""
    clip = vs.core.std.BlankClip(format=vs.YUV420P8, width=64, height=48, length=1)
    with pytest.raises(VsmagicError, match=f"{next(iter(wrong.values()))}"):
        chain.apply(chain.from_flags(scale=1, **wrong), clip)


def test_scale_one_with_acceptable_values_changes_nothing(picture_clip: vs.VideoNode) -> None:
    steps = chain.from_flags(scale=1, backend="ov", precision="f32", tile="64x64", fit="cover", strict=True)
    assert chain.apply(steps, picture_clip) == picture_clip


def test_no_flags_enlarge_to_the_usual_size() -> None:
    assert chain.from_flags() == Chain((UpscaleStep(),))


def test_flags_become_steps_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    made = chain.from_flags(keyframes="zoom.json", easing="hold", scale=1, start=1.5, end=3.0, fit="cover")
    assert [type(step) for step in made.steps] == [DezoomStep, TrimStep, UpscaleStep]
    assert made.steps[0] == DezoomStep(keyframes=str(tmp_path / "zoom.json"), easing="hold", fit="cover")
    assert made.steps[1] == TrimStep(start=1.5, end=3.0)


def test_flags_that_nothing_uses_are_refused() -> None:
    with pytest.raises(OptionError, match="without keyframes"):
        chain.from_flags(easing="smooth")
    for flag in ({"flow_model": "mvtools"}, {"duplicates": "drop"}, {"order": "upscale-first"}, {"flow_scale": 0.5},
                 {"scene_threshold": 0.3}):  # fmt: skip
        with pytest.raises(OptionError, match=f"{next(iter(flag))} is given without fps"):
            chain.from_flags(scale=2, **flag)
    with pytest.raises(OptionError, match="scene_threshold is given, but scene_changes is ignore"):
        chain.from_flags(fps="60", scene_changes="ignore", scene_threshold=0.3)


@pytest.mark.parametrize("pace", [{"fps": "60"}, {"multiplier": "5/2"}, {"slowdown": "4"}])
def test_a_pace_alone_only_interpolates(pace: dict[str, str]) -> None:
    alone = Chain((InterpolateStep(**pace),))
    assert chain.from_flags(**pace) == alone
    assert chain.from_flags(**pace, scale=1) == alone
    assert [type(step) for step in chain.from_flags(**pace, target="auto").steps] == [InterpolateStep, UpscaleStep]
    assert [type(step) for step in chain.from_flags(**pace, model="magic-x2").steps] == [InterpolateStep, UpscaleStep]


def test_the_order_is_what_is_asked_for_and_cuts_come_first() -> None:
    pace: dict[str, object] = {"fps": "60", "scale": 2, "start": 1.0}
    kinds = {order: [type(step) for step in chain.from_flags(**pace, order=order).steps] for order in chain.ORDERS}
    assert kinds["interpolate-first"] == [TrimStep, InterpolateStep, UpscaleStep]
    assert kinds["upscale-first"] == [TrimStep, UpscaleStep, InterpolateStep]
    made = chain.from_flags(**pace)
    assert [type(step) for step in chain.ordered(made, "upscale-first").steps] == kinds["upscale-first"]
    assert chain.ordered(chain.ordered(made, "upscale-first"), "interpolate-first") == made
    with pytest.raises(OptionError, match="order is 'backwards'"):
        chain.from_flags(**pace, order="backwards")


def test_a_crop_stays_before_its_upscaler() -> None:
    made = chain.from_flags(keyframes="zoom.json", fps="60")
    assert [type(step) for step in made.steps] == [DezoomStep, UpscaleStep, InterpolateStep]
    assert chain.pair(made) is None
    with pytest.raises(OptionError, match="beside keyframes"):
        chain.from_flags(keyframes="zoom.json", fps="60", order="interpolate-first")


def test_the_cheaper_order_comes_first() -> None:
    def work(upscale: float, interpolate: float) -> Work:
        return Work(source=Fraction(24), output=Fraction(60), made=Fraction(48), pixels=100, enlarged=400,
                    upscale=upscale, interpolate=interpolate)  # fmt: skip

    # 48 x 100 x f + 60 x 100 x u against 24 x 100 x u + 48 x 400 x f: equal where u = 4 f
    assert work(1000, 240).cheaper == "upscale-first"
    assert work(1000, 260).cheaper == "interpolate-first"
    assert work(1000, 250).cost("upscale-first") == work(1000, 250).cost("interpolate-first") == 7_200_000


def test_the_estimate_counts_convolutions() -> None:
    footage = Footage(width=64, height=48, pixel_aspect=Fraction(1), rate=Fraction(24))
    steps = Chain((InterpolateStep(fps=60, model="mvtools"), UpscaleStep(scale=2)))
    found = chain.estimate(steps, footage)
    assert found is not None
    assert (found.source, found.output, found.made) == (24, 60, 48)  # of five frames one coincides
    assert (found.pixels, found.enlarged) == (64 * 48, 128 * 96)
    assert found.upscale == pytest.approx(2 * _weights_a_pixel("magic-x2"), rel=1e-6)
    slow = chain.estimate(Chain((InterpolateStep(slowdown=4, model="mvtools"), UpscaleStep(scale=1))), footage)
    assert slow is not None
    assert (slow.source, slow.output, slow.made, slow.upscale) == (6, 24, 18, 0)


def test_a_model_of_scale_one_costs_at_the_size_that_stays(tmp_path: Path) -> None:
    restore = str(networks.luma(tmp_path / "restore.onnx", 1))
    footage = Footage(width=64, height=48, pixel_aspect=Fraction(1), rate=Fraction(24))
    move = InterpolateStep(fps=60, model="mvtools")
    for step in (UpscaleStep(model=restore), UpscaleStep(model=restore, scale=1)):
        found = chain.estimate(Chain((move, step)), footage)
        assert found is not None
        assert (found.enlarged, found.upscale > 0) == (64 * 48, True)


def _weights_a_pixel(name: str) -> float:
    """Multiplications per input pixel: all layers of this network work at half size."""
    import onnx

    from vsmagic.models import registry

    graph = onnx.load(registry.resolve(name).path).graph
    sizes = {weight.name: math.prod(weight.dims) for weight in graph.initializer}
    return sum(sizes[node.input[1]] for node in graph.node if node.op_type == "Conv") / 4


@pytest.mark.parametrize("other", [{"size": "64x48"}, {"target": "auto"}])
def test_scale_one_beside_another_size_is_refused(other: dict[str, str]) -> None:
    """It was taken for 'change nothing', and the size was dropped in silence."""
    clip = vs.core.std.BlankClip(format=vs.YUV420P8, width=64, height=48, length=1)
    with pytest.raises(OptionError, match="scale and "):
        chain.apply(chain.from_flags(scale=1, **other), clip)


@pytest.mark.parametrize("step", [UpscaleStep(scale=math.nan), UpscaleStep(scale=math.inf), TrimStep(start=math.nan)])
def test_numbers_that_are_none_are_refused(step: chain.Step) -> None:
    clip = vs.core.std.BlankClip(format=vs.YUV420P8, width=64, height=48, length=1)
    with pytest.raises(VsmagicError):
        chain.apply(Chain((step,)), clip)


def frames(clip: vs.VideoNode) -> list[bytes]:
    return [b"".join(bytes(plane) for plane in frame) for frame in clip.frames(close=True)]


def test_applying_is_calling_the_filters(picture_clip: vs.VideoNode) -> None:
    steps = Chain((DezoomStep(keyframes=KEYS, easing="smooth"), UpscaleStep(scale=2), TrimStep(start=0.1)))
    by_hand = vsmagic.dezoom(picture_clip, keyframes=KEYS, easing="smooth")
    by_hand = vsmagic.trim(vsmagic.upscale(by_hand, scale=2), start=0.1)
    applied = chain.apply(chain.parse(chain.to_json(steps), folder=Path.cwd()), picture_clip)
    assert (applied.width, applied.height, applied.num_frames) == (64, 48, by_hand.num_frames)
    assert frames(applied) == frames(by_hand)


def test_the_steps_have_the_filters_options() -> None:
    """A filter's new option that its step lacks could not be reached from a chain."""
    import inspect

    for step, function in (
        (DezoomStep, vsmagic.dezoom), (InterpolateStep, vsmagic.interpolate), (UpscaleStep, vsmagic.upscale),
        (TrimStep, vsmagic.trim),
    ):  # fmt: skip
        options = dict(inspect.signature(function).parameters)
        options.pop("clip")
        assert set(step.__struct_fields__) == set(options)
        required = {name for name, option in options.items() if option.default is option.empty}
        given = {"keyframes": KEYS} if required else {}
        made = step(**given)
        assert required == set(given)
        for name in set(options) - required:
            assert getattr(made, name) == options[name].default
    assert json.loads(chain.to_json(Chain((UpscaleStep(),)))) == [{"filter": "upscale"}]
