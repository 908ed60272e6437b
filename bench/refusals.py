"""How well the product tells questions that its documents answer from those they do not.

python -m bench refusals FOLDER QUESTIONS_FILE [FOLDER QUESTIONS_FILE …] [--cache FOLDER] [--fit] [--misses]

A line of a file is a question of an evaluation set, or `{"question": …, "answerable": true}`; `bench/questions` holds
short ones, as people type them, for four bases: the documents of Argo CD and cert-manager (content/docs of its site),
Flux (content/en/flux) and the Kubernetes handbook. `--fit` fits the weights of confidence anew and says what to expect
of them on documents that they were not fitted on.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.retrieval_memory import BASE, MemoryBase, VectorCache
from knowledge.answering.answerer import extract
from knowledge.answering.confidence import ANSWERED, Signals, confidence_of, read_signals
from knowledge.answering.evidence import weigh_terms
from knowledge.embedding import create_embedders
from knowledge.evaluation import parse_question
from knowledge.retrieval.retriever import Retriever

WRONGLY_REFUSED = 0.03
"""The share of answerable questions that the fitted threshold gives up, averaged over the sets."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    """A question, whether it can be answered, the folder it was put to and what was known of it then."""

    question: str
    answerable: bool
    folder: str
    signals: Signals


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pairs", type=Path, nargs="+", metavar="FOLDER QUESTIONS")
    parser.add_argument("--cache", type=Path, help="where the vectors of chunks are kept for the next run")
    parser.add_argument("--fit", action="store_true", help="fit the weights of confidence anew")
    parser.add_argument("--misses", action="store_true", help="name the questions judged wrongly")
    arguments = parser.parse_args()
    if len(arguments.pairs) % 2:
        parser.error("give each folder a file of questions")
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    retrievers: dict[Path, Retriever] = {}
    sets = []
    for folder, path in zip(arguments.pairs[::2], arguments.pairs[1::2], strict=True):
        if folder not in retrievers:
            retrievers[folder] = _retriever(folder, arguments.cache)
        sets.append([_judge(retrievers[folder], folder, *each) for each in _questions(path)])
        odds = np.array([confidence_of(each.signals) - ANSWERED for each in sets[-1]])
        print(f"{path.name} on {folder.name}: {_figures(odds, _truth(sets[-1]))}", flush=True)
        for each, value in zip(sets[-1], odds, strict=True):
            if arguments.misses and (value >= 0) != each.answerable:
                print(f"  {'refused' if each.answerable else 'answered'} at {value + ANSWERED:.2f}: {each.question}")
    if arguments.fit:
        _show_fit(sets)


def _retriever(folder: Path, cache: Path | None) -> Retriever:
    work = Path(tempfile.mkdtemp())
    embedders = create_embedders()
    base = MemoryBase(folder, embedders, VectorCache((cache or work) / "vectors.sqlite"), work)
    return Retriever(library=base, indexes=base, embedders=embedders)


def _questions(path: Path) -> list[tuple[str, bool]]:
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    return [
        (row["question"], row["answerable"])
        if "answerable" in row
        else (row["question"], parse_question(row).answerable)
        for row in rows
    ]


def _judge(retriever: Retriever, folder: Path, question: str, answerable: bool) -> Judged:
    result = retriever.search(question, knowledge_bases=[BASE])
    signals = read_signals(question, result.hits, weigh_terms(question, result.hits))
    nothing = Signals(absent=0.0, near=0.0, held=0.0, found=0.0)
    if signals is None or not extract(question, result):
        signals = nothing
    return Judged(question=question, answerable=answerable, folder=folder.name, signals=signals)


def _truth(judged: Sequence[Judged]) -> NDArray[np.bool_]:
    return np.array([each.answerable for each in judged])


def _figures(odds: NDArray[np.float64], truth: NDArray[np.bool_]) -> str:
    above = (odds[truth][:, None] > odds[~truth]).mean() + (odds[truth][:, None] == odds[~truth]).mean() / 2
    return (
        f"{truth.sum()} answerable, {(~truth).sum()} not; unanswerable said to be so {(odds[~truth] < 0).mean():.3f}, "
        f"wrongly refused {(odds[truth] < 0).mean():.3f}, area under the curve {above:.3f}"
    )


def _show_fit(sets: Sequence[Sequence[Judged]]) -> None:
    """Print weights fitted on all sets, and figures of each folder's sets with weights fitted on the other folders."""
    rows = np.array([astuple(each.signals) for one in sets for each in one], dtype=float)
    truth = np.concatenate([_truth(one) for one in sets])
    member = np.repeat(np.arange(len(sets)), [len(one) for one in sets])
    folders = np.array([each.folder for one in sets for each in one])
    weights, bias = _fit(rows, truth, member)
    names = [field.name for field in fields(Signals)]
    print("fitted:", ", ".join(f"{name} {weight:.2f}" for name, weight in zip(names, weights, strict=True)), end=", ")
    print(f"bias {bias:.2f}")
    for number, one in enumerate(sets):
        others = folders != one[0].folder
        if others.any():
            weights, bias = _fit(rows[others], truth[others], member[others])
            odds = rows[member == number] @ weights + bias
            print(f"  set {number + 1}, fitted on other folders: {_figures(odds, _truth(one))}")


def _fit(
    rows: NDArray[np.float64], truth: NDArray[np.bool_], member: NDArray[np.int64]
) -> tuple[NDArray[np.float64], float]:
    """Weights and bias with the threshold at 0; each set and each of its two kinds of questions weighs the same."""
    from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]

    kinds = member * 2 + truth
    share = np.array([2.0 / (kinds == kind).sum() for kind in kinds])
    mean, deviation = rows.mean(axis=0), rows.std(axis=0) + 1e-9
    model = LogisticRegression(C=0.5, max_iter=3000).fit((rows - mean) / deviation, truth, sample_weight=share)
    weights = model.coef_[0] / deviation
    odds = rows @ weights
    sets = [odds[(member == number) & truth] for number in np.unique(member)]
    return weights, -_threshold(lambda limit: float(np.mean([(one < limit).mean() for one in sets])), odds)


def _threshold(refused: Callable[[float], float], odds: NDArray[np.float64]) -> float:
    return float(max((each for each in np.unique(odds) if refused(each) <= WRONGLY_REFUSED), default=odds.min()))


if __name__ == "__main__":
    main()
