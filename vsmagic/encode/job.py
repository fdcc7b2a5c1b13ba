"""One enhancement, from a file to a finished file: what is asked for, what is checked first, and how it runs."""

import errno
import logging
import os
import shlex
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from vsmagic.encode import mux, pipeline, verify
from vsmagic.encode import vspipe as vspipes
from vsmagic.encode.children import Children
from vsmagic.encode.codecs import Codec, Container, codec_for, container_of, quality
from vsmagic.encode.description import Description
from vsmagic.encode.encoder import discard_command, encode_command, nominal_rate, pipe_options, video_options
from vsmagic.encode.ffmpeg import Ffmpeg, find_ffmpeg
from vsmagic.encode.mux import Original, Span
from vsmagic.encode.progress import Progress
from vsmagic.encode.stamp import stamp
from vsmagic.encode.stopping import stoppable
from vsmagic.encode.timecodes import Timeline, read_durations, timeline
from vsmagic.encode.vspipe import Vspipe, find_vspipe
from vsmagic.errors import EncodeError, OptionError, OutputError
from vsmagic.media import Media, VideoTrack, first_time, probe

log = logging.getLogger(__name__)


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
    ffmpeg: str | None = None
    """Path of the ffmpeg to run; None: VSMAGIC_FFMPEG, else the one from PyPI."""
    overwrite: bool = False
    """Replace an output that exists."""


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

    def graph_command(self, folder: Path | None = None) -> list[str]:
        """Return the command of vspipe; with a folder, it also leaves its description and properties there."""
        job = self.job
        arguments = {"source": str(job.source.resolve()), "chain": job.chain}
        if job.track:
            arguments["track"] = str(job.track)
        if job.loader != "bestsource":
            arguments["loader"] = job.loader
        if self.codec is not None:
            arguments["codec"] = self.codec.name
        if folder is None:
            return list(vspipes.command(self.vspipe, arguments))
        arguments["describe"] = str(folder / "clip.json")
        return list(vspipes.command(self.vspipe, arguments, properties=folder / "frames.json", progress=True))

    def original(self, description: Description, ended: Fraction | None) -> Original:
        """Return what goes into the output beside the picture.

        Args:
            description: of the new picture.
            ended: seconds after which a damaged picture ends; None when it is whole.
        """
        if self.container is None:
            raise OptionError("the null device holds nothing.")
        length = ended if ended is not None or description.whole else Fraction(*description.duration)
        return Original(
            media=self.media,
            track=self.video,
            carried=mux.plan(self.media, self.video, self.container),
            span=Span(lead=first_time(self.media, self.video), begin=Fraction(*description.begin), length=length),
        )


@dataclass(frozen=True, kw_only=True)
class Result:
    """What was made."""

    frames: int
    duration: Fraction
    """Seconds of picture."""
    width: int
    height: int
    elapsed: float
    """Seconds it took."""
    loss: str | None
    """What of a damaged input could not be decoded, in words; None when all of it could."""


def prepare(job: Job) -> Prepared:
    """Check a job and find what it needs.

    Raises:
        OptionError: an option is wrong, or the output is the input.
        SourceError: the input cannot be used.
        OutputError: the output is there already, or its folder is not.
        SetupError: vspipe, ffmpeg or an encoder is missing.
    """
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
    options = quality(codec, job.crf, job.preset) if codec else []
    if container is not None:
        _check_output(job)
    ffmpeg = find_ffmpeg(job.ffmpeg)
    if codec is not None:
        ffmpeg.require(codec.encoder)
    if video.alpha:
        log.warning("%s: its transparency is left out", job.source.name)
    return Prepared(
        job=job, media=media, video=video, container=container, codec=codec, quality=options, ffmpeg=ffmpeg,
        vspipe=find_vspipe(),
    )  # fmt: skip


def _check_output(job: Job) -> None:
    output = job.output
    if output.is_dir():
        raise OutputError(f"{output}: is a directory; expected the name of a file to make.")
    if output.exists() and output.samefile(job.source):
        raise OptionError(f"{output}: the output is the input itself; give another name.")
    if output.exists() and not job.overwrite:
        raise OutputError(f"{output}: exists already; choose another name, or pass --overwrite to replace it.")
    if not output.parent.is_dir():
        raise OutputError(f"{output.parent}: no such folder; create it first.")


def run(prepared: Prepared, progress: Progress) -> Result:
    """Make the output.

    Nothing but the finished, checked file is ever seen under the output's name; nothing is left when it fails or
    is stopped.

    Raises:
        VsmagicError: of the class that tells what failed.
        Stopped: Ctrl-C, SIGTERM or SIGHUP.
    """
    started = time.monotonic()
    with stoppable(), _working_folder(prepared) as folder, _disk_errors(prepared.job.output):
        piped = pipeline.run(
            prepared.graph_command(folder),
            prepared.vspipe.environ(),
            lambda description: _encoder(prepared, description, folder),
            description=folder / "clip.json",
            progress=progress,
        )
        frames = timeline(read_durations(folder / "frames.json"))
        loss = _loss(prepared, piped, frames)
        if prepared.container is not None:
            progress.stage("adding sound and the rest")
            original = prepared.original(piped.description, frames.duration if piped.damage else None)
            finished = _finish(prepared, piped.description, frames, original, folder)
            _place(finished, prepared.job)
    return Result(
        frames=frames.frames,
        duration=frames.duration,
        width=piped.description.width,
        height=piped.description.height,
        elapsed=time.monotonic() - started,
        loss=loss,
    )


def describe(prepared: Prepared) -> Description:
    """Build the graph once, without rendering more than its first frame, and return what it gives."""
    with stoppable(), tempfile.TemporaryDirectory() as folder:
        return pipeline.describe(
            prepared.graph_command(Path(folder)), prepared.vspipe.environ(), description=Path(folder) / "clip.json"
        )


def shell_commands(prepared: Prepared) -> tuple[str, str]:
    """Return the two commands that, joined by a pipe, make the output in one go, as a POSIX shell reads them.

    Builds the graph once. Frame durations that vary cannot pass a pipe: that is logged.
    """
    description = describe(prepared)
    if description.rate is None:
        log.warning(
            "the frame rate varies, which a pipe cannot carry: these commands give a constant %s fps; "
            "without --dry-run the exact times are kept", nominal_rate(description),
        )  # fmt: skip
    graph = prepared.vspipe.shell(prepared.graph_command())
    if prepared.container is None or prepared.codec is None:
        return graph, shlex.join(discard_command(prepared.ffmpeg, description))
    original = prepared.original(description, None)
    encoder = [
        *(str(prepared.ffmpeg.program), "-hide_banner", "-y"),
        *mux.lead_options(original.span),
        *pipe_options(description),
        *mux.original_options(original),
        *video_options(prepared.codec, prepared.quality, description),
        *container_options(prepared.container, prepared.codec, None),
        *("-f", prepared.container.muxer, f"file:{prepared.job.output}"),
    ]
    mux.tell(original.carried)
    return graph, shlex.join(encoder)


def _encoder(prepared: Prepared, description: Description, folder: Path) -> list[str]:
    if description.dynamic_hdr:
        log.warning("%s metadata cannot be carried over and is left out", " and ".join(description.dynamic_hdr))
    if prepared.codec is None:
        return discard_command(prepared.ffmpeg, description)
    return encode_command(prepared.ffmpeg, prepared.codec, prepared.quality, description, _picture(prepared, folder))


def _picture(prepared: Prepared, folder: Path) -> Path:
    # MP4 keeps exact times and colour tags. It holds no FFV1, whose only container rounds to milliseconds anyway.
    return folder / ("picture.mkv" if prepared.codec is not None and prepared.codec.name == "ffv1" else "picture.mp4")


def _loss(prepared: Prepared, piped: pipeline.Piped, frames: Timeline) -> str | None:
    """Say what of a damaged input is missing."""
    description = piped.description
    if piped.damage is not None:
        return (
            f"{prepared.job.source.name} is damaged: decoding failed after frame {frames.frames} of "
            f"{description.frames} ({piped.damage})"
        )
    words = verify.shortfall(prepared.media, prepared.video, description) if description.whole else None
    return None if words is None else f"{prepared.job.source.name} is damaged: {words}"


def _finish(prepared: Prepared, description: Description, frames: Timeline, original: Original, folder: Path) -> Path:
    """Give the picture its exact times, add the rest of the input, check the result."""
    picture = _picture(prepared, folder)
    if description.rate is None:
        stamped = picture.with_stem("stamped")
        stamp(picture, stamped, frames, nominal_rate(description))
        picture.unlink()
        picture = stamped
    finished = folder / f"finished{prepared.job.output.suffix.lower()}"
    muxed = _mux(prepared, picture, frames, original, finished)
    verify.check(finished, frames, audio=sum(one.track.kind == "audio" for one in muxed.kept))
    mux.tell(muxed.carried)
    return finished


def _mux(prepared: Prepared, picture: Path, frames: Timeline, original: Original, output: Path) -> Original:
    """Write the finished file; what ffmpeg refuses to copy is converted, what it refuses altogether is left out."""
    assert prepared.container is not None and prepared.codec is not None  # noqa: S101, PT018 - told by the caller
    words = ""
    options = container_options(prepared.container, prepared.codec, frames)
    options += mux.attach_covers(original, output.parent)
    for carried in mux.fallbacks(original.carried, prepared.container):
        attempt = replace(original, carried=carried)
        command = mux.mux_command(prepared.ffmpeg, picture, attempt, prepared.container, output, options=options)
        with Children() as children:
            ffmpeg = children.start(command)
            children.next_end()
        if ffmpeg.code == 0:
            return attempt
        pipeline.raise_if_full(ffmpeg)
        words = pipeline.last_words(ffmpeg)
        log.debug("ffmpeg refused: %s", words)
    raise EncodeError(f"ffmpeg could not write the finished file: {words}.")


def container_options(container: Container, codec: Codec, frames: Timeline | None) -> list[str]:
    """Return muxer options: the tag that Apple's players want, and a clock in which every time is exact."""
    if container.muxer not in {"mp4", "mov"}:
        return [*container.options]
    options = [*container.options, *(["-tag:v", "hvc1"] if codec.name == "h265" else [])]
    if frames is not None:
        scale = frames.base.denominator
        while scale < 1000:  # a coarse clock would round the start of the sound's edit list
            scale *= 10
        options += ["-video_track_timescale", str(scale)]
    return options


@contextmanager
def _working_folder(prepared: Prepared) -> Iterator[Path]:
    """A hidden folder beside the output, so that the finished file only needs to be renamed."""
    output = prepared.job.output
    beside: dict[str, Any] = {} if prepared.container is None else {"dir": output.parent, "prefix": f".{output.name}."}
    try:
        folder = tempfile.TemporaryDirectory(**beside)
    except OSError as error:
        raise OutputError(
            f"{output.parent}: cannot be written ({error.strerror}); change its permissions or choose another folder."
        ) from error
    with folder as name:
        yield Path(name)


@contextmanager
def _disk_errors(output: Path) -> Iterator[None]:
    """Turn the system's refusals into one sentence."""
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise OutputError(f"{output.parent}: the disk is full; free space or choose another folder.") from error
        raise OutputError(f"{output}: cannot be written ({error.strerror or error}).") from error


def _place(finished: Path, job: Job) -> None:
    """Flush the file to disk and give it its name."""
    with finished.open("rb+") as file:
        os.fsync(file.fileno())
    if job.output.exists() and not job.overwrite:
        raise OutputError(f"{job.output}: appeared in the meantime; choose another name, or pass --overwrite.")
    finished.replace(job.output)
