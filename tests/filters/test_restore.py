"""Models of scale 1: they restore, and the size stays unless another is asked for."""

import numpy as np
import pytest
import vapoursynth as vs

import frames as fr
import networks
from vsmagic import dezoom, upscale


@pytest.fixture(scope="module")
def restore(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(networks.luma(tmp_path_factory.mktemp("networks") / "restore.onnx", 1))


@pytest.mark.parametrize("name", ["YUV420P8", "YUV444P16", "GRAY8", "RGB8"])
@pytest.mark.parametrize("how", [{}, {"scale": 1}], ids=["nothing asked for", "scale 1"])
def test_a_model_of_scale_one_restores_at_the_same_size(restore: str, name: str, how: dict[str, float]) -> None:
    clip = fr.textured(fr.FORMATS[name], 32, 24, count=2, fps=(30000, 1001), _Matrix=fr.matrix_of(name))
    clip = clip.std.SetFrameProps(_SARNum=64, _SARDen=45)
    result = upscale(clip, model=restore, backend="ort", **how)
    assert (result.width, result.height, result.format.id) == (32, 24, clip.format.id)
    assert fr.durations(result) == fr.durations(clip)
    assert (result.get_frame(0).props["_SARNum"], result.get_frame(0).props["_SARDen"]) == (64, 45)
    assert np.abs(fr.planes(result)[0] - fr.planes(clip)[0]).max() > 0.05 * fr.peak(clip.format)
    if clip.format.color_family == vs.YUV:
        for before, after in zip(fr.planes(clip)[1:], fr.planes(result)[1:], strict=True):
            assert np.array_equal(before, after)


def test_more_than_a_model_of_scale_one_makes_is_one_resampling(restore: str) -> None:
    clip = fr.grey(fr.texture(32, 24, seed=3))
    restored = upscale(clip, model=restore, backend="ort")
    result = upscale(clip, model=restore, scale=2, backend="ort")
    for size in ({"size": (64, 48)}, {"target": "auto"}):
        assert upscale(clip, model=restore, backend="ort", **size).width == (64 if "size" in size else 2880)
    wanted = restored.resize.Spline36(64, 48)
    assert np.abs(fr.planes(wanted)[0] - fr.planes(result)[0]).max() <= 1e-5


def test_a_crop_is_restored_at_its_size(restore: str) -> None:
    clip = fr.grey(fr.texture(96, 64, seed=4))
    crop = dezoom(clip, keyframes=[{"time": 0, "x": 10, "y": 6, "width": 48, "height": 32}])
    result = upscale(crop, model=restore, backend="ort")
    whole = upscale(clip, model=restore, backend="ort").std.CropAbs(48, 32, 10, 6)
    assert (result.width, result.height) == (48, 32)
    assert np.abs(fr.planes(result)[0] - fr.planes(whole)[0]).max() <= 1e-5
