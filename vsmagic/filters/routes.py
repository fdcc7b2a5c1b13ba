"""How a clip reaches a model and comes back: luma alone with chroma resized, or RGB.

A route takes a clip to what the model eats, at the same size, and makes the output frame from what comes back, in
the clip's own format and range, with one resampling.
"""

from typing import Protocol

import msgspec
import vapoursynth as vs

from vsmagic import colours
from vsmagic.colours import Colour
from vsmagic.filters.resample import bordered, resampled
from vsmagic.filters.sizes import Placement
from vsmagic.keyframes import Rect


class Enlarged(msgspec.Struct, frozen=True, kw_only=True):
    """What a model made of a window of the source."""

    clip: vs.VideoNode
    scale: int
    """Its size over the window's."""
    left: int = 0
    """The window's place in the source, in source pixels."""
    top: int = 0

    def placed(self, placement: Placement) -> Placement:
        """Return the placement with its rectangle in this clip's own pixels."""
        rect, s = placement.source, self.scale
        own = Rect(x=(rect.x - self.left) * s, y=(rect.y - self.top) * s, width=rect.width * s, height=rect.height * s)
        return Placement(
            source=own, left=placement.left, top=placement.top, width=placement.width, height=placement.height
        )


class Route(Protocol):
    """One way to a model and back."""

    def __init__(self, colour: Colour) -> None:
        """Take the colours of what is made."""

    @staticmethod
    def to_model(window: vs.VideoNode) -> vs.VideoNode:
        """Return GRAYS or RGBS, full range, of a window of the source, whose frames tell their colours."""

    def finish(
        self, source: vs.VideoNode, enlarged: Enlarged, placement: Placement, size: tuple[int, int]
    ) -> vs.VideoNode:
        """Return the output frame.

        Args:
            source: the whole source, in its own format.
            enlarged: what the model made.
            placement: rectangle in source pixels, and box.
            size: the output, (width, height).
        """


class Luma(msgspec.Struct, frozen=True):
    """Luma by the model, chroma straight from the source by the resizer. For GRAY and YUV."""

    colour: Colour

    @staticmethod
    def to_model(window: vs.VideoNode) -> vs.VideoNode:
        """Return the luma plane as GRAYS."""
        return window.std.ShufflePlanes(0, vs.GRAY).resize.Point(format=vs.GRAYS)

    def finish(
        self, source: vs.VideoNode, enlarged: Enlarged, placement: Placement, size: tuple[int, int]
    ) -> vs.VideoNode:
        """See :class:`Route`."""
        fmt = source.format
        grey = fmt.replace(color_family=vs.GRAY, subsampling_w=0, subsampling_h=0)
        luma = resampled(enlarged.clip, enlarged.placed(placement), size, format=grey.id, range=self.colour.range)
        if fmt.color_family == vs.GRAY:
            return luma
        chroma = [self._chroma(source, plane, placement, size) for plane in (1, 2)]
        result = vs.core.std.ShufflePlanes([luma, *chroma], [0, 0, 0], vs.YUV)
        if not (fmt.subsampling_w or fmt.subsampling_h):
            return result
        return result.std.SetFrameProps(_ChromaLocation=self.colour.chroma)  # resize takes it from what is grey

    def _chroma(self, source: vs.VideoNode, number: int, placement: Placement, size: tuple[int, int]) -> vs.VideoNode:
        fmt, rect = source.format, placement.source
        step = (1 << fmt.subsampling_w, 1 << fmt.subsampling_h)
        ratio = (placement.width / rect.width, placement.height / rect.height)
        shift = colours.chroma_shift(fmt, self.colour.chroma, ratio)
        own = Placement(
            source=Rect(
                x=rect.x / step[0] + shift[0],
                y=rect.y / step[1] + shift[1],
                width=rect.width / step[0],
                height=rect.height / step[1],
            ),
            left=placement.left // step[0],
            top=placement.top // step[1],
            width=placement.width // step[0],
            height=placement.height // step[1],
        )
        plane = source.std.ShufflePlanes(number, vs.GRAY)
        box = plane.resize.Spline36(
            own.width, own.height, src_left=own.source.x, src_top=own.source.y,
            src_width=own.source.width, src_height=own.source.height,
        )  # fmt: skip
        middle = 0.0 if fmt.sample_type == vs.FLOAT else float(1 << (fmt.bits_per_sample - 1))
        return bordered(box, own, (size[0] // step[0], size[1] // step[1]), [middle])


class Rgb(msgspec.Struct, frozen=True):
    """All of the picture through the model as RGB. For YUV, GRAY and RGB."""

    colour: Colour

    @staticmethod
    def to_model(window: vs.VideoNode) -> vs.VideoNode:
        """Return RGBS."""
        if window.format.color_family == vs.GRAY:
            grey = window.resize.Point(format=vs.GRAYS)
            return vs.core.std.ShufflePlanes([grey] * 3, [0, 0, 0], vs.RGB).std.SetFrameProps(_Matrix=vs.MATRIX_RGB)
        return window.resize.Bicubic(format=vs.RGBS, filter_param_a=0, filter_param_b=0.5)

    def finish(
        self, source: vs.VideoNode, enlarged: Enlarged, placement: Placement, size: tuple[int, int]
    ) -> vs.VideoNode:
        """See :class:`Route`."""
        fmt, own = source.format, enlarged.placed(placement)
        match fmt.color_family:
            case vs.RGB:
                return resampled(enlarged.clip, own, size, format=fmt.id)
            case vs.GRAY:
                luma = enlarged.clip.resize.Point(format=vs.YUV444PS, matrix=self.colour.matrix)
                luma = luma.std.ShufflePlanes(0, vs.GRAY)
                return resampled(luma, own, size, format=fmt.id, range=self.colour.range)
            case _:
                return resampled(
                    enlarged.clip, own, size,
                    format=fmt.id, matrix=self.colour.matrix, range=self.colour.range, chromaloc=self.colour.chroma,
                )  # fmt: skip
