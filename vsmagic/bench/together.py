"""Whether the time of a picture and a motion profile together is the sum of both, as the player reckons.

    python -m vsmagic.bench.together animation-performance flow --size 720x480

The three take turns, each in a process of its own. A frame that is shown should take 1/fps of the picture and, of each
cycle's frames, the share that is made over fps of the motion. Prints, round by round, that sum over the time measured:
above 1 the combination is faster than its parts say. The same for the time of the processors, which others change less.
"""

import argparse
import sys
from collections.abc import Sequence
from fractions import Fraction
from statistics import median

from vsmagic import chain as chains
from vsmagic.bench.case import drawn_still
from vsmagic.bench.orders import Answer, Order, ask
from vsmagic.chain import Chain
from vsmagic.errors import EncodeError
from vsmagic.machine import load, machine
from vsmagic.mpv import profiles

_CYCLE = Fraction(profiles.MULTIPLIER).numerator
_MADE = _CYCLE - 1
_MOST = 600.0  # seconds of a run


def ratio(picture: float, motion: float, both: float) -> float:
    """Return the time that the parts say over that of the combination.

    Args:
        picture: seconds of a frame that the picture profile shows alone.
        motion: seconds of a frame that the motion profile makes alone.
        both: seconds of a frame that the two show together.
    """
    return (picture + _MADE / _CYCLE * motion) / both


def rounds(picture: str, motion: str, size: tuple[int, int], *, seconds: float, count: int) -> list[list[Answer]]:
    """Return what was measured of the picture, of the motion and of both, round by round.

    Raises:
        EncodeError: one of them does not run; says why.
    """
    known = profiles.load()
    alone, moving, both = known.picture(picture), known.motion(motion), known.together(picture, motion)
    with drawn_still() as still:

        def run(chain: Chain, *, cycle: int = 1, counted: int = 1) -> Answer:
            order = Order(
                steps=chains.to_json(chain), sizes=(size,), footage=str(still), cycle=cycle, counted=counted,
                length=seconds, seconds=_MOST,
            )  # fmt: skip
            for answer in ask(order, most=_MOST):
                if answer.error is not None:
                    raise EncodeError(f"bench: {answer.error}")
                return answer
            raise EncodeError("bench: the measurement ended without an answer")

        return [
            [run(alone), run(moving, cycle=_CYCLE, counted=_MADE), run(both, cycle=_CYCLE, counted=_CYCLE)]
            for _ in range(count)
        ]


def main(arguments: Sequence[str]) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("picture", metavar="PICTURE")
    parser.add_argument("motion", metavar="MOTION")
    parser.add_argument("--size", default="720x480", metavar="WxH", help="of the input")
    parser.add_argument("--seconds", type=float, default=6.0, help="of each run")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args(arguments)
    width, height = (int(side) for side in given.size.split("x"))
    sys.stdout.write(f"{machine()}; load {load() or 0:.1f} of other programs\n")
    found = rounds(given.picture, given.motion, (width, height), seconds=given.seconds, count=given.rounds)
    for name, answers in zip(("picture", "motion", "both"), zip(*found, strict=True), strict=True):
        fps = median(answer.fps for answer in answers)
        busy = median(answer.fps * answer.processor for answer in answers)
        sys.stdout.write(f"{name:<8} {fps:8.2f} a second, {busy:.2f} processors busy\n")
    _print("time", [ratio(*(1 / answer.fps for answer in row)) for row in found])
    _print("processors' time", [ratio(*(answer.processor for answer in row)) for row in found])


def _print(what: str, ratios: Sequence[float]) -> None:
    each = " ".join(f"{one:.2f}" for one in ratios)
    sys.stdout.write(f"{what}: the sum of both over what was measured: {median(ratios):.2f} ({each})\n")


if __name__ == "__main__":
    main(sys.argv[1:])
