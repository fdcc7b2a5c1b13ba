"""Which backend ``auto`` takes: the table of :mod:`vsmagic.backends.select`, and what comes of it on this machine."""

from dataclasses import dataclass
from typing import Any

from vsmagic.diagnosis.isolated import NoAnswerError, ask


@dataclass(frozen=True, kw_only=True)
class Row:
    """One backend, in the order in which they are tried."""

    backend: str
    runs_on: str
    computes_in: tuple[str, ...]
    """Precisions it has on this machine, the usual first."""
    excludes: dict[str, str]
    """ONNX operators it must not be given, and why."""
    passed_by: str | None
    """Why ``auto`` does not take it for the embedded model; None where it would."""
    taken: bool
    """Whether it is the first that ``auto`` would take."""

    @property
    def here(self) -> str:
        """What comes of it on this machine, in words."""
        return self.passed_by or ("auto takes it" if self.taken else "runs")

    @property
    def limits(self) -> list[str]:
        """Operators it must not be given, and why: a sentence for each reason."""
        reasons: dict[str, list[str]] = {}
        for operator, reason in self.excludes.items():
            reasons.setdefault(reason, []).append(operator)
        return [f"{', '.join(sorted(operators))}: {reason}" for reason, operators in reasons.items()]


def rows() -> list[Row] | str:
    """Return the table; where it cannot be made, why."""
    try:
        told: list[dict[str, Any]] = ask("choice")["backends"]
    except NoAnswerError as error:
        return str(error)
    return [Row(**row | {"computes_in": tuple(row["computes_in"])}) for row in told]
