"""What a model's facts decide by themselves."""

import msgspec
import pytest

from vsmagic.models import registry
from vsmagic.models.spec import ModelSpec

SPEC = registry.resolve("magic-x2").spec


def tolerating(*precisions: str) -> ModelSpec:
    return msgspec.structs.replace(SPEC, precisions=precisions)


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
    assert tolerating(*tolerated).choose_precision(offered) == chosen
