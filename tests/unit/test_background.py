"""Waiting for a call in a thread: its result or its error, whenever it comes."""

from __future__ import annotations

import time

import pytest

from knowledge.ingestion.background import PULSE_S, background, called


def drain(generator: object) -> tuple[int, object]:
    pulses = 0
    while True:
        try:
            next(generator)  # type: ignore[call-overload]
        except StopIteration as end:
            return pulses, end.value
        pulses += 1


def test_a_result_is_returned() -> None:
    with background() as executor:
        assert drain(called(executor, lambda: 7)) == (0, 7)


def test_a_long_call_gives_signs_of_life() -> None:
    with background() as executor:
        pulses, result = drain(called(executor, lambda: time.sleep(PULSE_S * 2.5) or 7))
    assert pulses >= 1
    assert result == 7


@pytest.mark.parametrize("error", [TimeoutError("too slow"), ValueError("wrong")])
def test_an_error_of_the_call_is_raised(error: Exception) -> None:
    def fail() -> None:
        raise error

    with background() as executor, pytest.raises(type(error), match=str(error)):
        drain(called(executor, fail))


def test_a_call_that_ends_as_the_wait_does_is_not_an_error() -> None:
    with background() as executor:
        for _ in range(3):
            assert drain(called(executor, lambda: time.sleep(PULSE_S) or 7))[1] == 7
