"""The graph that measures a plugin alone."""

import vapoursynth as vs

from vsmagic import clips
from vsmagic.backends import base, select, settle
from vsmagic.backends.base import Request
from vsmagic.backends.infer import Plan
from vsmagic.models import registry

_PICTURES = 8
_LENGTH = 100_000


def build(source: str, model: str, scale: int, backend: str, precision: str) -> vs.VideoNode:
    """Return a clip each frame of which costs what the network costs, with the streams that suit it best.

    Args:
        source: a video file of the size to measure.
        model: name or path.
        scale: the model's.
        backend: name of a backend that runs here.
        precision: one that the backend computes in.
    """
    import vsmagic

    found = registry.resolve(model, factor=scale)
    chosen = select.choose(backend, found.path)
    precision_ = select.choose_precision(precision, found.spec.tolerated, chosen, strict=True)
    clip = vsmagic.source(source)
    plan = settle.settled(
        Plan(model=found, backend=chosen, precision=precision_),
        (clip.width, clip.height),
        frames=0,
        precision_open=False,
    )
    network = found.network(precision_)
    request = Request(
        network=network.path, precision=precision_, streams=plan.preferred or chosen.streams(), model=found.spec.name,
        sha256=network.sha256,
    )  # fmt: skip
    passes = []
    for number in range(found.passes):
        factor = found.spec.scale**number
        pictures = _ready(clip, factor, found.spec.channels, found.spec.multiple)
        passes.append(base.run([pictures], chosen, request))
    # Asks for a frame of every pass and gives the last one's.
    result = passes[-1]
    for other in passes[:-1]:
        result = result.std.CopyFrameProps(other)
    return result


def _ready(clip: vs.VideoNode, factor: int, channels: int, multiple: int) -> vs.VideoNode:
    """Return pictures in the network's format that are made once and kept."""
    width, height = clip.width * factor, clip.height * factor
    if channels == 1:
        pictures = clip.std.ShufflePlanes(0, vs.GRAY).resize.Bicubic(width, height, format=vs.GRAYS)
    else:
        pictures = clip.resize.Bicubic(width, height, format=vs.RGBS)
    pictures = clips.pad(pictures[:_PICTURES], multiple)
    pictures.std.SetVideoCache(mode=1, fixedsize=1, maxsize=_PICTURES)
    kept: vs.VideoNode = pictures.std.Loop(times=-(-_LENGTH // pictures.num_frames))
    return kept
