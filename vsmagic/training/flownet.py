"""The network that makes a frame in between: motion at three scales, coarse to fine, then one warp of the pictures.

In the manner of L. Kong et al., 'IFRNet: Intermediate Feature Refine Network for Efficient Frame Interpolation'
(2022) and Z. Huang et al., 'Real-Time Intermediate Flow Estimation for Video Frame Interpolation' (2022): a pyramid
of features of both frames; at each scale the features are brought to the time wanted by the motion found so far, and
the motion is corrected; at the end both frames are warped, weighed by a mask, and a residual is added.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

WIDTHS = (16, 24, 48, 64)
"""Channels of the features at 1/2, 1/4, 1/8 and 1/16 of the picture's size."""

MULTIPLE = 16
"""Width and height that the network takes are multiples of this."""

_CELL = 4  # motion is known for cells of 4x4 pixels
_UNIT = 16.0  # pixels that a motion of 1 stands for: keeps what the layers work with near 1
_SLOPE = 0.25  # of PReLU below 0, before training
_COMPARED = 32  # channels of the features that frames are compared by
_FAR, _NEAR = 3, 2  # cells that the features of both frames are compared over, at 1/16 and at 1/8


class FlowNet(nn.Module):
    """Makes the picture at a time between two."""

    def __init__(self, widths: tuple[int, int, int, int] = WIDTHS) -> None:
        super().__init__()
        half, quarter, eighth, sixteenth = widths
        self.encoder = nn.ModuleList(
            [_down(3, half), _down(half, quarter), _down(quarter, eighth), _down(eighth, sixteenth)]
        )
        self.coarse = _Decoder(2 * sixteenth + (2 * _FAR + 1) ** 2 + 1, sixteenth + 32, eighth)
        self.middle = _Decoder(3 * eighth + (2 * _NEAR + 1) ** 2 + 5, eighth + 16, quarter)
        self.fine = _Decoder(3 * quarter + 5, quarter + 8, 4 * _CELL**2)
        for module in self.modules():
            if isinstance(module, nn.Conv2d) and module.bias is not None:
                nn.init.kaiming_normal_(module.weight, a=_SLOPE)
                nn.init.zeros_(module.bias)
        with torch.no_grad():
            for decoder in (self.coarse, self.middle, self.fine):
                decoder.tail.weight[:4].mul_(0.05)  # an untrained network finds next to no motion
            self.fine.tail.weight[4:].zero_()  # and mixes both frames

    def forward(self, pictures: Tensor) -> Tensor:
        """Return ``[n, 3, h, w]`` for ``[n, 7, h, w]``: RGB of the first, RGB of the second, 0 to 1, and the time.

        The time, 0 to 1, is the same all over its plane. h and w are multiples of 16.
        """
        result, _ = self.look(pictures)
        return result

    def look(self, pictures: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return the picture, and the motions found on the way, coarse to fine, ``[n, 4, h / s, w / s]``.

        A motion is x and y in pixels of the full size from the place in the new picture to the one in the first,
        and the same to the second; s is 16, 8, 4.
        """
        first, second, time = pictures[:, 0:3], pictures[:, 3:6], pictures[:, 6:7]
        ones, twos = self._features(first), self._features(second)
        # Speed, the same at every time if motion is even, is what is found; the way to each frame follows from it.
        part = torch.cat([-time, -time, 1 - time, 1 - time], 1)[:, :, ::16, ::16]
        speed, state = self.coarse([ones[3], twos[3], compared(ones[3], twos[3], _FAR)], part[:, 2:3])
        motions = [speed * part * _UNIT]
        for decoder, level, reach in ((self.middle, 2, _NEAR), (self.fine, 1, 0)):
            speed, part = twice(speed), part[:, :, :1, :1].expand(-1, -1, *ones[level].shape[2:])
            motion = speed * part * (_UNIT / 2 ** (level + 1))
            was, will = warp(ones[level], motion[:, :2]), warp(twos[level], motion[:, 2:])
            seen = [was, will, twice(state), speed, *([compared(was, will, reach)] if reach else [])]
            step, state = decoder(seen, part[:, 2:3])
            speed = speed + step
            motions.append(speed * part * _UNIT)
        full = functional.interpolate(motions[-1], scale_factor=_CELL, mode="bilinear", align_corners=False)
        spread = functional.pixel_shuffle(state, _CELL)  # [n, 4, h, w]: mask and residual
        mask = torch.sigmoid(spread[:, :1]) * (1 - time)
        other = torch.sigmoid(-spread[:, :1]) * time
        mask = mask / (mask + other)
        mixed = mask * warp(first, full[:, :2]) + (1 - mask) * warp(second, full[:, 2:])
        return mixed + spread[:, 1:], motions

    @property
    def activations(self) -> int:
        """Values alive at once at the widest place, per pixel: both pictures, both warped, mask, residual, motion."""
        return 7 + 6 + 4 + 8

    def _features(self, picture: Tensor) -> list[Tensor]:
        found, planes = [], 4 * picture - 2
        for stage in self.encoder:
            planes = stage(planes)
            found.append(planes)
        return found


class _Decoder(nn.Module):
    """Corrects the speed at one scale, and hands on what it knows."""

    def __init__(self, given: int, width: int, state: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(given, width, 3, padding=1), nn.PReLU(width),
            nn.Conv2d(width, width, 3, padding=1), nn.PReLU(width),
            nn.Conv2d(width, width, 3, padding=1), nn.PReLU(width),
        )  # fmt: skip
        self.tail = nn.Conv2d(width, 4 + state, 3, padding=1)

    def forward(self, planes: list[Tensor], time: Tensor) -> tuple[Tensor, Tensor]:
        out = self.tail(self.body(torch.cat([*planes, time], 1)))
        return out[:, :4], out[:, 4:]


def _down(given: int, made: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(given, made, 3, stride=2, padding=1), nn.PReLU(made))


def twice(planes: Tensor) -> Tensor:
    """Double the size, bilinear."""
    return functional.interpolate(planes, scale_factor=2, mode="bilinear", align_corners=False)


def compared(ones: Tensor, twos: Tensor, reach: int) -> Tensor:
    """Return how alike each cell of one is to each cell of the other around it, ``[n, (2 * reach + 1) ** 2, h, w]``."""
    ones, twos = ones[:, :_COMPARED], twos[:, :_COMPARED]
    height, width = ones.shape[2:]
    around = functional.pad(twos, (reach,) * 4)
    steps = range(2 * reach + 1)
    alike = [(ones * around[:, :, y : y + height, x : x + width]).mean(1, keepdim=True) for y in steps for x in steps]
    return torch.cat(alike, 1)


def warp(planes: Tensor, motion: Tensor) -> Tensor:
    """Fetch every pixel from where its motion (x, y in pixels of these planes) points; the border goes on for ever."""
    height, width = planes.shape[2:]
    # Counted up inside the graph, so that it fits any size: ONNX has this in every runtime.
    one = torch.ones_like(motion[:, :1])
    x = (torch.cumsum(one, 3) - 0.5 + motion[:, 0:1]) * (2 / width) - 1
    y = (torch.cumsum(one, 2) - 0.5 + motion[:, 1:2]) * (2 / height) - 1
    grid = torch.cat([x, y], 1).permute(0, 2, 3, 1)
    return functional.grid_sample(planes, grid, mode="bilinear", padding_mode="border", align_corners=False)
