"""What changes an engine changes its key, and nothing else does."""

import msgspec
import pytest

from vsmagic.engine.key import EngineKey, Options, Shapes

KEY = EngineKey(
    library="tensorrt_rtx",
    version="1.7.1",
    model="ab" * 32,
    shapes=Shapes.fixed((1920, 1080)),
    precision="f16",
    capabilities=("8.6",),
)
RANGE = Shapes(min=(64, 64), opt=(1280, 720), max=(1920, 1080))


@pytest.mark.parametrize(
    "change",
    [
        {"library": "tensorrt"},
        {"version": "1.7.2"},
        {"model": "cd" * 32},
        {"shapes": Shapes.fixed((1080, 1920))},
        {"shapes": RANGE},
        {"precision": "f32"},
        {"options": Options(workspace=512)},
        {"options": Options(level=5)},
        {"capabilities": ("8.9",)},
        {"capabilities": ("8.6", "8.9")},
        {"gpu": "NVIDIA GeForce RTX 3060"},
        {"driver": "580.95.05"},
        {"steps": KEY.steps + 1},
    ],
    ids=str,
)
def test_everything_that_changes_the_binary_changes_the_key(change):
    other = msgspec.structs.replace(KEY, **change)
    assert other.digest() != KEY.digest()
    assert other.shapes == RANGE or other.capabilities == ("8.6", "8.9") or not other.serves(KEY) or "options" in change


def test_the_key_is_the_same_on_every_machine_and_after_a_round_trip():
    assert msgspec.json.decode(msgspec.json.encode(KEY), type=EngineKey).digest() == KEY.digest()
    # A digest that changes makes every engine of every user be built again: raise ``_STEPS`` on purpose only.
    assert KEY.digest() == "3a7426e1d1a4483a6d51912f4cb6b23e9b9ec0fe117c8ad81dbcbfbbfcc9ca8c"


@pytest.mark.parametrize(
    ("size", "served"),
    [((64, 64), True), ((1920, 1080), True), ((1280, 720), True), ((1922, 1080), False), ((640, 62), False)],
)
def test_a_dynamic_engine_stands_for_the_sizes_between(size, served):
    wanted = msgspec.structs.replace(KEY, shapes=Shapes.fixed(size))
    assert msgspec.structs.replace(KEY, shapes=RANGE).serves(wanted) is served


def test_an_engine_for_several_gpus_stands_for_each_of_them():
    both = msgspec.structs.replace(KEY, capabilities=("8.6", "8.9"))
    assert both.serves(KEY)
    assert not KEY.serves(both)
    assert not both.serves(msgspec.structs.replace(KEY, capabilities=("12.0",)))
