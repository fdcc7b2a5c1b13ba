"""The bench of whole filters: every way works, in turns, each in a process of its own. No figure is asserted."""

import re

import pytest

from vsmagic.bench import filters
from vsmagic.bench.case import make_clip
from vsmagic.bench.filters import Way
from vsmagic.errors import EncodeError

FRAMES = 3


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    path = tmp_path_factory.mktemp("bench") / "video.mkv"
    make_clip(path, (64, 48), filters.length(FRAMES), None)
    return path


@pytest.mark.parametrize(
    ("text", "way", "told"),
    [
        ("magic-x2:ort", Way(model="magic-x2", backend="ort"), "magic-x2, ort"),
        ("magic-x2", Way(model="magic-x2", backend="auto"), "magic-x2"),
        ("/a/net.onnx:ov", Way(model="/a/net.onnx", backend="ov"), "net.onnx, ov"),
        ("C:/nets/net.onnx", Way(model="C:/nets/net.onnx", backend="auto"), "net.onnx"),
        (":ov", Way(model=":ov", backend="auto"), ":ov"),
    ],
)
def test_a_way_is_a_model_and_a_backend(text, way, told):
    assert Way.parse(text) == way
    assert str(way) == told


@pytest.mark.parametrize(
    ("name", "ways"),
    [("upscale", ["magic-x2:ort"]), ("interpolate", ["magic-flow:ort", "minterpolate"])],
)
def test_one_round_of_each_filter(name, ways, video, capsys):
    filters.main([name, str(video), *ways, "--size", "64x48", "--frames", str(FRAMES), "--rounds", "1"])
    first, *rows = capsys.readouterr().out.splitlines()
    assert "cores" in first
    assert [Way.parse(way) for way in ways] == [Way.parse(row.split(")  ")[1].replace(", ", ":")) for row in rows]
    assert all(float(re.match(r" *([\d.]+) fps", row)[1]) > 0 for row in rows)


def test_ways_take_turns(monkeypatch, tmp_path):
    order = []

    def run(name, way, clip, precision, frames):
        order.append(way.model)
        return float(len(order))

    monkeypatch.setattr(filters, "_run", run)
    ways = [Way(model=model, backend="ov") for model in ("a", "b")]
    found = filters.measure("upscale", ways, tmp_path, precision="f32", frames=1, rounds=3)
    assert order == ["a", "b"] * 3
    assert found == [[1, 3, 5], [2, 4, 6]]


def test_a_way_that_fails_is_told_in_its_own_words(video):
    with pytest.raises(EncodeError, match=r"none\.onnx, ort failed: .*none\.onnx: the file cannot be read"):
        filters.measure("upscale", [Way.parse("none.onnx:ort")], video, precision="f32", frames=FRAMES, rounds=1)
