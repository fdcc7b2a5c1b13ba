"""Every codec, container, depth and subsampling that the tables promise really comes out."""

import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import pytest

from command import Run
from vsmagic.cli.enhance import enhance
from vsmagic.cli.trailing import TRAILING, split
from vsmagic.encode import raw
from vsmagic.encode.chunks import tasks
from vsmagic.encode.codecs import (
    CODECS,
    CONTAINERS,
    QUALITIES,
    Codec,
    codec_for,
    container_of,
    pixel_format,
    quality,
)
from vsmagic.encode.description import Description, Light
from vsmagic.encode.encoder import encode_command, try_encoder, video_options
from vsmagic.encode.ffmpeg import find_ffmpeg
from vsmagic.errors import OptionError, SetupError

from .conftest import ffmpeg, frame_hashes

FAST = {"h264": ["--preset", "ultrafast"], "h265": ["--preset", "ultrafast"], "av1": ["--preset", "12"]}
SOFTWARE = [codec for codec in CODECS.values() if not codec.hardware]
FORMATS = sorted(
    {(name, bits) for codec in CODECS.values() for name, depths in codec.formats.items() for bits in depths}
)


@pytest.mark.parametrize("codec", CODECS.values(), ids=lambda codec: codec.name)
def test_the_carried_ffmpeg_has_every_encoder(codec: Codec) -> None:
    find_ffmpeg().require(codec.encoder)


@pytest.mark.parametrize("suffix", CONTAINERS)
def test_every_codec_of_a_container_comes_out(suffix: str, tmp_path: Path, run: Run) -> None:
    source = tmp_path / "in.mkv"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=96x64:r=25:d=0.2", "-pix_fmt", "yuv420p", "-c:v", "ffv1", source)
    for codec in CONTAINERS[suffix].video:
        out = tmp_path / f"{codec}{suffix}"
        ran = run("enhance", source, out, "--scale", 1, "--codec", codec, *FAST.get(codec, []), "--quiet")
        assert ran.code == 0, ran.err
        assert len(frame_hashes(out)) == 5


@pytest.mark.parametrize(("subsampling", "bits"), FORMATS)
def test_ffv1_and_the_pipe_keep_every_bit(subsampling: str, bits: int, tmp_path: Path, run: Run) -> None:
    source, out = tmp_path / "in.mkv", tmp_path / "out.mkv"
    name = "bgr0" if (subsampling, bits) == ("rgb", 8) else pixel_format(subsampling, bits)  # FFV1's own
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=96x64:r=25:d=0.12", "-pix_fmt", name, "-c:v", "ffv1", "-strict", -2, source)
    assert run("enhance", source, out, "--scale", 1, "--codec", "ffv1", "--quiet").code == 0
    with av.open(str(out)) as file:
        assert file.streams.video[0].codec_context.pix_fmt == name
    assert frame_hashes(out) == frame_hashes(source)


@pytest.mark.parametrize(
    ("given", "codec", "expected"),
    [
        ("yuv444p", "av1", "yuv420p"),
        ("yuv422p12le", "h264", "yuv422p10le"),
        ("yuv420p9le", "h264", "yuv420p10le"),
        ("gray", "av1", "yuv420p"),
        ("yuv440p", "h264", "yuv444p"),
        ("yuv410p", "ffv1", "yuv420p"),
        ("gbrp", "h264", "yuv444p"),
        ("gbrp10le", "h265", "yuv444p10le"),
    ],
)
def test_what_an_encoder_does_not_take_goes_to_the_nearest(
    given: str, codec: str, expected: str, *, tmp_path: Path, run: Run
) -> None:
    source, out = tmp_path / "in.mkv", tmp_path / "out.mkv"
    ffmpeg(
        "-f", "lavfi", "-i", "testsrc2=s=96x64:r=25:d=0.12", "-pix_fmt", given, "-c:v", "ffv1", "-strict", -2, source
    )
    ran = run("enhance", source, out, "--scale", 1, "--codec", codec, *FAST.get(codec, []))
    assert ran.code == 0, ran.err
    assert "nearest the encoder takes" in ran.err
    with av.open(str(out)) as file:
        assert file.streams.video[0].codec_context.pix_fmt == expected


@pytest.mark.parametrize(("bits", "codec"), [(8, "h264"), (10, "h265")])
def test_depth_chooses_the_codec(bits: int, codec: str) -> None:
    assert codec_for(container_of(Path("a.mkv")), None, bits=bits).name == codec


def test_deep_input_stays_deep(data: Path, tmp_path: Path, run: Run) -> None:
    for codec in (codec.name for codec in SOFTWARE):
        out = tmp_path / f"{codec}.mkv"
        clip = data / "clips/tenbit_h264_testsrc_200x200.mp4"
        fast = FAST.get(codec, [])
        assert run("enhance", clip, out, "--scale", 1, "--codec", codec, *fast, "--end", "0.1", "-q").code == 0
        with av.open(str(out)) as file:
            subsampling = 422 if codec == "prores" else 420
            assert file.streams.video[0].codec_context.pix_fmt == f"yuv{subsampling}p10le"


@pytest.mark.parametrize("codec", ["h264", "h265", "av1", "ffv1"])
def test_colour_tags_are_kept(codec: str, data: Path, tmp_path: Path, run: Run) -> None:
    """BT.601 at full range: everything a careless pipe turns into BT.709 at limited range."""
    clip, out = data / "clips/live_stpancras_320x240_60fps_601full.mp4", tmp_path / "out.mkv"
    fast = FAST.get(codec, [])
    assert run("enhance", clip, out, "--scale", 1, "--codec", codec, *fast, "--end", "0.1", "-q").code == 0
    with av.open(str(clip)) as before, av.open(str(out)) as after:
        first, second = next(before.decode(video=0)), next(after.decode(video=0))
    for name in ("colorspace", "color_range", "color_trc", "color_primaries"):
        assert getattr(second, name) == getattr(first, name), name


def test_odd_sizes_pass_where_the_format_allows(data: Path, tmp_path: Path, run: Run) -> None:
    clip, out = data / "clips/odd_1x1_yuv444.mp4", tmp_path / "out.mkv"
    assert run("enhance", clip, out, "--scale", 1, "--codec", "ffv1", "--quiet").code == 0
    refused = run("enhance", clip, tmp_path / "out.webm", "--scale", 1, "--quiet")
    assert refused.code == 2
    assert "even sizes" in refused.err


@pytest.mark.parametrize(("field", "codec"), [("top", "h264"), ("bottom", "h264")])
def test_interlaced_stays_interlaced_when_nothing_is_changed(
    field: str, codec: str, *, data: Path, tmp_path: Path, run: Run
) -> None:
    name = "interlaced_tff_320x240_30i_mpeg2.ts" if field == "top" else "interlaced_bff_320x240_30i_h264.mkv"
    out = tmp_path / "out.mkv"
    arguments = ("--scale", 1, "--codec", codec, *FAST[codec], "--end", "0.2", "-q")
    assert run("enhance", data / "clips/derived" / name, out, *arguments).code == 0
    with av.open(str(out)) as file:
        frame = next(file.decode(video=0))
        assert frame.interlaced_frame


def test_quality_is_checked() -> None:
    assert quality(CODECS["h264"], None, None) == ["-crf", "18", "-preset", "medium"]
    assert quality(CODECS["h264"], 12, None, "best") == ["-crf", "12", "-preset", "slower"]
    with pytest.raises(OptionError, match="0 \\(best\\) to 51"):
        quality(CODECS["h264"], 52, None)
    with pytest.raises(OptionError, match="lossless"):
        quality(CODECS["ffv1"], 1, None)
    with pytest.raises(OptionError, match="fast, balanced, best"):
        quality(CODECS["ffv1"], None, None, "good")


@pytest.mark.parametrize("codec", SOFTWARE, ids=lambda codec: codec.name)
def test_a_better_quality_is_no_smaller(codec: Codec, pattern: bytes, tmp_path: Path) -> None:
    """And of a lossless codec no larger."""
    sizes = [len(_encoded(codec, pattern, tmp_path / f"{name}{tasks.suffix(codec)}", named=name)) for name in QUALITIES]
    assert sizes == sorted(sizes, reverse=codec.lossless)


def _description(**changes: Any) -> Description:
    usual: dict[str, Any] = {
        "width": 96, "height": 64, "subsampling": "420", "bits": 8, "rate": (25, 1), "frames": 12, "matrix": None,
        "transfer": None, "primaries": None, "full_range": None, "chroma": None, "pixel_aspect": None, "fields": None,
        "light": Light(), "begin": (0, 1), "duration": (2, 5), "whole": True, "source_frames": 10,
        "source_duration": (2, 5),
    }  # fmt: skip
    return Description(**(usual | changes))


@pytest.fixture(scope="module")
def pattern() -> bytes:
    """Twelve frames of a test pattern as YUV4MPEG2."""
    return ffmpeg("-f", "lavfi", "-i", "testsrc2=s=96x64:r=25:d=0.48", "-pix_fmt", "yuv420p", "-f", "yuv4mpegpipe", "-")


def _frames(pattern: bytes, first: int, end: int) -> bytes:
    head, *frames = pattern.split(b"FRAME\n")
    return head + b"".join(b"FRAME\n" + frame for frame in frames[first:end])


def _encoded(codec: Codec, pattern: bytes, out: Path, *, named: str = "fast", pin: str | None = None) -> list[bytes]:
    """Encode as a job does; return the header and the packets."""
    small = _description() if codec.name != "prores" else _description(subsampling="422", bits=10)
    command = [*encode_command(find_ffmpeg(), codec, quality(codec, None, None, named), small), str(out)]
    line = command if pin is None else ["taskset", "--cpu-list", pin, *command]
    subprocess.run(line, input=pattern, check=True, capture_output=True)
    with av.open(str(out)) as file:
        stream = file.streams.video[0]
        found = [bytes(packet) for packet in file.demux(stream) if packet.size]
        return [bytes(stream.codec_context.extradata or b""), *found]


@pytest.mark.parametrize("codec", SOFTWARE, ids=lambda codec: codec.name)
def test_bits_depend_on_no_processor_and_pieces_make_one_stream(codec: Codec, pattern: bytes, tmp_path: Path) -> None:
    suffix = tasks.suffix(codec)
    whole = _encoded(codec, pattern, tmp_path / f"whole{suffix}")
    assert _encoded(codec, pattern, tmp_path / f"again{suffix}", pin="0") == whole
    pieces = [
        _encoded(codec, _frames(pattern, first, end), tmp_path / f"{first}{suffix}")
        for first, end in ((0, 1), (1, 5), (5, 12))
    ]
    assert {piece[0] for piece in pieces} == {whole[0]}
    assert sum(len(piece) - 1 for piece in pieces) == 12


@pytest.mark.parametrize("codec", [codec for codec in CODECS.values() if codec.hardware], ids=lambda codec: codec.name)
def test_an_encoder_of_a_graphics_card_works_or_says_why(codec: Codec, tmp_path: Path, pattern: bytes) -> None:
    found = find_ffmpeg()
    words = found.refusal(codec.encoder)
    if words is None:
        assert len(_encoded(codec, pattern, tmp_path / "out.mp4")) == 13
    else:
        with pytest.raises(SetupError, match=f"{codec.encoder} does not work .* --codec, such as {codec.kind}"):
            try_encoder(found, codec)


def test_options_after_two_dashes_reach_the_encoder(data: Path, tmp_path: Path, run: Run) -> None:
    clip, out = data / "clips/hdr10_1080p_av1_mdcv_clli_60fps.mp4", tmp_path / "out.mkv"
    own = ("--", "-x265-params:v", "aq-mode=0:info=1", "-tune", "grain")
    arguments = ("--size", "96x64", "--codec", "h265", "--preset", "ultrafast", "--end", 0.03, "-q")
    assert run("enhance", clip, out, *arguments, *own).code == 0
    with av.open(str(out)) as file:
        header = bytes(file.streams.video[0].codec_context.extradata or b"")
        kinds = {str(kind) for kind in next(file.decode(video=0)).side_data.keys()}  # noqa: SIM118 - no mapping
    assert b"aq-mode=0" in header
    assert b"frame-threads=3" in header  # ours beside it
    assert "Type.MASTERING_DISPLAY_METADATA" in kinds


@pytest.mark.parametrize(
    ("own", "words"),
    [
        (["-map", "0"], "tracks come from the input"),
        (["-i", "other.mkv"], "input and output"),
        (["-frames:v", "3"], "each frame must come out once"),
        (["-r", "50"], "each frame must come out once"),
        (["-c:v", "libx264"], "chosen by --codec"),
        (["-vf", "scale=2:2"], "made by the chain"),
        (["other.mkv"], "files belong before"),
        (["-tune", "grain", "other.mkv"], "files belong before"),
        (["-tune"], "has no value"),
        (["-x264-params", "aq-mode=1:pass=1"], "encoded once"),
        (["-x264-params:v", "zones=0,9,q=20"], "counted anew"),
        (["-x265-params", "qpfile=frames.txt"], "counted anew"),
        (["-force_key_frames", "5"], "counted anew in each piece; -g"),
    ],
)
def test_what_would_break_the_job_is_refused(own: list[str], words: str) -> None:
    with pytest.raises(OptionError, match=words):
        raw.check(own)


def test_an_option_the_encoder_refuses_is_told_before_anything_is_made(data: Path, tmp_path: Path, run: Run) -> None:
    clip = data / "clips/tenbit_h264_testsrc_200x200.mp4"
    ran = run("enhance", clip, tmp_path / "out.mkv", "--scale", 1, "-q", "--", "-tune", "nonsense")
    assert ran.code == 2
    assert "libx265 refuses -tune nonsense" in ran.err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("given", "own", "trailing"),
    [
        (["a", "b"], ["a", "b"], []),
        (["a", "b", "--", "-x", "1"], ["a", "b"], ["-x", "1"]),
        (["--", "-a", "b"], ["--", "-a", "b"], []),
        (["--", "-a", "b", "--", "-x", "1"], ["--", "-a", "b"], ["-x", "1"]),
    ],
)
def test_two_dashes_after_the_files_end_the_command(given: list[str], own: list[str], trailing: list[str]) -> None:
    assert split(given, lambda words: "a" in words) == (own, trailing)


@pytest.mark.parametrize("before", [[], ["--scale", "1"]])
def test_two_dashes_before_the_files_let_names_begin_with_a_dash(before: list[str]) -> None:
    for after in ([], ["--", "-tune", "grain"]):
        context = enhance.make_context("enhance", [*before, "--", "-a.mp4", "-b.mkv", *after])
        assert (context.params["sources"], context.params["output"]) == (("-a.mp4",), "-b.mkv")
        assert context.meta[TRAILING] == tuple(after[1:])
    named = enhance.make_context("enhance", ["a.mp4", "b.mkv", *before, "--", "-tune", "grain"])
    assert (named.params["sources"], named.meta[TRAILING]) == (("a.mp4",), ("-tune", "grain"))


def test_untagged_stays_untagged() -> None:
    options = video_options(find_ffmpeg(), CODECS["h264"], [], _description())
    assert not {"-vf", "-colorspace", "-color_range", "-chroma_sample_location"} & set(options)


def test_an_older_ffmpeg_is_told_of_the_mastering_display_in_the_units_of_each_encoder() -> None:
    light = Light(
        primaries_x=(0.68, 0.265, 0.15), primaries_y=(0.32, 0.69, 0.06), white=(0.3127, 0.329), luminance=(0.005, 1000),
        level=(1000, 400),
    )  # fmt: skip
    deep, older = _description(light=light, bits=10), replace(find_ffmpeg(), light=False)
    h265 = video_options(older, CODECS["h265"], [], deep)
    expected = "master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50):max-cll=1000,400"
    assert expected in h265[h265.index("-x265-params") + 1]
    av1 = video_options(older, CODECS["av1"], [], deep)
    assert "mastering-display=G(0.265,0.69)B(0.15,0.06)R(0.68,0.32)WP(0.3127,0.329)L(1000,0.005)" in av1[-1]


def test_the_profile_of_prores_follows_its_chroma() -> None:
    prores, full = CODECS["prores"], _description(subsampling="444", bits=10)
    best = video_options(find_ffmpeg(), prores, quality(prores, None, None, "best"), full)
    assert best[best.index("-profile:v") + 1] == "4444xq"
    with pytest.raises(OptionError, match="takes 4444, 4444xq"):
        video_options(find_ffmpeg(), prores, quality(prores, None, "hq"), full)
