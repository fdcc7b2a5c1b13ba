"""ONNX operators that a backend must not be given, each with the reason."""


class Operator(str):
    """Name of an operator, and why a backend must not be given it."""

    reason: str


def because(reason: str, *names: str) -> frozenset[str]:
    """Return operators that share a reason; sets of several reasons can be joined."""

    def operator(name: str) -> Operator:
        made = Operator(name)
        made.reason = reason
        return made

    return frozenset(map(operator, names))


def why(operator: str) -> str:
    """Return the reason that an operator of a backend's set was given."""
    return operator.reason if isinstance(operator, Operator) else "it cannot run it"
