"""How much a changed network loses against the one it was made of, on pictures whose truth is known."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vsmagic.errors import ModelError, reason

if TYPE_CHECKING:
    import numpy as np

_LUMA = (0.299, 0.587, 0.114)
_EXACT = 1e-10


@dataclass(frozen=True, kw_only=True, eq=False)
class Sample:
    """A small picture, and what it should become. All ``[1, channels, height, width]``, float32, 0 to 1."""

    small: "np.ndarray"
    truth: "np.ndarray"
    base: "np.ndarray | float"
    """What the network's output is added to, as large as the truth; 0 where the output is the picture itself."""


@dataclass(frozen=True, kw_only=True)
class Loss:
    """Luma PSNR over all samples together, in dB; both outputs cut to 0..1."""

    lost: float
    """PSNR of the first network against the truth, less that of the second one."""
    between: float
    """PSNR of the second network's output against the first one's."""


def measure(whole: bytes, changed: bytes, samples: Sequence[Sample], path: Path) -> Loss:
    """Enlarge the samples with both networks, by ONNX Runtime, and compare.

    Raises:
        ModelError: a network cannot be run; ``path`` names it.
    """
    import numpy as np

    runs = [_session(content, path) for content in (whole, changed)]
    errors = []
    for sample in samples:
        first, second = (
            _luma(run.run(None, {run.get_inputs()[0].name: sample.small})[0] + sample.base) for run in runs
        )
        truth = _luma(sample.truth)
        errors.append([np.mean((a - b) ** 2) for a, b in ((first, truth), (second, truth), (second, first))])
    first, second, between = -10 * np.log10(np.maximum(np.mean(errors, axis=0), _EXACT))
    return Loss(lost=round(float(first - second), 3), between=round(float(between), 1))


def _session(content: bytes, path: Path) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    # Threads that wait by spinning take the core from the ones they wait for, on a machine that is busy.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's own kinds
        raise ModelError(f"model {path}: ONNX Runtime cannot run it ({reason(error)}).") from error


def _luma(picture: "np.ndarray") -> "np.ndarray":
    import numpy as np

    cut = picture[0].clip(0, 1).astype(np.float64)
    return cut[0] if len(cut) == 1 else np.tensordot(_LUMA, cut, axes=1)
