"""RIFE 4.x as published, step by step, for comparison: modules under their published names, nothing folded.

Written from the definitions in hzwer/Practical-RIFE and HolyWu/vs-rife, whose attribute names give the state dicts
their keys. Sizes, scales and channels are written out here once more, on purpose: the package's own table is what is
tested.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True)
class Kind:
    widths: tuple[int, ...]
    scales: tuple[int, ...]
    first: int
    later: int
    encoded: int | None
    planes: int


KINDS = {
    "4.6": Kind((192, 128, 96, 64), (8, 4, 2, 1), 7, 8 + 4, None, 6),
    "4.15-lite": Kind((128, 96, 64, 48), (8, 4, 2, 1), 7 + 8, 8 + 4 + 8, 4, 6),
    "4.25": Kind((192, 128, 96, 64, 32), (16, 8, 4, 2, 1), 7 + 8, 8 + 4 + 8 + 8, 4, 13),
    "4.25-lite": Kind((192, 128, 96, 64, 24), (32, 16, 8, 4, 1), 7 + 8, 8 + 4 + 8 + 8, 4, 13),
    "4.25-heavy": Kind((384, 256, 192, 128, 64), (16, 8, 4, 2, 1), 7 + 8, 8 + 4 + 8 + 8, 4, 13),
    "4.26": Kind((192, 128, 96, 64, 32), (16, 8, 4, 2, 1), 7 + 8, 8 + 4 + 8 + 8, 4, 13),
    "4.26-heavy": Kind((192, 128, 96, 64, 32), (16, 8, 4, 2, 1), 7 + 32, 8 + 4 + 8 + 32, 16, 13),
}


class Residual(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.beta = nn.Parameter(torch.ones(1, channels, 1, 1))
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return functional.leaky_relu(self.beta * self.conv(x) + x, 0.2)


def strided(inside: int, outside: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inside, outside, 3, 2, 1), nn.LeakyReLU(0.2))


class Block(nn.Module):
    def __init__(self, inside: int, width: int, planes: int) -> None:
        super().__init__()
        self.conv0 = nn.Sequential(strided(inside, width // 2), strided(width // 2, width))
        self.convblock = nn.Sequential(*(Residual(width) for _ in range(8)))
        self.lastconv = nn.Sequential(nn.ConvTranspose2d(width, 4 * planes, 4, 2, 1), nn.PixelShuffle(2))

    def forward(self, x: Tensor, flow: Tensor | None, scale: float) -> tuple[Tensor, Tensor, Tensor]:
        def resize(planes: Tensor, factor: float) -> Tensor:
            return functional.interpolate(planes, scale_factor=factor, mode="bilinear", align_corners=False)

        x = resize(x, 1 / scale)
        if flow is not None:
            x = torch.cat([x, resize(flow, 1 / scale) / scale], 1)
        made = resize(self.lastconv(self.convblock(self.conv0(x))), scale)
        return made[:, :4] * scale, made[:, 4:5], made[:, 5:]


class Encoder(nn.Module):
    def __init__(self, planes: int) -> None:
        super().__init__()
        self.cnn0 = nn.Conv2d(3, 16, 3, 2, 1)
        self.cnn1 = nn.Conv2d(16, 16, 3, 1, 1)
        self.cnn2 = nn.Conv2d(16, 16, 3, 1, 1)
        self.cnn3 = nn.ConvTranspose2d(16, planes, 4, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        for layer in (self.cnn0, self.cnn1, self.cnn2):
            x = functional.leaky_relu(layer(x), 0.2)
        return self.cnn3(x)


class Rife(nn.Module):
    def __init__(self, version: str, flow_scale: float = 1.0) -> None:
        super().__init__()
        kind = KINDS[version]
        self.adds_mask = version == "4.6"
        self.hands_on = kind.planes == 13
        self.scales = [scale / flow_scale for scale in kind.scales]
        for number, width in enumerate(kind.widths):
            setattr(self, f"block{number}", Block(kind.later if number else kind.first, width, kind.planes))
        if kind.encoded:
            self.encode = Encoder(kind.encoded)

    def forward(self, pictures: Tensor) -> Tensor:
        first, second, time = pictures.split([3, 3, 1], 1)
        features = [self.encode(first), self.encode(second)] if hasattr(self, "encode") else []
        flow, mask, handed = None, None, None
        for number, scale in enumerate(self.scales):
            block = getattr(self, f"block{number}")
            if flow is None:
                flow, mask, handed = block(torch.cat([first, second, *features, time], 1), None, scale)
                continue
            ways = flow[:, :2], flow[:, 2:4]
            warped = [warp(x, way) for x, way in zip((first, second), ways, strict=True)]
            warped += [warp(x, way) for x, way in zip(features, ways, strict=False)]
            known = [*warped, time, mask, *([handed] if self.hands_on else [])]
            more, shown, handed = block(torch.cat(known, 1), flow, scale)
            flow = flow + more
            mask = mask + shown if self.adds_mask else shown
        share = mask.sigmoid()
        return warp(first, flow[:, :2]) * share + warp(second, flow[:, 2:4]) * (1 - share)

    def motion(self, pictures: Tensor) -> Tensor:
        """The first block's motion, to see that it is one."""
        first, second, time = pictures.split([3, 3, 1], 1)
        features = [self.encode(first), self.encode(second)] if hasattr(self, "encode") else []
        return self.block0(torch.cat([first, second, *features, time], 1), None, self.scales[0])[0]


def warp(x: Tensor, flow: Tensor) -> Tensor:
    height, width = x.shape[2:]
    across = torch.linspace(-1, 1, width).view(1, 1, 1, width).expand(-1, -1, height, -1)
    down = torch.linspace(-1, 1, height).view(1, 1, height, 1).expand(-1, -1, -1, width)
    moved = torch.cat([flow[:, :1] / ((width - 1) / 2), flow[:, 1:2] / ((height - 1) / 2)], 1)
    grid = (torch.cat([across, down], 1) + moved).permute(0, 2, 3, 1)
    return functional.grid_sample(x, grid, mode="bilinear", padding_mode="border", align_corners=True)


def random(version: str, *, seed: int = 0, flow_scale: float = 1.0) -> Rife:
    """A network whose every part shows in its result: motion of some pixels, masks that differ from place to place."""
    torch.manual_seed(seed)
    net = Rife(version, flow_scale)
    with torch.no_grad():
        for name, values in net.named_parameters():
            if name.endswith("beta"):
                values.uniform_(0.2, 0.6)
            elif values.ndim == 4:
                fan = values[0].numel() if "lastconv" not in name and "cnn3" not in name else values.shape[0] * 4
                values.normal_(0, (2 / (1.04 * fan)) ** 0.5)
            else:
                values.normal_(0, 0.05)
        for number, _ in enumerate(net.scales):
            last = getattr(net, f"block{number}").lastconv[0]
            last.weight *= 0.1
    return net.eval()
