"""What an engine is: everything that changes its binary, and the key made from that."""

from typing import Literal

import msgspec

from vsmagic.digest import digest

Size = tuple[int, int]
EnginePrecision = Literal["f32", "f16"]
LibraryName = Literal["tensorrt", "tensorrt_rtx"]

_STEPS = 1
"""Goes up when this package builds another engine from the same facts."""


class Shapes(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The frame sizes an engine takes, (width, height) each; all three the same for a static engine."""

    min: Size
    opt: Size
    """The size it is fastest at."""
    max: Size

    @staticmethod
    def fixed(size: Size) -> "Shapes":
        """Return the shapes of an engine that takes one size only."""
        return Shapes(min=size, opt=size, max=size)

    @property
    def static(self) -> bool:
        """Whether the engine takes one size only."""
        return self.min == self.max

    def take(self, size: Size) -> bool:
        """Whether a frame of this size can be given to the engine."""
        return self.min[0] <= size[0] <= self.max[0] and self.min[1] <= size[1] <= self.max[1]

    def __str__(self) -> str:
        names = [f"{width}x{height}" for width, height in (self.min, self.opt, self.max)]
        return names[1] if self.static else f"{names[0]} to {names[2]}, best at {names[1]}"


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the builder is told beyond the network."""

    workspace: int | None = None
    """Device memory in MiB that a layer may use for scratch; None: the library's own limit."""
    level: int | None = None
    """How hard the builder looks for the fastest way, 0 to 5; None: the library's own default."""


class EngineKey(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that changes the binary. Options of a run (streams, device number) are no part of it."""

    library: LibraryName
    version: str
    """The library's first three numbers; its engines load in that release only."""
    model: str
    """SHA-256 of the network."""
    shapes: Shapes
    precision: EnginePrecision
    options: Options = Options()
    capabilities: tuple[str, ...] = ()
    """Compute capabilities that a TensorRT-RTX engine is for, such as 8.6, sorted."""
    gpu: str = ""
    """Name of the GPU that a TensorRT engine was timed on."""
    driver: str = ""
    """Driver that a TensorRT engine was timed with."""
    steps: int = _STEPS

    def digest(self) -> str:
        """Return the key: SHA-256 over canonical JSON, lower-case hexadecimal."""
        return digest(msgspec.json.encode(self, order="sorted"))

    def serves(self, wanted: "EngineKey") -> bool:
        """Whether an engine of this key can stand for a static one that is wanted.

        It can when it takes that size and runs on that GPU; how its builder was limited does not matter.
        """
        same = (self.library, self.version, self.model, self.precision, self.gpu, self.driver, self.steps)
        other = (
            wanted.library,
            wanted.version,
            wanted.model,
            wanted.precision,
            wanted.gpu,
            wanted.driver,
            wanted.steps,
        )
        runs = set(wanted.capabilities) <= set(self.capabilities)
        return same == other and runs and wanted.shapes.static and self.shapes.take(wanted.shapes.opt)

    @property
    def target(self) -> str:
        """What it runs on, in words."""
        return ", ".join(self.capabilities) or self.gpu
