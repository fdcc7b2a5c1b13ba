"""ffmpeg and mpv."""

import subprocess
from functools import partial
from shutil import which

from vsmagic.diagnosis.check import Check, Examination, pip
from vsmagic.errors import OptionError, SetupError, VsmagicError


def _ffmpeg() -> Check:
    from vsmagic.encode.ffmpeg import find_ffmpeg

    check = partial(Check, group="Programs", name="ffmpeg", required=True)
    try:
        found = find_ffmpeg()
    except SetupError as error:
        remedy = f"unset VSMAGIC_FFMPEG, or name another ffmpeg there; the carried one: {pip('imageio-ffmpeg')}"
        return check(state="broken", detail=str(error), remedy=remedy)
    except OptionError as error:  # a variable that settings refuse; the message says which
        return check(state="broken", detail=str(error))
    return check(state="ok", detail=f"{found.version}, {found.program}")


def _encoders() -> Check:
    from vsmagic.encode.codecs import CODECS
    from vsmagic.encode.ffmpeg import find_ffmpeg

    check = partial(Check, group="Programs", name="encoders")
    try:
        offered = find_ffmpeg().encoders
    except VsmagicError:  # told by the check of ffmpeg itself
        return check(state="broken", detail="ffmpeg cannot be asked")
    lacking = [codec for codec in CODECS.values() if codec.encoder not in offered]
    if not lacking:
        return check(state="ok", detail=", ".join(f"{codec.name} ({codec.encoder})" for codec in CODECS.values()))
    return check(
        state="broken",
        detail=f"this ffmpeg lacks {', '.join(f'{codec.encoder} (--codec {codec.name})' for codec in lacking)}",
        remedy="unset VSMAGIC_FFMPEG to use the one from PyPI, which has them all",
    )


def _mpv() -> Check:
    check = partial(Check, group="Programs", name="mpv")
    program = which("mpv")
    if program is None:
        remedy = "install an mpv that is built with VapourSynth"
        return check(state="optional", detail="not on PATH (plays videos through the filters)", remedy=remedy)
    try:
        version = _first_line([program, "--version"])
        filters = subprocess.run([program, "--vf=help"], capture_output=True, text=True, timeout=20, check=False).stdout
    except (OSError, subprocess.TimeoutExpired) as error:
        return check(state="broken", detail=str(error), remedy="install mpv again")
    if "vapoursynth" not in filters:
        remedy = "install an mpv that is built with VapourSynth (Debian's and Ubuntu's are not)"
        return check(state="optional", detail=f"{version}, {program}, without the vapoursynth filter", remedy=remedy)
    return check(state="ok", detail=f"{version}, {program}, with the vapoursynth filter")


def _first_line(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    return " ".join(done.stdout.partition("\n")[0].split()[:2])


EXAMINATIONS: tuple[Examination, ...] = (_ffmpeg, _encoders, _mpv)
