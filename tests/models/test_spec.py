"""What a model's facts decide by themselves."""

import pytest

from vsmagic.models.spec import preferred


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
