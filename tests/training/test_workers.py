"""Work shared out to processes."""

import os

import numpy as np
import pytest

threadpoolctl = pytest.importorskip("threadpoolctl")
from vsmagic.training.workers import shared_out  # noqa: E402 - once what it needs is known to be there

prepared: list[str] = []


def prepare() -> None:
    prepared.append("once")


def told(number: int) -> tuple[int, int, tuple[str, ...], set[int]]:
    """A number, who made it, what was prepared, and how many threads a product of matrices has there."""
    np.ones((2, 2)) @ np.ones((2, 2))
    threads = {one["num_threads"] for one in threadpoolctl.threadpool_info() if one["user_api"] == "blas"}
    return number, os.getpid(), tuple(prepared), threads


@pytest.mark.parametrize("workers", [1, 2])
def test_what_is_made_comes_in_order_on_one_core_each(workers: int) -> None:
    prepared.clear()
    made = shared_out(told, range(40), workers, prepare=prepare)
    assert [number for number, *_ in made] == list(range(40))
    assert all(before == ("once",) and threads == {1} for _, _, before, threads in made)
    assert {process == os.getpid() for _, process, *_ in made} == {workers == 1}


def test_this_process_has_its_threads_back() -> None:
    before = told(0)[-1]
    shared_out(told, [1], 1)
    assert told(0)[-1] == before
