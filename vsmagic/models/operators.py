"""Operators of ONNX in numpy, for the reference evaluator: its own lack a mode, or count pixel by pixel.

Each is exact to rounding, and takes what networks of pictures have; anything else is refused.
"""

import functools
from typing import Any


@functools.cache
def grid_sample() -> Any:
    """Bilinear GridSample of pictures; the evaluator knows the modes by names of a later opset alone."""
    import numpy as np
    from onnx.reference.op_run import OpRun

    class GridSample(OpRun):
        op_domain = ""

        def _run(
            self, x: Any, grid: Any, align_corners: Any = None, mode: Any = None, padding_mode: Any = None
        ) -> tuple[Any]:
            if mode not in (None, "bilinear", "linear") or padding_mode not in (None, "zeros", "border"):
                raise NotImplementedError(f"GridSample, {mode}, padded by {padding_mode}")
            height, width = x.shape[2:]
            places = [
                (places + 1) / 2 * (size - 1) if align_corners else ((places + 1) * size - 1) / 2
                for places, size in zip(np.moveaxis(grid.astype(np.float64), 3, 0), (width, height), strict=True)
            ]
            if padding_mode == "border":
                places = [place.clip(0, size - 1) for place, size in zip(places, (width, height), strict=True)]
            across, down = (np.floor(place) for place in places)
            result = np.zeros((*x.shape[:2], *grid.shape[1:3]))
            pictures = np.arange(x.shape[0])[:, None, None]
            for right in (0, 1):
                for below in (0, 1):
                    column, row = across + right, down + below
                    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
                    weight = (1 - abs(places[0] - column)) * (1 - abs(places[1] - row)) * inside
                    place = row.clip(0, height - 1).astype(int), column.clip(0, width - 1).astype(int)
                    seen = np.moveaxis(x, 1, 3)[pictures, *place]  # [n, h, w, channels]
                    result += np.moveaxis(seen * weight[..., None], 3, 1)
            return (result.astype(x.dtype),)

    return GridSample


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
