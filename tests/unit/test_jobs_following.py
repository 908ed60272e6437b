"""Following a job: one reader for all its followers, and nothing lost or told twice."""

from __future__ import annotations

import asyncio
import threading
from datetime import UTC, datetime

import pytest

from backend.jobs.events import JobCancelled, JobEvent, JobNoted, JobQueued
from backend.jobs.following import PAGE, JobFollower, JobNews
from backend.jobs.types import JobNotFound, StoredJobEvent
from knowledge.types import Scope

ME = Scope(workspace_id="w", user_id="me")


class Tables:
    """What is stored of one job, and how often it was read."""

    def __init__(self) -> None:
        self.reads = 0
        self.finished = False
        self.deleted = False
        self._events: list[StoredJobEvent] = []
        self._lock = threading.Lock()

    def add(self, *events: JobEvent, finished: bool = False) -> None:
        with self._lock:
            for event in events:
                self._events.append(StoredJobEvent(id=len(self._events) + 1, event=event, at=datetime.now(UTC)))
            self.finished = finished

    def read(self, scope: Scope, job_id: str, after: int) -> JobNews:
        with self._lock:
            self.reads += 1
            if self.deleted:
                raise JobNotFound("There is no such job.")
            found = [each for each in self._events if each.id > after][:PAGE]
            return JobNews(events=found, finished=self.finished)


async def follow(follower: JobFollower, got: list[int], after: int = 0) -> None:
    async for events in follower.follow(ME, "job", after, beat=60.0):
        got += [each.id for each in events]


async def all_have(followers: list[list[int]], last: int) -> None:
    while not all(got and got[-1] == last for got in followers):
        await asyncio.sleep(0.001)


async def test_a_hundred_followers_share_one_reader() -> None:
    tables = Tables()
    tables.add(JobQueued())
    follower = JobFollower(tables.read, poll_seconds=0.01)
    got: list[list[int]] = [[] for _ in range(100)]
    tasks = [asyncio.create_task(follow(follower, each)) for each in got]
    await all_have(got, 1)
    tables.add(JobNoted(message="half"))
    await all_have(got, 2)
    before = tables.reads
    tables.add(JobNoted(message="done"), JobCancelled(), finished=True)
    await asyncio.gather(*tasks)
    assert all(each == [1, 2, 3, 4] for each in got)
    assert tables.reads - before <= 2, "one look for all, and one that may have been under way"


async def test_who_comes_late_or_goes_on_is_told_all_that_is_above_its_number() -> None:
    tables = Tables()
    tables.add(*[JobNoted(message=str(number)) for number in range(2 * PAGE + 3)])
    follower = JobFollower(tables.read, poll_seconds=0.01)
    ahead, behind, anew = list[int](), list[int](), list[int]()
    tasks = [asyncio.create_task(follow(follower, ahead, 2 * PAGE + 3))]
    tasks.append(asyncio.create_task(follow(follower, behind, 5)))
    await all_have([behind], 2 * PAGE + 3)
    tasks.append(asyncio.create_task(follow(follower, anew)))
    tables.add(JobNoted(message="more"))
    await all_have([ahead, behind, anew], 2 * PAGE + 4)
    tables.add(JobCancelled(), finished=True)
    await asyncio.gather(*tasks)
    last = 2 * PAGE + 5
    assert ahead == [last - 1, last]
    assert behind == list(range(6, last + 1))
    assert anew == list(range(1, last + 1))


async def test_the_reader_ends_with_its_last_follower() -> None:
    tables = Tables()
    tables.add(JobQueued())
    follower = JobFollower(tables.read, poll_seconds=0.01)
    got: list[list[int]] = [[], []]
    tasks = [asyncio.create_task(follow(follower, each)) for each in got]
    await all_have(got, 1)
    readers = [task for task in asyncio.all_tasks() if task.get_name() == "events of job job"]
    assert len(readers) == 1
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, *readers, return_exceptions=True)
    assert readers[0].cancelled()


async def test_every_follower_learns_that_the_job_was_deleted() -> None:
    tables = Tables()
    tables.add(JobQueued())
    follower = JobFollower(tables.read, poll_seconds=0.01)
    got: list[list[int]] = [[], []]
    tasks = [asyncio.create_task(follow(follower, each)) for each in got]
    await all_have(got, 1)
    tables.deleted = True
    for task in tasks:
        with pytest.raises(JobNotFound):
            await task


async def test_a_finished_job_is_told_and_left() -> None:
    tables = Tables()
    tables.add(JobQueued(), JobCancelled(), finished=True)
    got: list[int] = []
    await follow(JobFollower(tables.read), got)
    assert got == [1, 2]
    await follow(JobFollower(tables.read), got, 7)
    assert (got, tables.reads) == ([1, 2], 2)


async def test_silence_is_told_as_nothing() -> None:
    tables = Tables()
    tables.add(JobQueued())
    told: list[int] = []
    async for events in JobFollower(tables.read).follow(ME, "job", 0, beat=0.01):
        told.append(len(events))
        if len(told) == 3:
            break
    assert told == [1, 0, 0]
