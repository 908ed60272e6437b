"""The connections that users have stored; what is secret of them is sealed, and bound to the addresses it is for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection as SqlConnection
from sqlalchemy import Row, Select, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from agents.tools.http.endpoint import Endpoint, EndpointLimits
from backend.accounts.sealing import Sealer
from backend.connections.addresses import checked_address, place_of
from backend.connections.auth import SignIn
from backend.connections.secrets import Credential, SecretStore, credential_of
from backend.connections.tables import connections
from backend.db.paging import cut
from backend.db.tables import secrets
from backend.errors import KeyNeeded, Missing, NameTaken
from knowledge.ids import new_id
from knowledge.storage.paging import decode_cursor
from knowledge.types import Scope

PURPOSE = "connection"


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredConnection:
    """A connection as it was stored; nothing in it is secret but `credential`, which shows nothing of itself."""

    id: str
    name: str
    kind: str
    base_url: str
    auth: Mapping[str, Any]
    tls: Mapping[str, Any]
    allow_private: bool
    timeout_s: float
    concurrency: int
    per_minute: int
    updated_at: datetime
    credential: Credential = field(default_factory=Credential)

    def endpoint(self, sealer: Sealer) -> Endpoint:
        """Ready for requests. Raises KeyNeeded when the address was changed behind our back, SecretUnreadable."""
        parts: dict[str, Any] = {}
        if self.credential:
            parts = json.loads(self.credential.opened_for(place_of(self.base_url, self.auth), sealer))
        sign_in = SignIn(auth=self.auth, tls=self.tls, parts=parts)
        return Endpoint(
            id=self.id,
            name=self.name,
            kind=self.kind,
            base_url=self.base_url,
            auth=sign_in.as_auth(),
            tls=sign_in.as_tls(),
            limits=EndpointLimits(timeout_s=self.timeout_s, concurrency=self.concurrency, per_minute=self.per_minute),
            allow_private=self.allow_private,
            secrets=sign_in.secrets,
        )


class Connections:
    """The connections that `scope` may use, inside the transaction of `connection`; commits nothing."""

    def __init__(self, connection: SqlConnection, scope: Scope, sealer: Sealer) -> None:
        self._connection = connection
        self._scope = scope
        self._sealer = sealer
        self._mine = connections.c.workspace_id == scope.workspace_id
        self._secrets = SecretStore(connection, scope)

    def create(self, *, name: str, kind: str, base_url: str, sign_in: SignIn, **values: Any) -> StoredConnection:
        """A new connection. Raises NameTaken, Invalid for an address that is none."""
        url = checked_address(base_url, kind)
        now = datetime.now(UTC)
        connection_id = new_id()
        row = {
            "id": connection_id,
            "workspace_id": self._scope.workspace_id,
            "owner_id": self._scope.user_id,
            "name": name,
            "kind": kind,
            "base_url": url,
            "auth": dict(sign_in.auth),
            "tls": dict(sign_in.tls),
            "secret_id": self._kept(name, url, sign_in),
            "created_at": now,
            "updated_at": now,
            **values,
        }
        try:
            with self._connection.begin_nested():
                self._connection.execute(insert(connections).values(**row))
        except IntegrityError:
            raise NameTaken(f"There is a connection named {name!r} already.") from None
        return self.get(connection_id)

    def get(self, connection_id: str) -> StoredConnection:
        """Raises Missing."""
        found = self._connection.execute(self._query().where(connections.c.id == connection_id)).first()
        if found is None:
            raise Missing("There is no such connection.")
        return _stored(found)

    def all(self) -> list[StoredConnection]:
        """Every connection, by name."""
        return [_stored(row) for row in self._connection.execute(self._query().order_by(connections.c.name))]

    def page(self, limit: int, cursor: str = "") -> tuple[list[StoredConnection], str | None]:
        """Connections by name."""
        query = self._query().order_by(connections.c.name).limit(limit + 1)
        if cursor:
            query = query.where(connections.c.name > decode_cursor(cursor, 1)[0])
        return cut([_stored(row) for row in self._connection.execute(query)], limit, lambda each: (each.name,))

    def change(self, connection_id: str, values: Mapping[str, Any], sign_in: SignIn | None = None) -> StoredConnection:
        """Set the given columns, and with `sign_in` everything about signing in.

        Raises Missing, NameTaken, Invalid; KeyNeeded when the change leads elsewhere than where the secrets are for.
        """
        current = self.get(connection_id)
        changed: dict[str, Any] = {**values, "updated_at": datetime.now(UTC)}
        if "base_url" in changed:
            changed["base_url"] = checked_address(changed["base_url"], current.kind)
        url = changed.get("base_url", current.base_url)
        before = self._secret_of(connection_id)
        if sign_in is not None:
            name = changed.get("name", current.name)
            changed |= {"auth": dict(sign_in.auth), "tls": dict(sign_in.tls)}
            changed["secret_id"] = self._kept(name, url, sign_in)
        elif not current.credential.fits(place_of(url, current.auth)):
            raise KeyNeeded(
                "This leads to another server than the one the secrets were given for: give `auth` again with it."
            )
        try:
            with self._connection.begin_nested():
                where = (self._mine, connections.c.id == connection_id)
                self._connection.execute(update(connections).where(*where).values(**changed))
        except IntegrityError:
            raise NameTaken(f"There is a connection named {changed.get('name')!r} already.") from None
        if sign_in is not None and before is not None:
            self._secrets.delete(before)
        return self.get(connection_id)

    def delete(self, connection_id: str) -> None:
        """The connection, its secrets and the sources that need it. Raises Missing."""
        self.get(connection_id)
        secret_id = self._secret_of(connection_id)
        self._connection.execute(delete(connections).where(self._mine, connections.c.id == connection_id))
        if secret_id is not None:
            self._secrets.delete(secret_id)

    def _kept(self, name: str, url: str, sign_in: SignIn) -> str | None:
        if not sign_in.parts:
            return None
        secret = self._sealer.seal(json.dumps(sign_in.parts))
        credential = Credential(secret=secret, origin=place_of(url, sign_in.auth), scheme="parts")
        return self._secrets.add(credential, purpose=PURPOSE, label=name)

    def _secret_of(self, connection_id: str) -> str | None:
        query = select(connections.c.secret_id).where(connections.c.id == connection_id)
        found: str | None = self._connection.scalar(query)
        return found

    def _query(self) -> Select[Any]:
        joined = connections.outerjoin(secrets, secrets.c.id == connections.c.secret_id)
        key = (secrets.c.value, secrets.c.origin, secrets.c.scheme)
        return select(connections, *key).select_from(joined).where(self._mine)


def _stored(row: Row[Any]) -> StoredConnection:
    names = ("id", "name", "kind", "base_url", "auth", "tls", "allow_private", "timeout_s", "concurrency")
    shown = {name: getattr(row, name) for name in (*names, "per_minute", "updated_at")}
    return StoredConnection(**shown, credential=credential_of(row._mapping))
