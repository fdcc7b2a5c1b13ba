"""What a shader costs, counted: nothing here depends on a GPU."""

from dataclasses import dataclass

from vsmagic.shaders.grid import EACH, SIDE, grid
from vsmagic.shaders.network import Layer, Network


@dataclass(frozen=True, kw_only=True)
class Work:
    """Per pixel of the output."""

    multiply_adds: float
    """As the network has them."""
    done: float
    """Multiply-adds that the shader does: planes come in fours, and a strided convolution has its cells filled up."""
    fetches: float
    """Texels read."""
    stored: float
    """Bytes of textures between the passes, 8 to a texel."""

    def per_frame(self, width: int, height: int, scale: int) -> float:
        """Return floating-point operations for a frame of ``width`` x ``height`` input pixels, two a multiply-add."""
        return 2 * self.multiply_adds * width * height * scale**2


def work(network: Network) -> Work:
    """Count what a network's shader does."""
    pixels = network.shuffle**2
    between = network.layers[:-1]
    return Work(
        multiply_adds=sum(layer.multiply_adds for layer in network.layers) / pixels,
        done=sum(_done(network, layer) for layer in network.layers) / pixels,
        fetches=sum(_fetches(network, layer) for layer in network.layers) / pixels + _of_base(network),
        stored=sum(8 * grid(network, layer.channels).groups for layer in between) / pixels,
    )


def _done(network: Network, layer: Layer) -> int:
    _, given, height, width = layer.weights.shape
    return int(16 * grid(network, layer.channels).made * -(-given // 4) * height * width)


def _fetches(network: Network, layer: Layer) -> float:
    """Texels read per cell: weights and values once a work group, the bias once a thread, and what is added."""
    _, given, height, width = layer.weights.shape
    own, square = grid(network, layer.channels), EACH * SIDE
    values = (square + width - 1) * (square + height - 1) * (1 if layer.given else network.cell**2)
    weights = 4 * own.made * height * width
    groups = -(-given // 4) if layer.given else 1
    bias = own.made * SIDE**2
    added = own.groups * sum(isinstance(one, str) for one in layer.after)
    return float((groups * values + -(-given // 4) * weights + bias) / square**2 + added)


def _of_base(network: Network) -> int:
    return {"none": 0, "nearest": 1, "bicubic": 1 if network.scale == 1 else 16}[network.base]
