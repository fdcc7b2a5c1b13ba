"""Generated pictures: the same for the same seed, and much like the world."""

import numpy as np
import pytest
from fontTools.ttLib import TTFont

from vsmagic.training.pictures import KINDS, drawn, fonts, luma, picture, pool
from vsmagic.training.pictures.fields import bands, blurred, places
from vsmagic.training.pictures.palette import Palette, to_rgb
from vsmagic.training.pictures.shapes import strokes, swollen

SIZE = 128
SIGNS = {True: ".,:;!?-", False: "、。「」ー"}


@pytest.fixture(scope="module", params=["live", "animation"])
def content(request):
    return request.param


@pytest.fixture(scope="module")
def pictures(content):
    return pool(7, 64, SIZE, content=content)


def test_a_picture_follows_from_seed_number_size_and_content_alone(pictures, content):
    assert np.array_equal(picture(7, 5, SIZE, content), pictures[5])
    other = "live" if content == "animation" else "animation"
    for changed in (picture(8, 5, SIZE, content), pictures[4], picture(7, 5, SIZE, other)):
        assert not np.array_equal(changed, pictures[5])


def test_it_does_not_matter_how_many_processes_draw(pictures, content):
    again = pool(7, 4, SIZE, workers=2, content=content)
    assert all(np.array_equal(one, other) for one, other in zip(again, pictures[:4], strict=True))


def test_pictures_are_8_bit_squares_none_constant_and_together_cover_the_range(pictures):
    assert {(one.dtype.name, one.shape) for one in pictures} == {("uint8", (SIZE, SIZE, 3))}
    grey = [luma(one) for one in pictures]
    assert min(one.std() for one in grey) > 2
    assert np.median([one.std() for one in grey]) > 25
    assert min(one.min() for one in grey) < 10
    assert max(one.max() for one in grey) > 245
    assert 85 < np.mean(grey) < 170


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_fills_its_canvas_with_finite_values_that_vary(kind):
    canvas = KINDS[kind].draw(np.random.default_rng(3), 160)
    assert canvas.shape == (3, 160, 160)
    assert canvas.dtype == np.float32
    assert np.isfinite(canvas).all()
    assert canvas[0].std() > 0.01


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [16, 46, 64])
def test_every_kind_can_be_asked_for_at_any_even_size(kind, size):
    first, again, other = drawn(kind, 1, 2, size), drawn(kind, 1, 2, size), drawn(kind, 1, 3, size)
    assert first.shape == (size, size, 3)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("content", ["live", "animation"])
def test_shares_add_up_and_none_is_negative(content):
    shares = [getattr(kind, content) for kind in KINDS.values()]
    assert min(shares) >= 0
    assert sum(shares) == pytest.approx(1, abs=0.15)


def test_the_mean_spectrum_falls_about_as_natural_ones_do(pictures):
    """Amplitude near 1/f: natural pictures have exponents from 0.8 to 1.5 (Field 1987; Torralba and Oliva 2003)."""
    window = np.hanning(SIZE)[:, None] * np.hanning(SIZE)
    grey = [luma(one).astype(float) for one in pictures]
    power = np.mean([np.abs(np.fft.fft2((one - one.mean()) * window)) ** 2 for one in grey], axis=0)
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(SIZE), np.fft.fftfreq(SIZE)))
    band = (frequency > 0.02) & (frequency < 0.25)
    slope = np.polyfit(np.log(frequency[band]), np.log(power[band]) / 2, 1)[0]
    assert -1.6 < slope < -0.7


# ---------------------------------------------------------------------------------------------------------- colours


def test_most_colours_are_muted(pictures):
    """The differences vary less than luma does, and half of all pixels are far from pure."""
    chroma, grey = [], []
    for one in pictures:
        level = luma(one).astype(float)
        chroma.append(max(0.564 * (one[..., 2] - level).std(), 0.713 * (one[..., 0] - level).std()))
        grey.append(level.std())
    assert np.median(chroma) < 0.5 * np.median(grey)
    spread = [np.ptp(one.astype(int), axis=2).mean() for one in pictures]
    assert 5 < np.median(spread) < 80


def test_colours_of_neighbours_are_alike(pictures):
    blue = np.stack([one[..., 2] - luma(one).astype(float) for one in pictures])
    blue -= blue.mean((1, 2), keepdims=True)
    assert (blue[:, :, 1:] * blue[:, :, :-1]).mean() > 0.8 * (blue**2).mean()


def test_luma_is_that_of_bt601():
    """Within half a step of the standard's formula, whatever the shape; greys stay as they are."""
    rgb = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), dtype=np.uint8)
    assert abs(luma(rgb) - rgb @ np.array([0.299, 0.587, 0.114])).max() < 0.5 + 1e-3
    greys = np.arange(256, dtype=np.uint8)
    assert np.array_equal(luma(np.stack([greys] * 3, -1)), greys)


def test_colour_takes_nothing_from_luma():
    """Where a colour is not to be had it is paler, and luma is what it was."""
    random = np.random.default_rng(1)
    canvas = random.uniform([[[0]], [[-0.5]], [[-0.5]]], [[[1]], [[0.5]], [[0.5]]], (3, 50, 50)).astype(np.float32)
    rgb = to_rgb(canvas)
    assert rgb.min() > -1e-5
    assert rgb.max() < 1 + 1e-5
    np.testing.assert_allclose(np.tensordot([0.299, 0.587, 0.114], rgb, 1), canvas[0], atol=1e-5)


def test_a_palette_has_few_hues():
    palettes = [Palette.random(np.random.default_rng(seed)) for seed in range(40)]
    assert {len(palette.tones) for palette in palettes} == set(range(2, 9))
    paints = palettes[0].paints(np.random.default_rng(0), 1000)
    nearest = np.abs(paints[:, None, 1:] - palettes[0].chroma).max(2).min(1)
    assert nearest.max() < 5 * palettes[0].jitter + 1e-6


# ------------------------------------------------------------------------------------------------------------ fonts


@pytest.mark.parametrize("file", fonts.FONTS)
def test_every_font_has_all_letters_it_is_asked_for(file):
    known = TTFont(fonts.path(file)).getBestCmap()
    for script in fonts.FONTS[file]:
        alphabet = fonts.SCRIPTS[script]
        asked = set(alphabet + SIGNS[script not in {"kana", "kanji"}])
        if script not in fonts.UNCASED:
            asked |= set("".join(letter.upper() + letter.capitalize() for letter in alphabet))
        assert not {letter for letter in asked if ord(letter) not in known}, script


@pytest.mark.parametrize("file", fonts.FONTS)
def test_every_letter_leaves_ink_of_its_own(file):
    """None looks as a letter does that the font lacks."""
    font = fonts.font(file, 40)
    missing = bytes(font.getmask("\U0010fffe"))
    for script in set(fonts.FONTS[file]):
        for letter in fonts.SCRIPTS[script]:
            ink = bytes(font.getmask(letter))
            assert any(ink), (script, letter)
            assert ink != missing, (script, letter)


@pytest.mark.parametrize("script", fonts.SCRIPTS)
def test_sentences_are_of_their_script(script):
    found = fonts.sentence(np.random.default_rng(5), script, 60)
    letters = fonts.SCRIPTS[script]
    assert len(found) >= 60
    assert set(found) <= set(letters + letters.upper() + letters.title() + " .,:;!?-、。「」ー") | {"S"}


# ----------------------------------------------------------------------------------------------------------- fields


@pytest.mark.parametrize("period", [1.3, 2.0, 7.7, 40.0])
@pytest.mark.parametrize("duty", [0.2, 0.5])
def test_bands_cover_their_share_and_fine_ones_fade_to_grey(period, duty):
    x, y = places(200)
    cover = bands((x + 0.3 * y) / np.float32(period), duty)
    assert cover.mean() == pytest.approx(duty, abs=0.03)
    assert (cover.std() > 0.3) == (period > 7)


@pytest.mark.parametrize("deviation", [0.7, 2.0, 9.0])
def test_a_blur_keeps_constants_and_widens_an_edge(deviation):
    assert abs(blurred(np.full((96, 96), 0.3, dtype=np.float32), deviation) - 0.3).max() < 1e-4
    edge = np.zeros((96, 96), dtype=np.float32)
    edge[:, 48:] = 1
    slope = np.diff(blurred(edge, deviation)[48])
    along = np.arange(95) - 47
    assert np.sqrt((slope * along**2).sum()) == pytest.approx(deviation, rel=0.15)


def test_strokes_taper_and_swollen_outlines_lie_outside():
    line = np.stack([np.linspace(0, 100, 14), np.zeros(14)], -1)[None]
    stroke = strokes(line, np.array([6.0]))[0]
    assert np.ptp(stroke[:, 1]) == pytest.approx(6)
    np.testing.assert_allclose(stroke[13], stroke[14], atol=1e-9)
    angle = np.linspace(0, 2 * np.pi, 50, endpoint=False)
    for way in (1, -1):
        ring = 10 * np.stack([np.cos(way * angle), np.sin(way * angle)], -1)
        np.testing.assert_allclose(np.hypot(*swollen(ring, 2).T), 12, atol=1e-9)
