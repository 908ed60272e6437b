"""What each kind of job does, in the words of the job: builds, embeddings, deletions and evaluations."""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, assert_never

from backend.jobs.claims import Claim
from backend.jobs.events import JobNoted, Refusal, Stage
from backend.jobs.execution import Handler, Outcome, Step
from backend.jobs.ports import JobKind
from backend.jobs.progress import StageCount
from knowledge.errors import InvalidInput
from knowledge.events import (
    PARSED,
    SPLIT,
    WORDS,
    BuildEvent,
    BuildFinished,
    BuildNote,
    DocumentFailed,
    DocumentSkipped,
    StageProgress,
)
from knowledge.types import Scope

if TYPE_CHECKING:
    from backend.evaluation.measurement import Measured
    from knowledge.evaluation import Question

SKIPPED = "skipped_file"
"""The code of a file that was left out for what it is: a link, or a member that would leave its archive."""

_OWN_WORK = frozenset({PARSED, SPLIT, WORDS})
"""The stages that count what one attempt does; the others count what there is."""


class Builder(Protocol):
    """What jobs ask of the knowledge floor's ingestor. Each iterator may be dropped at any point and begun again."""

    def build(
        self, scope: Scope, knowledge_base_id: str, source_ids: Collection[str] | None = None
    ) -> Iterator[BuildEvent]:
        """Reads sources (None: all of the base), makes everything in the base searchable, and switches embedders when
        the next ones are complete."""
        ...

    def delete_base(self, knowledge_base_id: str) -> Iterator[BuildEvent]:
        """Removes everything a deleted base held."""
        ...


class Measure(Protocol):
    """Puts questions to a base of this id, and says after each how far it is."""

    def __call__(self, scope: Scope, base_id: str, questions: Sequence[Question], /) -> Iterator[Measured]: ...


def make_handlers(builder: Builder, measure: Measure) -> Mapping[str, Handler]:
    """A handler for every kind of job."""

    def build(held: Claim) -> Generator[Step, None, None]:
        events = builder.build(held.scope, _base_of(held), held.arguments.get("source_ids"))
        yield from _told(events, held.stages)

    def embed(held: Claim) -> Generator[Step, None, None]:
        yield from _told(builder.build(held.scope, _base_of(held), ()), held.stages)

    def delete(held: Claim) -> Generator[Step, None, None]:
        yield from _told(builder.delete_base(_base_of(held)))

    def evaluate(held: Claim) -> Generator[Step, None, None]:
        questions = _questions(held.arguments["questions"])
        for measured in measure(held.scope, _base_of(held), questions):
            yield StageCount(name="questions", done=measured.done, total=measured.total)
            if measured.report is not None:
                yield Outcome(result={**measured.report, "file": held.arguments.get("file", "")})

    handlers: dict[JobKind, Handler] = {
        "build": build,
        "embed": embed,
        "delete_knowledge_base": delete,
        "evaluate": evaluate,
    }
    return {str(kind): handler for kind, handler in handlers.items()}


def _questions(rows: Sequence[dict[str, Any]]) -> list[Question]:
    from knowledge.evaluation import parse_question

    questions = []
    for number, row in enumerate(rows, start=1):
        try:
            questions.append(parse_question(row))
        except (ValueError, TypeError, IndexError) as error:
            raise InvalidInput(f"Question {number} cannot be read: {error}") from error
    return questions


def _base_of(held: Claim) -> str:
    assert held.knowledge_base_id is not None, f"a job of kind {held.kind} is always about a knowledge base"
    return held.knowledge_base_id


def _told(events: Iterator[BuildEvent], before: Sequence[Stage] = ()) -> Generator[Step, None, None]:
    """The events of a build as steps of a job; `before` is how far its earlier attempts had come.

    A build counts what it does itself: of the documents that an earlier attempt is done with it knows nothing.
    """
    own = {stage.name: stage for stage in before if stage.name in _OWN_WORK}
    # What was parsed and not written is parsed again; what was written has its words before the first count comes.
    written = own[SPLIT].done if SPLIT in own else 0
    skipped = 0
    try:
        for event in events:
            match event:
                case StageProgress():
                    yield _count(event, own.get(event.stage), written if event.stage in _OWN_WORK else 0)
                case DocumentFailed():
                    yield Refusal(path=event.path, code=event.code, reason=event.reason)
                case DocumentSkipped():
                    skipped += 1
                    yield Refusal(path=event.path, code=SKIPPED, reason=event.reason)
                case BuildNote():
                    yield JobNoted(message=event.message)
                case BuildFinished():
                    yield Outcome(result={**_counts(event), "skipped": skipped})
                case _:
                    assert_never(event)
    finally:
        if isinstance(events, Generator):
            events.close()


def _count(event: StageProgress, before: Stage | None, written: int) -> StageCount:
    return StageCount(
        name=event.stage,
        done=event.done + written,
        total=event.total + written,
        failed=event.failed + (before.failed if before else 0),
        last_error=event.last_error or (before.last_error if before else ""),
    )


def _counts(event: BuildFinished) -> dict[str, int]:
    return {
        "received": event.received,
        "unchanged": event.unchanged,
        "indexed": event.indexed,
        "failed": event.failed,
        "removed": event.removed,
        "embedded": event.embedded,
    }
