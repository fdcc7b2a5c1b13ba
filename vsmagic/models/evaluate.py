"""Run a network on small pictures in Python, to check it; exact, and independent of what will run it."""

from pathlib import Path
from typing import TYPE_CHECKING

from vsmagic.errors import ModelError, reason
from vsmagic.models import operators
from vsmagic.models.spec import ModelSpec

if TYPE_CHECKING:
    import numpy as np


SMALLEST = 16
"""Height of the smallest picture that networks are checked on, unless they want multiples of more."""


def pictures(channels: int, multiple: int = 1) -> "list[np.ndarray]":
    """Return pictures to check a network on: noise, and one that looks like a picture (sky, texture, hard edges).

    Each is ``[1, channels, height, width]``, float32 from 0 to 1, of a different size.
    """
    import numpy as np

    noise = np.random.default_rng(1).random((1, channels, *_size(SMALLEST, 24, multiple)))
    height, width = _size(24, 20, multiple)
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    sky = 0.3 + 0.5 * y / height + 0 * x
    texture = 0.1 * np.sin(x * 1.3 + y * 0.7) * (y > height / 2)
    disc = 0.4 * ((x - width / 2) ** 2 + (y - height / 3) ** 2 < (width / 4) ** 2)
    drawn = np.stack([sky + texture - 0.3 * n * disc for n in range(channels)])[None]
    eight_bits = np.round(drawn.clip(0, 1) * 255) / 255
    return [noise.astype(np.float32), eight_bits.astype(np.float32)]


def output(content: bytes, picture: "np.ndarray", path: Path) -> "np.ndarray":
    """Return what an ONNX network makes of a picture, as float32; the picture is given in the type it takes.

    Raises:
        ModelError: the network has an operator that nobody knows, or cannot be computed.
    """
    import numpy as np
    import onnx
    from onnx.reference import ReferenceEvaluator

    try:
        own = [operators.conv(), operators.conv_transpose(), operators.grid_sample()]
        network = ReferenceEvaluator(content, new_ops=own)
        kind = onnx.helper.tensor_dtype_to_np_dtype(network.input_types[0].tensor_type.elem_type)
        (result,) = network.run(None, {network.input_names[0]: picture.astype(kind)})
    except Exception as error:  # its operators raise whatever numpy raises
        raise ModelError(f"model {path}: the network cannot be computed ({reason(error)}).") from error
    return np.asarray(result, np.float32)


def check(result: "np.ndarray", picture: "np.ndarray", spec: ModelSpec, path: Path) -> None:
    """Raise where a network does not give a picture of the size and the numbers it promises.

    Raises:
        ModelError: it does not.
    """
    expected = (1, spec.channels, picture.shape[2] * spec.scale, picture.shape[3] * spec.scale)
    if result.shape != expected:
        raise ModelError(f"model {path}: gives {result.shape} of {picture.shape}; expected {expected}.")
    if not abs(result).max() < float("inf"):
        raise ModelError(f"model {path}: gives numbers that are not finite; its weights are damaged.")


def enlarge(picture: "np.ndarray", scale: int) -> "np.ndarray":
    """Repeat every pixel of ``[batch, channels, height, width]``."""
    return picture.repeat(scale, axis=2).repeat(scale, axis=3)


def _size(height: int, width: int, multiple: int) -> tuple[int, int]:
    return -(-height // multiple) * multiple, -(-width // multiple) * multiple
