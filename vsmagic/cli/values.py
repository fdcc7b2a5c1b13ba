"""What options of several commands can be: times, numbers, workers; a wrong one is refused in one sentence."""

import math
import re
from fractions import Fraction
from typing import Any

import click

_TIME = re.compile(r"(?:(?:(\d+):)?(\d{1,2}):)?(\d+(?:\.\d+)?)")


class Time(click.ParamType[float]):
    """Seconds, or [hh:]mm:ss[.fff]."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return seconds."""
        if isinstance(value, float):
            return value
        found = _TIME.fullmatch(value)
        if found is None:
            self.fail(f"{value!r} is no time; expected seconds or [hh:]mm:ss[.fff], such as 90.5 or 1:30.5", param, ctx)
        hours, minutes, seconds = found.groups()
        return float(int(hours or 0) * 3600 + int(minutes or 0) * 60 + Fraction(seconds))


class Number(click.ParamType[float]):
    """A number that is one: JSON has no words for the others."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the number."""
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            self.fail(f"{value!r} is no number; expected one such as 2 or 1.5", param, ctx)
        return number


class Scale(Number):
    """A number, or auto."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number, or the word."""
        return value if value == "auto" else super().convert(value, param, ctx)


class Workers(click.ParamType[Any]):
    """A number of workers here, or the address of a cluster."""

    name = "workers"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number, or the address."""
        if isinstance(value, int):
            return value
        if value.isdecimal() and int(value) > 0:
            return int(value)
        if value != "ray" and not value.startswith("ray:"):
            self.fail(f"{value!r} is neither a number from 1 nor an address such as ray://host:10001", param, ctx)
        return value
