"""The fake beside the port of the projections."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext

from sqlalchemy import Connection, and_, func, select

from knowledge.storage.changes import TEXT
from knowledge.storage.tables import chunks


class Counts:
    """A projection that knows how many chunks each document has."""

    name = "counts"
    aspect = TEXT
    is_shared = True

    def __init__(self, knowledge_base_id: str) -> None:
        self._base_id = knowledge_base_id
        self._position = 0
        self.counts: dict[str, int] = {}

    def alone(self, patience_s: float) -> AbstractContextManager[bool]:
        return nullcontext(True)

    def position(self) -> int:
        return self._position

    def load(self, connection: Connection, document_ids: Sequence[str]) -> Callable[[int], None]:
        mine = and_(chunks.c.document_id.in_(document_ids), chunks.c.knowledge_base_id == self._base_id)
        query = select(chunks.c.document_id, func.count()).where(mine)
        found = {row[0]: row[1] for row in connection.execute(query.group_by(chunks.c.document_id))}

        def apply(position: int) -> None:
            self.counts = {name: n for name, n in self.counts.items() if name not in document_ids} | found
            self._position = position

        return apply

    def rebuild(self) -> None:
        self.counts.clear()
        self._position = 0

    def drop(self) -> None:
        self.rebuild()

    def check(self) -> int:
        return sum(self.counts.values())
