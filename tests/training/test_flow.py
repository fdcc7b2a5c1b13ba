"""Moving scenes and the network for frames in between: motion is what it claims, runs repeat, exports agree."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from vsmagic.errors import OptionError  # noqa: E402
from vsmagic.models import evaluate  # noqa: E402
from vsmagic.models.displacement import MOTION  # noqa: E402
from vsmagic.training import export_flow, flow, pictures, scenes  # noqa: E402
from vsmagic.training.flownet import FlowNet  # noqa: E402
from vsmagic.training.options import FlowOptions  # noqa: E402
from vsmagic.training.scenes import Pace  # noqa: E402
from vsmagic.training.stencils import Alignment, Comparison, Enlargement, LumaAlignment, enlarged, warp  # noqa: E402

from .conftest import stop  # noqa: E402


@pytest.fixture(scope="module")
def textures():
    return np.stack(pictures.pool(5, 3, 96))


@pytest.fixture
def options(tmp_path):
    return FlowOptions(
        output=tmp_path / "run", name="tiny", pictures=2, picture_size=64, scenes=3, scene_size=48, steps=4, batch=2,
        patch=32, checkpoint_every=2,
    )  # fmt: skip


def floats(scene):
    picture = torch.from_numpy(scene.pictures).float()[None] / 255
    return picture[:, :3], picture[:, 3:6], picture[:, 6:], torch.from_numpy(scene.motion.astype(np.float32))[None]


@pytest.mark.parametrize("number", range(6))
def test_a_scenes_motion_leads_to_what_was_and_will_be(textures, number):
    first, last, between, motion = floats(scenes.scene(1, number, 96, textures, Pace()))
    average = (first + last) / 2
    was, will = warp(first, motion[:, :2]), warp(last, motion[:, 2:])
    # Where nothing hides a place it is found in one of both; most places are found in each.
    best = torch.minimum((was - between).abs(), (will - between).abs()).mean()
    assert best < 0.5 * (average - between).abs().mean() + 0.004
    assert (was - between).abs().median() < 0.03  # light may change


def test_still_scenes_stand_still(textures):
    drawn = scenes.scene(2, 0, 48, textures, Pace(still=1.0, oddity=0.0))
    assert abs(drawn.motion).max() < 1e-5


def test_scenes_depend_on_seed_and_number_alone(textures):
    one, again, other = (scenes.pool(seed, [4, 7], 48, list(textures), pace=Pace()) for seed in (1, 1, 2))
    assert all((a.pictures == b.pictures).all() and a.time == b.time for a, b in zip(one, again, strict=True))
    assert (one[0].pictures != other[0].pictures).any()
    alone = scenes.scene(1, 7, 48, textures, Pace())
    assert (alone.pictures == one[1].pictures).all()
    assert (alone.motion == one[1].motion).all()


def test_turned_and_reversed_patches_keep_their_motion(options):
    options = replace(options, scene_size=64, patch=64, picture_size=96)
    drawn = flow.draw(options)
    for step in range(12):
        given = flow.patches(options, step, drawn)
        was = warp(given.pictures[:, :3], given.motion[:, :2])
        will = warp(given.pictures[:, 3:6], given.motion[:, 2:])
        true = given.pictures[:, 6:]
        assert torch.minimum((was - true).abs(), (will - true).abs()).median() < 0.02


def test_an_untrained_network_mixes_both_by_time():
    first, second = torch.rand(2, 1, 3, 32, 64)
    for time in (0.25, 0.5):
        plane = torch.full((1, 1, 32, 64), time)
        with torch.inference_mode():
            made = FlowNet()(torch.cat([first.expand(1, -1, -1, -1), second.expand(1, -1, -1, -1), plane], 1))
        assert abs(made.mean() - ((1 - time) * first + time * second).mean()) < 0.02


@pytest.mark.parametrize("moved", [(0.3, 0.0), (-0.4, 0.2), (0.0, 0.0)])
def test_aligning_finds_a_shift_of_less_than_a_pixel(moved):
    y, x = torch.meshgrid(torch.arange(40.0), torch.arange(50.0), indexing="ij")

    def seen(dx, dy):
        waves = (10 * torch.sin(a * (x - dx) + b * (y - dy)) for a, b in ((0.5, 0.1), (0.2, -0.6), (0.35, 0.4)))
        return torch.stack(list(waves))[None]

    half = [way / 2 for way in moved]
    was, will = seen(*(-way for way in half)), seen(*half)
    aligning = {"width": 5, "every": 1, "flat": 0.02}
    alone = LumaAlignment(**aligning)(torch.cat([was[:, :1], will[:, :1]], 1))
    same = Alignment(**aligning)(was[:, :1], will[:, :1])
    assert all((one - other).abs().max() < 1e-4 for one, other in zip(alone, same, strict=True))
    step, sure = Alignment(**aligning)(was, will)
    inner = step[0, :, 6:-6, 6:-6]
    assert inner[0].mean() == pytest.approx(moved[0], abs=0.03)
    assert inner[1].mean() == pytest.approx(moved[1], abs=0.03)
    assert 0.5 < sure.min() <= sure.max() <= 1
    flat = torch.full((1, 3, 16, 16), 0.4)
    step, sure = Alignment(**aligning)(flat, flat + 0.1)
    assert step.abs().max() == sure.max() == 0


def test_comparing_finds_where_a_cell_has_gone():
    features = torch.randn(1, 6, 12, 14)
    gone = torch.roll(features, (-1, 2), (2, 3))  # one up, two to the right
    alike = Comparison(6, 2)(features, gone)
    assert alike.shape == (1, 25, 12, 14)
    place = (2 - 1) * 5 + 2 + 2
    assert torch.allclose(alike[0, place, 2:-2, 2:-2], features.square().mean(1)[0, 2:-2, 2:-2], atol=1e-5)


@pytest.mark.parametrize("times", [2, 4])
def test_enlarging_by_a_convolution_is_bilinear(times):
    planes = torch.randn(3, 2, 5, 7)
    assert torch.allclose(Enlargement(times)(planes), enlarged(planes, times), atol=1e-5)


def test_pictures_of_a_batch_do_not_see_each_other():
    torch.manual_seed(3)
    net = FlowNet().eval()
    given = torch.rand(3, 7, 32, 64)
    given[:, 6] = torch.tensor([0.2, 0.5, 0.9])[:, None, None]
    with torch.inference_mode():
        whole, motions, _ = net.look(given)
        for number in range(3):
            alone, found, _ = net.look(given[number : number + 1])
            assert (whole[number] - alone[0]).abs().max() < 1e-5
            assert [len(motion) for motion in found] == [1] * 5
    assert [tuple(motion.shape[1:]) for motion in motions] == [(2, 32 // s, 64 // s) for s in (32, 16, 8, 4, 1)]


@pytest.mark.parametrize("levels", [4, 5])
def test_the_export_computes_what_the_network_does_at_any_size(levels):
    torch.manual_seed(2)
    net = FlowNet(levels).eval()
    content = export_flow.build_onnx(net)
    for height, width in ((net.multiple, net.multiple), (64, 128)):
        given = torch.rand(1, 7, height, width)
        with torch.inference_mode():
            expected = net(given).numpy()
        assert np.abs(evaluate.output(content, given.numpy(), Path("net")) - expected).max() < 1e-4
    assert MOTION.encode() in content


def test_a_run_repeats_and_goes_on_after_a_stop(options, tmp_path):
    _, one = flow.train_flow(options)
    stopped = replace(options, output=tmp_path / "stopped")
    stop(lambda: flow.train_flow(stopped), flow, before=3)
    assert [file.name for file in stopped.output.iterdir()] == ["tiny.checkpoint"]
    _, resumed = flow.train_flow(stopped)
    assert resumed.sha256 == one.sha256
    kept = sorted(file.name for file in stopped.output.iterdir())
    scales = ["tiny-0.25", "tiny-0.5", "tiny"]
    assert kept == sorted(
        [f"{name}.{end}" for name in scales for end in ("json", "onnx")] + ["tiny.training.json", "tiny.weights"]
    )
    facts = json.loads((stopped.output / "tiny.training.json").read_text())
    assert (facts["sha256"], facts["steps"], facts["start"]) == (one.sha256, 4, None)


def test_a_run_goes_on_from_anothers_weights(options, tmp_path):
    flow.train_flow(options)
    weights = options.output / "tiny.weights"
    further = replace(options, output=tmp_path / "further", start=weights, steps=1, seed=9)
    net, _ = flow.train_flow(further)
    before = torch.load(weights, weights_only=True)
    # One step from there moves little; one from random weights would be anywhere.
    assert all((value - before[name]).abs().max() < 0.05 for name, value in net.state_dict().items())


@pytest.mark.parametrize("wrong", [{"patch": 40}, {"patch": 64}, {"steps": 0}, {"scenes": 0}])
def test_options_that_cannot_be_are_refused(options, wrong):
    with pytest.raises(OptionError, match="train flow"):
        replace(options, **wrong)
