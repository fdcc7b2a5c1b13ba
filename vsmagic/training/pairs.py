"""What the networks of luma learn from: large pictures, the small ones that were made of them, and patches of both.

Pictures are drawn, or cut out of a user's folder, once a run; with a folder to keep them in, once for many runs.
"""

import hashlib
import io
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vsmagic.files import write_atomically
from vsmagic.training.degrade import reduced
from vsmagic.training.options import TrainOptions
from vsmagic.training.pictures import RGB, luma, picture
from vsmagic.training.wear import worn
from vsmagic.training.workers import shared_out

log = logging.getLogger(__name__)

_GENERATION, _WEAR = 1, 4
"""Go up when pictures, or wear, change, so that none that is kept from earlier is taken for them."""

_FLAT = 1 / 16
"""The share of patches that are flat: without any, a network was off by 1.3/255 on pure black, which bars showed."""

_VERSIONS = 2
"""How often each picture is worn, each time otherwise."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Pool:
    """Pictures and what was made of them, luma of 8 bits."""

    larges: NDArray[np.uint8]
    """``[count, size, size]``."""
    smalls: NDArray[np.uint8]
    """``[count, versions, size / scale, size / scale]``."""


def collect(options: TrainOptions) -> Pool:
    """Draw the pictures of a run, or find them in its pool.

    Raises:
        OptionError: the user's folder holds nothing that can be used.
    """
    kept: dict[str, Any] = {
        "generation": _GENERATION,
        "seed": options.seed,
        "count": options.pictures,
        "size": options.picture_size,
        "from": options.content if options.data is None else fingerprint(options.data),
    }
    log.info("collecting %d pictures of %d pixels", options.pictures, options.picture_size)
    pictures = _kept(options.pool, kept, partial(_pictures, options))
    kept |= {"scale": options.scale, "purpose": options.purpose, "versions": _versions(options)}
    kept |= {"wear": _WEAR} if options.purpose == "restore" else {}
    log.info("making the small pictures")
    smalls = _kept(options.pool, kept, partial(_smalls, options, pictures))
    return Pool(larges=np.stack([luma(one) for one in pictures]), smalls=smalls)


def fingerprint(data: Path) -> str:
    """Return what tells a folder's content from another's, wherever it lies: names and sizes of all files below it."""
    files = sorted(path for path in data.rglob("*") if path.is_file())
    told = [(path.relative_to(data).as_posix(), path.stat().st_size) for path in files]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def patches(pool: Pool, options: TrainOptions, step: int) -> tuple[Tensor, Tensor]:
    """The patches of a step, ``[batch, 1, scale * p, scale * p]`` and ``[batch, 1, p, p]``, 0 to 1.

    Each is turned and mirrored at random; a few are flat, black above all, as the bars around a film are.
    """
    random = np.random.default_rng([options.seed, options.pictures, step])
    size, scale = options.patch, options.scale
    large = np.empty((options.batch, 1, scale * size, scale * size), np.uint8)
    small = np.empty((options.batch, 1, size, size), np.uint8)
    for one, other in zip(large, small, strict=True):
        number = random.integers(len(pool.larges))
        version = random.integers(pool.smalls.shape[1])
        y, x = random.integers(0, options.small_size - size + 1, 2)
        turn = int(random.integers(8))
        if random.random() < _FLAT:
            one[:] = other[:] = random.choice([0, 0, 0, 255, random.integers(256)])
            continue
        taken = pool.larges[number, scale * y : scale * (y + size), scale * x : scale * (x + size)]
        one[0] = _turned(taken, turn)
        other[0] = _turned(pool.smalls[number, version, y : y + size, x : x + size], turn)
    return torch.from_numpy(large).float() / 255, torch.from_numpy(small).float() / 255


def _turned(patch: NDArray[np.uint8], turn: int) -> NDArray[np.uint8]:
    """One of the eight ways to turn and mirror a square."""
    turned = np.rot90(patch, turn % 4)
    return turned[:, ::-1] if turn >= 4 else turned


def _versions(options: TrainOptions) -> int:
    return _VERSIONS if options.purpose == "restore" else 1


def _pictures(options: TrainOptions) -> NDArray[np.uint8]:
    if options.data is not None:
        from vsmagic.training import folder

        return np.stack(
            folder.pictures_of(options.data, size=options.picture_size, count=options.pictures, seed=options.seed)
        )
    draw = partial(picture, options.seed, size=options.picture_size, content=options.content)
    return np.stack(shared_out(draw, range(options.pictures), options.threads))


def _smalls(options: TrainOptions, pictures: NDArray[np.uint8]) -> NDArray[np.uint8]:
    make = partial(_small, options.seed, options.scale, options.purpose, _versions(options))
    return np.stack(shared_out(make, list(enumerate(pictures)), options.threads))


def _small(seed: int, scale: int, purpose: str, versions: int, numbered: tuple[int, RGB]) -> NDArray[np.uint8]:
    """Return ``[versions, size / scale, size / scale]`` of a picture."""
    number, large = numbered
    if purpose == "clean":
        return reduced(luma(large), scale)[None]
    return np.stack([worn(np.random.default_rng([seed, number, n]), large, scale) for n in range(versions)])


def _kept(pool: Path | None, what: dict[str, Any], make: Callable[[], NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Return what the pool keeps under these facts; made now where it keeps nothing."""
    if pool is None:
        return make()
    key = hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:16]
    path = pool / f"{key}.npy"
    if not path.exists():
        buffer = io.BytesIO()
        np.save(buffer, make())
        write_atomically(path, buffer.getvalue())
    found: NDArray[np.uint8] = np.load(path, mmap_mode="r")
    return found
