"""PyTorch: architectures that no plugin runs are kept as weights."""

import logging
import warnings
from pathlib import Path

import numpy as np
import pytest
import vapoursynth as vs

import frames as fr
import vsmagic
from inference import run
from vsmagic.errors import BackendError, ModelError
from vsmagic.models import registry, store
from vsmagic.models.add import add

torch = pytest.importorskip("torch", reason="PyTorch is not installed (pip install 'vsmagic[torch]')")


def swinir(path: Path) -> "torch.nn.Module":
    """An architecture of windows, which the exporter fixes to the size it saw; saved at ``path``."""
    from spandrel.architectures.SwinIR.__arch.SwinIR import SwinIR

    torch.manual_seed(1)
    shape = {"embed_dim": 12, "depths": [2], "num_heads": [2], "window_size": 4, "mlp_ratio": 2}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it calls torch.meshgrid in an old way
        net = SwinIR(img_size=16, upscale=2, upsampler="pixelshuffledirect", **shape).eval()
    torch.save({"params": net.state_dict()}, path)
    return net


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VSMAGIC_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_an_architecture_without_onnx_is_kept_and_run(
    cache: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    net = swinir(tmp_path / "swin.pth")
    with caplog.at_level(logging.INFO):
        spec = add(tmp_path / "swin.pth", "swin")
    assert "this SwinIR has no ONNX for every size; only backend torch runs it" in caplog.text
    assert capfd.readouterr().out == ""
    (tmp_path / "swin.pth").unlink()
    assert (spec.form, spec.scale, spec.channels, spec.halo) == ("torch", 2, 3, None)
    assert sorted(path.name for path in store.added("swin").iterdir()) == ["spec.json", "weights.safetensors"]

    clip = fr.textured(vs.RGBS, 37, 29)  # of no multiple
    caplog.clear()
    with caplog.at_level(logging.INFO):
        result = vsmagic.upscale(clip, model="swin", scale=2, precision="f32")
    assert "backend auto: torch, since the model has no ONNX" in caplog.text
    padded = vsmagic.clips.pad(clip, spec.multiple)
    with torch.no_grad():
        expected = net(torch.from_numpy(np.stack(fr.planes(padded))[None].astype(np.float32))).numpy()[0, :, :58, :74]
    assert np.abs(np.stack(fr.planes(result)) - expected).max() < 1e-4


def test_other_backends_and_engines_refuse_it_and_name_the_remedy(cache: Path, tmp_path: Path) -> None:
    from vsmagic.engine import plan
    from vsmagic.engine.key import Shapes
    from vsmagic.engine.library import TENSORRT_RTX

    swinir(tmp_path / "swin.pth")
    model = registry.resolve(str(tmp_path / "swin.pth"))  # as --model swin.pth does
    clip = fr.textured(vs.RGBS, 32, 32)
    for name in ("ov", "ort"):
        with pytest.raises(
            BackendError, match=rf"backend {name} cannot run .*PyTorch alone runs it\. Use backend=torch"
        ):
            vsmagic.upscale(clip, model=str(tmp_path / "swin.pth"), scale=2, backend=name)
    with pytest.raises(ModelError, match=r"no engine can be built of it\. Run it with backend torch"):
        plan.jobs(
            model, TENSORRT_RTX, "1", plan.Target(capabilities=("8.6",)), shapes=Shapes.fixed((32, 32)), precision="f32"
        )


def test_what_an_architecture_does_to_its_result_and_to_small_pictures_is_done(cache: Path, tmp_path: Path) -> None:
    """MixDehazeNet's own forward gives -1 to 1, and it needs 40 pixels; Spandrel knows both."""
    from spandrel.architectures.MixDehazeNet.__arch.MixDehazeNet import MixDehazeNet

    torch.manual_seed(1)
    net = MixDehazeNet(embed_dims=[8, 16, 32, 16, 8], depths=[1, 1, 1, 1, 1]).eval()
    torch.save(net.state_dict(), tmp_path / "mix.pth")
    model = registry.resolve(str(tmp_path / "mix.pth"))
    assert model.spec.multiple % 4 == 0
    assert model.spec.multiple >= 40
    clip = fr.textured(vs.RGBS, 2 * model.spec.multiple, model.spec.multiple)
    with torch.no_grad():
        expected = net(torch.from_numpy(np.stack(fr.planes(clip))[None].astype(np.float32))).numpy()[0] * 0.5 + 0.5
    assert np.abs(np.stack(fr.planes(run(model, clip))) - expected).max() < 1e-4


def test_weights_that_give_no_numbers_are_not_registered(cache: Path, tmp_path: Path) -> None:
    net = swinir(tmp_path / "swin.pth")
    damaged = {
        name: value * float("nan") if value.is_floating_point() else value for name, value in net.state_dict().items()
    }
    torch.save({"params": damaged}, tmp_path / "swin.pth")
    with pytest.raises(ModelError, match="not finite; its weights are damaged"):
        add(tmp_path / "swin.pth")
    assert store.added_names() == []
