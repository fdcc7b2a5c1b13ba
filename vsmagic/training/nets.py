"""The network: luma in, what bicubic missed out."""

from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import helper, numpy_helper
from torch import Tensor, nn

from vsmagic.errors import ModelError, reason
from vsmagic.training.degrade import Plane

LEAK = 0.1
"""What values below 0 count. Cut off, they left 27 of 48 planes of the first layer dark for good in a full run, and 60
of 64 in some layers of a deeper network, which was no better than a third of it. Kept in all runtimes at no cost."""

_GREY = 0.5
_RANDOM = 0.3
"""How far a layer strays from passing its planes on, when training begins: the share of He's random weights."""


class LumaNet(nn.Module):
    """Enlarges luma, or mends it at its size; works at half the input's size.

    A convolution has planes enough there to use a processor well. A strided convolution gathers the input into
    ``channels`` planes, ``depth`` 3x3 convolutions with leaky ReLU work on them, and one pixel shuffle by twice the
    scale spreads the last one's planes over the output.

    Args:
        channels: planes between the layers; multiples of 16 fill a processor's registers.
        depth: 3x3 convolutions between the first layer and the last.
        scale: output size over input size: 1, 2 or 4.
    """

    def __init__(self, channels: int, depth: int, scale: int = 2) -> None:
        super().__init__()
        self.scale = scale
        self.head = nn.Conv2d(1, channels, 4, stride=2, padding=1)
        self.body = nn.ModuleList(nn.Conv2d(channels, channels, 3, padding=1) for _ in range(depth))
        self.tail = nn.Conv2d(channels, (2 * scale) ** 2, 3, padding=1)
        for name, parameter in self.named_parameters():
            # An untrained network adds nothing: training starts from bicubic.
            if name.startswith("tail") or name.endswith("bias"):
                nn.init.zeros_(parameter)
            else:
                nn.init.kaiming_normal_(parameter, nonlinearity="relu")
        for layer in self.body:
            _pass_on(layer)
        with torch.no_grad():
            # Mid grey gives 0: planes whose weights add up to less would be on one side of it for nearly all pictures.
            dict(self.head.named_parameters())["bias"].copy_(-_GREY * self.head.weight.sum((1, 2, 3)))

    def forward(self, luma: Tensor) -> Tensor:
        """Residual ``[n, 1, scale * h, scale * w]`` for luma ``[n, 1, h, w]``, 0 to 1, h and w even."""
        first = _leaky(self.head(luma))  # [n, channels, h / 2, w / 2]
        planes = first
        for convolution in self.body:
            planes = _leaky(convolution(planes))
        spread: Tensor = nn.functional.pixel_shuffle(self.tail(planes + first), 2 * self.scale)
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
        return 1 + self.scale**2 + 3 * -(-self.head.out_channels // 4)


def _leaky(planes: Tensor) -> Tensor:
    return nn.functional.leaky_relu(planes, LEAK)


def _pass_on(layer: nn.Module) -> None:
    """Let a layer begin as one that passes its planes on, and a little more.

    Layers of a deep chain then learn from the first step on, as those of a residual network do, and no addition is
    left in it. On 1,000 pictures, 32 planes and five layers this gained 0.2 dB on Set5 after 3,000 steps.
    """
    assert isinstance(layer, nn.Conv2d)  # noqa: S101  the type that ModuleList does not keep
    with torch.no_grad():
        layer.weight *= _RANDOM
        middle = layer.weight[:, :, 1, 1]
        middle += torch.eye(len(middle))


def read(path: Path) -> LumaNet:
    """Read a network from the ONNX that :mod:`vsmagic.training.export` wrote of one.

    Raises:
        ModelError: it is something else.
    """
    try:
        graph = onnx.load(path).graph
        weights = {one.name: torch.from_numpy(_copied(one)) for one in graph.initializer}
        depth = sum(name.startswith("body") and name.endswith(".weight") for name in weights)
        channels, scale = len(weights["head.bias"]), round(len(weights["tail.bias"]) ** 0.5) // 2
        net = LumaNet(channels, depth, scale)
        net.load_state_dict({_in_module(name): weight for name, weight in weights.items()})
    except Exception as error:  # protobuf, a missing name, shapes that differ
        raise ModelError(f"{path}: not a network that vsmagic train sr made ({reason(error)}).") from error
    slopes = {helper.get_node_attr_value(node, "alpha") for node in graph.node if node.op_type == "LeakyRelu"}
    if not slopes or any(abs(slope - LEAK) > 1e-6 for slope in slopes):
        raise ModelError(
            f"{path}: its layers end in {f'LeakyRelu of {min(slopes):g}' if slopes else 'no LeakyRelu'}; expected "
            f"{LEAK:g}, as networks are made now. Train one anew, without it."
        )
    return net


def begin_from(net: LumaNet, other: LumaNet) -> None:
    """Take the weights of another network; the last layer only where both have the same scale.

    Raises:
        ModelError: they have other planes or layers.
    """
    ours, theirs = net.state_dict(), other.state_dict()
    if net.scale != other.scale:
        theirs = {name: ours[name] if name.startswith("tail") else weight for name, weight in theirs.items()}
    if {name: weight.shape for name, weight in ours.items()} != {name: w.shape for name, w in theirs.items()}:
        raise ModelError(
            f"--from: a network of {other.head.out_channels} planes and {len(other.body)} layers cannot begin one of "
            f"{net.head.out_channels} and {len(net.body)}; give --channels and --depth as it has them."
        )
    net.load_state_dict(theirs)


def residual(net: nn.Module, luma: Plane) -> Plane:
    """Run the network on one plane ``[h, w]``, h and w even; gives ``[scale * h, scale * w]``."""
    device = next(net.parameters()).device
    with torch.inference_mode():
        planes = net(torch.from_numpy(np.ascontiguousarray(luma))[None, None].to(device))
    out: Plane = planes[0, 0].cpu().numpy()
    return out


def _copied(weight: onnx.TensorProto) -> np.ndarray:
    return np.array(numpy_helper.to_array(weight))


def _in_module(name: str) -> str:
    """``body3.weight`` in ONNX is ``body.3.weight`` here."""
    return name.replace("body", "body.")
