"""A PyTorch network on the frames of a clip: the one place where Python touches frames.

Frames flow through ``std.ModifyFrame``, which hands the input frame over ready: nothing ever asks for a frame inside a
frame's callback, which VapourSynth does not answer when its threads are few. Each lane has a thread of its own, since
PyTorch keeps a pool of threads for every thread that computes, and VapourSynth calls from any of its own.
"""

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
import vapoursynth as vs
from torch import Tensor

from vsmagic.errors import reason

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Network:
    """A network on its device."""

    run: Callable[[Tensor], Tensor]
    """``[1, channels, height, width]`` to ``planes`` channels, ``scale`` times larger, both of type ``real``."""
    scale: int
    planes: int
    real: torch.dtype
    layout: torch.memory_format = torch.contiguous_format


class Lane(Protocol):
    """What works on one frame at a time."""

    def run(self, sources: Sequence[vs.VideoFrame], target: vs.VideoFrame) -> None:
        """Fill the target with what the network makes of the sources' planes together."""


class ProcessorLane:
    """A network on the processor.

    It computes in as many threads as PyTorch is set to (OMP_NUM_THREADS, or torch.set_num_threads); that is the
    process's own setting, and is left as it is.
    """

    def __init__(self, network: Network, shape: tuple[int, int, int]) -> None:
        self._network = network
        self._picture = torch.empty((1, *shape))

    def run(self, sources: Sequence[vs.VideoFrame], target: vs.VideoFrame) -> None:
        """See :class:`Lane`."""
        read(sources, self._picture)
        with torch.inference_mode():
            picture = self._picture.to(self._network.real, memory_format=self._network.layout)
            write(self._network.run(picture).float(), target)


def read(sources: Sequence[vs.VideoFrame], picture: Tensor) -> None:
    """Copy the frames' planes into ``[1, channels, height, width]``, which lies in the processor's memory."""
    for values, plane in zip(picture[0].numpy(), (plane for frame in sources for plane in frame), strict=True):
        np.copyto(values, np.asarray(plane))


def write(picture: Tensor, target: vs.VideoFrame) -> None:
    """Copy ``[1, channels, height, width]``, which lies in the processor's memory, into a frame's planes."""
    expected = (1, len(target), target.height, target.width)
    if tuple(picture.shape) != expected:
        raise ValueError(f"the network gives {tuple(picture.shape)}; expected {expected}")
    for values, plane in zip(picture[0].numpy(), target, strict=True):
        np.copyto(np.asarray(plane), values)


def through(clips: Sequence[vs.VideoNode], lanes: Sequence[Lane], *, scale: int, name: str) -> vs.VideoNode:
    """Return what the lanes make of the clips, frame by frame in turns, in the first one's format.

    Args:
        clips: RGBS or GRAYS, of one size.
        lanes: equal ones; more of them than frames are left idle.
        scale: output size over input size.
        name: what to call the whole in messages.
    """
    count = min(len(lanes), clips[0].num_frames)
    turns = [[_turn(clip, count, n) for clip in clips] for n in range(count)]
    parts = [_one_lane(turn, lane, scale, name) for turn, lane in zip(turns, lanes, strict=False)]
    result = parts[0] if count == 1 else vs.core.std.Interleave(parts, modify_duration=False)
    return result.std.CopyFrameProps(clips[0])


def _turn(clip: vs.VideoNode, count: int, n: int) -> vs.VideoNode:
    return clip.std.SelectEvery(count, n, modify_duration=False) if count > 1 else clip


def _one_lane(clips: Sequence[vs.VideoNode], lane: Lane, scale: int, name: str) -> vs.VideoNode:
    clip = clips[0]
    empty = clip.std.BlankClip(width=clip.width * scale, height=clip.height * scale, keep=True)
    worker = ThreadPoolExecutor(1, thread_name_prefix="vsmagic-torch")

    def fill(n: int, f: list[vs.VideoFrame]) -> vs.VideoFrame:
        target = f[0].copy()
        try:
            worker.submit(lane.run, f[1:], target).result()
        except Exception as error:  # whatever PyTorch raises; VapourSynth shows the text and stops
            raise vs.Error(f"{name} fails on frame {n} ({reason(error)})") from error
        return target

    return empty.std.ModifyFrame([empty, *clips], fill)
