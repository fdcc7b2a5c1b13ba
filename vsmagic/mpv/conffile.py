r"""``mpv.conf`` as bytes: find our line, add it, take it out again, and what else in it matters to us.

mpv's own reading (options/parse_configfile.c of 0.40) is followed: a BOM at the start is skipped, lines end at ``\n``,
``#`` starts a comment, ``--`` before an option is allowed, values may be quoted with ``"``, ``'`` or ``%LENGTH%``.

What an included file sets, mpv sets after everything in the file that includes it, wherever the line stands (measured
with 0.35 and 0.40: includes are carried out when the whole file has been read). So the file we include only adds to
lists, and every option of the user's keeps its value.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

FOLDER = "vsmagic"
"""Name of our folder in mpv's."""
CONF = "vsmagic.conf"
"""The file in it that is included."""

LINE = f'include="~~/{FOLDER}/{CONF}"'.encode()
_NAMES = tuple(f"{start}/{FOLDER}/{CONF}".encode() for start in ("~~", "~~home"))
_BOM = b"\xef\xbb\xbf"
_OPTION = re.compile(rb"(?:--)?([A-Za-z0-9_-]+)[ \t\v\f\r]*(?:=[ \t\v\f\r]*(.*))?", re.DOTALL)
_COUNTED = re.compile(rb"%(\d{1,9})%(.*)", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One option in the file."""

    number: int
    """Line, from 1."""
    profile: bytes | None
    """Section it stands in; None for what always holds."""
    name: bytes
    value: bytes | None


def settings(content: bytes) -> Iterator[Setting]:
    """Read the options as mpv does; lines that it would refuse are left out."""
    profile = None
    for number, line in enumerate(content.removeprefix(_BOM).split(b"\n"), 1):
        text = line.strip()
        if text.startswith(b"["):
            profile = text[1:].partition(b"]")[0]
        elif text and not text.startswith(b"#") and (found := _OPTION.match(text)):
            yield Setting(number=number, profile=profile, name=found[1], value=_value(found[2]))


def _value(text: bytes | None) -> bytes | None:
    if text is None:
        return None
    if text[:1] in (b'"', b"'"):
        return text[1:].partition(text[:1])[0]
    if counted := _COUNTED.match(text):
        return counted[2][: int(counted[1])]
    return text.partition(b"#")[0].strip()


def included(content: bytes) -> int | None:
    """Return the number of the line that includes our file, or None."""
    found = (s.number for s in settings(content) if s.name == b"include" and s.value in _NAMES)
    return next(found, None)


def with_line(content: bytes) -> bytes:
    """Return the file with our line first, after a BOM, with the line ending of the rest."""
    bom = _BOM if content.startswith(_BOM) else b""
    return bom + LINE + _ending(content) + content[len(bom) :]


def without_line(content: bytes) -> bytes:
    """Return the file without our line, wherever it stands now; the reverse of :func:`with_line`."""
    bom = _BOM if content.startswith(_BOM) else b""
    lines = content[len(bom) :].split(b"\n")
    for n, line in enumerate(lines):
        if line.removesuffix(b"\r") == LINE:
            return bom + b"\n".join(lines[:n] + lines[n + 1 :])
    return content


def _ending(content: bytes) -> bytes:
    first, newline, _ = content.partition(b"\n")
    return b"\r\n" if newline and first.endswith(b"\r") else b"\n"


def remarks(content: bytes, *, shaders: bool) -> Sequence[str]:
    """Tell which of the user's lines meet ours, in sentences.

    Args:
        content: the file.
        shaders: whether the shaders are installed and not the script.
    """
    told: dict[str, int] = {}
    for setting in settings(content):
        if sentence := _remark(setting, shaders=shaders):
            told.setdefault(sentence, setting.number)
    return [f"line {number} of mpv.conf {sentence}" for sentence, number in told.items()]


def _remark(setting: Setting, *, shaders: bool) -> str | None:
    value = setting.value or b""
    if shaders:
        if setting.name.startswith(b"glsl-shader") and setting.name != b"glsl-shader-opts" and value:
            return "has shaders of yours: they run together with vsmagic's, and two that enlarge cost twice."
        return None
    if setting.name in (b"vf", b"vf-append", b"vf-add", b"vf-pre", b"vf-set") and b"vapoursynth" in value:
        return "has a VapourSynth filter of yours: it runs together with vsmagic's, and each costs its own."
    if (setting.name, value) == (b"input-default-bindings", b"no") or setting.name == b"no-input-default-bindings":
        return "turns default keys off, vsmagic's with them: bind its keys in input.conf (docs/mpv.md)."
    return None
