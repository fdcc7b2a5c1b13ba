"""What training runs are asked for. Needs no torch, so that the command line can show the defaults without it."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal

from vsmagic.errors import OptionError
from vsmagic.models import store

Content = Literal["live", "animation"]
Purpose = Literal["clean", "restore"]
Arithmetic = Literal["f32", "bf16"]


@dataclass(frozen=True, kw_only=True)
class TrainOptions:
    """What to train and for how long. Beside ``output``, the defaults made the embedded model ``magic-x2``."""

    output: Path
    """Folder for the ONNX, its spec, the facts of the run and, while it runs, the checkpoint."""
    name: str = "magic-x2"
    """Name of the model and of its files."""
    seed: int = 1
    """Everything random follows from it."""
    threads: int = 2
    """CPU threads of torch and processes that draw pictures. Another number gives slightly other weights."""
    device: str = "cpu"
    """What computes, as torch names it: cpu, cuda, cuda:1."""
    arithmetic: Arithmetic = "f32"
    """Of the network while it learns; weights and loss are kept in f32 either way."""

    scale: int = 2
    """Output size over input size: 1, 2 or 4."""
    purpose: Purpose = "clean"
    """``clean``: small pictures are reduced and nothing else; ``restore``: they went through what video does."""
    content: Content = "live"
    """What is drawn: film, or animation."""
    data: Path | None = None
    """Folder of pictures and videos to learn from; None: pictures are drawn."""
    pool: Path | None = None
    """Folder that keeps the pictures for further runs; None: none are kept."""
    pictures: int = 2500
    """Pictures to draw, or to cut out of the data."""
    picture_size: int = 320
    """Their height and width in pixels, a multiple of twice the scale."""

    channels: int = 48
    """Planes between the layers of the network."""
    depth: int = 6
    """3x3 convolutions between the first layer and the last."""
    start: str | None = None
    """Network to go on from: the name of an embedded model, or an ONNX that a run made. None: random weights."""
    teacher: str | None = None
    """Larger network to learn from beside the truth, named in the same way."""
    teaching: float = 0.5
    """Share of the teacher in the loss, where there is one."""
    adversarial: float = 0.0
    """What fooling a critic counts beside the error; 0: there is no critic."""
    perceptual: float = 0.0
    """What looking alike to the critic's inner layers counts beside the error."""

    steps: int = 40_000
    """Steps of the optimiser."""
    batch: int = 16
    """Patches a step."""
    patch: int = 48
    """Height and width of a small patch in pixels, even; its large patch is larger by the scale."""
    peak_rate: float = 4e-3
    """Learning rate at its highest."""
    warmup: int = 200
    """Steps until the rate is at its highest; from there it falls to 0."""
    memory: float = 0.999
    """What the running mean of the weights keeps at each step."""
    checkpoint_every: int = 1000
    """Steps between checkpoints, each with a line in the history."""
    validate: tuple[Path, ...] = ()
    """Folders of reference pictures that the history measures."""

    def __post_init__(self) -> None:
        if min(self.steps, self.pictures, self.batch, self.threads, self.channels, self.depth) < 1:
            raise OptionError(
                f"train sr: steps {self.steps}, pictures {self.pictures}, batch {self.batch}, threads {self.threads}, "
                f"channels {self.channels} and depth {self.depth} must each be at least 1."
            )
        if self.scale not in SCALES:
            raise OptionError(f"train sr: scale is {self.scale}; expected {', '.join(map(str, SCALES))}.")
        if self.scale == 1 and self.purpose == "clean":
            raise OptionError("train sr: a clean picture at scale 1 is its own truth; give --purpose restore.")
        if self.patch % 2 or self.picture_size % (2 * self.scale) or not 4 <= self.patch <= self.small_size:
            raise OptionError(
                f"train sr: patch {self.patch} must be even and from 4 to {self.small_size}, and the picture size "
                f"{self.picture_size} a multiple of {2 * self.scale}."
            )
        if not store.is_name(self.name):
            raise OptionError(
                f"train sr: --name is {self.name!r}; expected letters, digits, ., -, _ and +, such as mine."
            )
        measured = [folder.name for folder in self.validate]
        if len({"step", "loss", *measured}) < 2 + len(measured):
            raise OptionError(
                f"train sr: the folders to validate on are called {', '.join(measured)}; expected a name of its own "
                "for each, and neither step nor loss. Rename one, or link to it under another name."
            )
        if not 0 <= self.teaching <= 1 or min(self.adversarial, self.perceptual) < 0:
            raise OptionError(
                f"train sr: teaching is {self.teaching}, adversarial {self.adversarial}, perceptual {self.perceptual}; "
                "expected 0 to 1 for the first and numbers from 0 for the others."
            )

    @property
    def small_size(self) -> int:
        """Height and width of a picture as the network sees it."""
        return self.picture_size // self.scale

    @property
    def criticised(self) -> bool:
        """Whether there is a critic."""
        return self.adversarial > 0 or self.perceptual > 0

    def command(self) -> str:
        """The command that makes this model, with every option that is not the default; folders are the user's."""
        said = [f"vsmagic train sr --output OUT --name {self.name}"]
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name in _UNSAID or value == field.default:
                continue
            flag = _FLAGS.get(field.name, field.name.replace("_", "-"))
            said.append(f"--{flag} {_told(field.name, value)}")
        return " ".join(said)


SCALES = (1, 2, 4)
"""What networks enlarge by."""

_UNSAID = frozenset({"output", "name", "pool", "checkpoint_every", "validate"})
"""Options that do not change what is made, or stand in the command already."""

_FILES = frozenset({"start", "teacher"})
"""Options that name a network, or a file of one."""

_FLAGS = {"start": "from", "peak_rate": "rate", "memory": "mean"}
"""Options that are called otherwise on the command line."""


def _told(name: str, value: object) -> str:
    """What a command says of an option: files and folders of the user's by a word that stands for them."""
    if name == "data":
        return "DATA"
    if name in _FILES and Path(str(value)).suffix:
        return f"OUT/{Path(str(value)).name}"
    return str(value)


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
