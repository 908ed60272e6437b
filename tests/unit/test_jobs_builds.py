"""How builds are told as jobs."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from backend.jobs.events import JobNoted, Refusal, Stage
from backend.jobs.kinds import JobKind, Outcome, Steps
from backend.jobs.types import Job
from backend.knowledge_bases.jobs import BUILD, DELETE, EMBED, SKIPPED
from knowledge.events import (
    BuildEvent,
    BuildFinished,
    BuildNote,
    DocumentFailed,
    DocumentSkipped,
    StageProgress,
)
from knowledge.types import Scope
from tests.jobs import a_job

if TYPE_CHECKING:
    from backend.bootstrap import Container

FINISHED = BuildFinished(received=3, unchanged=1, indexed=1, failed=1, removed=0, embedded=9)


class FakeBuilder:
    """Yields what it was given, and remembers what it was asked and whether it was let go of."""

    def __init__(self, *events: BuildEvent) -> None:
        self.events = events
        self.asked: list[tuple[str, Collection[str] | None]] = []
        self.closed = False

    def build(
        self, scope: Scope, knowledge_base_id: str, source_ids: Collection[str] | None = None
    ) -> Iterator[BuildEvent]:
        self.asked.append((knowledge_base_id, source_ids))
        try:
            yield from self.events
        finally:
            self.closed = True

    def delete_base(self, knowledge_base_id: str) -> Iterator[BuildEvent]:
        self.asked.append((f"delete {knowledge_base_id}", None))
        yield from self.events


@dataclass(frozen=True, kw_only=True, slots=True)
class FakeContainer:
    """What builds work with."""

    ingestor: FakeBuilder


def run(builder: FakeBuilder, kind: JobKind[Any] = BUILD, job: Job | None = None, **arguments: object) -> Steps:
    container = cast("Container", FakeContainer(ingestor=builder))
    return kind.run(container, job or a_job(kind=kind.name), kind.arguments.model_validate(arguments))


def test_every_event_of_a_build_is_told() -> None:
    builder = FakeBuilder(
        StageProgress(stage="parsed", done=1, total=3, failed=1, last_error="broken"),
        DocumentFailed(path="a.pdf", code="unreadable_file", reason="It is encrypted."),
        DocumentSkipped(path="b.png", reason="pictures are not read"),
        BuildNote(message="7 pictures passed over"),
        FINISHED,
    )
    steps = list(run(builder, source_ids=["s"]))
    assert steps == [
        Stage(name="parsed", done=1, total=3, failed=1, last_error="broken"),
        Refusal(path="a.pdf", code="unreadable_file", reason="It is encrypted."),
        Refusal(path="b.png", code=SKIPPED, reason="pictures are not read"),
        JobNoted(message="7 pictures passed over"),
        Outcome(
            result={
                "received": 3,
                "unchanged": 1,
                "indexed": 1,
                "failed": 1,
                "removed": 0,
                "embedded": 9,
                "skipped": 1,
            }
        ),
    ]
    assert builder.asked == [("kb", ("s",))]


def test_an_attempt_that_goes_on_counts_what_was_done_before_it() -> None:
    """Documents an earlier attempt had written are not done again, and not forgotten either."""
    before = (
        Stage(name="received", done=10, total=10),
        Stage(name="parsed", done=5, total=10, failed=1, last_error="broken"),
        Stage(name="split", done=4, total=10, failed=1),
        Stage(name="words", done=2, total=4),
    )
    builder = FakeBuilder(
        StageProgress(stage="received", done=10, total=10),
        StageProgress(stage="parsed", done=0, total=6),
        StageProgress(stage="split", done=6, total=6),
        StageProgress(stage="words", done=6, total=6),
        StageProgress(stage="vectors:a", done=7, total=9),
    )
    assert list(run(builder, job=a_job(stages=before))) == [
        Stage(name="received", done=10, total=10),
        Stage(name="parsed", done=4, total=10, failed=1, last_error="broken"),
        Stage(name="split", done=10, total=10, failed=1),
        Stage(name="words", done=10, total=10),
        Stage(name="vectors:a", done=7, total=9),
    ]


def test_a_job_that_is_stopped_stops_the_build() -> None:
    builder = FakeBuilder(StageProgress(stage="parsed", done=1, total=3), FINISHED)
    steps = run(builder)
    next(steps)
    assert not builder.closed
    steps.close()
    assert builder.closed


def test_each_kind_asks_for_its_own() -> None:
    builder = FakeBuilder(FINISHED)
    for kind in (BUILD, EMBED, DELETE):
        list(run(builder, kind))
    assert builder.asked == [("kb", None), ("kb", ()), ("delete kb", None)]


def test_files_left_out_are_counted() -> None:
    skipped = (DocumentSkipped(path=f"{number}.png", reason="a picture") for number in range(150))
    steps = list(run(FakeBuilder(*skipped, FINISHED)))
    assert sum(isinstance(step, Refusal) for step in steps) == 150
    assert isinstance(steps[-1], Outcome)
    assert steps[-1].result["skipped"] == 150
