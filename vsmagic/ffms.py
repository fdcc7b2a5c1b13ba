"""The FFMS2 loader: its VapourSynth plugin where that is installed, else the PyPI bindings and the system's library."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from types import ModuleType
from typing import Any

import vapoursynth as vs

from vsmagic import media
from vsmagic.errors import SetupError, SourceError, reason
from vsmagic.files import cache_folder
from vsmagic.loaded import Loaded
from vsmagic.settings import settings

_FORMATS = {
    "gray": vs.GRAY8,
    "yuv420p": vs.YUV420P8,
    "yuv422p": vs.YUV422P8,
    "yuv444p": vs.YUV444P8,
    "yuv420p10le": vs.YUV420P10,
    "yuv422p10le": vs.YUV422P10,
    "yuv444p10le": vs.YUV444P10,
    "yuv420p12le": vs.YUV420P12,
    "yuv420p16le": vs.YUV420P16,
    "gbrp": vs.RGB24,
}
_FULL_RANGE = 2  # FFMS_CR_JPEG
_MILLISECOND = Fraction(1, 1000)


def load(path: Path, track: int) -> Loaded:
    """Open a file with FFMS2; its index is cached in the index folder.

    Raises:
        SourceError: the file cannot be read, or has no such video track.
        SetupError: neither the plugin nor the bindings with their library are installed.
    """
    tracks = media.probe(path).video
    if track >= len(tracks):
        raise SourceError(f"{path}: has no video track {track}; expected a number below {len(tracks)}.")
    index = cache_folder(settings().indexes)
    loader = _by_plugin if hasattr(vs.core, "ffms2") else _by_bindings
    loaded = loader(path, tracks[track], index / f"{path.name}-{path.stat().st_mtime_ns:x}.ffindex")
    aspect = tracks[track].pixel_aspect
    clip = _turned(loaded.clip, tracks[track])
    if tracks[track].rotation % 180:
        aspect = 1 / aspect
    clip = clip.std.SetFrameProps(_SARNum=aspect.numerator, _SARDen=aspect.denominator)
    return Loaded(clip=clip, stamps=loaded.stamps, tick=loaded.tick, alpha=tracks[track].alpha)


def _turned(clip: vs.VideoNode, track: media.VideoTrack) -> vs.VideoNode:
    """Apply the rotation (degrees clockwise) that the container asks for."""
    if track.mirrored:
        clip = clip.std.FlipHorizontal()
    match track.rotation % 360:
        case 90:
            return clip.std.Transpose().std.FlipHorizontal()
        case 180:
            return clip.std.Turn180()
        case 270:
            return clip.std.Transpose().std.FlipVertical()
        case _:
            return clip


def _by_plugin(path: Path, track: media.VideoTrack, index: Path) -> Loaded:
    times = index.with_suffix(".timecodes")
    try:
        clip = vs.core.ffms2.Source(str(path), track=track.stream, cachefile=str(index), timecodes=str(times))
    except vs.Error as error:
        raise SourceError(f"{path}: FFMS2 cannot read it ({reason(error)}). Try loader='bestsource'.") from error
    stamps = [Fraction(line) for line in times.read_text().splitlines() if not line.startswith("#")]
    return Loaded(clip=clip, stamps=stamps, tick=_MILLISECOND)


def _by_bindings(path: Path, track: media.VideoTrack, index_file: Path) -> Loaded:
    ffms2 = _bindings()
    try:
        video = _video_source(ffms2, path, track, index_file)
        first = video.get_frame(0)
        wanted = [ffms2.get_pix_fmt(name) for name in _FORMATS]
        video.set_output_format(wanted, first.EncodedWidth, first.EncodedHeight)
        first = video.get_frame(0)
    except ffms2.Error as error:
        raise SourceError(f"{path}: FFMS2 cannot read it ({reason(error)}). Try loader='bestsource'.") from error
    names = {ffms2.get_pix_fmt(name): name for name in _FORMATS}
    tick = video.track.time_base * _MILLISECOND
    stamps = [int(info.PTS) for info in video.track.frame_info_list]
    clip = _clip(video, first, _FORMATS[names[first.ConvertedPixelFormat]], [stamp * tick for stamp in stamps])
    return Loaded(clip=clip, stamps=stamps, tick=tick)


def _bindings() -> ModuleType:
    try:
        import ffms2
    except (ImportError, OSError) as error:
        raise SetupError(
            f"loader ffms2: neither its VapourSynth plugin nor its Python bindings can be loaded ({reason(error)}); "
            "run: pip install ffms2, and install the system's library (on Debian or Ubuntu: apt install libffms2-5), "
            "or use loader bestsource."
        ) from error
    module: ModuleType = ffms2
    return module


def _video_source(ffms2: ModuleType, path: Path, track: media.VideoTrack, index_file: Path) -> Any:
    if index_file.exists():
        index = ffms2.Index.read(str(index_file), str(path))
        index.source_file = str(path)
    else:
        indexer = ffms2.Indexer(str(path))
        for info in indexer.track_info_list:
            indexer.track_index_settings(info.num, int(info.type == ffms2.FFMS_TYPE_VIDEO), 0)
        index = indexer.do_indexing2()
        index.write(str(index_file))
    return ffms2.VideoSource(str(path), track.stream, index)


def _clip(video: Any, first: Any, format_id: int, stamps: Sequence[Fraction]) -> vs.VideoNode:
    """Make a clip whose frames are copied out of FFMS2 as they are asked for.

    Python stands in the frame path here: only this fallback does that, for lack of a plugin that VapourSynth loads.
    """
    fps = video.properties.fps
    made = vs.core.get_video_format(format_id)
    blank = vs.core.std.BlankClip(
        # A subsampled frame of odd size loses its last column or row: VapourSynth has no such frames.
        width=first.EncodedWidth >> made.subsampling_w << made.subsampling_w,
        height=first.EncodedHeight >> made.subsampling_h << made.subsampling_h,
        format=format_id,
        length=video.properties.NumFrames,
        fpsnum=fps.numerator,
        fpsden=fps.denominator,
        keep=True,
    )
    return blank.std.ModifyFrame(blank, _copier(video, stamps))


def _copier(video: Any, stamps: Sequence[Fraction]) -> Callable[..., vs.VideoFrame]:
    import numpy as np

    def copy(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        found, frame = video.get_frame(n), f.copy()
        for plane in range(frame.format.num_planes):
            target = np.asarray(frame[plane])
            stride = found.Linesize[plane]
            lines = np.frombuffer(found.planes[plane], np.uint8, stride * target.shape[0])
            rows = lines.reshape(target.shape[0], stride)[:, : target.shape[1] * target.itemsize]
            target[:] = rows.view(target.dtype)
        if n + 1 < len(stamps):  # the last one's is for the caller to say
            frame.props["_DurationNum"], frame.props["_DurationDen"] = (stamps[n + 1] - stamps[n]).as_integer_ratio()
        frame.props["_Matrix"] = found.ColorSpace
        frame.props["_Range"] = vs.RANGE_FULL if found.ColorRange == _FULL_RANGE else vs.RANGE_LIMITED
        frame.props["_FieldBased"] = 0 if not found.InterlacedFrame else 1 + bool(found.TopFieldFirst)
        return frame

    return copy
