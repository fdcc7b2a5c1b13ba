"""From a module of PyTorch to an ONNX network that gives the same, whatever the family."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vsmagic.errors import ModelError, SetupError, reason

if TYPE_CHECKING:
    import numpy as np
    import torch

OPSET = 17
_TOLERANCE = 1 / 1024


def exported(
    network: "torch.nn.Module",
    example: "torch.Tensor",
    *,
    free: Mapping[int, str],
    what: str,
    path: Path,
    beside: Sequence[str] = (),
) -> bytes:
    """Return the ONNX of a network of one input, called ``input``, and one ``output``, written without a file.

    Args:
        network: in evaluation mode.
        example: what it takes.
        free: the axes, of input and output, that may have any size, and what they are called.
        what: names the network in messages.
        path: names the model in messages.
        beside: names of what the network gives beside the output.

    Raises:
        SetupError: something that PyTorch's exporter needs is not installed.
        ModelError: the network has something that ONNX has not.
    """
    import torch

    file = io.BytesIO()
    try:
        torch.onnx.export(
            network,
            (example,),
            file,  # type: ignore[arg-type]  # its own annotation is narrower than what it takes
            dynamo=False,
            opset_version=OPSET,
            input_names=["input"],
            output_names=["output", *beside],
            dynamic_axes={"input": dict(free), "output": dict(free)},
        )
    except ImportError as error:
        raise SetupError(
            f"model {path}: exporting it needs {error.name}; install it with: pip install 'vsmagic[convert]'"
        ) from error
    except Exception as error:  # an operator without an ONNX counterpart; torch raises several kinds
        raise ModelError(f"model {path}: {what} cannot be turned into ONNX ({reason(error)}).") from error
    return file.getvalue()


def compare(result: "np.ndarray", expected: "np.ndarray", path: Path) -> None:
    """See that a converted network gives what PyTorch does: to 1/1024 of the range, or of the largest value beyond it.

    Raises:
        ModelError: it does not.
    """
    if result.shape != expected.shape:
        raise ModelError(f"model {path}: the converted network gives {result.shape}, PyTorch {expected.shape}.")
    worst = float(abs(result - expected).max()) / max(1.0, float(abs(expected).max()))
    if not worst <= _TOLERANCE:  # numbers that are not finite are no better
        raise ModelError(
            f"model {path}: the converted network differs from PyTorch by {worst:.2g} (allowed {_TOLERANCE:.2g})."
        )
