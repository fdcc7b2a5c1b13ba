"""What a filter must know about a model: the facts travel with the model, as JSON beside its ONNX."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Literal, get_args

import msgspec

from vsmagic.errors import ModelError

Precision = Literal["f32", "f16", "bf16", "int8"]
Base = Literal["none", "nearest", "bicubic"]
Form = Literal["onnx", "torch"]
Purpose = Literal["clean", "restore"]

PRECISIONS: tuple[Precision, ...] = get_args(Precision)

FILES: dict[Form, str] = {"onnx": "network.onnx", "torch": "weights.safetensors"}
"""What a network is called where it is kept beside its spec."""

INT8_SUFFIX = ".int8.onnx"
"""What takes the place of ``.onnx`` in the name of the same network in 8-bit integers, which lies beside it."""

UNSEEN_DB = 0.1
"""dB of luma PSNR; a model that loses as much in int8, or more, is computed in it only where that is asked for."""

INT8 = frozenset({"DequantizeLinear", "QuantizeLinear"})
"""ONNX operators that a network in 8-bit integers has, and no other one; for backends that must not be given any."""


class Quantized(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a model in 8-bit integers comes from, and what it lost on the way."""

    of: str
    """Name of the model that was quantized."""
    lost_db: float
    """Luma PSNR lost against that model, in dB, on pictures it was not calibrated on."""
    between_db: float
    """Luma PSNR of its output against that model's, in dB."""
    calibration: str
    """What it was calibrated on, in words."""


class Int8(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The network in 8-bit integers that a model has beside its own, and what it loses."""

    sha256: str
    """Hash of its file, lower-case hexadecimal."""
    lost_db: float
    """Luma PSNR lost against the model's own network, in dB, on pictures it was not calibrated on."""
    between_db: float
    """Luma PSNR of its output against that network's, in dB."""
    calibration: str
    """What it was calibrated on, in words."""


def form_of(network: Path) -> Form:
    """Return the form of a network that is kept beside its spec."""
    return "torch" if network.suffix == ".safetensors" else "onnx"


class ModelSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The facts of one upscaling network, stored as ``NAME.json`` beside ``NAME.onnx``.

    The ONNX has one input and one output, both ``[batch, channels, height, width]`` with values from 0 to 1
    (R'G'B' or full-range luma), height and width free.
    """

    name: str
    """Name the model is asked for by."""
    form: Form = "onnx"
    """``onnx``, or ``torch``: weights of an architecture that Spandrel knows and that has no ONNX for any size."""
    scale: int
    """Output size over input size, the same both ways."""
    channels: Literal[1, 3]
    """1: the network sees luma alone, chroma is resized; 3: it sees RGB in that order."""
    base: Base = "none"
    """What the network's output is added to, in fp32, outside the network: the input enlarged this way.
    ``bicubic`` is Catmull-Rom (b=0, c=0.5). ``none``: the output is the picture itself."""
    multiple: int = 1
    """Input width and height must be multiples of this; the filter pads by mirroring and crops."""
    halo: int | None
    """Input pixels beyond its own place that an output pixel depends on, in each direction.
    None: the whole frame (global statistics), so the model is never tiled."""
    element: Literal["f32", "f16"] = "f32"
    """Type of the ONNX's input and output tensors."""
    precisions: tuple[Precision, ...] = ("f32",)
    """Precisions of arithmetic that the network tolerates, the preferred one first."""
    activations: int
    """Values that are alive at once at the widest place of the network, per input pixel (input and output
    included): times the bytes of a value it estimates the memory one stream takes."""
    content: str = "any"
    """Pictures the model is for: any, photo, anime."""
    purpose: Purpose = "clean"
    """``clean``: it enlarges and no more; ``restore``: it also takes compression, noise and blur away."""
    licence: str = "unknown"
    """SPDX identifier, or 'unknown'."""
    made_by: str = ""
    """The command that trained it, seed included; empty where it was not made here."""
    quantized: Quantized | None = None
    """For a network whose convolutions are in 8-bit integers."""
    int8: Int8 | None = None
    """For a model that can be computed in int8 too: a network of its own for that."""
    sha256: str
    """Hash of the ONNX file, lower-case hexadecimal."""

    @property
    def unasked(self) -> tuple[Precision, ...]:
        """Precisions that may be taken where nobody asks for one, the preferred one first."""
        return ("int8", *self.precisions) if self.int8 and self.int8.lost_db < UNSEEN_DB else self.precisions

    @property
    def tolerated(self) -> tuple[Precision, ...]:
        """Precisions that may be asked for, the preferred one first."""
        return self.unasked if not self.int8 or "int8" in self.unasked else (*self.unasked, "int8")


def preferred(tolerated: Sequence[Precision], offered: Collection[Precision]) -> Precision | None:
    """Return what to compute in where nobody asks for anything; None where the model tolerates nothing offered.

    Half precision goes first: only GPUs offer it, compute in it at twice the rate or more, and keep 11 bits of
    each value. Then the model's own order.

    Args:
        tolerated: precisions that the model tolerates, the preferred one first.
        offered: what a backend can compute in.
    """
    order: tuple[Precision, ...] = ("f16", *tolerated)
    return next((one for one in order if one in tolerated and one in offered), None)


def load_spec[Spec: msgspec.Struct](path: Path, kind: type[Spec]) -> Spec:
    """Read a model's facts from their JSON file.

    Args:
        path: the file.
        kind: :class:`ModelSpec`, or what the facts of other models are.

    Raises:
        ModelError: the file is missing, or does not hold such facts.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except OSError as error:
        raise ModelError(f"{path}: the model's facts cannot be read ({error.strerror}).") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ModelError(f"{path}: damaged, or the facts of another kind of model: {error}.") from error


def encode_spec(spec: msgspec.Struct) -> bytes:
    """Return a model's facts as readable JSON."""
    return msgspec.json.format(msgspec.json.encode(spec), indent=2) + b"\n"
