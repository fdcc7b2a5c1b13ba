"""A keyframed crop that has not been resampled yet: what ``dezoom`` describes and ``upscale`` can take over."""

import logging
import weakref
from collections.abc import Sequence
from fractions import Fraction

import msgspec
import vapoursynth as vs

from vsmagic.filters.sizes import Fit
from vsmagic.keyframes import KeyframeTrack, Rect

log = logging.getLogger(__name__)


class Zoom(msgspec.Struct, frozen=True, kw_only=True):
    """Which rectangle of which clip each frame shows."""

    clip: vs.VideoNode
    """The uncropped clip, tagged."""
    track: KeyframeTrack
    times: Sequence[Fraction]
    """Start of each frame in seconds; empty where the track does not ask for it."""
    fit: Fit
    """What happens to rectangles of another aspect than the output."""

    def rect(self, n: int) -> Rect:
        """Return the rectangle of frame n, inside the frame."""
        moment = Fraction(n) if self.track.in_frames or not self.times else self.times[n]
        return self.track.at(moment).inside(self.clip.width, self.clip.height)

    @property
    def still(self) -> bool:
        """Whether every frame shows the same rectangle."""
        return len({key.rect for key in self.track.keys}) == 1

    @property
    def spills(self) -> bool:
        """Whether a rectangle between the keys may be wider or higher than each key's inside the frame."""
        splines = any("catmull-rom" in (key.easing, self.track.easing) for key in self.track.keys)
        # A key that is shrunk to fit loses height for its width; one between it and the next may lose less.
        return splines or any(self._larger(key.rect) for key in self.track.keys)

    def _larger(self, rect: Rect) -> bool:
        return bool(rect.width > self.clip.width or rect.height > self.clip.height)

    def key_rects(self) -> list[Rect]:
        """Return the keys' rectangles, inside the frame."""
        return [key.rect.inside(self.clip.width, self.clip.height) for key in self.track.keys]

    def warn_outside(self) -> None:
        """Say once each that keys are larger than the frame or leave it."""
        width, height = self.clip.width, self.clip.height
        rects = [key.rect for key in self.track.keys]
        large = [rect for rect in rects if self._larger(rect)]
        if large:
            log.warning("dezoom: %d of %d keyframes are larger than the %dx%d frame and are shrunk about their centre",
                        len(large), len(rects), width, height)  # fmt: skip
        outside = [r for r in rects if r not in large and r != r.inside(width, height)]
        if outside:
            log.warning("dezoom: %d of %d keyframes leave the %dx%d frame and are shifted in",
                        len(outside), len(rects), width, height)  # fmt: skip


# A dezoomed clip is looked up here by the next filter, which can then work on the pixels it was made from.
_zooms: "weakref.WeakKeyDictionary[vs.VideoNode, Zoom]" = weakref.WeakKeyDictionary()


def remember(clip: vs.VideoNode, zoom: Zoom) -> None:
    """Note what a dezoomed clip was made from."""
    _zooms[clip] = zoom


def origin(clip: vs.VideoNode) -> Zoom | None:
    """Return what a clip was dezoomed from; None if it is not straight from ``dezoom``."""
    return _zooms.get(clip)
