"""How builds are told as jobs."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

import pytest

from backend.evaluation.measurement import Measured
from backend.jobs.claims import Claim
from backend.jobs.events import JobNoted, Refusal, Stage
from backend.jobs.execution import Outcome
from backend.jobs.handlers import SKIPPED, make_handlers
from backend.jobs.ports import JobKind
from backend.jobs.progress import StageCount
from knowledge.errors import InvalidInput
from knowledge.evaluation import Question
from knowledge.events import (
    BuildEvent,
    BuildFinished,
    BuildNote,
    DocumentFailed,
    DocumentSkipped,
    StageProgress,
)
from knowledge.types import Scope

ME = Scope(workspace_id="w", user_id="me")
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


def no_measure(scope: Scope, base_id: str, questions: Sequence[Question], /) -> Iterator[Measured]:
    raise AssertionError("nothing is to be measured")


def claim(kind: JobKind, **arguments: object) -> Claim:
    return Claim(job_id="j", attempt=1, worker_id="w", kind=kind, knowledge_base_id="kb", arguments=arguments, scope=ME)


def test_every_event_of_a_build_is_told() -> None:
    builder = FakeBuilder(
        StageProgress(stage="parsed", done=1, total=3, failed=1, last_error="broken"),
        DocumentFailed(path="a.pdf", code="unreadable_file", reason="It is encrypted."),
        DocumentSkipped(path="b.png", reason="pictures are not read"),
        BuildNote(message="7 pictures passed over"),
        FINISHED,
    )
    steps = list(make_handlers(builder, no_measure)["build"](claim("build", source_ids=["s"])))
    assert steps == [
        StageCount(name="parsed", done=1, total=3, failed=1, last_error="broken"),
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
    assert builder.asked == [("kb", ["s"])]


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
    resumed = replace(claim("build"), stages=before)
    assert list(make_handlers(builder, no_measure)["build"](resumed)) == [
        StageCount(name="received", done=10, total=10),
        StageCount(name="parsed", done=4, total=10, failed=1, last_error="broken"),
        StageCount(name="split", done=10, total=10, failed=1),
        StageCount(name="words", done=10, total=10),
        StageCount(name="vectors:a", done=7, total=9),
    ]


def test_a_job_that_is_stopped_stops_the_build() -> None:
    builder = FakeBuilder(StageProgress(stage="parsed", done=1, total=3), FINISHED)
    steps = make_handlers(builder, no_measure)["build"](claim("build"))
    next(steps)
    assert not builder.closed
    steps.close()
    assert builder.closed


def test_each_kind_asks_for_its_own() -> None:
    builder = FakeBuilder(FINISHED)
    handlers = make_handlers(builder, no_measure)
    for kind in ("build", "embed", "delete_knowledge_base"):
        list(handlers[kind](claim(kind)))
    assert builder.asked == [("kb", None), ("kb", ()), ("delete kb", None)]


def test_files_left_out_are_counted() -> None:
    skipped = (DocumentSkipped(path=f"{number}.png", reason="a picture") for number in range(150))
    steps = list(make_handlers(FakeBuilder(*skipped, FINISHED), no_measure)["build"](claim("build")))
    assert sum(isinstance(step, Refusal) for step in steps) == 150
    assert isinstance(steps[-1], Outcome)
    assert steps[-1].result["skipped"] == 150


def test_a_question_that_is_none_is_named() -> None:
    handlers = make_handlers(FakeBuilder(), no_measure)
    good = {"id": "1", "question": "Why?"}
    with pytest.raises(InvalidInput, match="Question 2"):
        list(handlers["evaluate"](claim("evaluate", questions=[good, {"question": "no id"}])))


def test_a_report_names_its_file() -> None:
    asked: list[tuple[str, list[str]]] = []

    def measure(scope: Scope, base_id: str, questions: Sequence[Question], /) -> Iterator[Measured]:
        asked.append((base_id, [question.id for question in questions]))
        yield Measured(done=0, total=1)
        yield Measured(done=1, total=1, report={"count": 1})

    job = claim("evaluate", questions=[{"id": "1", "question": "Why?"}], file="questions.jsonl")
    assert list(make_handlers(FakeBuilder(), measure)["evaluate"](job)) == [
        StageCount(name="questions", done=0, total=1),
        StageCount(name="questions", done=1, total=1),
        Outcome(result={"count": 1, "file": "questions.jsonl"}),
    ]
    assert asked == [("kb", ["1"])]
