"""The commands that make a job's pictures: cut into tasks, or thrown away to measure."""

from collections.abc import Sequence
from itertools import pairwise

from vsmagic.encode.chunks.chunk import Task
from vsmagic.encode.codecs import Codec
from vsmagic.encode.description import Description
from vsmagic.encode.encoder import discard_command, encode_command
from vsmagic.encode.job import Prepared
from vsmagic.errors import EncodeError

_CONTAINERS = {"ffv1": ".mkv", "prores": ".mov"}
"""Of chunks; MP4, which holds the others, keeps exact times and colour tags."""


def suffix(codec: Codec) -> str:
    """Return how the files of chunks end."""
    return _CONTAINERS.get(codec.name, ".mp4")


def encoder_arguments(prepared: Prepared, description: Description) -> tuple[str, ...]:
    """Return what ffmpeg is told, from after its name until before the output, to encode any chunk."""
    if prepared.codec is None:
        raise EncodeError("nothing is encoded for the null device.")
    return tuple(encode_command(prepared.ffmpeg, prepared.codec, prepared.quality, description)[1:])


def discarded(prepared: Prepared, description: Description) -> Sequence[str]:
    """Return the command that reads the pictures and throws them away."""
    return discard_command(prepared.ffmpeg, description)


def tasks(prepared: Prepared, description: Description) -> list[Task]:
    """Return the chunks of a job, in their order."""
    assert prepared.codec is not None  # noqa: S101 - encoder_arguments has refused it
    arguments = encoder_arguments(prepared, description)
    return [
        Task(
            number=number, first=first, end=end, graph=prepared.graph(), shape=description.shape, encoder=arguments,
            suffix=suffix(prepared.codec),
        )
        for number, (first, end) in enumerate(pairwise(description.bounds))
    ]  # fmt: skip
