"""Follows a job from the terminal, doing it here when no worker runs."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from backend.bootstrap import Container
    from backend.jobs.ports import Job
    from knowledge.types import Scope

LOOK_EVERY_S = 0.25
LINE_EVERY_S = 5.0
CANCEL_WITHIN_S = 5.0
SHOWN_FAILURES = 20


def follow(container: Container, scope: Scope, job_id: str) -> Job:
    """The job when it has ended, its stages shown on the way. Ctrl-C cancels it."""
    with _somebody_works(container):
        try:
            return _watch(container, scope, job_id)
        except KeyboardInterrupt:
            with container.database.write() as connection:
                container.jobs.cancel(connection, scope, job_id)
            typer.echo("Cancelling …", err=True)
            _wait(container, scope, job_id, CANCEL_WITHIN_S)
            raise


def report_failures(job: Job) -> None:
    """Names on stderr the files that could not be used."""
    for failure in job.failures[-SHOWN_FAILURES:]:
        typer.echo(f"{failure.path}: {failure.reason}", err=True)
    if job.failure_count > SHOWN_FAILURES:
        typer.echo(f"… and {job.failure_count - SHOWN_FAILURES} more files could not be used.", err=True)


@contextmanager
def _somebody_works(container: Container) -> Iterator[None]:
    """A worker runs during this block: one that is there already, or one of our own in this process."""
    from backend.jobs.process import make_worker
    from backend.jobs.store import worker_alive

    with container.database.read() as connection:
        if worker_alive(connection):
            yield
            return
    worker = make_worker(container)
    worker.start()
    try:
        yield
    finally:
        worker.stop()


def _watch(container: Container, scope: Scope, job_id: str) -> Job:
    return _draw(container, scope, job_id) if sys.stderr.isatty() else _tell(container, scope, job_id)


def _jobs(container: Container, scope: Scope, job_id: str) -> Iterator[Job]:
    """The job as it is, again and again until it has ended."""
    from backend.jobs.ports import FINISHED

    while True:
        with container.database.read() as connection:
            job = container.jobs.get(connection, scope, job_id)
        yield job
        if job.status in FINISHED:
            return
        time.sleep(LOOK_EVERY_S)


def _draw(container: Container, scope: Scope, job_id: str) -> Job:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (
        TextColumn("{task.description:<28}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[pace]}"),
    )
    tasks: dict[str, TaskID] = {}
    with Progress(*columns, console=Console(stderr=True)) as progress:
        waiting: TaskID | None = progress.add_task("waiting for a worker", total=None, pace="")
        for job in _jobs(container, scope, job_id):
            if job.status != "queued" and waiting is not None:
                progress.remove_task(waiting)
                waiting = None
            _redraw(progress, tasks, job)
    return job


def _redraw(progress: Progress, tasks: dict[str, TaskID], job: Job) -> None:
    for stage in job.stages:
        if stage.name not in tasks:
            tasks[stage.name] = progress.add_task(stage.name, total=stage.total, pace="")
        pace = f"{stage.rate:.0f}/s, {stage.eta_s:.0f} s left" if stage.rate and stage.eta_s is not None else ""
        failed = f" {stage.failed} failed" if stage.failed else ""
        stuck = " (nothing heard of it lately)" if job.stuck else ""
        progress.update(
            tasks[stage.name], completed=stage.done, total=stage.total or None, pace=f"{pace}{failed}{stuck}"
        )


def _tell(container: Container, scope: Scope, job_id: str) -> Job:
    """For a log: a line every few seconds, when something has changed."""
    said, due = "", 0.0
    for job in _jobs(container, scope, job_id):
        line = ", ".join(f"{stage.name} {stage.done}/{stage.total}" for stage in job.stages) or job.status
        if line != said and (time.monotonic() >= due or job.finished_at is not None):
            typer.echo(line, err=True)
            said, due = line, time.monotonic() + LINE_EVERY_S
    return job


def _wait(container: Container, scope: Scope, job_id: str, timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    for _ in _jobs(container, scope, job_id):
        if time.monotonic() > deadline:
            return
