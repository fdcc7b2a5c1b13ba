"""Frames in between by block motion: the mvtools plugin, for processors."""

import math

import vapoursynth as vs

from vsmagic import clips
from vsmagic.errors import BackendError, OptionError
from vsmagic.filters.pattern import MOST_FRAMES, Pattern, picked

_FINEST = 4096
_STEPS = 256  # mvtools' own time has 8 bits
_BLOCK, _OVERLAP = 16, 8
# Pixels across and down: eight blocks. Where there are fewer across, mvtools writes past the end of its memory, and
# sometimes crashes.
_LEAST = 8 * (_BLOCK - _OVERLAP) + _OVERLAP


def made(source: vs.VideoNode, found: Pattern) -> vs.VideoNode:
    """Return all frames of a pattern, made by mvtools' FlowFPS, in the source's format.

    Its motion is that of blocks of 16x16 pixels, found to half a pixel; where both directions disagree it takes the
    nearer frame's pixels.

    Raises:
        BackendError: the plugin is not installed.
        OptionError: the clip is too long for so fine a pattern.
    """
    if not hasattr(vs.core, "mv"):
        raise BackendError("model mvtools needs a plugin that is not installed; run: pip install 'vsmagic[mvtools]'")
    work = _workable(source)
    steps = _steps(found, work.num_frames)
    # As many frames between two as the pattern has steps; only those that are picked are ever made.
    dense = _dense(work, steps, _Stand(work) if clips.played(work) else None)
    places = [frame * steps + round(part * steps) for frame, part in zip(found.frames, found.parts, strict=True)]
    result = picked(dense, found.cycle * steps, places, found.count).std.CropAbs(source.width, source.height)
    return result if result.format.id == source.format.id else result.resize.Bicubic(format=source.format.id)


def _dense(work: vs.VideoNode, steps: int, stand: "_Stand | None") -> vs.VideoNode:
    levels = _levels(work) if stand is None else stand.before(_levels(work), _levels(stand.blank))
    vectors = []
    for back in (True, False):
        found = _vectors(levels, back=back)
        vectors.append(found if stand is None else stand.before(found, _vectors(_levels(stand.blank), back=back)))
    dense = work.std.AssumeFPS(fpsnum=1, fpsden=1).mv.FlowFPS(levels, *vectors, num=steps, den=1, mask=2)
    if stand is not None:
        stand.building = False
    return dense


def _levels(clip: vs.VideoNode) -> vs.VideoNode:
    return clip.mv.Super(pel=2)


def _vectors(levels: vs.VideoNode, *, back: bool) -> vs.VideoNode:
    return levels.mv.Analyse(isb=back, blksize=_BLOCK, overlap=_OVERLAP)


class _Stand:
    """Stands in for a player's clip while the graph is built.

    mvtools asks for the first frame of levels and vectors then, for what is written on it. A player would hand out a
    black picture, which would stay in caches as the first frame.
    """

    def __init__(self, clip: vs.VideoNode) -> None:
        self.blank = clip.std.BlankClip(length=2, keep=True)
        self.building = True

    def before(self, real: vs.VideoNode, blank: vs.VideoNode) -> vs.VideoNode:
        """Return ``real`` that is ``blank`` as long as the graph is built."""
        chosen = real.std.FrameEval(lambda n: blank if self.building else real, clip_src=[real, blank])  # noqa: ARG005
        chosen.std.SetVideoCache(mode=0)
        return chosen


def _steps(found: Pattern, frames: int) -> int:
    """Return in how many steps the time between two source frames is divided."""
    steps = math.lcm(*(part.denominator for part in found.parts))
    if steps > _FINEST:
        steps = _STEPS
    if frames * steps > MOST_FRAMES:
        raise OptionError(
            f"interpolate: {frames} frames in steps of 1/{steps} are more than mvtools can count; give a "
            "rate that is a small multiple of the clip's, or take another model."
        )
    return steps


def _workable(source: vs.VideoNode) -> vs.VideoNode:
    """Bring a clip to a format and a size that mvtools takes: YUV or GRAY of 8 to 16 bits; it crashes on small ones."""
    fmt = source.format
    if fmt.color_family == vs.RGB:
        source = source.resize.Bicubic(format=vs.YUV444P16, matrix=vs.MATRIX_BT709)
    elif fmt.sample_type == vs.FLOAT or fmt.subsampling_w > 1 or fmt.subsampling_h > 1:
        bits = 16 if fmt.sample_type == vs.FLOAT else fmt.bits_per_sample
        many = {"subsampling_w": min(fmt.subsampling_w, 1), "subsampling_h": min(fmt.subsampling_h, 1)}
        source = source.resize.Bicubic(format=fmt.replace(sample_type=vs.INTEGER, bits_per_sample=bits, **many).id)
    width, height = max(source.width, _LEAST), max(source.height, _LEAST)
    if (width, height) == (source.width, source.height):
        return source
    return source.resize.Point(width, height, src_width=width, src_height=height)
