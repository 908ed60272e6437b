"""Waiting for a call in a thread: its result or its error, whenever it comes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from concurrent.futures import Future

import pytest

from knowledge.ingestion.background import awaited, background, called


def drain(steps: Generator[None, None, int], at_pulse: Callable[[], object] = lambda: None) -> tuple[int, int]:
    """How many signs of life were given, each followed by `at_pulse`, and the result."""
    pulses = 0
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return pulses, end.value
        pulses += 1
        at_pulse()


def test_a_result_is_returned() -> None:
    with background() as executor:
        assert drain(called(executor, lambda: 7))[1] == 7


def test_a_result_that_is_there_is_not_waited_for() -> None:
    done: Future[int] = Future()
    done.set_result(7)
    assert drain(awaited(done)) == (0, 7)


def test_a_long_call_gives_signs_of_life() -> None:
    """It goes on until a sign of life has been heard."""
    heard = threading.Event()
    with background() as executor:
        pulses, result = drain(called(executor, lambda: 7 if heard.wait(30) else 0), heard.set)
    assert pulses >= 1
    assert result == 7


@pytest.mark.parametrize("error", [TimeoutError("too slow"), ValueError("wrong")])
def test_an_error_of_the_call_is_raised(error: Exception) -> None:
    def fail() -> int:
        raise error

    with background() as executor, pytest.raises(type(error), match=str(error)):
        drain(called(executor, fail))


def test_a_call_that_ends_after_a_wait_was_in_vain_is_not_taken_for_one_that_goes_on() -> None:
    for end in (lambda future: future.set_result(7), lambda future: future.set_exception(TimeoutError("its own"))):
        call: Future[int] = Future()
        steps = awaited(call)
        next(steps)
        end(call)
        if call.exception() is None:
            assert drain(steps) == (0, 7)
        else:
            with pytest.raises(TimeoutError, match="its own"):
                next(steps)
