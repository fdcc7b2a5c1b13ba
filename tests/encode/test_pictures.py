"""Every row of the tables in docs/pictures.md: what goes in, and what comes out, told by PyAV and by ffmpeg itself."""

import re
import struct
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from command import Run
from vsmagic.encode import losses
from vsmagic.encode.codecs import CODECS
from vsmagic.media import probe

from .conftest import FFMPEG, ffmpeg, frame_hashes

DOC = Path(__file__).parents[2] / "docs" / "pictures.md"
FAST = {"h264": ["--preset", "ultrafast"], "h265": ["--preset", "ultrafast"], "av1": ["--preset", "12"]}
MASTERING = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)"
ODD = (67, 51)
BT601_525, BT601_625, BT709, BT2020 = (6, 6, 6), (5, 6, 5), (1, 1, 1), (9, 14, 9)
PQ, HLG = (9, 16, 9), (9, 18, 9)
Make = Callable[[Path, Path], Path]


def made(
    pixels: str = "yuv420p",
    *,
    tags: tuple[int, int, int] = (2, 2, 2),
    full: bool = False,
    chroma: str = "left",
    light: bool = False,
    size: str = "64x48",
    odd: bool = False,
    aspect: str = "1/1",
) -> Make:
    """Return what makes three frames of a test pattern, losslessly.

    Args:
        pixels: ffmpeg's name of the format.
        tags: matrix, transfer and primaries of H.273.
        full: full range.
        chroma: where chroma stands.
        light: with the HDR10 metadata of a film.
        size: WIDTHxHEIGHT, even.
        odd: of the odd size in place of it.
        aspect: width of a pixel over its height.
    """

    def make(folder: Path, _: Path) -> Path:
        matrix, transfer, primaries = tags
        bound = "full" if full else "limited"
        path = folder / "in.mkv"
        facts = f"setparams=colorspace={matrix}:color_trc={transfer}:color_primaries={primaries}"
        if not pixels.startswith(("gbr", "rgb")):
            facts += f":range={bound}:chroma_location={chroma}"
        picture = f"scale=out_range={bound},format={pixels},{facts},setsar={aspect}:max=100000"
        side = ["-mastering_display", MASTERING, "-content_light", "1000,400"] if light else []
        plain = folder / "in.nut"
        crop = f",crop={ODD[0]}:{ODD[1]}:0:0" if odd else ""
        pattern = f"testsrc2=s={'80x60' if odd else size}:r=25:d=0.12,format={pixels}{crop}"
        ffmpeg("-f", "lavfi", "-i", pattern, "-c:v", "rawvideo", plain)
        tagged = ["-color_range", "pc" if full else "tv", "-chroma_sample_location", chroma]
        encoder = ["-c:v", "ffv1", "-strict", -2, "-pix_fmt", pixels]
        ffmpeg(*side, "-i", plain, "-vf", picture, *encoder, *([] if "gb" in pixels else tagged), path)
        return path

    return make


def transparent(pixels: str, suffix: str = ".mkv") -> Make:
    """Return what makes three frames whose transparency grows from left to right."""

    def make(folder: Path, _: Path) -> Path:
        path = folder / f"in{suffix}"
        encoder = ["-c:v", "ffv1"] if suffix == ".mkv" else ["-c:v", "prores_ks", "-profile:v", "4444"]
        ramp = "gradients=s=64x48:r=25:d=0.12:c0=black:c1=white:x0=0:y0=0:x1=63:y1=0,format=gray"
        parts = f"[1]{ramp.partition(',')[2]}[a];[0]format=yuv444p[c];[c][a]alphamerge,format={pixels}"
        inputs = ["-f", "lavfi", "-i", "testsrc2=s=64x48:r=25:d=0.12", "-f", "lavfi", "-i", ramp]
        ffmpeg(*inputs, "-filter_complex", parts, "-pix_fmt", pixels, *encoder, "-strict", -2, path)
        return path

    return make


def clip(name: str) -> Make:
    """Return what finds a real clip."""

    def make(_: Path, data: Path) -> Path:
        return next((data / "clips").rglob(name))

    return make


def dolby_vision(profile: int, compatible: int) -> Make:
    """Return what makes of the real clip of profile 8 one that says it is of another."""

    def make(folder: Path, data: Path) -> Path:
        content = bytearray((data / "clips/hdr_dolbyvision_720p_rotate.mov").read_bytes())
        place = next(content.find(name) for name in (b"dvcC", b"dvvC") if name in content) + 4
        # version 1.0, then 7 bits of profile, 6 of level, 3 flags, 4 of compatibility
        content[place + 2 : place + 5] = struct.pack(">I", profile << 25 | 2 << 19 | 0b101 << 16 | compatible << 12)[:3]
        path = folder / "in.mov"
        path.write_bytes(content)
        return path

    return make


def turned(degrees: int, *, mirrored: bool) -> Make:
    """Return what makes a clip that is to be shown turned, and mirrored after that."""

    def make(folder: Path, data: Path) -> Path:
        plain, path = folder / "plain.mov", folder / "in.mov"
        ffmpeg("-i", data / "clips/rotate_0_568x320.mov", "-map", "0:v", "-c", "copy", "-frames:v", 3, plain)
        flip = ["-display_hflip"] if mirrored else []
        ffmpeg("-display_rotation", degrees, *flip, "-i", plain, "-c", "copy", path)
        return path

    return make


@dataclass(frozen=True, kw_only=True)
class Case:
    """One row: how the input is made, where it goes, and what is true of the output."""

    make: Make
    codec: str
    suffix: str = ".mkv"
    options: tuple[object, ...] = ("--scale", 1)
    pixels: str | None = None
    tags: tuple[int, int, int] | None = None
    full: bool | None = None
    size: tuple[int, int] | None = None
    words: tuple[str, ...] = ()
    """What ffmpeg says of the stream."""
    order: str | None = None
    """T or B: the field that each frame says comes first."""
    light: bool = False
    """The HDR10 metadata are in the stream and in the container."""
    told: str | None = None
    """What is said about it; None: no warning."""
    refused: str | None = None
    """The error, in place of an output."""
    same: bool = False
    """Every value of every picture is that of the input."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """Attributes of the first frame, by PyAV."""


def _row(make: Make, codec: str, suffix: str = ".mkv", **facts: Any) -> Case:
    return Case(make=make, codec=codec, suffix=suffix, **facts)


DEEP = "yuv420p10le"
LOSES_2 = "loses 2 of 12 bits"
CASES: dict[str, Case] = {
    # colours
    "BT.601, 525 lines, in H.264": _row(
        made(tags=BT601_525), "h264", ".mp4", tags=BT601_525, full=False, words=("left",)
    ),
    "BT.601, 625 lines, in H.265": _row(made(tags=BT601_625), "h265", tags=BT601_625, full=False, words=("left",)),
    "BT.709 in H.264, QuickTime": _row(
        made(tags=BT709, chroma="topleft"), "h264", ".mov", tags=BT709, words=("topleft",)
    ),
    "BT.709 in ProRes": _row(made("yuv422p10le", tags=BT709), "prores", ".mov", tags=BT709, full=False),
    "BT.2020 in AV1, WebM": _row(
        made(DEEP, tags=BT2020, chroma="topleft"), "av1", ".webm", tags=BT2020, full=False, words=("topleft",),
        pixels=DEEP,
    ),
    "BT.2020 in FFV1": _row(
        made(DEEP, tags=BT2020, chroma="topleft"), "ffv1", tags=BT2020, words=("topleft",), same=True
    ),
    "full range in H.265": _row(made(tags=BT709, full=True), "h265", ".mp4", tags=BT709, full=True),
    "full range in AV1": _row(made(tags=BT601_625, full=True), "av1", ".mkv", tags=BT601_625, full=True),
    "full range in ProRes": _row(made("yuv444p", tags=BT709, full=True), "prores", ".mov", tags=BT709, full=False),
    "chroma in the middle in H.265": _row(made(chroma="center", tags=BT709), "h265", ".mp4", words=("center",)),
    "chroma in the middle in AV1": _row(made(chroma="center", tags=BT709), "av1", ".mp4", words=("left",)),
    "chroma in the middle in ProRes": _row(made("yuv422p10le", chroma="center", tags=BT709), "prores", ".mov"),
    # HDR
    "PQ in H.265, MP4": _row(made(DEEP, tags=PQ, light=True), "h265", ".mp4", tags=PQ, light=True, pixels=DEEP),
    "PQ in H.265, Matroska, enlarged": _row(
        made(DEEP, tags=PQ, light=True), "h265", tags=PQ, light=True, pixels=DEEP, options=("--scale", 2),
        size=(128, 96),
    ),
    "PQ in AV1, Matroska": _row(made(DEEP, tags=PQ, light=True), "av1", tags=PQ, light=True, pixels=DEEP),
    "PQ in AV1, MP4, enlarged": _row(
        made(DEEP, tags=PQ, light=True), "av1", ".mp4", tags=PQ, light=True, pixels=DEEP, options=("--scale", 2)
    ),
    "PQ in FFV1": _row(made(DEEP, tags=PQ, light=True), "ffv1", tags=PQ, light=True, same=True),
    "PQ in ProRes": _row(made("yuv422p10le", tags=PQ, light=True), "prores", ".mov", tags=PQ, light=True),
    "HLG in H.265": _row(made(DEEP, tags=HLG), "h265", ".mp4", tags=HLG, pixels=DEEP),
    "HLG in AV1": _row(made(DEEP, tags=HLG), "av1", ".mkv", tags=HLG, pixels=DEEP),
    "HDR10+ and half a mastering display": _row(
        clip("hdr10_1080p_hevc10_pq_vfr.mp4"), "h265", tags=PQ, told="HDR10 remains",
        options=("--scale", 1, "--end", 0.05),
    ),
    "Dolby Vision 8.4": _row(
        clip("hdr_dolbyvision_720p_rotate.mov"), "h265", ".mov", tags=HLG, told="base layer remains: HLG"
    ),
    "Dolby Vision 8.1": _row(dolby_vision(8, 1), "h265", told="base layer remains: HDR10"),
    "Dolby Vision 8.2": _row(dolby_vision(8, 2), "h265", told="base layer remains: SDR"),
    "Dolby Vision 7": _row(dolby_vision(7, 6), "h265", told="base layer remains: HDR10"),
    "Dolby Vision 4": _row(dolby_vision(4, 2), "h265", told="base layer remains: SDR"),
    "Dolby Vision 9": _row(dolby_vision(9, 2), "h265", told="base layer remains: SDR"),
    "Dolby Vision 5": _row(dolby_vision(5, 0), "h265", refused="no base layer"),
    "Dolby Vision 10.0": _row(dolby_vision(10, 0), "av1", refused="no base layer"),
    # depth, chroma, RGB
    "12 bits in H.265": _row(made("yuv420p12le"), "h265", pixels="yuv420p12le"),
    "12 bits in H.264": _row(made("yuv422p12le"), "h264", pixels="yuv422p10le", told=LOSES_2),
    "4:4:4 in H.265": _row(made("yuv444p12le"), "h265", pixels="yuv444p12le"),
    "4:4:4 in AV1": _row(made("yuv444p"), "av1", pixels="yuv420p", told="loses chroma"),
    "4:2:2 in AV1": _row(made("yuv422p10le"), "av1", pixels=DEEP, told="loses chroma"),
    "4:2:0 in ProRes": _row(made(), "prores", ".mov", pixels="yuv422p10le"),
    "4:4:4 in ProRes": _row(made("yuv444p10le"), "prores", ".mov", pixels="yuv444p12le", words=("4444",)),
    "16 bits in FFV1": _row(made("yuv422p16le"), "ffv1", pixels="yuv422p16le", same=True),
    "gray in H.265": _row(made("gray"), "h265", pixels="gray"),
    "gray in AV1": _row(made("gray"), "av1", pixels="yuv420p"),
    "RGB in FFV1": _row(made("gbrp10le"), "ffv1", pixels="gbrp10le", same=True),
    "RGB in H.264": _row(made("gbrp"), "h264", pixels="yuv444p", told="rounding of RGB"),
    "RGB in H.265": _row(made("gbrp10le"), "h265", pixels="yuv444p10le", told="rounding of RGB"),
    # transparency
    "transparency in FFV1": _row(transparent("yuva420p"), "ffv1", pixels="yuva420p", same=True),
    "transparency in FFV1, RGB": _row(transparent("gbrap12le"), "ffv1", pixels="gbrap12le", same=True),
    "transparency in FFV1, enlarged": _row(
        transparent("yuva444p10le"), "ffv1", pixels="yuva444p10le", options=("--scale", 2), size=(128, 96)
    ),
    "transparency in FFV1, more frames": _row(
        transparent("yuva420p"), "ffv1", pixels="yuva420p", options=("--multiplier", 2, "--flow-model", "mvtools")
    ),
    "transparency in ProRes": _row(
        transparent("yuva444p10le", ".mov"), "prores", ".mov", pixels="yuva444p12le", told=LOSES_2
    ),
    "transparency in H.265": _row(
        transparent("yuva420p"), "h265", pixels="yuv420p", told="--codec ffv1 and prores keep it"
    ),
    "transparency of VP9": _row(
        clip("color_bt470bg_alpha_vp9.webm"), "ffv1", pixels="yuv420p", told="second layer of vp9",
        options=("--scale", 1, "--end", 0.1),
    ),
    # shape
    "pixel aspect in H.264": _row(made(aspect="128/117"), "h264", ".mp4", words=("SAR 128:117",)),
    "pixel aspect in H.265": _row(made(aspect="128/117"), "h265", words=("SAR 128:117",)),
    "pixel aspect in AV1": _row(made(aspect="128/117"), "av1", ".mp4", words=("SAR 128:117",)),
    "pixel aspect in ProRes": _row(made(aspect="128/117"), "prores", ".mov", words=("SAR 128:117",)),
    "pixel aspect in FFV1": _row(made(aspect="64/45", size="720x576"), "ffv1", words=("SAR 64:45",)),
    "pixel aspect, enlarged": _row(made(aspect="128/117"), "h264", words=("SAR 128:117",), options=("--scale", 2)),
    "turned by 90°": _row(turned(90, mirrored=False), "ffv1", size=(320, 568), same=True),
    "turned by 180°": _row(turned(180, mirrored=False), "ffv1", size=(568, 320), same=True),
    "turned by 270°": _row(turned(270, mirrored=False), "ffv1", size=(320, 568), same=True),
    "mirrored": _row(turned(0, mirrored=True), "ffv1", size=(568, 320), same=True),
    "mirrored and turned by 90°": _row(turned(90, mirrored=True), "ffv1", size=(320, 568), same=True),
    "mirrored and turned by 180°": _row(turned(180, mirrored=True), "ffv1", size=(568, 320), same=True),
    "mirrored and turned by 270°": _row(turned(270, mirrored=True), "ffv1", size=(320, 568), same=True),
    "odd size, 4:4:4, in H.264": _row(made("yuv444p", odd=True), "h264", pixels="yuv444p", size=ODD),
    "odd size, 4:4:4, in H.265": _row(made("yuv444p", odd=True), "h265", pixels="yuv444p", size=ODD),
    "odd size, gray, in FFV1": _row(made("gray", odd=True), "ffv1", pixels="gray", size=ODD, same=True),
    "odd size, 4:4:4, in ProRes": _row(made("yuv444p10le", odd=True), "prores", ".mov", size=ODD),
    "odd size in AV1": _row(made("yuv444p", odd=True), "av1", refused="even sizes"),
    "odd size, 4:2:0": _row(
        clip("odd_vp9_161x121.webm"), "h264", size=(160, 120), options=("--scale", 1, "--end", 0.1)
    ),
    "interlaced in H.264": _row(
        clip("interlaced_bff_320x240_30i_h264.mkv"), "h264", order="B", facts={"interlaced_frame": True},
        options=("--scale", 1, "--end", 0.1, "--fields", "keep"),
    ),
    "interlaced in ProRes": _row(
        clip("interlaced_tff_320x240_30i_mpeg2.ts"), "prores", ".mov", order="T", facts={"interlaced_frame": True},
        options=("--scale", 1, "--end", 0.1, "--fields", "keep"),
    ),
    "interlaced in H.265": _row(
        clip("interlaced_tff_320x240_30i_mpeg2.ts"), "h265", words=("top",), facts={"interlaced_frame": False},
        options=("--scale", 1, "--end", 0.1, "--fields", "keep"),
    ),
}  # fmt: skip


def test_the_tables_have_these_rows() -> None:
    lines = re.findall(r"^\| ([^|]+?) +\|", DOC.read_text(encoding="utf-8"), re.MULTILINE)
    rows = [line for line in lines if line != "Case" and set(line) != {"-"}]
    assert sorted(rows) == sorted(CASES)


@pytest.mark.parametrize("name", CASES)
def test_a_row_of_the_table(name: str, data: Path, tmp_path: Path, run: Run) -> None:
    case = CASES[name]
    source, out = case.make(tmp_path, data), tmp_path / f"out{case.suffix}"
    ran = run("enhance", source, out, *case.options, "--codec", case.codec, *FAST.get(case.codec, []), "-q")
    if case.refused is not None:
        assert ran.code in {2, 3}
        assert case.refused in ran.err
        return
    assert ran.code == 0, ran.err
    warnings = [line for line in ran.err.splitlines() if "warning" in line and "colour matrix" not in line]
    assert ("\n".join(warnings).count(case.told) == 1) if case.told else not warnings, ran.err
    _check_stream(case, out)
    if case.same:
        assert frame_hashes(out) == frame_hashes(source)[: len(frame_hashes(out))]


def _check_stream(case: Case, out: Path) -> None:
    with av.open(str(out)) as file:
        stream = file.streams.video[0]
        context = stream.codec_context
        frame = next(file.decode(stream))
        tags = [(each.colorspace, each.color_trc, each.color_primaries) for each in (context, frame)]
        if case.tags is not None:
            assert [tuple(map(int, each)) for each in tags] == [case.tags] * 2
        if case.full is not None:
            assert [int(each.color_range) for each in (context, frame)] == [2 if case.full else 1] * 2
        assert case.size in {None, (frame.width, frame.height)}
        assert case.pixels in {None, _plain(context.pix_fmt)}
        assert {name: getattr(frame, name) for name in case.facts} == case.facts
        assert "DISPLAYMATRIX" not in str(list(frame.side_data.keys()))
        assert not case.light or {"MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL"} <= {
            str(kind).removeprefix("Type.")
            for kind in frame.side_data.keys()  # noqa: SIM118 - no mapping
        }
    assert all(word in _words(out) for word in case.words), _words(out)
    if case.order is not None:
        said = _said("info", "-i", out, "-vf", "showinfo", "-f", "null", "-")
        assert set(re.findall(r" i:(\S)", said)) == {case.order}
    if case.light:
        _check_light(out)


def _plain(name: str) -> str:
    """ffmpeg's H.264 decoder marks full range in the name too, and FFV1 packs RGB of 8 bits."""
    return name.replace("yuvj", "yuv")


def _words(path: Path) -> str:
    """What ffmpeg says of the video when it opens a file."""
    return next(line for line in _said("verbose", "-i", path).splitlines() if "Video:" in line)


def _said(level: str, *arguments: object) -> str:
    line = [FFMPEG, "-hide_banner", "-nostdin", "-v", level, *map(str, arguments)]
    return subprocess.run(line, capture_output=True, check=False).stderr.decode()


def _check_light(path: Path) -> None:
    """The container says it too, in the numbers that went in."""
    hdr = probe(path).video[0].hdr
    assert hdr.light_level == (1000, 400)
    assert hdr.mastering is not None and hdr.mastering.primaries and hdr.mastering.luminance  # noqa: PT018
    assert hdr.mastering.luminance[1] == 1000
    found = [float(part) for point in hdr.mastering.primaries for part in point]
    assert np.allclose(found, [0.68, 0.32, 0.265, 0.69, 0.15, 0.06], atol=1e-4)


def test_the_transparency_is_enlarged_with_the_picture(data: Path, tmp_path: Path, run: Run) -> None:
    """A ramp stays a ramp, full range, and none of it is mixed with the picture it travels below."""
    source, out = transparent("yuva420p")(tmp_path, data), tmp_path / "out.mkv"
    assert run("enhance", source, out, "--scale", 2, "--codec", "ffv1", "-q").code == 0
    found = np.frombuffer(ffmpeg("-i", out, "-vf", "extractplanes=a", "-frames:v", 1, "-f", "rawvideo", "-"), np.uint8)
    ramp = (np.arange(128) + 0.5) / 128 * 255
    assert np.abs(found.reshape(96, 128) - ramp).max() < 6


def test_hdr_in_8_bits_is_warned_of(data: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Only encoders of graphics cards have nothing deeper."""
    video = probe(data / "clips/hdr10_1080p_av1_mdcv_clli_60fps.mp4").video[0]
    losses.check("film.mp4", video, CODECS["h264_qsv"], chosen=False)
    assert "is HDR (PQ) and h264_qsv stores 8 bits" in caplog.text


def test_full_range_keeps_its_colours_in_prores(data: Path, tmp_path: Path, run: Run) -> None:
    """White of full range, 255, is white of limited range, not a value above it."""
    source, out = made("yuv444p", tags=BT709, full=True)(tmp_path, data), tmp_path / "out.mov"
    assert run("enhance", source, out, "--scale", 1, "--codec", "prores", "-q").code == 0

    def rgb(path: Path) -> Any:
        pixels = ffmpeg("-i", path, "-frames:v", 1, "-pix_fmt", "rgb24", "-f", "rawvideo", "-")
        return np.frombuffer(pixels, np.uint8).astype(float)

    assert np.abs(rgb(source) - rgb(out)).mean() < 4


def test_the_pixel_aspect_of_ffv1_is_right_to_a_pixel_of_its_width(data: Path, tmp_path: Path, run: Run) -> None:
    """Matroska counts whole pixels."""
    source, out = made(aspect="128/117")(tmp_path, data), tmp_path / "out.mkv"
    assert run("enhance", source, out, "--scale", 1, "--codec", "ffv1", "-q").code == 0
    with av.open(str(out)) as file:
        found = file.streams.video[0].sample_aspect_ratio
    assert abs(Fraction(found.numerator, found.denominator) - Fraction(128, 117)) * 64 < 1
