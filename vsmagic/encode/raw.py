"""Options of ffmpeg's encoder in the user's own words: what is refused, and how they meet ours."""

from collections.abc import Mapping, Sequence

from vsmagic.errors import OptionError

_PARAMETERS = ("-x264-params", "-x264opts", "-x265-params", "-svtav1-params")
_ONCE = "the picture is encoded once, in pieces"
_ANEW = "frames and times are counted anew in each piece"
# Option, without its stream, to why it would break the job.
_REFUSED: Mapping[str, str] = {
    **dict.fromkeys(("i", "f", "y", "n", "attach", "filter_complex", "lavfi"), "input and output are settled"),
    **dict.fromkeys(("map", "map_metadata", "map_chapters", "an", "vn", "sn", "dn"), "tracks come from the input"),
    **dict.fromkeys(
        ("r", "fps_mode", "vsync", "fpsmax", "ss", "sseof", "t", "to", "itsoffset", "copyts", "enc_time_base",
         "shortest", "fs", "frames", "vframes", "force_fps"),
        "each frame must come out once and at its time; use --start, --end and --fps",
    ),
    **dict.fromkeys(("c", "codec", "vcodec"), "the encoder is chosen by --codec"),
    **dict.fromkeys(("vf", "filter", "s", "aspect", "autorotate"), "the picture is made by the chain"),
    **dict.fromkeys(("pix_fmt",), "the format follows the picture and --codec"),
    **dict.fromkeys(("pass", "passlogfile", "x265-stats", "stats"), _ONCE),
    **dict.fromkeys(("force_key_frames", "rc_override"), f"{_ANEW}; -g tells how often keyframes come"),
    **dict.fromkeys(("bsf", "vbsf", "tag", "vtag"), "packets are put together as the encoder gives them"),
}  # fmt: skip
_REFUSED_PARAMETERS: Mapping[str, str] = {
    **dict.fromkeys(("pass", "stats"), _ONCE),
    **dict.fromkeys(
        ("zones", "zonefile", "qpfile", "frames", "seek", "chunk-start", "chunk-end", "force-key-frames"), _ANEW
    ),
}


def check(words: Sequence[str]) -> None:
    """Raise OptionError for anything but options of the encoder, each with its value."""
    for n in range(0, len(words), 2):
        name = words[n]
        if not name.startswith("-") or len(name) < 2 or not name[1].isalpha():
            raise OptionError(
                f"after '--', {name!r} stands where an option of ffmpeg's encoder is expected, such as -tune grain; "
                "files belong before the '--'."
            )
        option = name[1:].partition(":")[0].lower()
        if option in _REFUSED:
            raise OptionError(f"after '--', {name} cannot be given: {_REFUSED[option]}. Leave it out.")
        if n + 1 == len(words):
            raise OptionError(f"after '--', {name} has no value; each option there takes one, such as -tune grain.")
        if f"-{option}" in _PARAMETERS:
            _check_parameters(name, words[n + 1])


def _check_parameters(name: str, text: str) -> None:
    for part in text.split(":"):
        reason = _REFUSED_PARAMETERS.get(part.partition("=")[0].lower().replace("_", "-"))
        if reason is not None:
            raise OptionError(f"after '--', {part} in {name} cannot be given: {reason}. Leave it out.")


def merged(options: Sequence[str], parameters: str | None, ours: Sequence[str]) -> list[str]:
    """Join the encoder's own parameters: ours, then the user's, of which the last of a name counts.

    Args:
        options: ffmpeg's options, each with its value.
        parameters: the option that takes parameters; None: the encoder has none.
        ours: parameters as ``name=value``.
    """
    if parameters is None:
        return list(options)
    kept: list[str] = []
    joined = {part.partition("=")[0]: part for part in ours}
    for name, value in zip(options[::2], options[1::2], strict=True):
        if name.partition(":")[0] == parameters:
            joined |= {part.partition("=")[0]: part for part in value.split(":") if part}
        else:
            kept += [name, value]
    return [*kept, parameters, ":".join(joined.values())] if joined else kept
