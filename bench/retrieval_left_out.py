"""Leave one corpus out: weights of the ranking chosen on all the others and judged on it; the worst and the mean."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from bench.retrieval_memory import BASE, MemoryBase, VectorCache
from knowledge.embedding import create_embedders
from knowledge.evaluation import Outcome, Question, Report, read_questions, summarise
from knowledge.ports import Embedder, Vectors
from knowledge.retrieval.ranking import Weights
from knowledge.retrieval.retriever import Retriever
from knowledge.types import Language

RANKED = 50
CHOICES = [
    Weights(lexical=lexical, best_embedder=best, other_embedder=round(1 - lexical - best, 2), neighbour=neighbour)
    for (lexical, best), neighbour in product(((0.5, 0.3), (0.4, 0.35), (0.35, 0.4)), (0.0, 0.2))
]
"""Few and far apart: what only a finer choice brings would not hold on other documents."""

Asked = list[tuple[Question, Outcome]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Corpus:
    """Documents in memory with their questions, and what each choice of weights found."""

    name: str
    asked: Mapping[Weights, Asked]


class RememberedQueries:
    """An embedder that embeds each question once, however many weights it is asked with."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._known: dict[str, Vectors] = {}

    @property
    def name(self) -> str:
        return self._embedder.name

    @property
    def dimension(self) -> int:
        return self._embedder.dimension

    @property
    def languages(self) -> frozenset[Language]:
        return self._embedder.languages

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        return self._embedder.embed_documents(texts)

    def embed_query(self, text: str) -> Vectors:
        if text not in self._known:
            self._known[text] = self._embedder.embed_query(text)
        return self._known[text]


def leave_one_out(folders: Sequence[Path], cache: Path, work: Path) -> None:
    """Print one row for each folder left out, then the worst and the mean, then a row for each kind of question.

    The questions of a folder are the file beside it with `.questions.jsonl` after its name.
    """
    embedders = {name: RememberedQueries(embedder) for name, embedder in create_embedders().items()}
    vectors = VectorCache(cache / "vectors.sqlite")
    corpora = [_ask_all(folder, embedders, vectors, work / str(at)) for at, folder in enumerate(folders)]
    judged = []
    print(f"{'left out':28}  Hit@5    MRR  quote    weights chosen on the others")
    for corpus in corpora:
        others = [each for each in corpora if each is not corpus] or [corpus]
        chosen = max(CHOICES, key=lambda weights: sum(_goodness(summarise(each.asked[weights])) for each in others))
        judged.append(corpus.asked[chosen])
        shown = f"{chosen.lexical} {chosen.best_embedder} {chosen.other_embedder} {chosen.neighbour}"
        print(f"{corpus.name:28}{_figures(_row(corpus.asked[chosen]))}    {shown}")
    rows = [_row(asked) for asked in judged]
    print(f"{'worst':28}{_figures([min(column) for column in zip(*rows, strict=True)])}")
    print(f"{'mean':28}{_figures([sum(column) / len(rows) for column in zip(*rows, strict=True)])}")
    for kind, asked in sorted(_by_kind(judged).items()):
        print(f"{f'{kind} ({len(asked)})':28}{_figures(_row(asked))}")


def _ask_all(folder: Path, embedders: Mapping[str, Embedder], vectors: VectorCache, work: Path) -> Corpus:
    work.mkdir(parents=True, exist_ok=True)
    base = MemoryBase(folder, embedders, vectors, work)
    path = folder.with_name(f"{folder.name}.questions.jsonl")
    questions = [question for question in read_questions(path) if question.answerable]
    asked: dict[Weights, Asked] = {}
    for weights in CHOICES:
        retriever = Retriever(library=base, indexes=base, embedders=embedders, weights=weights)
        asked[weights] = [(question, _found(retriever, question)) for question in questions]
    return Corpus(name=folder.name, asked=asked)


def _found(retriever: Retriever, question: Question) -> Outcome:
    result = retriever.search(question.text, knowledge_bases=[BASE], top_k=RANKED)
    return Outcome(
        documents=list(dict.fromkeys(hit.document.path for hit in result.hits)),
        passages=[passage.text for passage in result.passages],
    )


def _by_kind(judged: Sequence[Asked]) -> dict[str, Asked]:
    kinds: defaultdict[str, Asked] = defaultdict(list)
    for question, outcome in (pair for asked in judged for pair in asked):
        kinds[question.kind or "other"].append((question, outcome))
    return kinds


def _goodness(report: Report) -> float:
    return report.hit_at_5 + report.mrr_at_10 + report.quote_recall


def _row(asked: Asked) -> list[float]:
    report = summarise(asked)
    return [report.hit_at_5, report.mrr_at_10, report.quote_recall]


def _figures(values: Sequence[float]) -> str:
    return "".join(f"{value:7.3f}" for value in values)
