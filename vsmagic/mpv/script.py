"""What ``scripts/mpv/vsmagic.vpy`` does: from what mpv hands to a script to the clip that it shows.

``user_data``, the text of the filter's ``user-data`` option, names the chain:

===================== ============================================================================================
text                  meaning
===================== ============================================================================================
(none)                the picture is doubled by the fast embedded model, magic-x2-fast
``[…]``               a chain's steps as JSON
``{…}``               a JSON object: ``chain``: steps, a profile or a path; ``compare``: ``off``, or ``split`` (the left
                      half as it was, enlarged by bicubic resampling), and what Lua adds while a film plays: ``late``,
                      ``seeks``, ``since``
anything else         the name of a picture profile in ``profiles.json``, or the path of a .json or .toml chain file
===================== ============================================================================================

mpv runs the script at every seek. What takes long (building an engine, fetching a model, measuring) never happens here:
it is an error that begins with ``not ready``, and ``vsmagic mpv prepare`` does it.
"""

import logging
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, NoReturn

import msgspec
import vapoursynth as vs

from vsmagic import chain as chains
from vsmagic import colours, logs
from vsmagic.chain import Chain
from vsmagic.errors import ChainError, NotReadyError, OptionError, VsmagicError
from vsmagic.filters import pattern
from vsmagic.models.motion import MVTOOLS
from vsmagic.mpv.seeking import Clock, Place, passing
from vsmagic.steps import InterpolateStep, Step, UpscaleStep
from vsmagic.tempo import at_least_one

DEFAULT = Chain((UpscaleStep(scale=2, model="magic-x2-fast"),))
"""The chain where none is named."""

_FASTEST, _USUAL = 1000, 25  # frames a second: more is no rate of a video; what is taken then
_CHAIN_FILES = (".json", ".toml")
_SLOW = {"VSMAGIC_TUNE": "off", "VSMAGIC_BUILD": "off"}
_once = logs.Once()  # the script runs again at every seek, in the same process


class Request(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What ``user_data`` asks for as an object."""

    chain: list[dict[str, Any]] | str = ""
    compare: Literal["off", "split"] = "off"
    late: bool = False
    """Repeat frames until the network for those in between is there, see :mod:`vsmagic.mpv.late`."""
    seeks: str = ""
    """Path of the file that tells where seeks end; empty where nobody tells."""
    since: int = 0
    """Count of the last seek that was over when the filter was added."""


def build(given: Mapping[str, Any]) -> vs.VideoNode:
    """Build what mpv asks for.

    Args:
        given: the script's globals: ``video_in``, the player's clip, ``container_fps`` and ``user_data``.

    A failure ends the script with one sentence, which mpv writes to its log.
    """
    logs.to_stderr(logging.WARNING, only=_once)
    text = given.get("user_data") or ""
    try:
        with _nothing_slow():
            return _build(given, text.decode() if isinstance(text, bytes) else text)
    except NotReadyError as error:
        _end(f"not ready: {error}")
    except VsmagicError as error:
        _end(str(error))


def _build(given: Mapping[str, Any], text: str) -> vs.VideoNode:
    request, clip = _request(text), _lasting(given["video_in"], given["container_fps"])
    chain = _chain(request.chain)
    factor = _factor(chain)
    result = clip
    for step in chain.steps:
        result = _step(result, step, late=request.late)
    if request.compare == "split":
        result = _halved(clip, result, factor)
    if not request.seeks:
        return result
    place, clock = Place(Path(request.seeks), request.since), Clock(given["container_fps"])
    return passing(clip, result, factor, place, clock)


def _lasting(clip: vs.VideoNode, rate: float) -> vs.VideoNode:
    """Give a duration to a frame of which mpv knows none, as it does not of a file's last one."""
    usual = Fraction(rate).limit_denominator(1001) if 0 < rate < _FASTEST else Fraction(_USUAL)
    known = {"_DurationNum": usual.denominator, "_DurationDen": usual.numerator}

    def last(n: int, f: vs.VideoFrame) -> vs.VideoFrame:  # noqa: ARG001 - both are given by name
        if f.props["_DurationNum"] > 0:
            return f
        frame = f.copy()
        frame.props.update(known)
        return frame

    return clip.std.ModifyFrame(clip, last)


def _end(message: str) -> NoReturn:
    sys.exit(f"{logs.NAME}{message}")


@contextmanager
def _nothing_slow() -> Iterator[None]:
    """Forbid, while the graph is built, what a seek must not wait for; what mpv starts later does not inherit it."""
    before = {name: os.environ.get(name) for name in _SLOW}
    os.environ.update(_SLOW)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _request(text: str) -> Request:
    if text.lstrip().startswith("["):
        text = f'{{"chain": {text}}}'
    if not text.lstrip().startswith("{"):
        return Request(chain=text)
    try:
        return msgspec.json.decode(text, type=Request)
    except msgspec.DecodeError as error:
        raise ChainError(f'user-data: {error}; expected such as {{"chain": "live-performance"}}.') from error


def _chain(asked: list[dict[str, Any]] | str) -> Chain:
    if not isinstance(asked, str):
        return chains.parse(msgspec.json.encode(asked).decode(), folder=Path.cwd(), name="user-data")
    if not asked:
        return DEFAULT
    if Path(asked).suffix.lower() in _CHAIN_FILES:
        return chains.load(asked)
    from vsmagic.mpv import profiles  # a profile that is sent as steps need not be looked up

    return profiles.load().picture(asked)


def _step(clip: vs.VideoNode, step: Step, *, late: bool) -> vs.VideoNode:
    if late and isinstance(step, InterpolateStep) and step.model != MVTOOLS:
        from vsmagic.mpv.late import interpolated

        return interpolated(clip, step)
    return chains.apply(Chain((step,)), clip)


def _factor(chain: Chain) -> Fraction:
    """Return how many frames come of one."""
    factor = Fraction(1)
    for step in chain.steps:
        if isinstance(step, InterpolateStep):
            factor *= at_least_one(step.multiplier or 1, "multiplier")
    return factor


def _halved(source: vs.VideoNode, result: vs.VideoNode, factor: Fraction) -> vs.VideoNode:
    """Return the left half of the source as it was and the right half of the result, with a line between them."""
    if result.width < source.width or result.height < source.height:
        raise OptionError("compare=split: the chain makes the picture smaller; leave compare out.")
    step = 1 << max(result.format.subsampling_w, 1)
    half = result.width // 2 // step * step
    plain = colours.tagged(source).resize.Bicubic(result.width, result.height, format=result.format.id)
    if factor != 1:
        plain = pattern.multiplied(factor, source.num_frames).left(plain)
    left = plain.std.CropAbs(half - step, result.height).std.AddBorders(right=step, color=_white(result.format))
    right = result.std.CropAbs(result.width - half, result.height, left=half)
    # What mpv needs of a frame, its duration among it, is the result's.
    return vs.core.std.StackHorizontal([left, right]).std.CopyFrameProps(result)


def _white(fmt: vs.VideoFormat) -> list[float]:
    if fmt.sample_type == vs.FLOAT:
        return [1.0, 0.0, 0.0]
    return [float(level << (fmt.bits_per_sample - 8)) for level in (235, 128, 128)]
