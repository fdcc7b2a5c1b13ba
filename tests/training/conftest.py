"""Stopping a training."""

from collections.abc import Callable
from types import ModuleType

import pytest


def stop(train: Callable[[], object], loop: ModuleType, *, before: int) -> None:
    """Run a training whose loop is stopped before a step, as by Ctrl-C."""
    name = "step" if hasattr(loop, "step") else "_step"
    step = getattr(loop, name)

    def failing(state, *rest):
        if state.step == before:
            raise KeyboardInterrupt
        return step(state, *rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, name, failing)
        with pytest.raises(KeyboardInterrupt):
            train()
