"""The native plugins give what PyTorch gives on the official weights, and the literature's figures."""

from pathlib import Path

import numpy as np
import pytest
import vapoursynth as vs

import frames as fr
from vsmagic import upscale

SET5 = ("baby", "bird", "butterfly", "head", "woman")
PAIRS = ("HD_V3_SuperUltraCompact", "HD_V3_UltraCompact", "HD_V3_Compact")


def by_torch(weights: Path, picture: np.ndarray) -> np.ndarray:
    """What Spandrel's PyTorch network makes of an RGB picture, from 0 to 1."""
    torch = pytest.importorskip("torch")
    spandrel = pytest.importorskip("spandrel")
    network = spandrel.ModelLoader(device="cpu").load_from_file(weights)
    with torch.inference_mode():
        result = network(torch.from_numpy(picture.transpose(2, 0, 1)[None].astype(np.float32)))
    return result[0].clamp(0, 1).numpy().transpose(1, 2, 0)


def by_us(model: Path, picture: np.ndarray, scale: int, format_id: int = vs.RGBS) -> np.ndarray:
    clip = upscale(fr.rgb(picture, format_id), model=str(model), scale=scale, backend="ov", precision="f32")
    return np.stack(fr.planes(clip), axis=2)


def worst(found: np.ndarray, expected: np.ndarray) -> tuple[float, str]:
    """The largest difference, and how many there are of each size in steps of 1/255."""
    difference = np.abs(found - expected)
    counts, edges = np.histogram(difference * 255, bins=[0, 0.01, 0.1, 0.5, 1, 2, 4, 8, 256])
    return float(difference.max()), ", ".join(f"{e:g}/255: {c}" for e, c in zip(edges, counts, strict=False))


def test_animevideov3_is_pytorchs(data: Path) -> None:
    weights = data / "weights/realesr-animevideov3.pth"
    picture = fr.picture(data / "images/set5/butterfly_LRx4.png")[:48, :56]
    largest, histogram = worst(np.clip(by_us(weights, picture, 4), 0, 1), by_torch(weights, picture))
    assert largest <= 1 / 255, histogram


@pytest.mark.parametrize("name", PAIRS)
def test_onnx_is_its_pytorch_twin(name: str, data: Path) -> None:
    picture = fr.picture(data / "images/set5/butterfly_LRx2.png")[:48, :56]
    found = by_us(data / f"weights/2x_AnimeJaNai_{name}-fp32.onnx", picture, 2)
    twin = by_torch(data / f"weights/derived/2x_AnimeJaNai_{name}_from-onnx.pth", picture)
    largest, histogram = worst(found, twin)
    assert largest <= 1 / 255, histogram


def luma(picture: np.ndarray) -> np.ndarray:
    """MATLAB's rgb2ycbcr, which the literature measures on; 0 to 255."""
    return picture @ (65.481, 128.553, 24.966) + 16


def y_psnr(found: np.ndarray, expected: np.ndarray, border: int) -> float:
    inside = np.s_[border:-border, border:-border]
    return fr.psnr(luma(found)[inside], luma(expected)[inside], 255)


@pytest.mark.parametrize(
    ("model", "scale", "expected"),
    [
        ("realesr-animevideov3.pth", 4, 28.23),
        ("derived/realesr-general-x4v3_from-ncnn-fp16.pth", 4, 26.64),
        ("2x_AnimeJaNai_HD_V3_UltraCompact-fp32.onnx", 2, 34.44),
    ],
)
def test_set5_gives_the_figures_measured_elsewhere(model: str, scale: int, expected: float, data: Path) -> None:
    figures = []
    for name in SET5:
        small = fr.picture(data / f"images/set5/{name}_LRx{scale}.png")
        found = by_us(data / "weights" / model, small, scale, vs.RGB24) / 255
        height, width = found.shape[:2]
        figures.append(y_psnr(found, fr.picture(data / f"images/set5/{name}_HR.png")[:height, :width], scale))
    assert np.mean(figures) == pytest.approx(expected, abs=0.05), figures
