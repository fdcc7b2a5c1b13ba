"""What training runs are asked for. Needs no torch, so that the command line can show the defaults without it."""

from dataclasses import dataclass
from pathlib import Path

from vsmagic.errors import OptionError


@dataclass(frozen=True, kw_only=True)
class TrainOptions:
    """What to train and for how long. The defaults made the embedded model."""

    output: Path
    """Folder for the ONNX, its spec, the facts of the run and, while it runs, the checkpoint."""
    name: str = "magic-x2"
    """Name of the model and of its files."""
    seed: int = 1
    """Everything random follows from it."""
    threads: int = 2
    """CPU threads of torch and processes that draw pictures. Another number gives slightly other weights."""

    pictures: int = 2000
    """Pictures to draw."""
    picture_size: int = 320
    """Their height and width in pixels, even."""

    channels: int = 48
    """Planes between the layers of the network."""
    depth: int = 6
    """3x3 convolutions between the first layer and the last."""

    steps: int = 30_000
    """Steps of the optimiser."""
    batch: int = 16
    """Patches a step."""
    patch: int = 48
    """Height and width of a small patch in pixels, even; its large patch is twice that."""
    peak_rate: float = 2e-3
    """Learning rate at its highest."""
    warmup: int = 500
    """Steps until the rate is at its highest; from there it falls to 0."""
    memory: float = 0.999
    """What the running mean of the weights keeps at each step."""
    checkpoint_every: int = 1000
    """Steps between checkpoints."""

    def __post_init__(self) -> None:
        if self.steps < 1 or self.pictures < 1 or self.batch < 1 or self.threads < 1:
            raise OptionError(
                f"train sr: steps {self.steps}, pictures {self.pictures}, batch {self.batch} and threads "
                f"{self.threads} must each be at least 1."
            )
        if self.patch % 2 or self.picture_size % 2 or not 4 <= self.patch <= self.picture_size // 2:
            raise OptionError(
                f"train sr: patch {self.patch} must be even and from 4 to half the picture size {self.picture_size}, "
                "which is even too."
            )


@dataclass(frozen=True, kw_only=True)
class FlowOptions:
    """What motion network to train and for how long. The defaults made the embedded model."""

    output: Path
    """Folder for the ONNX, its spec, the facts of the run and, while it runs, the checkpoint."""
    name: str = "magic-flow"
    """Name of the model and of its files."""
    seed: int = 1
    """Everything random follows from it."""
    threads: int = 2
    """CPU threads of torch and processes that draw. Another number gives slightly other weights."""

    pictures: int = 500
    """Pictures that things in the scenes are made of."""
    picture_size: int = 256
    """Their height and width in pixels, even."""
    scenes: int = 3000
    """Scenes to draw."""
    scene_size: int = 256
    """Their height and width in pixels."""
    still: float = 0.2
    """Share of things, and of cameras, that stay where they are."""
    speed: float = 0.07
    """Mean way of the others, as a share of a scene's size."""
    oddity: float = 0.5
    """Share of things that also turn, and of those that also grow or shrink."""
    start: Path | None = None
    """Weights to start from, ``NAME.weights`` of an earlier run; None for random ones."""

    steps: int = 20_000
    """Steps of the optimiser."""
    batch: int = 4
    """Patches a step."""
    patch: int = 192
    """Their height and width in pixels, a multiple of 32."""
    peak_rate: float = 1e-3
    """Learning rate at its highest."""
    warmup: int = 300
    """Steps until the rate is at its highest; from there it falls to 0."""
    memory: float = 0.998
    """What the running mean of the weights keeps at each step."""
    guidance: float = 0.003
    """What an error of a pixel in the motion counts beside one of 1 in the picture."""
    choice: float = 0.1
    """What taking a place from the frame that does not show it counts, as its negative logarithm."""
    checkpoint_every: int = 500
    """Steps between checkpoints."""

    def __post_init__(self) -> None:
        if min(self.steps, self.pictures, self.scenes, self.batch, self.threads) < 1:
            raise OptionError(
                f"train flow: steps {self.steps}, pictures {self.pictures}, scenes {self.scenes}, batch {self.batch} "
                f"and threads {self.threads} must each be at least 1."
            )
        if self.patch % 32 or not 32 <= self.patch <= self.scene_size:
            raise OptionError(
                f"train flow: patch {self.patch} must be a multiple of 32, at most the scene size {self.scene_size}."
            )
