"""What mpv shows through vsmagic.vpy is what vspipe writes; what cannot be is told in one sentence, and it plays on."""

import json
import subprocess
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import vapoursynth as vs

import networks
from vsmagic import chain, source
from vsmagic.encode.vspipe import find_vspipe
from vsmagic.mpv import profiles
from vsmagic.shipped import shipped

SCRIPT = shipped("mpv") / "vsmagic.vpy"
KEY = {"time": 0, "x": 0, "y": 0, "width": 9, "height": 9}
OURS = ("magic-x2", "magic-x2-fast", "magic-restore-x2", "magic-flow", "mvtools")


def option(user_data: object = "", *more: str) -> str:
    """Return the filter with this user-data, which may hold any character."""
    text = user_data if isinstance(user_data, str) else json.dumps(user_data)
    given = f"user-data=%{len(text.encode())}%{text}"
    return ":".join([f"--vf=vapoursynth=%{len(str(SCRIPT))}%{SCRIPT}", given, *more])


def played(mpv: Path, env: dict[str, str], clip: Path, out: Path, *options: str) -> str:
    """Let mpv write what it shows, without loss, and return what it says on the terminal."""
    line = [mpv, "--no-config", "--no-audio", "--no-sub", *options, clip, f"--o={out}", "--ovc=ffv1", "--of=nut"]
    done = subprocess.run(line, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def pictures(path: Path) -> list[tuple[bytes, ...]]:
    """Return every picture's planes by PyAV, without what pads their lines."""
    with av.open(str(path)) as file:
        return [tuple(_plane(frame, plane) for plane in frame.planes) for frame in file.decode(video=0)]


def _plane(frame: av.VideoFrame, plane: av.video.plane.VideoPlane) -> bytes:
    size = -(-frame.format.components[0].bits // 8)
    return np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)[:, : plane.width * size].tobytes()


def piped(clip: Path, steps: chain.Chain, out: Path, frames: int) -> list[tuple[bytes, ...]]:
    """Return what vspipe writes of a clip."""
    vspipe = find_vspipe()
    given = ["--arg", f"source={clip}", "--arg", f"chain={chain.to_json(steps)}", "--end", str(frames - 1)]
    line = [str(vspipe.program), "-c", "y4m", str(shipped("encode.vpy")), *given, str(out)]
    subprocess.run(line, env=vspipe.environ(), capture_output=True, check=True)
    return pictures(out)


def ours(steps: chain.Chain) -> bool:
    return all(step.model.split("@")[0] in OURS for step in steps.steps)  # type: ignore[union-attr]


def chains() -> dict[str, chain.Chain]:
    """Every combination of profiles whose models come with vsmagic, and what a chain of a user's may be."""
    known = profiles.load()
    found = {}
    for picture in [None, *(one.name for one in known.profiles.pictures)]:
        for motion in [None, *(one.name for one in known.profiles.motions)]:
            both = known.together(picture, motion, "5/2")
            if both.steps and ours(both):
                found[f"{picture}-{motion}"] = both
    found["steps"] = chain.Chain((chain.UpscaleStep(scale=1.5), chain.InterpolateStep(multiplier="2", model="mvtools")))
    return found


@pytest.mark.parametrize("name", chains())
def test_the_same_frames_as_vspipe(name: str, mpv: Path, mpv_env: dict[str, str], data: Path, tmp_path: Path) -> None:
    clip, steps = data / "clips/lowres_160x120_30fps.mp4", chains()[name]
    said = played(mpv, mpv_env, clip, tmp_path / "out.nut", option(chain.to_json(steps)), "--frames=30")
    shown = pictures(tmp_path / "out.nut")
    assert len(shown) == 30, said
    assert shown == piped(clip, steps, tmp_path / "out.y4m", 30)


@pytest.mark.parametrize(
    "name",
    [
        "tenbit_h264_testsrc_200x200.mp4", "live_cockatoo_720p20_yuv444_mp3.mp4", "color_bt709_full_range_720p.mp4",
        "live_carphone_qcif_sar128x117.mp4", "interlaced_sony_1080i25_ac3_pgs.mts", "vertical_flir_1080x1440_vfr.mp4",
    ],
)  # fmt: skip
def test_every_kind_of_picture_goes_through_a_network_of_rgb(
    name: str, mpv: Path, mpv_env: dict[str, str], data: Path, tmp_path: Path
) -> None:
    """Depth, subsampling, matrix, range and pixel aspect reach the network in mpv as they do from a file."""
    model = networks.double(tmp_path / "double.onnx", 3)
    steps = chain.parse(json.dumps([{"filter": "upscale", "scale": 2, "model": str(model)}]), folder=tmp_path)
    clip = data / "clips" / name
    expected = chain.apply(steps, source(clip))  # first, so that the model has been used
    played(mpv, mpv_env, clip, tmp_path / "out.nut", option(chain.to_json(steps)), "--frames=3")
    with av.open(str(tmp_path / "out.nut")) as file:
        frames = list(file.decode(video=0))
        assert file.streams.video[0].sample_aspect_ratio == _aspect(expected)
    assert frames[0].format.components[0].bits == expected.format.bits_per_sample
    for n, shown in enumerate(pictures(tmp_path / "out.nut")):
        with expected.get_frame(n) as frame:
            assert shown == tuple(np.asarray(plane).tobytes() for plane in frame)


def _aspect(clip: vs.VideoNode) -> Fraction:
    props = clip.get_frame(0).props
    return Fraction(props["_SARNum"], props["_SARDen"])


def test_times_are_those_of_the_file(mpv: Path, mpv_env: dict[str, str], data: Path, tmp_path: Path) -> None:
    clip = data / "clips/vfr_fire_720p_rotate180.mp4"
    times = {}
    for name, options in (("plain", []), ("double", [option([{"filter": "interpolate", "multiplier": 2,
                                                               "model": "mvtools"}])])):  # fmt: skip
        played(mpv, mpv_env, clip, tmp_path / name, *options, "--frames=20", "--vf-append=scale=160:-2")
        with av.open(str(tmp_path / name)) as file:
            times[name] = [float(frame.pts * frame.time_base) for frame in file.decode(video=0)]
    assert len({round(b - a, 3) for a, b in zip(times["plain"], times["plain"][1:], strict=False)}) > 1
    assert np.allclose(times["double"][::2], times["plain"][:10], atol=2e-3)
    halves = [(a + b) / 2 for a, b in zip(times["plain"][:10], times["plain"][1:11], strict=True)]
    assert np.allclose(times["double"][1::2], halves, atol=2e-3)


def test_without_user_data_the_picture_is_doubled(
    mpv: Path, mpv_env: dict[str, str], data: Path, tmp_path: Path
) -> None:
    clip = data / "clips/lowres_160x120_30fps.mp4"
    played(mpv, mpv_env, clip, tmp_path / "out.nut", f"--vf=vapoursynth={SCRIPT}", "--frames=2")
    assert pictures(tmp_path / "out.nut") == piped(
        clip, chain.Chain((chain.UpscaleStep(scale=2, model="magic-x2-fast"),)), tmp_path / "y", 2
    )


@pytest.mark.parametrize("motion", [[], [{"filter": "interpolate", "multiplier": 2, "model": "mvtools"}]])
def test_half_of_the_picture_can_stay_as_it_was(
    motion: list[object], mpv: Path, mpv_env: dict[str, str], data: Path, tmp_path: Path
) -> None:
    clip, steps = data / "clips/lowres_160x120_30fps.mp4", [*motion, {"filter": "upscale", "scale": 2}]
    played(mpv, mpv_env, clip, tmp_path / "a", option({"chain": steps, "compare": "split"}), "--frames=4")
    played(mpv, mpv_env, clip, tmp_path / "b", option({"chain": steps}), "--frames=4")
    original = source(clip).resize.Bicubic(320, 240)
    with av.open(str(tmp_path / "a")) as both, av.open(str(tmp_path / "b")) as whole:
        for n, (half, full) in enumerate(zip(both.decode(video=0), whole.decode(video=0), strict=True)):
            a, b = half.to_ndarray()[:240], full.to_ndarray()[:240]
            assert (a[:, 160:] == b[:, 160:]).all()
            assert (a[:, 158:160] == 235).all()
            plain = np.asarray(original.get_frame(n // (2 if motion else 1))[0])
            assert (a[:, :158] == plain[:, :158]).all()


@pytest.mark.parametrize(
    ("user_data", "sentence"),
    [
        ("no-profile", "picture profile 'no-profile' is not known"),
        ("live-perfomance", "did you mean live-performance"),
        ("/nope/chain.toml", "the file cannot be read"),
        ('[{"filter": "upscale", "sale": 2}]', "step 0"),
        ('{"chain": [], "compare": "both"}', "user-data: "),
        ("[", "user-data: "),
        ([{"filter": "upscale", "model": "nope.onnx"}], "nope.onnx"),
        ([{"filter": "upscale", "model": "animejanai-v3-compact"}], "not ready: "),
        (
            [{"filter": "dezoom", "keyframes": [KEY]}],
            "vsmagic enhance",
        ),
        ([{"filter": "trim", "start": 2}], "in mpv --start and --end"),
        ([{"filter": "upscale", "scale": 2, "backend": "trt"}], "trt"),
    ],
)
def test_a_mistake_is_one_sentence_in_the_log_and_the_video_plays(
    user_data: object, sentence: str, mpv: Path, mpv_env: dict[str, str], data: Path
) -> None:
    clip = data / "clips/lowres_160x120_30fps.mp4"
    line = [mpv, "--no-config", "--vo=null", "--ao=null", "--untimed", "--frames=5", option(user_data), clip]
    done = subprocess.run(line, env=mpv_env, capture_output=True, text=True, timeout=60, check=False)
    told = [text for text in done.stdout.splitlines() if "vsmagic: " in text]
    assert len(told) == 1, done.stdout
    assert sentence in told[0]
    assert "Traceback" not in done.stdout
    assert "VO: [null] 160x120" in done.stdout


def test_a_python_without_vsmagic_is_told(mpv: Path, mpv_env: dict[str, str], data: Path, tmp_path: Path) -> None:
    alone = tmp_path / "vsmagic.vpy"
    alone.write_text(SCRIPT.read_text())
    # An environment in which this vsmagic was installed would still find it.
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\nclass Nothing:\n    def find_spec(name, *_):\n        if name == 'vsmagic':\n"
        "            raise ModuleNotFoundError(name=name)\nsys.meta_path.insert(0, Nothing)\n"
    )
    line = [mpv, "--no-config", "--vo=null", "--ao=null", "--untimed", "--frames=2", f"--vf=vapoursynth={alone}"]
    done = subprocess.run(
        [*line, data / "clips/lowres_160x120_30fps.mp4"],
        env=mpv_env | {"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert "has no vsmagic; start it with: vsmagic mpv run FILE" in done.stdout
    assert "Traceback" not in done.stdout


def test_what_is_measured_or_built_at_first_use_is_not_inside_a_player(
    mpv: Path, mpv_env: dict[str, str], data: Path, tmp_path: Path
) -> None:
    env = mpv_env | {"VSMAGIC_TUNE": "on", "VSMAGIC_CACHE": str(tmp_path / "cache")}
    played(mpv, env, data / "clips/lowres_160x120_30fps.mp4", tmp_path / "out.nut", option(), "--frames=3")
    assert not list((tmp_path / "cache").rglob("*.json"))


def test_a_clip_of_a_users_own_script_in_mpv(mpv: Path, mpv_env: dict[str, str], data: Path, tmp_path: Path) -> None:
    """Five lines of .vpy do the same as ours."""
    own = tmp_path / "own.vpy"
    own.write_text("import vsmagic\nvsmagic.upscale(video_in, scale=2).set_output()\n")
    clip = data / "clips/lowres_160x120_30fps.mp4"
    played(mpv, mpv_env, clip, tmp_path / "out.nut", f"--vf=vapoursynth={own}", "--frames=2")
    assert pictures(tmp_path / "out.nut") == piped(clip, chain.Chain((chain.UpscaleStep(scale=2),)), tmp_path / "y", 2)
