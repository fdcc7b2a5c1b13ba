"""How much encode.vpy lets VapourSynth keep."""

import pytest
import vapoursynth as vs

from vsmagic.chain import Chain
from vsmagic.encode.inside import script
from vsmagic.steps import InterpolateStep, UpscaleStep

ENLARGING = Chain(steps=(UpscaleStep(scale=2),))
ADDING = Chain(steps=(UpscaleStep(scale=2), InterpolateStep(multiplier="2")))


@pytest.mark.parametrize(
    ("chain", "size", "least", "most"),
    [
        (ENLARGING, (160, 120), 8, 16),  # a small clip's caches stay small, however long it is
        (ENLARGING, (720, 480), 60, 75),
        (ENLARGING, (3840, 2160), 512, 512),
        (ADDING, (160, 120), 512, 512),  # or frames would be enlarged again for every frame in between
    ],
)
def test_frames_are_kept_by_the_size_of_the_source_unless_some_are_made_of_several(
    chain: Chain, size: tuple[int, int], least: int, most: int
) -> None:
    clip = vs.core.std.BlankClip(format=vs.YUV420P8, width=size[0], height=size[1], length=1)
    assert least <= script._cache_mib(chain, clip) <= most
