"""Moving pictures full of detail, held in memory, as a player hands them out: for ever, and with their colours told."""

from pathlib import Path

import vapoursynth as vs

import vsmagic
from vsmagic.errors import SourceError

FRAMES = 16
"""Pictures that differ; they are shown to and fro, so that nothing jumps."""

LENGTH = 2**27 - 1
"""Frames that a clip claims to have: as many as mpv's does."""

_CUT = 10 / 11
"""Part of the still, in width and in height, that the first picture shows."""
_PAN = 0.0025
"""Part of the still by which a picture is to the right of the one before, and below it."""
_ZOOM = 0.997
"""Size of what is seen, over that of the picture before."""


def moving(path: Path, size: tuple[int, int], *, rate: int = 24) -> vs.VideoNode:
    """Return a clip as a player's: 8-bit 4:2:0, of variable rate, of :data:`LENGTH` frames.

    Its pictures are made before this returns.

    Args:
        path: a still, which is panned over and zoomed into; or a video, from the middle of which
            pictures are taken.
        size: (width, height) in pixels, even.
        rate: frames a second.

    Raises:
        SourceError: the file cannot be decoded, or has too few pictures.
    """
    clip = vsmagic.source(path)
    pictures = _panned(clip, size) if clip.num_frames == 1 else _taken(clip, size)
    pictures = pictures + pictures[1:-1][::-1]
    pictures = pictures.std.SetFrameProps(_Matrix=vs.MATRIX_BT709, _Range=vs.RANGE_LIMITED, _ChromaLocation=0)
    pictures.std.SetVideoCache(mode=1, fixedsize=1, maxsize=pictures.num_frames)
    for frame in pictures.frames(close=True):
        del frame
    endless = pictures.std.Loop(times=0).std.AssumeFPS(fpsnum=rate)
    # Of variable rate as a whole, by a last frame that nobody gets to.
    return endless[: LENGTH - 1] + pictures[0].std.AssumeFPS(fpsnum=rate + 1)


def _panned(still: vs.VideoNode, size: tuple[int, int]) -> vs.VideoNode:
    def seen(n: int) -> vs.VideoNode:
        left, top = (side * _PAN * n for side in (still.width, still.height))
        width, height = (side * _CUT * _ZOOM**n for side in (still.width, still.height))
        return still.resize.Bicubic(
            *size, format=vs.YUV420P8, src_left=left, src_top=top, src_width=width, src_height=height
        )

    return vs.core.std.Interleave([seen(n) for n in range(FRAMES)])


def _taken(video: vs.VideoNode, size: tuple[int, int]) -> vs.VideoNode:
    if video.num_frames < FRAMES:
        raise SourceError(f"bench: the video has {video.num_frames} frames; expected at least {FRAMES}. Give another.")
    start = (video.num_frames - FRAMES) // 2
    return video[start : start + FRAMES].resize.Bicubic(*size, format=vs.YUV420P8)
