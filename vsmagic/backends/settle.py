"""Settle what a plan leaves open: by what was measured for it, or by measuring now."""

from msgspec.structs import replace

from vsmagic.backends import tuned
from vsmagic.backends.infer import Plan
from vsmagic.backends.tuned import Record
from vsmagic.settings import settings

LEAST_FRAMES = 100
"""A shorter clip is done before a measurement would have paid."""


def settled(plan: Plan, size: tuple[int, int], *, frames: int, precision_open: bool) -> Plan:
    """Return the plan with what was measured for it; on first use for a long clip it is measured now.

    Args:
        plan: the model and how it is to be run.
        size: (width, height) of the frames the model is given.
        frames: how many of them.
        precision_open: whether the precision may be chosen.
    """
    if plan.streams is not None and not precision_open:
        return plan
    key = tuned.key_of(plan, size, precision_open=precision_open)
    record = tuned.load(key)
    if record is None and frames >= LEAST_FRAMES and settings().tune:
        from vsmagic.backends import tune

        record = tune.first_use(key, plan, size)
    return applied(record, plan) if record else plan


def applied(record: Record, plan: Plan) -> Plan:
    """Return a plan with what a record says of what it leaves open."""
    return replace(plan, precision=record.precision, preferred=record.streams)
