"""What a model's facts decide by themselves, and the files that they lie in."""

from pathlib import Path

import msgspec
import pytest

from vsmagic.errors import ModelError
from vsmagic.models.motion import MotionSpec
from vsmagic.models.rife.added import Added
from vsmagic.models.spec import ModelSpec, encode_spec, load_spec, preferred

FACTS = (
    ModelSpec(name="a", scale=2, channels=3, halo=None, activations=64, sha256="0" * 64),
    MotionSpec(name="b", multiple=32, activations=64, sha256="1" * 64),
    Added(name="c", version="4.25", sha256="2" * 64),
)


@pytest.mark.parametrize(
    ("tolerated", "offered", "chosen"),
    [
        (("bf16", "f32", "f16"), ("bf16", "f32"), "bf16"),
        (("bf16", "f32", "f16"), ("f16", "f32"), "f16"),
        (("f32", "bf16"), ("bf16", "f32"), "f32"),
        (("f32",), ("f16", "f32"), "f32"),
        (("f16",), ("f32",), None),
    ],
)
def test_half_precision_first_then_the_models_own_order(
    tolerated: tuple[str, ...], offered: tuple[str, ...], chosen: str | None
) -> None:
    assert preferred(tolerated, offered) == chosen


@pytest.mark.parametrize("facts", FACTS, ids=lambda facts: type(facts).__name__)
def test_facts_come_back_from_their_file_and_from_no_other(facts: msgspec.Struct, tmp_path: Path) -> None:
    path = tmp_path / "facts.json"
    path.write_bytes(encode_spec(facts))
    for kind in map(type, FACTS):
        if kind is type(facts):
            assert load_spec(path, kind) == facts
        else:
            with pytest.raises(ModelError, match=r"facts\.json: damaged, or the facts of another kind of model: "):
                load_spec(path, kind)


@pytest.mark.parametrize("content", [b"", b"[", b"{}", b'{"name": "\xff"}', b"\0" * 100])
def test_damaged_facts_are_told_in_one_sentence(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "facts.json"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"facts\.json: damaged") as caught:
        load_spec(path, Added)
    assert "\n" not in str(caught.value)


def test_missing_facts_are_told(tmp_path: Path) -> None:
    for path in (tmp_path / "none.json", tmp_path):
        with pytest.raises(ModelError, match="the model's facts cannot be read"):
            load_spec(path, ModelSpec)
