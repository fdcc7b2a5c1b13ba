"""How many chunks this machine makes at once, and with what: sized to its processors, memory and GPUs."""

import logging
import os
from collections.abc import Sequence
from pathlib import Path

from vsmagic.encode.chunks.chunk import Tools
from vsmagic.encode.description import Description
from vsmagic.encode.ffmpeg import Ffmpeg
from vsmagic.encode.vspipe import Vspipe

log = logging.getLogger(__name__)

PROCESSORS_EACH = 8
"""One pipe keeps about so many busy: VapourSynth's threads, the network's and the encoder's overlap."""
_CACHE = 512 * 2**20
_FRAMES_IN_ENCODER = 64  # x265's slowest preset looks about so far ahead
_SPARE = 0.8
ON_CUDA = frozenset({"ort_cuda", "trt", "trt_rtx"})


def tools(vspipe: Vspipe, ffmpeg: Ffmpeg, description: Description, *, asked: int | None = None) -> Sequence[Tools]:
    """Return what each worker on this machine works with; there are as many workers.

    Several GPUs get one worker each, or share those that are asked for, unless the chain names one of them.

    Args:
        vspipe: the program.
        ffmpeg: the program.
        description: of the output.
        asked: how many workers are wanted; None chooses.
    """
    gpus = _gpus(description)
    if len(gpus) > 1:
        each = [Tools(vspipe=vspipe, ffmpeg=ffmpeg, environment={"CUDA_VISIBLE_DEVICES": gpu}) for gpu in gpus]
        return [each[number % len(gpus)] for number in range(asked or len(gpus))]
    return [Tools(vspipe=vspipe, ffmpeg=ffmpeg)] * (asked or _workers(description))


def _gpus(description: Description) -> Sequence[str]:
    """Return the GPUs that may share the work; none where no network runs on CUDA, or the chain names a device."""
    used = [network for network in description.networks if network.backend in ON_CUDA]
    if not used or any(network.device for network in used):
        return []
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [name for name in visible.split(",") if name.strip()]
    from vsmagic.engine import gpu

    return [str(number) for number in range(gpu.count())]


def _workers(description: Description) -> int:
    if any(network.backend in {*ON_CUDA, "ncnn"} for network in description.networks):
        return 1  # one device
    by_processors = max(1, len(os.sched_getaffinity(0)) // PROCESSORS_EACH)
    free = _free_memory()
    by_memory = by_processors if free is None else max(1, int(free * _SPARE) // needed(description))
    if by_memory < by_processors:
        log.info("%d chunks at once instead of %d: more would not fit into memory", by_memory, by_processors)
    return min(by_processors, by_memory)


def needed(description: Description) -> int:
    """Return the bytes of memory that one worker takes, about: graph, frames cached, frames inside the encoder."""
    frame = description.width * description.height * (2 if description.bits > 8 else 1)
    planes = {"gray": 1.0, "420": 1.5, "411": 1.5, "422": 2.0, "444": 3.0, "rgb": 3.0}[description.subsampling]
    return int(description.memory + _CACHE + _FRAMES_IN_ENCODER * frame * planes)


def _free_memory() -> int | None:
    """Return the bytes that new processes can take without swapping; None where the system does not tell."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    found = next((line.split() for line in lines if line.startswith("MemAvailable:")), None)
    return None if found is None else int(found[1]) * 1024
