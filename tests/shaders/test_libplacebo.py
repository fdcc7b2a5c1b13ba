"""The shaders through libplacebo on Vulkan against ONNX Runtime: at most 1/255 apart anywhere."""

from pathlib import Path

import numpy as np
import pytest
import vapoursynth as vs

import vsmagic
from frames import clip_of
from networks import deep
from shading import Write, assert_near, base, expected, picture, rendered, stored
from vsmagic.models import registry
from vsmagic.models.registry import Model
from vsmagic.shaders.export import PRECISIONS, Precision, Range

PICTURES = [
    ("bsd100/019_HR.png", (100, 100)),
    ("bsd100/005_HR.png", (40, 60)),
    ("anime/scene_lecture_lucy_1280x720.png", (560, 300)),
    ("anime/bbb_720p_t1.8.png", (600, 200)),
]


@pytest.mark.parametrize("precision", PRECISIONS)
def test_real_pictures_are_those_of_the_network(data: Path, magic: Model, write: Write, precision: Precision) -> None:
    videos = [stored(picture(data / "images" / name, (96, 64), corner)) for name, corner in PICTURES]
    for video, got in zip(videos, rendered(videos, write(magic, precision)), strict=True):
        assert_near(got, expected(video, magic))


def test_the_fast_one_too(data: Path, write: Write) -> None:
    fast = registry.resolve("magic-x2-fast")
    video = stored(picture(data / "images/anime/bbb_720p_t1.8.png", (96, 63), (600, 200)))
    (got,) = rendered([video], write(fast, "half"))
    assert_near(got, expected(video, fast))


@pytest.mark.parametrize(
    ("size", "value_range", "bits"), [((37, 21), "full", 8), ((6, 5), "limited", 8), ((1, 2), "limited", 8),
                                      ((45, 34), "limited", 10)]
)  # fmt: skip
def test_any_size_range_and_depth(
    *, data: Path, magic: Model, write: Write, size: tuple[int, int], value_range: Range, bits: int
) -> None:
    video = stored(picture(data / "images/bsd100/019_HR.png", size), value_range, bits)
    (got,) = rendered([video], write(magic, "single", value_range))
    assert_near(got, expected(video, magic))


@pytest.mark.parametrize("stride", [1, 2])
def test_other_networks(tmp_path: Path, data: Path, write: Write, stride: int) -> None:
    """Five by five weights, eight planes, no bias, no base; and groups of planes that are not a multiple of four."""
    path = deep(tmp_path / f"deep{stride}.onnx", stride=stride)
    model = registry.resolve(str(path))
    video = stored(picture(data / "images/bsd100/005_HR.png", (38, 26)))
    (got,) = rendered([video], write(model))
    truth = expected(video, model)
    assert np.std(truth) > 5
    assert_near(got, truth)


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize(
    ("size", "value_range", "bits"), [((96, 64), "limited", 8), ((37, 21), "full", 8), ((1, 2), "limited", 8),
                                      ((46, 34), "limited", 10)]
)  # fmt: skip
def test_other_scales(
    *, data: Path, other_scale: Model, write: Write, precision: Precision, size: tuple[int, int], value_range: Range,
    bits: int,
) -> None:  # fmt: skip
    video = stored(picture(data / "images/bsd100/019_HR.png", size), value_range, bits)
    scale = other_scale.scale
    (got,) = rendered([video], write(other_scale, precision, value_range), scale)
    truth = expected(video, other_scale)
    assert np.std(truth - np.clip(255 * base(video.full, "bicubic", scale), 0, 255)) > 1  # the network counts
    assert_near(got, truth)


@pytest.mark.parametrize("size", [(24, 18), (23, 17), (1, 3)])
def test_the_truth_is_what_the_filter_makes(data: Path, magic: Model, size: tuple[int, int]) -> None:
    """What shaders are compared with here is ``vsmagic.upscale``, where it pads and what it adds included."""
    video = stored(picture(data / "images/bsd100/019_HR.png", size))
    clip = clip_of([[video.luma.astype(np.uint8)]], vs.GRAY8).std.SetFrameProps(_Range=vs.RANGE_LIMITED)
    made = vsmagic.upscale(clip, scale=2, model="magic-x2", backend="ort", precision="f32")
    numbers = np.asarray(made.get_frame(0)[0], dtype=np.float64)
    assert_near(255 * np.clip((numbers - 16) / 219, 0, 1), expected(video, magic), 0.51 * 255 / 219)
