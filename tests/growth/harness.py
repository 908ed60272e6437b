"""How the processor time of something that reads hostile text grows with the size of the text.

Register a path by adding a `TextPath` to the `PATHS` of a module `tests/growth/<anything>_paths.py`; the test finds it.
"""

from __future__ import annotations

import gc
import importlib
import math
import pkgutil
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import tests.growth

LIMIT = 1.3
"""The largest exponent that is accepted: n log n, and some noise."""

CLEARLY = 1.15
"""An exponent below this, found at a glance, is believed at once."""

processor_time = time.thread_time
"""Seconds of processor time that this thread has had. Tests of this module put a counted time in its place."""

_STEPS = (1, 2, 4, 8)
_SMALLEST = 64
_CONFIRMED = 3
_LEAPS = 16
"""The search for a size that costs enough goes up by at most so much at once, and by no less than two."""
_NOISE_S = 0.005
"""What a run of the smallest input should cost, so that it stands above the noise of clock and caches."""

_LEAST_S = _NOISE_S / 50

_ATTEMPTS = ((_NOISE_S, 1), (2 * _NOISE_S, 3), (4 * _NOISE_S, 3), (6 * _NOISE_S, 3))
"""What the smallest input costs and how often each is run, attempt by attempt. What really grows faster than its input
does so every time; what a busy machine adds is gone when it is measured from scratch, longer and more often. A burst of
noise makes the large inputs dearer far more often than the small one, which is run several times: what passes at once
may be trusted."""

_RUNAWAY = 64
"""A doubled input that costs more than so many times what the input before it cost is not waited for."""


@dataclass(frozen=True)
class TextPath:
    """Something that reads text from outside: `run(make(n))` reads a hostile input of about `n` characters.

    `make` is not measured. `run` must do its work in this thread and leave nothing undone (consume iterators). It may
    raise nothing: a path that refuses its input catches its own error. Inputs grow up to `largest`, and no further:
    lower it where memory is scarce; a path that costs nothing to speak of at that size passes.
    """

    name: str
    make: Callable[[int], Any]
    run: Callable[[Any], object]
    largest: int = 1_000_000


def registered() -> list[TextPath]:
    """Every path of the modules tests/growth/*_paths.py."""
    modules = sorted(module.name for module in pkgutil.iter_modules(tests.growth.__path__))
    loaded = [importlib.import_module(f"tests.growth.{name}") for name in modules if name.endswith("_paths")]
    return [path for module in loaded for path in module.PATHS]


def exponent(path: TextPath) -> float:
    """The power of its input's size that a path's processor time grows with, measured again while it is too large.

    A glance comes first; where that is not clear, the smallest of what several attempts find, each from scratch and
    more thorough; the first that is small enough is the last.
    """
    if glanced_at(path) <= CLEARLY:
        return CLEARLY
    smallest = math.inf
    for noise, rounds in _ATTEMPTS:
        smallest = min(smallest, measured(path, noise, rounds))
        if smallest <= LIMIT:
            break
    return smallest


def glanced_at(path: TextPath) -> float:
    """The power that the smallest and the largest of the inputs alone tell of, as `measured` would take them.

    The smallest is run several times and the largest once. Noise makes it larger, and so is measured again; to make
    something too fast look slow enough, the smallest would have to cost twice what it does in every run.
    """
    try:
        fixed = _fixed(path)
        size, first = _measurable(path, fixed, _NOISE_S)
        if not size:
            return 0.0
        last = _cost(path.run, path.make(size * _STEPS[-1]), first)
        return math.log(max(last - fixed, _LEAST_S) / max(first - fixed, _LEAST_S)) / math.log(_STEPS[-1])
    except _RunawayError:
        return math.inf


def measured(path: TextPath, noise: float = _NOISE_S, rounds: int = 1) -> float:
    """The power of its input's size that a path's processor time grows with: 1 is linear, 2 quadratic.

    Measured over inputs of n, 2n, 4n and 8n as the slope of the logarithms, what the smallest input possible costs
    taken off; n is what costs `noise` seconds, and each cost the best of `rounds` runs. Infinite when doubling an input
    costs 64 times as much. A path too cheap to be measured at its largest input has 0.
    """
    try:
        fixed = _fixed(path)
        size, first = _measurable(path, fixed, noise)
        if not size:
            return 0.0
        inputs = [path.make(size * step) for step in _STEPS]
        costs = [first, *[math.inf] * (len(inputs) - 1)]
        for _ in range(rounds):
            _improve(path.run, inputs, costs)
        return _slope([max(cost - fixed, _LEAST_S) for cost in costs])
    except _RunawayError:
        return math.inf


def _fixed(path: TextPath) -> float:
    """What the smallest input possible costs, once all that is loaded once has been loaded."""
    smallest = path.make(1)
    path.run(smallest)
    return min(_cost(path.run, smallest, None) for _ in range(_CONFIRMED))


def _measurable(path: TextPath, fixed: float, noise: float) -> tuple[int, float]:
    """A size that costs more than noise and little more than it must, or else the largest that the steps allow, and
    what that costs; the size is 0 when the largest input costs next to nothing."""
    largest = path.largest // _STEPS[-1]
    enough = fixed + max(noise, fixed)
    size, before = min(_SMALLEST, largest), noise
    while True:
        cost = _best(path.run, path.make(size), enough, before)
        if cost > enough:
            return size, cost
        if size == largest:
            break
        leap = min(_LEAPS, max(2.0, 1.2 * enough / max(cost, _LEAST_S)))
        size, before = min(int(size * leap), largest), max(cost, noise)
    little = fixed + _STEPS[-1] * _NOISE_S / 2
    return (size, cost) if _best(path.run, path.make(path.largest), little, None) > little else (0, cost)


def _best(run: Callable[[Any], object], given: Any, enough: float, before: float | None) -> float:
    """What an input costs; when that is more than `enough`, the best of several runs: one burst of noise is no cost."""
    cost = math.inf
    for _ in range(_CONFIRMED):
        cost = min(cost, _cost(run, given, before))
        if cost <= enough:
            break
    return cost


def _improve(run: Callable[[Any], object], inputs: Sequence[Any], costs: list[float]) -> None:
    """Lower the costs to the best of one run more, all sizes in turn, so that noise hits all alike."""
    before: float | None = None
    for index, given in enumerate(inputs):
        before = _cost(run, given, before)
        costs[index] = min(costs[index], before)


def _slope(costs: Sequence[float]) -> float:
    """The least-squares slope of log cost over log size."""
    sizes = [math.log(step) for step in _STEPS]
    values = [math.log(cost) for cost in costs]
    size, value = sum(sizes) / len(sizes), sum(values) / len(values)
    rise = sum((x - size) * (y - value) for x, y in zip(sizes, values, strict=True))
    return rise / sum((x - size) ** 2 for x in sizes)


class _RunawayError(BaseException):
    """No path may catch it by accident."""


def _cost(run: Callable[[Any], object], given: Any, before: float | None) -> float:
    """Processor seconds of one run, those of this thread alone; raises _RunawayError for far more than `before`."""
    gc.disable()
    try:
        with _bounded(before):
            begun = processor_time()
            run(given)
            return processor_time() - begun
    finally:
        gc.enable()


@contextmanager
def _bounded(before: float | None) -> Iterator[None]:
    if before is None or not hasattr(signal, "setitimer"):
        yield
        return

    def stop(_signal: int, _frame: object) -> None:
        raise _RunawayError

    earlier = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, _RUNAWAY * max(before, _NOISE_S))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        with suppress(ValueError):
            signal.signal(signal.SIGPROF, earlier)
