"""The worker as a process: wired from the container, stopped by signals."""

from __future__ import annotations

import os
import signal
import sys
import threading
from functools import partial
from typing import TYPE_CHECKING

import structlog

from backend.jobs.engine import engine_url
from backend.jobs.handlers import make_handlers
from backend.jobs.worker import Worker

if TYPE_CHECKING:
    from backend.bootstrap import Container
    from backend.settings import Settings

log = structlog.get_logger(__name__)


def make_worker(container: Container) -> Worker:
    """A worker on the container's database that does every kind of job."""
    from backend.evaluation.measurement import measure_base

    settings = container.settings
    data_dir = settings.data_dir.expanduser().absolute()
    return Worker(
        container.database,
        engine_url(settings.effective_database_url, data_dir),
        make_handlers(container.ingestor, partial(measure_base, container.database, container.runner)),
        on_idle=lambda: _let_go(container),
    )


def _let_go(container: Container) -> None:
    """Gives the memory of models back, and removes what nothing refers to any more."""
    for embedder in container.embedders.values():
        embedder.close()
    collect = container.ingestor.collect_garbage
    threading.Thread(target=lambda: list(collect()), name="garbage-collection", daemon=True).start()


def run_worker(settings: Settings) -> None:
    """Works until the process is told to stop, then gives what it was at to the next worker."""
    from backend.bootstrap import build
    from backend.telemetry import configure_logging

    configure_logging(settings)
    container = build(settings)
    worker = make_worker(container)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda received, frame: worker.ask_to_stop())
    worker.start()
    log.info("worker_started", worker=worker.identity.id)
    worker.wait()
    worker.stop()
    container.close()
    log.info("worker_stopped", worker=worker.identity.id)
    sys.stdout.flush()
    sys.stderr.flush()
    # A handler that did not listen still holds a thread; its job is another worker's now, and must not keep us.
    os._exit(0)
