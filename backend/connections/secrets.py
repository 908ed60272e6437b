"""What users entrust to us: each secret with the one place it may be sent to, sealed, in a table of its own.

What needs a secret refers to it by id. Whoever is about to send one says where to, and gets it for its own place alone:
an address that was changed afterwards, by whatever way, gets nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import Connection, Row, RowMapping, delete, insert, select, update

from backend.accounts.sealing import Sealer, Secret
from backend.db.tables import secrets
from backend.errors import KeyNeeded, Missing
from knowledge.ids import new_id
from knowledge.storage.database import Database
from knowledge.types import Scope

SecretScheme = Literal["bearer", "basic", "parts"]
"""How a secret is sent: as a bearer token, as `user:password`, or as the parts of a connection (a JSON object)."""

ANYWHERE = ""
"""The origin of a secret that is not bound to one: it comes from the settings, or is used once and with its address."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Credential:
    """A secret and where it may be sent; False when there is none."""

    secret: Secret = field(default_factory=Secret)
    origin: str = ANYWHERE
    scheme: SecretScheme = "bearer"

    def __bool__(self) -> bool:
        return bool(self.secret)

    def fits(self, origin: str) -> bool:
        """Whether it may be sent there."""
        return not self.secret or self.origin in (ANYWHERE, origin)

    def opened_for(self, origin: str, sealer: Sealer) -> str:
        """The secret in plain text, to be sent to `origin`. Raises KeyNeeded, SecretUnreadable."""
        if not self.fits(origin):
            raise KeyNeeded(f"The stored key was given for {self.origin} and is not sent to {origin}: enter it again.")
        return sealer.open(self.secret)


class SecretStore:
    """The secrets that `scope` may use, inside the transaction of `connection`; commits nothing."""

    def __init__(self, connection: Connection, scope: Scope) -> None:
        self._connection = connection
        self._scope = scope

    def add(self, credential: Credential, *, purpose: str, label: str) -> str:
        """The id of a new secret. `purpose` is the kind of thing that needs it, `label` what users call that thing."""
        secret_id = new_id()
        self._connection.execute(
            insert(secrets).values(
                id=secret_id,
                workspace_id=self._scope.workspace_id,
                owner_id=self._scope.user_id,
                purpose=purpose,
                label=label,
                origin=credential.origin,
                scheme=credential.scheme,
                value=credential.secret.stored,
                created_at=datetime.now(UTC),
            )
        )
        return secret_id

    def get(self, secret_id: str) -> Credential:
        """Raises Missing."""
        mine = (secrets.c.workspace_id == self._scope.workspace_id, secrets.c.id == secret_id)
        row = self._connection.execute(select(secrets).where(*mine)).first()
        if row is None:
            raise Missing("There is no such secret.")
        return credential_of(row._mapping)

    def delete(self, secret_id: str) -> None:
        """Forget a secret, if it is there."""
        mine = (secrets.c.workspace_id == self._scope.workspace_id, secrets.c.id == secret_id)
        self._connection.execute(delete(secrets).where(*mine))


def credential_of(row: RowMapping) -> Credential:
    """The credential in a row of the table, or in one joined to it; none where the join found nothing."""
    if row["value"] is None:
        return Credential()
    return Credential(secret=Secret(row["value"]), origin=row["origin"], scheme=row["scheme"])


def stored_secrets(connection: Connection) -> dict[str, tuple[str, Secret]]:
    """The label and the value of every secret, of all workspaces, by its id."""
    rows: list[Row[Any]] = list(connection.execute(select(secrets).order_by(secrets.c.id)))
    return {row.id: (row.label, Secret(row.value)) for row in rows}


def seal_again(database: Database, sealer: Sealer) -> int:
    """Seal every secret that stands in plain text or was sealed with an older key; returns how many. Those that cannot
    be opened stay as they are."""
    with database.read() as connection:
        kept = stored_secrets(connection)
    due = {secret_id: (old, renewed) for secret_id, (_, old) in kept.items() if (renewed := sealer.renewed(old))}
    if due:
        with database.write() as connection:
            for secret_id, (old, renewed) in due.items():
                same = (secrets.c.id == secret_id, secrets.c.value == old.stored)
                connection.execute(update(secrets).where(*same).values(value=renewed.stored))
    return len(due)
