"""How good answers without a language model are on folders of documents and files of questions.

python -m bench answers FOLDER QUESTIONS_FILE [FOLDER QUESTIONS_FILE …] [--cache FOLDER] [--misses]

Cover and refusals are as knowledge/evaluation.py defines them, on the text a reader sees. "never refusing" is the cover
of the same quotations when none is withheld; "at best" is what the passages handed over would allow in 150 words.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from agents.answering.quoting import quote
from bench.retrieval_memory import BASE, MemoryBase, VectorCache
from knowledge.answering import Answerer
from knowledge.answering.answerer import extract
from knowledge.answering.units import cut_units
from knowledge.embedding import BUILT_IN, create_embedders
from knowledge.evaluation import (
    ANSWER_SHARE,
    ANSWER_WORDS,
    Outcome,
    Question,
    answer_covers,
    content_words,
    read_questions,
    summarise,
)
from knowledge.ports import Embedder
from knowledge.retrieval.retriever import Retriever, SearchResult
from knowledge.splitting.markdown_blocks import markdown_blocks
from knowledge.text.analysis import count_words
from knowledge.text.markup import front_matter
from knowledge.types import AnswerSegment


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """A question, what was said and how long that took, and the covers of the same with no refusal and at best.

    `headed`: for each citation whether its heading is the one that the document has above the quoted text. `first`:
    whether the first place quoted covers the gold quote. `words` quoted from how many `places`.
    """

    question: Question
    outcome: Outcome
    seconds: float
    unrefused: float
    ceiling: float
    headed: list[bool]
    first: bool
    words: float
    places: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pairs", type=Path, nargs="+", metavar="CORPUS QUESTIONS")
    parser.add_argument("--cache", type=Path, help="where the vectors of chunks are kept for the next run")
    parser.add_argument("--misses", action="store_true", help="name the questions whose answer does not cover")
    arguments = parser.parse_args()
    if len(arguments.pairs) % 2:
        parser.error("give each folder a file of questions")
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    embedders = create_embedders()
    asked: list[list[Asked]] = []
    for corpus, questions in zip(arguments.pairs[::2], arguments.pairs[1::2], strict=True):
        with tempfile.TemporaryDirectory() as work:
            cache = VectorCache((arguments.cache or Path(work)) / "vectors.sqlite")
            base = MemoryBase(corpus, embedders, cache, Path(work))
            retriever = Retriever(library=base, indexes=base, embedders=embedders)
            asked.append(
                [
                    _ask(retriever, base, embedders[BUILT_IN[0]], embedders[BUILT_IN[1]], each)
                    for each in read_questions(questions)
                ]
            )
        _show(corpus.name, asked[-1], misses=arguments.misses)


def _ask(retriever: Retriever, base: MemoryBase, embedder: Embedder, reader: Embedder, question: Question) -> Asked:
    result = retriever.search(question.text, knowledge_bases=[BASE])
    began = time.perf_counter()
    answer = Answerer(embedder, reader).answer(question.text, result)
    seconds = time.perf_counter() - began
    citations = quote(answer.segments, result.passages, ()).citations
    right = [each.heading_path == heading_in(base.texts[each.document_id], each.path, each.start) for each in citations]
    return Asked(
        question=question,
        headed=right,
        first=_said_first(question, answer.segments, result),
        words=sum(count_words(each.text) for each in answer.segments if not each.left),
        places=len({(each.document_id, each.heading_path) for each in citations}),
        outcome=Outcome(documents=[], passages=[], answer=_set(answer.segments, result), verdict=answer.verdict),
        seconds=seconds,
        unrefused=answer_covers(question, _set(extract(question.text, result, embedder, ANSWER_WORDS, reader), result)),
        ceiling=_ceiling(question, result),
    )


def heading_in(text: str, path: str, offset: int) -> tuple[str, ...]:
    """The headings that a document of Markdown has above an offset, read from the whole of it."""
    if not path.lower().endswith((".md", ".markdown", ".mdx", ".html", ".htm", ".docx")):
        return ()
    above: tuple[str, ...] = ()
    for block in markdown_blocks(text, front_matter(text)[1]):
        if block.start > offset:
            break
        above = block.heading_path
    return above


def _said_first(question: Question, segments: Sequence[AnswerSegment], result: SearchResult) -> bool:
    place = [(each.number, each.heading_path) for each in segments]
    first = [each for each, own in zip(segments, place, strict=True) if own == place[0]]
    return question.answerable and answer_covers(question, _set(first, result)) == 1


def _set(segments: Sequence[AnswerSegment], result: SearchResult) -> str:
    return "".join(quote(segments, result.passages, ()).pieces)


def _ceiling(question: Question, result: SearchResult) -> float:
    """The share of needs that units of the passages could cover in 150 words, picked with the quote in hand."""
    units = [(unit.words, content_words(unit.text)) for passage in result.passages for unit in cut_units(passage)]
    covered = 0
    for need in question.needs:
        room = ANSWER_WORDS / len(question.needs)
        covered += any(_reachable(content_words(each.quote), units, room) for each in need)
    return covered / max(1, len(question.needs))


def _reachable(wanted: frozenset[str], units: Sequence[tuple[float, frozenset[str]]], room: float) -> bool:
    missing = set(wanted)
    while missing:
        fitting = [each for each in units if each[0] <= room]
        words, held = max(fitting, key=lambda each: (len(missing & each[1]), -each[0]), default=(0.0, frozenset()))
        if not missing & held:
            break
        missing -= held
        room -= words
    return bool(wanted) and len(wanted) - len(missing) >= ANSWER_SHARE * len(wanted)


def _show(name: str, asked: Sequence[Asked], *, misses: bool) -> None:
    report = summarise([(each.question, each.outcome) for each in asked])
    answerable = [each for each in asked if each.question.answerable]
    halves = " ".join(
        f"{summarise([(each.question, each.outcome) for each in half]).answer_cover:.3f}"
        for half in (answerable[::2], answerable[1::2])
    )
    headed = [each for one in asked for each in one.headed]
    full = [each for each in answerable if answer_covers(each.question, each.outcome.answer) == 1]
    facts = [each.words for each in answerable if each.question.kind == "factoid"] or [0.0]
    print(f"  told answered {report.answered_rate:.3f}; headings right {sum(headed)} of {len(headed)} citations")
    print(
        f"  words quoted for a factoid {median(facts):.0f}, places {median(each.places for each in answerable):.0f}, "
        f"gold quote in the first place {sum(each.first for each in full) / max(1, len(full)):.3f}"
    )
    times = sorted(each.seconds for each in asked)
    print(f"{name}: {report.questions} answerable questions, {report.unanswerable} not")
    print(f"  cover {report.answer_cover:.3f} (halves {halves})")
    print(f"  cover never refusing {sum(each.unrefused for each in answerable) / len(answerable):.3f}")
    print(f"  cover at best {sum(each.ceiling for each in answerable) / len(answerable):.3f}")
    print(
        f"  unanswerable not told answered {report.refusal_rate or 0:.3f}, "
        f"answerable told nothing {report.wrong_refusal_rate:.3f}"
    )
    print(
        f"  seconds a question: median {times[len(times) // 2]:.3f}, p95 {times[int(len(times) * 0.95)]:.3f}",
        flush=True,
    )
    for each in asked if misses else ():
        cover = answer_covers(each.question, each.outcome.answer) if each.question.answerable else 0.0
        if cover < 1 if each.question.answerable else each.outcome.verdict == "answered":
            said = f"{each.outcome.verdict}, cover {cover:.1f}, at best {each.ceiling:.1f}"
            print(f"    {each.question.id} {each.question.kind} {said}: {each.question.text}")


if __name__ == "__main__":
    main()
