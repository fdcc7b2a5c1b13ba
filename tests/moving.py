"""A real picture that moves evenly, and what it looks like at any moment."""

import functools

import av
import numpy as np
import pytest
import vapoursynth as vs

import frames as fr
from conftest import DATA


@functools.cache
def photograph():
    """A real picture's luma, 0 to 1."""
    path = DATA / "images/set14/monarch_HR.png"
    if not path.exists():
        pytest.skip(f"needs the shared test data, not found at {DATA}")
    with av.open(path) as file:
        return next(file.decode(video=0)).to_ndarray(format="gray").astype(np.float64) / 255


def moving(count, width=96, height=96, step=2, fmt=vs.RGBS):
    """A picture that moves evenly to the right, and what it looks like at any moment."""
    whole = photograph()[140 : 140 + height]

    def at(moment):
        start = 300 + round(step * (count - moment))
        return [whole[:, start : start + width]] * 3

    return fr.clip_of([at(n) for n in range(count)], fmt), at
