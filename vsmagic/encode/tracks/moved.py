"""Moves sound, subtitles and chapters to where the new picture has them, in ffmpeg's own words."""

import base64
import math
import re
from collections.abc import Sequence
from fractions import Fraction

from vsmagic.encode.containers import TEXT_SUBTITLES
from vsmagic.encode.tracks.carry import Carried
from vsmagic.encode.tracks.original import Original, Span
from vsmagic.media import AudioTrack, Track, VideoTrack

_SLOWEST_TEMPO = Fraction(1, 2)  # of one atempo filter
_FINE = Fraction(1, 1000)  # seconds that no one hears
_TICKS = 90_000  # a second
_WINDOWS_A_SECOND = 24  # by which atempo chooses the length of its window
_EARLY = 0.594  # see _early
_WIDE = "aformat=sample_fmts=s16|s16p|s32|s32p|flt|fltp|dbl|dblp"
_TIMECODE = re.compile(r"(\d\d):(\d\d):(\d\d)([:;.])(\d\d)")
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
            if sound and one.action == "copy":
                changed += _unrounded(one.track, span.position + original.media.start)
    if span.slowdown != 1 and one.track.kind in {"subtitle", "data"}:
        factor = _exact(span.slowdown)
        changed.append(f"setts=pts='PTS*{factor}':dts='DTS*{factor}':duration='DURATION*{factor}'")
    if span.slowdown != 1 and isinstance(one.track, AudioTrack) and original.sound == "stretch":
        options += [f"-filter:{number}", _slower(one.track, span)]
    delay = span.lead * (span.slowdown - 1)
    if sound and original.sound == "keep" and span.length is None and delay:
        changed.append(f"setts=pts='PTS+{seconds(delay)}/TB':dts='DTS+{seconds(delay)}/TB'")
    return [*options, *([f"-bsf:{number}", ",".join(changed)] if changed else [])]


def _unrounded(track: Track, position: Fraction) -> list[str]:
    """Return packet filters that undo how ffmpeg rounds the start of a part to a track's clock; none where it is fine.

    In AVI a tick of MP3's clock is a packet, 24 ms.
    """
    if track.time_base is None:
        return []
    late = round(position / track.time_base) * track.time_base - position
    if abs(late) < _FINE:
        return []
    ticks = round(late * _TICKS)
    moved = f"setts=time_base=1/{_TICKS}:prescale=1:pts='PTS+({ticks})':dts='DTS+({ticks})'"
    return [moved, "noise=amount=0:drop='lt(pts,0)'"]


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

    Holes are filled first, for atempo counts samples. Samples of 8 bits are made wider: silence is 128 there, which
    atempo takes for a signal and then joins its windows blindly. What it lets come early is made up for by a delay, and
    where the length is known, silence fills the end.
    """
    slowdown, rate = span.slowdown, max(1, track.rate)
    window = _window(rate)
    tempos = _tempos(1 / slowdown)
    joined = ",".join(f"atempo={float(tempo):.15g}" for tempo in tempos)
    if window != _own_window(rate):
        joined = f"asetrate={window * _WINDOWS_A_SECOND},{joined},asetrate={rate}"
    early = _early(tempos) * window / rate
    length = span.length or track.length
    fill = "" if length is None else f",apad=whole_dur={seconds(length * slowdown)}"
    return (
        f"{_WIDE},aresample=async=1,asetpts=PTS*{_exact(slowdown)}+{early:.6f}/TB,{joined},"
        f"aresample=async=1:first_pts=0{fill}"
    )


def _tempos(speed: Fraction) -> list[Fraction]:
    parts = []
    while speed < _SLOWEST_TEMPO:
        parts.append(_SLOWEST_TEMPO)
        speed /= _SLOWEST_TEMPO
    return [*parts, speed]


def _own_window(rate: int) -> int:
    """Samples that atempo joins at a rate: the power of two from a 24th of a second on."""
    return 1 << (max(1, rate // _WINDOWS_A_SECOND) - 1).bit_length()


def _window(rate: int) -> int:
    """Return the power of two nearest to the window at 48 kHz, in time.

    At 8, 16 and 32 kHz atempo's own is half as long again, and what it does to times grows with it.
    """
    return min((1 << n for n in range(6, 16)), key=lambda size: abs(math.log(size / rate * 48_000 / 2048)))


def _early(tempos: Sequence[Fraction]) -> float:
    """Return by how many windows sound comes early on the average, in the time of the output.

    Measured on beeps, noise that swells and speech, at 1.25 to 8 times and at 8 to 96 kHz. A window is laid where it
    fits best, up to a quarter of it beside its place, which no later one adds to.
    """
    early = 0.0
    for number, tempo in enumerate(tempos):
        early = early / float(tempo) + _EARLY * math.sqrt(1 - tempo) / 2**number
    return early


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


def timecode(track: VideoTrack, span: Span) -> str | None:
    """Return the SMPTE timecode (ST 12-1) of the first frame kept; None where the track has none.

    Counted at the track's rate; in drop-frame code every minute but each tenth leaves out its first numbers.
    """
    text = next((value for name, value in track.metadata.items() if name.lower() == "timecode"), None)
    found = _TIMECODE.fullmatch(text or "")
    rate = track.average_rate or track.guessed_rate
    if found is None or rate is None or span.length is None:
        return text
    hours, minutes, seconds_, mark, frames = found.groups()
    nominal = round(rate)
    dropped = nominal // 15 if mark in ";." else 0
    passed = int(hours) * 60 + int(minutes)
    number = (passed * 60 + int(seconds_)) * nominal + int(frames) - dropped * (passed - passed // 10)
    number += round(span.begin * rate)
    tens, rest = divmod(number, 600 * nominal - 9 * dropped)
    number += dropped * (9 * tens + max(0, (rest - dropped) // (60 * nominal - dropped)))
    number %= 24 * 3600 * nominal
    whole, frame = divmod(number, nominal)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}{mark}{frame:02}"


def _exact(factor: Fraction) -> str:
    """Write a factor for ffmpeg's expressions."""
    return f"{factor.numerator}/{factor.denominator}"


def seconds(time: Fraction) -> str:
    """Write a time as ffmpeg reads it, to the microsecond it works in."""
    return f"{float(time):.6f}"
