"""The sources of tools that users have stored, and what they decided for single tools of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import Connection, Row, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from backend.db.paging import cut
from backend.errors import Missing, NameTaken
from backend.tool_sources.tables import tool_sources
from knowledge.ids import new_id
from knowledge.storage.paging import decode_cursor
from knowledge.types import Scope

Kind = Literal["yaml", "openapi", "mcp"]
_HEADINGS = ("id", "name", "kind", "connection_id", "enabled", "options", "version", "updated_at")


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredSource:
    """A source without its definition, which may be megabytes.

    `options`: `on` maps names of tools to the fingerprint that they had when somebody switched them on, `off` lists
    those that are off, `risks` says what people know of a tool; further ones depend on the kind.
    """

    id: str
    name: str
    kind: Kind
    connection_id: str | None
    enabled: bool
    version: int
    updated_at: datetime
    options: Mapping[str, Any] = field(default_factory=dict)


class ToolSources:
    """The sources that `scope` may use, inside the transaction of `connection`; commits nothing."""

    def __init__(self, connection: Connection, scope: Scope) -> None:
        self._connection = connection
        self._scope = scope
        self._mine = tool_sources.c.workspace_id == scope.workspace_id
        self._headings = select(*(tool_sources.c[name] for name in _HEADINGS)).where(self._mine)

    def create(
        self, *, name: str, kind: Kind, connection_id: str | None, definition: str, options: Mapping[str, Any]
    ) -> StoredSource:
        """A new source. Raises NameTaken."""
        now = datetime.now(UTC)
        row = {
            "id": new_id(),
            "workspace_id": self._scope.workspace_id,
            "owner_id": self._scope.user_id,
            "name": name,
            "kind": kind,
            "connection_id": connection_id,
            "enabled": True,
            "options": dict(options),
            "definition": definition,
            "version": 1,
            "created_at": now,
            "updated_at": now,
        }
        try:
            with self._connection.begin_nested():
                self._connection.execute(insert(tool_sources).values(**row))
        except IntegrityError:
            raise NameTaken(f"There is a source of tools named {name!r} already.") from None
        return self.get(str(row["id"]))

    def get(self, source_id: str) -> StoredSource:
        """Raises Missing."""
        found = self._connection.execute(self._headings.where(tool_sources.c.id == source_id)).first()
        if found is None:
            raise Missing("There is no such source of tools.")
        return _stored(found)

    def all(self) -> list[StoredSource]:
        """Every source, by name."""
        return [_stored(row) for row in self._connection.execute(self._headings.order_by(tool_sources.c.name))]

    def page(self, limit: int, cursor: str = "") -> tuple[list[StoredSource], str | None]:
        """Sources by name."""
        query = self._headings.order_by(tool_sources.c.name).limit(limit + 1)
        if cursor:
            query = query.where(tool_sources.c.name > decode_cursor(cursor, 1)[0])
        return cut([_stored(row) for row in self._connection.execute(query)], limit, lambda each: (each.name,))

    def definition(self, source_id: str) -> str:
        """What its tools are made of. Raises Missing."""
        query = select(tool_sources.c.definition).where(self._mine, tool_sources.c.id == source_id)
        found: str | None = self._connection.scalar(query)
        if found is None:
            raise Missing("There is no such source of tools.")
        return found

    def records(self, source_id: str) -> dict[str, Any]:
        """The definition of a source that is not YAML: `tools`, `refusals` and what was read besides."""
        found: dict[str, Any] = json.loads(self.definition(source_id))
        return found

    def change(self, source_id: str, values: Mapping[str, Any]) -> StoredSource:
        """Set the given columns; the version grows. Raises Missing, NameTaken."""
        current = self.get(source_id)
        changed = {**values, "version": current.version + 1, "updated_at": datetime.now(UTC)}
        try:
            with self._connection.begin_nested():
                where = (self._mine, tool_sources.c.id == source_id)
                self._connection.execute(update(tool_sources).where(*where).values(**changed))
        except IntegrityError:
            raise NameTaken(f"There is a source of tools named {values.get('name')!r} already.") from None
        return self.get(source_id)

    def delete(self, source_id: str) -> None:
        """Raises Missing."""
        self.get(source_id)
        self._connection.execute(delete(tool_sources).where(self._mine, tool_sources.c.id == source_id))


def _stored(row: Row[Any]) -> StoredSource:
    return StoredSource(**{name: getattr(row, name) for name in _HEADINGS})
