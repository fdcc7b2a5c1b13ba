"""Operators that move pixels: resizing, sampling, and pixels into channels and back."""

import functools
import math
from collections.abc import Callable

import torch.nn.functional as F  # noqa: N812 - its usual name
from torch import Tensor

from vsmagic.backends.torch_ops.node import Facts, Operator, UnknownError


def _depth_to_space(facts: Facts, x: Tensor) -> Tensor:
    block = facts.get("blocksize")
    if facts.get("mode", b"DCR") == b"CRD":
        return F.pixel_shuffle(x, block)
    n, c, h, w = x.shape
    apart = x.reshape(n, block, block, c // block**2, h, w).permute(0, 3, 4, 1, 5, 2)
    return apart.reshape(n, c // block**2, h * block, w * block)


def _space_to_depth(facts: Facts, x: Tensor) -> Tensor:
    block = facts.get("blocksize")
    n, c, h, w = x.shape
    apart = x.reshape(n, c, h // block, block, w // block, block).permute(0, 3, 5, 1, 2, 4)
    return apart.reshape(n, c * block**2, h // block, w // block)


def _resize(facts: Facts, x: Tensor, *more: Tensor | None) -> Tensor:
    given = (None, *more) if facts.opset < 11 or len(more) == 1 else more
    roi_scales_sizes = (*given, None, None, None)
    scales, sizes = roi_scales_sizes[1], roi_scales_sizes[2]
    if facts.get("axes") or facts.get("antialias", 0) or facts.get("exclude_outside", 0):
        raise UnknownError("a Resize of single axes, with antialiasing or without what is outside")
    wanted = [int(size) for size in sizes] if sizes is not None and sizes.numel() else None
    if wanted is None:
        factors = scales.tolist() if scales is not None else facts.get("scales")
        wanted = [math.floor(length * factor) for length, factor in zip(x.shape, factors, strict=True)]
    if x.ndim != 4 or wanted[:2] != list(x.shape[:2]):
        raise UnknownError("a Resize of other axes than height and width")
    mode = facts.get("mode", b"nearest").decode()
    where = facts.get("coordinate_transformation_mode", b"asymmetric" if facts.opset < 11 else b"half_pixel").decode()
    if mode == "nearest":
        rounded = facts.get("nearest_mode", b"floor" if facts.opset < 11 else b"round_prefer_floor").decode()
        return F.interpolate(x, wanted[2:], mode=_nearest(tuple(x.shape[2:]), tuple(wanted[2:]), where, rounded))
    if mode == "cubic" and not math.isclose(facts.get("cubic_coeff_a", -0.75), -0.75):
        raise UnknownError(f"a cubic Resize by {facts.get('cubic_coeff_a')}")
    if where not in ("half_pixel", "pytorch_half_pixel", "align_corners"):
        raise UnknownError(f"a {mode} Resize by {where}")
    kind = {"linear": "bilinear", "cubic": "bicubic"}[mode]
    return F.interpolate(x, wanted[2:], mode=kind, align_corners=where == "align_corners")


@functools.cache
def _nearest(old: tuple[int, ...], new: tuple[int, ...], where: str, rounded: str) -> str:
    """Return the one of PyTorch's two ways to choose a pixel that chooses the same ones as the node."""
    rounding: Callable[[float], int] = {
        "floor": math.floor,
        "ceil": math.ceil,
        "round_prefer_floor": lambda place: math.ceil(place - 0.5),
        "round_prefer_ceil": lambda place: math.floor(place + 0.5),
    }[rounded]

    def wanted(n: int, before: int, after: int) -> int:
        ratio = before / after
        match where:
            case "asymmetric":
                place = n * ratio
            case "align_corners":
                place = n * (before - 1) / max(1, after - 1)
            case _:
                place = (n + 0.5) * ratio - 0.5
        return min(max(rounding(place), 0), before - 1)

    offsets = {"nearest": 0.0, "nearest-exact": 0.5}
    for name, offset in offsets.items():
        if all(
            wanted(n, before, after) == min(math.floor((n + offset) * before / after), before - 1)
            for before, after in zip(old, new, strict=True)
            for n in range(after)
        ):
            return name
    raise UnknownError(f"a nearest Resize by {where}, {rounded}")


def _grid_sample(facts: Facts, x: Tensor, grid: Tensor) -> Tensor:
    mode = {b"linear": "bilinear", b"bilinear": "bilinear", b"nearest": "nearest", b"cubic": "bicubic",
            b"bicubic": "bicubic"}[facts.get("mode", b"linear")]  # fmt: skip
    beyond = facts.get("padding_mode", b"zeros").decode()
    # Places are kept in float32 whatever the rest computes in: half a precision is half a pixel on wide frames.
    found = F.grid_sample(x.float(), grid.float(), mode, beyond, align_corners=bool(facts.get("align_corners", 0)))
    return found.to(x.dtype)


OPERATORS: dict[str, Operator] = {
    "DepthToSpace": _depth_to_space,
    "GridSample": _grid_sample,
    "Resize": _resize,
    "SpaceToDepth": _space_to_depth,
    "Upsample": _resize,
}
