"""Looking at files with tools that are not vsmagic's own."""

import re
import subprocess
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import av
import imageio_ffmpeg

FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()


def ffmpeg(*arguments: object) -> bytes:
    """Run ffmpeg itself, the independent truth."""
    line = [FFMPEG, "-hide_banner", "-loglevel", "error", "-nostdin", *map(str, arguments)]
    return subprocess.run(line, check=True, capture_output=True).stdout


def frame_hashes(path: Path, *, track: int = 0, frames: int | None = None, filters: str | None = None) -> list[str]:
    """Hash of every decoded picture, by ffmpeg's own decoder, rotated as ffmpeg does."""
    limit = [] if frames is None else ["-frames:v", str(frames)]
    changed = [] if filters is None else ["-vf", filters]
    text = ffmpeg(
        "-i", path, "-map", f"0:v:{track}", "-fps_mode", "passthrough", *changed, *limit, "-f", "framemd5", "-"
    ).decode()
    return [line.rsplit(",", 1)[1].strip() for line in text.splitlines() if line and not line.startswith("#")]


def frame_times(path: Path, *, track: int = 0) -> list[Fraction]:
    """Time of every decoded picture by PyAV, from the first."""
    with av.open(str(path)) as file:
        stream = file.streams.video[track]
        base = Fraction(stream.time_base.numerator, stream.time_base.denominator)
        stamps = []
        for packet in file.demux(stream):
            with suppress(av.InvalidDataError):  # one damaged picture is not the end
                stamps += [frame.pts for frame in packet.decode() if frame.pts is not None]
    stamps.sort()
    return [(stamp - stamps[0]) * base for stamp in stamps]


def packets(path: Path, kind: str, number: int = 0) -> list[tuple[Fraction, bytes]]:
    """Time and content of each packet of one track, by PyAV."""
    with av.open(str(path)) as file:
        stream = [each for each in file.streams if each.type == kind][number]
        base = Fraction(stream.time_base.numerator, stream.time_base.denominator)
        return [(packet.pts * base, bytes(packet)) for packet in file.demux(stream) if packet.pts is not None]


def leftovers(folder: Path) -> list[str]:
    """Everything in a folder, hidden files too."""
    return sorted(path.name for path in folder.iterdir())


def one_sentence(error: str) -> str:
    """Check that an error is what a user should see; return it."""
    lines = [line for line in error.splitlines() if line and not line.startswith("vsmagic: warning: ")]
    assert len(lines) == 1, error
    assert re.fullmatch(r"vsmagic: .+[.?)]", lines[0]), lines[0]
    assert "Traceback" not in error
    return lines[0]
