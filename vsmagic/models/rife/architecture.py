"""What the networks of RIFE 4.x are made of, as data: blocks, channels, scales, names and shapes of all tensors.

RIFE is Z. Huang et al., 'Real-Time Intermediate Flow Estimation for Video Frame Interpolation' (2022); 4.x are the
networks that its authors publish in the repository hzwer/Practical-RIFE (MIT, code and weights alike). They are chains
of blocks, coarse to fine: each sees both frames at a fraction of their size, warped by the motion found so far, and
corrects that motion and the mask that mixes the two. From 4.15-lite on, an encoder's features of both frames are
warped along; from 4.25 on, a block also hands a few planes of its own to the next.

The names and shapes are those of the published state dicts, read from the definitions in hzwer/Practical-RIFE
(``train_log/IFNet_HDv3.py``) and HolyWu/vs-rife (``vsrife/IFNet_HDv3_v4_*.py``); the sizes of the published files agree
with them to the byte, but for what PyTorch writes around each tensor.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from vsmagic.errors import ModelError

type Shape = tuple[int, ...]

LAYERS = 8
"""Convolutions in the middle of every block, each with its input added."""
HIDDEN = 16
"""Channels inside the encoder."""
INNER = 4
"""How much smaller a block's convolutions work than what it is given."""
FLOW, MASK = 4, 1
"""Planes of a motion (x and y to the first frame and to the second) and of a mask."""

_TRAINING_ONLY = ("teacher.", "caltime.")  # left in the authors' files, never used to make a frame


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """One network; several published versions can be the same one, trained further."""

    versions: tuple[str, ...]
    """Versions that have it, the best known first."""
    widths: tuple[int, ...]
    """Channels of each block, coarse to fine."""
    steps: tuple[int, ...]
    """How many times smaller than the frames each block sees them, at a flow scale of 1."""
    features: int
    """Planes of features that the encoder makes of each frame; 0: there is no encoder."""
    made: int
    """Planes that a block makes; those beyond motion and mask go to the next one where ``handed`` says so."""
    handed: int
    """Planes that a block hands to the next beside motion and mask."""
    adds_mask: bool
    """Whether a block's mask is added to the one before; else it takes its place."""

    @property
    def name(self) -> str:
        """What it is called in messages."""
        return f"RIFE {' or '.join(self.versions)}"

    def given(self, block: int) -> int:
        """Return the planes that a block is given: both frames, their features, the time, and what is known."""
        frames = 2 * (3 + self.features) + 1
        return frames + (MASK + self.handed + FLOW if block else 0)

    def tensors(self) -> dict[str, Shape]:
        """Return name and shape of every tensor that makes frames, in the published order of blocks."""
        found: dict[str, Shape] = {}
        for number, width in enumerate(self.widths):
            found.update(self._block(f"block{number}", number, width))
        if self.features:
            found.update(self._encoder())
        return found

    def multiple(self, flow_scale: float) -> int:
        """Return what width and height must be multiples of: the coarsest block's steps come out even."""
        return max(2, math.ceil(INNER * self.steps[0] / flow_scale))

    def activations(self, flow_scale: float) -> int:
        """Return the values alive at once at the network's widest place, per pixel, input and output included."""
        widest = 0.0
        for number, (width, step) in enumerate(zip(self.widths, self.steps, strict=True)):
            size = (flow_scale / step) ** 2  # pixels that the block sees, per pixel
            planes = self.given(number)
            seen = planes * (2 if size == 1 else 1 + size)  # joined, or made smaller or larger
            outer = size * (planes + width / 2 / 4)
            inner = size / INNER**2 * 3 * width
            widest = max(widest, seen, outer, inner)
        return math.ceil(widest)

    def _block(self, name: str, number: int, width: int) -> Iterator[tuple[str, Shape]]:
        yield from _layer(f"{name}.conv0.0.0", (width // 2, self.given(number), 3, 3), width // 2)
        yield from _layer(f"{name}.conv0.1.0", (width, width // 2, 3, 3), width)
        for layer in range(LAYERS):
            yield f"{name}.convblock.{layer}.beta", (1, width, 1, 1)
            yield from _layer(f"{name}.convblock.{layer}.conv", (width, width, 3, 3), width)
        yield from _layer(f"{name}.lastconv.0", (width, 4 * self.made, 4, 4), 4 * self.made)  # transposed

    def _encoder(self) -> Iterator[tuple[str, Shape]]:
        yield from _layer("encode.cnn0", (HIDDEN, 3, 3, 3), HIDDEN)
        yield from _layer("encode.cnn1", (HIDDEN, HIDDEN, 3, 3), HIDDEN)
        yield from _layer("encode.cnn2", (HIDDEN, HIDDEN, 3, 3), HIDDEN)
        yield from _layer("encode.cnn3", (HIDDEN, self.features, 4, 4), self.features)  # transposed


def _layer(name: str, weight: Shape, bias: int) -> Iterator[tuple[str, Shape]]:
    yield f"{name}.weight", weight
    yield f"{name}.bias", (bias,)


ARCHITECTURES = (
    Architecture(
        versions=("4.6",),
        widths=(192, 128, 96, 64), steps=(8, 4, 2, 1),
        features=0, made=6, handed=0, adds_mask=True,
    ),
    Architecture(
        versions=("4.15-lite", "4.16-lite", "4.17-lite"),
        widths=(128, 96, 64, 48), steps=(8, 4, 2, 1),
        features=4, made=6, handed=0, adds_mask=False,
    ),
    Architecture(
        versions=("4.25", "4.26"),
        widths=(192, 128, 96, 64, 32), steps=(16, 8, 4, 2, 1),
        features=4, made=13, handed=8, adds_mask=False,
    ),
    Architecture(
        versions=("4.25-lite",),
        widths=(192, 128, 96, 64, 24), steps=(32, 16, 8, 4, 1),
        features=4, made=13, handed=8, adds_mask=False,
    ),
    Architecture(
        versions=("4.25-heavy",),
        widths=(384, 256, 192, 128, 64), steps=(16, 8, 4, 2, 1),
        features=4, made=13, handed=8, adds_mask=False,
    ),
    Architecture(
        versions=("4.26-heavy",),
        widths=(192, 128, 96, 64, 32), steps=(16, 8, 4, 2, 1),
        features=16, made=13, handed=8, adds_mask=False,
    ),
)  # fmt: skip


def of_version(version: str) -> Architecture:
    """Return the network of a published version, such as ``4.15-lite``."""
    return next(one for one in ARCHITECTURES if version in one.versions)


def used(names: Mapping[str, Shape]) -> dict[str, Shape]:
    """Return the tensors that make frames, without the prefix that training on several GPUs gave them."""
    plain = {name.removeprefix("module."): shape for name, shape in names.items()}
    return {name: shape for name, shape in plain.items() if not name.startswith(_TRAINING_ONLY)}


def is_rife(names: Mapping[str, Shape]) -> bool:
    """Whether tensors are those of a RIFE 4.x, known here or not."""
    return {"block0.conv0.0.0.weight", "block0.lastconv.0.weight"} <= used(names).keys()


def recognise(names: Mapping[str, Shape], path: object) -> Architecture:
    """Return the network whose tensors these are, by their names and shapes alone.

    Raises:
        ModelError: no network has exactly these; says in what the nearest differs.
    """
    found = used(names)
    nearest = min(ARCHITECTURES, key=lambda one: sum(1 for _ in _differences(one, found)))
    differences = list(_differences(nearest, found))
    if not differences:
        return nearest
    more = f", and {len(differences) - 1} more" if len(differences) > 1 else ""
    known = ", ".join(version for one in ARCHITECTURES for version in one.versions)
    raise ModelError(
        f"model {path}: not the weights of a RIFE that is known here. {nearest.name} is nearest, but {differences[0]}"
        f"{more}. Expected one of {known}; get the file from its authors again."
    )


def _differences(architecture: Architecture, found: Mapping[str, Shape]) -> Iterator[str]:
    expected = architecture.tensors()
    for name, shape in expected.items():
        if name not in found:
            yield f"tensor {name} of shape {_said(shape)} is missing"
        elif found[name] != shape:
            yield f"tensor {name} has the shape {_said(found[name])} in place of {_said(shape)}"
    for name, shape in found.items():
        if name not in expected:
            yield f"tensor {name} of shape {_said(shape)} has no place in it"


def _said(shape: Shape) -> str:
    return "x".join(map(str, shape)) or "one number"
