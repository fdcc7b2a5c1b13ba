"""Moves sound, subtitles and chapters to where the new picture has them, in ffmpeg's own words."""

import base64
import re
from fractions import Fraction

from vsmagic.encode.carry import Carried
from vsmagic.encode.codecs import TEXT_SUBTITLES
from vsmagic.encode.original import Original, Span
from vsmagic.media import AudioTrack

_SLOWEST_TEMPO = Fraction(1, 2)  # of one atempo filter
# What ffmpeg's metadata files want a backslash before.
_SPECIAL = re.compile(r"[=;#\\\n]")


def time_options(number: int, one: Carried, original: Original) -> list[str]:
    """Return options that put a track's packets or samples where the new picture has them."""
    span, sound = original.span, one.track.kind == "audio"
    options: list[str] = []
    changed: list[str] = []
    if span.length is not None:
        if one.track.kind == "subtitle" and one.track.codec in TEXT_SUBTITLES:
            changed += _cut(span.length)
        else:
            options += [f"-copypriorss:{number}", "0"]
    if span.slowdown != 1 and one.track.kind == "subtitle":
        factor = _exact(span.slowdown)
        changed.append(f"setts=pts='PTS*{factor}':dts='DTS*{factor}':duration='DURATION*{factor}'")
    if span.slowdown != 1 and isinstance(one.track, AudioTrack) and original.sound == "stretch":
        options += [f"-filter:{number}", _slower(one.track, span)]
    delay = span.lead * (span.slowdown - 1)
    if sound and original.sound == "keep" and span.length is None and delay:
        changed.append(f"setts=pts='PTS+{seconds(delay)}/TB':dts='DTS+{seconds(delay)}/TB'")
    return [*options, *([f"-bsf:{number}", ",".join(changed)] if changed else [])]


def _cut(length: Fraction) -> list[str]:
    """Return packet filters that keep what lies before the cut out of a copied text track.

    A subtitle that is shown across a cut is shortened: a packet from before time 0 would make the muxer delay
    all the others.
    """
    duration = f"min(PTS+DURATION,{seconds(length)}/TB)-max(PTS,0)"
    over = "noise=amount=0:drop='lte(pts+duration,0)'"
    return [over, f"setts=pts='max(PTS,0)':dts='max(DTS,0)':duration='{duration}'"]


def _slower(track: AudioTrack, span: Span) -> str:
    """Return the filter that makes sound last longer at the same pitch; its start is moved likewise.

    atempo joins windows of the power of two from a 24th of a second on. The middle of the first stays where it is, so
    all that follows comes early: by half a window for each time more that it lasts. It is delayed by that, and where
    its length is known, silence fills the end.
    """
    slowdown, window = span.slowdown, 1 << (max(1, track.rate // 24) - 1).bit_length()
    early = Fraction(window, 2 * max(1, track.rate)) * (slowdown - 1)
    speed, parts = 1 / slowdown, []
    while speed < _SLOWEST_TEMPO:
        parts.append(_SLOWEST_TEMPO)
        speed /= _SLOWEST_TEMPO
    tempos = ",".join(f"atempo={float(part):.15g}" for part in (*parts, speed))
    length = span.length or track.length
    fill = "" if length is None else f",apad=whole_dur={seconds(length * slowdown)}"
    return f"asetpts=PTS*{_exact(slowdown)}+{seconds(early)}/TB,{tempos},aresample=async=1:first_pts=0{fill}"


def chapters(original: Original) -> str | None:
    """Return the stretched chapters as the name of an input for ffmpeg, which holds them itself; None without any."""
    span, media = original.span, original.media
    before = span.position if span.length is not None else Fraction(0)
    lines = [";FFMETADATA1"]
    for chapter in media.chapters:
        start, end = (max(time - media.start - before, Fraction(0)) for time in (chapter.start, chapter.end))
        if span.length is not None:
            start, end = min(start, span.length), min(end, span.length)
        if start < end:
            ticks = [round(time * span.slowdown * 1_000_000) for time in (start, end)]
            lines += ["[CHAPTER]", "TIMEBASE=1/1000000", f"START={ticks[0]}", f"END={ticks[1]}"]
            lines += [f"title={_SPECIAL.sub(_escaped, chapter.title)}"] if chapter.title else []
    text = "\n".join([*lines, ""])
    return f"data:text/plain;base64,{base64.b64encode(text.encode()).decode()}" if len(lines) > 1 else None


def _escaped(found: re.Match[str]) -> str:
    return f"\\{found[0]}"


def _exact(factor: Fraction) -> str:
    """Write a factor for ffmpeg's expressions."""
    return f"{factor.numerator}/{factor.denominator}"


def seconds(time: Fraction) -> str:
    """Write a time as ffmpeg reads it, to the microsecond it works in."""
    return f"{float(time):.6f}"
