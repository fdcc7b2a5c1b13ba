"""What libavformat attaches to a video stream as bytes: display matrix, HDR10 metadata, Dolby Vision."""

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

_VISION_FIELDS = 8


@dataclass(frozen=True, kw_only=True)
class Mastering:
    """The display a HDR picture was graded on (SMPTE ST 2086)."""

    primaries: tuple[tuple[Fraction, Fraction], ...] | None
    """CIE 1931 x, y of red, green, blue; None when absent."""
    white: tuple[Fraction, Fraction] | None
    """CIE 1931 x, y of white; None when absent."""
    luminance: tuple[Fraction, Fraction] | None
    """Lowest and highest luminance in cd/m²; None when absent."""


# What remains of Dolby Vision without its metadata, by the compatibility the container names (Dolby Vision Streams
# Within the ISO Base Media File Format, 2.x), and by the profiles that allow only one.
_BASES = {1: "HDR10", 2: "SDR", 4: "HLG", 6: "HDR10"}
_BASES_OF_PROFILES = {4: "SDR", 7: "HDR10", 9: "SDR"}


@dataclass(frozen=True, kw_only=True)
class DolbyVision:
    """What a container says of a Dolby Vision stream."""

    profile: int
    level: int
    compatible: int | None = None
    """What the base layer alone is shown as: 0 nothing, 1 and 6 HDR10, 2 SDR, 4 HLG; None when untold."""

    @property
    def base(self) -> str | None:
        """What remains without the metadata: HDR10, HLG or SDR; None: nothing that could be shown."""
        return _BASES_OF_PROFILES.get(self.profile) or _BASES.get(self.compatible or 0)


@dataclass(frozen=True, kw_only=True)
class Hdr:
    """HDR metadata in the container; streams may carry more in their frames."""

    mastering: Mastering | None = None
    light_level: tuple[int, int] | None = None
    """MaxCLL and MaxFALL in cd/m²."""
    dolby_vision: DolbyVision | None = None


def read_display(matrix: bytes | None) -> tuple[int, bool]:
    """Clockwise degrees and mirroring of a display matrix (ISO/IEC 14496-12, 16.16 fixed point)."""
    if matrix is None or len(matrix) != 36:
        return 0, False
    a, b, _, c, d = struct.unpack("=9i", matrix)[:5]
    return round(math.degrees(math.atan2(b, a))) % 360, a * d - b * c < 0


def read_hdr(side: Mapping[str, bytes]) -> Hdr:
    """Read the HDR metadata among a stream's side data."""
    level = side.get("content_light_level", b"")
    vision = side.get("dovi_conf", b"")
    return Hdr(
        mastering=_mastering(side.get("mastering_display_metadata", b"")),
        light_level=struct.unpack("=2I", level) if len(level) == 8 else None,
        dolby_vision=_dolby_vision(vision),
    )


def _dolby_vision(data: bytes) -> DolbyVision | None:
    """Read libavutil's AVDOVIDecoderConfigurationRecord, of one byte a field."""
    if len(data) < _VISION_FIELDS:
        return None
    _, _, profile, level, _, _, _, compatible = data[:_VISION_FIELDS]
    return DolbyVision(profile=profile, level=level, compatible=compatible)


def _mastering(data: bytes) -> Mastering | None:
    """Read libavutil's AVMasteringDisplayMetadata: ten rationals and two flags."""
    if len(data) != 88:
        return None
    *numbers, has_primaries, has_luminance = struct.unpack("=22i", data)
    values = [Fraction(top, bottom or 1) for top, bottom in zip(numbers[::2], numbers[1::2], strict=True)]
    return Mastering(
        primaries=tuple((values[i], values[i + 1]) for i in (0, 2, 4)) if has_primaries else None,
        white=(values[6], values[7]) if has_primaries else None,
        luminance=(values[8], values[9]) if has_luminance else None,
    )
