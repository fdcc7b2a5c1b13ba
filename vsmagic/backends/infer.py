"""Run a model on a clip: padding, tiles, passes and the fp32 base around the plugin's call."""

import functools
import logging
from typing import Literal

import msgspec
import vapoursynth as vs

from vsmagic import clips
from vsmagic.backends import base, tiles
from vsmagic.backends.base import Backend, Request
from vsmagic.errors import OptionError
from vsmagic.models.registry import Model, memory_per_pixel
from vsmagic.models.spec import Precision

log = logging.getLogger(__name__)

_fitting = functools.lru_cache(tiles.fitting)  # takes 10 ms on large frames, and is asked more than once


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """How a model is to be run: everything but the clip."""

    model: Model
    backend: Backend
    precision: Precision
    tile: tuple[int, int] | Literal["auto"] = "auto"
    """Largest tile (width, height) in input pixels, halo included; auto: by the memory limit."""
    streams: int | None = None
    """Frames, or tiles, that are worked on at the same time; None: as many as the machine has a use for and the
    memory limit has room for."""
    preferred: int | None = None
    """Streams that were found fastest, where ``streams`` is None: automatic tiles are made small enough for them, and
    fewer are taken where that is not possible."""
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
    spec = plan.model.spec
    for number in range(plan.model.passes):
        size = padded((clip.width * spec.scale**number, clip.height * spec.scale**number), spec.multiple)
        tile, _ = arrangement(size, plan)
        if tile != size:
            log.info("tiles of %dx%d over %dx%d", *tile, *size)
        elif spec.halo is None and size[0] * size[1] > _most_pixels(plan, 1):
            log.warning("model %s cannot be tiled; a frame may take more than the memory limit", plan.model.name)
    return compute(clip, plan)


def compute(clip: vs.VideoNode, plan: Plan) -> vs.VideoNode:
    """Do what :func:`infer` does, and say nothing about it."""
    for _ in range(plan.model.passes):
        clip = _one_pass(clip, plan)
    return clip


def arrangement(size: tuple[int, int], plan: Plan) -> tuple[tuple[int, int], int]:
    """Return the largest tile, which is the size itself for none, and the streams.

    Args:
        size: (width, height) of a frame, multiples of the model's.
        plan: the model and how to run it.

    Raises:
        OptionError: a tile for a model that cannot be tiled.
    """
    wanted = plan.streams or plan.preferred
    tile = _tile_size(size, plan, wanted or 1)
    if plan.streams:
        return tile, plan.streams
    room = _most_pixels(plan, 1) // (tile[0] * tile[1])
    return tile, max(1, min(room, wanted or plan.backend.streams()))


def padded(size: tuple[int, int], multiple: int) -> tuple[int, int]:
    """Return the size (width, height) that a frame is padded to for a model."""
    width, height = (-(-length // multiple) * multiple for length in size)
    return width, height


def _one_pass(clip: vs.VideoNode, plan: Plan) -> vs.VideoNode:
    spec = plan.model.spec
    whole = clips.pad(clip, spec.multiple)
    size, streams = arrangement((whole.width, whole.height), plan)
    network = plan.model.network(plan.precision)
    request = Request(
        network=network.path,
        precision=plan.precision,
        streams=streams,
        device=plan.device,
        model=spec.name,
        sha256=network.sha256,
        weights=plan.model.weights,
        base=spec.base,
    )

    def run(part: vs.VideoNode) -> vs.VideoNode:
        return base.run([part], plan.backend, request)

    if size == (whole.width, whole.height):
        result = run(whole)
    else:
        result = tiles.tiled(whole, size, halo=spec.halo or 0, multiple=spec.multiple, scale=spec.scale, run=run)
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


def _tile_size(size: tuple[int, int], plan: Plan, streams: int) -> tuple[int, int]:
    """Return the tile to use on frames of a size; the size itself for none."""
    spec = plan.model.spec
    if spec.halo is None:
        if plan.tile != "auto":
            raise OptionError(
                f"tile: model {plan.model.name} looks at the whole frame and cannot be tiled; leave tile at auto."
            )
        return size
    if plan.tile == "auto":
        return _fitting(*size, spec.halo, spec.multiple, _most_pixels(plan, streams))
    return min(plan.tile[0], size[0]), min(plan.tile[1], size[1])


def _most_pixels(plan: Plan, streams: int) -> int:
    """Return how large a tile the memory limit has room for, once a stream."""
    return plan.backend.memory(plan.device) // (memory_per_pixel(plan.model.spec) * streams)
