"""What a builder says while it works: its log, and how far it is."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

log = logging.getLogger(__name__)

Tell = Callable[[float, str], None]
"""Called with the share that is done, 0 to 1, and what is being done."""


@dataclass
class Said:
    """The complaints of a build, for a message of ours."""

    errors: list[str] = field(default_factory=list)

    def last(self) -> str:
        """Return the last complaint as one line."""
        return self.errors[-1].strip().splitlines()[0] if self.errors else "it gave no reason"


def logger(library: Any, said: Said) -> Any:
    """Return the library's own kind of logger; everything goes to Python's logging, errors are kept as well."""

    class Logger(library.ILogger):  # type: ignore[misc]
        def __init__(self) -> None:
            library.ILogger.__init__(self)

        def log(self, severity: Any, message: str) -> None:
            if severity in (library.ILogger.ERROR, library.ILogger.INTERNAL_ERROR):
                said.errors.append(message)
            log.debug("%s", message)

    return Logger()


@dataclass
class _Phase:
    """One of the builder's nested phases."""

    parent: str | None
    steps: int
    done: int = 0
    inner: float = 0.0
    """Share of the current step that the phases inside have done."""

    def share(self) -> float:
        return min(1.0, (self.done + self.inner) / max(1, self.steps))


class Progress:
    """Turns nested phases into one number that never falls."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._phases: dict[str, _Phase] = {}
        self._told = 0.0
        self.stopped: BaseException | None = None
        """What was raised meanwhile, such as Ctrl-C: it cannot pass through the library, and is raised after it."""

    def start(self, name: str, parent: str | None, steps: int) -> None:
        """Note that a phase begins."""
        self._phases[name] = _Phase(parent, steps)
        self._update(name)

    def step(self, name: str, number: int) -> bool:
        """Note that a step of a phase is done; say whether to go on."""
        if phase := self._phases.get(name):
            phase.done, phase.inner = number + 1, 0.0
        self._update(name)
        return self.stopped is None

    def finish(self, name: str) -> None:
        """Note that a phase ends."""
        if phase := self._phases.pop(name, None):
            phase.done, phase.inner = phase.steps, 0.0
            self._pass_on(phase)

    def _update(self, name: str) -> None:
        if phase := self._phases.get(name):
            self._pass_on(phase)
        root = next(iter(self._phases.values()), None)
        if root is None or self.stopped is not None:
            return
        self._told = max(self._told, root.share())
        try:
            self._tell(self._told, name)
        except BaseException as error:  # no kind of it can pass through the library
            self.stopped = error

    def _pass_on(self, phase: _Phase) -> None:
        parent = self._phases.get(phase.parent or "")
        if parent is not None:
            parent.inner = phase.share()
            self._pass_on(parent)


def monitor(library: Any, progress: Progress) -> Any:
    """Return the library's own kind of progress monitor."""

    class Monitor(library.IProgressMonitor):  # type: ignore[misc]
        def __init__(self) -> None:
            library.IProgressMonitor.__init__(self)

        def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
            progress.start(phase_name, parent_phase, num_steps)

        def step_complete(self, phase_name: str, step: int) -> bool:
            try:
                return progress.step(phase_name, step)
            except KeyboardInterrupt as error:
                progress.stopped = error
                return False

        def phase_finish(self, phase_name: str) -> None:
            progress.finish(phase_name)

    return Monitor()
