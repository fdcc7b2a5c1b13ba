"""How a name becomes a model for frames in between, whatever its family. Never downloads."""

from vsmagic.models import motion
from vsmagic.models.motion import FlowScale, MotionModel
from vsmagic.models.rife import resolve as rife

DEFAULT = "magic-flow"
"""The one that comes with the package."""


def resolve(name: str, *, flow_scale: FlowScale = "auto", height: int) -> MotionModel:
    """Turn what a user typed into a model that runs.

    Args:
        name: ``auto`` (a RIFE where one is on this machine, else the model that comes with the package), a model's
            name, or the path of a RIFE's weights.
        flow_scale: at which fraction of the size motion is looked for: smaller ones find what moves farther. RIFE has
            0.25 to 4, the model that comes with the package 0.25, 0.5 and 1; ``auto``: by the height.
        height: lines of the frames, the smaller side for upright ones.

    Raises:
        OptionError: the model has no such flow scale.
        ModelError: no such model or file, or one that has not been fetched.
        SetupError: its weights have to be converted, which needs the ``convert`` extra.
    """
    if name == "auto":
        name = rife.installed() or DEFAULT
    if name == DEFAULT:
        scale = motion.scaled(flow_scale, height, scales=motion.EMBEDDED_SCALES, limits=motion.EMBEDDED_LIMITS)
        return motion.embedded(name, flow_scale=scale)
    return rife.resolve(name, flow_scale=flow_scale, height=height)
