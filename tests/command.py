"""Running ``vsmagic`` in this process; the fixture ``run`` does it."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from vsmagic.cli.main import main


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str


Run = Callable[..., Ran]


def runner(capfd: pytest.CaptureFixture[str]) -> Run:
    """Return what runs ``vsmagic …`` and tells its exit code and what it said."""

    def run(*arguments: object) -> Ran:
        capfd.readouterr()
        with pytest.raises(SystemExit) as exit_:
            main([str(argument) for argument in arguments])
        said = capfd.readouterr()
        assert isinstance(exit_.value.code, int)
        return Ran(exit_.value.code, said.out, said.err)

    return run
