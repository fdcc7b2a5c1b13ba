"""Between numpy arrays and clips, for tests: what goes in, what comes out, and how far they are apart."""

import math
from collections.abc import Sequence
from fractions import Fraction
from functools import cache
from pathlib import Path

import numpy as np
import vapoursynth as vs

core = vs.core
_SUBSAMPLINGS = {"444": (0, 0), "422": (1, 0), "420": (1, 1), "411": (2, 0), "440": (0, 1)}


def _formats() -> dict[str, int]:
    found = {}
    for sampling, (w, h) in _SUBSAMPLINGS.items():
        for bits in (8, 10, 12, 16):
            found[f"YUV{sampling}P{bits}"] = core.query_video_format(vs.YUV, vs.INTEGER, bits, w, h).id
        for bits, letter in ((16, "H"), (32, "S")):
            found[f"YUV{sampling}P{letter}"] = core.query_video_format(vs.YUV, vs.FLOAT, bits, w, h).id
    for family, name in ((vs.GRAY, "GRAY"), (vs.RGB, "RGB")):
        for bits in (8, 10, 12, 16):
            found[f"{name}{bits}"] = core.query_video_format(family, vs.INTEGER, bits, 0, 0).id
        for bits, letter in ((16, "H"), (32, "S")):
            found[f"{name}{letter}"] = core.query_video_format(family, vs.FLOAT, bits, 0, 0).id
    return found


FORMATS: dict[str, int] = _formats()
"""Every format that filters must take, by name."""


def clip_of(
    pictures: Sequence[Sequence[np.ndarray]], format_id: int, *, fps: tuple[int, int] = (25, 1), **props: int
) -> vs.VideoNode:
    """A clip whose frames have these planes."""
    height, width = pictures[0][0].shape
    blank = core.std.BlankClip(
        format=format_id, width=width, height=height, length=len(pictures), fpsnum=fps[0], fpsden=fps[1], keep=True
    )

    def fill(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        frame = f.copy()
        for number, plane in enumerate(pictures[n]):
            target = np.asarray(frame[number])
            target[:] = plane.astype(target.dtype)
        frame.props.update(props)
        return frame

    return blank.std.ModifyFrame(blank, fill)


def grey(*pictures: np.ndarray, **props: int) -> vs.VideoNode:
    """A GRAYS clip of these pictures."""
    return clip_of([[picture] for picture in pictures], vs.GRAYS, **props)


def planes(clip: vs.VideoNode, n: int = 0) -> list[np.ndarray]:
    """Frame n's planes as float64."""
    with clip.get_frame(n) as frame:
        return [np.array(plane, np.float64) for plane in frame]


def raw(clip: vs.VideoNode) -> list[bytes]:
    """Every frame's numbers, for comparing bit by bit."""
    return [b"".join(np.asarray(plane).tobytes() for plane in frame) for frame in clip.frames(close=True)]


def durations(clip: vs.VideoNode) -> list[Fraction]:
    return [Fraction(f.props["_DurationNum"], f.props["_DurationDen"]) for f in clip.frames(close=True)]


def texture(width: int, height: int, *, seed: int = 1, detail: int = 12) -> np.ndarray:
    """A picture from 0.1 to 0.9 of waves up to a quarter of the sampling rate, so that resizers agree on it."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    total = np.zeros((height, width))
    for _ in range(detail):
        fx, fy = random.uniform(-0.2, 0.2, 2)
        total += random.uniform(0.3, 1) * np.cos(2 * math.pi * (fx * x + fy * y + random.uniform()))
    low, high = total.min(), total.max()
    return 0.1 + 0.8 * (total - low) / (high - low)


def textured(format_id: int, width: int, height: int, *, count: int = 1, **props: int) -> vs.VideoNode:
    """A clip of ``texture`` in any format, chroma included."""
    fmt = core.get_video_format(format_id)
    pictures = []
    for n in range(count):
        parts = []
        for number in range(fmt.num_planes):
            chroma = number and fmt.color_family == vs.YUV
            w = width >> fmt.subsampling_w if chroma else width
            h = height >> fmt.subsampling_h if chroma else height
            part = texture(w, h, seed=10 * n + number, detail=4 if chroma else 12)
            parts.append(part - 0.5 if chroma and fmt.sample_type == vs.FLOAT else part * peak(fmt))
        pictures.append([np.rint(p) if fmt.sample_type == vs.INTEGER else p for p in parts])
    return clip_of(pictures, format_id, **props)


def peak(fmt: vs.VideoFormat) -> float:
    """The largest number of a format; 1 for float."""
    return 1.0 if fmt.sample_type == vs.FLOAT else (1 << fmt.bits_per_sample) - 1


def rounding(fmt: vs.VideoFormat) -> float:
    """What rounding to a format may change, in its own numbers."""
    if fmt.sample_type == vs.INTEGER:
        return 1.0
    return 2e-3 if fmt.bits_per_sample == 16 else 1e-5


def psnr(a: np.ndarray, b: np.ndarray, top: float = 1.0) -> float:
    return 10 * math.log10(top**2 / max(float(np.mean((a - b) ** 2)), 1e-20))


def shift_between(a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
    """How far b's content lies to the right of and below a's, in pixels, to about a hundredth (phase of the spectra).

    Both are windowed, so what is at the borders does not count.
    """
    window = np.outer(np.hanning(a.shape[0]), np.hanning(a.shape[1]))
    spectra = [np.fft.fft2((picture - picture.mean()) * window) for picture in (a, b)]
    cross = spectra[0] * np.conj(spectra[1])
    fy, fx = np.meshgrid(np.fft.fftfreq(a.shape[0]), np.fft.fftfreq(a.shape[1]), indexing="ij")
    low = (np.hypot(fx, fy) < 0.12) & (np.hypot(fx, fy) > 0)
    weight = np.abs(cross)[low]
    design = 2 * math.pi * np.stack([fx[low], fy[low]], axis=1)
    matrix = design.T @ (design * weight[:, None])
    right, down = np.linalg.solve(matrix, design.T @ (np.angle(cross)[low] * weight))
    return float(right), float(down)


@cache
def picture(path: Path) -> np.ndarray:
    """An 8-bit RGB picture as [height, width, 3], 0 to 1."""
    from PIL import Image

    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"), np.float64) / 255


def rgb(image: np.ndarray, format_id: int = vs.RGB24) -> vs.VideoNode:
    """A one-frame RGB clip of [height, width, 3]."""
    fmt = core.get_video_format(format_id)
    scaled = image * peak(fmt)
    parts = [scaled[:, :, n] for n in range(3)]
    return clip_of([[np.rint(p) if fmt.sample_type == vs.INTEGER else p for p in parts]], format_id)


def _waves(x: np.ndarray, y: np.ndarray, number: int) -> np.ndarray:
    """A smooth picture that is known everywhere, at these columns and rows (in pixels, 0.5 the first one's centre)."""
    columns, rows = x[None, :] / (37 + 6 * number), y[:, None] / (31 + 5 * number)
    return 0.3 * np.cos(2 * math.pi * (columns + 0.5 * rows) + number) * np.cos(2 * math.pi * rows)


def _along(length: int, step: int, at: str) -> np.ndarray:
    """Where the samples of a plane subsampled by ``step`` stand along one axis."""
    first = {"start": 0.5, "middle": step / 2, "end": step - 0.5}[at]
    return first + step * np.arange(length // step)


def _sides(location: int) -> tuple[str, str]:
    across = "start" if location in (vs.CHROMA_LEFT, vs.CHROMA_TOP_LEFT, vs.CHROMA_BOTTOM_LEFT) else "middle"
    down = {vs.CHROMA_TOP_LEFT: "start", vs.CHROMA_TOP: "start", vs.CHROMA_BOTTOM_LEFT: "end", vs.CHROMA_BOTTOM: "end"}
    return across, down.get(location, "middle")


Box = tuple[float, float, float, float]


def sited(format_id: int, location: int, size: tuple[int, int], rect: Box | None = None) -> list[np.ndarray]:
    """What a rectangle (x, y, width, height) of the waves looks like in ``size``, each chroma sample at its own place.

    Luma from 0 to 1, chroma around 0.
    """
    fmt = core.get_video_format(format_id)
    left, top, width, height = rect or (0.0, 0.0, *map(float, size))
    found = []
    for number in range(fmt.num_planes):
        chroma = number and fmt.color_family == vs.YUV
        across, down = _sides(location) if chroma else ("middle", "middle")
        x = _along(size[0], 1 << fmt.subsampling_w if chroma else 1, across)
        y = _along(size[1], 1 << fmt.subsampling_h if chroma else 1, down)
        plane = _waves(left + x * width / size[0], top + y * height / size[1], number)
        found.append(plane if chroma else plane + 0.5)
    return found


def matrix_of(name: str) -> int:
    """The matrix that a format of ``FORMATS`` is tagged with."""
    return vs.MATRIX_RGB if name.startswith("RGB") else vs.MATRIX_BT709
