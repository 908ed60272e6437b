"""What of the things that phases require is here, and how to get what is not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection

from agents.phases.phase import Requirement
from agents.ports import CodeRunner
from backend.models.resolver import ModelResolver
from backend.models.store import Models
from backend.tools.toolboxes import ToolBoxes
from knowledge.types import Scope

WEB_SEARCH = "web_search"
"""The tool that searches the web, wherever it comes from."""

IsHere = Callable[[Connection, Scope], bool]

REASONS: dict[Requirement, str] = {
    "model": "It needs a language model: add one under Models.",
    "sandbox": "It runs code, and there is no sandbox here: devops-chatbot sandbox status says what is missing.",
    "repositories": "It reads code, and there are no repositories here.",
    "web_search": "It searches the web, and no search endpoint is set up here: add a connection to a SearXNG.",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Abilities:
    """Says of each requirement whether it is met; one that nothing is known of is not."""

    here: Mapping[Requirement, IsHere] = field(default_factory=dict)

    @classmethod
    def of(cls, models: ModelResolver, toolboxes: ToolBoxes, code: CodeRunner | None = None) -> Abilities:
        """What can be found out from these parts."""

        def has_model(connection: Connection, scope: Scope) -> bool:
            return models.from_settings() is not None or bool(Models(connection, scope).page(1)[0])

        def has_web_search(connection: Connection, scope: Scope) -> bool:
            tool = toolboxes.list(scope, connection=connection).tools.get(WEB_SEARCH)
            return tool is not None and not tool.spec.reason

        def has_sandbox(connection: Connection, scope: Scope) -> bool:
            return code is not None and bool(code.languages)

        return cls(here={"model": has_model, "web_search": has_web_search, "sandbox": has_sandbox})

    def missing(self, connection: Connection, scope: Scope, requires: Iterable[Requirement]) -> list[Requirement]:
        """Those that are not here, in the order of REASONS."""
        wanted = frozenset(requires)
        return [
            each
            for each in REASONS
            if each in wanted and not (each in self.here and self.here[each](connection, scope))
        ]
