"""A machine is idle when the system says so; where it does not say, nothing waits for ever."""

import os

import pytest

from vsmagic import idle


def test_here_it_is_a_share():
    share = idle.busy(0.05)
    assert share is not None
    assert 0 <= share <= 1


def test_linux_tells_of_the_time_between_two_looks(tmp_path, monkeypatch):
    # user nice system idle iowait irq softirq steal guest guest_nice: guests are counted as users already
    looks = iter(["cpu 100 0 100 800 100 0 0 0 50 0\n", "cpu 110 5 105 870 105 1 2 2 60 0\n"])
    file = tmp_path / "stat"
    monkeypatch.setattr(idle, "_STAT", file)

    def sleep(_seconds):
        file.write_text(next(looks))

    sleep(0)
    monkeypatch.setattr(idle.time, "sleep", sleep)
    assert idle.busy(1.0) == pytest.approx(25 / 100)


@pytest.mark.parametrize("content", [None, "", "nothing of the kind\n", "cpu  1 2\n", "cpu a b c d e f g h\n"])
def test_elsewhere_the_load_tells(tmp_path, monkeypatch, content):
    file = tmp_path / "stat"
    if content is not None:
        file.write_text(content)
    monkeypatch.setattr(idle, "_STAT", file)
    monkeypatch.setattr(idle.cpu, "count", lambda: 4)
    monkeypatch.setattr(os, "getloadavg", lambda: (1.0, 9.0, 9.0))
    assert idle.busy() == 0.25
    monkeypatch.setattr(os, "getloadavg", lambda: (9.0, 0.0, 0.0))
    assert idle.busy() == 1.0
    monkeypatch.delattr(os, "getloadavg")
    assert idle.busy() is None


def test_it_waits_until_nothing_else_works_and_says_so_once():
    said, shares = [], [0.9, 0.5, idle.IDLE, 0.9]
    assert idle.wait(tell=said.append, look=lambda: shares.pop(0), pause=0.0) == idle.IDLE
    assert shares == [0.9]
    assert len(said) == 1
    assert "90% of its processors" in said[0]


def test_an_idle_machine_is_not_waited_for():
    assert idle.wait(tell=pytest.fail, look=lambda: 0.01, pause=1e6) == 0.01


def test_where_nobody_knows_it_says_so_and_goes_on():
    said = []
    assert idle.wait(tell=said.append, look=lambda: None, pause=1e6) is None
    assert "does not tell how busy it is" in said[0]
