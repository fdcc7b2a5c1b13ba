"""Training: reproducible to the last bit, stopped or not, and exported as it is."""

import json
import subprocess
import sys
from dataclasses import asdict, replace

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

from vsmagic.training import export, run, sr  # noqa: E402
from vsmagic.training.nets import LumaDoubler, residual  # noqa: E402

from .conftest import stop  # noqa: E402


@pytest.fixture
def options(tmp_path):
    return TrainOptions(
        output=tmp_path, name="tiny", threads=1, pictures=3, picture_size=64, channels=8, depth=1, steps=6, batch=2,
        patch=16, warmup=2, checkpoint_every=3,
    )  # fmt: skip


@pytest.fixture
def net():
    """An untrained network whose last layer is not zero."""
    torch.manual_seed(0)
    net = LumaDoubler(8, 2)
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
    assert sorted(file.name for file in stopped.output.iterdir()) == ["tiny.json", "tiny.onnx", "tiny.training.json"]


def test_an_unfinished_run_with_other_options_is_not_taken_up(options):
    options.output.mkdir(parents=True, exist_ok=True)
    begun = run.begin(lambda: LumaDoubler(options.channels, options.depth), options.seed, options.peak_rate)
    run.save(begun, options.output / f"{options.name}.checkpoint", run.identity(asdict(options)))
    with pytest.raises(OptionError, match="unfinished run with other options"):
        sr.train_sr(replace(options, seed=2))


def test_training_leaves_torch_as_it_was(options):
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    sr.train_sr(options)
    assert before == (torch.get_num_threads(), torch.are_deterministic_algorithms_enabled())


def test_the_loss_falls(options):
    options = replace(options, steps=60, warmup=10, peak_rate=5e-3)
    state = run.begin(lambda: LumaDoubler(options.channels, options.depth), options.seed, options.peak_rate)
    larges = sr.pool(options.seed, options.pictures, options.picture_size)
    smalls = [sr.halve(large) for large in larges]
    patches = sr._patches(options, 0, larges, smalls)
    losses = []
    for _ in range(options.steps):
        sr._step(state, options, *patches)
        losses.append(state.loss)
    assert losses[-1] < 0.9 * losses[0]


def test_patches_match_in_every_turn(options):
    """The small patch is the large one halved, whichever way both were turned."""
    larges = sr.pool(options.seed, options.pictures, options.picture_size)
    smalls = [sr.halve(large) for large in larges]
    for step in range(8):
        large, small = sr._patches(options, step, larges, smalls)
        assert (large.shape, small.shape) == ((2, 1, 32, 32), (2, 1, 16, 16))
        for one, other in zip(large[:, 0].numpy(), small[:, 0].numpy(), strict=True):
            again = sr.halve((one * 255).round().astype(np.uint8)).astype(int)
            assert np.abs(again - other * 255)[3:-3, 3:-3].max() <= 1.01


def test_an_untrained_network_adds_nothing():
    assert not residual(LumaDoubler(8, 1), np.ones((4, 6), dtype=np.float32)).any()


def test_the_onnx_computes_what_the_network_computes(net, tmp_path):
    spec = export.export(net, tmp_path, "x")
    session = onnxruntime.InferenceSession(tmp_path / "x.onnx")
    for shape in [(1, 1, 16, 16), (3, 1, 10, 34)]:
        luma = np.random.default_rng(1).random(shape, dtype=np.float32)
        (output,) = session.run(None, {"luma": luma})
        with torch.inference_mode():
            assert np.abs(output - net(torch.from_numpy(luma)).numpy()).max() < 1e-5
        assert output.shape[2:] == (2 * shape[2], 2 * shape[3])
    assert load_spec(tmp_path / "x.json", ModelSpec) == spec


def test_an_onnx_that_computes_something_else_gets_no_name(net, tmp_path, monkeypatch):
    wrong = export.build_onnx(LumaDoubler(8, 2), "x")
    monkeypatch.setattr(export, "build_onnx", lambda *_: wrong)
    with pytest.raises(ModelError, match="differ by"):
        export.export(net, tmp_path, "x")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "wrong", [{"steps": 0}, {"patch": 15}, {"patch": 200}, {"picture_size": 63}, {"threads": 0}], ids=str
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
