"""The language models that users have stored, their keys sealed. A workspace has at most one default."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from backend.accounts.sealing import Sealer, Secret
from backend.db.paging import cut
from backend.db.tables import models
from backend.errors import Missing, NameTaken
from knowledge.ids import new_id
from knowledge.storage.database import Database
from knowledge.storage.paging import decode_cursor
from knowledge.types import Scope


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredModel:
    """A language model as it was stored; the key never leaves the server."""

    id: str
    name: str
    base_url: str
    api_key: Secret
    model: str
    is_default: bool


class Models:
    """The models that `scope` may use, inside the transaction of `connection`; commits nothing."""

    def __init__(self, connection: Connection, scope: Scope) -> None:
        self._connection = connection
        self._scope = scope
        self._mine = models.c.workspace_id == scope.workspace_id

    def create(self, *, name: str, base_url: str, api_key: Secret, model: str, is_default: bool) -> StoredModel:
        """A new model. Raises NameTaken."""
        if self.named(name) is not None:
            raise NameTaken(f"There is a model named {name!r} already.")
        if is_default:
            self._drop_default()
        model_id = new_id()
        values = {"name": name, "base_url": base_url, "model": model, "is_default": is_default}
        try:
            with self._connection.begin_nested():
                self._connection.execute(
                    insert(models).values(
                        id=model_id,
                        workspace_id=self._scope.workspace_id,
                        owner_id=self._scope.user_id,
                        api_key=api_key.stored,
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
        """Set the given columns; a key comes as a Secret. Raises Missing."""
        self.get(model_id)
        if values.get("is_default"):
            self._drop_default()
        if isinstance(values.get("api_key"), Secret):
            values = {**values, "api_key": values["api_key"].stored}
        if values:
            self._connection.execute(update(models).where(self._mine, models.c.id == model_id).values(**values))
        return self.get(model_id)

    def delete(self, model_id: str) -> None:
        """Raises Missing."""
        self.get(model_id)
        self._connection.execute(delete(models).where(self._mine, models.c.id == model_id))

    def _drop_default(self) -> None:
        self._connection.execute(update(models).where(self._mine, models.c.is_default).values(is_default=False))


def stored_keys(connection: Connection) -> dict[str, tuple[str, Secret]]:
    """The name and the key of every model that has one, of all workspaces, by the model's id."""
    query = select(models.c.id, models.c.name, models.c.api_key).where(models.c.api_key != "").order_by(models.c.id)
    return {row.id: (row.name, Secret(row.api_key)) for row in connection.execute(query)}


def seal_again(database: Database, sealer: Sealer) -> int:
    """Seal every key that stands in plain text or was sealed with an older key; returns how many. Those that cannot
    be opened stay as they are."""
    with database.read() as connection:
        keys = stored_keys(connection)
    due = {model_id: (key, renewed) for model_id, (_, key) in keys.items() if (renewed := sealer.renewed(key))}
    if due:
        with database.write() as connection:
            for model_id, (key, renewed) in due.items():
                same = (models.c.id == model_id, models.c.api_key == key.stored)
                connection.execute(update(models).where(*same).values(api_key=renewed.stored))
    return len(due)


def _model(row: Row[Any]) -> StoredModel:
    return StoredModel(
        id=row.id,
        name=row.name,
        base_url=row.base_url,
        api_key=Secret(row.api_key),
        model=row.model,
        is_default=row.is_default,
    )
