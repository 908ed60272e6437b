"""What each kind of job does, in the words of the job: builds, embeddings, deletions and evaluations."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, assert_never

from backend.jobs.claims import Claim
from backend.jobs.events import JobNoted, Refusal
from backend.jobs.execution import Handler, Outcome, Step
from backend.jobs.ports import JobKind
from backend.jobs.progress import StageCount
from knowledge.events import (
    BuildEvent,
    BuildFinished,
    BuildNote,
    DocumentFailed,
    DocumentSkipped,
    StageProgress,
)
from knowledge.types import Scope

if TYPE_CHECKING:
    from agents.runs import Runner

SHOWN_SKIPPED = 100


class Builder(Protocol):
    """What jobs ask of the knowledge floor's ingestor. Each generator may be closed at any yield and begun again."""

    def build(
        self, scope: Scope, knowledge_base_id: str, source_ids: Sequence[str] | None = None
    ) -> Generator[BuildEvent, None, None]:
        """Reads sources (None: all of the base) and makes everything of them searchable."""
        ...

    def embed(self, scope: Scope, knowledge_base_id: str) -> Generator[BuildEvent, None, None]:
        """Makes the vectors that are missing, those of the next embedders too, and switches to these when complete."""
        ...

    def delete_base(self, knowledge_base_id: str) -> Generator[BuildEvent, None, None]:
        """Removes everything a deleted base held."""
        ...


def make_handlers(builder: Builder, runner: Runner) -> Mapping[str, Handler]:
    """A handler for every kind of job."""

    def build(held: Claim) -> Generator[Step, None, None]:
        yield from _told(builder.build(held.scope, _base_of(held), held.arguments.get("source_ids")))

    def embed(held: Claim) -> Generator[Step, None, None]:
        yield from _told(builder.embed(held.scope, _base_of(held)))

    def delete(held: Claim) -> Generator[Step, None, None]:
        yield from _told(builder.delete_base(_base_of(held)))

    def evaluate(held: Claim) -> Generator[Step, None, None]:
        from backend.evaluation import measure_base
        from knowledge.evaluation import parse_question

        questions = [parse_question(row) for row in held.arguments["questions"]]
        for measured in measure_base(runner, _base_of(held), questions):
            yield StageCount(name="questions", done=measured.done, total=measured.total)
            if measured.report is not None:
                yield Outcome(result=measured.report)

    handlers: dict[JobKind, Handler] = {
        "build": build,
        "embed": embed,
        "delete_knowledge_base": delete,
        "evaluate": evaluate,
    }
    return dict(handlers)


def _base_of(held: Claim) -> str:
    assert held.knowledge_base_id is not None, f"a job of kind {held.kind} is always about a knowledge base"
    return held.knowledge_base_id


def _told(events: Generator[BuildEvent, None, None]) -> Generator[Step, None, None]:
    """The events of a build as steps of a job."""
    skipped = 0
    try:
        for event in events:
            match event:
                case StageProgress():
                    yield StageCount(
                        name=event.stage,
                        done=event.done,
                        total=event.total,
                        failed=event.failed,
                        last_error=event.last_error,
                    )
                case DocumentFailed():
                    yield Refusal(path=event.path, code=event.code, reason=event.reason)
                case DocumentSkipped():
                    skipped += 1
                    yield JobNoted(message=f"{event.path}: {event.reason}") if skipped <= SHOWN_SKIPPED else None
                case BuildNote():
                    yield JobNoted(message=event.message)
                case BuildFinished():
                    yield Outcome(result={**_counts(event), "skipped": skipped})
                case _:
                    assert_never(event)
    finally:
        events.close()


def _counts(event: BuildFinished) -> dict[str, int]:
    return {
        "received": event.received,
        "unchanged": event.unchanged,
        "indexed": event.indexed,
        "failed": event.failed,
        "removed": event.removed,
        "embedded": event.embedded,
    }
