"""The same questions asked in other manners: misspelt, as keywords, as a pasted error, as a story, by a symptom."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bench.retrieval_memory import BASE
from knowledge.answering import Answerer
from knowledge.errors import InvalidInput
from knowledge.evaluation import Outcome, Question, summarise
from knowledge.retrieval.retriever import Retriever

RANKED = 50


def show_by_manner(retriever: Retriever, questions: Sequence[Question], path: Path) -> None:
    """Print a row for each manner of the file at `path`, then one for all.

    A line names with `of` the question whose answers are wanted, and holds its `manner` and the `question` in other
    words. Raises InvalidInput for one that names none of `questions`.
    """
    manners: defaultdict[str, list[tuple[Question, Outcome]]] = defaultdict(list)
    for manner, question in _read(path, questions):
        manners[manner].append((question, _asked(retriever, question)))
    print(f"{'manner':16}  count  Hit@5    MRR  quote  told answered")
    for manner, asked in [*sorted(manners.items()), ("all", [each for one in manners.values() for each in one])]:
        report = summarise(asked)
        figures = (report.hit_at_5, report.mrr_at_10, report.quote_recall, report.answered_rate or 0.0)
        print(f"{manner:16}{len(asked):7}" + "".join(f"{figure:7.3f}" for figure in figures), flush=True)


def _read(path: Path, questions: Sequence[Question]) -> list[tuple[str, Question]]:
    known = {question.id: question for question in questions}
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    unknown = [row["of"] for row in rows if row["of"] not in known]
    if unknown:
        raise InvalidInput(f"{path.name} names questions that are not there: {', '.join(unknown)}.")
    return [(row["manner"], replace(known[row["of"]], text=row["question"])) for row in rows]


def _asked(retriever: Retriever, question: Question) -> Outcome:
    result = retriever.search(question.text, knowledge_bases=[BASE], top_k=RANKED)
    return Outcome(
        documents=list(dict.fromkeys(hit.document.path for hit in result.hits)),
        passages=[passage.text for passage in result.passages],
        verdict=Answerer().judge(question.text, result),
    )
