"""How good retrieval and answers are on a file of questions with known sources.

A question file holds one JSON object a line: `id`, `question`, `kind`, `answers` [{`doc`, `quote`}], `answer`, and
optional `alternatives` [{`doc`, `quote`, `replaces` or `for`: index or document of the answer it stands in for}].
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from knowledge.errors import InvalidInput
from knowledge.text.analysis import HAN, HAN_WEIGHT, stem, stop_words
from knowledge.types import Verdict

QUOTE_BUDGET_WORDS = 1500
ANSWER_WORDS = 150
ANSWER_SHARE = 0.7
RANKS = 10
MOST_OF_A_NAME = 200
"""So many documents of one name are compared with one that is named."""
_ROUNDING = 1e-6

_WORD = re.compile(rf"[{HAN}]|[^\s{HAN}]+")
_CONTENT = re.compile(rf"[{HAN}]+|[a-z0-9]+")
_MARKER = re.compile(r"\[\d+(?:[,\s]+\d+)*\]")


@dataclass(frozen=True, kw_only=True, slots=True)
class GoldQuote:
    """A place that answers: `document` is a path, `quote` stands in it word for word."""

    document: str
    quote: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """`needs` holds, for each thing an answer must cover, the places that cover it; none for an unanswerable one."""

    id: str
    text: str
    kind: str
    needs: tuple[tuple[GoldQuote, ...], ...]

    @property
    def answerable(self) -> bool:
        return bool(self.needs)


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What a system did with a question: distinct documents by rank, the passages it handed over, its answer.

    `verdict` is None when the system was not asked for an answer.
    """

    documents: Sequence[str]
    passages: Sequence[str]
    answer: str = ""
    verdict: Verdict | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """Means over a question file, 0..1. Retrieval and answer figures are over answerable questions.

    `answer_cover` counts what was quoted, whether told as answered or as closest. `answered_rate` is the share of
    answerable questions told "answered", `wrong_refusal_rate` of those told "nothing", `refusal_rate` of unanswerable
    ones told anything but "answered". All four are None when no answers were made.
    """

    questions: int
    unanswerable: int
    hit_at_1: float
    hit_at_5: float
    hit_at_10: float
    mrr_at_10: float
    ndcg_at_10: float
    quote_recall: float
    answer_cover: float | None
    answered_rate: float | None
    refusal_rate: float | None
    wrong_refusal_rate: float | None


def read_questions(path: Path) -> list[Question]:
    """The questions of a file in order. Raises InvalidInput naming the line that cannot be read."""
    questions = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if line.strip():
            try:
                questions.append(read_question(line))
            except (ValueError, TypeError, IndexError) as error:
                raise InvalidInput(f"Line {number} of {path.name} is not a question: {error}") from error
    return questions


def read_question(line: str) -> Question:
    """The question that a line of JSON holds. Raises ValueError, TypeError or IndexError."""
    try:
        return parse_question(json.loads(line))
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def parse_question(row: Any) -> Question:
    """The question that one object of a question file holds. Raises ValueError, TypeError or IndexError."""
    if not isinstance(row, dict):
        raise TypeError("it is not an object.")
    answers = [_evidence(each) for each in row.get("answers", [])]
    needs = [[answer] for answer in answers]
    for each in row.get("alternatives", []) if answers else []:
        needs[_index_replaced(each, answers)].append(_evidence(each))
    return Question(
        id=_field(row, "id"),
        text=_field(row, "question"),
        kind=str(row.get("kind", "")),
        needs=tuple(tuple(need) for need in needs),
    )


def located(questions: Sequence[Question], paths: Iterable[str]) -> tuple[list[Question], list[str]]:
    """The questions with each document under the path it has among `paths`, and those documents that are not there.

    A file of questions may have been written for a folder above or below the one that was read: a document is also
    found under a path that has leading folders more, less or others, where only one path fits, or where most of the
    documents agree on the folder.
    """
    by_name: dict[str, list[str]] = {}
    for path in paths:
        by_name.setdefault(_parts(path)[-1], []).append(path)
    named = dict.fromkeys(each.document for question in questions for need in question.needs for each in need)
    there = {document: _same(document, by_name.get(_parts(document)[-1], ())) for document in named}
    if not all(there.values()):
        folders = _folders(named, by_name)
        there = {document: path or _moved(document, folders, by_name) for document, path in there.items()}
    moved = [
        replace(
            question,
            needs=tuple(
                tuple(replace(each, document=there[each.document] or each.document) for each in need)
                for need in question.needs
            ),
        )
        for question in questions
    ]
    return moved, [document for document, path in there.items() if path is None]


def evaluate(questions: Iterable[Question], ask: Callable[[Question], Outcome]) -> Report:
    """Put every question to `ask` and average what came back."""
    return summarise([(question, ask(question)) for question in questions])


def summarise(asked: Sequence[tuple[Question, Outcome]]) -> Report:
    """The report on questions already put."""
    answerable = [pair for pair in asked if pair[0].answerable]
    ranks = [cover_rank(question, outcome.documents) for question, outcome in answerable]
    told = [(question, outcome) for question, outcome in answerable if outcome.verdict is not None]
    unanswerable = [outcome for question, outcome in asked if not question.answerable]
    said = [outcome for outcome in unanswerable if outcome.verdict is not None]
    return Report(
        questions=len(answerable),
        unanswerable=len(unanswerable),
        hit_at_1=_mean(rank <= 1 for rank in ranks),
        hit_at_5=_mean(rank <= 5 for rank in ranks),
        hit_at_10=_mean(rank <= 10 for rank in ranks),
        mrr_at_10=_mean(1 / rank if rank <= RANKS else 0.0 for rank in ranks),
        ndcg_at_10=_mean(ndcg(question, outcome.documents) for question, outcome in answerable),
        quote_recall=_mean(quotes_found(question, outcome.passages) for question, outcome in answerable),
        answer_cover=_mean(answer_covers(question, outcome.answer) for question, outcome in told) if told else None,
        answered_rate=_mean(outcome.verdict == "answered" for _, outcome in told) if told else None,
        refusal_rate=_mean(outcome.verdict != "answered" for outcome in said) if said else None,
        wrong_refusal_rate=_mean(outcome.verdict == "nothing" for _, outcome in told) if told else None,
    )


def cover_rank(question: Question, documents: Sequence[str]) -> float:
    """The rank at which the documents seen so far cover everything the question needs; infinite when they never do."""
    return max((_need_rank(need, documents) for need in question.needs), default=math.inf)


def ndcg(question: Question, documents: Sequence[str]) -> float:
    """nDCG@10 with one gain for each thing needed, at the first document that covers it."""
    ranks = [_need_rank(need, documents) for need in question.needs]
    gained = sum(1 / math.log2(1 + rank) for rank in ranks if rank <= RANKS)
    return min(1.0, gained / sum(1 / math.log2(2 + index) for index in range(len(ranks))))


def quotes_found(question: Question, passages: Sequence[str], budget: float = QUOTE_BUDGET_WORDS) -> bool:
    """Whether, for each thing needed, one of its quotes stands in the passages cut to `budget` words."""
    texts = [_folded(text) for text in within(passages, budget)]
    return all(any(_folded(each.quote) in text for each in need for text in texts) for need in question.needs)


def answer_covers(question: Question, answer: str) -> float:
    """The share of needs whose quote's content words stand to 70 % in the first 150 words of the answer."""
    said = content_words(" ".join(within([_MARKER.sub(" ", answer)], ANSWER_WORDS)))
    return _mean(any(_covers(said, each.quote) for each in need) for need in question.needs)


def within(passages: Sequence[str], budget: float) -> list[str]:
    """Passages in order until the budget of words is full, the last one cut; a Han character counts 0.6."""
    kept: list[str] = []
    for passage in passages:
        end = 0
        for match in _WORD.finditer(passage):
            budget -= HAN_WEIGHT if re.match(f"[{HAN}]", match.group()) else 1
            if budget < -_ROUNDING:
                return [*kept, passage[:end]]
            end = match.end()
        kept.append(passage)
    return kept


def content_words(text: str) -> frozenset[str]:
    """Latin words in lower case, stemmed, without stop words; Han text as bigrams."""
    words: set[str] = set()
    for piece in _CONTENT.findall(text.lower()):
        if re.match(f"[{HAN}]", piece):
            words.update(piece[index : index + 2] for index in range(max(1, len(piece) - 1)))
        elif piece not in stop_words():
            words.add(stem(piece))
    return frozenset(words)


def _covers(said: frozenset[str], quote: str) -> bool:
    wanted = content_words(quote)
    return bool(wanted) and len(wanted & said) >= ANSWER_SHARE * len(wanted)


def _same(document: str, paths: Sequence[str]) -> str | None:
    """Of paths with the name of a document the one that is meant by it, if any."""
    if document in paths:
        return document
    wanted = _parts(document)
    fitting = [path for path in paths if _end_alike(wanted, _parts(path))]
    return fitting[0] if len(fitting) == 1 else None


def _folders(named: Iterable[str], by_name: Mapping[str, Sequence[str]]) -> tuple[str, str] | None:
    """The leading folder of the documents named and the one that the base has in its place: those that more documents
    agree on than on any others, and two at least."""
    votes: Counter[tuple[str, str]] = Counter()
    for document in named:
        for path in by_name.get(_parts(document)[-1], ())[:MOST_OF_A_NAME]:
            votes[_heads(_parts(document), _parts(path))] += 1
    ranked = [*votes.most_common(2), (("", ""), 1)]
    return ranked[0][0] if ranked[0][1] > ranked[1][1] else None


def _moved(document: str, folders: tuple[str, str] | None, by_name: Mapping[str, Sequence[str]]) -> str | None:
    """The path of a document once its leading folder is exchanged, if the base has that."""
    if folders is None or not document.startswith(folders[0]):
        return None
    path = f"{folders[1]}{document.removeprefix(folders[0])}"
    return path if path in by_name.get(_parts(document)[-1], ()) else None


def _heads(one: Sequence[str], other: Sequence[str]) -> tuple[str, str]:
    """What is left of two paths before the end that they share, each with its last slash."""
    shared = 0
    for mine, theirs in zip(reversed(one), reversed(other), strict=False):
        if mine != theirs:
            break
        shared += 1
    heads = ("".join(f"{part}/" for part in parts[: len(parts) - shared]) for parts in (one, other))
    return next(heads), next(heads)


def _end_alike(one: Sequence[str], other: Sequence[str]) -> bool:
    """Whether the shorter is the end of the longer."""
    return all(mine == theirs for mine, theirs in zip(reversed(one), reversed(other), strict=False))


def _parts(path: str) -> list[str]:
    return path.split("/")


def _index_replaced(alternative: dict[str, Any], answers: Sequence[GoldQuote]) -> int:
    """Which answer an alternative stands in for: named by its index or by its document; the first when not named."""
    named = alternative.get("replaces", alternative.get("for", 0))
    return named if isinstance(named, int) else [answer.document for answer in answers].index(str(named))


def _evidence(row: dict[str, Any]) -> GoldQuote:
    return GoldQuote(document=_field(row, "doc"), quote=_field(row, "quote"))


def _field(row: dict[str, Any], name: str) -> str:
    if name not in row:
        raise ValueError(f"it has no {name!r}.")
    return str(row[name])


def _need_rank(need: Sequence[GoldQuote], documents: Sequence[str]) -> float:
    wanted = {each.document for each in need}
    return next((rank for rank, document in enumerate(documents, start=1) if document in wanted), math.inf)


def _folded(text: str) -> str:
    return " ".join(text.split())


def _mean(values: Iterable[float]) -> float:
    listed = list(values)
    return sum(listed) / len(listed) if listed else 0.0
