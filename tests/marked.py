"""A marked set of scene changes and of what is easily taken for one, made from the real clips.

Two halves from different clips: one that the rule of :mod:`vsmagic.filters.changes` was chosen on, one that it was not.
"""

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from PIL import Image, ImageDraw

SIZE = (128, 72)
"""(width, height) of every picture of the set."""

# Name of each clip, how many of its frames are taken, and after which of them a cut lies.
CHOSEN_ON = {
    "anim_bbb_1080p24_fadein_mpeg2.ts": (58, ()),
    "anim_bbb_720p25_aac.mp4": (100, ()),
    "av_h264_ac3_srt.mkv": (30, ()),
    "av_nasa_2video_2audio_2subs.mp4": (240, (201,)),
    "live_carphone_qcif_sar128x117.mp4": (100, ()),
    "live_carturn_360p25_fastmotion.mp4": (81, ()),
    "live_geese_720p30_aac.mp4": (60, ()),
    "lowres_160x120_30fps.mp4": (60, ()),
    "oldcam_kodak_320x240_15fps_mjpeg.avi": (41, ()),
    "vertical_flir_1080x1440_vfr.mp4": (60, ()),
}
REPORTED_ON = {
    "anim_bbb_480x360_24fps_aac.mp4": (240, (43, 136)),
    "fades_480x320.mp4": (100, ()),
    "live_carphone_qcif_heavily_compressed.mp4": (60, ()),
    "live_cockatoo_720p20_yuv420.mp4": (170, ()),
    "live_realshort_320x240.mp4": (36, ()),
    "live_stpancras_320x240_60fps_601full.mp4": (340, ()),
    "odd_vp9_161x121.webm": (30, ()),
    "oldphone_h263_352x288_sar12x11_vfr.3gp": (71, ()),
    "tenbit_vp9_bt2020_426x240.webm": (72, (41, 68)),
    "vertical_rotate90_dark_keyboard_720p30.mp4": (39, ()),
    "vfr_fire_720p_rotate180.mp4": (25, ()),
}
# Pictures without enough in them for a cut between two to be more than a change of brightness.
_EMPTY = ("fades", "anim_bbb_1080p24_fadein", "lowres_160x120")
# The same people and places: a cut between them is one between two moments of one scene.
_CUTS, _NEAR = 110, 14

Pictures = np.ndarray
"""Frames as [n, height, width], 0 to 255."""


@dataclass(frozen=True, kw_only=True)
class Marked:
    """A short clip whose cuts are known."""

    kind: str
    """What it shows."""
    pictures: Pictures
    cuts: frozenset[int] = frozenset()
    """Numbers of the frames after which a cut lies."""


def half(folder: Path, names: dict[str, tuple[int, tuple[int, ...]]], seed: int) -> list[Marked]:
    """Return one half of the set."""
    random = np.random.default_rng(seed)
    found = {name: _decoded(folder / name, count) for name, (count, _) in names.items()}
    whole = [Marked(kind="whole clip", pictures=found[n], cuts=frozenset(names[n][1])) for n in names]
    shots = [shot for name in names for shot in _shots(name, found[name], names[name][1])]
    return [*whole, *_cuts(shots, random), *_near(shots, random)]


def _decoded(path: Path, count: int) -> Pictures:
    pictures = []
    with av.open(str(path)) as file:
        file.streams.video[0].thread_count = 1
        for frame in file.decode(video=0):
            picture = frame.reformat(*SIZE, format="gray", interpolation="AREA").to_ndarray()
            pictures.append(picture[:, : SIZE[0]])
            if len(pictures) == count:
                break
    return np.stack(pictures).astype(np.float32)


def _shots(name: str, pictures: Pictures, cuts: tuple[int, ...]) -> Iterator[tuple[str, Pictures]]:
    if not name.startswith(_EMPTY):
        yield from ((name, shot) for shot in np.split(pictures, [cut + 1 for cut in cuts]))


def _run(pictures: Pictures, random: np.random.Generator, length: int, *, step: int = 1) -> Pictures:
    """Some frames one after the other; forth and back where the shot is short."""
    there = np.concatenate([pictures, pictures[-2:0:-1]])
    first = int(random.integers(len(there)))
    return there[(first + step * np.arange(length)) % len(there)]


# --- Cuts


def _cuts(shots: list[tuple[str, Pictures]], random: np.random.Generator) -> Iterator[Marked]:
    treatments = [_plain, _plain, _grain, _dark, _boxed, _on_twos, _compressed, _flash_at_cut, _subtitled]
    for number in range(_CUTS):
        treat = treatments[number % len(treatments)]
        before, after = (shots[i] for i in random.choice(len(shots), 2, replace=False))
        at = int(random.integers(1, 9))
        one, two = _run(before[1], random, at), _run(after[1], random, 10 - at)
        if number % 5 == 0:
            one, two = _far_apart(before[1], random, at)
        if treat is _on_twos:
            at = at // 2 * 2 or 2
            one, two = _run(before[1], random, at), _run(after[1], random, 10 - at)
        yield Marked(
            kind=f"cut, {treat.__name__[1:]}",
            pictures=treat(np.concatenate([one, two]), random),
            cuts=frozenset({at - 1}),
        )


def _far_apart(pictures: Pictures, random: np.random.Generator, at: int) -> tuple[Pictures, Pictures]:
    """Two moments of one shot, of which the second is seen closer, as after a cut to another camera."""
    one = _run(pictures, random, at)
    two = _run(pictures, random, 10 - at)
    w, h = SIZE
    left, top = int(random.integers(0, w // 2)), int(random.integers(0, h // 2))
    closer = [_resized(picture[top : top + h // 2, left : left + w // 2]) for picture in two]
    return one, np.stack(closer)


def _plain(pictures: Pictures, random: np.random.Generator) -> Pictures:
    return pictures


def _grain(pictures: Pictures, random: np.random.Generator) -> Pictures:
    return np.clip(pictures + random.normal(0, 6, pictures.shape), 0, 255)


def _dark(pictures: Pictures, random: np.random.Generator) -> Pictures:
    """Underexposed to a fifth, with a sensor's noise."""
    return np.clip(pictures * 0.2 + 16 + random.normal(0, 1, pictures.shape), 0, 255)


def _boxed(pictures: Pictures, random: np.random.Generator) -> Pictures:
    result = pictures.copy()
    result[:, :10] = result[:, -10:] = 16
    return result


def _on_twos(pictures: Pictures, random: np.random.Generator) -> Pictures:
    return pictures[np.arange(len(pictures)) // 2 * 2]


def _compressed(pictures: Pictures, random: np.random.Generator) -> Pictures:
    """Each frame on its own, at qualities that change from frame to frame."""
    return np.stack([_jpeg(picture, int(random.choice([8, 15, 40]))) for picture in pictures])


def _flash_at_cut(pictures: Pictures, random: np.random.Generator) -> Pictures:
    """The second half of the clip gets brighter by a third, the first darker."""
    gain = np.linspace(0.8, 1.2, len(pictures))[:, None, None]
    return np.clip(pictures * gain, 0, 255)


def _subtitled(pictures: Pictures, random: np.random.Generator) -> Pictures:
    return np.stack([_with_text(picture) for picture in pictures])


# --- What is no cut


def _near(shots: list[tuple[str, Pictures]], random: np.random.Generator) -> Iterator[Marked]:
    for make in NEAR:
        for _ in range(_NEAR):
            _, pictures = shots[random.integers(len(shots))]
            yield Marked(kind=make.__name__[1:].replace("_", " "), pictures=make(pictures, random))
    for _ in range(_NEAR):
        one, two = (_run(shots[i][1], random, 16) for i in random.choice(len(shots), 2, replace=False))
        share = np.clip((np.arange(16) - 2) / random.integers(8, 13), 0, 1)[:, None, None]
        yield Marked(kind="dissolve", pictures=one * (1 - share) + two * share)


def _motion(pictures: Pictures, random: np.random.Generator) -> Pictures:
    return _run(pictures, random, 12)


def _half_the_rate(pictures: Pictures, random: np.random.Generator) -> Pictures:
    return _run(pictures, random, 12, step=2)


def _flash(pictures: Pictures, random: np.random.Generator) -> Pictures:
    return _brighter(_run(pictures, random, 10), random, 1)


def _double_flash(pictures: Pictures, random: np.random.Generator) -> Pictures:
    return _brighter(_run(pictures, random, 10), random, 2)


def _brighter(pictures: Pictures, random: np.random.Generator, count: int) -> Pictures:
    """For some frames the light of a lamp is added, strongest somewhere, half gone in the second frame."""
    w, h = SIZE
    y, x = np.mgrid[0:h, 0:w]
    far = np.hypot(x - random.uniform(0, w), y - random.uniform(0, h)) / w
    result = pictures.copy()
    at = int(random.integers(2, 7))
    for n in range(count):
        light = random.uniform(60, 140) * (0.6 + 0.4 * np.exp(-far)) / (n + 1)
        result[at + n] = np.clip(result[at + n] * (1 + random.uniform(0, 0.5)) + light, 0, 255)
    return result


def _white_frame(pictures: Pictures, random: np.random.Generator) -> Pictures:
    result = _run(pictures, random, 10).copy()
    result[int(random.integers(2, 8))] = random.choice([16, 235])
    return result


def _fade_out(pictures: Pictures, random: np.random.Generator) -> Pictures:
    shade = float(random.choice([16, 235]))
    share = np.clip((np.arange(14) - 2) / random.integers(6, 13), 0, 1)[:, None, None]
    return _run(pictures, random, 14) * (1 - share) + shade * share


def _fade_in(pictures: Pictures, random: np.random.Generator) -> Pictures:
    return _fade_out(pictures, random)[::-1]


def _pan(pictures: Pictures, random: np.random.Generator) -> Pictures:
    """Up to 8 % of the width from frame to frame."""
    speed = random.uniform(0.03, 0.08) * random.choice([-1, 1])
    return _windows(pictures, random, [(0.5 + speed * (n - 4) * 0.5, 0.5, 0.5) for n in range(9)])


def _zoom(pictures: Pictures, random: np.random.Generator) -> Pictures:
    """6 % from frame to frame."""
    return _windows(pictures, random, [(0.5, 0.5, 0.95 * 0.94**n) for n in range(9)])


def _shake(pictures: Pictures, random: np.random.Generator) -> Pictures:
    """Up to 3 % of the size from frame to frame, at random."""
    return _windows(pictures, random, [(*(0.5 + random.uniform(-0.015, 0.015, 2)), 0.7) for _ in range(10)])


def _windows(pictures: Pictures, random: np.random.Generator, path: list[tuple[float, float, float]]) -> Pictures:
    """A window that moves over one picture: its centre and size in parts of the picture's."""
    still = pictures[random.integers(len(pictures))]
    w, h = SIZE
    boxes = [((x - s / 2) * w, (y - s / 2) * h, (x + s / 2) * w, (y + s / 2) * h) for x, y, s in path]
    return np.stack([_resized(still, tuple(float(v) for v in box)) for box in boxes])


def _still(pictures: Pictures, random: np.random.Generator) -> Pictures:
    return np.repeat(pictures[random.integers(len(pictures))][None], 8, axis=0)


def _still_grain(pictures: Pictures, random: np.random.Generator) -> Pictures:
    return _grain(_still(pictures, random), random)


def _still_compressed(pictures: Pictures, random: np.random.Generator) -> Pictures:
    return _compressed(_still(pictures, random), random)


def _exposure_jump(pictures: Pictures, random: np.random.Generator) -> Pictures:
    result = _run(pictures, random, 10).copy()
    at = int(random.integers(2, 8))
    result[at:] = np.clip(result[at:] * random.choice([0.6, 0.75, 1.3, 1.6]) + random.uniform(-15, 15), 0, 255)
    return result


def _subtitle_pops_up(pictures: Pictures, random: np.random.Generator) -> Pictures:
    result = _run(pictures, random, 10).copy()
    at = int(random.integers(2, 8))
    result[at:] = _subtitled(result[at:], random)
    return result


def _dark_motion(pictures: Pictures, random: np.random.Generator) -> Pictures:
    return _dark(_run(pictures, random, 10), random)


def _twos(pictures: Pictures, random: np.random.Generator) -> Pictures:
    """Drawn every second frame, so that what moves does so twice as far."""
    return _on_twos(_run(pictures, random, 12), random)


def _boxed_motion(pictures: Pictures, random: np.random.Generator) -> Pictures:
    return _boxed(_run(pictures, random, 10), random)


NEAR: list[Callable[[Pictures, np.random.Generator], Pictures]] = [
    _motion, _half_the_rate, _flash, _double_flash, _white_frame, _fade_out, _fade_in, _pan, _zoom, _shake, _still,
    _still_grain, _still_compressed, _exposure_jump, _subtitle_pops_up, _dark_motion, _twos, _boxed_motion,
]  # fmt: skip


def _resized(picture: np.ndarray, box: tuple[float, ...] | None = None) -> np.ndarray:
    image = Image.fromarray(picture.astype(np.float32))
    return np.asarray(image.resize(SIZE, Image.Resampling.BICUBIC, box=box), np.float32).clip(0, 255)


def _jpeg(picture: np.ndarray, quality: int) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(picture.astype(np.uint8)).save(file, "JPEG", quality=quality)
    with Image.open(file) as image:
        return np.asarray(image, np.float32)


def _with_text(picture: np.ndarray) -> np.ndarray:
    image = Image.fromarray(picture.astype(np.uint8))
    draw = ImageDraw.Draw(image)
    for line, top in (("Look, there it goes", 48), ("across the water!", 59)):
        draw.text((14, top), line, fill=235, stroke_width=1, stroke_fill=16)
    return np.asarray(image, np.float32)
