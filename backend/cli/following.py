"""Follows a job from the terminal, doing it here when no worker runs."""

from __future__ import annotations

import sys
import time
from collections.abc import Generator, Iterator
from contextlib import closing
from types import TracebackType
from typing import TYPE_CHECKING, Self

import typer

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from backend.bootstrap import Container
    from backend.jobs.types import Job
    from backend.processes.worker import Worker
    from knowledge.events import StageProgress
    from knowledge.types import Scope

LOOK_EVERY_S = 0.25
LINE_EVERY_S = 5.0
CANCEL_WITHIN_S = 5.0
SHOWN_FAILURES = 20
SHOWN_NOTES = 20


def follow(container: Container, scope: Scope, job_id: str) -> Job:
    """The job when it has ended, its stages shown on the way. Ctrl-C cancels it."""
    with _Help(container) as help_:
        try:
            return _watch(container, scope, job_id, help_)
        except KeyboardInterrupt:
            with container.database.write() as connection:
                container.jobs.cancel(connection, scope, job_id)
            typer.echo("Cancelling …", err=True)
            _wait(container, scope, job_id, CANCEL_WITHIN_S)
            raise


def follow_here(steps: Generator[StageProgress, None, None]) -> dict[str, int]:
    """Lets this process do the steps, shown as they go; returns how many of each stage were done."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    done: dict[str, int] = {}
    tasks: dict[str, TaskID] = {}
    said = time.monotonic()
    columns = (TextColumn("{task.description:<28}"), BarColumn(), MofNCompleteColumn())
    console = Console(stderr=True)
    # Closed by Ctrl-C, too: what was begun is cleaned up before the process ends.
    with closing(steps), Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        for step in steps:
            done[step.stage] = step.done
            if step.stage not in tasks:
                tasks[step.stage] = progress.add_task(step.stage, total=step.total)
            progress.update(tasks[step.stage], completed=step.done, total=step.total or None)
            if not console.is_terminal and time.monotonic() - said > LINE_EVERY_S:
                typer.echo(f"{step.stage} {step.done}/{step.total}", err=True)
                said = time.monotonic()
    return done


def report_failures(job: Job) -> None:
    """Names on stderr the files that could not be used."""
    for failure in job.failures[-SHOWN_FAILURES:]:
        typer.echo(f"{failure.path}: {failure.reason}", err=True)
    if job.failure_count > SHOWN_FAILURES:
        typer.echo(f"… and {job.failure_count - SHOWN_FAILURES} more files could not be used.", err=True)


def report_notes(container: Container, scope: Scope, job: Job) -> None:
    """Says on stderr what a job noted: what of a document could not be read, what was passed over."""
    notes = list(_notes(container, scope, job.id))
    for message in notes[:SHOWN_NOTES]:
        typer.echo(message, err=True)
    if len(notes) > SHOWN_NOTES:
        typer.echo(f"… and {len(notes) - SHOWN_NOTES} more notes.", err=True)


def _notes(container: Container, scope: Scope, job_id: str) -> Iterator[str]:
    from backend.jobs.events import JobNoted

    after = 0
    with container.database.read() as connection:
        while events := container.jobs.events(connection, scope, job_id, after):
            yield from (each.event.message for each in events if isinstance(each.event, JobNoted))
            after = events[-1].id


class _Help:
    """A worker in this process, from the moment on when there is no other; one that was killed is none."""

    def __init__(self, container: Container) -> None:
        self._container = container
        self._worker: Worker | None = None

    def look(self) -> None:
        """Begin to work when nobody else does."""
        if self._worker is not None and self._worker.wait(0):  # its engine was deleted: a new one makes it again
            self._worker.stop()
            self._worker = None
        if self._worker is not None and self._worker.wait(0):  # its engine was deleted: a new one makes it again
            self._worker.stop()
            self._worker = None
        if self._worker is not None or self._others():
            return
        from backend.processes.worker import make_worker

        self._worker = make_worker(self._container)
        self._worker.start()

    def _others(self) -> bool:
        with self._container.database.read() as connection:
            return bool(self._container.processes.living(connection, "worker"))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._worker is not None:
            self._worker.stop()


def _watch(container: Container, scope: Scope, job_id: str, help_: _Help) -> Job:
    jobs = _jobs(container, scope, job_id, help_)
    return _draw(jobs) if sys.stderr.isatty() else _tell(jobs)


def _jobs(container: Container, scope: Scope, job_id: str, help_: _Help | None = None) -> Iterator[Job]:
    """The job as it is, again and again until it has ended."""
    from backend.jobs.types import FINISHED

    while True:
        if help_ is not None:
            help_.look()
        with container.database.read() as connection:
            job = container.jobs.get(connection, scope, job_id)
        yield job
        if job.status in FINISHED:
            return
        time.sleep(LOOK_EVERY_S)


def _draw(jobs: Iterator[Job]) -> Job:
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
        for job in jobs:
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


def _tell(jobs: Iterator[Job]) -> Job:
    """For a log: a line every few seconds, when something has changed."""
    said, due = "", 0.0
    for job in jobs:
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
