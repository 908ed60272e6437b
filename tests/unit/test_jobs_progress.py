"""The count kept of a running job."""

from __future__ import annotations

from backend.jobs.events import FileRefused, JobNoted, Refusal, Stage
from backend.jobs.progress import SHOWN_FAILURES, Progress
from tests.clock import Clock
from tests.jobs import a_job


def refusal(path: str, reason: str = "broken") -> Refusal:
    return Refusal(path=path, code="unreadable_file", reason=reason)


def test_rate_and_time_left_follow_the_clock() -> None:
    clock = Clock()
    progress = Progress(a_job(), clock)
    for second in range(5):
        clock.now = float(second)
        progress.count(Stage(name="parsed", done=second * 10, total=100))
    (stage,) = progress.stages()
    assert (stage.rate, stage.eta_s) == (10.0, 6.0)


def test_nothing_is_said_of_a_rate_while_it_is_unknown_or_no_longer_matters() -> None:
    clock = Clock()
    progress = Progress(a_job(), clock)
    progress.count(Stage(name="parsed", done=0, total=4))
    assert progress.stages()[0].rate is None
    clock.now = 2.0
    progress.count(Stage(name="parsed", done=4, total=4))
    assert progress.stages()[0] == Stage(name="parsed", done=4, total=4)


def test_stages_keep_the_order_they_came_in() -> None:
    progress = Progress(a_job())
    for name in ("received", "parsed", "words", "parsed"):
        progress.count(Stage(name=name, done=1, total=2))
    assert [stage.name for stage in progress.stages()] == ["received", "parsed", "words"]


def test_the_same_count_again_changes_nothing() -> None:
    progress = Progress(a_job())
    progress.count(Stage(name="parsed", done=1, total=2))
    progress.take_events()
    progress.count(Stage(name="parsed", done=1, total=2))
    assert not progress.changed


def test_a_file_refused_twice_counts_once_and_is_told_once() -> None:
    progress = Progress(a_job())
    progress.refuse(refusal("a.pdf"))
    progress.refuse(refusal("a.pdf", "still broken"))
    assert progress.failure_count == 1
    assert progress.failures() == (refusal("a.pdf", "still broken"),)
    assert progress.take_events() == [FileRefused(refusal=refusal("a.pdf"))]
    assert progress.take_events() == []


def test_an_attempt_goes_on_from_what_the_last_one_counted() -> None:
    progress = Progress(
        a_job(stages=(Stage(name="parsed", done=3, total=9),), failures=(refusal("a.pdf"),), failure_count=1)
    )
    progress.refuse(refusal("a.pdf"))
    progress.refuse(refusal("b.pdf"))
    assert progress.failure_count == 2
    assert [stage.done for stage in progress.stages()] == [3]


def test_only_the_last_refusals_are_shown_but_all_are_counted() -> None:
    progress = Progress(a_job())
    for number in range(SHOWN_FAILURES + 5):
        progress.refuse(refusal(f"{number}.pdf"))
    assert progress.failure_count == SHOWN_FAILURES + 5
    assert progress.failures()[0].path == "5.pdf"


def test_notes_are_told_in_order_with_refusals() -> None:
    progress = Progress(a_job())
    progress.note(JobNoted(message="7 pictures passed over"))
    progress.refuse(refusal("a.pdf"))
    assert [event.kind for event in progress.take_events()] == ["job_noted", "file_refused"]
