"""Every codec, container, depth and subsampling that the tables promise really comes out."""

from pathlib import Path
from typing import Any

import av
import pytest

from command import Run
from vsmagic.encode.codecs import CODECS, CONTAINERS, Codec, codec_for, container_of, pixel_format, quality
from vsmagic.encode.description import Description, Light
from vsmagic.encode.encoder import video_options
from vsmagic.encode.ffmpeg import find_ffmpeg
from vsmagic.errors import OptionError

from .conftest import ffmpeg, frame_hashes

FAST = {"h264": ["--preset", "ultrafast"], "h265": ["--preset", "ultrafast"], "av1": ["--preset", "12"], "ffv1": []}
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
        ran = run("enhance", source, out, "--scale", 1, "--codec", codec, *FAST[codec], "--quiet")
        assert ran.code == 0, ran.err
        assert len(frame_hashes(out)) == 5


@pytest.mark.parametrize(("subsampling", "bits"), FORMATS)
def test_ffv1_and_the_pipe_keep_every_bit(subsampling: str, bits: int, tmp_path: Path, run: Run) -> None:
    source, out = tmp_path / "in.mkv", tmp_path / "out.mkv"
    name = pixel_format(subsampling, bits)
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
    ran = run("enhance", source, out, "--scale", 1, "--codec", codec, *FAST[codec])
    assert ran.code == 0, ran.err
    assert "nearest the encoder takes" in ran.err
    with av.open(str(out)) as file:
        assert file.streams.video[0].codec_context.pix_fmt == expected


@pytest.mark.parametrize(("bits", "codec"), [(8, "h264"), (10, "h265")])
def test_depth_chooses_the_codec(bits: int, codec: str) -> None:
    assert codec_for(container_of(Path("a.mkv")), None, bits=bits).name == codec


def test_deep_input_stays_deep(data: Path, tmp_path: Path, run: Run) -> None:
    for codec in CODECS:
        out = tmp_path / f"{codec}.mkv"
        clip = data / "clips/tenbit_h264_testsrc_200x200.mp4"
        assert run("enhance", clip, out, "--scale", 1, "--codec", codec, *FAST[codec], "--end", "0.1", "-q").code == 0
        with av.open(str(out)) as file:
            assert file.streams.video[0].codec_context.pix_fmt == "yuv420p10le"


@pytest.mark.parametrize("codec", ["h264", "h265", "av1", "ffv1"])
def test_colour_tags_are_kept(codec: str, data: Path, tmp_path: Path, run: Run) -> None:
    """BT.601 at full range: everything a careless pipe turns into BT.709 at limited range."""
    clip, out = data / "clips/live_stpancras_320x240_60fps_601full.mp4", tmp_path / "out.mkv"
    assert run("enhance", clip, out, "--scale", 1, "--codec", codec, *FAST[codec], "--end", "0.1", "-q").code == 0
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
    with pytest.raises(OptionError, match="0 \\(best\\) to 51"):
        quality(CODECS["h264"], 52, None)
    with pytest.raises(OptionError, match="lossless"):
        quality(CODECS["ffv1"], 1, None)


def _description(**changes: Any) -> Description:
    usual: dict[str, Any] = {
        "width": 64, "height": 48, "subsampling": "420", "bits": 8, "rate": (25, 1), "frames": 10, "matrix": None,
        "transfer": None, "primaries": None, "full_range": None, "chroma": None, "pixel_aspect": None, "fields": None,
        "light": Light(), "begin": (0, 1), "duration": (2, 5), "whole": True, "source_frames": 10,
        "source_duration": (2, 5),
    }  # fmt: skip
    return Description(**(usual | changes))


def test_untagged_stays_untagged() -> None:
    options = video_options(CODECS["h264"], [], _description())
    assert not {"-vf", "-colorspace", "-color_range", "-chroma_sample_location"} & set(options)


def test_mastering_display_in_the_units_of_each_encoder() -> None:
    light = Light(
        primaries_x=(0.68, 0.265, 0.15), primaries_y=(0.32, 0.69, 0.06), white=(0.3127, 0.329), luminance=(0.005, 1000),
        level=(1000, 400),
    )  # fmt: skip
    deep = _description(light=light, bits=10)
    h265 = video_options(CODECS["h265"], [], deep)
    expected = "master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50):max-cll=1000,400"
    assert expected in h265[h265.index("-x265-params") + 1]
    av1 = video_options(CODECS["av1"], [], deep)
    assert "mastering-display=G(0.265,0.69)B(0.15,0.06)R(0.68,0.32)WP(0.3127,0.329)L(1000,0.005)" in av1[-1]
