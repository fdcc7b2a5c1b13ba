"""The drawn motion: its hue tells the way, its strength how far."""

import numpy as np
import pytest
import vapoursynth as vs

import frames as fr
import networks
from moving import moving
from vsmagic import ModelError, OptionError, flow_view
from vsmagic.models import displacement
from vsmagic.models.motion import MotionModel, MotionSpec

core = vs.core


def middle(clip, n=0):
    return [plane[24:-24, 24:-24].mean() for plane in fr.planes(clip, n)]


@pytest.mark.parametrize(
    ("turn", "moved"),
    [
        (lambda clip: clip, (1, 0)),
        (lambda clip: clip.std.FlipHorizontal(), (-1, 0)),
        (lambda clip: clip.std.Transpose(), (0, 1)),
        (lambda clip: clip.std.Transpose().std.FlipVertical(), (0, -1)),
    ],
    ids=["right", "left", "down", "up"],
)
def test_colours_tell_the_way_and_how_far(turn, moved):
    clip, _ = moving(3, width=128, height=128, step=4)
    drawn = flow_view(turn(clip), most=16)
    assert (drawn.format.id, drawn.width, drawn.num_frames) == (vs.YUV444P8, 128, 3)
    expected = [128 + 224 * way * 4 / 32 for way in moved]
    assert middle(drawn)[1:] == pytest.approx(expected, abs=9)
    weaker = flow_view(turn(clip), most=32)
    assert middle(weaker)[1:] == pytest.approx([(value + 128) / 2 for value in expected], abs=6)


def test_what_stays_is_grey_and_so_is_the_last_frame():
    clip, _ = moving(2, width=128, height=128, step=4)
    still = core.std.Interleave([clip[0], clip[0]])
    for drawn, n in ((flow_view(still), 0), (flow_view(clip), 1)):
        assert middle(drawn, n)[1:] == pytest.approx([128, 128], abs=3)


@pytest.mark.parametrize("name", ["YUV420P8", "GRAY8", "RGB16", "YUV444PS"])
def test_any_format_and_odd_sizes_where_it_has_them(name):
    clip = fr.textured(fr.FORMATS[name], 70, 50)
    drawn = flow_view(clip)
    assert (drawn.format.id, drawn.width, drawn.height, drawn.num_frames) == (vs.YUV444P8, 70, 50, 1)
    assert np.isfinite(fr.planes(drawn)[0]).all()


def test_what_cannot_be_drawn_is_told(tmp_path):
    clip = fr.textured(vs.RGBS, 32, 32)
    for most in (0, -1, float("nan"), float("inf"), "16"):
        with pytest.raises(OptionError, match="most is"):
            flow_view(clip, most=most)
    with pytest.raises(OptionError, match="device is -1"):
        flow_view(clip, device=-1)
    with pytest.raises(ModelError, match="mvtools does not tell the motion it finds; take magic-flow"):
        flow_view(clip, model="mvtools")
    silent = MotionModel(
        spec=MotionSpec(name="silent", multiple=1, activations=1, sha256="11" * 32),
        path=networks.double(tmp_path / "silent.onnx"),
    )
    with pytest.raises(ModelError, match="silent does not tell the motion it finds; take magic-flow"):
        displacement.network(silent)


def test_the_cut_network_is_made_once(tmp_path, monkeypatch):
    monkeypatch.setenv("VSMAGIC_CACHE", str(tmp_path))
    from vsmagic.models import motion

    model = motion.embedded("magic-flow")
    path = displacement.network(model)
    monkeypatch.setattr(displacement, "_cut", None)
    assert displacement.network(model) == path
    assert path.is_relative_to(tmp_path)
