"""One resampling of a rectangle into a frame, still or moving: the last step of every filter that changes sizes."""

from collections.abc import Callable

import vapoursynth as vs

from vsmagic.filters.sizes import Placement


def resampled(clip: vs.VideoNode, placement: Placement, size: tuple[int, int], **options: int) -> vs.VideoNode:
    """Return ``clip``'s rectangle resampled (spline, 36 taps) into the box of a frame of ``size``; black around it.

    Args:
        clip: any format.
        placement: rectangle in the clip's pixels, and box.
        size: the frame, (width, height).
        options: more of ``resize``'s arguments: format, matrix, range.
    """
    rect = placement.source
    result = clip.resize.Spline36(
        placement.width,
        placement.height,
        src_left=rect.x,
        src_top=rect.y,
        src_width=rect.width,
        src_height=rect.height,
        **options,
    )
    return bordered(result, placement, size, black(result, options.get("range")))


def bordered(clip: vs.VideoNode, placement: Placement, size: tuple[int, int], color: list[float]) -> vs.VideoNode:
    """Put a box into a frame of ``size``, and a colour (a number a plane) around it."""
    right, bottom = size[0] - placement.left - placement.width, size[1] - placement.top - placement.height
    if not (placement.left or placement.top or right or bottom):
        return clip
    return clip.std.AddBorders(placement.left, right, placement.top, bottom, color=color)


def black(clip: vs.VideoNode, value_range: int | None) -> list[float]:
    """Return the numbers that are black in a clip, plane by plane.

    Args:
        clip: any format.
        value_range: ``vs.RANGE_LIMITED`` or ``vs.RANGE_FULL``; RGB is always full.
    """
    fmt = clip.format
    if fmt.sample_type == vs.FLOAT or fmt.color_family == vs.RGB:
        return [0.0] * fmt.num_planes
    luma = 0 if value_range == vs.RANGE_FULL else 16 << (fmt.bits_per_sample - 8)
    middle = 1 << (fmt.bits_per_sample - 1)
    return [float(luma), float(middle), float(middle)][: fmt.num_planes]


def per_frame(clip: vs.VideoNode, frame: vs.VideoNode, choose: Callable[[int], vs.VideoNode]) -> vs.VideoNode:
    """Return a clip whose frame n is frame n of ``choose(n)``.

    Args:
        clip: gives frame count and durations.
        frame: a clip of the size and format that every choice has.
        choose: builds or picks the clip for a frame; must be cheap.
    """
    blank = vs.core.std.BlankClip(clip, width=frame.width, height=frame.height, format=frame.format.id, keep=True)
    return blank.std.FrameEval(choose)
