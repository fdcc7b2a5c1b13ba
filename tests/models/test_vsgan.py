"""VSGAN, a second and independent implementation of the same networks, gives what we give.

Its own frame callback asks for a frame inside a frame callback, which VapourSynth R81 with few threads never answers;
so the callback is called directly. All of VSGAN's own code runs: architecture, conversion in and out, tiling.
"""

from pathlib import Path

import numpy as np
import pytest
import vapoursynth as vs

import frames as fr
from vsmagic import upscale


@pytest.mark.filterwarnings("ignore:The given buffer is not writable")  # of its own conversion
def test_animevideov3_is_vsgans(data: Path, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    vsgan = pytest.importorskip("vsgan", reason="VSGAN is not installed (pip install --no-deps vsgan)")
    official = data / "weights/realesr-animevideov3.pth"
    weights = tmp_path / "cpu.pth"
    # The official file was saved on a GPU, and VSGAN loads files where they were saved.
    torch.save(torch.load(official, map_location="cpu", weights_only=True), weights)
    picture = fr.picture(data / "images/set5/butterfly_LRx4.png")[:48, :56]
    clip = fr.rgb(picture, vs.RGBS)

    network = vsgan.ESRGAN(clip, device="cpu!").load(str(weights))
    theirs = network._apply(0, i="0", clip=clip, model=network.model, overlap_=16)
    ours = upscale(clip, model=str(official), scale=4, backend="ov", precision="f32")

    difference = np.abs(np.clip(np.stack(fr.planes(ours)), 0, 1) - np.stack(fr.planes(theirs)))
    assert difference.max() <= 1 / 255, np.histogram(difference * 255, bins=[0, 0.01, 0.1, 1, 8, 256])
