"""A worker process for tests: its jobs count to `to` in steps of `step_s`, and keep count in a file as they go.

python -m tests.counting_worker DATABASE_URL FOLDER
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from backend.jobs.engine import engine_url
from backend.jobs.events import Stage
from backend.jobs.kinds import Arguments, JobKind, Outcome, Steps
from backend.jobs.queue import JobQueue
from backend.jobs.types import Job
from backend.processes.identity import this_process
from backend.processes.registry import ProcessRegistry
from backend.processes.worker import Worker, WorkerOptions
from knowledge.storage.database import Database


class CountArguments(Arguments):
    """Up to where, how fast, in which file; at `dies_at` the process ends and the count begins anew. Where it has got
    to `silent_at`, it waits without a word until a file of this job's name with `.go` is there."""

    name: str
    to: int
    step_s: float
    dies_at: int | None = None
    silent_at: int | None = None


def count(folder: Any, job: Job, given: CountArguments) -> Steps:
    """Goes on from what the file says; a number is in the file once it is counted, however often we are killed."""
    with (Path(folder) / given.name).open("a+") as file:
        file.seek(0)
        reached = len(file.read().split())
        for number in range(reached, given.to):
            yield Stage(name="counted", done=number, total=given.to)
            time.sleep(given.step_s)
            while given.silent_at == number and not (Path(folder) / f"{given.name}.go").exists():
                time.sleep(0.02)
            file.write(f"{number}\n")
            file.flush()
            if given.dies_at == number:
                file.truncate(0)
                os._exit(9)
    yield Stage(name="counted", done=given.to, total=given.to)
    yield Outcome(result={"counted": given.to, "resumed_at": reached})


COUNT = JobKind(name="count", arguments=CountArguments, run=count)


def counting_queue() -> JobQueue:
    """A queue that knows this kind of job and no other."""
    return JobQueue([COUNT], ProcessRegistry(this_process("api")))


def main(url: str, folder: Path, silent_after_s: float) -> None:
    options = WorkerOptions(poll_s=0.1, beat_s=0.3, reconcile_s=0.3, silent_after_s=silent_after_s, max_crashes=3)
    worker = Worker(Database(url), counting_queue(), engine_url(url, folder), folder, options=options)
    signal.signal(signal.SIGTERM, lambda number, frame: worker.ask_to_stop())
    worker.start()
    worker.wait()
    worker.stop()
    os._exit(worker.exit_code)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), float(sys.argv[3]))
