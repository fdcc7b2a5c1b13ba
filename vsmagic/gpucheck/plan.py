"""Which cases there are, in the order of their worth: a budget that runs out cuts the last ones."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from vsmagic.gpucheck.record import Case

GPU_BACKENDS = ("ort_cuda", "torch", "trt", "trt_rtx", "ncnn")
CPU_BACKENDS = ("ov", "ort", "torch")

_UNNAMED_TARGETS = ("trt_rtx",)
"""Backends whose builder knows GPUs by a list, and is asked itself whether it knows this one."""


@dataclass(frozen=True, kw_only=True)
class Scope:
    """What is to be covered."""

    backends: Sequence[str]
    models: Sequence[str]
    sizes: Sequence[tuple[int, int]]
    """(width, height) of the input; the last is the one that matters most."""
    precisions: Sequence[str]
    """The first is the one of the main table."""
    streams: Sequence[int]
    """The first is the one of the main table."""


AGREEMENT_SIZE = (192, 128)

GPU = Scope(
    backends=GPU_BACKENDS,
    models=(),
    sizes=((854, 480), (1280, 720), (1920, 1080)),
    precisions=("f16", "f32"),
    streams=(2, 1, 4),
)
CPU = Scope(backends=CPU_BACKENDS, models=(), sizes=((64, 48),), precisions=("f32",), streams=(1, 2))


def cases(scope: Scope) -> list[Case]:
    """Return every case, the one of the most worth first.

    What is installed, the peaks and the references; whether backends agree; the main table; the same from video to
    video; the other numbers of streams; the other precisions.
    """
    first, *others = scope.precisions
    main, *further = scope.streams
    return [
        Case(kind="survey"),
        Case(kind="peak"),
        *(Case(kind="reference", model=model, size=AGREEMENT_SIZE) for model in scope.models),
        *_agreements(scope, first),
        *(Case(kind="builder", backend=name) for name in scope.backends if name in _UNNAMED_TARGETS),
        *_speeds(scope, first, [main], "network"),
        *_speeds(scope, first, [main], "video"),
        *(case for other in others for case in _agreements(scope, other)),
        *_speeds(scope, first, further, "network"),
        *(case for other in others for case in _speeds(scope, other, [main], "network")),
    ]


def _agreements(scope: Scope, precision: str) -> Iterable[Case]:
    for model in scope.models:
        for backend in scope.backends:
            yield Case(kind="agreement", backend=backend, model=model, size=AGREEMENT_SIZE, precision=precision)


def _speeds(scope: Scope, precision: str, streams: Sequence[int], clip: str) -> Iterable[Case]:
    for size in reversed(scope.sizes):
        for model in scope.models:
            for number in streams:
                for backend in scope.backends:
                    yield Case(
                        kind="speed", backend=backend, model=model, size=size, precision=precision,
                        streams=number, clip="video" if clip == "video" else "network",
                    )  # fmt: skip
