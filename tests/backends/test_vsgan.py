"""VSGAN: gives what the plugins give, and refuses what it cannot load."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import vapoursynth as vs

import frames as fr
import vsmagic
from inference import resolved, run
from vsmagic.backends import select
from vsmagic.backends.vsgan import VSGAN, trial
from vsmagic.errors import ModelError

torch = pytest.importorskip("torch", reason="PyTorch is not installed (pip install 'vsmagic[torch]')")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VSMAGIC_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


needs_vsgan = pytest.mark.skipif(
    importlib.util.find_spec("vsgan") is None, reason="VSGAN is not installed (pip install --no-deps vsgan)"
)


@needs_vsgan
@pytest.mark.parametrize("streams", [1, 2])
def test_vsgan_gives_what_the_plugin_gives(streams: int, data: Path) -> None:
    """Of a network whose base is added outside, from a file saved on a GPU; order and properties are kept."""
    model = resolved("realesr-animevideov3.pth", data)
    assert model.spec.base == "nearest"
    clip = fr.textured(vs.RGBS, 40, 24, count=3)
    ours, theirs = run(model, clip, VSGAN, streams=streams), run(model, clip, select.OV)
    for n in range(3):
        assert np.abs(np.stack(fr.planes(ours, n)) - np.stack(fr.planes(theirs, n))).max() < 1e-4
    assert fr.durations(ours) == fr.durations(clip)


@needs_vsgan
def test_vsgan_runs_the_esrgan_family(cache: Path, tmp_path: Path) -> None:
    from spandrel.architectures.ESRGAN.__arch.RRDB import RRDBNet

    torch.manual_seed(1)
    net = RRDBNet(num_filters=16, num_blocks=1, scale=4).eval()
    torch.save(net.state_dict(), tmp_path / "rrdb.pth")
    clip = fr.textured(vs.RGBS, 24, 16)
    result = vsmagic.upscale(clip, model=str(tmp_path / "rrdb.pth"), scale=4, backend="vsgan", precision="f32")
    with torch.no_grad():
        expected = net(torch.from_numpy(np.stack(fr.planes(clip))[None].astype(np.float32))).numpy()[0]
    assert np.abs(np.stack(fr.planes(result)) - expected).max() < 1e-4


@needs_vsgan
def test_the_doctors_trial_of_vsgan_gives_the_picture() -> None:
    found = fr.planes(trial())
    assert [(plane.shape, float(plane.mean())) for plane in found] == [((32, 32), level) for level in (0.25, 0.5, 0.75)]


@needs_vsgan
def test_vsgan_refuses_what_it_cannot_load(cache: Path, tmp_path: Path, data: Path) -> None:
    clip = fr.textured(vs.RGBS, 32, 32)
    onnx = str(data / "weights/2x_AnimeJaNai_HD_V3_SuperUltraCompact-fp32.onnx")
    with pytest.raises(
        ModelError, match=r"\.pth of a network of the ESRGAN family.* comes from .*\.onnx\. Use backend=torch"
    ):
        vsmagic.upscale(clip, model=onnx, scale=2, backend="vsgan", precision="f32")
    whole = torch.load(data / "weights/realesr-animevideov3.pth", map_location="cpu", weights_only=True)["params"]
    torch.save({"params_ema": whole}, tmp_path / "renamed.pth")  # VSGAN takes it for another architecture
    with pytest.raises(ModelError, match=r"VSGAN cannot load .*renamed\.pth .* Use backend=torch"):
        vsmagic.upscale(clip, model=str(tmp_path / "renamed.pth"), scale=2, backend="vsgan", precision="f32")
