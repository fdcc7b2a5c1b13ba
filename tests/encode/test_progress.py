"""Progress never passes the end, and reads well in a log file."""

import re

import pytest

from vsmagic.encode import progress
from vsmagic.encode.progress import Plain, shown


@pytest.mark.parametrize("done", [0, 1, 50, 100, 150])
def test_never_more_than_all(done: int) -> None:
    words = progress._words(done, 100, 2.0)
    percent = re.search(r"\((\d+)%\)", words)
    assert percent is not None
    assert 0 <= int(percent[1]) <= 100


def test_rate_and_time_left() -> None:
    assert progress._words(30, 120, 10.0) == "frame 30 of 120 (25%), 3.0 fps, 0:00:30 left"
    assert progress._words(120, 120, 40.0) == "frame 120 of 120 (100%), 3.0 fps"
    assert progress._words(0, 0, 0.0) == "frame 0 of 0 (0%), 0.0 fps"


def test_plain_lines_are_few(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(10_000))
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    plain = Plain()
    plain.total(100)
    for done in range(1, 101):
        plain.frames(done)
    lines = capsys.readouterr().err.splitlines()
    assert 10 < len(lines) <= 21
    assert lines[-1].startswith("vsmagic: frame 100 of 100 (100%)")


def test_the_end_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    """By vspipe, and again once both programs have ended: the last line stood there twice."""
    plain = Plain()
    for total in (30, 20):
        plain.total(total)
        for done in (total - 1, total, total, total + 1):
            plain.frames(done)
    assert re.findall(r"frame (\d+) of (\d+)", capsys.readouterr().err) == [("30", "30"), ("20", "20")]


def test_frames_before_the_total_is_known_are_not_told(capsys: pytest.CaptureFixture[str]) -> None:
    Plain().frames(3)
    assert capsys.readouterr().err == ""


def test_without_a_terminal_it_is_plain() -> None:
    with shown() as found:
        assert isinstance(found, Plain)
