"""One enhancement: what is asked for, what is checked first, and the commands that it comes to."""

import logging
import os
import shlex
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from vsmagic.encode import losses, pipeline, weaving
from vsmagic.encode import vspipe as vspipes
from vsmagic.encode.chunks import folder
from vsmagic.encode.codecs import Codec, Container, codec_for, container_of, quality
from vsmagic.encode.description import Description
from vsmagic.encode.encoder import discard_command, nominal_rate, pipe_options, try_encoder, video_options
from vsmagic.encode.ffmpeg import Ffmpeg, find_ffmpeg
from vsmagic.encode.tracks import carry, mux, told
from vsmagic.encode.tracks.carry import SOUNDS, Sound
from vsmagic.encode.tracks.original import Original, Span
from vsmagic.encode.vspipe import Vspipe, find_vspipe
from vsmagic.errors import OptionError, OutputError, SourceError
from vsmagic.media import Media, VideoTrack, first_time, probe

log = logging.getLogger(__name__)

_LONGEST = 255  # bytes of a file's name, on every file system in use


@dataclass(frozen=True, kw_only=True)
class Job:
    """What is asked for."""

    source: Path
    output: Path
    """The file to make; the null device makes none, for measuring."""
    chain: str
    """The filters, as the JSON of :mod:`vsmagic.chain`."""
    track: int = 0
    """Number among the video tracks."""
    loader: str = "bestsource"
    codec: str | None = None
    """Name in :data:`vsmagic.encode.codecs.CODECS`; None chooses by container and bit depth."""
    crf: float | None = None
    preset: str | None = None
    quality: str = "balanced"
    """One of :data:`vsmagic.encode.codecs.QUALITIES`; ``crf`` and ``preset`` replace parts of it."""
    raw: Sequence[str] = ()
    """More options of ffmpeg's encoder, each with its value."""
    ffmpeg: str | None = None
    """Path of the ffmpeg to run; None: VSMAGIC_FFMPEG, else the one from PyPI."""
    overwrite: bool = False
    """Replace an output that exists."""
    audio: Sound = "stretch"
    """What becomes of the sound in slow motion; ``drop`` leaves it out anyway."""
    chunk: int | None = None
    """Frames of the output in each chunk, about; None: about a minute's work."""
    workers: int | str | None = None
    """How many chunks are made at once here, or the address of a cluster; None chooses for this machine."""
    resume: bool = True
    """Go on where an earlier run of the same job ended."""
    keep: bool = False
    """Leave the chunks where they are when the output is finished."""


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A job whose every part that can be checked without decoding has been."""

    job: Job
    media: Media
    video: VideoTrack
    container: Container | None
    """None when the output is the null device."""
    codec: Codec | None
    quality: Sequence[str]
    ffmpeg: Ffmpeg
    vspipe: Vspipe

    def graph(self) -> dict[str, str]:
        """Return the arguments of ``encode.vpy`` that decide what the output is."""
        job = self.job
        arguments = {"source": str(job.source.resolve()), "chain": job.chain}
        if job.track:
            arguments["track"] = str(job.track)
        if job.loader != "bestsource":
            arguments["loader"] = job.loader
        if self.codec is not None:
            arguments["codec"] = self.codec.name
        return arguments

    def original(self, description: Description, ended: Fraction | None) -> Original:
        """Return what goes into the output beside the picture.

        Args:
            description: of the new picture.
            ended: seconds after which a damaged picture ends; None when it is whole.
        """
        if self.container is None:
            raise OptionError("the null device holds nothing.")
        slowdown = description.stretch
        length = ended if ended is not None or description.whole else Fraction(*description.duration)
        span = Span(
            lead=first_time(self.media, self.video),
            begin=Fraction(*description.begin),
            length=None if length is None else length / slowdown,
            slowdown=slowdown,
        )
        cut = length is not None
        return Original(
            media=self.media,
            track=self.video,
            carried=carry.plan(
                self.media, self.video, self.container,
                sound=self.job.audio, slowed=slowdown != 1, cut=cut, late=cut and span.position > 0,
            ),
            span=span,
            sound=self.job.audio,
        )  # fmt: skip


def prepare(job: Job) -> Prepared:
    """Check a job and find what it needs.

    Raises:
        OptionError: an option is wrong, or the output is the input.
        SourceError: the input cannot be used.
        OutputError: the output is there already, or its folder is not.
        SetupError: vspipe, ffmpeg or an encoder is missing.
    """
    if job.audio not in SOUNDS:
        raise OptionError(f"audio is {job.audio!r}; expected {', '.join(SOUNDS)}.")
    _check_names(job)
    null = os.path.realpath(job.output) == os.path.realpath(os.devnull)
    container = None if null else container_of(job.output)
    media = probe(job.source)
    if not 0 <= job.track < len(media.video):
        raise OptionError(
            f"--track is {job.track}; {job.source.name} has {len(media.video)} video "
            f"track{'s' if len(media.video) > 1 else ''}, counted from 0."
        )
    video = media.video[job.track]
    codec = None if container is None else codec_for(container, job.codec, bits=video.bits or 8)
    options = quality(codec, job.crf, job.preset, job.quality, job.raw) if codec else []
    if container is not None:
        _check_output(job)
    ffmpeg = find_ffmpeg(job.ffmpeg)
    if codec is not None:
        try_encoder(ffmpeg, codec, job.raw)
    losses.check(job.source.name, video, codec, chosen=_chooses(job.chain))
    return Prepared(
        job=job, media=media, video=video, container=container, codec=codec, quality=options, ffmpeg=ffmpeg,
        vspipe=find_vspipe(),
    )  # fmt: skip


def _chooses(chain: str) -> bool:
    """Whether which frames come out depends on what the picture shows."""
    return '"duplicates"' in chain or '"inverse_telecine"' in chain


def _check_names(job: Job) -> None:
    for path, error in ((job.source, SourceError), (job.output, OutputError)):
        try:
            str(path.resolve()).encode()
        except UnicodeEncodeError as wrong:
            raise error(
                f"{path}: this name, or that of a folder it lies in, is no UTF-8, which VapourSynth's programs and "
                "the records of a job cannot hold; rename it."
            ) from wrong


def _check_output(job: Job) -> None:
    output = job.output
    over = len(os.fsencode(folder.place(output).name)) - _LONGEST
    if over > 0:
        raise OutputError(
            f"{output.name}: this name is {over} bytes too long for the folder of the job, which is called after it; "
            "choose a shorter one."
        )
    if output.is_dir():
        raise OutputError(f"{output}: is a directory; expected the name of a file to make.")
    if output.exists() and output.samefile(job.source):
        raise OptionError(f"{output}: the output is the input itself; give another name.")
    if output.exists() and not job.overwrite:
        folder.sweep(output)
        raise OutputError(f"{output}: exists already; choose another name, or pass --overwrite to replace it.")
    if not output.parent.is_dir():
        raise OutputError(f"{output.parent}: no such folder; create it first.")


def describe(prepared: Prepared, heard: pipeline.Heard, *, measure: bool = True) -> Description:
    """Build the graph, without rendering more than its first frame, and return what it gives and where to cut it.

    Args:
        prepared: the job.
        heard: hears what the script says meanwhile.
        measure: find out on first use how the models run best.

    Raises:
        InterlacedError: the pictures are woven of two fields, and the chain does nothing about that.
    """
    with tempfile.TemporaryDirectory() as name:
        told = Path(name) / "clip.json"
        arguments = {**prepared.graph(), "describe": str(told), "parent": str(os.getpid())}
        arguments |= weaving.looks(prepared.job.chain, prepared.video)
        if prepared.container is not None:
            arguments["chunk"] = "auto" if prepared.job.chunk is None else str(prepared.job.chunk)
        return pipeline.describe(
            vspipes.command(prepared.vspipe, arguments),
            environment=prepared.vspipe.environ() | ({} if measure else {"VSMAGIC_TUNE": "off"}),
            described=told,
            heard=heard,
        )


def shell_commands(prepared: Prepared, description: Description) -> tuple[str, str]:
    """Return the two commands that, joined by a pipe, make the output in one go, as a POSIX shell reads them.

    Frame durations that vary cannot pass a pipe: that is logged.
    """
    if description.rate is None:
        log.warning(
            "the frame rate varies, which a pipe cannot carry: these commands give a constant %s fps; "
            "without --dry-run the exact times are kept", nominal_rate(description),
        )  # fmt: skip
    graph = prepared.vspipe.shell(vspipes.command(prepared.vspipe, prepared.graph()))
    if prepared.container is None or prepared.codec is None:
        return graph, shlex.join(discard_command(prepared.ffmpeg, description))
    original = prepared.original(description, None)
    encoder = [
        *(str(prepared.ffmpeg.program), "-hide_banner", "-y"),
        *mux.lead_options(original.span),
        *pipe_options(prepared.ffmpeg, description),
        *mux.original_options(original),
        *video_options(prepared.ffmpeg, prepared.codec, prepared.quality, description),
        *mux.container_options(prepared.container, prepared.codec, None),
        *("-f", prepared.container.muxer, f"file:{prepared.job.output}"),
    ]
    told.tell(original, prepared.container)
    return graph, shlex.join(encoder)
