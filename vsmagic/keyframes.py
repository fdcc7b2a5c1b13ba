"""Where the picture is cropped to, over time: keyframes and what lies between them. Pure Python.

The file format is a JSON list, ``[{"time": 5.0, "x": 480, "y": 270, "width": 960, "height": 540}, ...]``: seconds
and source pixels, floats welcome; ``"frame": n`` in place of ``"time"``; an optional ``"easing"`` that holds for
the segment that starts at that key.
"""

import bisect
import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Literal, get_args

import msgspec

from vsmagic.errors import KeyframeError

Easing = Literal["linear", "hold", "smooth", "catmull-rom"]
EASINGS: tuple[str, ...] = get_args(Easing)

_NUMBERS = ("x", "y", "width", "height")
_FIELDS = {"time", "frame", "easing", *_NUMBERS}
_LARGEST = 2**31  # of any number here: far more than a picture or a film has, far less than arithmetic can lose


class Rect(msgspec.Struct, frozen=True, kw_only=True):
    """A rectangle in source pixels; (x, y) is its upper left corner, and pixel n covers n to n + 1."""

    x: float
    y: float
    width: float
    height: float

    def values(self) -> tuple[float, float, float, float]:
        """Return (x, y, width, height)."""
        return self.x, self.y, self.width, self.height

    def inside(self, width: int, height: int) -> "Rect":
        """Return the rectangle brought into a frame of this size without changing its aspect.

        One larger than the frame is shrunk about its centre; one that then leaves the frame is shifted in.
        """
        shrink = min(1.0, width / self.width, height / self.height)
        w, h = min(self.width * shrink, width), min(self.height * shrink, height)  # rounding may go over
        x = self.x + (self.width - w) / 2
        y = self.y + (self.height - h) / 2
        return Rect(x=max(min(x, width - w), 0.0), y=max(min(y, height - h), 0.0), width=w, height=h)


class Keyframe(msgspec.Struct, frozen=True, kw_only=True):
    """One key: a rectangle at a moment, which is given in seconds or as a frame number."""

    time: Fraction | None = None
    """Seconds from the first frame."""
    frame: int | None = None
    """Frame number from 0, in place of ``time``."""
    rect: Rect
    """The crop at that moment, in source pixels."""
    easing: Easing | None = None
    """How the rectangle moves from this key to the next; None takes the track's."""


class KeyframeTrack(msgspec.Struct, frozen=True, kw_only=True):
    """Keys in order, all in seconds or all in frames, and the easing between them.

    Before the first and after the last key, that key holds.
    """

    keys: tuple[Keyframe, ...]
    easing: Easing = "linear"

    def __post_init__(self) -> None:
        moments = [_moment(key) for key in self.keys]
        if not moments or any(b <= a for a, b in itertools.pairwise(moments)):
            raise KeyframeError("a KeyframeTrack needs keys in rising order; KeyframeTrack.of sorts and checks them.")

    @staticmethod
    def load(path: str | Path, *, easing: Easing = "linear") -> "KeyframeTrack":
        """Read a track from a JSON file.

        Raises:
            KeyframeError: the file cannot be read, is not JSON, or an entry is malformed.
        """
        import json  # most scripts have no such file

        path = Path(path)
        try:
            entries = json.loads(path.read_text(encoding="utf-8-sig"), object_pairs_hook=_without_repeats)
        except OSError as error:
            raise KeyframeError(f"keyframes {path}: the file cannot be read ({error.strerror}).") from error
        except UnicodeDecodeError as error:
            raise KeyframeError(f"keyframes {path}: not a text file; expected a JSON list.") from error
        except KeyframeError as error:
            raise KeyframeError(f"keyframes {path}: {error}") from error
        except (ValueError, RecursionError) as error:  # more kinds than JSONDecodeError: long digits, deep nesting
            raise KeyframeError(f"keyframes {path}: not valid JSON: {error}.") from error
        return KeyframeTrack.parse(entries, easing=easing, name=f"keyframes {path}")

    @staticmethod
    def parse(entries: object, *, easing: Easing = "linear", name: str = "keyframes") -> "KeyframeTrack":
        """Build a track from a list of mappings in the file format.

        Args:
            entries: the list; see the module's docstring for the fields.
            easing: for segments whose key names none.
            name: what to call the list in messages.

        Raises:
            KeyframeError: names the entry, the field, its value and what was expected.
        """
        if not isinstance(entries, Sequence) or isinstance(entries, str | bytes):
            raise KeyframeError(f"{name}: got {_kind(entries)}; expected a list of keyframes.")
        if not entries:
            raise KeyframeError(f"{name}: the list is empty; expected at least one keyframe.")
        return KeyframeTrack.of(
            (_parse_entry(entry, f"{name}: entry {n}") for n, entry in enumerate(entries)), easing=easing, name=name
        )

    @staticmethod
    def of(keys: Iterable[Keyframe], *, easing: Easing = "linear", name: str = "keyframes") -> "KeyframeTrack":
        """Build a track from keys, sorted by their moment.

        Raises:
            KeyframeError: moments are given both in seconds and in frames, or two keys share one.
        """
        _check_easing(easing, name)
        keys = tuple(keys)
        if not keys:
            raise KeyframeError(f"{name}: the list is empty; expected at least one keyframe.")
        if len({key.frame is None for key in keys}) > 1:
            raise KeyframeError(f"{name}: some entries have 'time' and some 'frame'; expected one of them throughout.")
        for n, key in enumerate(keys):
            _check_rect(key.rect, f"{name}: entry {n}")
        ordered = tuple(sorted(keys, key=_moment))
        for before, after in itertools.pairwise(ordered):
            if _moment(before) == _moment(after):
                raise KeyframeError(f"{name}: two entries stand at the same moment, {float(_moment(after)):g}.")
        return KeyframeTrack(keys=ordered, easing=easing)

    @property
    def in_frames(self) -> bool:
        """Whether moments are frame numbers rather than seconds."""
        return self.keys[0].frame is not None

    def at(self, moment: Fraction | float) -> Rect:
        """Return the rectangle at a moment: seconds, or a frame number where the track is in frames.

        Sub-pixel, as given: not yet brought inside any frame.
        """
        moments = [_moment(key) for key in self.keys]
        n = bisect.bisect_right(moments, moment) - 1
        if n < 0:
            return self.keys[0].rect
        if n == len(self.keys) - 1:
            return self.keys[-1].rect
        part = float((Fraction(moment) - moments[n]) / (moments[n + 1] - moments[n]))
        easing = self.keys[n].easing or self.easing
        x, y, width, height = _EASE[easing](self.keys, n, part)
        # A spline may overshoot, but no crop is smaller than the smallest key.
        smallest = (min(key.rect.width for key in self.keys), min(key.rect.height for key in self.keys))
        return Rect(x=x, y=y, width=max(width, smallest[0]), height=max(height, smallest[1]))


def _moment(key: Keyframe) -> Fraction:
    if key.frame is not None:
        return Fraction(key.frame)
    if key.time is None:
        raise KeyframeError("a keyframe has neither 'time' nor 'frame'; expected one of them.")
    return key.time


def _hold(keys: Sequence[Keyframe], n: int, part: float) -> tuple[float, ...]:
    del part
    return keys[n].rect.values()


def _linear(keys: Sequence[Keyframe], n: int, part: float) -> tuple[float, ...]:
    pairs = zip(keys[n].rect.values(), keys[n + 1].rect.values(), strict=True)
    return tuple(a + (b - a) * part for a, b in pairs)


def _smooth(keys: Sequence[Keyframe], n: int, part: float) -> tuple[float, ...]:
    """Monotone cubic (Fritsch and Butland 1984: weighted harmonic mean of the slopes), so it never overshoots."""
    moments = [float(_moment(key)) for key in keys]
    columns = zip(*(key.rect.values() for key in keys), strict=True)
    return tuple(_hermite(moments, column, n, part) for column in columns)


def _hermite(moments: Sequence[float], values: Sequence[float], n: int, part: float) -> float:
    step = moments[n + 1] - moments[n]
    m0 = _monotone_slope(moments, values, n) * step
    m1 = _monotone_slope(moments, values, n + 1) * step
    t, a, b = part, values[n], values[n + 1]
    value = (2 * t**3 - 3 * t**2 + 1) * a + (t**3 - 2 * t**2 + t) * m0 + (3 * t**2 - 2 * t**3) * b + (t**3 - t**2) * m1
    return min(max(value, min(a, b)), max(a, b))  # rounding alone could step over an end


def _monotone_slope(moments: Sequence[float], values: Sequence[float], n: int) -> float:
    if n in (0, len(values) - 1):
        return 0.0  # the key before the first and after the last is that key itself, so it starts and ends at rest
    before, after = moments[n] - moments[n - 1], moments[n + 1] - moments[n]
    left, right = (values[n] - values[n - 1]) / before, (values[n + 1] - values[n]) / after
    if left * right <= 0:
        return 0.0
    return 3 * (before + after) / ((2 * after + before) / left + (after + 2 * before) / right)


def _catmull_rom(keys: Sequence[Keyframe], n: int, part: float) -> tuple[float, ...]:
    """Uniform Catmull-Rom spline (1974) with the end keys duplicated; it may overshoot."""
    places = [min(max(i, 0), len(keys) - 1) for i in range(n - 1, n + 3)]
    t = part
    columns = zip(*(keys[i].rect.values() for i in places), strict=True)
    return tuple(
        0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
        for a, b, c, d in columns
    )


_EASE = {"hold": _hold, "linear": _linear, "smooth": _smooth, "catmull-rom": _catmull_rom}


def _parse_entry(entry: object, where: str) -> Keyframe:
    if not isinstance(entry, Mapping):
        raise KeyframeError(f"{where}: got {_kind(entry)}; expected an object with time, x, y, width, height.")
    unknown = sorted(str(field) for field in entry if field not in _FIELDS)
    if unknown:
        raise KeyframeError(f"{where}: unknown field {unknown[0]!r}; expected {', '.join(sorted(_FIELDS))}.")
    if ("time" in entry) == ("frame" in entry):
        raise KeyframeError(f"{where}: expected one of 'time' (seconds) and 'frame' (number), not both or neither.")
    easing = entry.get("easing")
    if easing is not None:
        _check_easing(easing, f"{where}: field 'easing'")
    x, y, width, height = (float(_number(entry, field, where)) for field in _NUMBERS)
    rect = Rect(x=x, y=y, width=width, height=height)
    if "frame" in entry:
        return Keyframe(frame=_frame_number(entry, where), rect=rect, easing=easing)
    return Keyframe(time=_seconds(entry, where), rect=rect, easing=easing)


def _without_repeats(pairs: list[tuple[str, object]]) -> dict[str, object]:
    entry = dict(pairs)
    if len(entry) < len(pairs):
        fields = [field for field, _ in pairs]
        twice = next(field for field in fields if fields.count(field) > 1)
        raise KeyframeError(f"field {twice!r} is given twice in one entry; expected it once.")
    return entry


def _number(entry: Mapping[str, object], field: str, where: str) -> int | float | Fraction:
    if field not in entry:
        raise KeyframeError(f"{where}: field {field!r} is missing; expected a number of pixels.")
    return _checked(entry[field], field, where)


def _checked(value: object, field: str, where: str) -> int | float | Fraction:
    if isinstance(value, bool) or not isinstance(value, int | float | Fraction):
        raise KeyframeError(f"{where}: field {field!r} is {value!r}; expected a number.")
    if isinstance(value, float) and not math.isfinite(value):
        raise KeyframeError(f"{where}: field {field!r} is {value}; expected a finite number.")
    if not -_LARGEST <= value <= _LARGEST:
        raise KeyframeError(f"{where}: field {field!r} is too large; expected a number up to {_LARGEST}.")
    return value


def _check_rect(rect: Rect, where: str) -> None:
    for field in _NUMBERS:
        value = _checked(getattr(rect, field), field, where)
        if value <= 0 and field in ("width", "height"):
            raise KeyframeError(f"{where}: field {field!r} is {float(value):g}; expected a size above 0.")


def _seconds(entry: Mapping[str, object], where: str) -> Fraction:
    value = _number(entry, "time", where)
    # A decimal as it was written: 0.1 is one tenth, not the nearest binary fraction.
    seconds = Fraction(repr(float(value))) if isinstance(value, float) else Fraction(value)
    if seconds < 0:
        raise KeyframeError(f"{where}: field 'time' is {float(seconds):g}; expected seconds from 0.")
    return seconds


def _frame_number(entry: Mapping[str, object], where: str) -> int:
    value = _number(entry, "frame", where)
    if not isinstance(value, int) or value < 0:
        raise KeyframeError(f"{where}: field 'frame' is {value!r}; expected a whole number from 0.")
    return value


def _check_easing(value: object, where: str) -> None:
    if value not in EASINGS:
        raise KeyframeError(f"{where}: unknown easing {value!r}; expected {', '.join(EASINGS)}.")


def _kind(value: object) -> str:
    return "nothing" if value is None else f"a {type(value).__name__}"
