"""What a model still lacks is told by class: one to be fetched, one to be converted, and one that is wrong."""

import shutil

import pytest

import vsmagic
from vsmagic.errors import MissingModelError, ModelError, NotReadyError
from vsmagic.models import motions, registry

FILE = "2x_AnimeJaNai_HD_V3_SuperUltraCompact-fp32.onnx"


@pytest.fixture
def models(tmp_path, monkeypatch):
    """The folder of fetched models, empty."""
    monkeypatch.setenv("VSMAGIC_CACHE", str(tmp_path))
    folder = tmp_path / "models"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("name", ["animejanai-v3-superultracompact", "realesr-general-x4v3@0.5"])
def test_a_model_that_was_not_fetched(models, name):
    with pytest.raises(MissingModelError, match=r"is not on this machine; run: vsmagic models fetch") as caught:
        registry.resolve(name)
    assert isinstance(caught.value, NotReadyError)
    assert caught.value.exit_code == ModelError.exit_code


def test_a_network_for_frames_in_between_that_was_not_fetched(models):
    with pytest.raises(MissingModelError, match=r"vsmagic models fetch rife-4\.6"):
        motions.resolve("rife-4.6", height=480)


def test_a_damaged_file_can_be_fetched_again(models):
    (models / FILE).write_bytes(b"not it")
    with pytest.raises(MissingModelError, match="is not the file its authors published"):
        registry.resolve("animejanai-v3-superultracompact")


@pytest.mark.parametrize("name", ["nobody", "animejanai-v2-compact", "rife-4.6", "gone.onnx"])
def test_what_is_wrong_is_not_merely_missing(models, name):
    with pytest.raises(ModelError) as caught:
        registry.resolve(name)
    assert not isinstance(caught.value, NotReadyError)


def test_what_has_to_be_converted_is_not_while_nothing_may_be_built(models, data, monkeypatch):
    shutil.copyfile(data / "weights" / FILE, models / FILE)
    monkeypatch.setenv("VSMAGIC_BUILD", "off")
    with pytest.raises(NotReadyError, match=r"read and converted first, and VSMAGIC_BUILD is off"):
        registry.resolve("animejanai-v3-superultracompact")
    assert not (models / "local").exists()
    monkeypatch.setenv("VSMAGIC_BUILD", "on")
    made = registry.resolve("animejanai-v3-superultracompact")
    monkeypatch.setenv("VSMAGIC_BUILD", "off")
    assert registry.resolve("animejanai-v3-superultracompact") == made


def test_weights_of_a_rife_are_not_converted_while_nothing_may_be_built(models, monkeypatch):
    file = models / "mine.pkl"
    file.write_bytes(b"whatever: it is not looked into")
    monkeypatch.setenv("VSMAGIC_BUILD", "off")
    with pytest.raises(NotReadyError, match=r"mine\.pkl: never used here before"):
        motions.resolve(str(file), height=480)


def test_what_comes_with_vsmagic_is_always_ready(models, monkeypatch):
    import vapoursynth as vs

    monkeypatch.setenv("VSMAGIC_BUILD", "off")
    clip = vs.core.std.BlankClip(width=64, height=48, format=vs.YUV420P8, length=2)
    assert vsmagic.upscale(clip, scale=2).width == 128
