"""What a scope may call: all tools under one policy, with one record; for runs, programs and people alike."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import nullcontext
from dataclasses import dataclass

from sqlalchemy import Connection

from agents.tools.calling import ToolCaller
from agents.tools.policy import Override, RolePolicy
from agents.tools.ports import OutputKeeper, Tool, ToolAudit, ToolBox
from agents.tools.registry import ToolRegistry
from backend.tools.policies import ToolPolicies
from knowledge.storage.database import Database
from knowledge.types import Scope


@dataclass(frozen=True, kw_only=True, slots=True)
class ToolListing:
    """All tools of a scope with what was decided for each, and what is wrong with sources."""

    tools: Mapping[str, Tool]
    overrides: Mapping[str, Override]
    problems: Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class ToolBoxes:
    """Makes boxes of tools; called in threads."""

    database: Database
    registry: ToolRegistry
    audit: ToolAudit
    keeper: OutputKeeper | None = None

    def list(self, scope: Scope, *, connection: Connection | None = None) -> ToolListing:
        """What there is now, read by `connection` where there is one."""
        listing = self.registry.tools(scope)
        with nullcontext(connection) if connection is not None else self.database.read() as reading:
            overrides = ToolPolicies(reading, scope).all()
        return ToolListing(tools=listing.tools, overrides=overrides, problems=listing.problems)

    def box(
        self, scope: Scope, names: Collection[str] | None = None, *, connection: Connection | None = None
    ) -> ToolBox:
        """The tools of these names, all when None, but for those that are switched off."""
        found = self.list(scope, connection=connection)
        tools = {
            name: tool
            for name, tool in found.tools.items()
            if (names is None or name in names) and not _is_off(found.overrides.get(name))
        }
        policy = RolePolicy(listed=frozenset(tools), overrides=found.overrides)
        return ToolBox(tools=tools, policy=policy, audit=self.audit, keeper=self.keeper)

    def caller(self, scope: Scope) -> ToolCaller:
        """What calls any tool there is for a person or a program, who is told when one is switched off."""
        found = self.list(scope)
        policy = RolePolicy(listed=found.tools.keys(), overrides=found.overrides)
        return ToolCaller(ToolBox(tools=found.tools, policy=policy, audit=self.audit, keeper=self.keeper))


def _is_off(override: Override | None) -> bool:
    return override is not None and override.setting == "off"
