"""One attempt of a run on its way to the writer: its events, numbered and encoded, and how it ended."""

from __future__ import annotations

import asyncio
import contextlib
import json

from agents.citations.unfinished import check_unfinished
from agents.events import ApprovalRequested, RunEvent, RunWaiting, TextDelta, encode_event
from agents.phases.context import RunContext
from agents.runner import run_started
from agents.scheduler.journal import Recorded
from backend.runs.transcript import Transcript
from backend.runs.types import Run, StoredEvent, StoredOutcome
from backend.runs.writer import Entry, EventWriter


class Attempt:
    """Stores the events of one attempt of a run, in order."""

    def __init__(self, run: Run, writer: EventWriter) -> None:
        self._run = run
        self._seq = run.last_event_id
        self._writer = writer
        self.transcript = Transcript()

    async def add(self, event: RunEvent) -> None:
        """Store an event that is not the last."""
        self.transcript.note(event)
        await self._writer.put(Entry(run_id=self._run.id, events=(self._numbered(event),)))

    async def record(self, entry: Recorded) -> None:
        """Store what the run has done, together with the events that tell of it."""
        for event in entry.events:
            self.transcript.note(event)
        await self._writer.put(Entry(
            run_id=self._run.id,
            events=tuple(self._numbered(event) for event in entry.events),
            record=(entry.key, entry.value),
            asked=tuple(event for event in entry.events if isinstance(event, ApprovalRequested)),
            stored=entry.stored,
        ))  # fmt: skip

    async def end(self, last: RunEvent) -> StoredOutcome:
        """Store the last event and what it makes of the run, after what an end must have before it; waits until it can
        be read back."""
        if not self.transcript.begun:
            await self.add(run_started(RunContext(
                run_id=self._run.id, thread_id=self._run.thread_id, spec=self._run.spec, attempt=self._run.attempt
            )))  # fmt: skip
        if not isinstance(last, RunWaiting):
            await self._cite_unfinished()
        self.transcript.note(last)
        outcome = self.transcript.outcome()
        # Shielded: the end is written even if the process is being stopped at this very moment.
        await asyncio.shield(self._store_end(last, outcome))
        return outcome

    async def _store_end(self, event: RunEvent, outcome: StoredOutcome) -> None:
        stored = asyncio.get_running_loop().create_future()
        entry = Entry(run_id=self._run.id, events=(self._numbered(event),), outcome=outcome, stored=stored)
        await self._writer.put(entry)
        await stored

    async def _cite_unfinished(self) -> None:
        """Say what an answer that was broken off cites; when the process is being stopped, its end matters more."""
        retrieved = self.transcript.unchecked
        if retrieved is not None:
            with contextlib.suppress(asyncio.CancelledError):
                await self.add(await asyncio.to_thread(check_unfinished, self.transcript.text, retrieved))

    def _numbered(self, event: RunEvent) -> StoredEvent:
        self._seq += 1
        return StoredEvent(seq=self._seq, kind=event.kind, data=_encode(event))


def _encode(event: RunEvent) -> str:
    """As `encode_event`, and quicker for the one kind that comes by the thousand."""
    if isinstance(event, TextDelta):
        return json.dumps({"text": event.text, "kind": event.kind}, ensure_ascii=False)
    return encode_event(event)
