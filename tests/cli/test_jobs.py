"""vsmagic jobs: what a stopped run left is listed truly, and thrown away only when nobody works on it."""

import json
import os
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from command import Run
from encode.conftest import ffmpeg
from vsmagic import chain, chainfile
from vsmagic.chain import Chain
from vsmagic.encode.chunks import folder
from vsmagic.errors import ChainError
from vsmagic.steps import DezoomStep, InterpolateStep, TrimStep, UpscaleStep


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "clip.mkv"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=64x48:r=25:d=6", "-pix_fmt", "yuv420p", path)
    return path


@pytest.fixture
def job(clip: Path, tmp_path: Path, run: Run) -> Path:
    """The output of a job of three chunks, of which the last is missing, and the output with it."""
    source, output = tmp_path / "in.mkv", tmp_path / "out.mkv"
    source.write_bytes(clip.read_bytes())
    assert run("enhance", source, output, "--scale", 1, "--chunk", 50, "--keep", "-q").code == 0
    output.unlink()
    (folder.place(output) / "chunk-00002.json").unlink()
    return output


def test_a_job_from_its_list_to_its_end(job: Path, tmp_path: Path, run: Run) -> None:
    (one,) = [each for each in json.loads(run("jobs", "list", "--json").out) if each["output"] == str(job)]
    assert (one["frames"], one["frames_total"], one["running"]) == (100, 150, None)
    assert one["source"] == str(tmp_path / "in.mkv")
    assert one["bytes"] == sum(path.stat().st_size for path in folder.place(job).iterdir())
    assert "100 of 150 frames (66%)" in run("jobs", "list", tmp_path).out
    assert json.loads(run("jobs", "list", tmp_path, "--json").out) == [
        {**one, "seconds_since_work": pytest.approx(0, abs=60)}
    ]

    shown = json.loads(run("jobs", "show", job, "--json").out)
    assert shown["changed"] == []
    assert shown["chain"] == []
    assert [(each["first"], each["end"], each["state"]) for each in shown["chunks"]] == [
        (0, 50, "finished"), (50, 100, "finished"), (100, 150, "missing")
    ]  # fmt: skip
    os.utime(tmp_path / "in.mkv", (1, 1))
    assert "cannot go on" in run("jobs", "show", job).out
    (tmp_path / "in.mkv").unlink()
    assert "the input cannot be read" in run("jobs", "show", folder.place(job)).out

    with folder.held(job):
        held = run("jobs", "clean", job, "--yes")
        assert "it stays" in held.err
        assert f"process {os.getpid()} on" in run("jobs", "list", tmp_path).out
    assert "--yes" in run("jobs", "clean", job).err, "nobody can answer"
    assert run("jobs", "clean", tmp_path, "--older-than", "1h", "--yes").out == "There is nothing to throw away.\n"
    assert folder.place(job).is_dir()
    cleaned = run("jobs", "clean", job, "--yes")
    assert cleaned.code == 0
    assert cleaned.out.startswith("1 job thrown away, ")
    assert not folder.place(job).exists()
    assert folder.place(job) not in folder.known()
    assert run("jobs", "show", job).code == 2


def test_a_folder_that_says_nothing_can_still_be_thrown_away(tmp_path: Path, run: Run) -> None:
    place = folder.place(tmp_path / "out.mkv")
    place.mkdir()
    (place / "job.json").write_bytes(b"{")
    (place / "chunk-00000.json").write_bytes(b"{")
    (place / "chunk-00000.mp4").write_bytes(b"x" * 1000)
    assert "nothing is known of it" in run("jobs", "list", tmp_path).out
    assert run("jobs", "show", tmp_path / "out.mkv").code == 0
    assert run("jobs", "clean", tmp_path, "--yes").code == 0
    assert not place.exists()


@pytest.mark.parametrize(
    "arguments", [["clean"], ["clean", "--older-than", "soon"], ["show"], ["list", "/no/such/folder"]]
)
def test_a_wrong_command(arguments: list[str], run: Run) -> None:
    assert run("jobs", *arguments).code == 2


rates = st.one_of(st.integers(1, 240), st.floats(1, 240), st.sampled_from(["60000/1001", "5/2", "60"]))
names = st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=8).map(
    lambda name: f"/nowhere/at all/{name}x.onnx"
)
places = st.floats(0, 4000)
keys = st.lists(
    st.fixed_dictionaries({"time": places, "x": places, "y": st.integers(0, 9), "width": places, "height": places}),
    min_size=1, max_size=4,
)  # fmt: skip
sizes = st.one_of(st.none(), st.tuples(st.integers(1, 9999), st.integers(1, 9999)), st.just("1280x720"))
steps = st.one_of(
    st.builds(DezoomStep, keyframes=st.one_of(keys, st.just("/nowhere/zoom.json")), size=sizes),
    st.builds(TrimStep, start=places, end=st.none() | places),
    st.builds(UpscaleStep, model=st.just("magic-x2") | names, scale=st.none() | places, size=sizes,
              streams=st.none() | st.integers(1, 9), strict=st.booleans()),
    st.builds(InterpolateStep, fps=rates, slowdown=rates, flow_scale=st.just("auto") | places, model=names),
)  # fmt: skip


@pytest.mark.parametrize("suffix", chainfile.SUFFIXES)
@given(st.lists(steps, max_size=4).map(lambda found: Chain(tuple(found))))
def test_a_chain_that_is_saved_is_the_chain_that_is_loaded(suffix: str, given_: Chain) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / f"chain{suffix}"
        chainfile.save(given_, path)
        assert chain.load(path) == given_


def test_a_chain_is_written_for_people(tmp_path: Path, run: Run) -> None:
    """Options in the order of the filter's, files named from the folder of the chain, which can move with them."""
    path = tmp_path / "a" / "restore.toml"
    ran = run(
        "enhance", "--model", tmp_path / "a" / "x.onnx", "--scale", 2, "--fps", "60000/1001", "--save-chain", path
    )
    assert (ran.code, ran.out, ran.err) == (0, "", "")
    assert path.read_text() == (
        '[[steps]]\nfilter = "interpolate"\nfps = "60000/1001"\n\n'
        '[[steps]]\nfilter = "upscale"\nmodel = "x.onnx"\nscale = 2.0\n'
    )
    moved = (tmp_path / "a").rename(tmp_path / "b") / "restore.toml"
    assert chain.load(moved).steps[1].model == str(tmp_path / "b" / "x.onnx")  # type: ignore[union-attr]


@pytest.mark.parametrize("step", msgspec.inspect.type_info(Chain).fields[0].type.item_type.types, ids=str)  # type: ignore[attr-defined]
def test_steps_have_their_options_in_the_order_of_the_filter(step: object) -> None:
    import inspect

    import vsmagic

    cls = step.cls  # type: ignore[attr-defined]
    options = list(inspect.signature(getattr(vsmagic, cls.__struct_config__.tag)).parameters)[1:]
    assert [name for name in options if name in cls.__struct_fields__] == list(cls.__struct_fields__)


def test_what_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(ChainError, match=r"\.toml or \.json"):
        chainfile.save(Chain(), tmp_path / "chain.yaml")
    with pytest.raises(ChainError, match="null"):
        chainfile.save(Chain((DezoomStep(keyframes=[{"time": 0, "note": None}]),)), tmp_path / "chain.toml")
    assert list(tmp_path.iterdir()) == []
