"""Models that make frames in between: their facts, and how a name becomes one that runs."""

import difflib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from vsmagic.errors import ModelError
from vsmagic.models import catalogue
from vsmagic.models.spec import Precision

EMBEDDED = Path(__file__).with_name("embedded")

MVTOOLS = "mvtools"
"""Not a network: block motion by the mvtools plugin."""

FlowScale = Literal["auto"] | float


class MotionSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The facts of one network that makes frames in between, stored as ``NAME.json`` beside ``NAME.onnx``.

    The ONNX has one input ``[1, 7, height, width]``: R'G'B' of the first frame, of the second, 0 to 1, and a plane
    that holds the time between them, above 0 and below 1; and one output, ``[1, 3, height, width]``.
    """

    name: str
    """Name the model is asked for by."""
    multiple: int
    """Width and height must be multiples of this; the filter pads by mirroring and crops."""
    precisions: tuple[Precision, ...] = ("f32",)
    """Precisions of arithmetic that the model tolerates, the preferred one first."""
    activations: int
    """Values that are alive at once at the widest place of the network, per pixel."""
    content: str = "any"
    """Pictures the model is for: any, photo, anime."""
    licence: str = "unknown"
    """SPDX identifier, or 'unknown'."""
    sha256: str
    """Hash of the ONNX file, lower-case hexadecimal."""


@dataclass(frozen=True, kw_only=True)
class MotionModel:
    """A network for frames in between that can run now."""

    spec: MotionSpec
    path: Path

    @property
    def name(self) -> str:
        """Name the model is asked for by."""
        return self.spec.name


def load_spec(path: Path) -> MotionSpec:
    """Read a spec from its JSON file.

    Raises:
        ModelError: the file is missing, or not a valid spec.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=MotionSpec)
    except OSError as error:
        raise ModelError(f"{path}: the model's spec cannot be read ({error.strerror}).") from error
    except msgspec.DecodeError as error:
        raise ModelError(f"{path}: not the spec of a model for frames in between: {error}.") from error


def encode_spec(spec: MotionSpec) -> bytes:
    """Return a spec as readable JSON."""
    return msgspec.json.format(msgspec.json.encode(spec), indent=2) + b"\n"


def embedded(name: str) -> MotionModel:
    """Return a model that comes with the package."""
    return MotionModel(spec=load_spec(EMBEDDED / f"{name}.json"), path=EMBEDDED / f"{name}.onnx")


def unknown(name: str) -> ModelError:
    """Return the error for a name that no model has."""
    names = ["auto", MVTOOLS, *(entry.name for entry in catalogue.ENTRIES if entry.kind == "interpolate")]
    close = difflib.get_close_matches(name.casefold(), names, n=1)
    hint = f" (did you mean {close[0]}?)" if close else ""
    return ModelError(f"model {name!r} does not make frames in between; expected {', '.join(names)}{hint}.")
