"""``vsmagic between``: as many pictures as asked for, at their exact times, in the depth they came in."""

from pathlib import Path

import pytest
import vapoursynth as vs

import vsmagic
from command import Run
from vsmagic import FormatError, OptionError, pictures


def _ramp(shift: int, fmt: vs.PresetVideoFormat = vs.RGB48) -> vs.VideoNode:
    """A square of 32x32 on a slope, moved to the right."""
    base = vs.core.std.BlankClip(format=fmt, width=96, height=64, length=1, color=[9000, 20000, 31001])
    square = vs.core.std.BlankClip(format=fmt, width=32, height=32, length=1, color=[60001, 40000, 7])
    padded = square.std.AddBorders(left=16 + shift, right=48 - shift, top=16, bottom=16)
    mask = vs.core.std.BlankClip(format=vs.GRAY16, width=32, height=32, length=1, color=65535)
    mask = mask.std.AddBorders(left=16 + shift, right=48 - shift, top=16, bottom=16)
    return vs.core.std.MaskedMerge(base, padded, mask)


def _write(path: Path, clip: vs.VideoNode) -> Path:
    path.write_bytes(pictures.png(clip.get_frame(0)))
    return path


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    return _write(tmp_path / "a.png", _ramp(0)), _write(tmp_path / "b.png", _ramp(12))


def _planes(clip: vs.VideoNode) -> list[bytes]:
    return [bytes(plane) for plane in clip.get_frame(0)]


@pytest.mark.parametrize("fmt", [vs.RGB48, vs.RGB24, vs.GRAY16, vs.GRAY8])
def test_a_png_is_exact(fmt: vs.PresetVideoFormat, tmp_path: Path) -> None:
    clip = _ramp(3)
    if fmt in (vs.GRAY16, vs.GRAY8):
        clip = clip.std.ShufflePlanes(1, vs.GRAY)
    clip = clip.resize.Point(format=fmt)
    back = pictures.read(_write(tmp_path / "x.png", clip))
    assert back.format.id == fmt
    assert _planes(back) == _planes(clip)


def test_a_png_is_what_ffmpeg_sees(data: Path) -> None:
    """Planes are neither swapped nor shifted: against BestSource."""
    picture = min((data / "images/set5").glob("*.png"))
    assert _planes(pictures.read(picture)) == _planes(vsmagic.source(picture))


def test_as_many_as_asked_for(pair: tuple[Path, Path], tmp_path: Path, run: Run) -> None:
    out = tmp_path / "out"
    ran = run("between", *pair, out, "--frames", 5, "--flow-model", "mvtools")
    assert ran.code == 0, ran.err
    assert sorted(path.name for path in out.iterdir()) == [f"{n:03d}.png" for n in range(1, 6)]
    made = [pictures.read(path) for path in sorted(out.iterdir())]
    assert {(clip.width, clip.height, clip.format.id) for clip in made} == {(96, 64, int(vs.RGB48))}
    assert ran.err == f"vsmagic: {out}: 5 frames\n"  # and nothing of rates, which pictures have not


def test_they_lie_at_their_times() -> None:
    """The square's middle moves evenly: 12 pixels in six steps."""
    made = vsmagic.interpolate_pair(_ramp(0), _ramp(12), 5, model="mvtools")
    assert made.num_frames == 5
    red = made.std.ShufflePlanes(0, vs.GRAY)
    for n, frame in enumerate(red.frames(close=True)):
        bright = [x for x in range(96) if frame[0][32, x] > 34000]
        assert sum(bright) / len(bright) == pytest.approx(16 + 15.5 + 2 * (n + 1), abs=1)


def test_the_built_in_model_makes_one() -> None:
    made = vsmagic.interpolate_pair(_ramp(0), _ramp(0), 1)
    assert made.num_frames == 1
    difference = vs.core.std.PlaneStats(made.std.ShufflePlanes(0, vs.GRAY), _ramp(0).std.ShufflePlanes(0, vs.GRAY))
    assert difference.get_frame(0).props["PlaneStatsDiff"] < 0.02


def test_a_pattern_numbers_them(pair: tuple[Path, Path], tmp_path: Path, run: Run) -> None:
    ran = run("between", *pair, tmp_path / "f%02d.png", "--frames", 2, "--flow-model", "mvtools", "-q")
    assert (ran.code, ran.err) == (0, "")
    assert (tmp_path / "f01.png").is_file()
    assert (tmp_path / "f02.png").is_file()


def test_nothing_is_overwritten_unasked(pair: tuple[Path, Path], tmp_path: Path, run: Run) -> None:
    out = tmp_path / "x.png"
    out.write_bytes(b"mine")
    assert run("between", *pair, out, "--flow-model", "mvtools").code == 7
    assert out.read_bytes() == b"mine"
    assert run("between", *pair, out, "--flow-model", "mvtools", "-y").code == 0
    assert pictures.read(out).num_frames == 1


@pytest.mark.parametrize(
    ("arguments", "word"),
    [(("x.png", "--frames", 2), "one number"), (("x.jpg",), "ends in .png"), (("o", "--frames", 0), "1 to 999"),
     (("%d-%d.png", "--frames", 2), "one number")],
)  # fmt: skip
def test_misuse_is_told(
    arguments: tuple[object, ...],
    word: str,
    pair: tuple[Path, Path],
    tmp_path: Path,
    run: Run,
) -> None:
    ran = run("between", *pair, tmp_path / str(arguments[0]), *arguments[1:])
    assert ran.code == 2
    assert word in ran.err


def test_pictures_that_do_not_go_together(tmp_path: Path, run: Run) -> None:
    a, b = _write(tmp_path / "a.png", _ramp(0)), _write(tmp_path / "b.png", _ramp(0).std.Crop(right=16))
    ran = run("between", a, b, tmp_path / "o")
    assert ran.code == 2
    assert "a.png is 96x64 and b.png 80x64" in ran.err
    (tmp_path / "c.png").write_text("no picture")
    assert run("between", a, tmp_path / "c.png", tmp_path / "o").code == 3
    assert run("between", a, tmp_path / "missing.png", tmp_path / "o").code == 3


def test_a_pair_is_two_frames_alike() -> None:
    one = _ramp(0)
    with pytest.raises(FormatError, match="b has 2 frames"):
        vsmagic.interpolate_pair(one, one + one, 1)
    with pytest.raises(FormatError, match="expected the same of both"):
        vsmagic.interpolate_pair(one, one.std.Crop(right=2), 1)
    for n in (0, 1000, True, 1.0):
        with pytest.raises(OptionError, match="n is "):
            vsmagic.interpolate_pair(one, one, n)  # type: ignore[arg-type]
