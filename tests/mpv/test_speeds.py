"""The speed table comes back as it was written, and counts only for what it was measured on."""

import re

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsmagic.mpv import speeds
from vsmagic.mpv.speeds import Place, Speed, Table

HERE = Place(
    machine="a processor, 2 cores", vsmagic="0.1.0", packages={"vapoursynth": "81", "vapoursynth-mlrt-ov": "17"}
)


def table(place: Place = HERE, **more) -> Table:
    return Table(**msgspec.structs.asdict(place), made="2026-11-21T18:00:00Z", **more)


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setenv("VSMAGIC_CACHE", str(tmp_path))


names = st.dictionaries(st.text(max_size=9), st.text(max_size=9), max_size=3)
rows = st.dictionaries(
    st.text(max_size=9),
    st.lists(
        st.builds(Speed, width=st.integers(1, 9999), height=st.integers(1, 9999), fps=st.floats(0, 1e4)), max_size=3
    ),
    max_size=3,
)


@given(st.builds(Table, machine=st.text(), vsmagic=st.text(), packages=names, made=st.text(), pictures=rows,
                 motions=rows, lacking=names, busy=st.none() | st.floats(0, 1), complete=st.booleans()))  # fmt: skip
def test_what_is_written_is_read(written):
    assert msgspec.json.decode(msgspec.json.encode(written), type=Table) == written


def test_the_file_is_what_lua_reads():
    speeds.store(
        table(pictures={"live-performance": [Speed(width=720, height=480, fps=12.5)]}, lacking={"rife": "why"})
    )
    assert speeds.path().name == "realtime.json"
    found = msgspec.json.decode(speeds.path().read_bytes())
    assert found["version"] == 1
    assert found["pictures"] == {"live-performance": [{"width": 720, "height": 480, "fps": 12.5}]}
    assert found["lacking"] == {"rife": "why"}
    assert found["machine"] == HERE.machine
    assert speeds.load() == table(
        pictures={"live-performance": [Speed(width=720, height=480, fps=12.5)]}, lacking={"rife": "why"}
    )


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b"\xff", b'{"version": 1, "machine": 5}'])
def test_a_damaged_table_is_told_and_counts_as_none(content, caplog):
    speeds.path().write_bytes(content)
    assert speeds.load() is None
    assert "it counts as not measured" in caplog.text


def test_where_there_is_none_nothing_is_said(caplog):
    assert speeds.load() is None
    assert not caplog.records


def test_a_newer_versions_table_is_read_and_does_not_hold():
    newer = msgspec.to_builtins(table()) | {"version": 2, "moons": 3}
    speeds.path().write_bytes(msgspec.json.encode(newer))
    assert "of version 2" in speeds.stale(speeds.load(), HERE)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, None),
        ({"machine": "another, 8 cores"}, r"on another machine \(another, 8 cores; this is a processor, 2 cores\)"),
        ({"vsmagic": "0.0.9"}, r"with vsmagic 0\.0\.9; this is 0\.1\.0"),
        ({"packages": {**HERE.packages, "vapoursynth-mlrt-ov": "16"}}, "mlrt-ov 16; here is vapoursynth-mlrt-ov 17"),
        ({"packages": {"vapoursynth": "81"}}, "no vapoursynth-mlrt-ov; here is vapoursynth-mlrt-ov 17"),
        ({"packages": {**HERE.packages, "tensorrt": "1"}}, "tensorrt 1; here is no tensorrt"),
    ],
)
def test_a_table_holds_for_one_machine_and_its_versions(changes, words):
    found = speeds.stale(table(msgspec.structs.replace(HERE, **changes)), HERE)
    assert found is None if words is None else re.search(words, found)


def test_this_machine_is_described_with_what_does_the_work():
    here = speeds.here()
    assert here.packages["vapoursynth"]
    assert "vapoursynth-mlrt-ov" in here.packages
    assert speeds.stale(table(here), speeds.here()) is None
