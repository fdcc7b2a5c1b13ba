"""The network that makes a frame in between: motion from coarse to fine, then one warp of the pictures.

In the manner of X. Jin et al., 'A Unified Pyramid Recurrent Network for Video Frame Interpolation' (2023): the same
small network corrects the motion at every scale, each time on features that the motion found so far has brought to
the time wanted. Beside the features it is given what B. D. Lucas and T. Kanade, 'An Iterative Image Registration
Technique with an Application to Stereo Vision' (1981), would correct, solved in closed form, and says how much of
that to take: a part of a pixel then need not be learnt. The last correction is that alone, on the full-size luma.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from vsmagic.training.stencils import Alignment, Comparison, Enlargement, LumaAlignment, enlarged, warp

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

_FLAT_FEATURES, _FLAT_LUMA = 0.02, 2e-5  # squared slopes of features and of luma that tell nothing
_STILL = 1 / 255  # mean difference of luma below which a place is taken to stay, the more the less it is
_LUMA_BT601 = (0.299, 0.587, 0.114)  # tells strong colours apart, which their mean does not


class Found(NamedTuple):
    """What the network finds; ``[n, channels, h, w]`` each."""

    picture: Tensor
    """RGB at the time wanted."""
    motions: list[Tensor]
    """Coarse to fine, ``[n, 2, h / s, w / s]``, s being 32 (with 4 levels), 16, 8, 4 and 1: how many pixels of the full
    size, to the right and downward, what is seen in the new picture moves from the first to the second. Both ends
    follow from it and the time, as of things that move evenly."""
    share: Tensor
    """How much of the picture comes from the first frame, 0 to 1."""


class FlowNet(nn.Module):
    """Makes the picture at a time between two.

    Args:
        levels: sizes of the pictures that motion is looked for in, each half of the one before. One more reaches
            twice as far, with the same weights.
    """

    luma: Tensor

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
        self.register_buffer("luma", torch.tensor(_LUMA_BT601).reshape(1, 3, 1, 1), persistent=False)
        for module in self.modules():
            if isinstance(module, nn.Conv2d) and module.bias is not None:
                nn.init.kaiming_normal_(module.weight, a=_SLOPE)
                nn.init.zeros_(module.bias)
        with torch.no_grad():  # an untrained network finds next to no motion, and mixes both frames
            for last, planes in ((self.coarse[-1], 3), (self.shared[-1], 3), (self.fine[-1], None)):
                assert isinstance(last, nn.Conv2d)  # noqa: S101 - what Sequential does not tell
                last.weight[:planes].mul_(0.05)
        self.compare_far = Comparison(_FEATURES, _FAR)
        self.compare_near = Comparison(_COMPARED, _NEAR)
        self.align_cells = Alignment(width=5, every=1, flat=_FLAT_FEATURES)
        self.align_pixels = LumaAlignment(width=2 * CELL, every=CELL, flat=_FLAT_LUMA)
        self.enlarge = Enlargement(CELL)

    def forward(self, pictures: Tensor) -> Tensor:
        """Return ``[n, 3, h, w]`` for ``[n, 7, h, w]``: RGB of the first, RGB of the second, 0 to 1, and the time.

        The time, above 0 and below 1, is the same all over its plane. h and w are multiples of :attr:`multiple`.
        """
        return self.look(pictures).picture

    def look(self, pictures: Tensor) -> Found:
        """Return the picture and what it was made by."""
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
        luma = functional.conv2d(both, self.luma)
        motion = motion * _stirred(luma.reshape(-1, 2, height, width))
        full = self.enlarge(motion * CELL)
        luma = warp(luma, _to_ends(full, ways)).reshape(-1, 2, height, width)
        step, sure = self.align_pixels(luma)
        out = self.fine(torch.cat([state, step, sure], 1))
        full = self.enlarge(motion * CELL + step * torch.sigmoid(out[:, :1]))
        mask = functional.pixel_shuffle(out[:, 1:], CELL)
        ends = warp(both, _to_ends(full, ways), mode="bicubic").reshape(-1, 6, height, width)
        was, will = ends[:, :3], ends[:, 3:]
        share = torch.sigmoid(mask + torch.log((1 - time) / time))  # of the first frame: by time, where mask is 0
        return Found(will + share * (was - will), [*motions, full], share)

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
        out = self.coarse(torch.cat([pair, self.compare_far(one, two), when], 1))
        motion, state = out[:, :2], out[:, 3:]
        motions = [motion * self.multiple]
        for level in reversed(range(self.levels - 1)):
            motion, state = enlarged(motion, 2) * 2, enlarged(state, 2)
            was, will, pair = _both(warp(features[level], _to_ends(motion, ways)))
            was, will = was[:, :_COMPARED], will[:, :_COMPARED]
            step, sure = self.align_cells(was, will)
            out = self.shared(torch.cat([pair, self.compare_near(was, will), step, sure, state, motion * 0.1], 1))
            motion, state = motion + out[:, :2] + step * torch.sigmoid(out[:, 2:3]), out[:, 3:]
            motions.append(motion * (CELL << level))
        return motion, state, motions


def _layer(given: int, made: int, stride: int = 1) -> list[nn.Module]:
    return [nn.Conv2d(given, made, 3, stride=stride, padding=1), nn.PReLU(made)]


def _decoder(given: int, width: int, made: int) -> nn.Sequential:
    inner = [*_layer(given, width), *_layer(width, width), *_layer(width, width)]
    return nn.Sequential(*inner, nn.Conv2d(width, made, 3, padding=1))


def _both(planes: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the features of the first and of the second, ``[n, c, h, w]`` each, and both, ``[n, 2c, h, w]``."""
    pair = planes.reshape(-1, 2 * _FEATURES, *planes.shape[2:])
    return pair[:, :_FEATURES], pair[:, _FEATURES:], pair


def _stirred(luma: Tensor) -> Tensor:
    """Return 0 for cells in whose surroundings both frames are the same, 1 where they clearly are not.

    What does not differ has not moved, whatever the features say of flat and repeated places.
    """
    apart = (luma[:, :1] - luma[:, 1:]).abs()
    around = functional.avg_pool2d(functional.pad(apart, (CELL // 2,) * 4, mode="replicate"), 2 * CELL, CELL)
    return (around / _STILL).clamp(max=1)


def _to_ends(motion: Tensor, ways: Tensor) -> Tensor:
    """Return how far it is from the new picture's places to the first's and the second's, ``[2n, 2, h, w]``."""
    return (motion[:, None] * ways).reshape(-1, 2, *motion.shape[2:])
