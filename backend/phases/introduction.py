"""What this installation can do for a run: read from what there is when it is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from agents.answering.introduction import Base, Installation, introduction
from agents.phases.catalogue import PhaseEntry
from agents.phases.context import RunContext
from agents.phases.phase import Requirement
from knowledge.errors import NotFound
from knowledge.storage.bases import KnowledgeBaseStore
from knowledge.storage.database import Database
from knowledge.types import KnowledgeBase, Language, Scope


@dataclass(frozen=True, kw_only=True, slots=True)
class Introducer:
    """Says what can be done here, by what a run would be given: its bases, its model, its tools, its sandbox."""

    database: Database
    entries: Callable[[Scope], Iterable[PhaseEntry]]

    def __call__(self, context: RunContext, language: Language) -> str:
        """See Introduce. Reads the database."""
        tools = [each.spec for each in context.toolbox.tools.values()] if context.toolbox is not None else []
        usable = [spec for spec in tools if not spec.reason]
        groups = dict.fromkeys(spec.name if spec.source == "builtin" else spec.source for spec in usable)
        return introduction(
            Installation(
                bases=self._bases(context),
                model=context.model.name if context.model is not None else "",
                modes=self._modes(context, language),
                tool_count=len(usable),
                tool_groups=list(groups),
                languages=context.code.languages if context.code is not None else (),
            ),
            language,
        )

    def _bases(self, context: RunContext) -> list[Base]:
        with self.database.read() as connection:
            store = KnowledgeBaseStore(connection, context.spec.scope)
            bases: list[KnowledgeBase] = []
            for each in context.knowledge_bases:
                try:
                    bases.append(store.get(each))
                except NotFound:
                    continue
            counted = store.statistics(bases)
        return [Base(name=base.name, documents=counted[base.id].document_count) for base in bases]

    def _modes(self, context: RunContext, language: Language) -> list[str]:
        there: dict[Requirement, bool] = {"model": context.model is not None, "sandbox": context.code is not None}
        able = {name for name, is_there in there.items() if is_there}
        return [
            entry.title.zh if language == "zh" else entry.title.en
            for entry in self.entries(context.spec.scope)
            if not entry.problem and entry.requires <= able
        ]
