"""VSGAN: its own networks of the ESRGAN family, loaded by its own code from the authors' files.

VSGAN's own filter asks for a frame inside a frame's callback, which VapourSynth does not answer when its threads are
few; so frames take the way of backend ``torch``. VSGAN pins NumPy < 2 and VapourSynth 57, and runs without both pins.
"""

import importlib.util
import io
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import vapoursynth as vs

from vsmagic.backends import torch as pytorch
from vsmagic.backends.base import Request
from vsmagic.backends.torch import InPython, Place
from vsmagic.errors import ModelError, reason

if TYPE_CHECKING:
    from torch import Tensor

    from vsmagic.backends.torch_frames import Network


def _network(request: Request, place: Place) -> "Network":
    """Load the authors' file; what is added to a model's output afterwards is taken out of what VSGAN gives."""
    import torch

    from vsmagic.backends.torch_frames import Network

    if request.weights is None or request.weights.suffix.lower() != VSGAN.loads or place.shape[0] != 3:
        raise ModelError(
            f"backend vsgan loads the authors' .pth of a network of the ESRGAN family; model {request.model} comes "
            f"from {request.weights or request.network}. Use backend=torch, or name such a .pth as the model."
        )
    network = _loaded(request.weights)
    network.to(device=place.device, dtype=place.real).to(memory_format=place.layout)
    scale = int(network.scale)

    def run(picture: "Tensor") -> "Tensor":
        whole: Tensor = network(picture)
        if request.base == "none":
            return whole
        return whole - torch.nn.functional.interpolate(picture, scale_factor=scale, mode=request.base)

    return Network(run=run, scale=scale, planes=place.planes, real=place.real, layout=place.layout)


def _loaded(path: Path) -> Any:
    """Let VSGAN choose and fill the network. It wants a file that was saved where it runs, so it is given a copy."""
    import torch
    from vsgan import ESRGAN

    copy = io.BytesIO()
    try:
        torch.save(torch.load(path, map_location="cpu", weights_only=True), copy)  # executes nothing in the file
        copy.seek(0)
        blank = vs.core.std.BlankClip(width=16, height=16, format=vs.RGBS, length=1)
        network = ESRGAN(blank, device="cpu!").load(copy).model
    except Exception as error:  # VSGAN takes keys and shapes for granted: anything may be raised
        raise ModelError(
            f"backend vsgan: VSGAN cannot load {path} ({reason(error)}); it knows ESRGAN, Real-ESRGAN and SRVGG "
            "networks under their authors' names. Use backend=torch."
        ) from error
    left = sorted(set(network.state_dict()) - set(network.state))
    if left:
        raise ModelError(
            f"backend vsgan: VSGAN finds no weights for {len(left)} tensors ({left[0]}) in {path} and would run on "
            "random numbers. Use backend=torch."
        )
    return network


def trial() -> vs.VideoNode:
    """Return a frame enlarged by the smallest network that VSGAN knows, with weights of 0."""
    import torch

    shapes = {"0.weight": (4, 3, 3, 3), "0.bias": (4,), "1.weight": (4,), "2.weight": (12, 4, 3, 3), "2.bias": (12,)}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trial.pth"
        torch.save({"params": {f"body.{name}": torch.zeros(shape) for name, shape in shapes.items()}}, path)
        flat = vs.core.std.BlankClip(width=16, height=16, format=vs.RGBS, length=1, color=[0.25, 0.5, 0.75])
        return VSGAN.model([flat], Request(network=path, weights=path))


def _trouble() -> str | None:
    if importlib.util.find_spec("torch") is None:
        return "VSGAN needs PyTorch, which is not installed; run: pip install 'vsmagic[vsgan]'"
    return pytorch.trouble()


VSGAN = InPython(
    name="vsgan",
    package="--no-deps vsgan",
    library="vsgan",
    title="VSGAN",
    computes=pytorch.computes,
    streams=pytorch.streams,
    trouble=_trouble,
    memory=pytorch.memory,
    loads=".pth",
    network=_network,
)
