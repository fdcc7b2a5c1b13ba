"""What PyTorch is asked for: the reference of every agreement, and the device's peaks."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from vsmagic.errors import ModelError
from vsmagic.gpucheck.record import Peak

if TYPE_CHECKING:
    import numpy as np

_SIDE = {"cuda": 8192, "cpu": 512}
_BYTES = {"cuda": 1 << 28, "cpu": 0}
_TIMES = 10


def compute(content: bytes, picture: "np.ndarray") -> "np.ndarray":
    """Return what a network makes of ``[1, channels, height, width]``, in float32 on the processor.

    A second way of its own: no code is shared with what is compared to it.

    Raises:
        ModelError: the network has an operator that is not among these.
    """
    import onnx
    import torch
    from onnx import numpy_helper

    graph = onnx.load_from_string(content).graph
    values = {weight.name: torch.from_numpy(numpy_helper.to_array(weight).copy()) for weight in graph.initializer}
    values[graph.input[0].name] = torch.from_numpy(picture)
    with torch.inference_mode():
        for node in graph.node:
            facts = {fact.name: onnx.helper.get_attribute_value(fact) for fact in node.attribute}
            given = [values[name] if name else None for name in node.input]
            values[node.output[0]] = _apply(node.op_type, given, facts)
    result: np.ndarray = values[graph.output[0].name].numpy()
    return result


def _apply(operator: str, given: list[Any], facts: dict[str, Any]) -> Any:
    from torch.nn import functional

    match operator:
        case "Conv":
            top, left, bottom, right = facts.get("pads", [0] * 4)
            padded = functional.pad(given[0], (left, right, top, bottom))
            bias = given[2] if len(given) > 2 else None
            strides, dilations = facts.get("strides", [1, 1]), facts.get("dilations", [1, 1])
            return functional.conv2d(padded, given[1], bias, strides, 0, dilations, facts.get("group", 1))
        case "PRelu" | "Relu" | "LeakyRelu":
            slope = {"PRelu": given[-1], "Relu": 0, "LeakyRelu": facts.get("alpha", 0.01)}[operator]
            return given[0].clamp(min=0) + slope * given[0].clamp(max=0)
        case "Add":
            return given[0] + given[1]
        case "Clip":
            return given[0].clamp(*(float(limit) for limit in given[1:]))
        case "Resize" if facts.get("mode") == b"nearest":
            down, across = (round(float(factor)) for factor in given[2][2:])
            return given[0].repeat_interleave(down, 2).repeat_interleave(across, 3)
        case "DepthToSpace":
            return _shuffle(given[0], facts["blocksize"], facts.get("mode", b"DCR"))
    raise ModelError(f"the reference has no operator {operator}. Leave the model out with --models.")


def _shuffle(value: Any, block: int, mode: bytes) -> Any:
    from torch.nn import functional

    if mode == b"DCR":
        batch, channels, height, width = value.shape
        value = value.reshape(batch, block * block, channels // block**2, height, width).transpose(1, 2)
        value = value.reshape(batch, channels, height, width)
    return functional.pixel_shuffle(value, block)


def peak(device: int | None) -> Peak:
    """Measure matrix products on random data, and copies."""
    import torch

    kind = "cpu" if device is None else "cuda"
    place = torch.device(kind, device or 0)
    side = _SIDE[kind]
    kinds = {"f16": torch.float16, "bf16": torch.bfloat16, "tf32": torch.float32, "f32": torch.float32}
    if device is None:
        kinds = {"f32": torch.float32}
    rates = {}
    for name, element in kinds.items():
        torch.set_float32_matmul_precision("high" if name == "tf32" else "highest")
        left, right = (torch.randn(side, side, device=place).to(element) for _ in range(2))
        seconds = _median(lambda left=left, right=right: left @ right, place)  # type: ignore[misc]
        rates[name] = 2 * side**3 / seconds / 1e12
    name = "processor" if device is None else torch.cuda.get_device_name(device)
    up, down = _copies(place, _BYTES[kind])
    return Peak(torch=str(torch.__version__), device=name, matrix=side, tflops=rates, upload=up, download=down)


def _copies(place: Any, length: int) -> tuple[float | None, float | None]:
    import torch

    if not length:
        return None, None
    near, far = (
        torch.empty(length, dtype=torch.uint8).pin_memory(),
        torch.empty(length, dtype=torch.uint8, device=place),
    )
    near.random_()
    up = _median(lambda: far.copy_(near, non_blocking=True), place)
    down = _median(lambda: near.copy_(far, non_blocking=True), place)
    return length / up / 1e9, length / down / 1e9


def _median(work: Callable[[], Any], place: Any) -> float:
    """Return the median of several runs in seconds, after warm-up; the device is waited for."""
    import torch

    def wait() -> None:
        if place.type == "cuda":
            torch.cuda.synchronize(place)

    taken = []
    for number in range(3 + _TIMES):
        wait()
        began = time.perf_counter()
        work()
        wait()
        if number >= 3:
            taken.append(time.perf_counter() - began)
    return sorted(taken)[len(taken) // 2]
