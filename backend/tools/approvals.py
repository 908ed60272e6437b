"""Calls outside runs that wait for a person: each is decided on once, for exactly its arguments, within its time."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from backend.accounts.sealing import Sealer, Secret
from backend.db.clock import database_now
from backend.errors import ApprovalGone, Missing
from backend.tools.tables import tool_approvals
from knowledge.ids import new_id
from knowledge.types import Scope

WAITING, APPROVED, REJECTED = "waiting", "approved", "rejected"
KEPT = timedelta(days=1)
"""How long a row stays after its time, so that who comes late is told so."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WaitingCall:
    """A call that waits. `arguments` are the real ones, and shown to nobody; `round` of `rounds` decisions."""

    id: str
    tool: str
    fingerprint: str
    arguments: Mapping[str, Any]
    bases: tuple[str, ...]
    shown: Mapping[str, Any]
    round: int
    rounds: int
    expires_at: datetime


class ToolApprovals:
    """The calls of `scope` that wait, inside the transaction of `connection`; commits nothing."""

    def __init__(self, connection: Connection, scope: Scope, sealer: Sealer) -> None:
        self._connection = connection
        self._scope = scope
        self._sealer = sealer
        table = tool_approvals
        self._mine = (table.c.workspace_id == scope.workspace_id) & (table.c.owner_id == scope.user_id)

    def add(
        self,
        *,
        tool: str,
        fingerprint: str,
        arguments: Mapping[str, Any],
        bases: tuple[str, ...],
        shown: Mapping[str, Any],
        round: int,
        rounds: int,
        minutes: int,
    ) -> WaitingCall:
        """A call that waits from now on."""
        now = datetime.now(UTC)
        self._connection.execute(delete(tool_approvals).where(tool_approvals.c.expires_at < now - KEPT))
        waiting_id = new_id()
        self._connection.execute(
            insert(tool_approvals).values(
                id=waiting_id,
                workspace_id=self._scope.workspace_id,
                owner_id=self._scope.user_id,
                tool=tool,
                fingerprint=fingerprint,
                arguments=self._sealer.seal(json.dumps([dict(arguments), bases])).stored,
                shown=dict(shown),
                round=round,
                rounds=rounds,
                status=WAITING,
                created_at=now,
                expires_at=now + timedelta(minutes=minutes),
            )
        )
        return self.get(waiting_id)

    def get(self, approval_id: str) -> WaitingCall:
        """Raises Missing."""
        row = self._connection.execute(select(tool_approvals).where(self._mine, tool_approvals.c.id == approval_id))
        found = row.one_or_none()
        if found is None:
            raise Missing("There is no call that waits for this approval.")
        arguments, bases = json.loads(self._sealer.open(Secret(found.arguments)))
        return WaitingCall(
            id=found.id,
            tool=found.tool,
            fingerprint=found.fingerprint,
            arguments=arguments,
            bases=tuple(bases),
            shown=found.shown,
            round=found.round,
            rounds=found.rounds,
            expires_at=found.expires_at,
        )

    def decide(self, approval_id: str, *, approved: bool) -> WaitingCall:
        """Decide on a call; of any number of decisions at once one counts. Raises Missing, ApprovalGone."""
        waiting = self.get(approval_id)
        decided = self._connection.execute(
            update(tool_approvals)
            .where(
                self._mine,
                tool_approvals.c.id == approval_id,
                tool_approvals.c.status == WAITING,
                tool_approvals.c.expires_at > database_now(),
            )
            .values(status=APPROVED if approved else REJECTED)
        )
        if decided.rowcount != 1:
            raise ApprovalGone("This call was decided on before, or has waited too long; make it again.")
        return waiting
