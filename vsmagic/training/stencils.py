"""What a network need not learn: comparing, aligning, enlarging and warping planes.

Much of it is convolutions with weights that are known: one does what dozens of slices would, in a step that every
runtime is quick at, to compile as well as to run.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

_FLAT_ACROSS = 1e-3  # of a structure's own size: what it must have along an edge to be held on to there
_FARTHEST = 1.0  # cell, or pixel: the most that aligning moves; it holds for short ways only


class Comparison(nn.Module):
    """How alike each cell of one is to each cell of the other around it.

    Args:
        planes: features that are compared.
        reach: cells to every side.
    """

    shifts: Tensor
    copies: Tensor
    means: Tensor

    def __init__(self, planes: int, reach: int) -> None:
        super().__init__()
        self.planes, self.reach, count = planes, reach, (2 * reach + 1) ** 2
        around = torch.eye(count).reshape(count, 1, 2 * reach + 1, 2 * reach + 1)
        # Plane by plane, all places of each: copies of what they are compared with, and the mean of each place.
        each = torch.eye(planes).repeat_interleave(count, 0)
        mean = torch.eye(count).repeat(1, planes) / planes
        self.register_buffer("shifts", around.repeat(planes, 1, 1, 1), persistent=False)
        self.register_buffer("copies", each[:, :, None, None].contiguous(), persistent=False)
        self.register_buffer("means", mean[:, :, None, None].contiguous(), persistent=False)

    def forward(self, ones: Tensor, twos: Tensor) -> Tensor:
        """Return ``[n, (2 * reach + 1) ** 2, h, w]`` for ``[n, planes, h, w]`` each; beyond the border all is 0."""
        around = functional.conv2d(twos, self.shifts, padding=self.reach, groups=self.planes)
        return functional.conv2d(functional.conv2d(ones, self.copies) * around, self.means)


class _Aligning(nn.Module):
    """How far one lies from the other around each place, by Lucas and Kanade's method.

    Args:
        width: places, each way, that are taken together.
        every: places, each way, from one result to the next.
        flat: a structure, in squared slopes, below which there is nothing to hold on to.

    Calling it returns the way from one to the other, ``[n, 2, h / every, w / every]``, to the right and downward, and
    how much there is to tell it by, ``[n, 1, h / every, w / every]``, 0 to 1.
    """

    def __init__(self, *, width: int, every: int, flat: float) -> None:
        super().__init__()
        self.width, self.every, self.flat = width, every, flat

    def solved(self, products: Tensor) -> tuple[Tensor, Tensor]:
        """Solve for the way, given xx, yy, xy, xt and yt at each place: slopes of both's mean, and how they differ."""
        margin = (self.width - self.every) // 2
        wide = functional.pad(products, (margin,) * 4, mode="replicate")
        xx, yy, xy, xt, yt = torch.split(functional.avg_pool2d(wide, self.width, self.every), 1, 1)
        structure = xx + yy
        doubt = self.flat + _FLAT_ACROSS * structure
        xx, yy = xx + doubt, yy + doubt
        step = torch.cat([yy * xt - xy * yt, xx * yt - xy * xt], 1) / (xx * yy - xy * xy)
        return step.clamp(-_FARTHEST, _FARTHEST), structure / (structure + 2 * self.flat)


class Alignment(_Aligning):
    """Of features: the mean of all planes tells."""

    def forward(self, was: Tensor, will: Tensor) -> tuple[Tensor, Tensor]:
        """Align ``[n, planes, h, w]`` each."""
        around = functional.pad((was + will) / 2, (1,) * 4, mode="replicate")
        x = (around[:, :, 1:-1, 2:] - around[:, :, 1:-1, :-2]) / 2
        y = (around[:, :, 2:, 1:-1] - around[:, :, :-2, 1:-1]) / 2
        t = was - will
        pairs = ((x, x), (y, y), (x, y), (x, t), (y, t))
        return self.solved(torch.cat([(one * other).mean(1, keepdim=True) for one, other in pairs], 1))


class LumaAlignment(_Aligning):
    """Of two large planes: a convolution on either side of the products is quicker than slices."""

    left: Tensor
    right: Tensor

    def __init__(self, *, width: int, every: int, flat: float) -> None:
        super().__init__(width=width, every=every, flat=flat)
        self.register_buffer("left", _slopes("xyxxy"), persistent=False)
        self.register_buffer("right", _slopes("xyytt"), persistent=False)

    def forward(self, pair: Tensor) -> tuple[Tensor, Tensor]:
        """Align the second plane of ``[n, 2, h, w]`` with the first."""
        padded = functional.pad(pair, (1,) * 4, mode="replicate")
        return self.solved(functional.conv2d(padded, self.left) * functional.conv2d(padded, self.right))


class Enlargement(nn.Module):
    """What :func:`enlarged` does, in half its time where planes are few and large."""

    blocks: Tensor

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times
        one_each = torch.eye(9).reshape(9, 1, 3, 3)
        middle = slice(times, 2 * times)  # what the cell in the middle becomes, of a one in each of the nine
        blocks = enlarged(one_each, times)[:, 0, middle, middle].reshape(3, 3, times**2, 1).permute(2, 3, 0, 1)
        self.register_buffer("blocks", blocks.contiguous(), persistent=False)

    def forward(self, planes: Tensor) -> Tensor:
        """Return ``[n, 2, times * h, times * w]`` for ``[n, 2, h, w]``."""
        height, width = planes.shape[2:]
        padded = functional.pad(planes.reshape(-1, 1, height, width), (1,) * 4, mode="replicate")
        pixels = functional.pixel_shuffle(functional.conv2d(padded, self.blocks), self.times)
        return pixels.reshape(-1, 2, self.times * height, self.times * width)


def enlarged(planes: Tensor, times: int) -> Tensor:
    """Enlarge, bilinear."""
    return functional.interpolate(planes, scale_factor=times, mode="bilinear", align_corners=False)


def warp(planes: Tensor, motion: Tensor, mode: str = "bilinear") -> Tensor:
    """Fetch every pixel from where its motion (x, y in pixels of these planes) points; the border goes on for ever.

    Args:
        planes: ``[n, c, h, w]``.
        motion: ``[n, 2, h, w]``.
        mode: bilinear, or bicubic, which keeps what is fine at the cost of twice the time.
    """
    # Counted up inside the graph, so that it fits any size: ONNX has this in every runtime.
    one = torch.ones_like(motion[:, :1])
    places = torch.cat([torch.cumsum(one, 3), torch.cumsum(one, 2)], 1)
    sizes = places[:, :, -1:, -1:]
    grid = (places - 0.5 + motion) * (2 / sizes) - 1
    return functional.grid_sample(
        planes, grid.permute(0, 2, 3, 1), mode=mode, padding_mode="border", align_corners=False
    )


def _slopes(kinds: str) -> Tensor:
    """Return weights ``[k, 2, 3, 3]`` that give, of two planes, their mean's slope (x, y) or their difference (t)."""
    across = torch.zeros(2, 3, 3)
    across[:, 1, 0], across[:, 1, 2] = -0.25, 0.25
    apart = torch.zeros(2, 3, 3)
    apart[0, 1, 1], apart[1, 1, 1] = 1, -1
    return torch.stack([{"x": across, "y": across.transpose(1, 2), "t": apart}[kind] for kind in kinds])
