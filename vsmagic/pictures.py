"""Still pictures in and out of VapourSynth, through PyAV and without numpy."""

import ctypes
import io
import logging
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import vapoursynth as vs

from vsmagic.errors import FormatError, SourceError
from vsmagic.unreadable import check_readable, why_unreadable

if TYPE_CHECKING:
    import av

log = logging.getLogger(__name__)

# ffmpeg's planar format of each clip format (its planes are in the order G, B, R), and PNG's own.
_PLANAR = {vs.GRAY8: "gray", vs.GRAY16: "gray16le", vs.RGB24: "gbrp", vs.RGB48: "gbrp16le"}
_PNG = {vs.GRAY8: "gray", vs.GRAY16: "gray16be", vs.RGB24: "rgb24", vs.RGB48: "rgb48be"}
_ORDER = {1: (0,), 3: (2, 0, 1)}  # the plane of ffmpeg's frame that each plane of VapourSynth's is


def read(path: Path) -> vs.VideoNode:
    """Open a picture as a clip of one frame: GRAY or RGB of 8 bits, of 16 where the file has more than 8.

    Transparency is left out, with a warning.

    Raises:
        SourceError: the file cannot be read, is no picture, or holds more than one.
    """
    check_readable(path)
    import av

    try:
        with av.open(f"file:{path}", "r") as file:
            frames = file.decode(video=0)
            frame, another = next(frames, None), next(frames, None)
    except (av.FFmpegError, ValueError, IndexError, EOFError) as error:
        raise SourceError(why_unreadable(path, error)) from error
    if frame is None:
        raise SourceError(f"{path}: no picture in it can be decoded; get the file again.")
    if another is not None:
        raise SourceError(f"{path}: holds more than one picture; expected a picture such as a PNG.")
    if any(part.is_alpha for part in frame.format.components):
        log.warning("%s: its transparency is left out", path.name)
    return _clip(frame)


def _clip(frame: "av.VideoFrame") -> vs.VideoNode:
    gray = frame.format.name.startswith(("gray", "mono", "ya"))
    deep = max(part.bits for part in frame.format.components) > 8
    fmt = vs.core.get_video_format((vs.GRAY16 if deep else vs.GRAY8) if gray else (vs.RGB48 if deep else vs.RGB24))
    planar = frame.reformat(format=_PLANAR[vs.PresetVideoFormat(fmt.id)])
    blank = vs.core.std.BlankClip(format=fmt.id, width=planar.width, height=planar.height, length=1)
    filled = blank.get_frame(0).copy()
    used = planar.width * fmt.bytes_per_sample
    for number, plane in enumerate(planar.planes[place] for place in _ORDER[fmt.num_planes]):
        content, target, stride = bytes(plane), filled.get_write_ptr(number).value, filled.get_stride(number)
        assert target is not None  # noqa: S101 - a frame has planes
        for row in range(planar.height):
            ctypes.memmove(target + row * stride, content[row * plane.line_size :][:used], used)
    clip = blank.std.ModifyFrame(blank, lambda n, f: filled)  # noqa: ARG005 - one frame, whatever is asked for
    props = {"_Range": vs.RANGE_FULL} | ({} if gray else {"_Matrix": vs.MATRIX_RGB})
    return clip.std.SetFrameProps(**props)


def alike(a: vs.VideoNode, b: vs.VideoNode) -> tuple[vs.VideoNode, vs.VideoNode]:
    """Return two pictures in one format: in colour where either is, in 16 bits where either is."""
    deep = max(clip.format.bits_per_sample for clip in (a, b)) > 8
    colour = any(clip.format.color_family == vs.RGB for clip in (a, b))
    to = (vs.RGB48 if deep else vs.RGB24) if colour else (vs.GRAY16 if deep else vs.GRAY8)
    return _as(a, to), _as(b, to)


def _as(clip: vs.VideoNode, to: vs.PresetVideoFormat) -> vs.VideoNode:
    if clip.format.id == to:
        return clip
    if clip.format.color_family == vs.GRAY and to in (vs.RGB24, vs.RGB48):
        clip = vs.core.std.ShufflePlanes([clip] * 3, [0, 0, 0], vs.RGB)
    return clip.resize.Point(format=to)


def png(frame: vs.VideoFrame) -> bytes:
    """Return a frame as the content of a PNG file.

    Args:
        frame: GRAY8, GRAY16, RGB24 or RGB48, full range.

    Raises:
        FormatError: another format.
    """
    import av

    names = {fmt.value: name for fmt, name in _PLANAR.items()}
    if frame.format.id not in names:
        raise FormatError(f"a PNG cannot hold {frame.format.name}; expected GRAY8, GRAY16, RGB24 or RGB48.")
    picture = av.VideoFrame(frame.width, frame.height, names[frame.format.id])
    used = frame.width * frame.format.bytes_per_sample
    for number, place in enumerate(_ORDER[frame.format.num_planes]):
        plane, source, stride = picture.planes[place], frame.get_read_ptr(number).value, frame.get_stride(number)
        assert source is not None  # noqa: S101 - a frame has planes
        rows = (ctypes.string_at(source + row * stride, used) for row in range(frame.height))
        plane.update(b"".join(row.ljust(plane.line_size, b"\0") for row in rows))
    packed = picture.reformat(format={fmt.value: name for fmt, name in _PNG.items()}[frame.format.id])
    file = io.BytesIO()
    with av.open(file, "w", format="image2pipe") as output:
        stream = output.add_stream("png", rate=Fraction(1))
        stream.width, stream.height, stream.pix_fmt = frame.width, frame.height, packed.format.name
        output.mux([*stream.encode(packed), *stream.encode(None)])
    return file.getvalue()
