"""Idempotency keys: the answer to a creating call, kept in the transaction that created."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, delete, insert, select

from backend.db.tables import idempotency_keys
from backend.errors import KeyReused
from knowledge.types import Scope

KEPT = timedelta(days=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class CreatingCall:
    """A creating call that may come twice: the same key stands for the same route and body."""

    key: str
    route: str
    body_hash: str


class IdempotencyKeys:
    """The kept answers of `scope`, inside the transaction of `connection`."""

    def __init__(self, connection: Connection, scope: Scope) -> None:
        self._connection = connection
        self._scope = scope

    def recall(self, call: CreatingCall) -> str | None:
        """The answer given to this call before. Raises KeyReused when the key came with another call."""
        row = self._connection.execute(
            select(idempotency_keys).where(
                idempotency_keys.c.workspace_id == self._scope.workspace_id,
                idempotency_keys.c.owner_id == self._scope.user_id,
                idempotency_keys.c.key == call.key,
                idempotency_keys.c.created_at > datetime.now(UTC) - KEPT,
            )
        ).first()
        if row is None:
            return None
        if (row.route, row.body_hash) != (call.route, call.body_hash):
            raise KeyReused("This Idempotency-Key came with another request before; use a new one.")
        return str(row.response)

    def keep(self, call: CreatingCall, response: str) -> None:
        """Remember an answer for a day. Raises IntegrityError when the same call is being answered elsewhere."""
        now = datetime.now(UTC)
        self._connection.execute(delete(idempotency_keys).where(idempotency_keys.c.created_at <= now - KEPT))
        self._connection.execute(
            insert(idempotency_keys).values(
                workspace_id=self._scope.workspace_id,
                owner_id=self._scope.user_id,
                key=call.key,
                route=call.route,
                body_hash=call.body_hash,
                response=response,
                created_at=now,
            )
        )
