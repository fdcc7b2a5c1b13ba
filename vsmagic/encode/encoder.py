"""The ffmpeg command that turns the pipe's pictures into one video stream, tagged as the clip is."""

from collections.abc import Sequence
from fractions import Fraction

from vsmagic.encode import raw
from vsmagic.encode.codecs import Codec, pixel_format
from vsmagic.encode.description import Description, Light
from vsmagic.encode.ffmpeg import Ffmpeg
from vsmagic.errors import OptionError, SetupError

# VapourSynth counts chroma locations from left = 0, ffmpeg from unspecified = 0.
_CHROMA = {0: "left", 1: "center", 2: "topleft", 3: "top", 4: "bottomleft", 5: "bottom"}
_ANY = 2**31 - 1
_FIELD_MODES = {"progressive": "prog", "top": "tff", "bottom": "bff"}
# What x264, x265 and SVT-AV1 call the mastering display and the light level, for an ffmpeg that cannot be told of them.
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
        quality: its options, from :func:`vsmagic.encode.codecs.quality`.
        description: what comes through the pipe.
    """
    return [
        *_quiet(ffmpeg),
        *pipe_options(ffmpeg, description),
        *("-map", "0:v:0"),
        *video_options(ffmpeg, codec, quality, description),
        "-y",
    ]


def discard_command(ffmpeg: Ffmpeg, description: Description) -> list[str]:
    """Return the command that reads the pipe and throws the pictures away."""
    return [*_quiet(ffmpeg), *pipe_options(ffmpeg, description), "-f", "null", "-"]


def _quiet(ffmpeg: Ffmpeg) -> list[str]:
    return [str(ffmpeg.program), "-hide_banner", "-nostdin", "-nostats", "-loglevel", "warning"]


def try_encoder(ffmpeg: Ffmpeg, codec: Codec, own: Sequence[str] = ()) -> None:
    """Find out before anything is made whether an encoder works with the user's own options.

    Raises:
        SetupError: ffmpeg lacks the encoder, or the encoder lacks its device.
        OptionError: it does not take those options.
    """
    ffmpeg.require(codec.encoder)
    if codec.hardware and (words := ffmpeg.refusal(codec.encoder)):
        raise SetupError(
            f"{codec.encoder} does not work on this machine ({words}); choose another --codec, such as {codec.kind}."
        )
    if own and (words := ffmpeg.refusal(codec.encoder, *own)):
        raise OptionError(f"{codec.encoder} refuses {' '.join(own)}: {words}.")


def pipe_options(ffmpeg: Ffmpeg, description: Description) -> list[str]:
    """Return ffmpeg's input options for what comes through the pipe."""
    rate = nominal_rate(description)
    options = ["-f", "yuv4mpegpipe", "-r", f"{rate.numerator}/{rate.denominator}"]
    if ffmpeg.light:
        mastering, level = _mastering(description.light), description.light.level
        options += ["-mastering_display", mastering] if mastering else []
        options += ["-content_light", f"{level[0]},{level[1]}"] if level else []
    return [*options, "-i", "pipe:0"]


def video_options(ffmpeg: Ffmpeg, codec: Codec, quality: Sequence[str], description: Description) -> list[str]:
    """Return the options of the video stream: tags, encoder, quality, one packet for each frame.

    Raises:
        OptionError: a profile that does not hold the picture's chroma.
    """
    filters, tags = _tags(description)
    filters = [*_planes(description), *filters]
    stored = pixel_format(description.subsampling, description.bits, alpha=description.alpha)
    options = ["-vf", ",".join(filters)] if filters else []
    options += ["-fps_mode", "passthrough", "-c:v", codec.encoder]
    options += ["-pix_fmt", codec.layouts.get(stored, stored), *tags]
    if codec.kind in {"h264", "prores"} and description.fields in {"top", "bottom"}:
        options += ["-flags", "+ildct+ilme"]
    light = [] if ffmpeg.light else _light_parameters(codec.name, description.light)
    chosen = _profiled(codec, [*codec.options, *quality], description)
    return [*options, *raw.merged(chosen, codec.parameters, [*codec.fixed, *light])]


def _planes(description: Description) -> list[str]:
    """Return filters that make of the pipe's planes what YUV4MPEG2 has no word for, without changing a value.

    RGB comes as planes G, B and R; alpha comes as luma of a second picture below the first.
    """
    rgb, alpha = description.subsampling == "rgb", description.alpha
    if not rgb and not alpha:
        return []
    size = f"{description.width}:{description.height}"
    # Left to itself ffmpeg takes gray for full and the rest for limited range, and turns one into the other.
    picture, links = "setparams=range=full", []
    if alpha:
        links = [f"{picture},split[above][below]", f"[below]crop={size}:0:{description.height},extractplanes=y[a]"]
        picture = f"[above]crop={size}:0:0"
    planes, mapping = "[picture]", "0x00010210"
    if rgb:
        picture += ",extractplanes=y+u+v"
        planes, mapping = "[g][b][r]", "0x00102030" if alpha else "0x001020"
    kind = pixel_format(description.subsampling, description.bits, alpha=alpha)
    joined = f"{planes}{'[a]' if alpha else ''}mergeplanes={mapping}:{kind}"
    return [";".join([*links, f"{picture}{planes}", joined])]


def _profiled(codec: Codec, options: Sequence[str], description: Description) -> list[str]:
    """Return the options with the profile that a quality means for the picture's chroma."""
    if not codec.profiles:
        return list(options)
    fitting = codec.profiles[description.subsampling]
    pairs = list(zip(options[::2], options[1::2], strict=True))
    for name, value in pairs:
        if name == codec.speed and value not in {*fitting, *_profiles_for(codec, description)}:
            raise OptionError(
                f"--preset is {value!r}; {codec.name} stores this picture as {':'.join(description.subsampling)} and "
                f"takes {', '.join(_profiles_for(codec, description))} for it."
            )
    meant = [(name, fitting.get(value, value) if name == codec.speed else value) for name, value in pairs]
    return [word for pair in meant for word in pair]


def _profiles_for(codec: Codec, description: Description) -> tuple[str, ...]:
    full = description.subsampling == "444"
    return tuple(name for name in codec.presets if name.startswith("4444") is full)


def _tags(description: Description) -> tuple[list[str], list[str]]:
    """Return filters that tag the frames, and options that tag the stream: y4m itself carries no tags."""
    rgb = description.subsampling == "rgb"
    numbers = {
        "colorspace": 0 if rgb else description.matrix,
        "color_trc": description.transfer,
        "color_primaries": description.primaries,
        "range": 2 if rgb else None if description.full_range is None else 2 if description.full_range else 1,
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
        filters.append(f"setsar={num}/{den}:max={_ANY}")  # by default it rounds to parts below 100
    return filters, options


def aspect_options(codec: Codec | None, description: Description) -> list[str]:
    """Return options of the final muxer that tell the pixel aspect of a codec whose joined pieces do not.

    Matroska, which alone holds it, counts in whole pixels of the width as it is shown.
    """
    if codec is None or codec.kind != "ffv1" or description.pixel_aspect in {None, (1, 1)}:
        return []
    num, den = description.pixel_aspect or (1, 1)
    return ["-aspect:v:0", f"{description.width * num / (description.height * den):.9f}"]


def _mastering(light: Light) -> str | None:
    """Return the mastering display in the units of H.265's bit stream; None unless all of it is known."""
    return _display(light, 50_000, 10_000)


def _display(light: Light, chroma: int, luma: int) -> str | None:
    if not (light.primaries_x and light.primaries_y and light.white and light.luminance):
        return None
    red, green, blue = zip(light.primaries_x, light.primaries_y, strict=True)
    points = zip("GBR", (green, blue, red), strict=True)
    text = "".join(f"{name}({_scaled(x, chroma)},{_scaled(y, chroma)})" for name, (x, y) in points)
    text += f"WP({_scaled(light.white[0], chroma)},{_scaled(light.white[1], chroma)})"
    return text + f"L({_scaled(light.luminance[1], luma)},{_scaled(light.luminance[0], luma)})"


def _light_parameters(codec: str, light: Light) -> list[str]:
    """Return the encoder's own parameters for HDR10 metadata."""
    if codec not in _LIGHT_KEYS:
        return []
    mastering, level = _LIGHT_KEYS[codec]
    # AV1's encoder takes the numbers as they are, the others in the units of the bit stream.
    display = _display(light, 1, 1) if codec == "av1" else _mastering(light)
    parameters = [f"{mastering}={display}"] if display else []
    if light.level:
        parameters.append(f"{level}={light.level[0]},{light.level[1]}")
    return parameters


def _scaled(value: float, scale: int) -> str:
    return f"{value:.6g}" if scale == 1 else str(round(value * scale))
