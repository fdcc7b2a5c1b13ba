"""What ``scripts/encode.vpy`` does: from ``--arg`` values to the clip that vspipe writes.

================ ==================================================================================
argument         meaning
================ ==================================================================================
source           the video file
track            number of the video track, from 0
loader           bestsource (default) or ffms2
chain            filters: JSON text, or the path of a .json or .toml file; excludes the flags below
keyframes        JSON file for dezoom
easing, fit      how dezoom moves between keyframes, and what it does when the aspect changes
scale            factor; 1 keeps the size
size             WIDTHxHEIGHT
target           auto (default, unless frames are added or the model is x1)
model, denoise,  of the upscaler
backend,
precision, tile
fps, multiplier  frames a second of the output (60, 59.94, 60000/1001), or how many times the source's (5/2)
slowdown         how many times longer it lasts
flow_model,      of the interpolation
flow_scale,
scene_changes,
scene_threshold,
duplicates
order            interpolate-first (default) or upscale-first
constant_rate    frames a second, or auto: frames are repeated and dropped (default: times stay as they are)
fields           what is done about woven pictures: deinterlace, double, inverse-telecine or keep (default: nothing)
start, end       seconds of the source; the end is exclusive
strict           1: an error instead of any fallback
codec            convert only to formats this codec takes (default: to those YUV4MPEG2 takes)
frames           FIRST:END, frames of the output to write, the end exclusive (default: all)
parent           number of the process with which this one ends
describe         file that receives JSON: a description of the output, or with frames its shape; errors too
chunk            describe where the output may be cut into chunks of so many frames, or of about a minute's work
                 (auto), beside the rest
look             1 or turned: refuse a source whose pictures are woven of fields (turned: that was turned by 90
                 degrees)
================ ==================================================================================
"""

import bisect
import ctypes
import logging
import os
import resource
import signal
import sys
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import vapoursynth as vs
from msgspec.structs import replace

from vsmagic import chain as chains
from vsmagic import logs
from vsmagic.backends import base as backends
from vsmagic.chain import Chain
from vsmagic.clips import times
from vsmagic.encode import weaving
from vsmagic.encode.codecs import CODECS, Codec
from vsmagic.encode.description import Refusal
from vsmagic.encode.inside import cutting, output
from vsmagic.encode.inside.networks import Networks
from vsmagic.errors import InterlacedError, OptionError, VsmagicError
from vsmagic.filters.fields import as_progressive
from vsmagic.filters.look import look
from vsmagic.source import opened
from vsmagic.steps import InterpolateStep, InverseTelecineStep, TrimStep
from vsmagic.tempo import at_least_one

log = logging.getLogger(__name__)

_TEXTS = (
    "keyframes", "easing", "fit", "size", "target", "model", "backend", "precision", "tile",
    "fps", "multiplier", "slowdown", "flow_model", "scene_changes", "duplicates", "order",
    "constant_rate", "fields",
)  # fmt: skip
_NUMBERS = ("scale", "denoise", "scene_threshold", "start", "end")
_FLAGS = (*_TEXTS, *_NUMBERS, "flow_scale", "strict")
_KNOWN = ("source", "track", "loader", "chain", "codec", "frames", "describe", "chunk", "look", *_FLAGS)
_YES_NO = {"1": True, "0": False, "true": True, "false": False, "yes": True, "no": False}
# Frames are asked for in order and once: VapourSynth's default, a share of all memory, would only be filled. A smaller
# limit than the frames in work need makes it compute one frame at a time: magic-x2-fast at 720x480 made 25 frames a
# second with 66 MiB, and 65 with 512.
_CACHE_MIB = 512
_M_MMAP_THRESHOLD = -3  # malloc.h
_FRAME_BYTES = 16 * 1024  # luma of 160x120 has 19,200
_KIB = 1024  # Linux counts memory in these
_PR_SET_PDEATHSIG = 1  # prctl.h


def build(given: Mapping[str, object]) -> vs.VideoNode:
    """Build the graph that the arguments ask for.

    A failure ends the script: it is written to ``describe`` where that was given, else told on stderr.
    """
    arguments = {name: value.decode() if isinstance(value, bytes) else str(value) for name, value in given.items()}
    # What there is to tell of the graph has been told by the run that described it.
    logs.to_stderr(logging.ERROR if "frames" in arguments else logging.INFO)
    _return_frames_to_system()
    _end_with_parent(arguments.pop("parent", None))
    _go_back()
    try:
        return _build(arguments)
    except VsmagicError as error:
        if "describe" in arguments:
            fields = (error.kind, error.order) if isinstance(error, InterlacedError) else None
            refusal = Refusal(error=str(error), exit_code=error.exit_code, fields=fields)
            output.write(Path(arguments["describe"]), refusal)
        else:
            sys.stderr.write(f"vsmagic: {error}\n")
        sys.exit(error.exit_code)


def _return_frames_to_system() -> None:
    """Let glibc map each frame on its own, so that a freed frame's memory is free again.

    By default it raises the size from which it does so to that of the largest block freed; frames then share heaps
    with a network's buffers, the heaps are never empty, and a long clip takes more and more memory. Where frames
    of 16 to 64 KiB were not mapped, 2,400 of 160x120 took 212 MiB, and take 137.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _FRAME_BYTES)


def _end_with_parent(parent: str | None) -> None:
    """Let this process be killed when the one that started it dies, however it dies: nobody would read on."""
    if parent is None or not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != int(parent):  # it died before
        sys.exit(1)


def _go_back() -> None:
    """Return to the folder that vspipe was started in: it goes to the script's, where relative paths mean nothing."""
    folder = Path(os.environ.get("PWD", ""))
    if folder.is_dir():
        os.chdir(folder)


def _build(arguments: Mapping[str, str]) -> vs.VideoNode:
    unknown = sorted(arguments.keys() - set(_KNOWN))
    if unknown:
        raise OptionError(f"encode.vpy: argument {unknown[0]!r} is unknown; expected one of {', '.join(_KNOWN)}.")
    if "source" not in arguments:
        raise OptionError("encode.vpy: no source given; add --arg source=FILE.")
    chain, networks = _chain(arguments), Networks()
    found = opened(
        arguments["source"], track=int(_number("track", arguments.get("track", "0"))),
        loader=arguments.get("loader", "bestsource"),
    )  # fmt: skip
    original, codec = found.clip, _codec(arguments)
    vs.core.max_cache_size = _CACHE_MIB
    if "look" in arguments:
        _look(arguments["look"], original, Path(arguments["source"]).name)
        original = as_progressive(original)  # whatever its tags say
    with backends.told(networks.hear):
        clip, begin, slowdown = _apply(chain, original)
        alpha = None if codec is None or not codec.alpha else _alpha(chain, found.alpha)
    if found.transparent and alpha is None and "describe" not in arguments:  # else the one who asks tells
        log.warning("%s: its transparency is left out", Path(arguments["source"]).name)
    clip = output.fit(clip, output.Y4M if codec is None else codec.formats if alpha is None else codec.alpha)
    if codec is not None:
        clip = output.sited(output.limited(clip) if codec.limited else clip, codec.sitings)
    if "frames" in arguments:
        return _part(clip, alpha, arguments)
    if "describe" in arguments:
        whole = not any(isinstance(step, TrimStep) for step in chain.steps)
        described = output.describe(
            clip, original, begin=begin, whole=whole, slowdown=slowdown, alpha=alpha is not None
        )
        each = _each(arguments.get("chunk"), clip, networks)
        bounds = () if each is None else cutting.bounds(clip, original, each, begin=begin, slowdown=slowdown)
        described = replace(described, bounds=bounds, networks=networks.told(), memory=_memory())
        output.write(Path(arguments["describe"]), described)
    return output.pack(clip, alpha)


def _alpha(chain: Chain, alpha: vs.VideoNode | None) -> vs.VideoNode | None:
    """Return the transparency after the steps that the picture passes."""
    if alpha is None or any(isinstance(step, InverseTelecineStep) for step in chain.steps):
        return None  # as with repeated frames: what is left out is found in the picture
    if any(isinstance(step, InterpolateStep) and step.duplicates != "keep" for step in chain.steps):
        return None  # repeated frames are found in the picture, and would be others in its transparency
    return _apply(chain, alpha)[0]


def _look(how: str, clip: vs.VideoNode, name: str) -> None:
    """Refuse a source whose frames are woven; how is ``turned`` where they were turned by 90 degrees."""
    turned = how == "turned"
    weaving.check(name, look(clip.std.Transpose() if turned else clip), turned=turned)


def _part(clip: vs.VideoNode, alpha: vs.VideoNode | None, arguments: Mapping[str, str]) -> vs.VideoNode:
    """Return some frames of the output, and tell the shape of all of it."""
    first, _, end = arguments["frames"].partition(":")
    if not (first.isdecimal() and end.isdecimal() and 0 <= int(first) < int(end) <= clip.num_frames):
        raise OptionError(
            f"encode.vpy: frames is {arguments['frames']!r}; expected FIRST:END within 0:{clip.num_frames}."
        )
    if "describe" in arguments:
        output.write(Path(arguments["describe"]), output.shape(clip, alpha=alpha is not None))
    return output.pack(clip, alpha)[int(first) : int(end)]


def _each(asked: str | None, clip: vs.VideoNode, networks: Networks) -> int | None:
    """Return how many frames a chunk should have; None where that is not asked for."""
    if asked != "auto":
        return None if asked is None else max(1, int(_number("chunk", asked)))
    if clip.num_frames < 2 * cutting.LEAST:  # one chunk, whatever the work: it need not be counted
        return cutting.LEAST * 2
    return cutting.length(networks.operations(clip.num_frames), clip.width * clip.height)


def _memory() -> int:
    """Return the most bytes of memory that this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _KIB


def _apply(chain: Chain, clip: vs.VideoNode) -> tuple[vs.VideoNode, Fraction, Fraction]:
    """Apply the steps.

    Returns:
        The clip, the seconds of the source that are cut away before its first frame, and how many times longer it
        lasts than the part of the source that it shows.
    """
    begin, slowdown = Fraction(0), Fraction(1)
    for step in chain.steps:
        if isinstance(step, TrimStep):
            starts = times(clip)
            cut = starts[bisect.bisect_left(starts, Fraction(repr(step.start)), 0, clip.num_frames)]
            begin += cut / slowdown
        clip = chains.apply(Chain((step,)), clip)
        if isinstance(step, InterpolateStep):  # applied, so what it was given is acceptable
            slowdown *= at_least_one(step.slowdown, "slowdown")
    return clip, begin, slowdown


def _codec(arguments: Mapping[str, str]) -> Codec | None:
    name = arguments.get("codec")
    if name is None:
        return None
    if name not in CODECS:
        raise OptionError(f"encode.vpy: codec {name!r} is unknown; expected one of {', '.join(CODECS)}.")
    return CODECS[name]


def _chain(arguments: Mapping[str, str]) -> Chain:
    flags = [name for name in _FLAGS if name in arguments]
    text = arguments.get("chain")
    if text is None:
        return _from_flags({name: arguments[name] for name in flags})
    if flags:
        raise OptionError(f"encode.vpy: chain and {flags[0]} exclude each other; put the step into the chain.")
    if text.lstrip().startswith("["):
        return chains.parse(text, folder=Path.cwd())
    return chains.load(text)


def _from_flags(flags: Mapping[str, str]) -> Chain:
    strict = flags.get("strict", "0").lower()
    if strict not in _YES_NO:
        raise OptionError(f"encode.vpy: strict is {strict!r}; expected 1 or 0.")
    given: dict[str, Any] = {name: flags[name] for name in _TEXTS if name in flags}
    given |= {name: _number(name, flags[name]) for name in _NUMBERS if name in flags}
    if "flow_scale" in flags:
        text = flags["flow_scale"]
        given["flow_scale"] = text if text == "auto" else _number("flow_scale", text)
    return chains.from_flags(**given, strict=_YES_NO[strict])


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise OptionError(f"encode.vpy: {name} is {text!r}; expected a number.") from error
