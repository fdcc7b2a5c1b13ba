"""What a shader shows, and what it should: mpv's window, libplacebo through ffmpeg, and ONNX Runtime with numpy."""

import functools
import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import imageio_ffmpeg
import msgspec
import numpy as np
import onnxruntime
import pytest
from PIL import Image

import networks
from playing import MpvError, Player
from vsmagic.models import inspect
from vsmagic.models.registry import Model
from vsmagic.shaders.export import Precision, Range, shader

Plane = np.ndarray
"""``[height, width]``."""


@dataclass(frozen=True, kw_only=True)
class Video:
    """A frame as it is stored: 4:2:0 of even sizes without chroma, else 4:4:4."""

    luma: Plane
    """Whole numbers."""
    chroma: tuple[Plane, Plane] | None = None
    """Of luma's size; none is grey."""
    range: Range = "limited"
    bits: int = 8

    @property
    def full(self) -> Plane:
        """Luma from 0 to 1."""
        low, high = (16, 235) if self.range == "limited" else (0, ((1 << self.bits) - 1) / (1 << (self.bits - 8)))
        return (self.luma / (1 << (self.bits - 8)) - low) / (high - low)

    @property
    def size(self) -> tuple[int, int]:
        """(width, height)."""
        height, width = self.luma.shape
        return width, height

    @property
    def format(self) -> str:
        return f"yuv{'420' if self._subsampled else '444'}p{'' if self.bits == 8 else self.bits}"

    @property
    def _subsampled(self) -> bool:
        return self.chroma is None and not any(length % 2 for length in self.luma.shape)

    def raw(self) -> bytes:
        """All planes, one after the other."""
        height, width = self.luma.shape
        step = 2 if self._subsampled else 1
        grey = np.full((height // step, width // step), 1 << (self.bits - 1))
        kind = np.uint8 if self.bits == 8 else "<u2"
        return b"".join(plane.astype(kind).tobytes() for plane in (self.luma, *(self.chroma or (grey, grey))))


def stored(luma: Plane, range: Range = "limited", bits: int = 8) -> Video:  # noqa: A002 - the field's word
    """Store luma of 0 to 1."""
    most = (1 << bits) - 1
    numbers = (16 + 219 * luma) * (1 << (bits - 8)) if range == "limited" else luma * most
    return Video(luma=np.rint(numbers), range=range, bits=bits)


def picture(path: Path, size: tuple[int, int], corner: tuple[int, int] = (100, 100)) -> Plane:
    """A part (width, height) of a picture's luma, 0 to 1, at (left, top)."""
    with Image.open(path) as file:
        luma = np.asarray(file.convert("L"), dtype=np.float64) / 255
    left, top = corner
    part = luma[top : top + size[1], left : left + size[0]]
    assert part.shape == (size[1], size[0]), (path, luma.shape)
    return part


def expected(video: Video, model: Model) -> Plane:
    """Luma (0 to 255, not rounded, cut off there) of a frame enlarged by ONNX Runtime in 32 bits, and numpy."""
    spec, luma = model.spec, video.full
    height, width = luma.shape
    padded = np.pad(luma, ((0, -height % spec.multiple), (0, -width % spec.multiple)), mode="symmetric")
    session = _session(model.path)
    given = padded.astype(np.float32)[None, None]
    output = session.run(None, {session.get_inputs()[0].name: given})[0][0, 0]
    enlarged = output[: height * spec.scale, : width * spec.scale] + base(luma, spec.base, spec.scale)
    return np.clip(255 * enlarged, 0, 255)


@functools.cache
def _session(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def base(luma: Plane, kind: str, scale: int) -> Plane | float:
    """Luma enlarged without a network."""
    match kind:
        case "bicubic":
            return _catmull_rom(luma.shape[0], scale) @ luma @ _catmull_rom(luma.shape[1], scale).T
        case "nearest":
            return luma.repeat(scale, 0).repeat(scale, 1)
        case _:
            return 0.0


def _catmull_rom(length: int, scale: int) -> Plane:
    """A matrix ``[length * scale, length]`` that enlarges a line, mirrored at its ends."""
    matrix = np.zeros((length * scale, length))
    for n in range(length * scale):
        centre = (n + 0.5) / scale - 0.5
        for pixel in range(int(np.floor(centre)) - 1, int(np.floor(centre)) + 3):
            t = abs(centre - pixel)
            weight = (1.5 * t - 2.5) * t * t + 1 if t <= 1 else ((-0.5 * t + 2.5) * t - 4) * t + 2
            mirrored = max(pixel, -1 - pixel)
            matrix[n, int(np.clip(min(mirrored, 2 * length - 1 - mirrored), 0, length - 1))] += weight
    return matrix


def assert_near(got: Plane, truth: Plane, most: float = 1.0) -> None:
    """Compare numbers of 0 to 255; says how far how many are apart."""
    assert got.shape == truth.shape
    apart = np.abs(got - truth)
    counts, edges = np.histogram(apart, bins=[0, 0.25, 0.5, 0.75, 1, 1.5, 2, 4, 8, 256])
    told = ", ".join(f"{low:g}-{high:g}: {n}" for n, low, high in zip(counts, edges[:-1], edges[1:], strict=True))
    place = tuple(int(n) for n in np.unravel_index(apart.argmax(), apart.shape))
    assert apart.max() <= most, f"up to {apart.max():.3f}/255 apart, at {place} of {apart.shape}; {told}"


def random_luma(path: Path, scale: int, *, seed: int = 0) -> Model:
    """A model like the embedded ones, with random weights, on top of the bicubic enlargement."""
    networks.luma(path, scale, seed=seed)
    spec = msgspec.structs.replace(inspect.inspect(path), base="bicubic", licence="MIT")
    return Model(name=spec.name, spec=spec, path=path)


Write = Callable[..., Path]
"""Writes a model as a shader: (model, precision, range)."""


def writer(folder: Path) -> Write:
    def write(model: Model, precision: Precision = "single", value_range: Range = "limited") -> Path:
        path = folder / f"{model.name}-{precision}-{value_range}.glsl"
        if not path.exists():
            path.write_text(shader(model, precision=precision, value_range=value_range))
        return path

    return write


# mpv's window


@dataclass(frozen=True, kw_only=True)
class Screen:
    """An mpv that shows single frames in a window of a display in memory, drawn by software."""

    program: Path
    display: str
    folder: Path
    output: Literal["gpu", "gpu-next"]
    api: Literal["opengl", "vulkan"] = "opengl"

    def shown(self, video: Video, shaders: Path | None, *options: str, scale: float = 2) -> np.ndarray:
        """Return the window, ``[height, width, 3]``, 0 to 255.

        Args:
            video: the frame.
            shaders: a shader, or none.
            options: more of mpv's.
            scale: the window's size over the frame's; pixels that no shader makes are repeated.
        """
        width, height = video.size
        raw, shot = self.folder / "frame.raw", self.folder / "shot.png"
        raw.write_bytes(video.raw())
        size = f"{round(width * scale)}x{round(height * scale)}"
        arguments = [
            "--no-config", f"--vo={self.output}", "--gpu-sw=yes", f"--gpu-api={self.api}", *self._context(),
            "--dither-depth=no", "--scale=nearest", "--cscale=nearest", "--no-osc", "--osd-level=0", "--ao=null",
            "--pause", "--keep-open=yes", "--no-border", "--no-keepaspect-window", f"--geometry={size}+0+0",
            "--demuxer=rawvideo", f"--demuxer-rawvideo-w={width}", f"--demuxer-rawvideo-h={height}",
            f"--demuxer-rawvideo-mp-format={video.format}", "--demuxer-rawvideo-fps=1",
            f"--vf=format=colorlevels={video.range}:colormatrix=bt.709",
            *([f"--glsl-shaders={shaders}"] if shaders else []), *options, str(raw),
        ]  # fmt: skip
        with Player(self.program, *arguments, env=self._env(), display=True) as player:
            player.wait_for(lambda: _taken(player, shot), 60)
            errors = [text for text in player.said("error") + player.said("fatal") if not text.startswith(_NOTHING)]
        assert not errors
        with Image.open(shot) as file:
            assert file.size == (round(width * scale), round(height * scale))
            return np.asarray(file.convert("RGB"), dtype=np.float64)

    def _env(self) -> dict[str, str]:
        home = self.folder / "home"
        home.mkdir(exist_ok=True)
        env = {name: value for name, value in os.environ.items() if name != "WAYLAND_DISPLAY"}
        return {**env, "DISPLAY": self.display, "HOME": str(home), "XDG_RUNTIME_DIR": str(home)}

    def _context(self) -> list[str]:
        if self.api == "opengl":
            return ["--gpu-context=x11egl"]
        return ["--gpu-context=x11vk", f"--vulkan-device={self._device()}"]

    def _device(self) -> str:
        """Return the name of Vulkan's software device: mpv takes that only where it is named."""
        asked = subprocess.run(
            [self.program, "--no-config", f"--vo={self.output}", "--gpu-api=vulkan", "--gpu-context=x11vk",
             "--msg-level=all=v", "--frames=1", "--ao=null", "av://lavfi:color=d=0.1"],
            env=self._env(), capture_output=True, text=True, errors="replace", check=False,
        )  # fmt: skip
        found = [line for line in asked.stdout.splitlines() if "GPU 0:" in line and "(software)" in line]
        if not found:
            pytest.skip("needs an mpv with Vulkan, and a Vulkan device in software (Debian: mesa-vulkan-drivers)")
        return found[0].partition("GPU 0:")[2].removesuffix("(software)").strip()


# Said by players that are all right: before the first frame is drawn, and where colour profiles are not built in.
_NOTHING = ("Taking screenshot failed", "libplacebo compiled without LittleCMS 2 support")


def _taken(player: Player, shot: Path) -> bool:
    """Take a picture of the window, if the frame is on it."""
    try:
        player.command("screenshot-to-file", str(shot), "window")
    except MpvError:
        return False
    return True


# libplacebo


@functools.cache
def _libplacebo() -> str | None:
    """Return why ffmpeg's libplacebo cannot be used here; None where it can."""
    program = imageio_ffmpeg.get_ffmpeg_exe()
    said = _run([program, "-v", "error", "-init_hw_device", "vulkan=gpu", "-f", "lavfi", "-i", "color=s=16x16",
                 "-vf", "libplacebo=format=yuv444p", "-frames:v", "1", "-f", "null", "-"], b"")  # fmt: skip
    return None if said.returncode == 0 else said.stderr.decode(errors="replace").strip()


def _run(command: list[Any], content: bytes) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(command, input=content, capture_output=True, check=False)


def rendered(videos: list[Video], shaders: Path, scale: int = 2) -> list[Plane]:
    """Return luma (0 to 255, of 16 bits, cut off there) of frames of one kind through libplacebo on Vulkan."""
    why = _libplacebo()
    if why:
        pytest.skip(f"needs an ffmpeg with libplacebo and a Vulkan device (Debian: mesa-vulkan-drivers): {why}")
    first = videos[0]
    width, height = first.size
    levels = {"limited": "tv", "full": "pc"}[first.range]
    filters = (
        f"setparams=range={levels}:colorspace=bt709:color_primaries=bt709:color_trc=bt709,libplacebo=w=iw*{scale}:"
        f"h=ih*{scale}:custom_shader_path={shaders}:upscaler=nearest:downscaler=nearest:dithering=none:format=yuv444p16"
    )
    command = [
        imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-init_hw_device", "vulkan=gpu", "-f", "rawvideo",
        "-pix_fmt", first.format + ("le" if first.bits > 8 else ""), "-s", f"{width}x{height}", "-i", "-", "-vf",
        filters,
        "-f", "rawvideo", "-pix_fmt", "yuv444p16le", "-",
    ]  # fmt: skip
    done = _run(command, b"".join(video.raw() for video in videos))
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    assert not done.stderr, done.stderr.decode(errors="replace")
    numbers = np.frombuffer(done.stdout, "<u2").reshape(len(videos), 3, height * scale, width * scale)[:, 0]
    low, high = (16 * 256, 235 * 256) if first.range == "limited" else (0, 65535)
    return [(luma - low) / (high - low) * 255 for luma in numbers.astype(np.float64)]
