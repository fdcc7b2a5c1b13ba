"""Enlarge a clip with a neural network."""

import logging
import math
from fractions import Fraction
from typing import Literal

import msgspec
import vapoursynth as vs
from msgspec.structs import replace

from vsmagic import clips, colours
from vsmagic.backends import select, settle
from vsmagic.backends.infer import Plan, infer, padded
from vsmagic.colours import Colour
from vsmagic.errors import OptionError
from vsmagic.filters import repeats, windows, zoom
from vsmagic.filters.resample import per_frame, resampled
from vsmagic.filters.routes import Enlarged, Luma, Rgb, Route
from vsmagic.filters.sizes import (
    FITS,
    Fit,
    Placement,
    Target,
    fitted,
    nearest,
    output_size,
    parse_size,
    parse_target,
    place,
)
from vsmagic.filters.zoom import Zoom
from vsmagic.keyframes import Rect
from vsmagic.models import catalogue, registry

log = logging.getLogger(__name__)


class _Job(msgspec.Struct, frozen=True, kw_only=True):
    """One enlargement, worked out."""

    source: vs.VideoNode
    """The clip whose own pixels the model sees, tagged; GRAY or YUV or RGB."""
    size: tuple[int, int]
    """(width, height) to produce."""
    fit: Fit
    aspect: float
    """Aspect of a source pixel over that of an output pixel."""
    pixel: Fraction | None
    """Aspect of an output pixel; None: that of the source's, frame by frame."""
    zoom: Zoom | None
    """The crop, where the clip comes from ``dezoom``."""

    @property
    def step(self) -> tuple[int, int]:
        """What places and sizes are multiples of, for chroma."""
        return 1 << self.source.format.subsampling_w, 1 << self.source.format.subsampling_h

    def rects(self) -> list[Rect]:
        """Rectangles that the extremes of the crop lie in; the whole frame without one."""
        return self.zoom.key_rects() if self.zoom else [self._whole]

    def placement(self, n: int) -> Placement:
        """Return what frame n shows, and where."""
        return self.place(self.zoom.rect(n) if self.zoom else self._whole)

    def place(self, rect: Rect) -> Placement:
        """Put a rectangle of the source into the output."""
        return place(rect, self.size, self.fit, self.aspect, self.step)

    def factor(self) -> float:
        """Return the largest enlargement over all keys, in either direction."""
        placements = [self.place(rect) for rect in self.rects()]
        return max(max(p.width / p.source.width, p.height / p.source.height) for p in placements)

    @property
    def _whole(self) -> Rect:
        return Rect(x=0, y=0, width=self.source.width, height=self.source.height)


def upscale(
    clip: vs.VideoNode,
    *,
    model: str = "auto",
    denoise: float | None = None,
    scale: float | None = None,
    size: tuple[int, int] | str | None = None,
    target: str | None = None,
    fit: Fit = "contain",
    backend: str = "auto",
    precision: str = "auto",
    tile: tuple[int, int] | str = "auto",
    streams: int | None = None,
    device: int = 0,
    strict: bool = False,
) -> vs.VideoNode:
    """Enlarge a clip with a neural network.

    Accepts any constant YUV, GRAY or RGB format of 8 to 16 bits or float, any subsampling, odd sizes included;
    returns the same format and range. Keeps frame count, durations and frame properties. The model's scale and the
    size asked for may differ: one resampling (spline, 36 taps) makes up the rest. A model of scale 1 restores the
    picture at its size. A clip straight from ``dezoom`` is enlarged from the pixels it was cropped from, and only
    around the crop.

    Reads ``_Matrix``, ``_Range``, ``_ChromaLocation``, ``_FieldBased``, ``_SARNum``, ``_SARDen`` of the first frame;
    writes the first four on every frame where they were absent, and a pixel aspect of 1 unless ``scale`` is given.

    Args:
        clip: the clip to enlarge.
        model: ``auto`` (the embedded model whose scale is the smallest that reaches the size; never one that
            restores), a model's name, or the path of an ``.onnx``, ``.pth`` or ``.safetensors`` file.
        denoise: how strongly noise is removed, 0 to 1, by a model whose weights can be mixed for that:
            ``realesr-general-x4v3`` with 0.5 is the model ``realesr-general-x4v3@0.5``.
        scale: factor on the stored size; the pixel aspect stays. 1 with model auto returns the clip as it is, and
            is what is taken for a model of scale 1 when neither scale, size nor target is given.
        size: (width, height) or text such as 1280x720, in square pixels.
        target: ``auto``, which is also what is taken for any other model when neither scale nor size is given:
            3840x2160 or 1080x1920 for the usual display aspects, else the nearer of the two with one side smaller,
            to keep the aspect.
        fit: where the aspect of the size differs: ``contain`` (black bars), ``cover`` (cut off) or ``stretch``.
        backend: ``auto`` or one of trt_rtx, trt, ort_cuda, ncnn, ov, ort, torch, vsgan.
        precision: arithmetic inside the network: ``auto`` (what model and machine do best), f32, f16,
            bf16 or int8.
        tile: largest part of a frame given to the network at once, (width, height) or text such as 512x512, or
            ``auto`` (by VSMAGIC_MEMORY). The result does not depend on it.
        streams: frames worked on at the same time; None takes what suits the machine and VSMAGIC_MEMORY.
        device: number of the GPU.
        strict: raise instead of warning where something asked for can only be done otherwise.

    Raises:
        FormatError: the clip's format varies or is not supported, or a size does not suit its subsampling.
        OptionError: an argument is not acceptable.
        ModelError: the model is unknown or cannot be read.
        BackendError: the backend cannot run on this machine.
    """
    clips.check(clip, name="upscale")
    if fit not in FITS:
        raise OptionError(f"upscale: fit is {fit!r}; expected {', '.join(FITS)}.")
    model = _with_strength(model, denoise)
    parse_target(scale, size, target)  # a mistake is told before a model is prepared
    select.check_names(backend, precision)
    largest: tuple[int, int] | Literal["auto"] = "auto" if tile == "auto" else parse_size(tile, "tile")
    select.check_numbers(streams, device, name="upscale")
    named = None if model == "auto" else registry.resolve(model)
    job = _job(clip, parse_target(scale, size, target, model_scale=named.scale if named else None), fit)
    if named is None and job.factor() <= 1:
        unchanged = not job.zoom and job.size == (clip.width, clip.height)
        return clip if unchanged else _finished(_resize(job), job, clip)
    found = named or registry.resolve(model, factor=job.factor())
    plugin = select.choose(backend, found.path)
    plan = Plan(
        model=found,
        backend=plugin,
        precision=select.choose_precision(precision, found.spec.tolerated, plugin, strict=strict),
        tile=largest,
        streams=streams,
        device=device,
    )
    plan = settle.settled(plan, _seen(job, found), frames=clip.num_frames, precision_open=precision == "auto")
    if clips.played(clip) and plugin.prompt:
        plan = replace(plan, preferred=plugin.prompt())
    log.info("%s on %s in %s, %dx%d to %dx%d", found.name, plugin.name, plan.precision,
             clip.width, clip.height, *job.size)  # fmt: skip
    return _finished(_run(job, plan), job, clip)


def _finished(result: vs.VideoNode, job: _Job, clip: vs.VideoNode) -> vs.VideoNode:
    if job.pixel is None:
        result = colours.with_pixel_aspect_of(result, clip)
    else:
        result = colours.with_pixel_aspect(result, job.pixel)
    return clips.keep_times(result, clip)


def _job(clip: vs.VideoNode, wanted: Target, fit: Fit) -> _Job:
    known = zoom.origin(clip)
    source = known.clip if known else colours.tagged(clip)
    kept, played = wanted.scale is not None, clips.played(clip)
    if played and not kept:
        source = colours.square(source, name="upscale")
    pixel = Fraction(1) if played else colours.pixel_aspect(clip)
    size = output_size(wanted, clip.width, clip.height, float(pixel))
    step = (1 << source.format.subsampling_w, 1 << source.format.subsampling_h)
    if wanted.size is None:
        size = nearest(size[0], step[0]), nearest(size[1], step[1])
    else:
        size = fitted(size, step, name="upscale")
    own = None if played else pixel
    return _Job(
        source=source,
        size=size,
        fit=known.fit if known else fit,
        aspect=1.0 if kept else float(pixel),
        pixel=own if kept else Fraction(1),
        zoom=known,
    )


def _resize(job: _Job) -> vs.VideoNode:
    """Resample without a model: the result is nowhere larger than the source."""
    log.info("nothing to enlarge: resampling to %dx%d", *job.size)

    def in_colour(known: Colour) -> vs.VideoNode:
        def frame(n: int) -> vs.VideoNode:
            return resampled(job.source, job.placement(n), job.size, range=known.range)

        return frame(0) if not job.zoom or job.zoom.still else per_frame(job.source, frame(0), frame)

    return colours.by_colour(job.source, in_colour)


def _run(job: _Job, plan: Plan) -> vs.VideoNode:
    if job.source.format.color_family == vs.RGB and plan.model.spec.channels == 1:
        return _run_rgb_by_luma(job, plan)
    route: type[Route] = Luma if plan.model.spec.channels == 1 else Rgb
    if job.zoom is not None:
        return _run_windows(job, job.zoom, plan, route(colours.colour(job.source)))
    enlarged = Enlarged(clip=_enlarged(job.source, plan, route), scale=plan.model.scale)
    return colours.by_colour(
        job.source, lambda known: route(known).finish(job.source, enlarged, job.placement(0), job.size)
    )


def _run_rgb_by_luma(job: _Job, plan: Plan) -> vs.VideoNode:
    """Take RGB through luma and colour difference for a model of luma, in float."""
    fmt = job.source.format
    source = job.source.resize.Point(format=vs.YUV444PS, matrix=vs.MATRIX_BT709)
    known = None
    if job.zoom:
        known = replace(job.zoom, clip=source)
    return _run(replace(job, source=source, zoom=known), plan).resize.Point(format=fmt.id)


def _run_windows(job: _Job, known: Zoom, plan: Plan, route: Route) -> vs.VideoNode:
    """Run the model only around the crop, in windows of few sizes, and resample the crop out of what it made."""
    source = clips.pad(job.source, _phase(job, plan.model))
    series = _windows(job, known, plan.model)
    log.info("the crop is covered by windows of %s", ", ".join(f"{w}x{h}" for w, h in series.sizes))

    def window(n: int, size: tuple[int, int]) -> vs.VideoNode:
        _, left, top = series.cover(known.rect(n))
        return source.std.CropAbs(*size, left, top)

    def cut(size: tuple[int, int]) -> vs.VideoNode:
        def at(n: int) -> vs.VideoNode:
            return window(n, size)

        return at(0) if known.still else per_frame(source, source.std.CropAbs(*size), at)

    enlarged = [_enlarged(cut(size), plan, type(route)) for size in series.sizes]

    def frame(n: int) -> vs.VideoNode:
        number, left, top = series.cover(known.rect(n))
        part = Enlarged(clip=enlarged[number], scale=plan.model.scale, left=left, top=top)
        return route.finish(job.source, part, job.placement(n), job.size)

    return frame(0) if known.still else per_frame(job.source, frame(0), frame)


def _enlarged(part: vs.VideoNode, plan: Plan, route: type[Route]) -> vs.VideoNode:
    """Run the model on a part of the source, once for frames on which it would see the same."""
    given = route.to_model(part)
    planes = 1 if plan.model.spec.channels == 1 else part.format.num_planes
    return repeats.reused(given, infer(given, plan), seen=part, planes=planes)


def _phase(job: _Job, model: registry.Model) -> int:
    """Return what windows start on and measure multiples of."""
    return math.lcm(model.spec.multiple, *job.step)


def _windows(job: _Job, known: Zoom, model: registry.Model) -> windows.Windows:
    phase = _phase(job, model)
    size = padded((job.source.width, job.source.height), phase)
    return windows.plan(known.key_rects(), size, halo=model.spec.halo, phase=phase, whole=known.spills)


def _seen(job: _Job, model: registry.Model) -> tuple[int, int]:
    """Return the size (width, height) of the largest part of a frame that the model is given."""
    if job.zoom is None:
        return job.source.width, job.source.height
    return _windows(job, job.zoom, model).sizes[0]


def _with_strength(model: str, denoise: float | None) -> str:
    """Return the name of the model that removes noise that strongly."""
    if denoise is None:
        return model
    if isinstance(denoise, bool) or not isinstance(denoise, int | float) or not 0 <= denoise <= 1:
        raise OptionError(f"upscale: denoise is {denoise!r}; expected a number from 0 (keeps noise) to 1.")
    if "@" in model:
        raise OptionError(f"upscale: denoise is {denoise} beside model {model}, which names a strength too; give one.")
    entry = catalogue.find(model)
    if entry is None or not entry.blend:
        able = ", ".join(entry.name for entry in catalogue.ENTRIES if entry.blend)
        raise OptionError(
            f"upscale: denoise is {denoise}, but model {model} has no strength to set; those that have: {able}."
        )
    return f"{entry.name}@{float(denoise)!r}"
