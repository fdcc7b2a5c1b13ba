"""Work shared out to processes, whose products of matrices keep to one core each."""

import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor

from threadpoolctl import threadpool_limits


def shared_out[Given, Made](
    make: Callable[[Given], Made], given: Sequence[Given], workers: int, *, prepare: Callable[[], None] | None = None
) -> list[Made]:
    """Make something of each.

    numpy's products keep to one thread. They are of small matrices: with a thread for each core they took 20 times as
    long beside other work on the same cores.

    Args:
        make: What makes it; can be pickled.
        given: Of what.
        workers: How many processes do it; 1: this one.
        prepare: Called once where things are made, before the first.

    Returns:
        What was made, in order.
    """
    if workers <= 1:
        with threadpool_limits(1, user_api="blas"):
            if prepare is not None:
                prepare()
            return [make(one) for one in given]
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_begin, initargs=(prepare,)) as executor:
        return list(executor.map(make, given, chunksize=max(1, min(16, len(given) // workers))))


def _begin(prepare: Callable[[], None] | None) -> None:
    import numpy as np  # noqa: F401 - its library must be there to be limited

    threadpool_limits(1, user_api="blas")
    if prepare is not None:
        prepare()
