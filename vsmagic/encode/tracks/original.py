"""The input of a job, and which part of it the new picture stands for."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from vsmagic.encode.tracks.carry import Carried, Sound
from vsmagic.media import Media, VideoTrack


@dataclass(frozen=True, kw_only=True)
class Span:
    """The part of the input that the new picture stands for."""

    lead: Fraction
    """Seconds from the file's zero to the first frame of the picture's track."""
    begin: Fraction = Fraction(0)
    """Seconds from the track's first frame to the first one kept."""
    length: Fraction | None = None
    """Seconds kept, where something was cut away; None: everything else is kept whole."""
    slowdown: Fraction = Fraction(1)
    """How many times longer the new picture lasts than the part of the input it stands for."""

    @property
    def position(self) -> Fraction:
        """Seconds from the file's zero to the first frame kept."""
        return self.lead + self.begin

    @property
    def lasts(self) -> Fraction | None:
        """Seconds of the output, where something was cut away."""
        return None if self.length is None else self.length * self.slowdown


@dataclass(frozen=True, kw_only=True)
class Original:
    """The input, and what of it goes into the output beside the new picture."""

    media: Media
    track: VideoTrack
    """The track that was enhanced."""
    carried: Sequence[Carried]
    """What becomes of the other tracks."""
    span: Span
    """The part that is kept."""
    sound: Sound = "stretch"
    """What becomes of it where the picture lasts longer."""

    @property
    def kept(self) -> list[Carried]:
        """The tracks that are tracks of the output too."""
        return [one for one in self.carried if one.action in {"copy", "convert"}]
