"""Measures a knowledge base with questions whose answers are known, through the very pipeline that answers users."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any

from agents.events import Retrieved, RunFailed, RunFinished
from agents.phases.context import RunContext
from agents.phases.spec import RunSpec
from agents.runner import Runner
from backend.errors import BackendError
from knowledge.evaluation import Outcome, Question, answer_covers, cover_rank, located, quotes_found, summarise
from knowledge.ids import new_id
from knowledge.storage.database import Database
from knowledge.storage.documents import document_paths
from knowledge.types import Scope


class WrongDocuments(BackendError):
    """The questions are about other documents than those of the base, so that the figures would mean nothing."""

    code = "wrong_documents"


class QuestionFailed(BackendError):
    """A question could not be put, so that the figures would mean nothing."""

    code = "question_failed"


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """How many questions have been put; `report` is the whole of it once `done` is `total`, as EvaluationReport."""

    done: int
    total: int
    report: dict[str, Any] | None = None


def measure_base(
    database: Database, runner: Runner, scope: Scope, base_id: str, questions: Sequence[Question]
) -> Generator[Measured, None, None]:
    """Puts each question to the base, without a model, and yields after each.

    Raises WrongDocuments when the base holds none of the documents that the questions name, and QuestionFailed.
    """
    questions, unknown = _located(database, base_id, questions)
    asked: list[tuple[Question, Outcome]] = []
    with asyncio.Runner() as loop:
        for question in questions:
            asked.append((question, loop.run(_put(runner, scope, base_id, question))))
            if len(asked) < len(questions):
                yield Measured(done=len(asked), total=len(questions))
    yield Measured(done=len(asked), total=len(asked), report={**_report(asked), "unknown_documents": unknown})


def _located(
    database: Database, base_id: str, questions: Sequence[Question]
) -> tuple[Sequence[Question], Sequence[str]]:
    with database.read() as connection:
        paths = document_paths(connection, base_id)
    found, unknown = located(questions, paths)
    named = {each.document for question in questions for need in question.needs for each in need}
    if named and len(unknown) == len(named):
        raise WrongDocuments(
            f"The knowledge base holds none of the {len(named)} documents that the questions name, such as "
            f"{unknown[0]!r}. Choose the base these questions are about; `doc` is the path of a document there."
        )
    return found, unknown


async def _put(runner: Runner, scope: Scope, base_id: str, question: Question) -> Outcome:
    spec = RunSpec(question=question.text, scope=scope, knowledge_bases=(base_id,), model="none")
    context = RunContext(run_id=new_id(), thread_id="", spec=spec, knowledge_bases=spec.knowledge_bases)
    retrieved: Retrieved | None = None
    finished: RunFinished | None = None
    async for event in runner.run(context, asyncio.Event()):
        match event:
            case Retrieved():
                retrieved = event
            case RunFinished():
                finished = event
            case RunFailed():
                raise QuestionFailed(f"The question {question.id!r} could not be put: {event.message}")
            case _:
                continue
    hits = sorted(retrieved.hits, key=lambda hit: hit.rank) if retrieved else []
    return Outcome(
        documents=list(dict.fromkeys(hit.path for hit in hits)),
        passages=[passage.text for passage in retrieved.passages] if retrieved else [],
        answer=finished.text if finished else "",
        refused=not (finished and finished.answered),
    )


def _report(asked: Sequence[tuple[Question, Outcome]]) -> dict[str, Any]:
    found = summarise(asked)
    return {
        "count": found.questions,
        "unanswerable_count": found.unanswerable,
        "hit_at_1": found.hit_at_1,
        "hit_at_5": found.hit_at_5,
        "hit_at_10": found.hit_at_10,
        "mrr_at_10": found.mrr_at_10,
        "ndcg_at_10": found.ndcg_at_10,
        "quote_recall": found.quote_recall,
        "answer_cover": found.answer_cover or 0.0,
        "refusal_rate": found.refusal_rate,
        "wrong_refusal_rate": found.wrong_refusal_rate or 0.0,
        "per_question": [_row(question, outcome) for question, outcome in asked],
    }


def _row(question: Question, outcome: Outcome) -> dict[str, Any]:
    rank = cover_rank(question, outcome.documents) if question.answerable else math.inf
    return {
        "id": question.id,
        "question": question.text,
        "kind": question.kind,
        "answerable": question.answerable,
        "rank": None if math.isinf(rank) else int(rank),
        "quotes_found": quotes_found(question, outcome.passages) if question.answerable else None,
        "answer_cover": answer_covers(question, outcome.answer) if question.answerable else None,
        "refused": outcome.refused,
        "documents": list(outcome.documents[:10]),
    }
