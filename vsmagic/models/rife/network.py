"""The arithmetic of RIFE 4.x in PyTorch, written for export: the published network with less to do.

What a constant factor does is folded into the weights beside it: the strength of each residual convolution, motion in
pixels of the frames or of what a block sees, planes that nothing reads. The result is the same but for rounding.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from vsmagic.models.rife.architecture import FLOW, LAYERS, MASK, Architecture

_SLOPE = 0.2  # of LeakyReLU below 0, everywhere
_SPREAD = 4  # channels that a pixel shuffle by 2 makes one plane of


class Network(nn.Module):
    """Makes the picture at a time between two."""

    def __init__(self, architecture: Architecture, weights: Mapping[str, Tensor], flow_scale: float) -> None:
        """Take the weights under their published names, float32, without ``module.``."""
        super().__init__()
        self.architecture = architecture
        self.scales = [step / flow_scale for step in architecture.steps]
        for name, values in folded(architecture, weights, self.scales).items():
            self.register_buffer(_plain(name), values)

    def forward(self, pictures: Tensor) -> Tensor:
        """Return ``[1, 3, h, w]`` for ``[1, 7, h, w]``: RGB of the first, RGB of the second, 0 to 1, and the time."""
        frames, time = [pictures[:, :3], pictures[:, 3:6]], pictures[:, 6:7]
        if self.architecture.features:
            # A frame and its features are warped together: one look-up instead of two.
            frames = [torch.cat([frame, self._features(frame)], 1) for frame in frames]
        lines = _line(pictures.shape[3], 3), _line(pictures.shape[2], 2)
        motion: Tensor | None = None
        mask: Tensor | None = None
        handed: list[Tensor] = []
        warped = frames
        last = len(self.scales) - 1
        for number in range(last + 1):
            seen = _joined(warped) + [time] + [one for one in (mask, *handed, motion) if one is not None]
            found = self._block(number, torch.cat(seen, 1))
            step, shown = found[:, :FLOW], found[:, FLOW : FLOW + MASK]
            motion = step if motion is None else motion + step
            mask = mask + shown if mask is not None and self.architecture.adds_mask else shown
            handed = [found[:, FLOW + MASK :]] if self.architecture.handed else []
            if number == last:
                frames = [frame[:, :3] for frame in frames]
            warped = [_warp(frames[0], motion[:, :2], lines), _warp(frames[1], motion[:, 2:], lines)]
        share = torch.sigmoid(shown if mask is None else mask)
        return warped[0] * share + warped[1] * (1 - share)

    def _block(self, number: int, planes: Tensor) -> Tensor:
        name, scale = f"block{number}", self.scales[number]
        planes = _resized(planes, 1 / scale)
        planes = _leaky(self._conv(planes, f"{name}.conv0.0.0", stride=2))
        planes = _leaky(self._conv(planes, f"{name}.conv0.1.0", stride=2))
        for layer in range(LAYERS):
            planes = _leaky(self._conv(planes, f"{name}.convblock.{layer}.conv") + planes)
        planes = functional.pixel_shuffle(self._enlarging(planes, f"{name}.lastconv.0"), 2)
        return _resized(planes, scale)

    def _features(self, frame: Tensor) -> Tensor:
        planes = _leaky(self._conv(frame, "encode.cnn0", stride=2))
        planes = _leaky(self._conv(planes, "encode.cnn1"))
        planes = _leaky(self._conv(planes, "encode.cnn2"))
        return self._enlarging(planes, "encode.cnn3")

    def _conv(self, planes: Tensor, name: str, *, stride: int = 1) -> Tensor:
        return functional.conv2d(planes, *self._weights(name), stride=stride, padding=1)

    def _enlarging(self, planes: Tensor, name: str) -> Tensor:
        return functional.conv_transpose2d(planes, *self._weights(name), stride=2, padding=1)

    def _weights(self, name: str) -> tuple[Tensor, Tensor]:
        return self.get_buffer(_plain(f"{name}.weight")), self.get_buffer(_plain(f"{name}.bias"))


def folded(architecture: Architecture, weights: Mapping[str, Tensor], scales: list[float]) -> dict[str, Tensor]:
    """Return the weights with every constant factor in them.

    Args:
        architecture: which network.
        weights: by their published names.
        scales: how many times smaller than the frames each block sees them.
    """
    result = {name: weights[name].clone() for name in architecture.tensors()}
    for number, scale in enumerate(scales):
        name = f"block{number}"
        if number:
            result[f"{name}.conv0.0.0.weight"][:, -FLOW:] /= scale  # motion in pixels of what the block sees
        for layer in range(LAYERS):
            inner = f"{name}.convblock.{layer}"
            strength = result.pop(f"{inner}.beta").flatten()
            result[f"{inner}.conv.weight"] *= strength[:, None, None, None]
            result[f"{inner}.conv.bias"] *= strength
        handed = architecture.handed if number < len(scales) - 1 else 0
        read = _SPREAD * (FLOW + MASK + handed)
        weight, bias = (result[f"{name}.lastconv.0.{part}"] for part in ("weight", "bias"))
        weight[:, : _SPREAD * FLOW] *= scale  # and here in pixels of the frames again
        bias[: _SPREAD * FLOW] *= scale
        result[f"{name}.lastconv.0.weight"] = weight[:, :read].contiguous()
        result[f"{name}.lastconv.0.bias"] = bias[:read].contiguous()
    return result


def _joined(warped: list[Tensor]) -> list[Tensor]:
    """Both frames, then the features of both, as the published weights want them."""
    return [*(frame[:, :3] for frame in warped), *(frame[:, 3:] for frame in warped if frame.shape[1] > 3)]


def _leaky(planes: Tensor) -> Tensor:
    return functional.leaky_relu(planes, _SLOPE)


def _resized(planes: Tensor, factor: float) -> Tensor:
    if factor == 1:
        return planes
    return functional.interpolate(planes, scale_factor=factor, mode="bilinear", align_corners=False)


def _line(length: int, axis: int) -> Tensor:
    """Count the pixels of a row or column, from 0, as ``[1, 1, 1, w]`` or ``[1, 1, h, 1]``."""
    shape = [1, 1, 1, 1]
    shape[axis] = -1
    return torch.arange(length).to(torch.float32).reshape(shape)


def _warp(planes: Tensor, motion: Tensor, lines: tuple[Tensor, Tensor]) -> Tensor:
    """Fetch every pixel from where its motion (x, y in pixels) points; the border goes on for ever."""
    across, down = lines
    x = (across + motion[:, 0:1]) * (2 / across[:, :, :, -1:]) - 1
    y = (down + motion[:, 1:2]) * (2 / down[:, :, -1:, :]) - 1
    grid = torch.cat([x, y], 1).permute(0, 2, 3, 1)
    return functional.grid_sample(planes, grid, mode="bilinear", padding_mode="border", align_corners=True)


def _plain(name: str) -> str:
    return name.replace(".", "_")  # PyTorch allows no dots
