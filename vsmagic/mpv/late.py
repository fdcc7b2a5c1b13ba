"""Frames in between that begin a moment after the film does: their network is compiled while it already plays.

mpv builds the script anew at every seek, and waits for it. A network for motion takes half a second to compile on a
processor, and the first frame after a seek is one of the film's own, which needs none. So the film's frames are
repeated at first, at the times of the frames in between, until the network is there.
"""

import threading

import vapoursynth as vs

from vsmagic import chain as chains
from vsmagic.chain import Chain
from vsmagic.filters import pattern, shares
from vsmagic.steps import InterpolateStep
from vsmagic.tempo import at_least_one

PATIENCE = 0.3
"""Seconds of playing before the network is compiled: who goes through a film in steps does not wait for it."""


class _Later:
    """A clip that is made in a thread of its own, some time after this."""

    def __init__(self, clip: vs.VideoNode, step: InterpolateStep) -> None:
        self.made: vs.VideoNode | None = None
        self.failure: Exception | None = None
        self._clip = clip
        self._step = step
        self._environment = vs.get_current_environment()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._make, name="vsmagic-late", daemon=True)
        # Nothing may be left at work in an environment that goes; the core would be gone below it.
        vs.register_on_destroy(self._end)
        self._thread.start()

    def _make(self) -> None:
        if self._over.wait(PATIENCE):
            return
        try:
            with self._environment.use():
                self.made = chains.apply(Chain((self._step,)), self._clip)
        except Exception as error:  # handed to the next frame, which mpv tells of
            self.failure = error

    def _end(self) -> None:
        self._over.set()
        self._thread.join()
        self.made = None


def interpolated(clip: vs.VideoNode, step: InterpolateStep) -> vs.VideoNode:
    """Return what the step makes of a player's clip; at first its frames are repeated instead.

    Args:
        clip: a player's.
        step: with a multiplier alone.

    Raises:
        VsmagicError: the step is not acceptable, which is found out without compiling anything.
    """
    by = at_least_one(step.multiplier or 1, "multiplier")
    found = pattern.multiplied(by, clip.num_frames)
    repeated = shares.lasting(found.left(clip), found, clip, 1 / by)
    later = _Later(clip, step)

    def choose(n: int) -> vs.VideoNode:  # noqa: ARG001 - given by name
        if later.failure is not None:
            raise later.failure
        return later.made if later.made is not None else repeated

    return repeated.std.FrameEval(choose)
