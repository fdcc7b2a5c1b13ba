"""Pictures to quantize a model with: generated ones, or those of a clip.

A network is calibrated on small pictures, as it will see them, and its loss is measured on other ones that were
reduced from a truth. One that restores luma sees them worn.
"""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import vapoursynth as vs

from vsmagic import colours
from vsmagic.errors import OptionError
from vsmagic.models.loss import Sample
from vsmagic.models.quantize import Pictures
from vsmagic.models.spec import ModelSpec
from vsmagic.source import source
from vsmagic.training.degrade import Plane, reduced, resample, resampling, to_bytes, to_plane
from vsmagic.training.pictures import RGB, luma, picture
from vsmagic.training.wear import worn

log = logging.getLogger(__name__)

CALIBRATION = 24
CHECK = 12
_SIDE = 64

type Frame = Plane
"""``[channels, height, width]``, 0 to 1, of 8 bits a value."""


def generated(spec: ModelSpec, *, seed: int = 0, calibration: int = CALIBRATION, check: int = CHECK) -> Pictures:
    """Draw pictures for a model; they depend on the seed, the counts and the model's facts alone.

    Args:
        spec: the model's facts.
        seed: any non-negative integer.
        calibration: how many to calibrate on.
        check: how many to measure the loss on; others than those.
    """
    small, large = _side(_SIDE, spec.multiple), _side(_SIDE, spec.multiple) * spec.scale
    even = large + large % 2
    return Pictures(
        calibration=[
            _reduced(picture(seed, n, 2 * small), _random(seed, n), spec, 2)[None] for n in range(calibration)
        ],
        check=[
            _sample(
                _planes(truth, spec.channels)[:, :large, :large],
                spec,
                _reduced(truth, _random(seed, n), spec, spec.scale) if spec.purpose == "restore" else None,
            )
            for n in range(calibration, calibration + check)
            for truth in [picture(seed, n, even)]
        ],
        source=f"{calibration} generated pictures (seed {seed})",
    )


def of_clip(path: Path, spec: ModelSpec, *, seed: int = 0) -> Pictures:
    """Cut pictures out of a clip, at random places of frames spread over it; the seed chooses the places.

    The clip's own pixels are the truth that the loss is measured against, and reduced ones what the network sees.

    Raises:
        SourceError: the clip cannot be opened, or has no frames.
        OptionError: its frames are too small for the model.
    """
    clip = _floats(source(path), spec.channels)
    random = np.random.default_rng(seed)
    side = min(_SIDE, clip.width // spec.scale, clip.height // spec.scale) // spec.multiple * spec.multiple
    if not side:
        raise OptionError(
            f"--clip {path}: its frames of {clip.width}x{clip.height} are too small; this model needs at least "
            f"{spec.multiple * spec.scale} pixels each way."
        )
    cut = _cutter(clip, random)
    numbers = [n * clip.num_frames // (CALIBRATION + CHECK) for n in range(CALIBRATION + CHECK)]
    checked = set(numbers[1::3])
    calibrated = [number for number in numbers if number not in checked] or numbers
    return Pictures(
        calibration=[cut(number, side)[None] for number in calibrated],
        check=[_sample(cut(number, side * spec.scale), spec) for number in sorted(checked)],
        source=f"{len(calibrated)} pictures of {path.name}",
    )


def _side(least: int, multiple: int) -> int:
    return -(-least // multiple) * multiple


def _random(seed: int, number: int) -> np.random.Generator:
    return np.random.default_rng([seed, number, 1])


def _planes(drawn: RGB, channels: int) -> Frame:
    """Return what a network sees of a picture at its size, RGB or luma."""
    return to_plane(luma(drawn)[None] if channels == 1 else np.ascontiguousarray(drawn.transpose(2, 0, 1)))


def _reduced(drawn: RGB, random: np.random.Generator, spec: ModelSpec, times: int) -> Frame:
    """Return a picture that many times smaller; worn, where the network restores luma."""
    if spec.purpose == "restore" and spec.channels == 1:
        return to_plane(worn(random, drawn, times)[None])
    planes = to_bytes(_planes(drawn, spec.channels))
    return to_plane(np.stack([reduced(plane, times) for plane in planes]))


def _sample(truth: Frame, spec: ModelSpec, small: Frame | None = None) -> Sample:
    """Pair a truth with what the network sees, which is the truth made smaller unless it is given, and its base."""
    size = truth.shape[1]
    down, up = resampling(size, size // spec.scale), resampling(size // spec.scale, size)
    if small is None:
        small = to_plane(np.stack([to_bytes(resample(down, plane, down)) for plane in truth]))
    seen = small[None]
    base: Plane | float
    match spec.base:
        case "none":
            base = 0.0
        case "nearest":
            base = seen.repeat(spec.scale, axis=2).repeat(spec.scale, axis=3)
        case "bicubic":
            base = np.stack([resample(up, plane, up) for plane in small])[None]
    return Sample(small=seen, truth=truth[None], base=base)


def _floats(clip: vs.VideoNode, channels: int) -> vs.VideoNode:
    """Return a clip as networks see it: full-range float, luma or RGB."""
    tagged, known = colours.tagged(clip), colours.colour(clip)
    if channels == 3:
        return tagged.resize.Bicubic(format=vs.RGBS)
    matrix = {"matrix": known.matrix} if clip.format.color_family != vs.RGB else {"matrix": vs.MATRIX_BT709}
    return tagged.resize.Bicubic(format=vs.GRAYS, **matrix)


def _cutter(clip: vs.VideoNode, random: np.random.Generator) -> Callable[[int, int], Frame]:
    def cut(number: int, side: int) -> Frame:
        y, x = (int(random.integers(0, length - side + 1)) for length in (clip.height, clip.width))
        with clip.get_frame(number) as frame:
            planes: Sequence[Plane] = [
                np.asarray(frame[n])[y : y + side, x : x + side] for n in range(frame.format.num_planes)
            ]
            return to_plane(to_bytes(np.stack(planes)))

    return cut
