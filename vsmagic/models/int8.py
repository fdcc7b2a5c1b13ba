"""Write a network's convolutions in 8-bit integers (ONNX Runtime's static quantization, QuantizeLinear pairs).

What is rounded, and why (figures: AnimeJaNai HD V3 Compact, magic-x2 and magic-x2-fast on Set5 x2):

- Convolutions only, and only their inputs: what follows one (PReLU, an addition) is computed in float, which OpenVINO
  joins to the convolution, and between two of them no float is ever written. The network's last addition and its
  output stay float.
- The first and the last convolution stay float: all that the picture is passes through them. With the last one too,
  magic-x2-fast loses 0.11 dB instead of 0.05, and is a tenth faster at best; with both, 0.16 dB.
- Inputs as unsigned bytes with an offset: symmetric ones lose twice as much. They cover the range that holds 99.999 %
  of the calibration's values. With 99.99 %, Compact loses 0.10 dB instead of 0.05 and magic-x2 0.05 instead of 0.03,
  with 99.9 % magic-x2 0.28; a range that reaches every last value loses a little more than this one.
- Weights by output channel, in 7 bits. Processors without VNNI add two products of 8 bits in a 16-bit register that
  then overflows, which shows as specks; 7 bits cannot. So the result is the same everywhere, and it costs nothing that
  could be measured on the large networks. On small ones 8 bits would lose half as much.
"""

import contextlib
import io
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vsmagic.errors import ModelError, SetupError, reason
from vsmagic.models.spec import INT8

if TYPE_CHECKING:
    import numpy as np
    import onnx

_PERCENTILE = 99.999
_OPSET = 17
_LEAST_OPSET = 13  # the first that knows a scale for each channel


def check_installed() -> None:
    """Raise a SetupError where ONNX Runtime's Python package, which does the work, is missing."""
    try:
        import numpy as np  # noqa: F401
        import onnxruntime  # noqa: F401
    except ImportError as error:
        raise SetupError(
            f"models quantize: {error.name} is not installed; quantizing needs it: pip install 'vsmagic[quantize]'"
        ) from error


def to_int8(content: bytes, pictures: "Sequence[np.ndarray]", path: Path) -> bytes:
    """Return a float32 network with its convolutions in 8-bit integers.

    Args:
        content: the ONNX.
        pictures: what it is calibrated on, ``[1, channels, height, width]`` from 0 to 1, as it takes them.
        path: names the network in messages.

    Raises:
        ModelError: it computes in float16 or in integers already, has too few convolutions, or cannot be quantized.
    """
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static

    model = _ready(content, path)
    with tempfile.TemporaryDirectory(prefix="vsmagic-int8-") as folder:
        result = Path(folder) / "int8.onnx"
        try:
            # It prints to stdout, which belongs to video.
            with contextlib.redirect_stdout(io.StringIO()):
                quantize_static(
                    model,
                    result,
                    _reader(model.graph.input[0].name, pictures),
                    quant_format=QuantFormat.QDQ,
                    op_types_to_quantize=["Conv"],
                    nodes_to_exclude=_ends(model, path),
                    per_channel=True,
                    reduce_range=True,
                    activation_type=QuantType.QUInt8,
                    weight_type=QuantType.QInt8,
                    calibrate_method=CalibrationMethod.Percentile,
                    extra_options={
                        "CalibPercentile": _PERCENTILE,
                        "CalibStridedMinMax": 1,  # one picture's values at a time in memory
                        "OpTypesToExcludeOutputQuantization": ["Conv"],
                    },
                )
        except Exception as error:  # ONNX Runtime raises many kinds; all of them mean the same to the user
            raise ModelError(f"model {path}: cannot be written in 8-bit integers ({reason(error)}).") from error
        return result.read_bytes()


def _ready(content: bytes, path: Path) -> "onnx.ModelProto":
    """Return the network as the quantizer wants it: an opset that is new enough, and a name for every node."""
    import onnx
    from onnxruntime.quantization.quant_utils import add_pre_process_metadata

    model = onnx.load_from_string(content)
    if INT8.intersection(node.op_type for node in model.graph.node):
        raise ModelError(f"model {path}: is in 8-bit integers already; quantize the float32 network it was made of.")
    if any(weight.data_type == onnx.TensorProto.FLOAT16 for weight in model.graph.initializer):
        raise ModelError(f"model {path}: holds float16 weights; quantize the float32 file of the same model.")
    if any(opset.domain in ("", "ai.onnx") and opset.version < _LEAST_OPSET for opset in model.opset_import):
        try:
            model = onnx.version_converter.convert_version(model, _OPSET)
        except Exception as error:  # any of the converter's own
            raise ModelError(f"model {path}: its old opset cannot be brought to {_OPSET} ({reason(error)}).") from error
    for number, node in enumerate(model.graph.node):
        node.name = f"{node.op_type}_{number}"
    weights = {weight.name for weight in model.graph.initializer}
    for value in [value for value in model.graph.input if value.name in weights]:
        model.graph.input.remove(value)  # older exports list weights as inputs
    add_pre_process_metadata(model)  # without it, ONNX Runtime warns through the root logger
    return model


def _ends(model: "onnx.ModelProto", path: Path) -> list[str]:
    """Return the names of the first and the last convolution."""
    names = [node.name for node in model.graph.node if node.op_type == "Conv"]
    if len(names) < 3:
        raise ModelError(
            f"model {path}: has {len(names)} convolutions; the first and the last stay float32, so nothing would be "
            "gained. Use it as it is."
        )
    return [names[0], names[-1]]


def _reader(name: str, pictures: "Sequence[np.ndarray]") -> Any:
    """Return the pictures in the shape that ONNX Runtime asks for them."""
    from onnxruntime.quantization import CalibrationDataReader

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.rest = _feeds(name, pictures)

        def __len__(self) -> int:
            return len(pictures)

        def set_range(self, start_index: int, end_index: int) -> None:
            self.rest = _feeds(name, pictures[start_index:end_index])

        def get_next(self) -> "dict[str, np.ndarray] | None":
            return next(self.rest, None)

    return Reader()


def _feeds(name: str, pictures: "Iterable[np.ndarray]") -> "Iterator[dict[str, np.ndarray]]":
    return ({name: picture} for picture in pictures)
