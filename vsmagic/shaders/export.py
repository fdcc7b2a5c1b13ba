"""Make a shader: what it is in words, then its textures and passes."""

from collections.abc import Iterator
from pathlib import Path
from typing import get_args

from vsmagic.files import write_atomically
from vsmagic.models import registry
from vsmagic.models.registry import Model
from vsmagic.shaders import code
from vsmagic.shaders.network import Network, read
from vsmagic.shaders.picture import Range
from vsmagic.shaders.product import Precision
from vsmagic.shaders.work import Work, work

PRECISIONS: tuple[Precision, ...] = get_args(Precision)
RANGES: tuple[Range, ...] = get_args(Range)

SHIPPED = ("magic-x2-fast", "magic-x2")
"""The embedded models whose shaders are in ``scripts/shaders``; ``vsmagic shader export NAME`` writes any other."""

_PRECISION: dict[Precision, str] = {
    "half": """\
Precision: half. Products and their sums over four planes are 16-bit floats where the shader compiler has such a type
(Vulkan, Direct3D 11) and 32-bit floats elsewhere (OpenGL, mostly); sums over all planes are 32-bit floats. A GPU
without 16-bit floats needs the single variant.""",
    "single": "Precision: single. All arithmetic is in 32-bit floats.",
}

_RANGE: dict[Range, str] = {
    "limited": "For video of limited range (16 to 235), which is nearly all video.",
    "full": "For video of full range (0 to 255): many cameras and phones, MJPEG, screen recordings.",
}


def shader(model: Model, *, precision: Precision, value_range: Range) -> str:
    """Return a model as a user shader.

    Args:
        model: a network of luma, as the registry knows it.
        precision: of the arithmetic.
        value_range: of the video's luma; a shader is not told it.

    Raises:
        ModelError: the network is none that a shader is written for.
    """
    network = read(model)
    head = _head(model, network, precision, value_range)
    comment = "".join(f"// {line}".rstrip() + "\n" for line in head.splitlines())
    return "\n".join([comment, *code.passes(network, precision=precision, value_range=value_range)])


def file_name(name: str, precision: Precision, value_range: Range) -> str:
    """Return what the file of a shader is called."""
    full = "-full-range" if value_range == "full" else ""
    return f"{name}{full}-{precision}.glsl"


def embedded() -> list[tuple[Model, Work]]:
    """Return the package's own models that can be shaders, and what each costs."""
    models = [registry.of_entry(entry) for entry in registry.ENTRIES]
    return [(model, work(read(model))) for model in models if model.spec.channels == 1 and model.passes == 1]


def write_all(folder: Path) -> Iterator[Path]:
    """Write every model of :data:`SHIPPED`, in every precision and for every range; yield each file.

    Raises:
        ModelError: a network is none that a shader is written for.
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for model in map(registry.resolve, SHIPPED):
        for precision in PRECISIONS:
            for value_range in RANGES:
                path = folder / file_name(model.name, precision, value_range)
                write_atomically(path, shader(model, precision=precision, value_range=value_range).encode())
                yield path


def _head(model: Model, network: Network, precision: Precision, value_range: Range) -> str:
    cost = work(network)
    return f"""\
{model.name}: luma {_done(model)} by a neural network, for mpv (vo=gpu, vo=gpu-next) and libplacebo.
Made by vsmagic from the network with SHA-256 {model.spec.sha256}.
Licence: {model.spec.licence}

{_RANGE[value_range]}
{_PRECISION[precision]}
What is kept between passes is in mpv's own texture format, 16-bit floats normally.

Needs compute shaders: Vulkan, Direct3D 11 or OpenGL 4.3.
{_when(network)}
{cost.multiply_adds:,.0f} multiply-adds and {cost.fetches:.0f} texels read for a pixel of the output.
"""


def _done(model: Model) -> str:
    """Say what becomes of luma."""
    enlarged = "" if model.spec.scale == 1 else f"enlarged {model.spec.scale} times"
    restored = "restored" if model.spec.purpose == "restore" or not enlarged else ""
    return " and ".join(filter(None, [restored, enlarged]))


def _when(network: Network) -> str:
    shown = code.larger(network.scale)
    if shown is None:
        return "Runs always, and keeps the picture's size."
    return f"Runs where the picture is shown more than {shown:g} times as large as it is, both ways on average."
