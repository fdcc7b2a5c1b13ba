"""Compression by real encoders, through PyAV: what comes out is what a player would have shown."""

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Literal, cast

import numpy as np

from vsmagic.errors import OptionError
from vsmagic.training.degrade import Picture
from vsmagic.training.wear.colour import Rgb, from_file, halved, to_file, to_rgb

if TYPE_CHECKING:
    from av.video.codeccontext import VideoCodecContext


@dataclass(frozen=True, kw_only=True)
class Codec:
    """An encoder, and how its quality is set."""

    encoder: str
    """FFmpeg's name."""
    decoder: str
    setting: str
    """What people call the number that sets its quality; higher is worse."""
    options: tuple[str, ...]
    """The encoder's options that take that number."""
    fixed: tuple[tuple[str, str], ...] = ()
    b_frames: bool = True
    """It takes ``bf``, the most B frames in a row."""
    presets: tuple[str, ...] = ()
    span: tuple[int, int]
    """The settings training draws from, mild and bad."""
    share: float
    """How often training takes it."""


# The block coders hold the quantizer where it is asked for when its least and its most are the same.
_QUANTIZER = ("qmin", "qmax")
CODECS = {
    "h264": Codec(
        encoder="libx264",
        decoder="h264",
        setting="crf",
        options=("crf",),
        # x264's macroblock tree reads memory it did not write when a clip is this short: other bytes in every run.
        fixed=(("mbtree", "0"),),
        presets=("ultrafast", "superfast", "veryfast", "faster", "fast"),
        span=(20, 36),
        share=0.45,
    ),
    "mpeg2": Codec(
        encoder="mpeg2video", decoder="mpeg2video", setting="qscale", options=_QUANTIZER, span=(2, 14), share=0.2
    ),
    "mpeg4": Codec(encoder="mpeg4", decoder="mpeg4", setting="qscale", options=_QUANTIZER, span=(2, 14), share=0.2),
    "mjpeg": Codec(
        encoder="mjpeg",
        decoder="mjpeg",
        setting="qscale",
        options=_QUANTIZER,
        fixed=(("strict", "unofficial"),),  # limited range, as the other files have
        b_frames=False,
        span=(3, 20),
        share=0.15,
    ),
}
"""The codecs by the names that users know."""

CODECS_FOR_EVALUATION: tuple[tuple[str, int], ...] = (
    ("h264", 24),
    ("h264", 30),
    ("h264", 34),
    ("mpeg2", 4),
    ("mpeg2", 8),
    ("mpeg4", 4),
    ("mpeg4", 8),
    ("mjpeg", 6),
    ("mjpeg", 12),
)
"""Codecs and settings that the reference pictures are compressed with to measure what a network restores."""

_STILL = 3


def compressed(rgb: Rgb, codec: str, quality: int) -> Rgb:
    """Compress a picture as the last of three equal frames, in 4:2:0 and limited range.

    Args:
        rgb: 8-bit ``[h, w, 3]``, of any size from 2x2.
        codec: ``h264``, ``mpeg2``, ``mpeg4`` or ``mjpeg``.
        quality: crf of h264 (0 to 51), else qscale (2 to 31); higher is worse.

    Returns:
        What a player shows, of the same size.

    Raises:
        OptionError: the codec is not one of these.
    """
    if codec not in CODECS:
        raise OptionError(f"compressed: codec {codec!r} is not known; expected {', '.join(CODECS)}.")
    height, width, _ = rgb.shape
    even = np.pad(rgb, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    frames = [to_file(halved(even))] * _STILL
    shown = played(frames, codec, quality, preset="fast" if CODECS[codec].presets else None)
    return to_rgb(from_file(shown[-1]))[:height, :width]


def played(
    frames: list[Picture], codec: str, quality: int, *, preset: str | None = None, b_frames: int = 2
) -> list[Picture]:
    """Encode and decode a clip.

    Args:
        frames: 8-bit ``[h * 3 / 2, w]``, yuv420p; sizes even.
        codec: A name in ``CODECS``.
        quality: Its setting.
        preset: x264's, for h264 alone.
        b_frames: Most B frames in a row, where the codec has them.

    Returns:
        As many frames as came in, in their order.
    """
    import av

    chosen = CODECS[codec]
    height, width = frames[0].shape[0] * 2 // 3, frames[0].shape[1]
    encoder, decoder = _context(chosen.encoder, "w"), _context(chosen.decoder, "r")
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
    encoder.time_base, encoder.framerate = Fraction(1, 25), Fraction(25)
    encoder.options = _options(chosen, quality, preset, b_frames)
    packets = []
    for number, picture in enumerate(frames):
        frame = av.VideoFrame.from_ndarray(picture, format="yuv420p")
        frame.pts = number
        packets += encoder.encode(frame)
    packets += encoder.encode(None)
    shown = [frame for packet in packets for frame in decoder.decode(packet)] + decoder.decode(None)
    return [cast(Picture, frame.to_ndarray()) for frame in shown]


def _context(name: str, mode: Literal["r", "w"]) -> "VideoCodecContext":
    import av

    context = cast("VideoCodecContext", av.CodecContext.create(name, mode))
    context.thread_count = 1  # with more, rate control and slices would go by how many there are
    return context


def _options(codec: Codec, quality: int, preset: str | None, b_frames: int) -> dict[str, str]:
    options = dict(codec.fixed) | dict.fromkeys(codec.options, str(quality))
    if codec.b_frames:
        options["bf"] = str(b_frames)
    if preset is not None:
        options["preset"] = preset
    return options
