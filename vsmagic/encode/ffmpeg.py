"""Finds the ffmpeg to run and checks that it runs and has what a job needs."""

import re
import subprocess
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from shutil import which

from vsmagic.errors import SetupError
from vsmagic.settings import settings

# Width, height and frames of a clip that every encoder takes: NVENC wants more than 144 columns.
_TRIAL = (256, 256, 5)
_SPEAKER = re.compile(r"^(\[[^]]*\] *)+")


@dataclass(frozen=True, kw_only=True)
class Ffmpeg:
    """An ffmpeg that was run once."""

    program: Path
    version: str
    """What it calls itself, such as ``n9.0.2-17-g2a571b6068``."""
    encoders: frozenset[str]
    """Names of the video and audio encoders it was built with."""
    light: bool = False
    """It can be told the HDR metadata of its input, and passes it on to every encoder and container."""

    def require(self, encoder: str) -> None:
        """Raise SetupError if this ffmpeg lacks an encoder."""
        if encoder not in self.encoders:
            raise SetupError(
                f"{self.program}: this ffmpeg ({self.version}) has no {encoder} encoder; choose another --codec, or "
                "another ffmpeg with --ffmpeg or VSMAGIC_FFMPEG (without either, the one from PyPI is used)."
            )

    def refusal(self, encoder: str, *options: str) -> str | None:
        """Encode a tiny clip and return why that failed, in ffmpeg's words; None when it worked.

        The list of encoders names those of graphics cards on every machine. Asked once for each encoder.
        """
        return _refusal(self.program, encoder, options)


def find_ffmpeg(asked: str | None = None) -> Ffmpeg:
    """Find ffmpeg: the one asked for, else ``VSMAGIC_FFMPEG``, else the one the package imageio-ffmpeg carries.

    Args:
        asked: path, or a name that is on PATH.

    Raises:
        SetupError: it is not there or does not run.
    """
    chosen, origin = asked or settings().ffmpeg, "--ffmpeg" if asked else "VSMAGIC_FFMPEG"
    if chosen is None:
        return _checked(_carried())
    found = which(chosen)
    if found is None:
        raise SetupError(f"{chosen}: no program of this name ({origin}); give the path of an ffmpeg, or leave it out.")
    return _checked(Path(found))


def _carried() -> Path:
    remedy = "install it with: python -m pip install imageio-ffmpeg, or name another with --ffmpeg"
    try:
        import imageio_ffmpeg

        return Path(imageio_ffmpeg.get_ffmpeg_exe())
    except (ImportError, RuntimeError) as error:
        raise SetupError(f"ffmpeg is missing ({error}); {remedy}.") from error


@lru_cache
def _checked(program: Path) -> Ffmpeg:
    first = _output(program, "-version").partition("\n")[0].split()
    if first[:2] != ["ffmpeg", "version"] or len(first) < 3:
        raise SetupError(f"{program}: does not answer like ffmpeg; name another with --ffmpeg.")
    # A line of the list: " V....D libx264   the encoder in words".
    table = _output(program, "-hide_banner", "-encoders").partition("------")[2]
    rows = [line.split() for line in table.splitlines()]
    return Ffmpeg(
        program=program,
        version=first[2],
        encoders=frozenset(row[1] for row in rows if len(row) > 1),
        light="-mastering_display" in _output(program, "-hide_banner", "-h", "long"),
    )


@lru_cache
def _refusal(program: Path, encoder: str, options: tuple[str, ...]) -> str | None:
    width, height, frames = _TRIAL
    line = [str(program), "-hide_banner", "-nostdin", "-nostats", "-loglevel", "error"]
    line += ["-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", f"{width}x{height}", "-i", "pipe:0"]
    line += ["-c:v", encoder, *options, "-f", "null", "-"]
    try:
        done = subprocess.run(
            line, input=bytes(width * height * 3 // 2 * frames), capture_output=True, timeout=60, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if done.returncode == 0:
        return None
    # What went wrong is said first; what follows is that nothing came of it.
    said = [_SPEAKER.sub("", line).strip() for line in done.stderr.decode(errors="replace").splitlines()]
    return next(filter(None, said), f"ended with code {done.returncode}").rstrip(".")


def _output(program: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(
            [str(program), *arguments], capture_output=True, text=True, errors="replace", timeout=60, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SetupError(f"{program}: cannot be run ({error}); name another ffmpeg with --ffmpeg.") from error
    if done.returncode:
        raise SetupError(f"{program}: ended with code {done.returncode}; name another ffmpeg with --ffmpeg.")
    return done.stdout
