"""Time is bounded by the size of the input, wherever text from outside is read."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Iterator

import pytest

from tests.growth.harness import LIMIT, TextPath, exponent, registered

_ATTEMPTS = 3


def min_until(enough: float, values: Iterator[float]) -> float:
    """The smallest of the values up to the first that is small enough; the others are not asked for."""
    smallest = math.inf
    for value in values:
        smallest = min(smallest, value)
        if smallest <= enough:
            break
    return smallest


@pytest.mark.parametrize("path", registered(), ids=lambda path: path.name)
def test_processor_time_grows_with_the_input_and_no_faster(path: TextPath) -> None:
    # What really grows faster does so every time; a busy machine does not.
    grown = min_until(LIMIT, (exponent(path) for _ in range(_ATTEMPTS)))
    assert grown <= LIMIT, f"{path.name} grows with n^{grown:.2f}"


def test_every_path_has_a_name_of_its_own() -> None:
    names = [path.name for path in registered()]
    assert sorted(names) == sorted(set(names))


def test_the_harness_tells_linear_from_quadratic_and_breaks_off_what_explodes() -> None:
    def quadratic(text: str) -> None:
        for start in range(0, len(text), 8):
            text.count("b", start)

    assert exponent(TextPath("linear", lambda size: "a" * size, lambda text: sorted(text))) < LIMIT
    assert 1.7 < exponent(TextPath("quadratic", lambda size: "a" * size, quadratic)) < 2.3
    explosive = TextPath("explosive", lambda size: "a" * size + "!", lambda text: re.match(r"(?:a|aa)*$", text))
    assert exponent(explosive) == math.inf
    assert exponent(TextPath("idle", lambda size: "a" * size, lambda _text: time.sleep(0))) == 0.0
