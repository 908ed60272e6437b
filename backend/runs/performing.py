"""How a stored run becomes a request to the agents floor."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from agents.events import RunEvent
from agents.phases import RunRequest
from agents.ports import Message
from agents.runner import Runner
from backend.knowledge_bases.selection import chosen_or_all
from backend.models.selector import ModelSelector
from backend.runs.types import Run
from backend.threads.store import Conversations
from knowledge.storage.database import Database
from knowledge.types import Filters, Scope


@dataclass(frozen=True, kw_only=True, slots=True)
class Performing:
    """Performs stored runs: what a run needs is read when it begins, by whichever process begins it."""

    database: Database
    runner: Runner
    models: ModelSelector

    async def __call__(self, run: Run) -> AsyncGenerator[RunEvent, None]:
        request = await asyncio.to_thread(self.request, run)
        # The service stops a run by cancelling its task, here and from other processes alike; so no event is needed.
        async with aclosing(self.runner.run(request, asyncio.Event())) as events:
            async for event in events:
                yield event

    def request(self, run: Run) -> RunRequest:
        """The run as the agents floor is asked to do it. Raises Invalid when its model is no longer there."""
        scope = Scope(workspace_id=run.workspace_id, user_id=run.owner_id)
        with self.database.read() as connection:
            conversations = Conversations(connection, scope)
            question = conversations.message(run.user_message_id)
            before = conversations.branch(question.parent_id)
            model = self.models.find(connection, scope, run.request["model"])
            bases = chosen_or_all(connection, scope, run.request["knowledge_bases"])
        return RunRequest(
            run_id=run.id,
            thread_id=run.thread_id,
            question=run.request["question"],
            phase=run.phase,
            knowledge_bases=bases,
            filters=filters_of(run.request["filters"]),
            history=tuple(
                Message(role="user" if message.role == "user" else "assistant", content=message.text)
                for message in before
                if message.text and message.status != "running"
            ),
            model=None if model is None else self.models.chat_model(model),
            attempt=run.attempt,
        )


def filters_of(given: Mapping[str, Any]) -> Filters | None:
    """Filters as the knowledge floor takes them; None when nothing is filtered."""
    filters = Filters(
        source_ids=tuple(given.get("source_ids", ())),
        path_prefixes=tuple(given.get("path_prefixes", ())),
        document_ids=tuple(given.get("document_ids", ())),
        metadata=dict(given.get("metadata", {})),
    )
    return None if filters == Filters() else filters
