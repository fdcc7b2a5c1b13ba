"""Worn pictures lie where the large ones do, follow the generator's state alone, and are worn by real codecs."""

import itertools
import os
import subprocess
import sys

import numpy as np
import pytest

from vsmagic.errors import OptionError
from vsmagic.training import pictures
from vsmagic.training.degrade import to_plane
from vsmagic.training.wear import CODECS_FOR_EVALUATION, compressed, lens, lines, luma, signal, wear, worn
from vsmagic.training.wear.chain import CLEAN, CODED
from vsmagic.training.wear.codecs import CODECS, played
from vsmagic.training.wear.colour import from_file, halved, to_file, to_rgb
from vsmagic.training.wear.filming import FIELDS, Film

CODEC_NAMES = list(CODECS)


def textured(size=96, seed=0):
    """A colour picture with edges and texture of every size."""
    random = np.random.default_rng(seed)
    planes = sum(
        random.normal(0, 8 * side**0.6, (size // side, size // side, 3)).repeat(side, 0).repeat(side, 1)
        for side in (2, 4, 16)
    )
    return (planes + 128).clip(0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def picture():
    return textured()


def psnr(a, b):
    return 10 * np.log10(255**2 / np.mean((a.astype(float) - b) ** 2))


@pytest.mark.parametrize("scale", [1, 2, 4])
def test_sizes_and_repetition(picture, scale):
    for number in range(25):
        first, second = (wear(np.random.default_rng(number), picture, scale) for _ in range(2))
        assert first.picture.dtype == np.uint8
        assert first.picture.shape == (96 // scale, 96 // scale)
        assert np.array_equal(first.picture, second.picture)
        assert first.steps == second.steps


def test_the_words_change_nothing_and_the_generator_goes_on(picture):
    told, plain = np.random.default_rng(3), np.random.default_rng(3)
    for _ in range(5):
        assert np.array_equal(wear(told, picture, 2).picture, worn(plain, picture, 2))


def test_bytes_do_not_depend_on_what_memory_held():
    """An encoder that reads memory it did not write gives other bytes in every process; x264 does, left alone."""
    script = (
        "import hashlib, numpy as np\n"
        "from vsmagic.training.wear import worn\n"
        "large = np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8).repeat(4, 0).repeat(4, 1)\n"
        "pictures = [worn(np.random.default_rng(n), large, 2).tobytes() for n in range(60)]\n"
        "print(hashlib.sha256(b''.join(pictures)).hexdigest())\n"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", script],
            env=os.environ | {"MALLOC_PERTURB_": fill, "MALLOC_MMAP_THRESHOLD_": "1000000000"},
            check=True,
            capture_output=True,
        ).stdout
        for fill in ("1", "170")
    }
    assert len(said) == 1


def test_sizes_that_do_not_fit_are_refused(picture):
    with pytest.raises(ValueError, match=r"94x96; both sizes must be multiples of 4\. Crop it"):
        wear(np.random.default_rng(0), picture[:, :94], 2)


def test_every_step_and_every_codec_occurs(picture):
    told = [wear(np.random.default_rng(number), picture[:32, :32], 2).steps for number in range(1000)]
    words = {step.rsplit(" to ", 1)[0].split(" ")[0] for steps in told for step in steps}
    assert {*lines.KERNELS, *CODECS, "blur", "defocus", "motion", "soft", "pan", "halo", "clean"} <= words
    assert {name.split(" ")[0] for name in (*FIELDS[1:], *signal.NOISES)} <= words
    assert np.mean([steps[-1] == "clean" for steps in told]) == pytest.approx(CLEAN, abs=0.05)
    worn = [steps for steps in told if steps[-1] != "clean"]
    coded = [all(step.split(" ")[0] in {"bicubic", "pan", *CODECS} for step in steps) for steps in worn]
    assert np.mean(coded) == pytest.approx(CODED, abs=0.06)  # few of the others have the same steps
    assert any(sum(step.split(" ")[0] in CODECS for step in steps) == 2 for steps in told)


def test_a_clean_picture_of_scale_one_is_its_own_luma(picture):
    clean = next(one for n in range(99) if (one := wear(np.random.default_rng(n), picture, 1)).steps == ("clean",))
    assert np.array_equal(clean.picture, luma(picture))


# ------------------------------------------------------------------------------------------------------- registration


def displacement(small):
    """How far the centre of gravity of a dark spot on white lies from the middle, down and across, in pixels."""
    weight = 1 - to_plane(small).astype(np.float64)
    weight -= np.median(weight)
    weight[weight < 0.1] = 0
    places = np.arange(len(small)) - (len(small) - 1) / 2
    return np.array([weight.sum(1) @ places, weight.sum(0) @ places]) / weight.sum()


@pytest.mark.parametrize("scale", [1, 2, 4])
def test_nothing_is_displaced_on_average(scale):
    size = 48 * scale
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    spot = 220 - 190 * np.exp(-0.5 * (np.hypot(x, y) / (5 * scale)) ** 2)
    large = np.repeat(spot[:, :, None], 3, axis=2).astype(np.uint8)
    found = np.array([displacement(worn(np.random.default_rng(number), large, scale)) for number in range(150)])
    assert np.abs(found.mean(0)).max() < 0.05
    assert np.median(np.abs(found)) < 0.1


@pytest.mark.parametrize("fields", FIELDS)
@pytest.mark.parametrize("taken", [1, 2])
def test_a_ramp_stays_where_it_is_through_every_film(fields, taken):
    y, x = np.mgrid[:64, :64].astype(np.float32) / 64
    film = Film(scale=2, kernel="bicubic", speed=(0.5, -1.25), count=4, taken=taken, fields=fields)
    seen = film.luma(0.6 * x + 0.4 * y, taken)[8:-8, 8:-8]
    expected = (0.6 * x + 0.4 * y).reshape(32, 2, 32, 2).mean((1, 3))[8:-8, 8:-8]
    assert np.abs((seen[::2] + seen[1::2]) - (expected[::2] + expected[1::2])).max() < 1e-4


def test_a_pan_moves_the_other_frames():
    x = np.tile(np.arange(64, dtype=np.float32) / 64, (64, 1))
    film = Film(scale=2, kernel="bicubic", speed=(0, 1.5), count=3, taken=1)
    before, now, after = (film.luma(x, number)[16, 8:-8] for number in range(3))
    assert np.allclose(now - before, 3 / 64, atol=1e-5)
    assert np.allclose(after - now, 3 / 64, atol=1e-5)


@pytest.mark.parametrize("name", lines.KERNELS)
@pytest.mark.parametrize(("source", "target"), [(40, 20), (40, 10), (20, 20)])
def test_kernels_keep_constants_and_symmetry(name, source, target):
    matrix = lines.resampling(source, target, name, soft=1.2)
    assert np.allclose(matrix.sum(1), 1, atol=1e-5)
    assert np.allclose(matrix, matrix[::-1, ::-1], atol=1e-5)


def test_blurs_keep_constants_and_the_middle():
    spot = np.zeros((33, 33), dtype=np.float32)
    spot[16, 16] = 1
    for kernel in (lens.gaussian(2.0, 0.7, 0.6), lens.disc(2.3), lens.motion(5.0, 1.0)):
        assert kernel.sum() == pytest.approx(1, abs=1e-5)
        blurred = lens.through(spot, [kernel])
        assert np.allclose(blurred, blurred[::-1, ::-1], atol=1e-5)
        assert np.allclose(lens.through(np.full((20, 24), 0.3, dtype=np.float32), [kernel]), 0.3, atol=1e-5)


# --------------------------------------------------------------------------------------------------------- interlacing


def alternating(luma):
    """Energy of what changes sign from line to line."""
    return float(np.mean((2 * luma[1:-1] - luma[:-2] - luma[2:]) ** 2))


def test_weaving_fields_of_a_pan_leaves_combs():
    plane = to_plane(luma(textured()))
    still, moving = (
        Film(scale=2, kernel="bicubic", speed=(0, speed), fields="combed").luma(plane, 0) for speed in (0.0, 4.0)
    )
    assert np.array_equal(still, Film(scale=2, kernel="bicubic").luma(plane, 0))
    assert alternating(moving) > 1.5 * alternating(still)


def test_line_doubling_makes_stairs_and_blending_softens():
    plane = to_plane(luma(textured()))
    progressive, bob, doubled, blended = (
        Film(scale=2, kernel="bicubic", fields=fields).luma(plane, 0)
        for fields in ("progressive", "bob", "doubled lines", "blended fields")
    )
    assert np.array_equal(doubled[::2], doubled[1::2])
    assert np.allclose(bob[1:-1:2], (bob[:-2:2] + bob[2::2]) / 2, atol=1e-5)
    assert alternating(blended) < 0.5 * alternating(progressive)


# -------------------------------------------------------------------------------------------------------------- codecs


@pytest.mark.parametrize("codec", CODEC_NAMES)
@pytest.mark.parametrize("colour", [(20, 60, 200), (128, 128, 128), (250, 250, 240)])
def test_a_flat_picture_stays_flat(codec, colour):
    flat = np.full((48, 64, 3), colour, dtype=np.uint8)
    assert np.abs(compressed(flat, codec, CODECS[codec].span[1]).astype(int) - flat).max() <= 8


@pytest.mark.parametrize("codec", CODEC_NAMES)
def test_quality_falls_with_the_setting(picture, codec):
    mild, bad = CODECS[codec].span
    measured = [psnr(compressed(picture, codec, setting), picture) for setting in range(mild, bad + 1, 4)]
    assert all(a > b for a, b in itertools.pairwise(measured))


def test_the_table_names_every_codec_and_falls(picture):
    assert {codec for codec, _ in CODECS_FOR_EVALUATION} == set(CODECS)
    for codec in CODECS:
        settings = [setting for name, setting in CODECS_FOR_EVALUATION if name == codec]
        measured = [psnr(compressed(picture, codec, setting), picture) for setting in settings]
        assert measured == sorted(measured, reverse=True)


@pytest.mark.parametrize("codec", CODEC_NAMES)
def test_a_clip_comes_back_in_order(codec):
    frames = [np.full((48, 40), 60 + 30 * number, dtype=np.uint8) for number in range(6)]
    for b_frames in range(3):
        shown = played(frames, codec, 4, b_frames=b_frames)
        assert [int(np.rint(frame[:32].mean() / 30)) for frame in shown] == [2, 3, 4, 5, 6, 7]


def test_odd_sizes_are_compressed_as_they_are(picture):
    assert compressed(picture[:33, :47], "mpeg2", 4).shape == (33, 47, 3)


def test_an_unknown_codec_is_refused(picture):
    with pytest.raises(OptionError, match="codec 'vp9' is not known; expected h264, mpeg2"):
        compressed(picture, "vp9", 30)


# -------------------------------------------------------------------------------------------------------------- colour


def test_colour_survives_a_file():
    y, x = np.mgrid[:32, :32]
    smooth = np.stack([40 + 5 * x, 200 - 4 * y, 90 + 2 * x + y], axis=-1).astype(np.uint8)
    assert np.abs(to_rgb(from_file(to_file(halved(smooth)))).astype(int) - smooth)[1:-1, 1:-1].max() <= 4


def test_luma_is_that_of_bt601_as_for_generated_pictures(picture):
    primaries = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]]], dtype=np.uint8)
    assert luma(primaries).tolist() == [[76, 150, 29, 255]]
    assert np.abs(luma(picture).astype(int) - pictures.luma(picture)).max() <= 1


@pytest.mark.parametrize("kind", signal.NOISES)
def test_noise_is_as_strong_as_it_says_and_has_no_mean(kind):
    flat = np.full((128, 128), 0.5, dtype=np.float32), *(np.zeros((64, 64), dtype=np.float32) for _ in range(2))
    for grain in (0.0, 0.8):
        noisy = signal.noisy(np.random.default_rng(0), flat, kind, 0.02, grain)[0]
        assert noisy.std() == pytest.approx(0.02, rel=0.15)
        assert noisy.mean() == pytest.approx(0.5, abs=0.002)


def test_sharpening_leaves_halos():
    edge = np.where(np.arange(32) < 16, 0.3, 0.7).astype(np.float32)
    planes = np.tile(edge, (32, 1)), *(np.zeros((16, 16), dtype=np.float32) for _ in range(2))
    across = signal.sharpened(planes, 1.0, 1.3, across_only=True)[0]
    assert across.max() > 0.75
    assert across.min() < 0.25
    turned = signal.sharpened((planes[0].T, *planes[1:]), 1.0, 1.3, across_only=True)[0]
    assert np.allclose(turned, planes[0].T, atol=1e-5)
