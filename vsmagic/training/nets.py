"""The network: luma in, what bicubic missed out."""

import numpy as np
import torch
from torch import Tensor, nn

from vsmagic.training.degrade import Plane


class LumaDoubler(nn.Module):
    """Doubles luma; works at half the input's size, where a convolution has channels enough to use the CPU well.

    A strided convolution gathers the input into ``channels`` planes of half its size, ``depth`` 3x3 convolutions
    with ReLU work there, and one pixel shuffle by 4 spreads 16 planes to twice the input's size.
    """

    def __init__(self, channels: int, depth: int) -> None:
        super().__init__()
        self.head = nn.Conv2d(1, channels, 4, stride=2, padding=1)
        self.body = nn.ModuleList(nn.Conv2d(channels, channels, 3, padding=1) for _ in range(depth))
        self.tail = nn.Conv2d(channels, 16, 3, padding=1)
        for name, parameter in self.named_parameters():
            # An untrained network adds nothing: training starts from bicubic.
            if name.startswith("tail") or name.endswith("bias"):
                nn.init.zeros_(parameter)
            else:
                nn.init.kaiming_normal_(parameter, nonlinearity="relu")

    def forward(self, luma: Tensor) -> Tensor:
        """Residual ``[n, 1, 2h, 2w]`` for luma ``[n, 1, h, w]``, 0 to 1, h and w even."""
        first = torch.relu(self.head(luma))  # [n, channels, h / 2, w / 2]
        planes = first
        for convolution in self.body:
            planes = torch.relu(convolution(planes))
        spread: Tensor = nn.functional.pixel_shuffle(self.tail(planes + first), 4)
        return spread

    @property
    def parameter_count(self) -> int:
        """Numbers that training finds."""
        return sum(parameter.numel() for parameter in self.parameters())

    @property
    def halo(self) -> int:
        """Input pixels beyond its own place that an output pixel may depend on.

        Each 3x3 convolution reaches one cell of 2x2 input pixels further, and the strided one a pixel beyond its
        cell; an output pixel at one side of its cell sees one pixel more on the other side.
        """
        return 2 * (len(self.body) + 1) + 2

    @property
    def activations(self) -> int:
        """Values alive at once at the widest place, per input pixel: in, out, and three layers at a quarter area."""
        return 1 + 4 + 3 * -(-self.head.out_channels // 4)


def residual(net: nn.Module, luma: Plane) -> Plane:
    """Run the network on one plane ``[h, w]``, h and w even; gives ``[2h, 2w]``."""
    with torch.inference_mode():
        planes = net(torch.from_numpy(np.ascontiguousarray(luma))[None, None])
    out: Plane = planes[0, 0].numpy()
    return out
