"""The language models that users have stored. A workspace has at most one default."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from backend.db.paging import cut
from backend.db.tables import models
from backend.errors import Missing, NameTaken
from knowledge.ids import new_id
from knowledge.storage.paging import decode_cursor
from knowledge.types import Scope


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredModel:
    """A language model as it was stored; the key never leaves the server."""

    id: str
    name: str
    base_url: str
    api_key: str
    model: str
    is_default: bool


class Models:
    """The models that `scope` may use, inside the transaction of `connection`; commits nothing."""

    def __init__(self, connection: Connection, scope: Scope) -> None:
        self._connection = connection
        self._scope = scope
        self._mine = models.c.workspace_id == scope.workspace_id

    def create(self, *, name: str, base_url: str, api_key: str, model: str, is_default: bool) -> StoredModel:
        """A new model. Raises NameTaken."""
        if self.named(name) is not None:
            raise NameTaken(f"There is a model named {name!r} already.")
        if is_default:
            self._drop_default()
        model_id = new_id()
        values = {"name": name, "base_url": base_url, "api_key": api_key, "model": model, "is_default": is_default}
        try:
            with self._connection.begin_nested():
                self._connection.execute(
                    insert(models).values(
                        id=model_id,
                        workspace_id=self._scope.workspace_id,
                        owner_id=self._scope.user_id,
                        created_at=datetime.now(UTC),
                        **values,
                    )
                )
        except IntegrityError:
            raise NameTaken(f"There is a model named {name!r} already.") from None
        return self.get(model_id)

    def get(self, model_id: str) -> StoredModel:
        """Raises Missing."""
        row = self._connection.execute(select(models).where(self._mine, models.c.id == model_id)).first()
        if row is None:
            raise Missing("There is no such model.")
        return _model(row)

    def named(self, name: str) -> StoredModel | None:
        """The model of this name."""
        row = self._connection.execute(select(models).where(self._mine, models.c.name == name)).first()
        return None if row is None else _model(row)

    def default(self) -> StoredModel | None:
        """The model used when none is asked for."""
        row = self._connection.execute(select(models).where(self._mine, models.c.is_default)).first()
        return None if row is None else _model(row)

    def page(self, limit: int, cursor: str = "") -> tuple[list[StoredModel], str | None]:
        """Models by name."""
        query = select(models).where(self._mine).order_by(models.c.name, models.c.id).limit(limit + 1)
        if cursor:
            query = query.where(models.c.name > decode_cursor(cursor, 1)[0])
        return cut([_model(row) for row in self._connection.execute(query)], limit, lambda model: (model.name,))

    def change(self, model_id: str, values: dict[str, Any]) -> StoredModel:
        """Set the given columns. Raises Missing."""
        self.get(model_id)
        if values.get("is_default"):
            self._drop_default()
        if values:
            self._connection.execute(update(models).where(self._mine, models.c.id == model_id).values(**values))
        return self.get(model_id)

    def delete(self, model_id: str) -> None:
        """Raises Missing."""
        self.get(model_id)
        self._connection.execute(delete(models).where(self._mine, models.c.id == model_id))

    def _drop_default(self) -> None:
        self._connection.execute(update(models).where(self._mine, models.c.is_default).values(is_default=False))


def _model(row: Row[Any]) -> StoredModel:
    return StoredModel(
        id=row.id,
        name=row.name,
        base_url=row.base_url,
        api_key=row.api_key,
        model=row.model,
        is_default=row.is_default,
    )
