"""Profiles are chains that can run, named once, and what they name exists."""

import copy
import subprocess
import sys
from fractions import Fraction
from itertools import product

import msgspec
import pytest

from vsmagic import chain
from vsmagic.errors import ChainError, OptionError
from vsmagic.models import catalogue
from vsmagic.mpv import profiles
from vsmagic.steps import InterpolateStep, UpscaleStep

GIVEN = msgspec.json.decode(profiles.default_file().read_bytes())


@pytest.fixture(scope="module")
def known():
    return profiles.load()


@pytest.fixture
def changed(tmp_path):
    """Write the profiles that come with vsmagic, changed by a function, and return the file."""

    def write(change):
        content = copy.deepcopy(GIVEN)
        change(content)
        file = tmp_path / "profiles.json"
        file.write_bytes(msgspec.json.encode(content))
        return file

    return write


def test_each_content_has_every_tier_and_two_of_them_with_nothing_to_fetch(known):
    found = [picture for picture in known.profiles.pictures if not picture.named_only]
    assert {(picture.content, picture.tier) for picture in found} == set(product(("live", "animation"), profiles.TIERS))
    own = [picture for picture in found if catalogue.find(picture.steps[0]["model"]).embedded]
    for content in ("live", "animation"):
        assert {picture.tier for picture in own if picture.content == content} == {"balanced", "performance"}


def test_what_restores_is_taken_by_its_name_alone(known):
    for picture in known.profiles.pictures:
        models = [step.model for step in known.picture(picture.name).steps]
        restores = any(catalogue.find(model).purpose == "restore" for model in models)
        assert picture.named_only or not restores


def test_every_name_of_a_model_is_one(known):
    for picture in known.profiles.pictures:
        (step,) = known.picture(picture.name).steps
        entry = catalogue.find(step.model)
        assert entry is not None
        assert entry.kind == "upscale"
        assert step.denoise is None or entry.blend
        assert (entry.content == "anime") <= (picture.content == "animation")
    names = {motion.step["model"] for motion in known.profiles.motions}
    assert {name for name in names if catalogue.find(name) is None} == {"mvtools"}


def test_the_lowest_tier_needs_nothing_that_is_not_there(known):
    for picture in known.profiles.pictures:
        if picture.tier == "performance":
            assert all(catalogue.find(step.model).embedded for step in known.picture(picture.name).steps)


@pytest.mark.parametrize("multiplier", ["2", "5/2", "1.25"])
def test_frames_are_added_before_they_are_enlarged(known, multiplier):
    for picture, motion in product(known.profiles.pictures, known.profiles.motions):
        first, *rest = known.together(picture.name, motion.name, multiplier).steps
        assert isinstance(first, InterpolateStep)
        assert Fraction(first.multiplier) == Fraction(multiplier)
        assert rest
        assert all(isinstance(step, UpscaleStep) for step in rest)
        assert chain.parse(chain.to_json(chain.Chain((first, *rest))), folder=known.folder).steps == (first, *rest)


def test_either_alone_is_a_chain_too(known):
    assert known.together("live-performance", None) == known.picture("live-performance")
    assert known.together(None, "flow", "2") == known.motion("flow", "2")


def test_reading_loads_no_vapoursynth():
    code = "import sys; from vsmagic.mpv import profiles; profiles.load(); print('vapoursynth' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def _fast(given):
    return next(picture for picture in given["pictures"] if picture["name"] == "live-performance")


def test_paths_of_models_are_taken_from_the_files_folder(changed):
    file = changed(lambda given: given["pictures"][0]["steps"][0].update(model="mine.onnx"))
    (step,) = profiles.load(file).picture("live-quality").steps
    assert step.model == str(file.with_name("mine.onnx"))


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (lambda p: p["pictures"][1].update(name="live-quality"), OptionError, "'live-quality' is the name of two"),
        (lambda p: p["motions"][0].update(name="live-quality"), OptionError, "'live-quality' is the name of two"),
        (lambda p: _fast(p).update(tier="best"), OptionError, r"Invalid enum value 'best'.*pictures"),
        (lambda p: _fast(p).update(colour="red"), OptionError, "unknown field `colour`"),
        (lambda p: _fast(p).pop("title"), OptionError, "missing required field `title`"),
        (lambda p: _fast(p)["steps"][0].update(scales=2), ChainError, "live-performance: step 0.*`scales`"),
        (lambda p: _fast(p)["steps"][0].update(filter="up"), ChainError, "live-performance: step 0.*'up'"),
        (lambda p: _fast(p)["steps"].append(p["motions"][0]["step"]), OptionError, "performance adds frames"),
        (lambda p: p["motions"][0]["step"].update(multiplier=2), OptionError, "flow has to be an interpolate step"),
        (lambda p: p["motions"][0]["step"].update(filter="upscale"), OptionError, "flow has to be an interpolate step"),
        (lambda p: p["motions"][0]["step"].update(modell="x"), ChainError, "flow: step 0.*`modell`"),
        (lambda p: p.pop("pictures"), OptionError, "missing required field `pictures`"),
    ],
)
def test_a_mistake_is_told_with_its_place(changed, change, error, words):
    file = changed(change)
    with pytest.raises(error, match=words) as caught:
        profiles.load(file)
    assert str(file) in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff\xfe", b"null"])
def test_what_is_no_profile_file_is_told(tmp_path, content):
    file = tmp_path / "profiles.json"
    file.write_bytes(content)
    with pytest.raises(OptionError, match=r"profiles .*profiles\.json: "):
        profiles.load(file)


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(OptionError, match=r"none\.json: cannot be read \(No such file"):
        profiles.load(tmp_path / "none.json")


def test_an_unknown_name_is_told_with_the_nearest(known):
    with pytest.raises(OptionError, match=r"'live-qualty' is not known; .* \(did you mean live-quality\?\)"):
        known.picture("live-qualty")
    with pytest.raises(OptionError, match=r"motion profile 'live-quality' is not known; expected flow, rife, blocks"):
        known.motion("live-quality")
