"""A crop and the enlargement after it are one: the model sees the source's own pixels."""

from pathlib import Path

import numpy as np
import pytest
import vapoursynth as vs

import frames as fr
import networks
import vsmagic
from vsmagic import clips, dezoom, upscale


def key(x: float, y: float, width: float, height: float, frame: int = 0) -> dict[str, float]:
    return {"frame": frame, "x": x, "y": y, "width": width, "height": height}


KEYS = {
    "still": [key(20.4, 11.7, 48, 36)],
    "pan": [key(6.2, 5.1, 48, 36), key(30.7, 20.3, 48, 36, frame=2)],
    "zoom": [key(0, 0, 128, 96), key(50.3, 40.6, 32, 24, frame=2)],
    "spline": [key(10, 10, 80, 60), key(60, 20, 40, 30, frame=1), key(20, 50, 48, 36, frame=2)],
}


@pytest.mark.parametrize("keys", KEYS)
@pytest.mark.parametrize(
    ("name", "channels"), [("GRAYS", 1), ("YUV420PS", 1), ("YUV411PS", 1), ("GRAYS", 3), ("RGBS", 3), ("YUV444PS", 3)]
)
def test_windows_give_what_the_whole_frame_gives(keys: str, name: str, channels: int, tmp_path: Path) -> None:
    """Enlarging only around the crop equals enlarging all and cropping then."""
    model = str(networks.deep(tmp_path / "deep.onnx", channels, stride=2))
    clip = fr.textured(fr.FORMATS[name], 128, 96, count=3, _Matrix=fr.matrix_of(name), _Range=1)
    easing = "catmull-rom" if keys == "spline" else "linear"
    windowed = upscale(dezoom(clip, keyframes=KEYS[keys], easing=easing), model=model, size=(96, 72), backend="ort")
    whole = upscale(clip, model=model, scale=2, backend="ort")
    doubled = [{**k, **{f: 2 * k[f] for f in ("x", "y", "width", "height")}} for k in KEYS[keys]]
    expected = dezoom(whole, keyframes=doubled, easing=easing, size=(96, 72))
    for n in range(3):
        # Chroma of the luma route is resampled once in one and twice in the other.
        compared = 1 if channels == 1 else clip.format.num_planes
        for a, b in list(zip(fr.planes(windowed, n), fr.planes(expected, n), strict=True))[:compared]:
            assert np.abs(a - b)[4:-4, 4:-4].max() <= 1e-3 * max(1.0, np.abs(b).max())


def test_a_crop_before_an_enlargement_is_taken_over() -> None:
    """The model runs on the source's own pixels: sharper than enlarging the resampled crop."""
    clip = fr.textured(vs.YUV420P8, 128, 96, _Matrix=6)
    cropped = dezoom(clip, keyframes=[key(20, 10, 64, 48)])
    fused, apart = upscale(cropped, scale=2), upscale(cropped.std.SetFrameProps(mine=1), scale=2)
    assert (fused.width, fused.height) == (apart.width, apart.height) == (128, 96)
    inside = np.s_[40:-40, 40:-40]
    assert np.abs(fr.planes(fused)[0][inside] - fr.planes(apart)[0][inside]).max() <= 1


def test_variable_times_outlive_crop_and_enlargement(data: Path) -> None:
    clip = vsmagic.source(data / "clips/derived/vfr_bbb_pattern_720p.mkv")
    cropped = dezoom(clip, keyframes=[{"time": 0, "x": 9.5, "y": 9.5, "width": 64, "height": 36}])
    for result in (upscale(clip, scale=0.5), upscale(cropped, scale=2), upscale(clip, size=(1920, 1080))):
        assert clips.known_times(result) == clips.times(clip)
    assert fr.durations(upscale(cropped, scale=2)[:3]) == fr.durations(clip[:3])
