"""Time is bounded by the size of the input, wherever text from outside is read."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable

import pytest

from tests.growth.harness import LIMIT, TextPath, exponent, measured, registered


@pytest.mark.parametrize("path", registered(), ids=lambda path: path.name)
def test_processor_time_grows_with_the_input_and_no_faster(path: TextPath) -> None:
    grown = exponent(path)
    assert grown <= LIMIT, f"{path.name} grows with n^{grown:.2f}"


def test_every_path_has_a_name_of_its_own() -> None:
    names = [path.name for path in registered()]
    assert sorted(names) == sorted(set(names))


def grows_with(power: float) -> Callable[[str], object]:
    """Work of so many steps as the length of a text to the power."""
    return lambda text: sum(range(int(len(text) ** power)))


def path(run: Callable[[str], object]) -> TextPath:
    return TextPath("a path", lambda size: "a" * size + "!", run)


def test_the_harness_tells_linear_from_quadratic_and_breaks_off_what_explodes() -> None:
    assert measured(path(sorted)) < LIMIT
    assert 1.7 < measured(path(grows_with(2))) < 2.3
    assert measured(path(lambda text: re.match(r"(?:a|aa)*$", text))) == math.inf
    assert measured(path(lambda _text: time.sleep(0))) == 0.0


def test_what_grows_a_little_too_fast_fails_however_often_it_is_measured() -> None:
    assert exponent(path(grows_with(1.5))) > LIMIT


def test_bursts_of_noise_are_no_growth() -> None:
    runs = iter(range(10**6))

    def disturbed(text: str) -> None:
        grows_with(1)(text)
        if next(runs) % 3 == 1:
            grows_with(1)("a" * 2_000_000)

    assert exponent(path(disturbed)) < LIMIT
