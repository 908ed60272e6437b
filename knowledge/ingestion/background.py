"""Calls that take long, made in a thread, so that a generator can show signs of life and be closed meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import TypeVar

Result = TypeVar("Result")
Event = TypeVar("Event")

PULSE_S = 0.5


@contextmanager
def background(threads: int = 1) -> Iterator[ThreadPoolExecutor]:
    """Threads for calls. Leaving the block does not wait for a call that runs: what it does must bear to be left alone
    to its end, its result unread."""
    executor = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="build")
    try:
        yield executor
    finally:
        executor.shutdown(wait=False, cancel_futures=True)


def awaited(future: Future[Result]) -> Generator[None, None, Result]:
    """The result of a call, yielding twice a second until it is there. Raises what the call raised."""
    while not wait([future], timeout=PULSE_S).done:
        yield
    return future.result()


def called(executor: ThreadPoolExecutor, call: Callable[[], Result]) -> Generator[None, None, Result]:
    """The result of a call made now in one of the threads, yielding until it is there."""
    return (yield from awaited(executor.submit(call)))


def pulsing(steps: Generator[None, None, Result], pulse: Callable[[], Event]) -> Generator[Event, None, Result]:
    """The same result, with an event for every sign of life."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: Result = end.value
            return result
        yield pulse()
