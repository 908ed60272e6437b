"""Turns: whoever has been served least comes first, and a newcomer's head start is bounded."""

from __future__ import annotations

import threading

import pytest

from knowledge.ingestion.turns import HEAD_START_S, Turns


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def serve(turns: Turns, clock: Clock, lane: str, seconds: float) -> None:
    with turns.turn(lane):
        clock.now += seconds


def order(turns: Turns, clock: Clock, *lanes: str, seconds: float = 1.0) -> list[str]:
    """Whose turn comes when, of lanes that all wait while somebody has his."""
    served: list[str] = []

    def take(lane: str) -> None:
        with turns.turn(lane):
            served.append(lane)
            clock.now += seconds

    threads = [threading.Thread(target=take, args=(lane,)) for lane in lanes]
    with turns.turn("somebody"):
        for thread in threads:
            thread.start()
        while len(turns._queue) < len(lanes):
            pass
    for thread in threads:
        thread.join()
    return served


def test_whoever_was_served_least_comes_first(clock: Clock) -> None:
    turns = Turns(clock)
    serve(turns, clock, "large", 10)
    assert order(turns, clock, "large", "large", "small", "small", "small") == [*["small"] * 3, *["large"] * 2]


def test_a_newcomer_has_a_head_start_and_no_more(clock: Clock) -> None:
    turns = Turns(clock)
    serve(turns, clock, "large", 10_000)
    serve(turns, clock, "somebody", 10_000)
    assert order(turns, clock, "large", "new", "new", seconds=HEAD_START_S + 1) == ["new", "large", "new"]


def test_a_turn_that_fails_is_over(clock: Clock) -> None:
    turns = Turns(clock)
    with pytest.raises(ValueError, match="broken"), turns.turn("a"):
        raise ValueError("broken")
    assert order(turns, clock, "a", "b") == ["a", "b"]
