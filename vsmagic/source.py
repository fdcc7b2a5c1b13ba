"""Open a video file as a clip with exact timing."""

import itertools
import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import vapoursynth as vs

from vsmagic import clips, ffms, media
from vsmagic.errors import OptionError, SourceError, reason
from vsmagic.files import cache_folder
from vsmagic.loaded import Loaded
from vsmagic.settings import settings

log = logging.getLogger(__name__)

# BestSource's cachemode: always read and write the index, in a tree of its own below cachepath.
_CACHE_IN_TREE = 2
# Requests come out of order by as many frames as VapourSynth has threads; what falls out must be decoded again.
_CACHED_FRAMES = 24
_NO_TIMESTAMP = -(2**63)  # FFmpeg's AV_NOPTS_VALUE
# What raw streams without timestamps are played at, by FFmpeg and by players built on it.
_UNTIMED_RATE = Fraction(25)
# A clock of milliseconds tells 12, 15 or 120 frames a second as little exactly as 24 and 30.
USUAL_RATES = (
    *(Fraction(rate * 1000, 1001) for rate in (12, 15, 24, 30, 48, 60, 120)),
    *(Fraction(rate) for rate in (12, 15, 16, 18, 24, 25, 30, 48, 50, 60, 90, 120, 144)),
)


@dataclass(frozen=True, kw_only=True)
class Opened:
    """A file that was opened."""

    clip: vs.VideoNode
    """What :func:`source` returns."""
    alpha: vs.VideoNode | None
    """The transparency: gray, full range, of the clip's size, frames and times; None: none that could be decoded."""
    transparent: bool
    """The file has transparency, decoded or not."""


def source(path: str | Path, *, track: int = 0, loader: str = "bestsource") -> vs.VideoNode:
    """Open a video file as a clip.

    Rotation metadata is applied. Every frame, the last one included, carries its exact duration. A file whose
    times are those of a constant rate, to within the rounding of its clock, gives a clip of exactly that rate; any
    other one gives a clip of variable rate (``fps`` 0/1). The first frame stands at time 0 whatever its time in the
    file. Alpha is not decoded into the clip; that is logged.

    Writes ``_DurationNum``, ``_DurationDen``; the loader writes ``_Matrix``, ``_Range``, ``_Transfer``,
    ``_Primaries``, ``_ChromaLocation``, ``_FieldBased``, ``_SARNum`` and ``_SARDen`` as far as the file tells them.

    Args:
        path: the file.
        track: number of the video track, from 0.
        loader: ``bestsource`` (frame-exact; indexes the file once, cached), or ``ffms2``.

    Raises:
        OptionError: no such loader, or a track that is no number from 0.
        SourceError: the file cannot be opened or holds no such track.
        OutputError: the cache folder cannot be made.
        SetupError: ``ffms2`` was asked for and is not installed.
    """
    found = opened(path, track=track, loader=loader)
    if found.transparent:
        log.warning("%s: has an alpha channel, which is left out", Path(path).name)
    return found.clip


def opened(path: str | Path, *, track: int = 0, loader: str = "bestsource") -> Opened:
    """Open a video file as :func:`source` does, with its transparency as a clip of its own."""
    if loader not in _LOADERS:
        raise OptionError(f"source: loader {loader!r} is not known; expected {', '.join(_LOADERS)}.")
    if isinstance(track, bool) or not isinstance(track, int) or track < 0:
        raise OptionError(f"source: track is {track!r}; expected a number of a video track from 0.")
    path = Path(path)
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise SourceError(f"{path}: {what}; expected a video file.")
    loaded = _LOADERS[loader](path, track)
    clip = timed(loaded, path.name)
    return Opened(clip=_without_alpha(clip), alpha=_alpha(clip), transparent=loaded.alpha)


def _alpha(clip: vs.VideoNode) -> vs.VideoNode | None:
    """Return the alpha that the loader attached to each frame, with the frame's own properties."""
    attached = clip.get_frame(0).props.get("_Alpha")
    # A turned picture's alpha would have to be turned on its own; the loader does not.
    if not isinstance(attached, vs.VideoFrame) or (attached.width, attached.height) != (clip.width, clip.height):
        return None
    props = [name for name in clip.get_frame(0).props if name != "_Alpha"]
    alpha = clip.std.PropToClip("_Alpha").std.CopyFrameProps(clip, props=props)
    return clips.keep_times(alpha.std.SetFrameProps(_Range=int(vs.RANGE_FULL)), clip)


def _without_alpha(clip: vs.VideoNode) -> vs.VideoNode:
    """Return the clip with nothing attached to its frames, which would be kept as long as they are."""
    if "_Alpha" not in clip.get_frame(0).props:
        return clip
    return clips.keep_times(clip.std.RemoveFrameProps("_Alpha"), clip)


def timed(loaded: Loaded, name: str) -> vs.VideoNode:
    """Give a clip the exact durations that its timestamps tell.

    Args:
        loaded: pictures and timestamps.
        name: the file's name, for messages.
    """
    clip, stamps = loaded.clip, loaded.stamps
    if stamps is None or any(b <= a for a, b in itertools.pairwise(stamps)):
        guess = _UNTIMED_RATE if stamps is None else Fraction(clip.fps) or _UNTIMED_RATE
        log.warning("%s: has no usable timestamps; taking %s frames a second", name, _decimal(guess))
        return clip.std.AssumeFPS(fpsnum=guess.numerator, fpsden=guess.denominator)
    rate = constant_rate(stamps, loaded.tick, Fraction(clip.fps))
    if rate is not None:
        return clip.std.AssumeFPS(fpsnum=rate.numerator, fpsden=rate.denominator)
    return _variable(clip, [stamp * loaded.tick for stamp in stamps])


def constant_rate(stamps: Sequence[int | Fraction], tick: Fraction, nominal: Fraction) -> Fraction | None:
    """Return the rate whose frame times, rounded to the file's clock, are these; None if there is none.

    Args:
        stamps: start of each frame in ticks, rising.
        tick: step of the clock in seconds; each stamp may be off by one, unless a tick is a frame.
        nominal: the rate the container or loader claims; 0 for none.
    """
    if len(stamps) < 2:
        return nominal or _UNTIMED_RATE
    mean = Fraction(len(stamps) - 1) / (stamps[-1] - stamps[0]) / tick
    near = {rate for rate in USUAL_RATES if abs(rate / mean - 1) < Fraction(1, 50)}
    candidates = near | {nominal or mean, mean}
    # A clock that counts frames, such as AVI's, rounds nothing: a tick too many is a frame that was left out.
    slack = Fraction(0) if tick * nominal == 1 else tick
    fitting = {rate: worst for rate in candidates if (worst := _deviation(stamps, tick, rate)) <= slack}
    usual = [rate for rate in USUAL_RATES if rate in fitting]
    # Few stamps fit many rates, the mean best of all: what is claimed or usual is likelier than what fits best.
    if nominal in usual and fitting[nominal] <= tick / 2:
        return nominal
    if usual:
        return min(usual, key=fitting.__getitem__)
    return next((rate for rate in (nominal, mean) if rate in fitting), None)


def _deviation(stamps: Sequence[int | Fraction], tick: Fraction, rate: Fraction) -> Fraction:
    """Half the range of the differences between the stamps and the times of a constant rate, in seconds."""
    step, parts = (1 / (rate * tick)).as_integer_ratio()  # in whole numbers: a film has a hundred thousand frames
    differences = [stamp * parts - n * step for n, stamp in enumerate(stamps)]
    return Fraction(max(differences) - min(differences)) / (2 * parts) * tick


def _variable(clip: vs.VideoNode, stamps: Sequence[Fraction]) -> vs.VideoNode:
    """Make a clip of variable rate: the parts of a splice that differ in rate give one without any."""
    durations = [b - a for a, b in itertools.pairwise(stamps)]
    durations.append(durations[-1])  # nothing follows the last frame: it stays as long as the one before
    first = clip[0].std.AssumeFPS(fpsnum=clip.fps.numerator + 1, fpsden=clip.fps.denominator)
    parts = [_lasting(first, durations[0]), clip[1:-1], _lasting(clip[-1], durations[-1])]
    variable = vs.core.std.Splice([part for part in parts if part.num_frames])
    clips.remember_times(variable, [stamp - stamps[0] for stamp in stamps] + [stamps[-1] - stamps[0] + durations[-1]])
    return variable


def _lasting(clip: vs.VideoNode, duration: Fraction) -> vs.VideoNode:
    return clip.std.SetFrameProps(_DurationNum=duration.numerator, _DurationDen=duration.denominator)


def _decimal(rate: Fraction) -> str:
    return f"{float(rate):.6g}"


def _bestsource(path: Path, track: int) -> Loaded:
    try:
        return _open_bestsource(path, track)
    except vs.Error as error:
        _explain(path, track)
        raise SourceError(f"{path}: BestSource cannot read it ({reason(error)}). Try loader='ffms2'.") from error


def _open_bestsource(path: Path, track: int) -> Loaded:
    options: dict[str, Any] = {
        "source": str(path.resolve()),
        "track": -1 - track,
        "cachemode": _CACHE_IN_TREE,
        "cachepath": str(cache_folder(settings().indexes)),
        "apply_rotation": True,
    }
    clip = vs.core.bs.VideoSource(**options, showprogress=True)
    if not clip.width:
        log.warning(
            "%s: the picture's size or format changes on the way; frames unlike the first are left out", path.name
        )
        options["variableformat"] = 0
        clip = vs.core.bs.VideoSource(**options)
    # Opened again now that the size is known, which takes milliseconds: the cache is counted in MiB, and the default
    # of 100 would hold a small clip whole.
    found = vs.core.bs.VideoSource(**options, cachesize=_cache_size(clip), exporttimestamps=True)
    clip = found["clip"]
    tick = Fraction(found["timebasenum"], found["timebaseden"])
    stamps = found["timestamps"]
    stamps = [stamps] if isinstance(stamps, int) else stamps
    known = _NO_TIMESTAMP not in stamps and len(stamps) == clip.num_frames
    return Loaded(
        clip=clip,
        stamps=stamps if known else None,
        tick=tick,
        alpha="_Alpha" in clip.get_frame(0).props or _has_alpha_layer(path, track),
    )


def _has_alpha_layer(path: Path, track: int) -> bool:
    """Whether VP8 or VP9 carries alpha as a second layer, which only their containers tell."""
    codecs = vs.core.bs.TrackInfo(str(path.resolve()))["codecstr"]
    layered = {"vp8", "vp9"} & {codec.lower() for codec in ([codecs] if isinstance(codecs, str) else codecs)}
    return bool(layered) and media.probe(path).video[track].alpha


def _cache_size(clip: vs.VideoNode) -> int:
    """MiB that hold the frames around the present one."""
    fmt = clip.format
    chroma = (fmt.num_planes - 1) / (1 << (fmt.subsampling_w + fmt.subsampling_h))
    frame: float = clip.width * clip.height * fmt.bytes_per_sample * (1 + chroma)
    return max(1, math.ceil(_CACHED_FRAMES * frame / 2**20))


def _explain(path: Path, track: int) -> None:
    """Raise the clearer error that a look at the container gives, if it gives one."""
    tracks = media.probe(path).video
    if track >= len(tracks):
        raise SourceError(f"{path}: has no video track {track}; expected a number below {len(tracks)}.")


_LOADERS: dict[str, Callable[[Path, int], Loaded]] = {"bestsource": _bestsource, "ffms2": ffms.load}
