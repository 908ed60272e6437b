"""The language models that users have stored; their keys are secrets of their own. A workspace has at most one
default."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import Connection, Row, Select, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from backend.connections.secrets import Credential, SecretStore, credential_of
from backend.db.paging import cut
from backend.db.tables import models, secrets
from backend.errors import KeyNeeded, Missing, NameTaken
from backend.models.addresses import known_address
from knowledge.ids import new_id
from knowledge.storage.paging import decode_cursor
from knowledge.types import Scope

ToolCalls = Literal["native", "text"]

PURPOSE = "model"
"""What secrets of models are called."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredModel:
    """A language model as it was stored. `tool_calls` is how it calls tools, None while that is not known. `base_url`
    holds no credentials; the key never leaves the server but for where it was given for."""

    id: str
    name: str
    base_url: str
    model: str
    is_default: bool
    tool_calls: ToolCalls | None = None
    credential: Credential = field(default_factory=Credential)


class Models:
    """The models that `scope` may use, inside the transaction of `connection`; commits nothing."""

    def __init__(self, connection: Connection, scope: Scope) -> None:
        self._connection = connection
        self._scope = scope
        self._mine = models.c.workspace_id == scope.workspace_id
        self._secrets = SecretStore(connection, scope)

    def create(
        self,
        *,
        name: str,
        base_url: str,
        model: str,
        is_default: bool,
        tool_calls: ToolCalls | None = None,
        credential: Credential | None = None,
    ) -> StoredModel:
        """A new model. Raises NameTaken."""
        if self.named(name) is not None:
            raise NameTaken(f"There is a model named {name!r} already.")
        if is_default:
            self._drop_default()
        model_id = new_id()
        values = {
            "name": name,
            "base_url": base_url,
            "model": model,
            "is_default": is_default,
            "tool_calls": tool_calls,
        }
        try:
            with self._connection.begin_nested():
                self._connection.execute(
                    insert(models).values(
                        id=model_id,
                        workspace_id=self._scope.workspace_id,
                        owner_id=self._scope.user_id,
                        secret_id=self._kept(credential, name),
                        created_at=datetime.now(UTC),
                        **values,
                    )
                )
        except IntegrityError:
            raise NameTaken(f"There is a model named {name!r} already.") from None
        return self.get(model_id)

    def get(self, model_id: str) -> StoredModel:
        """Raises Missing."""
        found = self._one(models.c.id == model_id)
        if found is None:
            raise Missing("There is no such model.")
        return found

    def named(self, name: str) -> StoredModel | None:
        """The model of this name."""
        return self._one(models.c.name == name)

    def default(self) -> StoredModel | None:
        """The model used when none is asked for."""
        return self._one(models.c.is_default)

    def page(self, limit: int, cursor: str = "") -> tuple[list[StoredModel], str | None]:
        """Models by name."""
        query = self._query().order_by(models.c.name, models.c.id).limit(limit + 1)
        if cursor:
            query = query.where(models.c.name > decode_cursor(cursor, 1)[0])
        return cut([_model(row) for row in self._connection.execute(query)], limit, lambda model: (model.name,))

    def change(self, model_id: str, values: dict[str, Any], credential: Credential | None = None) -> StoredModel:
        """Set the given columns, and with a credential the key (an empty one removes it).

        Raises Missing; KeyNeeded when the change leads to another server than the one the stored key was given for.
        """
        current = self.get(model_id)
        if credential is None:
            self._check_key(current, values)
        if values.get("is_default"):
            self._drop_default()
        if credential is not None:
            values = {**values, "secret_id": self._kept(credential, current.name)}
        if values:
            before = self._secret_of(model_id)
            self._connection.execute(update(models).where(self._mine, models.c.id == model_id).values(**values))
            if before is not None and credential is not None:
                self._secrets.delete(before)
        return self.get(model_id)

    def delete(self, model_id: str) -> None:
        """The model and its key. Raises Missing."""
        self.get(model_id)
        secret_id = self._secret_of(model_id)
        self._connection.execute(delete(models).where(self._mine, models.c.id == model_id))
        if secret_id is not None:
            self._secrets.delete(secret_id)

    def _check_key(self, current: StoredModel, values: dict[str, Any]) -> None:
        target = known_address(values.get("base_url", current.base_url), values.get("model", current.model))
        if not current.credential.fits(target.origin):
            raise KeyNeeded(
                f"This leads to {target.origin}, and the stored key was given for {current.credential.origin}: enter "
                "the key again with the change, or an empty one for none."
            )

    def _kept(self, credential: Credential | None, name: str) -> str | None:
        return self._secrets.add(credential, purpose=PURPOSE, label=name) if credential else None

    def _secret_of(self, model_id: str) -> str | None:
        found: str | None = self._connection.scalar(select(models.c.secret_id).where(models.c.id == model_id))
        return found

    def _one(self, condition: Any) -> StoredModel | None:
        row = self._connection.execute(self._query().where(condition)).first()
        return None if row is None else _model(row)

    def _query(self) -> Select[Any]:
        joined = models.outerjoin(secrets, secrets.c.id == models.c.secret_id)
        key = (secrets.c.value, secrets.c.origin, secrets.c.scheme)
        return select(models, *key).select_from(joined).where(self._mine)

    def _drop_default(self) -> None:
        self._connection.execute(update(models).where(self._mine, models.c.is_default).values(is_default=False))


def _model(row: Row[Any]) -> StoredModel:
    return StoredModel(
        id=row.id,
        name=row.name,
        base_url=row.base_url,
        model=row.model,
        is_default=row.is_default,
        tool_calls=row.tool_calls,
        credential=credential_of(row._mapping),
    )
