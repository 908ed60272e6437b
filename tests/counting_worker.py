"""A worker process for tests: its jobs count to `to` in steps of `step_s`, and keep count in a file as they go.

python -m tests.counting_worker DATABASE_URL FOLDER
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Generator
from pathlib import Path

from backend.jobs.claims import Claim
from backend.jobs.engine import engine_url
from backend.jobs.execution import Outcome, Step
from backend.jobs.progress import StageCount
from backend.jobs.worker import Worker, WorkerOptions
from knowledge.storage.database import Database


def count(held: Claim, folder: Path) -> Generator[Step, None, None]:
    """Goes on from what the file says; a number is in the file once it is counted, however often we are killed."""
    wanted, step_s = held.arguments["to"], held.arguments["step_s"]
    path = folder / held.arguments["name"]
    with path.open("a+") as file:
        file.seek(0)
        reached = len(file.read().split())
        for number in range(reached, wanted):
            yield StageCount(name="counted", done=number, total=wanted)
            time.sleep(step_s)
            file.write(f"{number}\n")
            file.flush()
            if held.arguments.get("dies_at") == number:
                file.truncate(0)
                os._exit(9)
    yield StageCount(name="counted", done=wanted, total=wanted)
    yield Outcome(result={"counted": wanted, "resumed_at": reached})


def main(url: str, folder: Path) -> None:
    options = WorkerOptions(poll_s=0.1, beat_s=0.3, reconcile_s=0.3, abandoned_after_s=3.0, max_crashes=3)
    worker = Worker(
        Database(url), engine_url(url, folder), {"build": lambda held: count(held, folder)}, options=options
    )
    signal.signal(signal.SIGTERM, lambda number, frame: worker.ask_to_stop())
    worker.start()
    worker.wait()
    worker.stop()
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
