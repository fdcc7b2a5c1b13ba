"""Weights of PyTorch: read as plain data, recognised by Spandrel, and kept for a model that has no ONNX.

Nothing in a file is executed: pickles are read with ``weights_only``, and what is kept is tensors in safetensors form.
"""

import io
import logging
import math
import pickle
import re
import warnings
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vsmagic.errors import ModelError, SetupError, reason
from vsmagic.models import evaluate, inspect
from vsmagic.models.spec import ModelSpec, Precision

if TYPE_CHECKING:
    import numpy as np
    import spandrel
    import torch

    type Weights = dict[str, torch.Tensor]
    type Descriptor = spandrel.ImageModelDescriptor[Any]

log = logging.getLogger(__name__)


def read(path: Path) -> "Weights":
    """Read a file's tensors by name, and nothing else that may be in it.

    Raises:
        SetupError: PyTorch, Spandrel or safetensors is not installed.
        ModelError: the file cannot be read, or holds something other than tensors.
    """
    try:
        import torch
        from safetensors.torch import load_file
        from spandrel import canonicalize_state_dict
    except ImportError as error:
        raise SetupError(
            f"model {path}: reading {path.suffix} files needs PyTorch and Spandrel ({error.name} is missing); "
            "install them with: pip install 'vsmagic[convert]'"
        ) from error
    _check_whole(inspect.read(path), path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of storage classes that old files name
            if path.suffix.lower() == ".safetensors":
                found: Any = load_file(path)
            else:
                found = torch.load(path, map_location="cpu", weights_only=True)
        weights = canonicalize_state_dict(found)
    except pickle.UnpicklingError as error:
        named = re.search(r"GLOBAL ([\w.]+)", str(error))
        what = f"it names {named[1]}" if named else "it is no pickle of tensors"
        raise ModelError(
            f"model {path}: not plain weights ({what}), so nothing in it was run. Expected a state dict saved by "
            "PyTorch; get it from its authors again, or as .safetensors."
        ) from error
    except Exception as error:  # torch and safetensors raise many kinds; all of them mean the same to the user
        raise ModelError(f"model {path}: not a complete file of weights ({reason(error)}). Fetch it again.") from error
    return {str(key): value for key, value in weights.items() if isinstance(value, torch.Tensor)}


def _check_whole(content: bytes, path: Path) -> None:
    """Refuse a zip archive, as PyTorch writes them, that lacks its end: PyTorch's own words for it fill a paragraph."""
    if content.startswith(b"PK") and not zipfile.is_zipfile(io.BytesIO(content)):
        raise ModelError(
            f"model {path}: not a complete file of weights: it breaks off after {len(content):,} bytes. Fetch it again."
        )


def recognised(weights: "Weights", path: Path) -> "Descriptor":
    """Return the network that the weights are of, in float32 and ready to run.

    Raises:
        ModelError: Spandrel does not know it, or it is not from one picture to one.
    """
    from spandrel import ImageModelDescriptor, ModelLoader

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what architectures call in an old way
            descriptor = ModelLoader(device="cpu").load_from_state_dict(dict(weights))
    except Exception as error:  # the same: many kinds, one meaning
        raise ModelError(
            f"model {path}: not weights of an architecture that Spandrel knows ({reason(error)}). A network of another "
            "kind can be added as .onnx."
        ) from error
    if not isinstance(descriptor, ImageModelDescriptor) or descriptor.input_channels not in (1, 3):
        raise ModelError(f"model {path}: not a network from one picture to one picture of 1 or 3 channels.")
    descriptor.model.float().eval()
    return descriptor


def load(path: Path) -> "Descriptor":
    """Return the network that a file of weights is of, in float32 on the processor.

    Raises:
        SetupError, ModelError: as :func:`read` and :func:`recognised`.
    """
    return recognised(read(path), path)


def forward(descriptor: "Descriptor", picture: "torch.Tensor") -> "torch.Tensor":
    """Return what a network makes of ``[batch, channels, height, width]``.

    Spandrel's own call also pads, which is done outside, and cuts to 0..1, which would hide what is beyond from the
    resizing that follows. What it does for architectures that give more than a picture is kept.
    """
    result: torch.Tensor = descriptor._call_fn(descriptor.model, picture)
    return result


def output(descriptor: "Descriptor", picture: "np.ndarray", path: Path) -> "np.ndarray":
    """Return what a network makes of a picture, on the processor.

    Raises:
        ModelError: PyTorch cannot run it.
    """
    import torch

    try:
        with torch.inference_mode():
            result: np.ndarray = forward(descriptor, torch.from_numpy(picture)).numpy()
    except (RuntimeError, ValueError, TypeError, AttributeError) as error:  # an architecture's own code
        name = descriptor.architecture.name
        raise ModelError(f"model {path}: PyTorch cannot run this {name} ({reason(error)}).") from error
    return result


def multiple(descriptor: "Descriptor", step: int = 1) -> int:
    """Return what sizes must be multiples of so that they are as large as the architecture needs.

    A least size of at most 16 is left out: networks are checked on pictures of that size, and run.

    Args:
        descriptor: the network.
        step: what they must be multiples of for other reasons.
    """
    needs = descriptor.size_requirements
    whole = math.lcm(step, int(needs.multiple_of))
    return whole * math.ceil(needs.minimum / whole) if needs.minimum > evaluate.SMALLEST else whole


def kept(descriptor: "Descriptor", weights: "Weights", path: Path) -> tuple[ModelSpec, bytes]:
    """Return the facts and the weights of a network that only PyTorch runs, once it has run on small pictures.

    Raises:
        ModelError: it cannot be run here, or does not give what it promises.
    """
    from safetensors.torch import save

    needs = descriptor.size_requirements
    if needs.square or descriptor.input_channels != descriptor.output_channels:
        what = "takes square pictures only" if needs.square else "gives other channels than it takes"
        raise ModelError(f"model {path}: {descriptor.architecture.name} {what}; expected a network for any video.")
    offered: list[tuple[Precision, bool]] = [
        ("f32", True), ("bf16", descriptor.supports_bfloat16), ("f16", descriptor.supports_half)
    ]  # fmt: skip
    spec = ModelSpec(
        name=path.stem,
        form="torch",
        scale=descriptor.scale,
        channels=1 if descriptor.input_channels == 1 else 3,
        multiple=multiple(descriptor),
        halo=None,
        precisions=tuple(name for name, supported in offered if supported),
        activations=_activations(descriptor, path),
        sha256="",
    )
    for picture in evaluate.pictures(spec.channels, spec.multiple):
        evaluate.check(output(descriptor, picture, path), picture, spec, path)
    content = save({name: value.detach().contiguous().clone() for name, value in weights.items()})
    return spec, content


def _activations(descriptor: "Descriptor", path: Path) -> int:
    """Count the values that go in and out of the widest layer, per pixel of the input."""
    import torch

    picture = evaluate.pictures(descriptor.input_channels, multiple(descriptor))[0]
    widest = 1

    def see(_: "torch.nn.Module", given: Any, made: Any) -> None:
        nonlocal widest
        tensors = [one for one in (*given, made) if isinstance(one, torch.Tensor)]
        widest = max(widest, sum(one.numel() for one in tensors))

    layers = [module for module in descriptor.model.modules() if not list(module.children())]
    hooks = [layer.register_forward_hook(see) for layer in layers]
    try:
        output(descriptor, picture, path)
    finally:
        for hook in hooks:
            hook.remove()
    height, width = (int(side) for side in picture.shape[2:])
    return math.ceil(widest / (height * width))
