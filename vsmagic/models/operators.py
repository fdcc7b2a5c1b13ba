"""Operators of ONNX in numpy, for the reference evaluator: its own lack a mode, or count pixel by pixel.

Each is exact to rounding, and takes what networks of pictures have; anything else is refused.
"""

import functools
from typing import Any

_CUBIC = -0.75  # the slope that PyTorch and every runtime take for cubic sampling


@functools.cache
def grid_sample() -> Any:
    """GridSample of pictures, linear or cubic; the evaluator knows the modes by names of a later opset alone."""
    import numpy as np
    from onnx.reference.op_run import OpRun

    class GridSample(OpRun):
        op_domain = ""

        def _run(
            self, x: Any, grid: Any, align_corners: Any = None, mode: Any = None, padding_mode: Any = None
        ) -> tuple[Any]:
            cubic = mode in {"bicubic", "cubic"}
            known = cubic or mode in {None, "bilinear", "linear"}
            if not known or padding_mode not in {None, "zeros", "border"}:
                raise NotImplementedError(f"GridSample, {mode}, padded by {padding_mode}")
            height, width = x.shape[2:]
            border = padding_mode == "border"
            across, down = (
                _taps(_pixels(places, size, align_corners), size, cubic=cubic, border=border)
                for places, size in zip(np.moveaxis(grid.astype(np.float64), 3, 0), (width, height), strict=True)
            )
            result = np.zeros((*x.shape[:2], *grid.shape[1:3]))
            pictures = np.arange(x.shape[0])[:, None, None]
            for column, right in across:
                for row, below in down:
                    seen = np.moveaxis(x, 1, 3)[pictures, row, column]  # [n, h, w, channels]
                    result += np.moveaxis(seen * (right * below)[..., None], 3, 1)
            return (result.astype(x.dtype),)

    return GridSample


def _pixels(places: Any, size: int, align_corners: Any) -> Any:
    """Return where places from -1 to 1 are, in pixels from the first one's centre."""
    return (places + 1) / 2 * (size - 1) if align_corners else ((places + 1) * size - 1) / 2


def _taps(places: Any, size: int, *, cubic: bool, border: bool) -> list[tuple[Any, Any]]:
    """Return the pixels that each place is made of along one axis, as pairs of their numbers and their weights."""
    import numpy as np

    if border and not cubic:
        places = places.clip(0, size - 1)
    first = np.floor(places)
    found = []
    for step in (-1, 0, 1, 2) if cubic else (0, 1):
        pixel = first + step
        weight = _cubic(abs(places - pixel)) if cubic else 1 - abs(places - pixel)
        inside = border | ((pixel >= 0) & (pixel < size))
        found.append((pixel.clip(0, size - 1).astype(int), weight * inside))
    return found


def _cubic(away: Any) -> Any:
    """R. Keys, 'Cubic convolution interpolation for digital image processing' (1981)."""
    import numpy as np

    near = ((_CUBIC + 2) * away - (_CUBIC + 3)) * away**2 + 1
    far = _CUBIC * (((away - 5) * away + 8) * away - 4)
    return np.where(away <= 1, near, far)


@functools.cache
def conv() -> Any:
    """Convolution of pictures, by matrix products: the evaluator's own takes minutes on a large network."""
    import numpy as np
    from onnx.reference.op_run import OpRun

    class Conv(OpRun):
        op_domain = ""

        def _run(  # noqa: PLR0917 - the evaluator passes them like this
            self, x: Any, w: Any, b: Any = None, auto_pad: Any = None, dilations: Any = None, group: Any = None,
            kernel_shape: Any = None, pads: Any = None, strides: Any = None,  # noqa: ARG002
        ) -> tuple[Any]:  # fmt: skip
            if auto_pad not in (None, "NOTSET") or w.ndim != 4:
                raise NotImplementedError(f"a convolution of {w.ndim - 2} dimensions padded by {auto_pad}")
            top, left, bottom, right = pads or (0, 0, 0, 0)
            (down, across), (high, wide) = dilations or (1, 1), w.shape[2:]
            # Half precision is summed in single, as it is on hardware.
            padded = np.pad(x.astype(np.float32), ((0, 0), (0, 0), (top, bottom), (left, right)))
            reach = ((high - 1) * down + 1, (wide - 1) * across + 1)
            seen = np.lib.stride_tricks.sliding_window_view(padded, reach, axis=(2, 3))
            step = strides or (1, 1)
            seen = seen[:, :, :: step[0], :: step[1], ::down, ::across]
            groups = group or 1
            parts = [
                np.tensordot(some, weights.astype(np.float32), axes=((1, 4, 5), (1, 2, 3)))
                for some, weights in zip(np.split(seen, groups, 1), np.split(w, groups, 0), strict=True)
            ]
            result = np.moveaxis(np.concatenate(parts, axis=3), 3, 1)
            return ((result if b is None else result + b[:, None, None]).astype(x.dtype),)

    return Conv


@functools.cache
def conv_transpose() -> Any:
    """Transposed convolution of pictures, by a matrix product for each place of the kernel."""
    import numpy as np
    from onnx.reference.op_run import OpRun

    class ConvTranspose(OpRun):
        op_domain = ""

        def _run(  # noqa: PLR0917 - the evaluator passes them like this
            self, x: Any, w: Any, b: Any = None, auto_pad: Any = None, dilations: Any = None, group: Any = None,
            kernel_shape: Any = None, output_padding: Any = None, output_shape: Any = None,  # noqa: ARG002
            pads: Any = None, strides: Any = None,
        ) -> tuple[Any]:  # fmt: skip
            plain = auto_pad in (None, "NOTSET") and output_shape is None and not any(output_padding or ())
            if not plain or w.ndim != 4 or (group or 1) != 1 or any(n != 1 for n in dilations or ()):
                raise NotImplementedError("a transposed convolution in groups, dilated, or of a given size")
            top, left, bottom, right = pads or (0, 0, 0, 0)
            down, across = strides or (1, 1)
            (height, width), (high, wide) = x.shape[2:], w.shape[2:]
            result = np.zeros((x.shape[0], w.shape[1], (height - 1) * down + high, (width - 1) * across + wide))
            for y in range(high):
                for z in range(wide):
                    made = np.moveaxis(np.tensordot(x, w[:, :, y, z], axes=((1,), (0,))), 3, 1)
                    rows, columns = slice(y, y + (height - 1) * down + 1, down), slice(z, None, across)
                    result[:, :, rows, columns][..., :width] += made
            result = result[:, :, top : result.shape[2] - bottom, left : result.shape[3] - right]
            return ((result if b is None else result + b[:, None, None]).astype(x.dtype),)

    return ConvTranspose
