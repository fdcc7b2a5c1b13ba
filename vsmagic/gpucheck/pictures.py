"""Pictures to measure on, without a file or a decoder."""

from typing import TYPE_CHECKING

import vapoursynth as vs

if TYPE_CHECKING:
    import numpy as np

_KEPT = 4
_LENGTH = 1_000_000


def picture(size: tuple[int, int], channels: int, *, seed: int = 1) -> "np.ndarray":
    """Return what looks like a picture: a sky, textures, hard edges, fine lines and a little noise.

    Args:
        size: (width, height).
        channels: 1 or 3.
        seed: another one gives another picture.

    Returns:
        float32 ``[channels, height, width]`` from 0 to 1, in steps of 1/255.
    """
    import numpy as np

    random = np.random.default_rng(seed)
    width, height = size
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    total = 0.3 + 0.4 * y / height
    total += 0.12 * np.sin(x * 0.9 + seed) * np.sin(y * 0.6) * (y > 0.6 * height)
    planes = np.repeat(total[None], channels, axis=0)
    for _ in range(12):
        across, down, radius = (
            random.random() * width,
            random.random() * height,
            (0.05 + 0.2 * random.random()) * height,
        )
        inside = (x - across) ** 2 + (y - down) ** 2 < radius**2
        planes[:, inside] = random.random((channels, 1))
    for _ in range(6):
        slope, offset = random.normal(), random.random() * height
        planes[:, np.abs(y - slope * x - offset) < 0.8] = random.random() > 0.5
    planes += random.normal(0, 0.01, planes.shape)
    return (np.round(planes.clip(0, 1) * 255) / 255).astype(np.float32)


def still(planes: "np.ndarray") -> vs.VideoNode:
    """Return a clip of one frame, RGBS or GRAYS, of a picture ``[channels, height, width]``."""
    return _clip([planes])


def network_clip(size: tuple[int, int], channels: int) -> vs.VideoNode:
    """Return an endless clip in a network's own format whose frames cost nothing: a few, made once and kept."""
    return _endless(_clip([picture(size, channels, seed=seed) for seed in range(_KEPT)]))


def video_clip(size: tuple[int, int]) -> vs.VideoNode:
    """Return an endless clip as a decoder gives it: YUV420P10, BT.709, limited range."""
    pictures = _clip([picture(size, 3, seed=seed) for seed in range(_KEPT)])
    return _endless(
        pictures.resize.Bicubic(
            format=vs.YUV420P10, matrix=vs.MATRIX_BT709, chromaloc=vs.CHROMA_LEFT
        ).std.SetFrameProps(_FieldBased=0)
    )


def _endless(clip: vs.VideoNode) -> vs.VideoNode:
    clip.std.SetVideoCache(mode=1, fixedsize=1, maxsize=clip.num_frames)
    for frame in clip.frames(close=True):  # into the cache
        del frame
    kept: vs.VideoNode = clip.std.Loop(times=_LENGTH // clip.num_frames)
    return kept


def _clip(pictures: "list[np.ndarray]") -> vs.VideoNode:
    import numpy as np

    channels, height, width = pictures[0].shape
    kind = vs.GRAYS if channels == 1 else vs.RGBS
    blank = vs.core.std.BlankClip(format=kind, width=width, height=height, length=len(pictures), keep=True)

    def fill(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        frame = f.copy()
        for number, plane in enumerate(pictures[n]):
            np.asarray(frame[number])[:] = plane
        return frame

    filled: vs.VideoNode = blank.std.ModifyFrame(blank, fill)
    return filled
