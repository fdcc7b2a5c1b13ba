"""Fills the speed table: each profile at several sizes, the quickest profiles first.

A chain is measured through its whole graph, on a clip as the player hands it out, in a process of its own: one that
crashes or takes for ever loses nothing but itself. The table is written after every measurement.

The priority stays as it is. At a lower one a busy machine would starve the measurement, and the figures would tell
nothing; at this one they tell what a player would get beside the same programs. Who wants those of an idle machine lets
it wait until there is one.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import closing, nullcontext
from fractions import Fraction
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from vsmagic import chain as chains
from vsmagic import idle
from vsmagic.bench.case import drawn_still
from vsmagic.bench.orders import Answer, Order, ask
from vsmagic.chain import Chain
from vsmagic.engine.lock import exclusive
from vsmagic.errors import MissingModelError
from vsmagic.files import cache_folder
from vsmagic.mpv import needs, profiles, speeds
from vsmagic.mpv.profiles import Known
from vsmagic.mpv.speeds import Speed, Table

SIZES = ((480, 360), (720, 480), (1280, 720), (1920, 1080))
"""What is measured where nobody asks for other sizes; those between and beyond follow from the number of pixels."""

SECONDS = 90.0
"""What all measurements may take together; what has begun by then comes on top."""
LENGTH = 2.0
"""Seconds of one measurement, from the first counted frame on."""

_GRACE = 10.0
"""Seconds that a measurement may take beyond its share before it is given up."""
_STOP = 15.0
"""Seconds beyond :data:`SECONDS` after which everything is given up, whatever it is at."""
_GLANCE = 0.5
"""Seconds of a look at how busy the machine is, where nobody asks to wait."""

Tell = Callable[[str], None]


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """One chain, which may be that of more than one profile."""

    chain: Chain
    kind: str
    """``pictures`` or ``motions``."""
    names: tuple[str, ...]
    cycle: int = 1
    """Frames after which the pattern of given and made ones repeats."""
    counted: int = 1
    """How many of them count."""

    def __str__(self) -> str:
        return ", ".join(self.names)


def measure(
    known: Known, *, sizes: Sequence[tuple[int, int]] = SIZES, source: Path | None = None, when_idle: bool = False,
    length: float = LENGTH, seconds: float = SECONDS, tell: Tell,
) -> Table:  # fmt: skip
    """Measure all profiles and keep the table; of two processes one measures, and the other takes what it found.

    Args:
        known: the profiles.
        sizes: (width, height) of the input.
        source: video to take pictures from; None for drawn ones.
        when_idle: wait before each profile until no other program works.
        length: seconds of one measurement.
        seconds: what all may take together, without the waiting.
        tell: hears what is being done.

    Raises:
        OutputError: the table cannot be written.
        EncodeError, SourceError: there are no pictures to measure on.
    """
    waited = []

    def waiting() -> None:
        waited.append(True)
        tell("another vsmagic is measuring; waiting for what it finds")

    cache_folder(speeds.path().parent)
    with exclusive(speeds.path().with_suffix(".lock"), waiting=waiting):
        found, here = speeds.load(), speeds.here()
        holds = found is not None and speeds.stale(found, here) is None
        if found and holds and found.complete and waited:
            return found
        run = _Run(known=known, sizes=sizes, length=length, seconds=seconds, tell=tell)
        run.begin(found if holds else None, here)
        with drawn_still() if source is None else nullcontext(source.resolve()) as pictures:
            run.all(pictures, when_idle=when_idle)
        return run.table


def subjects(known: Known) -> list[Subject]:
    """Return the chains of all profiles, each once: the quickest tiers before the others, motions after the first."""
    tiers = list(reversed(profiles.TIERS))
    ordered = sorted(known.profiles.pictures, key=lambda picture: tiers.index(picture.tier))
    pictures: dict[Chain, list[str]] = {}
    for picture in ordered:
        pictures.setdefault(known.picture(picture.name), []).append(picture.name)
    enlarging = [Subject(chain=chain, kind="pictures", names=tuple(names)) for chain, names in pictures.items()]
    cycle = Fraction(profiles.MULTIPLIER).numerator
    motions = [
        Subject(chain=known.motion(each.name), kind="motions", names=(each.name,), cycle=cycle, counted=cycle - 1)
        for each in known.profiles.motions
    ]
    return [*enlarging[:1], *motions, *enlarging[1:]]


class _Run:
    """One filling of the table."""

    def __init__(
        self, *, known: Known, sizes: Sequence[tuple[int, int]], length: float, seconds: float, tell: Tell
    ) -> None:
        self._subjects = subjects(known)
        self._sizes = tuple(sorted(sizes, key=lambda size: size[0] * size[1]))
        self._length, self._left = length, seconds
        self._tell = tell
        self.table: Table

    def begin(self, former: Table | None, here: speeds.Place) -> None:
        """Start with what is known of the same chains on the same machine."""
        steps = {name: _steps(subject.chain) for subject in self._subjects for name in subject.names}
        same = {name for name, chain in steps.items() if former and former.chains.get(name) == chain}
        self.table = Table(
            machine=here.machine,
            vsmagic=here.vsmagic,
            packages=here.packages,
            made=speeds.now(),
            pictures={name: rows for name, rows in former.pictures.items() if name in same} if former else {},
            motions={name: rows for name, rows in former.motions.items() if name in same} if former else {},
            chains=steps,
        )

    def all(self, pictures: Path, *, when_idle: bool) -> None:
        """Measure every chain, and write the table after each answer."""
        ready = [subject for subject in self._subjects if self._is_here(subject)]
        for number, subject in enumerate(ready):
            share = idle.wait(tell=self._tell) if when_idle else idle.busy(_GLANCE)
            self.table = replace(self.table, busy=_larger(self.table.busy, share))
            if not when_idle and number == 0 and share is not None and share > idle.IDLE:
                self._tell(f"other programs take {share:.0%} of the processors: the figures will be too low")
            began = time.monotonic()
            self._one(subject, pictures, self._left / (len(ready) - number))
            self._left -= time.monotonic() - began
        self._keep(complete=True)

    def _is_here(self, subject: Subject) -> bool:
        try:
            needs.check(subject.chain)
        except MissingModelError as error:
            self._lacks(subject, str(error))
            return False
        return True

    def _one(self, subject: Subject, pictures: Path, seconds: float) -> None:
        self._tell(f"{subject}: measuring")
        order = Order(
            steps=chains.to_json(subject.chain), sizes=self._sizes, footage=str(pictures), cycle=subject.cycle,
            counted=subject.counted, length=self._length, seconds=max(0.0, seconds),
        )  # fmt: skip
        measured = False
        with closing(ask(order, most=min(order.seconds + _GRACE, max(1.0, self._left + _STOP)))) as answers:
            for answer in answers:
                if answer.error is None:
                    measured = True
                    self._found(subject, answer)
                elif measured:
                    self._tell(f"{subject}: no further size was measured: {answer.error}")
                else:
                    self._lacks(subject, answer.error)

    def _found(self, subject: Subject, answer: Answer) -> None:
        width, height = answer.size or (0, 0)
        self._tell(f"{subject}: {answer.fps:.1f} frames a second at {width}x{height}")
        speed = Speed(width=width, height=height, fps=round(answer.fps, 3))
        rows = dict(getattr(self.table, subject.kind))
        for name in subject.names:
            others = [row for row in rows.get(name, []) if (row.width, row.height) != (width, height)]
            rows[name] = sorted([*others, speed], key=lambda row: row.width * row.height)
        lacking = {name: why for name, why in self.table.lacking.items() if name not in subject.names}
        self._keep(lacking=lacking, **{subject.kind: rows})

    def _lacks(self, subject: Subject, why: str) -> None:
        self._tell(f"{subject}: not measured: {why}")
        rows = {name: row for name, row in getattr(self.table, subject.kind).items() if name not in subject.names}
        lacking = self.table.lacking | dict.fromkeys(subject.names, why)
        self._keep(lacking=lacking, **{subject.kind: rows})

    def _keep(self, **changes: Any) -> None:
        self.table = replace(self.table, made=speeds.now(), **changes)
        speeds.store(self.table)


def _steps(chain: Chain) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = msgspec.json.decode(chains.to_json(chain))
    return found


def _larger(first: float | None, second: float | None) -> float | None:
    return max((share for share in (first, second) if share is not None), default=None)
