"""Recipes: TOML files that say which engines to build.

backend = "trt_rtx"
models = ["animejanai-v3-compact"]
precision = "f16"
capabilities = ["8.6", "8.9"]        # trt_rtx only; without it, the GPU at hand

[[shapes]]
size = "1920x1080"                   # or min, opt and max
"""

import re
from pathlib import Path
from typing import Literal

import msgspec

from vsmagic.engine.key import Options, Shapes, Size
from vsmagic.engine.library import LIBRARIES
from vsmagic.errors import OptionError

_LONGEST = 16384


class RecipeShapes(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Frame sizes as they are written: one size, or three."""

    size: str | None = None
    min: str | None = None
    opt: str | None = None
    max: str | None = None

    def parsed(self, where: str) -> Shapes:
        """Return them as numbers; ``where`` begins messages.

        Raises:
            OptionError: not one size or three, not sizes, or not in order.
        """
        dynamic = (self.min, self.opt, self.max)
        if self.size is not None and dynamic == (None, None, None):
            return Shapes.fixed(parse_size(self.size, where))
        if self.size is not None or self.min is None or self.opt is None or self.max is None:
            raise OptionError(f"{where}: expected either one size, or all of min, opt and max.")
        shapes = Shapes(
            min=parse_size(self.min, where), opt=parse_size(self.opt, where), max=parse_size(self.max, where)
        )
        if not (shapes.take(shapes.opt) and shapes.take(shapes.min)):
            raise OptionError(f"{where}: {shapes}; expected min <= opt <= max, in width and in height.")
        return shapes


class Recipe(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Engines to build: every model in every shape."""

    backend: str
    """trt_rtx or trt."""
    models: tuple[str, ...]
    """Names of models, or paths of files, from the recipe's own folder."""
    shapes: tuple[RecipeShapes, ...]
    precision: Literal["auto", "f32", "f16"] = "auto"
    capabilities: tuple[str, ...] = ()
    """Compute capabilities each engine is for; none: the GPU at hand."""
    workspace: int | None = None
    """Device memory in MiB that a layer may use for scratch."""
    level: int | None = None
    """How hard the builder looks, 0 to 5."""
    description: str = ""
    """What it is for, for whoever reads it."""

    def check(self, where: str) -> None:
        """Find what the types alone do not rule out.

        Raises:
            OptionError: a value is not acceptable.
        """
        if self.backend not in LIBRARIES:
            raise OptionError(f"{where}: backend is {self.backend!r}; expected {' or '.join(sorted(LIBRARIES))}.")
        if not self.models:
            raise OptionError(f"{where}: names no model.")
        if not self.shapes:
            raise OptionError(f"{where}: names no shape; expected at least one, such as 1920x1080.")
        library = LIBRARIES[self.backend]
        if self.capabilities and not library.capabilities:
            raise OptionError(
                f"{where}: compute capabilities can be chosen for trt_rtx only; {self.backend} builds for the GPU "
                "at hand."
            )
        for name in self.capabilities:
            if name not in library.capabilities:
                raise OptionError(
                    f"{where}: compute capability {name!r} is not one that {library.title} builds for; expected "
                    f"{', '.join(library.capabilities)}."
                )
        if self.workspace is not None and self.workspace < 1:
            raise OptionError(f"{where}: workspace is {self.workspace}; expected MiB, from 1.")
        if self.level is not None and not 0 <= self.level <= 5:
            raise OptionError(f"{where}: level is {self.level}; expected 0 to 5.")

    @property
    def options(self) -> Options:
        """What the builder is told beyond the network."""
        return Options(workspace=self.workspace, level=self.level)


def load_recipe(path: Path) -> Recipe:
    """Read a recipe.

    Raises:
        OptionError: not readable, not TOML, with unknown or missing fields, or with values that are not acceptable.
    """
    try:
        recipe = msgspec.toml.decode(path.read_bytes(), type=Recipe)
    except OSError as error:
        raise OptionError(f"recipe {path}: cannot be read ({error.strerror}).") from error
    except UnicodeDecodeError as error:
        raise OptionError(f"recipe {path}: not a text file.") from error
    except msgspec.DecodeError as error:
        raise OptionError(f"recipe {path}: {error}. See engines/README.md for what a recipe holds.") from error
    recipe.check(f"recipe {path}")
    for shape in recipe.shapes:
        shape.parsed(f"recipe {path}, shapes")
    models = tuple(_from_folder(name, path.parent) for name in recipe.models)
    return msgspec.structs.replace(recipe, models=models)


def parse_size(text: str, where: str) -> Size:
    """Read WIDTHxHEIGHT.

    Raises:
        OptionError: it is not that.
    """
    found = re.fullmatch(r"([1-9][0-9]{0,4})x([1-9][0-9]{0,4})", text, re.ASCII)
    if found is None or max(int(found[1]), int(found[2])) > _LONGEST:
        raise OptionError(f"{where}: {text!r} is no frame size; expected WIDTHxHEIGHT in pixels, such as 1920x1080.")
    return int(found[1]), int(found[2])


def _from_folder(name: str, folder: Path) -> str:
    return str(folder / name) if Path(name).suffix.lower() in (".onnx", ".pth", ".safetensors") else name
