"""The network that makes a frame in between: motion from coarse to fine, then one warp of the pictures.

In the manner of X. Jin et al., 'A Unified Pyramid Recurrent Network for Video Frame Interpolation' (2023): the same
small network corrects the motion at every scale, each time on features that the motion found so far has brought to
the time wanted. Beside the features it is given what B. D. Lucas and T. Kanade, 'An Iterative Image Registration
Technique with an Application to Stereo Vision' (1981), would correct, solved in closed form, and says how much of
that to take: a part of a pixel then need not be learnt. The last correction is that alone, on the full-size luma.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

LEVELS = 4
"""Sizes of the pictures that motion is looked for in, each half of the one before, while it is learnt."""

CELL = 4
"""Motion is found for cells of this many pixels, in each size."""

_FEATURES = 16
_COMPARED = 8  # of them, those that frames are compared and aligned by
_STATE = 12  # planes that each scale hands on to the next
_COARSE, _SHARED, _FINE = 64, 32, 24  # channels inside the decoders
_FAR, _NEAR = 3, 1  # cells to every side that frames are compared over, at the coarsest scale and at the others
_SLOPE = 0.25  # of PReLU below 0, before training

# What aligning adds to a neighbourhood's structure: below it there is nothing to hold on to, and no step is made.
_FLAT_FEATURES, _FLAT_LUMA = 0.02, 2e-5
_FLAT_ACROSS = 1e-3  # the same, of the structure's own size: along an edge
_FARTHEST = 1.0  # cell, or pixel: the most that aligning moves; it holds for short ways only


class FlowNet(nn.Module):
    """Makes the picture at a time between two.

    Args:
        levels: sizes of the pictures that motion is looked for in, each half of the one before. One more reaches
            twice as far, with the same weights.
    """

    left: Tensor
    right: Tensor
    spread: Tensor

    def __init__(self, levels: int = LEVELS) -> None:
        super().__init__()
        self.levels = levels
        self.encoder = nn.Sequential(
            *_layer(3, _FEATURES, stride=2), *_layer(_FEATURES, _FEATURES, stride=2), *_layer(_FEATURES, _FEATURES)
        )
        found = 2 + 1 + _STATE  # a correction, how much of the alignment to take, and the state
        self.coarse = _decoder(2 * _FEATURES + (2 * _FAR + 1) ** 2 + 1, _COARSE, found)
        self.shared = _decoder(2 * _FEATURES + (2 * _NEAR + 1) ** 2 + 3 + _STATE + 2, _SHARED, found)
        self.fine = nn.Sequential(
            *_layer(_STATE + 3, _FINE), nn.Conv2d(_FINE, 1 + CELL**2, 3, padding=1)
        )  # how much of the last alignment to take, and the mask
        self.register_buffer("left", _slopes("xyxxy"), persistent=False)
        self.register_buffer("right", _slopes("xyytt"), persistent=False)
        self.register_buffer("spread", _enlargement(CELL), persistent=False)
        for module in self.modules():
            if isinstance(module, nn.Conv2d) and module.bias is not None:
                nn.init.kaiming_normal_(module.weight, a=_SLOPE)
                nn.init.zeros_(module.bias)
        with torch.no_grad():  # an untrained network finds next to no motion, and mixes both frames
            for last, planes in ((self.coarse[-1], 3), (self.shared[-1], 3), (self.fine[-1], None)):
                assert isinstance(last, nn.Conv2d)  # noqa: S101 - what Sequential does not tell
                last.weight[:planes].mul_(0.05)

    def forward(self, pictures: Tensor) -> Tensor:
        """Return ``[n, 3, h, w]`` for ``[n, 7, h, w]``: RGB of the first, RGB of the second, 0 to 1, and the time.

        The time, above 0 and below 1, is the same all over its plane. h and w are multiples of :attr:`multiple`.
        """
        result, _ = self.look(pictures)
        return result

    def look(self, pictures: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return the picture, and the motions found on the way, coarse to fine.

        A motion is ``[n, 2, h / s, w / s]``, s being 32 (with 4 levels), 16, 8, 4 and 1: how many pixels of the full
        size, to the right and downward, what is seen in the new picture moves from the first to the second. Both
        ends follow from it and the time, as of things that move evenly.
        """
        height, width = pictures.shape[2:]
        # First and second lie one after the other, so that everything is done to both at once.
        both = pictures[:, :6].reshape(-1, 3, height, width)
        time = pictures[:, 6:7, :1, :1]
        ways = torch.cat([-time, 1 - time], 1)[:, :, None]
        sizes = [both]
        for _ in range(self.levels - 1):
            sizes.append(functional.avg_pool2d(sizes[-1], 2))
        when = pictures[:, 6:7, :: self.multiple, :: self.multiple]
        motion, state, motions = self._found([self.encoder(4 * size - 2) for size in sizes], when, ways)
        full = self._of_pixels(motion * CELL)
        luma = warp(both.mean(1, keepdim=True), _to_ends(full, ways)).reshape(-1, 2, height, width)
        step, sure = self._alignment(luma)
        out = self.fine(torch.cat([state, step, sure], 1))
        full = self._of_pixels(motion * CELL + step * torch.sigmoid(out[:, :1]))
        mask = functional.pixel_shuffle(out[:, 1:], CELL)
        ends = warp(both, _to_ends(full, ways), mode="bicubic").reshape(-1, 6, height, width)
        was, will = ends[:, :3], ends[:, 3:]
        share = torch.sigmoid(mask + torch.log((1 - time) / time))  # of the first frame: by time, where mask is 0
        return will + share * (was - will), [*motions, full]

    @property
    def multiple(self) -> int:
        """Width and height of the pictures are multiples of this."""
        return CELL << (self.levels - 1)

    @property
    def activations(self) -> int:
        """Values alive at once at the widest place, per pixel: both pictures and both warped, motion, mask, grid."""
        return 7 + 6 + 2 + 4 + 4

    def _found(self, features: list[Tensor], when: Tensor, ways: Tensor) -> tuple[Tensor, Tensor, list[Tensor]]:
        """Return the motion in cells of 4 pixels, the state, and the motions of all scales in pixels."""
        one, two, pair = _both(features[-1])
        out = self.coarse(torch.cat([pair, compared(one, two, _FAR), when], 1))
        motion, state = out[:, :2], out[:, 3:]
        motions = [motion * self.multiple]
        for level in reversed(range(self.levels - 1)):
            motion, state = enlarged(motion, 2) * 2, enlarged(state, 2)
            was, will, pair = _both(warp(features[level], _to_ends(motion, ways)))
            was, will = was[:, :_COMPARED], will[:, :_COMPARED]
            step, sure = aligned(was, will)
            out = self.shared(torch.cat([pair, compared(was, will, _NEAR), step, sure, state, motion * 0.1], 1))
            motion, state = motion + out[:, :2] + step * torch.sigmoid(out[:, 2:3]), out[:, 3:]
            motions.append(motion * (CELL << level))
        return motion, state, motions

    def _of_pixels(self, motion: Tensor) -> Tensor:
        """Return the motion of every pixel from that of cells, ``[n, 2, h, w]``: :func:`enlarged` in half its time."""
        height, width = motion.shape[2:]
        padded = functional.pad(motion.reshape(-1, 1, height, width), (1,) * 4, mode="replicate")
        pixels = functional.pixel_shuffle(functional.conv2d(padded, self.spread), CELL)
        return pixels.reshape(-1, 2, CELL * height, CELL * width)

    def _alignment(self, luma: Tensor) -> tuple[Tensor, Tensor]:
        """:func:`aligned` of the two planes of ``[n, 2, h, w]``, for cells, in pixels; one convolution each side."""
        padded = functional.pad(luma, (1,) * 4, mode="replicate")
        products = functional.conv2d(padded, self.left) * functional.conv2d(padded, self.right)
        margin = CELL // 2
        wide = functional.pad(products, (margin,) * 4, mode="replicate")
        return _solved(functional.avg_pool2d(wide, 2 * CELL, CELL), _FLAT_LUMA)


def _layer(given: int, made: int, stride: int = 1) -> list[nn.Module]:
    return [nn.Conv2d(given, made, 3, stride=stride, padding=1), nn.PReLU(made)]


def _decoder(given: int, width: int, made: int) -> nn.Sequential:
    inner = [*_layer(given, width), *_layer(width, width), *_layer(width, width)]
    return nn.Sequential(*inner, nn.Conv2d(width, made, 3, padding=1))


def _both(planes: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the features of the first and of the second, ``[n, c, h, w]`` each, and both, ``[n, 2c, h, w]``."""
    pair = planes.reshape(-1, 2 * _FEATURES, *planes.shape[2:])
    return pair[:, :_FEATURES], pair[:, _FEATURES:], pair


def _to_ends(motion: Tensor, ways: Tensor) -> Tensor:
    """Return how far it is from the new picture's places to the first's and the second's, ``[2n, 2, h, w]``."""
    return (motion[:, None] * ways).reshape(-1, 2, *motion.shape[2:])


def enlarged(planes: Tensor, times: int) -> Tensor:
    """Enlarge, bilinear."""
    return functional.interpolate(planes, scale_factor=times, mode="bilinear", align_corners=False)


def _enlargement(times: int) -> Tensor:
    """Return weights ``[times ** 2, 1, 3, 3]`` of a convolution that makes of each cell what :func:`enlarged` does."""
    one_each = torch.eye(9).reshape(9, 1, 3, 3)
    middle = slice(times, 2 * times)
    return enlarged(one_each, times)[:, 0, middle, middle].reshape(3, 3, times**2, 1).permute(2, 3, 0, 1).contiguous()


def compared(ones: Tensor, twos: Tensor, reach: int) -> Tensor:
    """Return how alike each cell of one is to each cell of the other around it, ``[n, (2 * reach + 1) ** 2, h, w]``."""
    around = functional.pad(twos, (reach,) * 4)
    # Ends are counted from the far side, so that the graph need not ask for sizes.
    shown = [slice(step, step - 2 * reach or None) for step in range(2 * reach + 1)]
    alike = [(ones * around[:, :, rows, columns]).mean(1, keepdim=True) for rows in shown for columns in shown]
    return torch.cat(alike, 1)


def aligned(was: Tensor, will: Tensor) -> tuple[Tensor, Tensor]:
    """Return how far, in cells, one lies from the other around each cell, and how much there is to tell it by.

    Returns:
        ``[n, 2, h, w]`` to the right and downward, and ``[n, 1, h, w]``, 0 to 1.
    """
    around = functional.pad((was + will) / 2, (1,) * 4, mode="replicate")
    x = (around[:, :, 1:-1, 2:] - around[:, :, 1:-1, :-2]) / 2
    y = (around[:, :, 2:, 1:-1] - around[:, :, :-2, 1:-1]) / 2
    apart = was - will
    pairs = ((x, x), (y, y), (x, y), (x, apart), (y, apart))
    products = torch.cat([(one * other).mean(1, keepdim=True) for one, other in pairs], 1)
    return _solved(functional.avg_pool2d(functional.pad(products, (2,) * 4, mode="replicate"), 5, 1), _FLAT_FEATURES)


def _solved(sums: Tensor, flat: float) -> tuple[Tensor, Tensor]:
    """Solve for the step: ``sums`` are means of xx, yy, xy, xt and yt around each place."""
    xx, yy, xy, xt, yt = torch.split(sums, 1, 1)
    structure = xx + yy
    doubt = flat + _FLAT_ACROSS * structure
    xx, yy = xx + doubt, yy + doubt
    step = torch.cat([yy * xt - xy * yt, xx * yt - xy * xt], 1) / (xx * yy - xy * xy)
    return step.clamp(-_FARTHEST, _FARTHEST), structure / (structure + 2 * flat)


def _slopes(kinds: str) -> Tensor:
    """Return weights ``[k, 2, 3, 3]`` that give, of two planes, the mean's slope (x, y) or what they are apart (t)."""
    across = torch.zeros(2, 3, 3)
    across[:, 1, 0], across[:, 1, 2] = -0.25, 0.25
    apart = torch.zeros(2, 3, 3)
    apart[0, 1, 1], apart[1, 1, 1] = 1, -1
    return torch.stack([{"x": across, "y": across.transpose(1, 2), "t": apart}[kind] for kind in kinds])


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
