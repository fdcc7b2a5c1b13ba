"""What is written down: the cases, what each gave, and the file they are kept in."""

from pathlib import Path
from typing import Literal

import msgspec

from vsmagic.errors import SourceError
from vsmagic.files import write_atomically

SCHEMA = 1
"""Goes up when a field changes its meaning or goes away."""

Kind = Literal["survey", "peak", "reference", "agreement", "builder", "speed"]
Status = Literal["ok", "failed", "crashed", "timeout", "not run"]


class _Struct(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class Case(_Struct, frozen=True):
    """One measurement: one process of its own."""

    kind: Kind
    backend: str = ""
    model: str = ""
    size: tuple[int, int] = (0, 0)
    """(width, height) of the input in pixels."""
    precision: str = ""
    """Arithmetic inside the network: f32 or f16."""
    streams: int = 0
    """Frames worked on at the same time."""
    clip: Literal["", "network", "video"] = ""
    """network: float pictures ready for the network; video: YUV420P10 in and out, with the conversions."""

    @property
    def id(self) -> str:
        """The case in one line."""
        size = "{}x{}".format(*self.size) if self.size != (0, 0) else ""
        streams = f"{self.streams} streams" if self.streams else ""
        words = [self.kind, self.backend, self.model, size, self.precision, streams, self.clip]
        return " ".join(word for word in words if word)


class Found(_Struct, frozen=True):
    """A backend on this machine."""

    name: str
    runs: bool
    trouble: str = ""
    """Why it does not run, with the remedy."""
    version: str = ""
    """What it tells of the library that does the work."""


class Survey(_Struct, frozen=True, tag="survey"):
    """What is installed."""

    backends: list[Found]
    packages: dict[str, str]
    """Versions by distribution name."""
    libraries: dict[str, str]
    """By file name: the path that the loader took, or its error."""


class Peak(_Struct, frozen=True, tag="peak"):
    """What PyTorch gets out of the device with random data."""

    torch: str
    device: str
    matrix: int
    """Side of the square matrices that were multiplied."""
    tflops: dict[str, float]
    """10^12 floating-point operations a second, by precision: f16, bf16, tf32, f32."""
    upload: float | None
    """10^9 bytes a second from pinned memory to the device; None on a processor."""
    download: float | None


class Reference(_Struct, frozen=True, tag="reference"):
    """A model's network and what PyTorch makes of a picture."""

    source: Literal["official", "random", "embedded"]
    """Whose weights: the authors', or random ones of the same shapes."""
    file: str
    sha256: str
    flops: dict[str, int]
    """Floating-point operations of one frame's convolutions, by input size; a multiply-add counts as two."""
    by: str
    """What computed the reference."""


class Agreement(_Struct, frozen=True, tag="agreement"):
    """How far a backend's picture is from the reference."""

    largest: float
    """Largest absolute difference, in 1/255."""
    mean: float
    """Mean absolute difference, in 1/255."""
    psnr: float | None
    """In dB, white being 1; None where nothing differs."""


class Builder(_Struct, frozen=True, tag="builder"):
    """What an engine builder itself says to this GPU."""

    library: str
    capability: str
    unnamed: str
    """Its answer when no compute capability is named."""
    named: str
    """Its answer when the GPU's own is."""


class Speed(_Struct, frozen=True, tag="speed"):
    """Sustained output."""

    frames: int
    seconds: float
    fps: float
    halves: tuple[float, float]
    """fps of the first and of the second half: far apart, the figure is not steady."""
    start: float
    """Seconds from building the graph to the first frame, engines included."""


Figures = Survey | Peak | Reference | Agreement | Builder | Speed


class Result(_Struct, frozen=True):
    """What a case gave."""

    case: Case
    status: Status
    reason: str = ""
    """Why it is not ok, in the words of what failed."""
    figures: Figures | None = None
    elapsed: float = 0.0
    """Seconds of the process, its start included."""
    vram: int | None = None
    """Bytes of the card's memory in use at the peak, less those in use before; None where nothing tells."""
    rss: int | None = None
    """Bytes of main memory at the process's peak."""


class Device(_Struct, frozen=True):
    """What was measured on."""

    name: str
    capability: str = ""
    memory: int = 0
    driver: str = ""


class Report(_Struct, frozen=True):
    """Everything that is written."""

    schema: int
    vsmagic: str
    started: str
    """Date and time, UTC."""
    complete: bool
    """Whether every case has its result; false in what an aborted run leaves."""
    device: Device
    machine: str
    budget: float
    """Seconds the whole was allowed to take."""
    elapsed: float
    folders: list[str]
    """Folders put on the loader's path."""
    results: list[Result]


def save(path: Path, report: Report) -> None:
    """Write a report; it appears under its name only when complete.

    Raises:
        OutputError: the folder cannot be written.
    """
    write_atomically(path, msgspec.json.format(msgspec.json.encode(report), indent=1) + b"\n")


def load(path: Path) -> Report:
    """Read a report.

    Raises:
        SourceError: it is missing, or not a report of this version.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=Report)
    except OSError as error:
        raise SourceError(f"{path}: cannot be read ({error.strerror}).") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SourceError(f"{path}: not a report of gpu-check: {error}.") from error


class Task(_Struct, frozen=True):
    """What a child process is given."""

    case: Case
    work: str
    """Folder that the cases share: networks, references, engines."""
    device: int | None
    """Number of the GPU; None for the processor."""
    seconds: float
    """Length of a measured run."""
    weights: dict[str, str]
    """Files of official weights by model."""
    sizes: list[tuple[int, int]]
    """Every size of the run, for counting operations."""
