"""Times add up: what the sum of the parts says over what was measured."""

from contextlib import nullcontext

import pytest

from vsmagic.bench import together
from vsmagic.bench.orders import Answer
from vsmagic.errors import EncodeError


def test_parts_that_add_up_give_one():
    # 100 ms for each picture, and 25 ms for each of the four frames in five that are made: 120 ms.
    assert together.ratio(0.1, 0.025, 0.12) == pytest.approx(1.0)
    assert together.ratio(0.1, 0.025, 0.1) == pytest.approx(1.2)


def test_the_three_take_turns(monkeypatch):
    orders = []

    def ask(order, *, most):
        orders.append(order)
        yield Answer(size=order.sizes[0], fps=float(len(orders)))

    monkeypatch.setattr(together, "ask", ask)
    monkeypatch.setattr(together, "drawn_still", lambda: nullcontext("still.mkv"))
    found = together.rounds("live-performance", "flow", (64, 48), seconds=0.1, count=2)
    assert [[answer.fps for answer in row] for row in found] == [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]
    assert [(order.cycle, order.counted) for order in orders[:3]] == [(1, 1), (5, 4), (5, 5)]
    assert [("upscale" in order.steps, "interpolate" in order.steps) for order in orders[:3]] == [
        (True, False), (False, True), (True, True)
    ]  # fmt: skip


def test_ratios_of_both_times_are_printed(monkeypatch, capsys):
    # Four processors' time in the parts; together they are kept busy less well.
    row = [Answer(fps=10.0, processor=0.2), Answer(fps=40.0, processor=0.05), Answer(fps=8.0, processor=0.24)]
    monkeypatch.setattr(together, "rounds", lambda *_args, **_more: [row] * 3)
    together.main(["live-performance", "flow"])
    said = capsys.readouterr().out
    assert "both         8.00 a second, 1.92 processors busy" in said
    assert "\ntime: the sum of both over what was measured: 0.96 (0.96 0.96 0.96)" in said
    assert "processors' time: the sum of both over what was measured: 1.00 (1.00 1.00 1.00)" in said


def test_what_does_not_run_is_told(monkeypatch):
    monkeypatch.setattr(together, "ask", lambda *_args, **_more: iter([Answer(error="no such plugin")]))
    monkeypatch.setattr(together, "drawn_still", lambda: nullcontext("still.mkv"))
    with pytest.raises(EncodeError, match="no such plugin"):
        together.rounds("live-performance", "blocks", (64, 48), seconds=0.1, count=1)
