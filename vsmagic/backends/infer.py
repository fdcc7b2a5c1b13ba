"""Run a model on a clip: padding, tiles, passes and the fp32 base around the plugin's call."""

import logging
from dataclasses import dataclass
from typing import Literal

import vapoursynth as vs

from vsmagic import clips
from vsmagic.backends import base, tiles
from vsmagic.backends.base import Backend, Request
from vsmagic.errors import OptionError
from vsmagic.models.registry import Model, memory_per_pixel
from vsmagic.models.spec import Precision

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How a model is to be run: everything but the clip."""

    model: Model
    backend: Backend
    precision: Precision
    tile: tuple[int, int] | Literal["auto"] = "auto"
    """Largest tile (width, height) in input pixels, halo included; auto: by the memory limit."""
    streams: int | None = None
    """Frames, or tiles, that are worked on at the same time; None: as many as the machine has a use for and the
    memory limit has room for."""
    device: int = 0


def infer(clip: vs.VideoNode, plan: Plan) -> vs.VideoNode:
    """Enlarge a clip by the model's scale.

    Args:
        clip: GRAYS or RGBS as the model takes, full range, any size.
        plan: the model and how to run it.

    Returns:
        The enlarged clip in the same format; frame count, durations and frame properties are kept.

    Raises:
        OptionError: the tile is too small for the model.
        ModelError, BackendError: the plugin refuses.
    """
    for _ in range(plan.model.passes):
        clip = _one_pass(clip, plan)
    return clip


def _one_pass(clip: vs.VideoNode, plan: Plan) -> vs.VideoNode:
    spec = plan.model.spec
    padded = clips.pad(clip, spec.multiple)
    size = _tile_size(padded, plan)
    request = Request(
        network=plan.model.path,
        precision=plan.precision,
        streams=plan.streams or _fitting_streams(size, plan),
        device=plan.device,
        model=spec.name,
        sha256=spec.sha256,
    )

    def run(part: vs.VideoNode) -> vs.VideoNode:
        return base.run(part, plan.backend, request)

    if size == (padded.width, padded.height):
        result = run(padded)
    else:
        halo = spec.halo or 0
        log.info("tiles of %dx%d over %dx%d", *size, padded.width, padded.height)
        result = tiles.tiled(padded, size, halo=halo, multiple=spec.multiple, scale=spec.scale, run=run)
    width, height = clip.width * spec.scale, clip.height * spec.scale
    if (result.width, result.height) != (width, height):
        result = result.std.CropAbs(width, height)
    return _on_base(clip, result, plan.model)


def _on_base(clip: vs.VideoNode, result: vs.VideoNode, model: Model) -> vs.VideoNode:
    """Add a network's residual to the enlarged input, in fp32 whatever the network computed in."""
    match model.spec.base:
        case "none":
            return result
        case "nearest":
            enlarged = clip.resize.Point(result.width, result.height)
        case "bicubic":
            enlarged = clip.resize.Bicubic(result.width, result.height, filter_param_a=0, filter_param_b=0.5)
    return vs.core.std.Expr([enlarged, result], "x y +")


def _tile_size(clip: vs.VideoNode, plan: Plan) -> tuple[int, int]:
    """Return the tile to use on a clip whose size is already a multiple of the model's; the clip's own for none."""
    spec = plan.model.spec
    whole = (clip.width, clip.height)
    pixels = plan.backend.memory(plan.device) // (memory_per_pixel(spec) * (plan.streams or 1))
    if spec.halo is None:
        if plan.tile != "auto":
            raise OptionError(
                f"tile: model {plan.model.name} looks at the whole frame and cannot be tiled; leave tile at auto."
            )
        if clip.width * clip.height > pixels:
            log.warning("model %s cannot be tiled; a frame may take more than the memory limit", plan.model.name)
        return whole
    if plan.tile == "auto":
        return tiles.fitting(*whole, spec.halo, spec.multiple, pixels)
    return min(plan.tile[0], clip.width), min(plan.tile[1], clip.height)


def _fitting_streams(size: tuple[int, int], plan: Plan) -> int:
    room = plan.backend.memory(plan.device) // (size[0] * size[1] * memory_per_pixel(plan.model.spec))
    return max(1, min(room, plan.backend.streams()))
