"""Draw the motion between each frame and the next, for looking at."""

import vapoursynth as vs

from vsmagic import clips, colours
from vsmagic.backends import select
from vsmagic.backends.between import MotionPlan, between
from vsmagic.errors import ModelError, OptionError
from vsmagic.filters.routes import Rgb
from vsmagic.models import displacement, motions
from vsmagic.models.motion import MVTOOLS, MotionModel

_HALF = 0.5  # the motion as it is half-way


def flow_view(
    clip: vs.VideoNode, *, model: str = motions.DEFAULT, most: float = 16, backend: str = "auto", device: int = 0
) -> vs.VideoNode:
    """Draw the motion from each frame to the next as colours over the dimmed picture.

    The hue tells the way and the saturation how far: to the right is blue, to the left yellow, downward red, upward
    green (the two colour differences are the two directions), and grey is what stays. The last frame shows none.

    Accepts any constant YUV, GRAY or RGB format; returns YUV444P8 of the same size, frame count and durations.

    Args:
        clip: the clip.
        model: a model that tells the motion it finds; the one that comes with vsmagic does.
        most: pixels a frame that are drawn in the strongest colour, above 0.
        backend: as for ``interpolate``.
        device: number of the GPU.

    Raises:
        FormatError: the clip's format varies or is not supported.
        OptionError: ``most`` is not above 0.
        ModelError: the model is unknown, or does not tell its motion.
        BackendError: the backend cannot run on this machine.
    """
    clips.check(clip, name="flow_view")
    if isinstance(most, bool) or not isinstance(most, int | float) or not 0 < most < float("inf"):
        raise OptionError(f"flow_view: most is {most!r}; expected pixels above 0, such as 16.")
    select.check_numbers(None, device, name="flow_view")
    if model == MVTOOLS:
        raise ModelError(f"flow_view: mvtools does not tell the motion it finds; take {motions.DEFAULT}.")
    found = motions.resolve(model, height=min(clip.width, clip.height))
    path = displacement.network(found)
    plan = MotionPlan(
        model=MotionModel(spec=found.spec, path=path),
        backend=select.choose(backend, path),
        precision="f32",
        device=device,
    )
    source = colours.tagged(clip)
    pictures = Rgb.to_model(source)
    later = pictures[1:] + pictures[-1] if clip.num_frames > 1 else pictures
    time = clip.std.BlankClip(format=vs.GRAYS, color=_HALF, keep=True)
    motion = between(pictures, later, time, plan)
    planes = [motion.std.ShufflePlanes(number, vs.GRAY) for number in (0, 1)]
    luma = pictures.resize.Point(format=vs.YUV444PS, matrix=vs.MATRIX_BT709).std.ShufflePlanes(0, vs.GRAY)
    dimmed = luma.std.Expr("x 0.4 * 0.3 +")
    chroma = [plane.std.Expr(f"x {2 * most} / -0.5 max 0.5 min") for plane in planes]
    drawn = vs.core.std.ShufflePlanes([dimmed, *chroma], [0, 0, 0], vs.YUV)
    tagged = drawn.std.SetFrameProps(_Matrix=vs.MATRIX_BT709, _Range=vs.RANGE_FULL)
    return clips.keep_times(tagged.resize.Point(format=vs.YUV444P8, range=vs.RANGE_LIMITED), clip)
