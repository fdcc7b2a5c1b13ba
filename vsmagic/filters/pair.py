"""Frames between two pictures."""

import vapoursynth as vs

from vsmagic import clips
from vsmagic.errors import FormatError, OptionError
from vsmagic.filters.interpolate import Wanted, interpolated
from vsmagic.models.motion import FlowScale

MOST = 999
"""Frames between two pictures."""


def interpolate_pair(
    a: vs.VideoNode,
    b: vs.VideoNode,
    n: int,
    *,
    model: str = "auto",
    flow_scale: FlowScale = "auto",
    backend: str = "auto",
    precision: str = "auto",
    streams: int | None = None,
    device: int = 0,
    strict: bool = False,
) -> vs.VideoNode:
    """Make the frames between two pictures: frame k of the result, from 0, lies at exactly (k + 1) / (n + 1).

    The pictures are taken for two of one scene, whatever they show: no cut is looked for between them.

    Args:
        a: a clip of one frame, any constant YUV, GRAY or RGB format.
        b: the same, in the same format and size.
        n: how many frames, 1 to 999.
        model: as for :func:`vsmagic.interpolate`; so are the others.
        flow_scale: at which fraction of the size motion is looked for.
        backend: what runs the model.
        precision: arithmetic inside the network.
        streams: frames worked on at the same time.
        device: number of the GPU.
        strict: raise instead of warning where something asked for can only be done otherwise.

    Returns:
        n frames in the pictures' format, neither of the two among them.

    Raises:
        FormatError: a picture has more than one frame, or the two differ in format or size.
        OptionError: an argument is not acceptable.
        ModelError: the model is unknown or not on this machine.
        BackendError: the backend cannot run on this machine.
    """
    if isinstance(n, bool) or not isinstance(n, int) or not 1 <= n <= MOST:
        raise OptionError(f"interpolate_pair: n is {n!r}; expected a whole number from 1 to {MOST}.")
    kinds = [_kind(clip, name) for name, clip in (("a", a), ("b", b))]
    if kinds[0] != kinds[1]:
        raise FormatError(f"interpolate_pair: the pictures are {kinds[0]} and {kinds[1]}; expected the same of both.")
    both = vs.core.std.Splice([a, b]).std.AssumeFPS(fpsnum=1, fpsden=1)
    wanted = Wanted(model=model, flow_scale=flow_scale, backend=backend, precision=precision, streams=streams,
                    device=device, strict=strict)  # fmt: skip
    return interpolated(both, wanted, multiplier=n + 1, scene_changes="ignore")[1 : n + 1]


def _kind(clip: vs.VideoNode, name: str) -> str:
    """Say what a picture is; check that it is one."""
    fmt = clips.check(clip, name="interpolate_pair")
    if clip.num_frames != 1:
        raise FormatError(f"interpolate_pair: {name} has {clip.num_frames} frames; expected one, such as {name}[0].")
    return f"{clip.width}x{clip.height} {fmt.name}"
