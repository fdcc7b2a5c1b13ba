"""The ffmpeg command that turns the pipe's pictures into one video stream, tagged as the clip is."""

from collections.abc import Sequence
from fractions import Fraction

from vsmagic.encode.codecs import Codec, pixel_format
from vsmagic.encode.description import Description, Light
from vsmagic.encode.ffmpeg import Ffmpeg

# VapourSynth counts chroma locations from left = 0, ffmpeg from unspecified = 0.
_CHROMA = {0: "left", 1: "center", 2: "topleft", 3: "top", 4: "bottomleft", 5: "bottom"}
_FIELD_MODES = {"progressive": "prog", "top": "tff", "bottom": "bff"}
# What x264, x265 and SVT-AV1 call the mastering display and the light level.
_LIGHT_KEYS = {
    "h264": ("mastering-display", "cll"),
    "h265": ("master-display", "max-cll"),
    "av1": ("mastering-display", "content-light"),
}


def nominal_rate(description: Description) -> Fraction:
    """Return the rate the encoder is told: the clip's own, or about the mean of a variable one."""
    exact = description.exact_rate
    if exact is not None:
        return exact
    mean = description.frames / Fraction(*description.duration)
    return Fraction(max(1, round(mean)))


def encode_command(ffmpeg: Ffmpeg, codec: Codec, quality: Sequence[str], description: Description) -> list[str]:
    """Return the command that reads YUV4MPEG2 from stdin and writes a file with video alone, whose name is to follow.

    Args:
        ffmpeg: the program.
        codec: the codec.
        quality: its options for rate factor and preset.
        description: what comes through the pipe.
    """
    return [
        *_quiet(ffmpeg),
        *pipe_options(description),
        *("-map", "0:v:0"),
        *video_options(codec, quality, description),
        "-y",
    ]


def discard_command(ffmpeg: Ffmpeg, description: Description) -> list[str]:
    """Return the command that reads the pipe and throws the pictures away."""
    return [*_quiet(ffmpeg), *pipe_options(description), "-f", "null", "-"]


def _quiet(ffmpeg: Ffmpeg) -> list[str]:
    return [str(ffmpeg.program), "-hide_banner", "-nostdin", "-nostats", "-loglevel", "warning"]


def pipe_options(description: Description) -> list[str]:
    """Return ffmpeg's input options for what comes through the pipe."""
    rate = nominal_rate(description)
    return ["-f", "yuv4mpegpipe", "-r", f"{rate.numerator}/{rate.denominator}", "-i", "pipe:0"]


def video_options(codec: Codec, quality: Sequence[str], description: Description) -> list[str]:
    """Return the options of the video stream: tags, encoder, quality, one packet for each frame."""
    filters, tags = _tags(description)
    options = ["-vf", ",".join(filters)] if filters else []
    options += ["-fps_mode", "passthrough", "-c:v", codec.encoder, *codec.options]
    options += ["-pix_fmt", pixel_format(description.subsampling, description.bits), *quality, *tags]
    parameters = _light_parameters(codec.name, description.light)
    if codec.name == "h265":
        parameters.append("log-level=error")
    if codec.parameters and parameters:
        options += [codec.parameters, ":".join(parameters)]
    if codec.name == "h264" and description.fields in {"top", "bottom"}:
        options += ["-flags", "+ildct+ilme"]
    return options


def _tags(description: Description) -> tuple[list[str], list[str]]:
    """Return filters that tag the frames, and options that tag the stream: y4m itself carries no tags."""
    numbers = {
        "colorspace": description.matrix,
        "color_trc": description.transfer,
        "color_primaries": description.primaries,
        "range": None if description.full_range is None else 2 if description.full_range else 1,
    }
    parts = [f"{key}={value}" for key, value in numbers.items() if value is not None]
    options = []
    for key, value in numbers.items():
        if value is not None:
            options += ["-color_range" if key == "range" else f"-{key}", str(value)]
    if description.chroma is not None and description.subsampling in {"420", "422", "411"}:
        location = _CHROMA[description.chroma]
        parts.append(f"chroma_location={location}")
        options += ["-chroma_sample_location", location]
    if description.fields is not None:
        parts.append(f"field_mode={_FIELD_MODES[description.fields]}")
    filters = ["setparams=" + ":".join(parts)] if parts else []
    if description.pixel_aspect is not None:
        num, den = description.pixel_aspect
        filters.append(f"setsar={num}/{den}")
    return filters, options


def _light_parameters(codec: str, light: Light) -> list[str]:
    """Return the encoder's own parameters for HDR10 metadata."""
    if codec not in _LIGHT_KEYS:
        return []
    mastering, level = _LIGHT_KEYS[codec]
    parameters = []
    if light.primaries_x and light.primaries_y and light.white and light.luminance:
        # AV1's encoder takes the numbers as they are, the others in the units of the bit stream.
        chroma, luma = (1, 1) if codec == "av1" else (50_000, 10_000)
        red, green, blue = zip(light.primaries_x, light.primaries_y, strict=True)
        points = zip("GBR", (green, blue, red), strict=True)
        text = "".join(f"{name}({_scaled(x, chroma)},{_scaled(y, chroma)})" for name, (x, y) in points)
        text += f"WP({_scaled(light.white[0], chroma)},{_scaled(light.white[1], chroma)})"
        text += f"L({_scaled(light.luminance[1], luma)},{_scaled(light.luminance[0], luma)})"
        parameters.append(f"{mastering}={text}")
    if light.level:
        parameters.append(f"{level}={light.level[0]},{light.level[1]}")
    return parameters


def _scaled(value: float, scale: int) -> str:
    return f"{value:.6g}" if scale == 1 else str(round(value * scale))
