"""The phases that users have written, and each save of them. All of a workspace see and run them; their owner edits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from agents.phases.catalogue import OwnPhase
from backend.db.paging import cut
from backend.errors import Invalid, Missing, NameTaken, Refused, VersionConflict
from backend.phases.tables import phase_versions, phases
from backend.phases.types import PhaseVersion, StoredPhase
from knowledge.ids import new_id
from knowledge.storage.database import Database
from knowledge.storage.paging import decode_cursor
from knowledge.types import Scope

MOST_PHASES = 200
"""Of a workspace: all of them are read to offer them."""


class PhaseStore:
    """The phases that `scope` may use, inside the transaction of `connection`; commits nothing."""

    def __init__(self, connection: Connection, scope: Scope) -> None:
        self._connection = connection
        self._scope = scope
        self._mine = phases.c.workspace_id == scope.workspace_id

    def create(self, name: str, text: str, comment: str = "") -> StoredPhase:
        """A new phase in its first version. Raises NameTaken, Invalid when there are too many."""
        count = self._connection.scalar(select(func.count()).select_from(phases).where(self._mine)) or 0
        if count >= MOST_PHASES:
            raise Invalid(f"There are {MOST_PHASES} phases, which is as many as are kept; delete one first.")
        phase_id, now = new_id(), datetime.now(UTC)
        try:
            with self._connection.begin_nested():
                self._connection.execute(
                    insert(phases).values(
                        id=phase_id,
                        workspace_id=self._scope.workspace_id,
                        owner_id=self._scope.user_id,
                        name=name,
                        version=1,
                        created_at=now,
                        updated_at=now,
                    )
                )
        except IntegrityError:
            raise NameTaken(
                f"There is a phase named {name!r} already; change that one, or choose another name."
            ) from None
        self._add_version(phase_id, 1, text, comment, now)
        return self.get(name)

    def change(self, name: str, text: str, comment: str = "", *, expected: int | None = None) -> StoredPhase:
        """A new version. `expected` is the newest that the caller knows. Raises Missing, Refused, VersionConflict."""
        current = self._editable(name)
        if expected is not None and expected != current.newest:
            raise VersionConflict(_conflict(name, current.newest))
        version, now = current.newest + 1, datetime.now(UTC)
        # Somebody who saves at this very moment has made the same version: one of the two is told.
        changed = self._connection.execute(
            update(phases)
            .where(phases.c.id == current.id, phases.c.version == current.newest)
            .values(version=version, updated_at=now)
        )
        if changed.rowcount != 1:
            raise VersionConflict(_conflict(name, version))
        self._add_version(current.id, version, text, comment, now)
        return self.get(name)

    def delete(self, name: str) -> None:
        """The phase and its versions. Raises Missing, Refused."""
        self._connection.execute(delete(phases).where(phases.c.id == self._editable(name).id))

    def find(self, name: str, version: int | None = None) -> StoredPhase | None:
        """That version of a phase, or its newest."""
        wanted = phases.c.version if version is None else version
        query = self._query().where(phases.c.name == name, phase_versions.c.version == wanted)
        row = self._connection.execute(query).first()
        return None if row is None else _phase(row)

    def get(self, name: str, version: int | None = None) -> StoredPhase:
        """Raises Missing."""
        found = self.find(name, version)
        if found is None:
            what = "phase" if version is None or self.find(name) is None else f"version {version}"
            raise Missing(f"There is no such {what}." if what == "phase" else f"The phase {name!r} has no {what}.")
        return found

    def all(self) -> list[StoredPhase]:
        """The newest version of each, by name."""
        query = self._query().where(phase_versions.c.version == phases.c.version).order_by(phases.c.name)
        return [_phase(row) for row in self._connection.execute(query)]

    def versions(self, name: str, limit: int, cursor: str = "") -> tuple[list[PhaseVersion], str | None]:
        """The saves of a phase, the newest first. Raises Missing."""
        columns = (phase_versions.c[each] for each in ("version", "author_id", "comment", "created_at"))
        query = select(*columns).where(phase_versions.c.phase_id == self.get(name).id)
        if cursor:
            query = query.where(phase_versions.c.version < _number(decode_cursor(cursor, 1)[0]))
        rows = self._connection.execute(query.order_by(phase_versions.c.version.desc()).limit(limit + 1))
        return cut([PhaseVersion(**row._mapping) for row in rows], limit, lambda each: (str(each.version),))

    def _editable(self, name: str) -> StoredPhase:
        found = self.get(name)
        if found.owner_id != self._scope.user_id:
            raise Refused("Only who wrote a phase may change or delete it; copy it under another name.")
        return found

    def _add_version(self, phase_id: str, version: int, text: str, comment: str, now: datetime) -> None:
        self._connection.execute(
            insert(phase_versions).values(
                phase_id=phase_id,
                version=version,
                text=text,
                comment=comment,
                author_id=self._scope.user_id,
                created_at=now,
            )
        )

    def _query(self) -> Select[Any]:
        newest = phases.c.version.label("newest")
        columns = (phases.c[each] for each in ("id", "name", "owner_id", "created_at", "updated_at"))
        return (
            select(*columns, newest, phase_versions.c.version, phase_versions.c.text)
            .join(phase_versions, phase_versions.c.phase_id == phases.c.id)
            .where(self._mine)
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredPhases:
    """What the catalogue of phases asks for those of users."""

    database: Database

    def find(self, scope: Scope, name: str, version: int | None = None) -> OwnPhase | None:
        """That version, or the newest."""
        with self.database.read() as connection:
            found = PhaseStore(connection, scope).find(name, version)
        return None if found is None else own_phase(found)

    def all(self, scope: Scope) -> Sequence[OwnPhase]:
        """The newest version of each, by name."""
        with self.database.read() as connection:
            return [own_phase(each) for each in PhaseStore(connection, scope).all()]


def own_phase(stored: StoredPhase) -> OwnPhase:
    """A stored phase as the catalogue knows it."""
    return OwnPhase(id=stored.id, name=stored.name, version=stored.version, text=stored.text)


def _conflict(name: str, newest: int) -> str:
    return f"The phase {name!r} was saved meanwhile and is now at version {newest}; read that one and change it again."


def _number(text: str) -> int:
    if not text.isdecimal() or len(text) > 9:
        raise Invalid("This cursor is not one of ours.")
    return int(text)


def _phase(row: Row[Any]) -> StoredPhase:
    return StoredPhase(**row._mapping)
