"""What operators decided for single tools, in the database."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from sqlalchemy import Connection, delete, insert, select

from agents.tools.policy import Override, Setting
from agents.tools.ports import ToolSpec
from backend.tools.tables import tool_policies
from knowledge.types import Scope


class ToolPolicies:
    """The decisions that hold in a workspace, inside the transaction of `connection`; commits nothing."""

    def __init__(self, connection: Connection, scope: Scope) -> None:
        self._connection = connection
        self._scope = scope
        self._mine = tool_policies.c.workspace_id == scope.workspace_id

    def all(self) -> Mapping[str, Override]:
        """The decisions by name of the tool."""
        rows = self._connection.execute(select(tool_policies).where(self._mine))
        return {row.tool: Override(setting=row.setting, source=row.source, risk=row.risk) for row in rows}

    def decide(self, spec: ToolSpec, setting: Setting | None) -> None:
        """Let this hold for the tool as it is now; None: what holds for all tools of its risk."""
        self._connection.execute(delete(tool_policies).where(self._mine, tool_policies.c.tool == spec.name))
        if setting is None:
            return
        self._connection.execute(
            insert(tool_policies).values(
                workspace_id=self._scope.workspace_id,
                tool=spec.name,
                setting=setting,
                source=spec.source,
                risk=spec.risk,
                changed_by=self._scope.user_id,
                changed_at=datetime.now(UTC),
            )
        )
