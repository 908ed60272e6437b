"""Fitting the weights of confidence anew, and what to expect of them on questions they were not fitted on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields

import numpy as np
from numpy.typing import NDArray

from knowledge.answering.confidence import Signals

FOLDS, REPEATS = 5, 10
WRONGLY_REFUSED = 0.05
"""The share of answerable questions of the training folds that the threshold gives up."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    """What was known of a question, and whether it can be answered."""

    answerable: bool
    signals: Signals | None


def show_refit(sets: Sequence[Sequence[Judged]]) -> None:
    """Print the fitted weights, refusals cross-validated within all sets, and carried over from the others to each.
    Questions whose every word was found are left out: they are answered whatever the weights."""
    sets = [[each for each in one if each.signals and not each.signals.complete] for one in sets]
    rows = np.array([astuple(each.signals)[:-1] for one in sets for each in one if each.signals], dtype=float)
    truth = np.array([each.answerable for one in sets for each in one])
    member = np.array([number for number, one in enumerate(sets) for _ in one])
    weights, bias = _fit(rows, truth)
    names = [field.name for field in fields(Signals)][:-1]
    print("fitted:", ", ".join(f"{name} {weight:.2f}" for name, weight in zip(names, weights, strict=True)), end=", ")
    print(f"bias {bias - _threshold(rows @ weights + bias, truth):.2f} (threshold at 0)")
    for number in range(len(sets)):
        figures = _figures(*_cross_validated(rows, truth, member), truth, member, number)
        print(f"  set {number + 1}: cross-validated {figures}")
        if len(sets) > 1:
            others = member != number
            weights, bias = _fit(rows[others], truth[others])
            odds = rows @ weights + bias
            limit = np.full(len(odds), _threshold(odds[others], truth[others]))
            print(f"  set {number + 1}: fitted on the others {_figures(odds, limit, truth, member, number)}")


def _cross_validated(
    rows: NDArray[np.float64], truth: NDArray[np.bool_], member: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Odds and thresholds (repeats, questions) from folds that the question was not in."""
    from sklearn.model_selection import StratifiedKFold  # type: ignore[import-untyped]

    odds, limits = np.zeros((REPEATS, len(rows))), np.zeros((REPEATS, len(rows)))
    for repeat in range(REPEATS):
        folds = StratifiedKFold(FOLDS, shuffle=True, random_state=repeat)
        for train, test in folds.split(rows, member * 2 + truth):
            weights, bias = _fit(rows[train], truth[train])
            odds[repeat, test] = rows[test] @ weights + bias
            limits[repeat, test] = _threshold(rows[train] @ weights + bias, truth[train])
    return odds, limits


def _fit(rows: NDArray[np.float64], truth: NDArray[np.bool_]) -> tuple[NDArray[np.float64], float]:
    from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]

    mean, deviation = rows.mean(axis=0), rows.std(axis=0) + 1e-9
    model = LogisticRegression(C=0.3, class_weight="balanced").fit((rows - mean) / deviation, truth)
    weights = model.coef_[0] / deviation
    return weights, float(model.intercept_[0] - weights @ mean)


def _threshold(odds: NDArray[np.float64], truth: NDArray[np.bool_]) -> float:
    return float(np.quantile(odds[truth], WRONGLY_REFUSED))


def _figures(
    odds: NDArray[np.float64],
    limits: NDArray[np.float64],
    truth: NDArray[np.bool_],
    member: NDArray[np.int64],
    number: int,
) -> str:
    refused = odds < limits
    mine = member == number
    said, wrongly = refused[..., mine & ~truth].mean(), refused[..., mine & truth].mean()
    return f"unanswerable said to be so {said:.3f}, wrongly refused {wrongly:.3f}"
