"""What of a picture the output cannot hold: refused where nothing of use would remain, else told in one warning."""

import logging

from vsmagic.encode.codecs import Codec, with_alpha
from vsmagic.encode.description import Description, Light
from vsmagic.errors import SourceError
from vsmagic.media import VideoTrack

log = logging.getLogger(__name__)

NO_BASE_LAYER = (
    "this Dolby Vision (profile 5 or alike) has no base layer that could be shown without its metadata, which nothing "
    "here can apply; get another edition of it, or turn it into HDR10 first, for example with ffmpeg's filter "
    "libplacebo."
)
_HDR = {"smpte2084": "PQ", "arib-std-b67": "HLG"}
_BYTE = 8
_LAYERED = {"vp8", "vp9"}


def check(name: str, video: VideoTrack, codec: Codec | None, *, chosen: bool) -> None:
    """Tell, from what a file says of itself, what the output will lack.

    Args:
        name: the file's.
        video: the track.
        codec: of the output; None: there is none.
        chosen: which frames come out depends on what the picture shows.

    Raises:
        SourceError: Dolby Vision without a base layer that could be shown alone.
    """
    vision = video.hdr.dolby_vision
    if vision is not None:
        if vision.base is None:
            raise SourceError(f"{name}: {NO_BASE_LAYER}")
        log.warning(
            "%s: Dolby Vision (profile %d) cannot be kept and is left out; its base layer remains: %s",
            name, vision.profile, vision.base,
        )  # fmt: skip
    if codec is None:
        return
    if video.alpha:
        _tell_of_alpha(name, video, codec, chosen=chosen)
    deepest = max(bits for depths in codec.formats.values() for bits in depths)
    if video.transfer in _HDR and deepest == _BYTE and (video.bits or _BYTE) > _BYTE:
        log.warning(
            "%s: is HDR (%s) and %s stores 8 bits, in which its gradients show bands; --codec h265 or av1 has 10",
            name, _HDR[video.transfer], codec.name,
        )  # fmt: skip


def _tell_of_alpha(name: str, video: VideoTrack, codec: Codec, *, chosen: bool) -> None:
    if video.codec in _LAYERED:
        log.warning(
            "%s: its transparency is a second layer of %s, which is not decoded, and is left out", name, video.codec
        )
    elif not codec.alpha:
        log.warning("%s: its transparency is left out; --codec %s keep it", name, with_alpha())
    elif video.rotation or video.mirrored:
        log.warning(
            "%s: its transparency is left out: the picture is turned for display, its transparency is not", name
        )
    elif chosen:
        log.warning(
            "%s: its transparency is left out, for what the picture shows chooses frames (--duplicates, --fields)",
            name,
        )


def tell(video: VideoTrack, description: Description) -> None:
    """Tell, from what the frames say, what no encoder here carries over."""
    dynamic = [kind for kind in description.dynamic_hdr if kind != "Dolby Vision" or video.hdr.dolby_vision is None]
    if dynamic:
        log.warning(
            "%s metadata, which changes from frame to frame, cannot be carried over and is left out; %s remains",
            " and ".join(dynamic), _remaining(description),
        )  # fmt: skip
    light = description.light
    given = (light.primaries_x, light.primaries_y, light.white, light.luminance)
    if any(given) and not all(given):
        log.warning("the mastering display is told only in part (%s) and is left out", _told(light))


def _remaining(description: Description) -> str:
    return {16: "HDR10", 18: "HLG"}.get(description.transfer or 0, "the base layer")


def _told(light: Light) -> str:
    return "colours without luminance" if light.luminance is None else "luminance without colours"
