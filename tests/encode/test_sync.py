"""Sound and picture stay in step: flashes and beeps at known moments, measured in what comes out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate
from pathlib import Path

import av
import pytest

from command import Run

from .claps import apart, beeps, flashes, pictures, sound
from .conftest import ffmpeg

LENGTH = 4
MOMENTS = [Fraction(2, 5) + n for n in range(LENGTH)]
CLOSE = 0.005  # seconds

H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-bf", 2, "-b_strategy", 0, "-g", 20)
MPEG2 = ("-c:v", "mpeg2video", "-bf", 2)


@dataclass(frozen=True)
class Film:
    """How an input is made."""

    name: str
    options: tuple[object, ...]
    video_delay: str = "0"
    audio_delay: str = "0"
    start: str | None = None
    """Copied from there on, which leaves an edit list."""
    variable: bool = False
    priming: float = 0
    """Seconds of the encoder's own delay that the container cannot tell; ffmpeg leaves out a frame of AVI for it."""


FILMS = (
    Film("aac.mp4", (*H264, "-c:a", "aac")),
    Film("opus.mkv", (*H264, "-c:a", "libopus")),
    Film("mp3.mp4", (*H264, "-c:a", "libmp3lame"), audio_delay="0.33"),
    Film("ac3.mkv", (*H264, "-c:a", "ac3"), video_delay="0.32"),
    Film("late.mp4", (*H264, "-c:a", "aac"), video_delay="0.32"),
    Film("pcm.mov", (*H264, "-c:a", "pcm_s16le"), variable=True),
    Film("flac.mkv", (*H264, "-c:a", "flac"), variable=True),
    Film("aac.ts", (*H264, "-c:a", "aac")),
    Film("mp2.ts", (*MPEG2, "-c:a", "mp2"), video_delay="0.32"),
    Film("pcm.avi", ("-c:v", "mjpeg", "-c:a", "pcm_u8")),
    Film("vorbis.webm", ("-c:v", "libvpx", "-c:a", "libvorbis")),
    Film("edited.mp4", (*H264, "-c:a", "aac"), start="1.2"),
    Film("mp3.avi", ("-c:v", "mjpeg", "-c:a", "libmp3lame"), priming=1105 / 48_000 - 1 / 25),
)
Make = Callable[[Film], Path]


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory) -> Make:
    """Make the inputs, each once, and check that the measure finds in them what was put there."""
    folder = tmp_path_factory.mktemp("claps")
    regular = [Fraction(n, 25) for n in range(LENGTH * 25 + 1)]
    steps = [Fraction(n, 25) for n in (1, 2, 1, 1)] * (LENGTH * 5)
    uneven = list(accumulate(steps, initial=Fraction(0)))
    shown = {False: regular, True: uneven}
    ready: dict[str, Path] = {}

    def make(what: Film) -> Path:
        if what.name not in ready:
            times = shown[what.variable]
            moments = [min(times[:-1], key=lambda time: abs(time - moment)) for moment in MOMENTS]
            video = pictures(folder / f"{what.name}.p.mkv", times, moments)
            audio = sound(folder / f"{what.name}.wav", [float(moment) for moment in moments], length=LENGTH)
            target = folder / what.name
            first = target if what.start is None else folder / f"whole.{what.name}"
            ffmpeg(
                *("-itsoffset", what.video_delay, "-i", video, "-itsoffset", what.audio_delay, "-i", audio),
                *("-map", 0, "-map", 1, "-fps_mode", "passthrough", "-pix_fmt", "yuvj420p" if "mjpeg" in what.options
                  else "yuv420p", *what.options, first),
            )  # fmt: skip
            if what.start is not None:
                ffmpeg("-ss", what.start, "-i", first, "-c", "copy", target)
            assert _within(apart(target, around=0.45), _late(what), 0.001)
            ready[what.name] = target
        return ready[what.name]

    return make


def _within(found: Sequence[float], wanted: float, slack: float = CLOSE) -> bool:
    """Whether every beep comes so much after its flash; the first and last are among them."""
    assert len(found) >= 2, found
    assert all(abs(one - wanted) <= slack for one in found), (found, wanted)
    return True


def _late(what: Film) -> float:
    return float(what.audio_delay) - float(what.video_delay) + what.priming


def _enhanced(run: Run, source: Path, out: Path, *options: object) -> None:
    ran = run("enhance", source, out, "--scale", 1, "--codec", "h264", "--preset", "ultrafast", "-q", *options)
    assert ran.code == 0, ran.err


def _ends(path: Path) -> dict[str, float]:
    """Second at which the last packet of each kind of track ends, and how long the longest of sound is."""
    ends: dict[str, float] = {}
    with av.open(str(path)) as file:
        for packet in file.demux():
            if packet.pts is not None and packet.size:
                end = float((packet.pts + (packet.duration or 0)) * packet.time_base)
                ends[packet.stream.type] = max(end, ends.get(packet.stream.type, 0))
                if packet.stream.type == "audio":
                    ends["packet"] = max(float((packet.duration or 0) * packet.time_base), ends.get("packet", 0))
    return ends


@pytest.mark.parametrize("number", range(len(FILMS)), ids=lambda n: FILMS[n].name)
def test_uncut(number: int, film: Make, tmp_path: Path, run: Run) -> None:
    out = tmp_path / f"out{('.mkv', '.mp4')[number % 2]}"
    _enhanced(run, film(FILMS[number]), out)
    assert _within(apart(out, around=0.45), _late(FILMS[number]))


@pytest.mark.parametrize("number", range(len(FILMS)), ids=lambda n: FILMS[n].name)
def test_cut(number: int, film: Make, tmp_path: Path, run: Run) -> None:
    """On keyframes and anywhere, sound begins and ends with the picture, to within a packet."""
    what = FILMS[number]
    start, end = ("0.8", "2.4") if number % 3 == 0 or what.start else ("1.13", "3.57")
    out, late = tmp_path / f"out{('.mov', '.mkv')[number % 2]}", _late(what)
    _enhanced(run, film(what), out, "--start", start, "--end", end)
    heard = [moment for moment in flashes(out) if 0.08 < moment + late < float(end) - float(start) - 0.08]
    found = beeps(out, [moment + late for moment in heard], around=0.3)
    assert heard
    assert all(abs(beep - moment - late) <= CLOSE for beep, moment in zip(found, heard, strict=True)), found
    ends = _ends(out)
    assert abs(ends["audio"] - ends["video"]) <= ends["packet"] + 0.002


SLOWED = (("aac.mp4", "2"), ("pcm.avi", "5/2"), ("mp2.ts", "2"), ("late.mp4", "5/2"))


@pytest.mark.parametrize(("name", "slowdown"), SLOWED)
def test_slow_motion(name: str, slowdown: str, film: Make, tmp_path: Path, run: Run) -> None:
    what = next(one for one in FILMS if one.name == name)
    out = tmp_path / "out.mkv"
    _enhanced(run, film(what), out, "--slowdown", slowdown, "--flow-model", "mvtools")
    late, white = _late(what) * float(Fraction(slowdown)), flashes(out)
    found = beeps(out, [moment + late for moment in white], around=0.3)
    assert _within([beep - moment for beep, moment in zip(found, white, strict=True)], late)


def test_a_slow_cut(film: Make, tmp_path: Path, run: Run) -> None:
    out = tmp_path / "out.mp4"
    _enhanced(run, film(FILMS[0]), out, "--slowdown", 2, "--start", "1.13", "--end", "3.6", "--flow-model", "mvtools")
    white = flashes(out)
    assert _within([beep - flash for beep, flash in zip(beeps(out, white, around=0.3), white, strict=True)], 0)
    ends = _ends(out)
    assert abs(ends["audio"] - ends["video"]) <= 0.03


@pytest.mark.parametrize("name", ["late.mp4", "mp3.mp4"])
def test_another_rate_and_sound_at_its_own_speed(name: str, film: Make, tmp_path: Path, run: Run) -> None:
    """At 60 frames a second all stays; sound that keeps its speed begins with the picture as it did."""
    what = next(one for one in FILMS if one.name == name)
    source, out = film(what), tmp_path / "out.mp4"
    _enhanced(run, source, out, "--fps", 60, "--flow-model", "mvtools")
    assert _within(apart(out, around=0.45), _late(what))
    _enhanced(run, source, out, "-y", "--slowdown", 2, "--audio", "keep", "--flow-model", "mvtools")
    before, after = (_first_picture(path) for path in (source, out))
    first = flashes(source)[0] + _late(what) - before
    (found,) = beeps(out, [first + after], around=0.3)
    assert abs(found - first - after) <= CLOSE


def _first_picture(path: Path) -> float:
    with av.open(str(path)) as file:
        return float(next(file.decode(video=0)).time or 0)
