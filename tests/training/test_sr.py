"""Training: reproducible to the last bit, stopped or not, and exported as it is."""

import json
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from vsmagic.cli import train as command
from vsmagic.errors import ModelError, OptionError, SetupError
from vsmagic.models.spec import ModelSpec, load_spec
from vsmagic.training.options import TrainOptions

torch = pytest.importorskip("torch")
onnxruntime = pytest.importorskip("onnxruntime")

from vsmagic.training import calibration, export, optimise, pairs, run, sr  # noqa: E402
from vsmagic.training import critic as critics  # noqa: E402
from vsmagic.training.degrade import reduced  # noqa: E402
from vsmagic.training.nets import LumaNet, residual  # noqa: E402

from .conftest import stop  # noqa: E402


@pytest.fixture
def options(tmp_path):
    return TrainOptions(
        output=tmp_path, name="tiny", threads=1, pictures=3, picture_size=64, channels=8, depth=2, steps=6, batch=2,
        patch=16, warmup=2, checkpoint_every=3,
    )  # fmt: skip


@pytest.fixture(autouse=True)
def few_pictures(monkeypatch):
    """Networks in 8-bit integers are made as ever, of fewer pictures: no test here is about what they lose."""
    monkeypatch.setattr(calibration, "generated", partial(calibration.generated, calibration=1, check=1))


@pytest.fixture
def net():
    """An untrained network whose last layer is not zero."""
    torch.manual_seed(0)
    net = LumaNet(8, 2)
    torch.nn.init.normal_(net.tail.weight, std=0.1)
    return net


def test_the_same_seed_gives_the_same_file(options, tmp_path):
    _, one = sr.train_sr(options)
    _, other = sr.train_sr(replace(options, output=tmp_path / "again"))
    _, third = sr.train_sr(replace(options, output=tmp_path / "third", seed=2))
    assert one.sha256 == other.sha256 != third.sha256


def test_a_stopped_run_ends_as_an_undisturbed_one(options, tmp_path):
    _, undisturbed = sr.train_sr(options)
    stopped = replace(options, output=tmp_path / "stopped")
    stop(lambda: sr.train_sr(stopped), sr, before=4)
    assert [file.name for file in stopped.output.iterdir()] == ["tiny.checkpoint"]
    _, resumed = sr.train_sr(stopped)
    assert resumed.sha256 == undisturbed.sha256
    assert sorted(file.name for file in stopped.output.iterdir()) == [
        f"tiny.{end}" for end in ("curve.png", "int8.onnx", "json", "onnx", "training.json")
    ]


def test_an_unfinished_run_with_other_options_is_not_taken_up(options):
    stop(lambda: sr.train_sr(options), sr, before=4)
    with pytest.raises(OptionError, match="unfinished run with other options"):
        sr.train_sr(replace(options, seed=2))


def test_training_leaves_torch_as_it_was(options):
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    sr.train_sr(options)
    assert before == (torch.get_num_threads(), torch.are_deterministic_algorithms_enabled())


@pytest.mark.parametrize("arithmetic", ["f32", "bf16"])
def test_the_loss_falls(options, arithmetic):
    options = replace(options, steps=60, warmup=10, arithmetic=arithmetic)
    state = sr.begin(options)
    patches = pairs.patches(pairs.collect(options), options, 0)
    losses = [sr.step(state, options, *patches) for _ in range(options.steps)]
    assert losses[-1] < 0.9 * losses[0]


@pytest.mark.parametrize("scale", [1, 2, 4])
def test_patches_match_in_every_turn(options, scale):
    """The small patch is the large one reduced, whichever way both were turned; worn ones are not far from it."""
    options = replace(options, scale=scale, patch=12, purpose="clean" if scale > 1 else "restore")
    pool = pairs.collect(options)
    errors = []
    for number in range(8):
        large, small = pairs.patches(pool, options, number)
        assert (large.shape, small.shape) == ((2, 1, 12 * scale, 12 * scale), (2, 1, 12, 12))
        for one, other in zip(large[:, 0].numpy(), small[:, 0].numpy(), strict=True):
            again = reduced((one * 255).round().astype(np.uint8), scale).astype(int)
            if one.std():  # not one of the few that are flat
                errors.append(np.abs(again - other * 255)[3:-3, 3:-3])
    assert np.mean(errors) < 30 if scale == 1 else np.max(errors) <= 1.01


def test_a_pool_keeps_the_pictures_for_the_next_run(options, tmp_path, monkeypatch):
    fresh = pairs.collect(options)
    options = replace(options, pool=tmp_path / "pool")
    kept = pairs.collect(options)
    monkeypatch.setattr(pairs, "picture", None)  # nothing is drawn again
    again = pairs.collect(options)
    for pool in (kept, again):
        assert np.array_equal(pool.larges, fresh.larges)
        assert np.array_equal(pool.smalls, fresh.smalls)


def test_a_folder_of_pictures_is_learnt_from(options, tmp_path, data):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "a.png").write_bytes((data / "images" / "set5" / "bird_HR.png").read_bytes())
    drawn, taken = pairs.collect(options), pairs.collect(replace(options, data=tmp_path / "mine"))
    assert drawn.larges.shape == taken.larges.shape
    assert not np.array_equal(drawn.larges, taken.larges)
    assert pairs.fingerprint(tmp_path / "mine") != pairs.fingerprint(tmp_path)


def test_a_run_goes_on_from_a_network_of_another_scale(options, tmp_path):
    made, _ = sr.train_sr(options)
    onward = replace(options, output=tmp_path / "on", start=str(tmp_path / "tiny.onnx"), scale=4, steps=1, patch=8)
    state = sr.begin(onward)
    given, taken = made.state_dict(), state.net.state_dict()
    assert all(torch.equal(taken[name], weight) for name, weight in given.items() if not name.startswith("tail"))
    assert not taken["tail.weight"].any()
    _, spec = sr.train_sr(onward)
    assert spec.scale == 4
    assert spec.made_by == f"{options.command()} && {onward.command()}"
    assert "--from OUT/tiny.onnx" in onward.command()
    with pytest.raises(ModelError, match="8 planes and 2 layers cannot begin one of 8 and 3"):
        sr.begin(replace(onward, depth=3))


def test_a_teacher_draws_the_pupil_towards_it(options, tmp_path):
    """A pupil that listens to its teacher alone ends nearer to it than one that does not."""
    teacher, _ = sr.train_sr(replace(options, steps=60, warmup=5, output=tmp_path / "teacher"))
    path = str(tmp_path / "teacher" / "tiny.onnx")
    alone, _ = sr.train_sr(replace(options, steps=60, seed=2, output=tmp_path / "alone"))
    taught, _ = sr.train_sr(replace(options, steps=60, seed=2, output=tmp_path / "taught", teacher=path, teaching=1.0))
    luma = pairs.collect(options).smalls[0, 0, :32, :32].astype(np.float32) / 255
    distance = [np.abs(residual(net, luma) - residual(teacher, luma)).mean() for net in (taught, alone)]
    assert distance[0] < distance[1]


def test_what_cannot_be_taught_or_computed_is_told_before_anything_is_drawn(options, tmp_path, monkeypatch):
    sr.train_sr(options)
    monkeypatch.setattr(pairs, "collect", None)
    pupil = replace(options, output=tmp_path / "pupil", scale=4, patch=8, teacher=str(tmp_path / "tiny.onnx"))
    with pytest.raises(OptionError, match="enlarges 2 times, and the pupil shall 4"):
        sr.train_sr(pupil)
    with pytest.raises(OptionError, match="--device is 'no-such'"):
        sr.train_sr(replace(options, output=tmp_path / "elsewhere", device="no-such"))


def test_a_critic_learns_beside_the_network_and_survives_a_stop(options, tmp_path):
    options = replace(options, purpose="restore", adversarial=0.01, perceptual=0.1)
    _, undisturbed = sr.train_sr(options)
    stopped = replace(options, output=tmp_path / "stopped")
    stop(lambda: sr.train_sr(stopped), sr, before=4)
    _, resumed = sr.train_sr(stopped)
    _, faithful = sr.train_sr(replace(options, output=tmp_path / "faithful", adversarial=0.0, perceptual=0.0))
    assert resumed.sha256 == undisturbed.sha256 != faithful.sha256


def test_a_critic_learns_to_tell_made_from_true():
    critic = critics.Critic.begin(0)
    judge = torch.optim.AdamW(critic.parameters(), lr=1e-3)
    true = torch.rand(4, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    made = torch.nn.functional.avg_pool2d(true, 3, 1, 1)
    mistakes = []
    for _ in range(30):
        mistakes.append(critic.mistakes(made, true))
        run.descend([judge], mistakes[-1], share=1)
    assert mistakes[-1] < 0.7 * mistakes[0]
    opinion = critic.opinion(true, true)
    assert 10 * opinion.unlikeness < critic.opinion(made, true).unlikeness


def test_kernels_move_in_place_and_evenly():
    """Muon's steps are all but orthogonal: no direction moves much farther than another."""
    net = LumaNet(16, 2).to(memory_format=torch.channels_last)
    before = net.body[0].weight.detach().clone()
    makers = optimise.optimisers(1e-2)(net)
    loss = net(torch.rand(2, 1, 16, 16)).square().mean() + sum(layer.weight.square().sum() for layer in net.body)
    run.descend(makers, loss, share=1)
    moved = (net.body[0].weight.detach() - before).permute(0, 2, 3, 1).reshape(16, -1)
    values = torch.linalg.svdvals(moved)
    assert 0 < values.max() < 3 * values.min()


def test_the_history_tells_every_checkpoint_and_is_drawn(options, data):
    sr.train_sr(replace(options, validate=(data / "images" / "set5",)))
    told = json.loads((options.output / "tiny.training.json").read_text())
    assert [entry["step"] for entry in told["history"]] == [3, 6]
    assert all(20 < entry["set5"] < 40 and entry["loss"] > 0 for entry in told["history"])
    with Image.open(options.output / "tiny.curve.png") as curve:
        assert min(curve.size) > 300


def test_the_command_in_the_spec_makes_the_options_again(options):
    """What the spec says was typed gives the run's options when it is typed."""
    given = replace(options, scale=4, patch=8, content="animation", peak_rate=1e-3, arithmetic="bf16")
    typed = given.command().split()
    assert typed[:3] == ["vsmagic", "train", "sr"]
    with command.sr.make_context("sr", typed[3:]) as context:
        parsed = context.params
    assert (parsed["name"], parsed["scale"], parsed["rate"], parsed["arithmetic"]) == ("tiny", "4", 1e-3, "bf16")
    assert {key: parsed[key] for key in ("seed", "threads", "pictures", "channels", "depth", "steps", "content")} == {
        key: getattr(given, key) for key in ("seed", "threads", "pictures", "channels", "depth", "steps", "content")
    }


def test_an_untrained_network_adds_nothing():
    assert not residual(LumaNet(8, 1), np.ones((4, 6), dtype=np.float32)).any()


def test_the_onnx_computes_what_the_network_computes(net, tmp_path):
    spec = export.export(net, TrainOptions(output=tmp_path, name="x"))
    session = onnxruntime.InferenceSession(tmp_path / "x.onnx")
    for shape in [(1, 1, 16, 16), (3, 1, 10, 34)]:
        luma = np.random.default_rng(1).random(shape, dtype=np.float32)
        (output,) = session.run(None, {"luma": luma})
        with torch.inference_mode():
            assert np.abs(output - net(torch.from_numpy(luma)).numpy()).max() < 1e-5
        assert output.shape[2:] == (2 * shape[2], 2 * shape[3])
    assert load_spec(tmp_path / "x.json", ModelSpec) == spec


def test_an_onnx_that_computes_something_else_gets_no_name(net, tmp_path, monkeypatch):
    wrong = export.build_onnx(LumaNet(8, 2), "x")
    monkeypatch.setattr(export, "build_onnx", lambda *_: wrong)
    with pytest.raises(ModelError, match="differ by"):
        export.export(net, TrainOptions(output=tmp_path, name="x"))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "wrong",
    [
        {"steps": 0},
        {"patch": 15},
        {"patch": 200},
        {"picture_size": 63},
        {"threads": 0},
        {"scale": 3},
        {"scale": 1},
        {"teaching": 2.0},
        {"name": "a/b"},
        {"validate": (Path("a/x"), Path("b/x"))},
        {"validate": (Path("loss"),)},
    ],
    ids=str,
)
def test_wrong_options_are_told_at_once(options, wrong):
    with pytest.raises(OptionError):
        replace(options, **wrong)


# ----------------------------------------------------------------------------------------------------- command line


def test_the_command_trains_measures_and_prints_only_the_table(options, tmp_path, monkeypatch):
    rgb = np.random.default_rng(0).integers(0, 256, (24, 24, 3), dtype=np.uint8)
    Image.fromarray(rgb).save(tmp_path / "a_HR.png")
    Image.fromarray(rgb[::2, ::2]).save(tmp_path / "a_LRx2.png")
    monkeypatch.setattr(sr, "train_sr", lambda given: _with_small_sizes(given, options))
    arguments = ["sr", "--output", str(tmp_path / "out"), "--steps", "2", "--seed", "3", "--evaluate", str(tmp_path)]
    result = CliRunner().invoke(command.train, arguments, catch_exceptions=False)
    assert [line.split()[0] for line in result.stdout.splitlines()] == ["picture", "a", "mean"]
    facts = json.loads((tmp_path / "out" / "magic-x2.training.json").read_text())
    assert (facts["steps"], facts["seed"]) == (2, 3)


def _with_small_sizes(given, options, train_sr=sr.train_sr):
    small = replace(options, output=given.output, name=given.name, steps=given.steps, seed=given.seed)
    return train_sr(small)


def test_the_command_tells_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(command, "NEEDED", ("torch", "no_such_module"))
    with pytest.raises(SetupError, match=r"no_such_module.*pip install 'vsmagic\[train\]'"):
        CliRunner().invoke(command.train, ["sr", "--output", str(tmp_path)], catch_exceptions=False)


def test_the_command_loads_neither_torch_nor_numpy_until_it_runs():
    code = "import sys, vsmagic.training, vsmagic.cli.train; print({'torch', 'numpy', 'PIL'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
