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

_STEPS = (1, 2, 4, 8)
_SMALLEST = 64
_CONFIRMED = 3
_NOISE_S = 0.005
"""What a run of the smallest input should cost, so that it stands above the noise of clock and caches."""

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

    The smallest of what several attempts find, each from scratch and more thorough; the first that is small enough is
    the last.
    """
    smallest = math.inf
    for noise, rounds in _ATTEMPTS:
        smallest = min(smallest, measured(path, noise, rounds))
        if smallest <= LIMIT:
            break
    return smallest


def measured(path: TextPath, noise: float = _NOISE_S, rounds: int = 1) -> float:
    """The power of its input's size that a path's processor time grows with: 1 is linear, 2 quadratic.

    Measured over inputs of n, 2n, 4n and 8n as the slope of the logarithms, what the smallest input possible costs
    taken off; n is what costs `noise` seconds, and each cost the best of `rounds` runs. Infinite when doubling an input
    costs 64 times as much. A path too cheap to be measured at its largest input has 0.
    """
    gc.collect()
    try:
        smallest = path.make(1)
        path.run(smallest)  # loads what is loaded once
        fixed = min(_cost(path.run, smallest, None) for _ in range(_CONFIRMED))
        size = _measurable(path, fixed, noise)
        if size is None:
            return 0.0
        inputs = [path.make(size * step) for step in _STEPS]
        costs = [_best(path.run, inputs[0], 0.0, None), *[math.inf] * (len(inputs) - 1)]
        for _ in range(rounds):
            _improve(path.run, inputs, costs)
        return _slope([max(cost - fixed, _NOISE_S / 50) for cost in costs])
    except _RunawayError:
        return math.inf


def _measurable(path: TextPath, fixed: float, noise: float) -> int | None:
    """The smallest size, of powers of two, that costs more than noise, or else the largest that the steps allow; None
    when the largest input costs next to nothing."""
    size, before = _SMALLEST, noise
    while size * _STEPS[-1] <= path.largest:
        enough = fixed + max(noise, fixed)
        cost = _best(path.run, path.make(size), enough, before)
        if cost > enough:
            return size
        size, before = size * 2, max(cost, noise)
    dearest = _best(path.run, path.make(path.largest), fixed + _STEPS[-1] * _NOISE_S / 2, None)
    return path.largest // _STEPS[-1] if dearest > fixed + _STEPS[-1] * _NOISE_S / 2 else None


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
            begun = time.thread_time()
            run(given)
            return time.thread_time() - begun
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
