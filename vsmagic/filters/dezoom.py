"""Undo digital zoom: show the rectangle that keyframes give, sub-pixel exact, over the whole frame."""

from collections.abc import Sequence
from pathlib import Path

import vapoursynth as vs

from vsmagic import clips, colours
from vsmagic.errors import KeyframeError, OptionError
from vsmagic.filters import zoom
from vsmagic.filters.resample import per_frame, resampled
from vsmagic.filters.sizes import FITS, Fit, fitted, nearest, parse_size, place
from vsmagic.filters.zoom import Zoom
from vsmagic.keyframes import Easing, KeyframeTrack

Keyframes = KeyframeTrack | str | Path | Sequence[object]


def dezoom(
    clip: vs.VideoNode,
    *,
    keyframes: Keyframes,
    easing: Easing = "linear",
    size: tuple[int, int] | str | None = None,
    fit: Fit = "contain",
) -> vs.VideoNode:
    """Show the rectangle that keyframes give, over the whole frame.

    Rectangles are sub-pixel and aspect-true. One that leaves the frame is shifted in, one larger than the frame is
    shrunk about its centre; each is told once. When ``upscale`` follows directly, it takes the crop over: its model
    then runs on the source's own pixels, and only around the crop.

    Accepts any constant YUV, GRAY or RGB format; keeps format, frame count and durations. Reads ``_Matrix``,
    ``_Range``, ``_ChromaLocation``, ``_FieldBased``; writes them where they were absent.

    Args:
        clip: the clip to crop. Of variable rate: from ``vsmagic.source``, or its durations are read first.
        keyframes: a ``KeyframeTrack``, the path of a JSON file, or a list of mappings in the file's format.
        easing: ``linear``, ``hold``, ``smooth`` or ``catmull-rom``, for keys that name none (not for a
            ``KeyframeTrack``, which has its own).
        size: (width, height) of the result; by default the size of the largest key's rectangle, made even.
        fit: for rectangles of another aspect than ``size``: ``contain`` (black bars), ``cover``, ``stretch``.

    Raises:
        KeyframeError: a keyframe is malformed.
        OptionError: ``size`` or ``fit`` is not acceptable.
        FormatError: the clip's format varies, or ``size`` does not suit its subsampling.
    """
    clips.check(clip, name="dezoom")
    if fit not in FITS:
        raise OptionError(f"dezoom: fit is {fit!r}; expected {', '.join(FITS)}.")
    track = _track(keyframes, easing)
    _refuse_player(clip)
    tagged = colours.tagged(clip)
    timeless = track.in_frames or len(track.keys) == 1
    known = Zoom(clip=tagged, track=track, times=[] if timeless else clips.times(clip), fit=fit)
    known.warn_outside()
    step = (1 << clip.format.subsampling_w, 1 << clip.format.subsampling_h)
    wanted = largest(known) if size is None else fitted(parse_size(size, "dezoom: size"), step, name="dezoom")
    result = _resample(known, wanted, step)
    result = colours.with_pixel_aspect(result, colours.pixel_aspect(tagged))
    zoom.remember(result, known)
    return clips.keep_times(result, clip)


def _refuse_player(clip: vs.VideoNode) -> None:
    if clips.played(clip):
        raise OptionError(
            "dezoom: the clip is a player's, whose frames are counted anew after every seek, so that keyframes have no "
            "place in it. Write the result with vsmagic enhance --keyframes, and play that."
        )


def largest(known: Zoom) -> tuple[int, int]:
    """Return the size of the largest key's rectangle, even (4:1:1: a multiple of 4): what shows it without loss."""
    rect = max(known.key_rects(), key=lambda rect: rect.width * rect.height)
    fmt = known.clip.format
    return nearest(rect.width, max(2, 1 << fmt.subsampling_w)), nearest(rect.height, max(2, 1 << fmt.subsampling_h))


def _track(keyframes: Keyframes, easing: Easing) -> KeyframeTrack:
    if isinstance(keyframes, KeyframeTrack):
        if easing not in ("linear", keyframes.easing):
            raise KeyframeError(f"easing is {easing!r}, but the KeyframeTrack has {keyframes.easing!r}; give it one.")
        return keyframes
    if isinstance(keyframes, str | Path):
        return KeyframeTrack.load(keyframes, easing=easing)
    return KeyframeTrack.parse(keyframes, easing=easing)


def _resample(known: Zoom, size: tuple[int, int], step: tuple[int, int]) -> vs.VideoNode:
    value_range = colours.colour(known.clip).range

    def frame(n: int) -> vs.VideoNode:
        return resampled(known.clip, place(known.rect(n), size, known.fit, step=step), size, range=value_range)

    return frame(0) if known.still else per_frame(known.clip, frame(0), frame)
