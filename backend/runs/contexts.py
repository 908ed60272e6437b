"""The one way from a RunSpec to what a phase is given: everything that the spec names is looked up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from sqlalchemy import Connection

from agents.commands.grammar import unescaped
from agents.messages.parts import Message
from agents.phases.context import RunContext
from agents.phases.spec import RunSpec
from agents.ports import ChatModel, CodeRunner
from backend.knowledge_bases.selection import chosen_or_own
from backend.models.resolver import ModelResolver
from backend.runs.journal import read_journal
from backend.runs.types import ACTIVE, Run
from backend.threads.store import ThreadStore
from backend.tools.toolboxes import ToolBoxes
from knowledge.ids import new_id
from knowledge.storage.database import Database
from knowledge.types import Scope


@dataclass(frozen=True, kw_only=True, slots=True)
class RunContexts:
    """Makes contexts, for stored runs and for those that are not."""

    database: Database
    models: ModelResolver
    toolboxes: ToolBoxes
    code: CodeRunner | None = None

    def of(
        self,
        spec: RunSpec,
        history: Sequence[Message] = (),
        sampling: Mapping[str, Any] | None = None,
        instructions: str = "",
    ) -> RunContext:
        """For a run that is not stored: whoever asks follows it, and nobody goes on with it. Its model is asked to
        sample by `sampling`, and to answer as `instructions` wish. Raises Invalid, Missing, and what opening the model
        raises."""
        with self.database.read() as connection:
            context = RunContext(run_id=new_id(), thread_id="", spec=spec, instructions=instructions)
            return self._made(connection, spec, context, history, sampling)

    def of_run(self, run: Run) -> RunContext:
        """For the next attempt of a stored run, by whichever process begins it. Raises Invalid when its model is no
        longer there, and what opening the model raises."""
        with self.database.read() as connection:
            store = ThreadStore(connection, run.spec.scope)
            before = store.branch(store.message(run.user_message_id).parent_id)
            history = [
                Message.of("user" if message.role == "user" else "assistant", message.text)
                for message in before
                if message.text and message.status not in ACTIVE
            ]
            context = RunContext(
                run_id=run.id,
                thread_id=run.thread_id,
                spec=run.spec,
                attempt=run.attempt,
                may_wait=True,
                journal=read_journal(connection, run.id) if run.attempt > 1 else {},
            )
            return self._made(connection, run.spec, context, history)

    def _made(
        self,
        connection: Connection,
        spec: RunSpec,
        context: RunContext,
        history: Sequence[Message],
        sampling: Mapping[str, Any] | None = None,
    ) -> RunContext:
        model = self.models.find(connection, spec.scope, spec.model)
        return replace(
            context,
            spec=replace(spec, question=unescaped(spec.question)),
            knowledge_bases=chosen_or_own(connection, spec.scope, spec.knowledge_bases),
            history=tuple(history),
            model=None if model is None else self.models.chat_model(model, sampling),
            toolbox=self.toolboxes.box(spec.scope, spec.tools, connection=connection),
            code=self.code if self.code is not None and self.code.languages else None,
            model_named=partial(self._named, spec.scope, sampling),
        )

    def _named(self, scope: Scope, sampling: Mapping[str, Any] | None, name: str) -> ChatModel | None:
        with self.database.read() as connection:
            model = self.models.find(connection, scope, name)
        return None if model is None else self.models.chat_model(model, sampling)
