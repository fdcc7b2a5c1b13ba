"""Films that clap: a white picture and a beep at the same known moments, and where both are in any file.

The measure is independent of vsmagic: PyAV decodes, as a player does, with the time stamps, edit lists and priming that
the container tells. A beep is a tone under a bell curve; its moment is the centre of its energy, which no codec and no
even stretching moves.
"""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from .conftest import ffmpeg

SIZE = (64, 48)
RATE = 25
_TONE = 1000.0  # Hz
_WIDTH = 0.012  # seconds of the bell curve, one standard deviation
_GLIMMER = 20  # of luma above black
_AROUND = 0.12  # seconds on each side of a beep that are taken for it


def sound(path: Path, moments: Sequence[float], *, length: float, rate: int = 48_000) -> Path:
    """Write a WAV file that beeps at the moments, in seconds."""
    t = np.arange(round(length * rate)) / rate
    wave = sum(np.exp(-(((t - m) / _WIDTH) ** 2) / 2) * np.cos(2 * np.pi * _TONE * (t - m)) for m in moments)
    (path.with_suffix(".raw")).write_bytes((np.asarray(wave) * 24_000).astype("<i2").tobytes())
    ffmpeg("-f", "s16le", "-ar", rate, "-ac", 1, "-i", path.with_suffix(".raw"), path)
    return path


def pictures(path: Path, times: Sequence[Fraction | float], moments: Sequence[float], *more: object) -> Path:
    """Write an FFV1 video whose frames begin at the times, the last of which ends it; white where a moment begins."""
    white = {min(range(len(times) - 1), key=lambda n: abs(times[n] - m)) for m in moments}
    base = Fraction(1, 90_000)
    with av.open(str(path), "w") as file:
        stream = file.add_stream("mpeg4" if path.suffix == ".mp4" else "ffv1", rate=RATE)
        stream.width, stream.height = SIZE
        stream.pix_fmt, stream.time_base = "yuv420p", base
        stream.codec_context.time_base = base
        for n, time in enumerate(times[:-1]):
            luma = np.full((SIZE[1] * 3 // 2, SIZE[0]), 128, np.uint8)
            luma[: SIZE[1]] = 235 if n in white else 16
            frame = av.VideoFrame.from_ndarray(luma, format="yuv420p")
            frame.pts, frame.time_base = round(time * 90_000), base
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return path


def flashes(path: Path, *, track: int = 0) -> list[float]:
    """Seconds at which a white picture begins; the middle of the frames that were made of it, where there are more."""
    found: list[list[tuple[float, float]]] = []
    dark = True
    with av.open(str(path)) as file:
        for frame in file.decode(video=track):
            light = float(frame.to_ndarray(format="gray").mean()) - 16
            if light > _GLIMMER and frame.time is not None:
                found += [[]] if dark else []
                found[-1].append((light, frame.time))
            dark = light <= _GLIMMER
    return [sum(light * time for light, time in one) / sum(light for light, _ in one) for one in found]


def samples(path: Path, *, track: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Second of each sample, and its value in the middle of all channels."""
    times, values = [], []
    with av.open(str(path)) as file:
        for frame in file.decode(audio=track):
            data = frame.to_ndarray().astype(np.float64)
            if not frame.format.is_planar:
                data = data.reshape(-1, frame.layout.nb_channels).T
            if frame.format.name.startswith("u8"):
                data -= 128
            values.append(data.mean(axis=0))
            times.append(float(frame.time or 0) + np.arange(frame.samples) / frame.sample_rate)
    return np.concatenate(times), np.concatenate(values)


def beeps(path: Path, near: Sequence[float], *, track: int = 0, around: float = _AROUND) -> list[float]:
    """Seconds of the centre of the beep that is nearest to each of some moments; NaN where there is none."""
    times, values = samples(path, track=track)
    loud = float(np.max(values**2))
    found = []
    for moment in near:
        here = np.abs(times - moment) < around
        energy = np.where(values[here] ** 2 > loud / 1000, values[here] ** 2, 0)
        found.append(float((energy * times[here]).sum() / energy.sum()) if energy.sum() > loud else float("nan"))
    return found


def apart(path: Path, *, track: int = 0, around: float = _AROUND) -> list[float]:
    """Seconds by which each beep comes after its flash."""
    white = flashes(path)
    return [beep - flash for beep, flash in zip(beeps(path, white, track=track, around=around), white, strict=True)]
