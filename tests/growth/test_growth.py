"""Time is bounded by the size of the input, wherever text from outside is read."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable

import pytest

from tests.growth import harness
from tests.growth.harness import LIMIT, TextPath, exponent, measured, registered


@pytest.mark.parametrize("path", registered(), ids=lambda path: path.name)
def test_processor_time_grows_with_the_input_and_no_faster(path: TextPath) -> None:
    grown = exponent(path)
    assert grown <= LIMIT, f"{path.name} grows with n^{grown:.2f}"


def test_every_path_has_a_name_of_its_own() -> None:
    names = [path.name for path in registered()]
    assert sorted(names) == sorted(set(names))


class CountedTime:
    """A clock that only work moves, so that what is found of the harness is found on every machine."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def work(self, steps: float) -> None:
        self.now += steps * 1e-6

    def path(self, power: float) -> TextPath:
        """What takes so many steps as the length of a text to the power."""
        return path(lambda text: self.work(len(text) ** power))


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> CountedTime:
    time_counted = CountedTime()
    monkeypatch.setattr(harness, "processor_time", time_counted)
    return time_counted


def path(run: Callable[[str], object]) -> TextPath:
    return TextPath("a path", lambda size: "a" * size + "!", run)


def test_what_explodes_is_broken_off_and_what_costs_nothing_passes() -> None:
    assert measured(path(lambda text: re.match(r"(?:a|aa)*$", text))) == math.inf
    assert measured(path(lambda _text: time.sleep(0))) == 0.0


def test_what_is_quadratic_by_the_real_clock_fails() -> None:
    assert measured(path(lambda text: sum(range(len(text) ** 2)))) > LIMIT


@pytest.mark.parametrize("power", [1.0, 1.25, 1.5, 2.0, 2.5])
def test_the_power_found_is_that_of_the_work(counted: CountedTime, power: float) -> None:
    assert measured(counted.path(power)) == pytest.approx(power, abs=0.02)


def test_what_grows_a_little_too_fast_fails_however_often_it_is_measured(counted: CountedTime) -> None:
    assert exponent(counted.path(1.35)) > LIMIT


def test_bursts_of_noise_are_no_growth(counted: CountedTime) -> None:
    runs = iter(range(10**6))

    def disturbed(text: str) -> None:
        counted.work(len(text))
        if next(runs) % 3 == 1:
            counted.work(20_000)

    assert exponent(path(disturbed)) < LIMIT
