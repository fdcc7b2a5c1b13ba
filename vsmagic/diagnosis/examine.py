"""All examinations of the doctor, and how they are carried out."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from vsmagic.diagnosis import extras, files, machine, programs, video
from vsmagic.diagnosis.check import Check, Examination

EXAMINATIONS: Sequence[Examination] = (
    *machine.EXAMINATIONS,
    *video.EXAMINATIONS,
    *programs.EXAMINATIONS,
    *extras.EXAMINATIONS,
    *files.EXAMINATIONS,
)

# Most of the time goes into waiting for programs to start.
_AT_ONCE = 4


def examine(examinations: Sequence[Examination] = EXAMINATIONS) -> list[Check]:
    """Carry out every examination; the results stand in the same order."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(lambda examination: examination(), examinations))
