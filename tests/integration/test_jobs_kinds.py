"""A kind of job of one's own: what it is stands in one place, and everything else takes it as it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.accounts.guard import LOCAL
from backend.bootstrap import Container
from backend.jobs.events import Stage
from backend.jobs.kinds import Arguments, JobKind, Outcome, Steps
from backend.jobs.types import Job
from backend.processes.worker import make_worker
from tests.api_client import api_client


class CompareArguments(Arguments):
    left: str
    right: str


def compare(container: Container, job: Job, given: CompareArguments) -> Steps:
    yield Stage(name="compared", done=1, total=1)
    yield Outcome(result={"same": given.left == given.right, "kinds": sorted(container.jobs.kinds)[:1]})


COMPARE = JobKind(name="compare", arguments=CompareArguments, run=compare)


def leave_what_is_no_json(container: Container, job: Job, given: Arguments) -> Steps:
    yield Outcome(result={"container": container})


ODD = JobKind(name="odd", arguments=Arguments, run=leave_what_is_no_json)


def test_a_job_whose_result_cannot_be_stored_fails(tmp_path: Path) -> None:
    with api_client(tmp_path / "data") as client:
        container: Container = client.app.state.container  # type: ignore[attr-defined]
        container.jobs.kinds[ODD.name] = ODD
        with container.database.write() as connection:
            job = container.jobs.enqueue(connection, LOCAL, "odd", {})
        worker = make_worker(container)
        worker.start()
        try:
            events = client.get(f"jobs/{job.id}/events").text
        finally:
            worker.stop()
    assert "event: job_failed" in events
    assert "internal_error" in events


def test_a_new_kind_of_job_is_checked_queued_done_and_shown(tmp_path: Path) -> None:
    with api_client(tmp_path / "data") as client:
        container: Container = client.app.state.container  # type: ignore[attr-defined]
        container.jobs.kinds[COMPARE.name] = COMPARE  # the one line of the registry
        with container.database.write() as connection:
            with pytest.raises(ValueError, match="right"):
                container.jobs.enqueue(connection, LOCAL, "compare", {"left": "a"})
            job = container.jobs.enqueue(connection, LOCAL, "compare", {"left": "a", "right": "a"})
        worker = make_worker(container)
        worker.start()
        try:
            events = client.get(f"jobs/{job.id}/events").text  # followed to its end
        finally:
            worker.stop()
        shown = client.get("jobs").json()["items"][0]
    assert (shown["kind"], shown["status"]) == ("compare", "succeeded")
    assert shown["result"] == {"same": True, "kinds": ["build"]}
    assert "event: job_succeeded" in events
