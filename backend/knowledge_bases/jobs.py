"""The kinds of job that make knowledge bases: builds, embeddings and deletions, told in the words of a job."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from typing import assert_never

from backend.jobs.events import JobNoted, Refusal, Stage
from backend.jobs.kinds import Arguments, JobKind, JobParts, Outcome, Steps
from backend.jobs.types import Job
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

SKIPPED = "skipped_file"
"""The code of a file that was left out for what it is: a link, or a member that would leave its archive."""

_OWN_WORK = frozenset({PARSED, SPLIT, WORDS})
"""The stages that count what one attempt does; the others count what there is."""


class BuildArguments(Arguments):
    """The sources to sync; None: all of the base. `local`: the local user asks, on the command line."""

    source_ids: tuple[str, ...] | None = None
    local: bool = False


def _build(parts: JobParts, job: Job, given: BuildArguments) -> Steps:
    ingestor = parts.local_ingestor if given.local else parts.ingestor
    yield from _told(ingestor.build(job.scope, _base_of(job), given.source_ids), job.stages)


def _embed(parts: JobParts, job: Job, given: Arguments) -> Steps:
    yield from _told(parts.ingestor.build(job.scope, _base_of(job), ()), job.stages)


def _delete(parts: JobParts, job: Job, given: Arguments) -> Steps:
    yield from _told(parts.ingestor.delete_base(_base_of(job)))


BUILD = JobKind(name="build", arguments=BuildArguments, run=_build)
EMBED = JobKind(name="embed", arguments=Arguments, run=_embed)
"""Makes the vectors of the base's `next_embedders` beside the present ones, then switches."""
DELETE = JobKind(name="delete_knowledge_base", arguments=Arguments, run=_delete)


def _base_of(job: Job) -> str:
    assert job.knowledge_base_id is not None, f"a job of kind {job.kind} is always about a knowledge base"
    return job.knowledge_base_id


def _told(events: Iterator[BuildEvent], before: Sequence[Stage] = ()) -> Steps:
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


def _count(event: StageProgress, before: Stage | None, written: int) -> Stage:
    return Stage(
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
