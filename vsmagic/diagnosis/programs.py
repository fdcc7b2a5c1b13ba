"""ffmpeg and mpv."""

from functools import partial

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
    wanted = [codec for codec in CODECS.values() if not codec.hardware]
    lacking = [codec for codec in wanted if codec.encoder not in offered]
    if not lacking:
        return check(state="ok", detail=", ".join(f"{codec.name} ({codec.encoder})" for codec in wanted))
    return check(
        state="broken",
        detail=f"this ffmpeg lacks {', '.join(f'{codec.encoder} (--codec {codec.name})' for codec in lacking)}",
        remedy="unset VSMAGIC_FFMPEG to use the one from PyPI, which has them all",
    )


def _hardware() -> Check:
    """Encode a tiny clip with each encoder of a graphics card: ffmpeg lists them on every machine."""
    from vsmagic.encode.codecs import CODECS
    from vsmagic.encode.ffmpeg import find_ffmpeg

    check = partial(Check, group="Programs", name="encoders on graphics cards")
    try:
        ffmpeg = find_ffmpeg()
    except VsmagicError:
        return check(state="optional", detail="ffmpeg cannot be asked")
    wanted = [codec for codec in CODECS.values() if codec.hardware and codec.encoder in ffmpeg.encoders]
    refusals = {codec.name: ffmpeg.refusal(codec.encoder) for codec in wanted}
    working = [name for name, words in refusals.items() if words is None]
    if working:
        return check(state="ok", detail=", ".join(working))
    told = "; ".join(
        f"{', '.join(name for name, each in refusals.items() if each == words)}: {words}"
        for words in dict.fromkeys(refusals.values())
    )
    return check(state="optional", detail=f"none works here ({told or 'this ffmpeg has none'})")


def _mpv() -> Check:
    from vsmagic.mpv.report import examined

    try:
        player, advice = examined(None)
    except OptionError as error:  # a variable that settings refuse; the message says which
        return Check(group="Programs", name="mpv", state="optional", detail=str(error))
    works = player is not None and advice.works
    # What is needed elsewhere is no trouble of an mpv that works here.
    remedy = None if works else advice.remedy
    return Check(group="Programs", name="mpv", state="ok" if works else "optional", detail=advice.found, remedy=remedy)


EXAMINATIONS: tuple[Examination, ...] = (_ffmpeg, _encoders, _hardware, _mpv)
