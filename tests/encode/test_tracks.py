"""What stands beside the picture goes along: sound, subtitles, chapters, attachments, covers, tags."""

import re
import subprocess
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import pytest

from command import Run
from conftest import DATA
from vsmagic.encode.containers import CONTAINERS
from vsmagic.encode.ffmpeg import find_ffmpeg
from vsmagic.encode.tracks import carry, mux, tags, told
from vsmagic.encode.tracks.moved import timecode
from vsmagic.encode.tracks.original import Original, Span
from vsmagic.errors import SourceError
from vsmagic.media import Media, Track, probe

from .conftest import ffmpeg, packets

CHAPTERS = """;FFMETADATA1
title=A film
artist=Someone
[CHAPTER]
TIMEBASE=1/1000
START=0
END=1000
title=First
[CHAPTER]
TIMEBASE=1/1000
START=1000
END=2000
title=Second
"""
LINES = """1
00:00:00,200 --> 00:00:00,900
One

2
00:00:00,950 --> 00:00:01,600
Across the cut

3
00:00:01,700 --> 00:00:01,900
Last
"""


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds with two sound tracks, a subtitle, two chapters, an attachment, a cover, tags."""
    folder = tmp_path_factory.mktemp("film")
    (folder / "chapters.txt").write_text(CHAPTERS)
    (folder / "lines.srt").write_text(LINES)
    (folder / "font.ttf").write_bytes(b"\0\1\0\0not really a font")
    ffmpeg("-f", "lavfi", "-i", "color=red:s=32x32", "-frames:v", 1, folder / "cover.png")
    film = folder / "film.mkv"
    ffmpeg(
        *("-f", "lavfi", "-i", "testsrc2=s=96x64:r=24000/1001:d=2"),
        *("-f", "lavfi", "-i", "sine=440:d=2", "-f", "lavfi", "-i", "sine=880:d=2"),
        *("-i", folder / "lines.srt", "-i", folder / "chapters.txt"),
        *("-map", 0, "-map", 1, "-map", 2, "-map", 3, "-map_metadata", 4, "-map_chapters", 4),
        *("-c:v", "libx264", "-preset", "ultrafast", "-c:a:0", "aac", "-c:a:1", "flac", "-c:s", "srt"),
        *("-metadata:s:v:0", "language=ger", "-metadata:s:v:0", "title=Picture"),
        *("-metadata:s:a:0", "language=ger", "-metadata:s:a:1", "language=eng", "-metadata:s:a:1", "title=Comments"),
        *("-metadata:s:s:0", "language=fre", "-disposition:a:1", "comment", "-disposition:s:0", "forced"),
        *("-attach", folder / "font.ttf", "-metadata:s:t:0", "mimetype=font/ttf"),
        *("-attach", folder / "cover.png", "-metadata:s:t:1", "mimetype=image/png"),
        *("-metadata:s:t:1", "filename=cover.png", film),
    )
    return film


ODD = "a=b; #c \\ d \"e\" 'f' [g] é 漢字 🎬"
LONG = "A line that goes on. " * 400
RICH_CHAPTERS = f""";FFMETADATA1
title=Everything
comment=first line\\
second line\\
third = line
synopsis={LONG}
artist=é 漢字 🎬
REPLAYGAIN_REFERENCE_LOUDNESS=-18.00 LUFS
creation_time=2020-01-02T03:04:05.000000Z
[CHAPTER]
TIMEBASE=1/1000
START=0
END=700
title=One \\= \\; \\# \\\\ 漢字
[CHAPTER]
TIMEBASE=1/1000
START=700
END=2000
title=Two
"""
VTT = """WEBVTT

00:00:00.200 --> 00:00:00.900 line:10% align:start
One
"""
DISPOSITIONS = ("default+original", "comment+hearing_impaired", "dub+visual_impaired")


@pytest.fixture(scope="session")
def rich(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds that hold everything Matroska takes: further video, every disposition, odd tags, two covers."""
    folder = tmp_path_factory.mktemp("rich")
    (folder / "facts.txt").write_text(RICH_CHAPTERS)
    (folder / "lines.srt").write_text(LINES)
    (folder / "lines.vtt").write_text(VTT)
    (folder / "font.ttf").write_bytes(b"\0\1\0\0not really a font")
    (folder / "notes.txt").write_text("notes")
    for name in ("cover.png", "small.jpg"):
        ffmpeg("-f", "lavfi", "-i", "color=red:s=32x32", "-frames:v", 1, folder / name)
    film = folder / "rich.mkv"
    ffmpeg(
        *("-f", "lavfi", "-i", "testsrc2=s=64x48:r=25:d=2", "-f", "lavfi", "-i", "testsrc=s=32x32:r=10:d=2"),
        *("-f", "lavfi", "-i", "sine=440:d=2:r=48000"),
        *("-i", folder / "lines.srt", "-i", folder / "lines.vtt", "-i", folder / "facts.txt"),
        *("-map", 0, "-map", 1, "-map", 2, "-map", 2, "-map", 2, "-map", 3, "-map", 3, "-map", 4),
        *("-map_metadata", 5, "-map_chapters", 5),
        *("-c:v", "libx264", "-preset", "ultrafast", "-c:a:0", "aac", "-c:a:1", "libopus", "-c:a:2", "pcm_s16le"),
        *("-c:s:0", "srt", "-c:s:1", "ass", "-c:s:2", "copy"),
        *("-metadata:s:v:0", f"title={ODD}", "-metadata:s:v:0", "SHOT=12b", "-metadata:s:v:0", "language=ger"),
        *("-metadata:s:v:0", "timecode=01:00:00:20", "-metadata:s:v:1", "title=Angle"),
        *("-metadata:s:a:0", "REPLAYGAIN_TRACK_GAIN=-6.20 dB", "-metadata:s:a:0", "language=pt-BR"),
        *("-metadata:s:a:1", f"title={ODD}", "-metadata:s:a:1", "language=eng"),
        *("-metadata:s:s:0", "title=Forced", "-metadata:s:s:0", "language=fre"),
        *(word for n, said in enumerate(DISPOSITIONS) for word in (f"-disposition:a:{n}", said)),
        *("-disposition:s:0", "forced+default", "-disposition:s:1", "lyrics", "-disposition:v:1", "0"),
        *("-attach", folder / "font.ttf", "-metadata:s:t:0", "mimetype=font/ttf", "-metadata:s:t:0", "title=The font"),
        *("-attach", folder / "notes.txt", "-metadata:s:t:1", "mimetype=text/plain"),
        *("-attach", folder / "cover.png", "-metadata:s:t:2", "mimetype=image/png"),
        *("-metadata:s:t:2", "filename=cover.png", "-attach", folder / "small.jpg"),
        *("-metadata:s:t:3", "mimetype=image/jpeg", "-metadata:s:t:3", "filename=small_cover.jpg", film),
    )
    return film


def _facts(track: Track) -> dict[str, object]:
    """Everything a track says of itself but what is measured anew."""
    tags = {key.lower(): value for key, value in track.metadata.items()}
    for measured in ("duration", "encoder"):
        tags.pop(measured, None)
    return {"kind": track.kind, "codec": track.codec, "dispositions": set(track.dispositions), "tags": tags}


def _tags(media: Media) -> dict[str, str]:
    return {key.lower(): value for key, value in media.metadata.items() if key.lower() != "encoder"}


def test_matroska_loses_nothing_at_all(rich: Path, tmp_path: Path, run: Run) -> None:
    before = probe(rich)
    made, said = _enhanced(rich, tmp_path / "out.mkv", run)
    assert "warning" not in said
    assert [_facts(track) for track in made.tracks] == [_facts(track) for track in before.tracks]
    assert _tags(made) == _tags(before)
    assert made.metadata.get("comment", made.metadata.get("COMMENT")) == "first line\nsecond line\nthird = line"
    assert made.chapters == before.chapters
    assert made.chapters[0].title == "One = ; # \\ 漢字"
    for kind, count in (("audio", 3), ("subtitle", 3)):
        for number in range(count):
            assert packets(tmp_path / "out.mkv", kind, number) == packets(rich, kind, number)
    assert packets(tmp_path / "out.mkv", "video", 1) == packets(rich, "video", 1)
    for track in before.of_kind("cover"):
        with av.open(str(rich)) as old, av.open(str(tmp_path / "out.mkv")) as new:
            pictures = [bytes(next(file.demux(file.streams[track.stream]))) for file in (old, new)]
        assert pictures[0] == pictures[1]


def test_mp4_names_all_it_cannot_hold_in_one_warning(rich: Path, tmp_path: Path, run: Run) -> None:
    made, said = _enhanced(rich, tmp_path / "out.mp4", run)
    (warning,) = [line for line in said.splitlines() if "warning" in line]
    for words in (
        "audio track 4 (pcm_s16le) is stored as aac",
        "subtitle track 5 (subrip) is stored as mov_text",
        "attachment track",
        "REPLAYGAIN_REFERENCE_LOUDNESS",
        "SHOT of track 0",
        "REPLAYGAIN_TRACK_GAIN of track 2",
        "the language pt-BR",
        "original of track 2",
        "an output ending in .mkv would keep",
    ):
        assert words in warning
    assert [track.codec for track in made.video] == ["h264", "h264"]
    assert [track.codec for track in made.audio] == ["aac", "opus", "aac"]
    assert {"comment", "hearing_impaired"} <= set(made.audio[1].dispositions)
    assert len(made.of_kind("cover")) == 2
    assert (made.video[0].title, made.video[0].language, made.audio[1].title) == (ODD, "ger", ODD)
    assert made.metadata["comment"] == "first line\nsecond line\nthird = line"
    assert made.metadata["synopsis"].strip() == LONG.strip()
    assert made.metadata["creation_time"].startswith("2020-01-02T03:04:05")
    assert [chapter.title for chapter in made.chapters] == [chapter.title for chapter in probe(rich).chapters]
    assert made.video[0].metadata["timecode"] == "01:00:00:20"


def test_a_cut_moves_the_timecode_and_leaves_the_other_angle(rich: Path, tmp_path: Path, run: Run) -> None:
    made, said = _enhanced(rich, tmp_path / "out.mov", run, "--start", "0.4", "--end", "1.2")
    assert made.video[0].metadata["timecode"] == "01:00:01:05"
    assert "video track 1 (h264) is left out: it can only be cut where it has a keyframe" in said
    assert len(made.video) == 1
    assert [(chapter.start, chapter.title) for chapter in made.chapters][1] == (Fraction(3, 10), "Two")


@pytest.mark.parametrize(
    ("begin", "rate", "first", "moved"),
    [
        (Fraction(1), Fraction(25), "00:59:59:24", "01:00:00:24"),
        (60 * Fraction(1001, 1000), Fraction(30000, 1001), "00:00:00;00", "00:01:00;02"),
        (600 * Fraction(1001, 1000) - Fraction(1001, 30000) * 18, Fraction(30000, 1001), "00:00:00;00", "00:10:00;00"),
        (Fraction(1001, 30000), Fraction(30000, 1001), "00:08:59;29", "00:09:00;02"),
        (Fraction(1, 24), Fraction(24), "23:59:59:23", "00:00:00:00"),
    ],
)
def test_timecodes_count_as_smpte_does(begin: Fraction, rate: Fraction, first: str, moved: str, film: Path) -> None:
    track = replace(probe(film).video[0], metadata={"TIMECODE": first}, average_rate=rate)
    assert timecode(track, Span(lead=Fraction(0), begin=begin, length=Fraction(1))) == moved
    assert timecode(track, Span(lead=Fraction(0))) == first


def test_a_cameras_data_goes_into_mp4(film: Path, tmp_path: Path, run: Run) -> None:
    """GoPro's readings keep their times; what ffmpeg cannot write is named."""
    camera = tmp_path / "camera.mp4"
    with av.open(str(film)) as source, av.open(str(camera), "w") as target:
        picture = target.add_stream_from_template(source.streams.video[0])
        data = target.add_data_stream("bin_data")
        data.time_base = Fraction(1, 1000)
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is not None:
                packet.stream = picture
                target.mux(packet)
        for n in range(4):
            packet = av.Packet(b"DEVC" + bytes([n]) * 8)
            packet.stream, packet.time_base = data, Fraction(1, 1000)
            packet.pts = packet.dts = n * 500
            packet.duration = 500
            target.mux(packet)
    made, said = _enhanced(camera, tmp_path / "out.mp4", run)
    assert "data track" not in said
    assert packets(tmp_path / "out.mp4", "data") == packets(camera, "data")
    assert made.of_kind("data")[0].codec == "bin_data"
    _, said = _enhanced(camera, tmp_path / "out.mkv", run)
    assert "data track 1 (bin_data) is left out: ffmpeg can put no such data bin_data into Matroska" in said


def _enhanced(film: Path, out: Path, run: Run, *more: object) -> tuple[Media, str]:
    ran = run("enhance", film, out, "--scale", 1, "--preset", "ultrafast", *more)
    assert ran.code == 0, ran.err
    return probe(out), ran.err


def test_matroska_keeps_everything(film: Path, tmp_path: Path, run: Run) -> None:
    made, said = _enhanced(film, tmp_path / "out.mkv", run)
    assert [(track.codec, track.language, track.title) for track in made.audio] == [
        ("aac", "ger", None),
        ("flac", "eng", "Comments"),
    ]
    assert "comment" in made.audio[1].dispositions
    assert not made.audio[1].default
    (subtitle,) = made.of_kind("subtitle")
    assert (subtitle.codec, subtitle.language) == ("subrip", "fre")
    assert "forced" in subtitle.dispositions
    assert [(chapter.start, chapter.end, chapter.title) for chapter in made.chapters] == [
        (0, 1, "First"),
        (1, 2, "Second"),
    ]
    assert (made.video[0].language, made.video[0].title) == ("ger", "Picture")
    assert {key.lower(): value for key, value in made.metadata.items()}.items() >= {
        "title": "A film",
        "artist": "Someone",
    }.items()
    assert [track.metadata["filename"] for track in made.of_kind("attachment")] == ["font.ttf"]
    assert len(made.of_kind("cover")) == 1
    assert "warning" not in said


def test_mp4_keeps_what_it_can_and_tells_the_rest(film: Path, tmp_path: Path, run: Run) -> None:
    made, said = _enhanced(film, tmp_path / "out.mp4", run)
    assert [track.codec for track in made.audio] == ["aac", "flac"]
    (subtitle,) = made.of_kind("subtitle")
    assert (subtitle.codec, subtitle.language) == ("mov_text", "fre")
    assert [chapter.title for chapter in made.chapters] == ["First", "Second"]
    assert made.metadata["title"] == "A film"
    assert len(made.of_kind("cover")) == 1
    assert "subtitle track 3 (subrip) is stored as mov_text" in said
    assert "attachment" in said


def test_webm_gets_opus_and_webvtt(film: Path, tmp_path: Path, run: Run) -> None:
    out = tmp_path / "out.webm"
    ran = run("enhance", film, out, "--scale", 1, "--preset", "12")
    assert ran.code == 0, ran.err
    made = probe(out)
    assert [track.codec for track in (*made.video, *made.audio)] == ["av1", "opus", "opus"]
    assert [track.codec for track in made.of_kind("subtitle")] == ["webvtt"]


def test_the_uncut_sound_is_the_very_same_packets(film: Path, tmp_path: Path, run: Run) -> None:
    out = tmp_path / "out.mkv"
    _enhanced(film, out, run)
    for number in (0, 1):
        assert packets(out, "audio", number) == packets(film, "audio", number)


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_a_cut_keeps_sound_and_subtitles_in_step(suffix: str, film: Path, tmp_path: Path, run: Run) -> None:
    out = tmp_path / f"out{suffix}"
    made, _ = _enhanced(film, out, run, "--start", "1", "--end", "1.8")
    begin = 24 * Fraction(1001, 24000)  # the first frame from second 1 on
    assert packets(out, "video")[0][0] == 0
    original = {content: time for time, content in packets(film, "audio")}
    mine = packets(out, "audio")
    assert mine[0][0] < Fraction(1024 * 2, 44100)
    for time, content in mine:
        assert abs(original[content] - begin - time) <= Fraction(2, 1000)
    assert [text for _, text in packets(out, "subtitle") if b"cut" in text]
    assert packets(out, "subtitle")[0][0] == 0
    assert made.duration is not None
    assert made.duration < 1
    assert [chapter.title for chapter in made.chapters] == ["Second"]


@pytest.mark.parametrize("suffix", [".mkv", ".mp4", ".mov"])
@pytest.mark.parametrize("name", ["derived/anamorphic_pal_720x576_sar64x45.mp4", "rotate_90_568x320.mov"])
def test_shape_is_kept_and_rotation_is_not_applied_twice(
    name: str, suffix: str, data: Path, tmp_path: Path, run: Run
) -> None:
    before = probe(data / "clips" / name).video[0]
    made, _ = _enhanced(data / "clips" / name, tmp_path / f"out{suffix}", run, "--end", "0.1")
    after = made.video[0]
    turned = before.rotation in {90, 270}
    assert (after.width, after.height) == ((before.height, before.width) if turned else (before.width, before.height))
    assert after.rotation == 0
    assert after.pixel_aspect == before.pixel_aspect


def test_the_other_video_track(data: Path, tmp_path: Path, run: Run) -> None:
    clip = data / "clips/av_nasa_2video_2audio_2subs.mp4"
    made, said = _enhanced(clip, tmp_path / "out.mkv", run, "--track", 1, "--end", "0.2")
    assert (made.video[0].width, made.video[0].height) == (480, 270)
    assert len(made.audio) == 2
    assert "video track 0 (h264) is left out" in said


def test_broken_sound_does_not_stop_the_picture(data: Path, tmp_path: Path, run: Run) -> None:
    clip = data / "clips/bad_failing_audio.mp4"
    for suffix in (".mkv", ".mp4"):
        made, _ = _enhanced(clip, tmp_path / f"out{suffix}", run, "--end", "1")
        assert made.video[0].width == 640


def test_pictures_as_subtitles_stay_in_matroska_only(data: Path, tmp_path: Path, run: Run) -> None:
    clip = data / "clips/interlaced_sony_1080i25_ac3_pgs.mts"
    kept, _ = _enhanced(clip, tmp_path / "out.mkv", run, "--end", "0.1")
    assert [track.codec for track in kept.of_kind("subtitle")] == ["hdmv_pgs_subtitle"]
    left, said = _enhanced(clip, tmp_path / "out.mp4", run, "--end", "0.1")
    assert not left.of_kind("subtitle")
    assert "hdmv_pgs_subtitle) is left out" in said


def test_old_cameras_sound_is_converted_for_mp4_only(data: Path, tmp_path: Path, run: Run) -> None:
    clip = data / "clips/derived/oldcam_160x120_8fps_mjpeg_pcmu8.avi"
    made, said = _enhanced(clip, tmp_path / "out.mp4", run, "--end", "1")
    assert made.audio[0].codec == "aac"
    assert "MP4 does not hold pcm_u8" in said
    kept, _ = _enhanced(clip, tmp_path / "out.mkv", run, "--end", "1")
    assert kept.audio[0].codec == "pcm_u8"


def test_every_frame_is_marked_as_the_first_was(data: Path, tmp_path: Path, run: Run) -> None:
    """HDR10 metadata is there for every encoder that can carry it."""
    clip = data / "clips/hdr10_1080p_av1_mdcv_clli_60fps.mp4"
    for codec, preset in (("h264", "ultrafast"), ("h265", "ultrafast"), ("av1", "12")):
        out = tmp_path / f"{codec}.mp4"
        arguments = ("--scale", 1, "--codec", codec, "--preset", preset, "--end", "0.04", "--quiet")
        assert run("enhance", clip, out, *arguments).code == 0
        with av.open(str(out)) as file:
            frame = next(file.decode(video=0))
            assert frame.format.name == "yuv420p10le"
            assert (frame.colorspace, frame.color_trc, frame.color_primaries) == (9, 16, 9)
            kinds = {kind.name for kind in frame.side_data}
            assert {"MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL"} <= kinds, codec


CLIPS = sorted(path for path in (DATA / "clips").rglob("*.*") if path.is_file())


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stands for any new picture."""
    path = tmp_path_factory.mktemp("picture") / "picture.mp4"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=64x48:d=1", "-c:v", "libx264", "-preset", "ultrafast", path)
    return path


@pytest.mark.parametrize("clip", CLIPS, ids=lambda path: path.name)
def test_every_track_of_every_clip_is_there_or_named(clip: Path, picture: Path, tmp_path: Path) -> None:
    try:
        media = probe(clip)
    except SourceError:
        return  # nothing to decode: told elsewhere
    for suffix in (".mkv", ".mp4"):
        container, out = CONTAINERS[suffix], tmp_path / f"out{suffix}"
        carried = carry.plan(media, media.video[0], container)
        for attempt in carry.fallbacks(carried, container):
            original = Original(media=media, track=media.video[0], carried=attempt, span=Span(lead=Fraction(0)))
            command = mux.mux_command(find_ffmpeg(None), picture, original, container, out)
            if subprocess.run(command, check=False, capture_output=True).returncode == 0:
                break
        made, said = probe(out), "; ".join(told.losses(original, container))
        assert [track.kind for track in made.tracks] == ["video", *(one.track.kind for one in original.kept)]
        groups = re.findall(r"tracks? ([\d, and]+) \(", said)
        named = {int(number) for words in groups for number in re.findall(r"\d+", words)}
        kept = {one.track.stream for one in original.kept}
        assert kept | named | {media.video[0].stream} == {track.stream for track in media.tracks}
        for one, new in zip(original.kept, made.tracks[1:], strict=True):
            assert (one.track.language, one.track.title) == (new.language, new.title)
            marks = set(one.track.dispositions) & container.dispositions - {"default"}
            assert marks <= set(new.dispositions)
        lost = {tag.lower() for tag in tags.lost(media.metadata, container.tags)}
        assert all(tag in said.lower() for tag in lost)
        held = {key.lower(): value for key, value in made.metadata.items()}
        for tag, value in media.metadata.items():
            if tag.lower() not in {*tags.STALE, *lost}:
                assert _plain(tag, held.get(tag.lower(), "")) == _plain(tag, value), tag


def _plain(tag: str, value: str) -> str:
    """A tag without what containers write in their own ways: fractions of times and places, a time never set."""
    if tag.lower() == "creation_time":
        return "" if value.startswith("1970") else value.replace(" ", "T")[:19]
    return value[:17] if tag.lower().startswith("location") else value
