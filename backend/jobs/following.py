"""Following a job: however many streams follow it in this process, one reader looks for its news."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from backend.jobs.events import TERMINAL_KINDS
from backend.jobs.queue import JobQueue
from backend.jobs.types import FINISHED, StoredJobEvent
from backend.runs.broker import BACKLOG, Broker
from knowledge.storage.database import Database
from knowledge.types import Scope

POLL_SECONDS = 0.3
"""How often the events of a job, which another process performs, are looked for."""

PAGE = 500


@dataclass(frozen=True, kw_only=True, slots=True)
class JobNews:
    """What one look found: events in order, and whether the job had finished before it; or why it found nothing."""

    events: Sequence[StoredJobEvent] = ()
    finished: bool = False
    error: Exception | None = None

    @property
    def is_last(self) -> bool:
        """Whether nothing more is to come."""
        return self.finished and (not self.events or self.events[-1].event.kind in TERMINAL_KINDS)


JobReader = Callable[[Scope, str, int], JobNews]
"""Reads at most PAGE events of a job above a number. Called in threads; raises JobNotFound."""


def job_reader(database: Database, jobs: JobQueue) -> JobReader:
    """Reads the tables."""

    def read(scope: Scope, job_id: str, after: int) -> JobNews:
        with database.read() as connection:
            finished = jobs.get(connection, scope, job_id).status in FINISHED  # before the events: its end is stored
            return JobNews(events=jobs.events(connection, scope, job_id, after, PAGE), finished=finished)

    return read


@dataclass(slots=True)
class _Poll:
    """The reader that the followers of a job share; every event above `after` is still to be told."""

    after: int
    followers: int = 0
    task: asyncio.Task[None] | None = None


class JobFollower:
    """Reads jobs for any number of streams. Used from one event loop."""

    def __init__(self, read: JobReader, *, poll_seconds: float = POLL_SECONDS) -> None:
        self._read = read
        self._poll_seconds = poll_seconds
        self._broker = Broker[JobNews]()
        self._polls: dict[str, _Poll] = {}

    async def follow(
        self, scope: Scope, job_id: str, after: int, *, beat: float
    ) -> AsyncIterator[Sequence[StoredJobEvent]]:
        """Events above number `after`, in order, up to the job's last; nothing when `beat` seconds were silent.

        A follower reads what was stored before it came by itself; from then on it is told what the shared reader found.
        It listens before it reads, so that an event is in one of the two, and drops by its number what is in both.
        Raises JobNotFound, also when the job is deleted meanwhile.
        """
        clock = asyncio.get_running_loop().time
        with self._broker.listen(job_id) as listener, self._counted(job_id, after) as poll:
            sent_at, live = clock(), False
            while True:
                if live:
                    found = await listener.take(max(0.0, sent_at + beat - clock()))
                    if len(found) == BACKLOG:  # perhaps more was told, and dropped: the tables have it
                        live, found = False, []
                else:
                    found = [await asyncio.to_thread(self._read, scope, job_id, after)]
                    live = len(found[0].events) < PAGE
                    if live and not found[0].is_last:
                        self._start(poll, scope, job_id, after)
                for news in found:
                    if news.error is not None:
                        raise news.error
                    fresh = [each for each in news.events if each.id > after]
                    if fresh:
                        after, sent_at = fresh[-1].id, clock()
                        yield fresh
                    if news.is_last:
                        return
                if clock() - sent_at >= beat:
                    sent_at = clock()
                    yield ()

    @contextmanager
    def _counted(self, job_id: str, after: int) -> Iterator[_Poll]:
        """The shared reader, stopped when the last follower is gone."""
        poll = self._polls.setdefault(job_id, _Poll(after=after))
        poll.followers += 1
        try:
            yield poll
        finally:
            poll.followers -= 1
            if not poll.followers:
                del self._polls[job_id]
                if poll.task is not None:
                    poll.task.cancel()

    def _start(self, poll: _Poll, scope: Scope, job_id: str, after: int) -> None:
        """Have the shared reader tell what is above `after`; what others know already, they drop."""
        poll.after = min(poll.after, after)
        if poll.task is None or poll.task.done():
            poll.after = after
            poll.task = asyncio.create_task(self._poll(poll, scope, job_id), name=f"events of job {job_id}")

    async def _poll(self, poll: _Poll, scope: Scope, job_id: str) -> None:
        news = JobNews()
        while not news.is_last and news.error is None:
            await asyncio.sleep(self._poll_seconds)
            asked = poll.after
            try:
                news = await asyncio.to_thread(self._read, scope, job_id, asked)
            except Exception as error:  # every follower raises it where it is seen
                news = JobNews(error=error)
            if news.events and poll.after == asked:
                poll.after = news.events[-1].id
            if news.events or news.finished or news.error is not None:
                self._broker.publish(job_id, news)
