"""The script's modules that need no player: in each Lua, against laws and hand-made cases."""

import json
from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from luatest import LUAS, Lua

PROFILES = Path(__file__).parent / "pretend.json"
SCRIPT = Path(__file__).parents[2] / "scripts" / "mpv" / "vsmagic.lua"


@pytest.fixture(params=LUAS)
def lua(request: pytest.FixtureRequest) -> Lua:
    return Lua(request.param)


@pytest.fixture(scope="module")
def lua52() -> Lua:
    return Lua("lua52")


def profiles(lua: Lua) -> Any:
    return lua.table(json.loads(PROFILES.read_text()))


# rates


@pytest.mark.parametrize(
    ("fps", "display", "texts"),
    [
        (24, 60, ["5/2"]),
        (24000 / 1001, 59.951, ["5/2"]),
        (25, 60, ["12/5"]),
        (25, 50, ["2"]),
        (30, 60, ["2"]),
        (24, 144, ["6", "3", "2"]),
        (24, 120, ["5", "5/2"]),
        (60, 60, []),
        (59.94, 60, []),
        (24, 0, ["2"]),
        (24, float("nan"), ["2"]),
        (24, None, ["2"]),
    ],
)
def test_a_rate_is_raised_to_the_displays_by_a_small_fraction(
    lua: Lua, fps: float, display: Any, texts: list[str]
) -> None:
    found = lua.plain(lua.module("rates").factors(fps, display))
    assert [factor["text"] for factor in found or []] == texts


@given(fps=st.floats(5, 120), display=st.floats(24, 360))
def test_no_factor_makes_more_frames_than_the_display_shows(lua52: Lua, fps: float, display: float) -> None:
    for factor in lua52.plain(lua52.module("rates").factors(fps, display)) or []:
        assert 1 < factor["value"] <= display / fps * 1.0051
        assert Fraction(factor["text"]) == Fraction(int(factor["num"]), int(factor["den"]))
        assert factor["den"] <= 5
        assert factor["made"] == pytest.approx(1 - 1 / factor["num"])


# speeds

TABLE = {
    "version": 1,
    "vsmagic": "0.1.0",
    "pictures": {
        "live-quality": [{"width": 640, "height": 360, "fps": 20.0}, {"width": 1280, "height": 720, "fps": 5.0}],
        "live-balanced": [{"width": 640, "height": 360, "fps": 40.0}, {"width": 1280, "height": 720, "fps": 10.0}],
        "live-performance": [{"width": 640, "height": 360, "fps": 120.0}, {"width": 1280, "height": 720, "fps": 30.0}],
    },
    "motions": {
        "flow": [{"width": 640, "height": 360, "fps": 30.0}],
        "blocks": [{"width": 640, "height": 360, "fps": 300.0}],
    },
    "lacking": {"animation-quality": "model animejanai is not on this machine"},
}


def test_a_measured_size_is_predicted_as_measured(lua: Lua) -> None:
    fps = lua.module("speeds").fps
    assert fps(lua.table(TABLE), "live-quality", None, 640, 360, 0) == pytest.approx(20)
    assert fps(lua.table(TABLE), "live-quality", None, 1280, 720, 0) == pytest.approx(5)


def test_a_combination_takes_the_time_of_both(lua: Lua) -> None:
    found = lua.module("speeds").fps(lua.table(TABLE), "live-performance", "flow", 640, 360, 4 / 5)
    assert found == pytest.approx(1 / (1 / 120 + 4 / 5 / 30))


@given(st.integers(16, 4096), st.integers(16, 4096))
def test_no_larger_picture_is_predicted_to_be_faster(lua52: Lua, width: int, height: int) -> None:
    fps = lua52.module("speeds").fps
    table = lua52.table(TABLE)
    small, large = (fps(table, "live-quality", None, width + n, height, 0) for n in (0, 8))
    assert large <= small * (1 + 1e-9)
    assert small <= 20 * (1 + 1e-9), "nothing is promised beyond what was measured"


def test_what_was_not_measured_is_not_known(lua: Lua) -> None:
    speeds = lua.module("speeds")
    assert speeds.fps(lua.table(TABLE), "animation-quality", None, 640, 360, 0) is None
    assert speeds.fps(lua.table(TABLE), "live-quality", "rife", 640, 360, 0.5) is None


@pytest.mark.parametrize("change", [{"version": 2}, {"vsmagic": "0.0.9"}, {"pictures": None}])
def test_a_table_of_something_else_is_not_used(lua: Lua, change: dict[str, Any]) -> None:
    speeds = lua.module("speeds")
    assert speeds.unusable(lua.table(TABLE), "0.1.0") is None
    assert speeds.unusable(lua.table({**TABLE, **change}), "0.1.0")


# choose


def pick(lua: Lua, *, table: Any = TABLE, width: int = 640, height: int = 360, rate: float = 25, speed: float = 1,
         share: float = 1, forbidden: tuple[str, ...] = (), **wish: Any) -> dict[str, Any]:  # fmt: skip
    choose = lua.module("choose")
    factors = lua.module("rates").factors(rate, wish.pop("display", 60))
    wanted = {"picture": "auto", "content": "live", "motion": "off", **wish}
    given = lua.table(wanted)
    given.factors = factors
    place = lua.table({"width": width, "height": height, "rate": rate, "speed": speed, "margin": 1.25, "share": share})
    place.speeds = lua.table(table) if table else None
    place.allowed = lambda option, _need, _fps=None: option.id not in forbidden
    found = choose.pick(choose.ladder(profiles(lua), given), place)
    option = found.option
    return {"id": option.id if option else None, "fps": found.fps, "why": found.why}


def test_the_best_that_fits_is_taken(lua: Lua) -> None:
    assert pick(lua)["id"] == "live-balanced"  # 40 of 25 x 1.25 fits, 20 does not
    assert pick(lua, rate=15)["id"] == "live-quality"
    assert pick(lua, rate=60)["id"] == "live-performance"


def test_faster_playback_needs_a_faster_profile(lua: Lua) -> None:
    assert pick(lua, speed=2)["id"] == "live-performance"
    assert pick(lua, speed=0.5)["id"] == "live-quality"


def test_a_larger_picture_needs_a_faster_profile(lua: Lua) -> None:
    assert pick(lua, rate=20, width=1280, height=720)["id"] == "live-performance"
    nothing = pick(lua, width=1920, height=1080)
    assert nothing["id"] is None
    assert nothing["why"] == "too slow: Live, performance would show 13 frames a second of 25"


def test_what_this_machine_did_not_reach_counts(lua: Lua) -> None:
    assert pick(lua, share=0.5)["id"] == "live-performance"


def test_without_a_table_the_fast_profile_is_tried_and_nothing_else(lua: Lua) -> None:
    assert pick(lua, table=None)["id"] == "live-performance"
    assert pick(lua, table=None, motion="auto")["id"] == "live-performance"
    assert pick(lua, table=None, forbidden=("live-performance",))["id"] is None


def test_what_is_lacking_is_not_taken(lua: Lua) -> None:
    table = {**TABLE, "lacking": {"live-balanced": "model not on this machine"}}
    assert pick(lua, table=table)["id"] == "live-performance"


def test_motion_takes_what_the_picture_leaves(lua: Lua) -> None:
    assert pick(lua, motion="auto")["id"] == "live-balanced"
    assert pick(lua, motion="auto", rate=24, display=48)["id"] == "live-balanced"
    only_fast = {**TABLE, "pictures": {"live-performance": TABLE["pictures"]["live-performance"]}}
    assert pick(lua, motion="auto", table=only_fast)["id"] == "live-performance+blocks*12/5"


def test_a_motion_that_is_named_goes_first(lua: Lua) -> None:
    assert pick(lua, motion="blocks")["id"] == "live-performance+blocks*12/5"
    assert pick(lua, motion="blocks", picture="none")["id"] == "blocks*12/5"
    assert pick(lua, motion="flow", rate=24)["id"] == "live-balanced"  # 30 made a second are never 48


def test_a_display_with_no_more_frames_gets_none_in_between(lua: Lua) -> None:
    assert pick(lua, motion="blocks", display=25)["id"] == "live-balanced"


def test_the_way_up_is_one_step_at_a_time(lua: Lua) -> None:
    choose = lua.module("choose")
    wish = lua.table({"picture": "auto", "content": "live", "motion": "off", "factors": []})
    place = lua.table({"width": 640, "height": 360, "rate": 10, "speed": 1, "margin": 1.25, "share": 1})
    place.speeds, place.allowed = lua.table(TABLE), lambda *_: True
    ladder = choose.ladder(profiles(lua), wish)

    def better(running: str | None) -> str | None:
        found = choose.better(ladder, place, None, running)
        return found.option.id if found else None

    assert better(None) == "live-performance"
    assert better("live-performance") == "live-balanced"
    assert better("live-balanced") == "live-quality"
    assert better("live-quality") is None


def test_below_a_named_profile_come_those_of_its_own_content(lua: Lua) -> None:
    choose = lua.module("choose")
    wish = lua.table({"picture": "animation-balanced", "content": "live", "motion": "off", "factors": []})
    ladder = lua.plain(choose.ladder(profiles(lua), wish))
    assert [option["id"] for option in ladder] == ["animation-balanced", "animation-performance"]


def test_a_named_profile_goes_before_the_others_of_its_tier(lua: Lua) -> None:
    given = json.loads(PROFILES.read_text())
    given["pictures"].insert(1, {**given["pictures"][0], "name": "live-other"})
    assert ladder_of(lua, given, "auto")[:2] == ["live-quality", "live-other"]
    assert ladder_of(lua, given, "live-other") == ["live-other", "live-balanced", "live-performance"]


def test_what_is_for_its_name_alone_is_never_taken_by_itself(lua: Lua) -> None:
    given = json.loads(PROFILES.read_text())
    given["pictures"].insert(2, {**given["pictures"][1], "name": "live-restore", "named_only": True})
    plain = ["live-quality", "live-balanced", "live-performance"]
    assert ladder_of(lua, given, "auto") == ladder_of(lua, given, "live-quality") == plain
    assert ladder_of(lua, given, "live-restore") == ["live-restore", "live-performance"]


def ladder_of(lua: Lua, given: dict[str, Any], picture: str) -> list[str]:
    wish = lua.table({"picture": picture, "content": "live", "motion": "off", "factors": []})
    return [option["id"] for option in lua.plain(lua.module("choose").ladder(lua.table(given), wish))]


def test_ladders_descend(lua: Lua) -> None:
    choose = lua.module("choose")
    wish = lua.table({"picture": "auto", "content": "live", "motion": "off", "factors": []})
    tiers = [option["tier"] for option in lua.plain(choose.ladder(profiles(lua), wish))]
    assert len(tiers) == 3
    assert all(a > b for a, b in pairwise(tiers))


# content


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ({"path": "/films/a.mkv", "name": "a.mkv"}, "live"),
        ({"path": "/films/a.mkv", "name": "a.mkv", "tags": {"GENRE": "Anime"}}, "animation"),
        ({"path": "/films/a.mkv", "name": "a.mkv", "tags": {"genre": "Drama"}}, "live"),
        ({"path": "/Anime/a.mkv", "name": "a.mkv"}, "animation"),
        ({"path": "C:\\Cartoons\\a.mkv", "name": "a.mkv"}, "animation"),
        ({"path": "x", "name": "[Group] Some Title - 03 [1080p].mkv"}, "animation"),
        ({"path": "x", "name": "[Group] Some Title [1A2B3C4D].mkv"}, "animation"),
        ({"path": "x", "name": "[2019] Holiday - 03 of beach.mkv"}, "live"),
        ({"path": "x", "name": "Inanimate.mkv"}, "live"),
        ({"path": "x", "name": "film.mkv", "tracks": [{"type": "audio", "lang": "jpn"}]}, "live"),
        (
            {
                "path": "x",
                "name": "film.mkv",
                "tracks": [{"type": "audio", "lang": "ja"}, {"type": "sub", "codec": "ass", "lang": "eng"}],
            },
            "animation",
        ),
    ],
)
def test_content_goes_by_what_the_file_says(lua: Lua, file: dict[str, Any], expected: str) -> None:
    content = lua.module("content")
    found, why = content.of(lua.table(file), "auto")
    assert (found, bool(why)) == (expected, True)
    assert content.of(lua.table(file), "live")[0] == "live"


# refusal

TRACEBACK = [
    "Script evaluation failed:",
    "Python exception: {}",
    "",
    "Traceback (most recent call last):",
    '  File "vapoursynth.pyx", line 4634, in vapoursynth._vpy_evaluate',
    "RuntimeError: {}",
    "",
    "could not init VS",
]


@pytest.mark.parametrize(
    ("said", "kind", "sentence"),
    [
        ("vsmagic: not ready: engine of x2.", "preparing", "engine of x2."),
        ("vsmagic: chain: step 1: no such filter.", "profile", "chain: step 1: no such filter."),
        ("No module named 'vsmagic'", "machine", "vsmagic mpv run FILE"),
        ("No module named 'vsmagic.mpv'", "machine", "vsmagic mpv run FILE"),
        (
            "vsmagic: this mpv runs the Python of /usr, which has no vsmagic; start it …",
            "machine",
            "vsmagic mpv run FILE",
        ),
        ("something odd", "profile", "RuntimeError: something odd"),
    ],
)
def test_a_refusal_is_told_in_its_own_words(lua: Lua, said: str, kind: str, sentence: str) -> None:
    lines = [line.format(said) for line in TRACEBACK]
    found = lua.plain(lua.module("refusal").of(lua.table(lines)))
    assert found["kind"] == kind
    assert sentence in found["sentence"]
    assert not found["sentence"].startswith("vsmagic:")


def test_mpv_without_vapoursynth_is_told_with_the_remedy(lua: Lua) -> None:
    refusal = lua.module("refusal")
    assert "VSSCRIPT_PATH" in refusal.of(lua.table(["Could not initialize VapourSynth scripting."])).sentence
    assert "--shaders-only" in refusal.no_filter().sentence


# chain


def test_the_filter_gets_any_text_whole(lua: Lua) -> None:
    text = lua.module("chain").filter("x", "/a b/ü:,=%.vpy", lua.table({"buffered": 4, "concurrent": 2}), '{"a":[1]}')
    assert text == (
        '@x:vapoursynth=file=%15%/a b/ü:,=%.vpy:buffered-frames=4:concurrent-frames=2:user-data=%9%{"a":[1]}'
    )


def test_frames_are_added_before_the_picture_is_enlarged(lua: Lua) -> None:
    choose, chain = lua.module("choose"), lua.module("chain")
    wish = lua.table({"picture": "live-performance", "content": "live", "motion": "blocks"})
    wish.factors = lua.module("rates").factors(24, 60)
    option = choose.ladder(profiles(lua), wish)[1]
    told = json.loads(chain.user_data(option, True, lua.table({"path": "seeks.json", "since": 3})))
    assert (told["compare"], told["late"], told["seeks"], told["since"]) == ("split", True, "seeks.json", 3)
    assert [step["filter"] for step in told["chain"]] == ["interpolate", "upscale"]
    assert told["chain"][0] == {"filter": "interpolate", "model": "mvtools", "multiplier": "5/2"}
    assert chain.words(option) == "5/2 times the frames by mvtools, then 2x magic-x2"


def test_a_step_that_keeps_the_size_is_told_by_its_model(lua: Lua) -> None:
    picture = {"steps": [{"filter": "upscale", "model": "mine-x1"}, {"filter": "upscale", "scale": 1.5, "model": "it"}]}
    assert lua.module("chain").words(lua.table({"picture": picture})) == "mine-x1, then 1.5x it"


values = st.recursive(
    st.booleans() | st.integers(-(2**50), 2**50) | st.floats(-1e6, 1e6) | st.text(),
    lambda inner: (
        st.lists(inner, min_size=1, max_size=4) | st.dictionaries(st.text(min_size=1), inner, min_size=1, max_size=4)
    ),
    max_leaves=12,
)


@given(values)
def test_json_is_read_back_as_it_was(lua52: Lua, value: Any) -> None:
    back = json.loads(lua52.module("json").text(lua52.table(value)))
    assert back == pytest.approx(value, rel=1e-12) if isinstance(value, float) else _near(back, value)


def _near(a: Any, b: Any) -> bool:
    if isinstance(b, float) or isinstance(a, float):
        return a == pytest.approx(b, rel=1e-12)
    if isinstance(b, list):
        return len(a) == len(b) and all(_near(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(b, dict):
        return a.keys() == b.keys() and all(_near(a[key], b[key]) for key in b)
    return bool(a == b)


# page


def test_the_page_tells_what_is_done_and_why(lua: Lua) -> None:
    choose, page = lua.module("choose"), lua.module("page")
    wish = lua.table({"picture": "live-performance", "content": "live", "motion": "blocks"})
    wish.factors = lua.module("rates").factors(24, 60)
    state = lua.table({
        "title": "Live, performance + Blocks (mvtools)", "why": "asked for", "content": "live",
        "content_why": "nothing says animation", "display_rate": 59.95, "fps": 100.0, "need": 60, "pace": 0.998,
        "steady": 12.2,
        "file": {"kind": "video", "width": 480, "height": 360, "rate": 24000 / 1001, "rate_known": True},
        "out": {"width": 960, "height": 720}, "sample": {"sync": -0.0042, "drops": 3},
        "measurement": "done",
    })  # fmt: skip
    state.option = choose.ladder(profiles(lua), wish)[1]
    rows = dict(lua.plain(page.rows(state)))
    assert rows == {
        "Profile": "Live, performance + Blocks (mvtools)",
        "Why": "asked for",
        "Content": "live (nothing says animation)",
        "Chain": "5/2 times the frames by mvtools, then 2x magic-x2",
        "Picture": "480x360 → 960x720",
        "Frames": "23.976 fps → 59.94 fps (display 59.95 fps)",
        "Speed": "100 fps measured, 60 fps needed",
        "Reached": "1.00 of real time, kept up for 12 s",
        "A/V": "-4 ms, 3 frames dropped or delayed",
        "Measurement": "done",
    }


def test_the_page_of_a_still_picture_says_why_nothing_is_done(lua: Lua) -> None:
    state = lua.table({"title": "off", "why": "a still picture", "file": {"kind": "image"}})
    assert dict(lua.plain(lua.module("page").rows(state))) == {"Profile": "off", "Why": "a still picture"}


# memory


def test_what_is_remembered_names_no_file(lua: Lua) -> None:
    memory = lua.module("memory")
    data = memory.empty()
    memory.note(data, "file", "/home/me/secret.mkv", lua.table({"profile": "off", "motion": "off"}), 1000)
    assert "secret" not in lua.module("json").text(data)
    assert memory.recalled(data, "file", "/home/me/secret.mkv").profile == "off"
    assert memory.recalled(data, "file", "/home/me/other.mkv") is None
    assert memory.recalled(data, "always", "/home/me/secret.mkv") is None


def test_only_so_many_files_are_remembered(lua52: Lua) -> None:
    memory = lua52.module("memory")
    data = memory.empty()
    for n in range(1005):
        memory.note(data, "file", f"/{n}", lua52.table({"profile": "auto", "motion": "off"}), n)
    assert len(lua52.plain(data.files)) == 1000
    assert memory.recalled(data, "file", "/4") is None
    assert memory.recalled(data, "file", "/5") is not None


@given(st.sets(st.binary(max_size=40), min_size=2, max_size=50))
def test_keys_of_different_paths_differ(lua52: Lua, paths: set[bytes]) -> None:
    key = lua52.module("memory").key
    assert len({key(path.decode("latin1")) for path in paths}) == len(paths)


@pytest.mark.parametrize("damaged", [None, {"version": 2, "files": {}}, {"version": 1}, "text"])
def test_a_damaged_memory_counts_as_none(lua: Lua, damaged: Any) -> None:
    found = lua.module("memory").checked(lua.table(damaged) if isinstance(damaged, dict) else damaged)
    assert lua.plain(found) == {"version": 1, "files": {}}


def modules() -> Iterator[Path]:
    yield from (SCRIPT.parent / "modules").glob("*.lua")
    yield SCRIPT


@pytest.mark.parametrize("file", list(modules()), ids=lambda file: file.stem)
def test_every_file_is_read_by_every_lua(lua: Lua, file: Path) -> None:
    assert lua.run(f"return loadfile({json.dumps(str(file))})"), f"{file} is not valid in this Lua"
