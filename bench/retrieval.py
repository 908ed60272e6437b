"""How good retrieval is on a folder of documents and a file of questions, beside plain baselines in the same run.

Titles and headings of the documents, asked as they stand, show whether what has a name is found by it.

python -m bench retrieval CORPUS_FOLDER QUESTIONS_FILE [--cache FOLDER] [--no-baselines] [--misses]
python -m bench retrieval CORPUS_FOLDER QUESTIONS_FILE --by-manner FILE     the same asked otherwise, row by row
python -m bench retrieval --leave-one-out CORPUS_FOLDER… [--cache FOLDER]      the questions beside each folder
"""

from __future__ import annotations

import argparse
import os
import random
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from bench.retrieval_baselines import Baselines
from bench.retrieval_by_manner import show_by_manner
from bench.retrieval_left_out import leave_one_out
from bench.retrieval_memory import BASE, MemoryBase, VectorCache
from knowledge.embedding import create_embedders
from knowledge.embedding.minilm import NAME as MINILM
from knowledge.evaluation import (
    GoldQuote,
    Outcome,
    Question,
    Report,
    cover_rank,
    quotes_found,
    read_questions,
    summarise,
)
from knowledge.retrieval.retriever import Retriever

RANKED = 50
NAMES = 150
"""Titles and headings that are asked for, of those that only one document has."""

Asked = list[tuple[Question, Outcome]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path, nargs="?")
    parser.add_argument("questions", type=Path, nargs="?")
    parser.add_argument("--leave-one-out", type=Path, nargs="+", metavar="CORPUS", help="judge each by the others")
    parser.add_argument("--cache", type=Path, help="where vectors are kept for the next run")
    parser.add_argument("--by-manner", type=Path, metavar="FILE", help="the same questions in other manners")
    parser.add_argument("--no-baselines", action="store_true")
    parser.add_argument("--misses", action="store_true", help="name the questions not answered within five pages")
    arguments = parser.parse_args()
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    with tempfile.TemporaryDirectory() as work:
        if arguments.leave_one_out:
            leave_one_out(arguments.leave_one_out, arguments.cache or Path(work), Path(work))
        elif arguments.corpus and arguments.questions:
            _measure(arguments, Path(work))
        else:
            parser.error("give a folder and a file of questions, or --leave-one-out with folders")


def _measure(arguments: argparse.Namespace, work: Path) -> None:
    questions = [question for question in read_questions(arguments.questions) if question.answerable]
    embedders = create_embedders()
    cache = VectorCache((arguments.cache or work) / "vectors.sqlite")
    base = MemoryBase(arguments.corpus, embedders, cache, work)
    print(f"{len(base)} chunks of {len(base.texts)} documents, {len(questions)} answerable questions")
    retriever = Retriever(library=base, indexes=base, embedders=embedders)
    if arguments.by_manner:
        show_by_manner(retriever, questions, arguments.by_manner)
        return
    print(f"{'':16}  Hit@1  Hit@5 Hit@10    MRR   nDCG  quote    halves: Hit@5, MRR, quote")
    asked = _ask(questions, lambda question: _retrieved(retriever, question))
    _show("ours", asked)
    _show(
        "words alone",
        _ask(questions, lambda question: _retrieved(Retriever(library=base, indexes=base, embedders={}), question)),
    )
    if not arguments.no_baselines:
        baselines = Baselines(base.texts, embedders[MINILM], cache)
        found = {question.id: baselines.ask(question.text) for question in questions}
        for name in ("dense", "words", "rrf"):
            outcomes = {
                key: Outcome(documents=each[name].documents, passages=each[name].passages)
                for key, each in found.items()
            }
            _show(f"baseline {name}", [(question, outcomes[question.id]) for question in questions])
    for name, named in (("titles", base.titles()), ("headings", base.headings())):
        _show(name, _ask(_sampled(named), lambda question: _retrieved(retriever, question)))
    if arguments.misses:
        _show_misses(asked)


def _sampled(names: Mapping[str, str]) -> list[Question]:
    """Up to so many names as questions, each answered by the document it is the name of."""
    chosen = random.Random(1).sample(sorted(names), min(NAMES, len(names)))
    return [
        Question(id=name, text=name.lower(), kind="name", needs=((GoldQuote(document=names[name], quote=""),),))
        for name in chosen
    ]


def _ask(questions: list[Question], ask: Callable[[Question], Outcome]) -> Asked:
    return [(question, ask(question)) for question in questions]


def _retrieved(retriever: Retriever, question: Question) -> Outcome:
    result = retriever.search(question.text, knowledge_bases=[BASE], top_k=RANKED)
    return Outcome(
        documents=list(dict.fromkeys(hit.document.path for hit in result.hits)),
        passages=[passage.text for passage in result.passages],
    )


def _show(name: str, asked: Asked) -> None:
    report = summarise(asked)
    halves = "   ".join(_short(summarise(half)) for half in (asked[::2], asked[1::2]))
    figures = (
        report.hit_at_1,
        report.hit_at_5,
        report.hit_at_10,
        report.mrr_at_10,
        report.ndcg_at_10,
        report.quote_recall,
    )
    print(f"{name:16}" + "".join(f"{figure:7.3f}" for figure in figures) + f"    {halves}", flush=True)


def _short(report: Report) -> str:
    return f"{report.hit_at_5:.3f} {report.mrr_at_10:.3f} {report.quote_recall:.3f}"


def _show_misses(asked: Asked) -> None:
    for question, outcome in asked:
        rank, quoted = cover_rank(question, outcome.documents), quotes_found(question, outcome.passages)
        if rank > 5 or not quoted:
            print(f"{question.id} rank {rank:g} quote {'found' if quoted else 'missing'}: {question.text}")


if __name__ == "__main__":
    main()
