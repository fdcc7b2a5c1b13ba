"""A layer's numbers as a texture of the shader's own."""

from typing import TYPE_CHECKING

from vsmagic.shaders.grid import Grid
from vsmagic.shaders.network import Layer

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def texels(layer: Layer, own: Grid) -> "NDArray[np.float32]":
    """Lay out weights and bias, ``[rows, texels, 4]``.

    Row g holds what the group g of the planes that are read weighs: for every place, for every group that is made, for
    each of the four planes a texel with its weight in each of the four that are made. The last row starts with the
    bias of every group that is made.
    """
    import numpy as np

    out, given, height, width = layer.weights.shape
    groups = -(-given // 4)
    padded = np.zeros((4 * own.made, 4 * groups, height * width), np.float32)
    padded[:out, :given] = layer.weights.reshape(out, given, -1)
    split = padded.reshape(own.made, 4, groups, 4, height * width)  # made, of four, group read, of four, place
    rows = split.transpose(2, 4, 0, 3, 1).reshape(groups, -1, 4)
    last = np.zeros((1, rows.shape[1], 4), np.float32)
    last.reshape(-1)[:out] = layer.bias
    return np.concatenate([rows, last])


def block(name: str, numbers: "NDArray[np.float32]") -> str:
    """Return a texture's text in a user shader: 32-bit floats in hexadecimal, little-endian."""
    height, width, _ = numbers.shape
    head = f"//!TEXTURE {name}\n//!SIZE {width} {height}\n//!FORMAT rgba32f\n//!FILTER NEAREST\n"
    return f"{head}{numbers.astype('<f4').tobytes().hex()}\n"
