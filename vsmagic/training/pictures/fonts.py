"""Fonts that come with packages, and what to write with them.

The files are named one by one, so that pictures do not depend on what else a machine has: those of matplotlib
(DejaVu, STIX and Computer Modern), and IPAexGothic of matplotlib-fontja, which has kana and kanji.
"""

import string
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import matplotlib
from PIL import ImageFont

from vsmagic.errors import SetupError
from vsmagic.training.pictures.fields import Random

_LATIN = 3 * string.ascii_lowercase + "eeeettaaooiinnsshhrr" + "áéíóúàèçñöäüßøåšžčłő"
_KANA = "".join(map(chr, range(0x3042, 0x3094))) + "".join(map(chr, range(0x30A2, 0x30F4)))
_KANJI = (
    "日一国会人年大十二本中長出三同時政事自行社見月分議後前民生連五発間対上部東者党地合市業内相方四定今回新場"
    "金員九入選立開手米力学問高代明実円関決子動京全目表戦経通外最言氏現理調体化田当八六約主題下首意法不来作性"
    "的要用制治度務強気小七成期公野協取都和統以機平総加山思家話世受区領多県続進正安設保改数記院女初北午指権心"
    "界支第産結百派点教報済書府活原先共得解名交資予川向際査勝面委告軍文反元重近千考判認画海参売利組知案道信策"
    "集在件団別物側任引使求所次水半品昨論計死官増係感特情投示変打男基私各始島直両朝革価式確村提運終挙果西勢減"
    "台広容必応演電歳住争談能無再位置企真流格有疑口過局少放税検藤町常校料沢裁状工建語球営空職証土与急止送援供"
)

SCRIPTS: dict[str, str] = {
    "latin": _LATIN,
    "greek": "αβγδεζηθικλμνξοπρστυφχψωάέήίόύώς",
    "cyrillic": "абвгдежзийклмнопрстуфхцчшщъыьэюяоеаинт",
    "armenian": "աբգդեզէըթժիլխծկհձղճմյնշոչպջռսվտրցւփքօֆ",
    "georgian": "აბგდევზთიკლმნოპჟრსტუფქღყშჩცძწჭხჯჰ",
    "hebrew": "אבגדהוזחטיךכלםמןנסעףפץצקרשת",
    "arabic": "ابتثجحخدذرزسشصضطظعغفقكلمنهوي",
    "kana": _KANA,
    "kanji": _KANJI + _KANA,
    "plain": string.ascii_lowercase + "eeettaaooiinns" + string.digits,
    "digits": string.digits + "0123456789.,:%+-/",
}
"""Letters of each script, as often as they should be drawn."""

UNCASED = frozenset({"georgian", "hebrew", "arabic", "kana", "kanji"})
"""Scripts without capitals; Georgian ones are new, and fonts lack them."""

_DEJAVU = ("latin", "greek", "cyrillic", "armenian", "georgian", "digits")
_WEST = ("latin", "greek", "cyrillic", "digits")

FONTS: dict[str, tuple[str, ...]] = {
    "DejaVuSans.ttf": (*_DEJAVU, "hebrew", "arabic"),
    "DejaVuSans-Bold.ttf": (*_DEJAVU, "arabic"),
    "DejaVuSans-Oblique.ttf": _WEST,
    "DejaVuSans-BoldOblique.ttf": _WEST,
    "DejaVuSansMono.ttf": (*_WEST, "arabic"),
    "DejaVuSansMono-Bold.ttf": _WEST,
    "DejaVuSansMono-Oblique.ttf": _WEST,
    "DejaVuSerif.ttf": _DEJAVU,
    "DejaVuSerif-Bold.ttf": _DEJAVU,
    "DejaVuSerif-Italic.ttf": _WEST,
    "DejaVuSerif-BoldItalic.ttf": _WEST,
    "STIXGeneral.ttf": _WEST,
    "STIXGeneralBol.ttf": _WEST,
    "STIXGeneralItalic.ttf": _WEST,
    "STIXGeneralBolIta.ttf": _WEST,
    "cmr10.ttf": ("plain",),
    "cmb10.ttf": ("plain",),
    "cmss10.ttf": ("plain",),
    "cmti10.ttf": ("plain",),
    "cmtt10.ttf": ("plain",),
    "ipaexg.ttf": ("kanji", "kana", "kanji", "kana", "cyrillic", "digits"),
}
"""Files, and the scripts that each can write; a script named twice is written more often."""


def path(file: str) -> Path:
    """Where a file of :data:`FONTS` is.

    Raises:
        SetupError: the package that has it is not installed.
    """
    if file == "ipaexg.ttf":
        package = find_spec("matplotlib_fontja")  # to import it would change matplotlib's settings
        if package is None or package.origin is None:
            raise SetupError("font ipaexg.ttf: matplotlib-fontja is not installed; pip install 'vsmagic[train]'.")
        return Path(package.origin).parent / "fonts" / file
    return Path(matplotlib.get_data_path()) / "fonts" / "ttf" / file


@cache
def font(file: str, points: int) -> ImageFont.FreeTypeFont:
    """A font of :data:`FONTS` at a size in pixels; letters are set one by one, alike on every machine."""
    return ImageFont.truetype(path(file), points, layout_engine=ImageFont.Layout.BASIC)


def chosen(random: Random) -> tuple[str, str]:
    """A file and a script for it; one in four is Japanese."""
    files = list(FONTS)
    file = files[-1] if random.random() < 0.2 else files[int(random.integers(0, len(files)))]
    return file, str(random.choice(FONTS[file]))


def sentence(random: Random, script: str, letters: int) -> str:
    """About so many letters of a script: words, capitals, a sign here and there."""
    alphabet, spaced = list(SCRIPTS[script]), script not in {"kana", "kanji"}
    drawn, cased = "".join(random.choice(alphabet, letters)), script not in UNCASED
    found, at = [], 0
    while at < letters:
        length = int(random.integers(2, 10))
        word, at = drawn[at : at + length], at + length
        style = random.random()
        if cased and style < 0.35:
            word = word.capitalize() if style < 0.25 else word.upper()
        sign = random.random()
        if spaced:
            word += str(random.choice([*",.:;!?-"])) if sign < 0.2 else ""
        else:
            word += str(random.choice([*"、。「」ー"])) if sign < 0.3 else ""
        found.append(word)
    return (" " if spaced else "").join(found)
