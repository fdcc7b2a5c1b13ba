"""Run a network that makes frames in between: padding, planes and memory around the backend's call."""

import msgspec
import vapoursynth as vs

from vsmagic import clips
from vsmagic.backends import base
from vsmagic.backends.base import Backend, Request
from vsmagic.models.motion import MotionModel
from vsmagic.models.spec import Precision

_BYTES = 4  # of a value in float32
_SLACK = 1.5  # as for networks that enlarge


class MotionPlan(msgspec.Struct, frozen=True, kw_only=True):
    """How a network is to be run: everything but the clips."""

    model: MotionModel
    backend: Backend
    precision: Precision
    streams: int | None = None
    """Frames that are worked on at the same time; None: as many as the machine has a use for and the memory limit
    has room for."""
    device: int = 0


def between(first: vs.VideoNode, second: vs.VideoNode, time: vs.VideoNode, plan: MotionPlan) -> vs.VideoNode:
    """Make the picture between two.

    Args:
        first: RGBS, any size.
        second: the same of the next frame.
        time: GRAYS that holds when the picture is, above 0 (the first) and below 1 (the second).
        plan: the network and how to run it.

    Returns:
        RGBS of the same size, with the first's durations and frame properties.

    Raises:
        ModelError, BackendError: the backend refuses.
    """
    spec = plan.model.spec
    inputs = [clips.pad(clip, spec.multiple) for clip in (first, second)]
    whole = inputs[0]
    inputs.append(time.resize.Point(whole.width, whole.height))
    room = plan.backend.memory(plan.device) // int(_SLACK * _BYTES * spec.activations * whole.width * whole.height)
    request = Request(
        network=plan.model.path,
        precision=plan.precision,
        streams=plan.streams or max(1, min(room, plan.backend.streams())),
        device=plan.device,
        model=spec.name,
        sha256=spec.sha256,
    )
    result = base.run(inputs, plan.backend, request)
    return result if whole is first else result.std.CropAbs(first.width, first.height)
