"""The log of changes of a knowledge base: the only way an index learns anything."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, and_, delete, exists, insert, select, update

from knowledge.errors import NotFound
from knowledge.storage.documents import in_portions
from knowledge.storage.tables import changes, documents, knowledge_bases

TEXT = "text"
_VECTORS = "vectors:"

_KEPT_ROWS = 2000
"""So many of the newest rows are kept whatever they say: an index further behind begins anew."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """This aspect of this document is not what it was; what it is now, the database says."""

    seq: int
    document_id: str


def vectors_of(embedder: str) -> str:
    """The aspect of a document that its vectors of this embedder are."""
    return f"{_VECTORS}{embedder}"


@dataclass(frozen=True, kw_only=True, slots=True)
class BaseState:
    """What writers and followers of a base need to know of it. Below `log_floor` the log is not whole any more."""

    log_head: int
    log_floor: int
    embedders: tuple[str, ...]
    next_embedders: tuple[str, ...] | None

    @property
    def all_embedders(self) -> tuple[str, ...]:
        """The present embedders, then the next ones that are not among them."""
        return tuple(dict.fromkeys((*self.embedders, *(self.next_embedders or ()))))


def lock_base(connection: Connection, knowledge_base_id: str) -> BaseState:
    """A base that nobody else writes to until this transaction ends.

    First statement of every write: so sequence numbers are in order of commit, and writers of one base never wait for
    each other in a circle. Raises NotFound when the base is gone or being deleted.
    """
    return _base_state(connection, _state_of(knowledge_base_id).with_for_update(key_share=True), knowledge_base_id)


def read_base(connection: Connection, knowledge_base_id: str) -> BaseState:
    """A base as it is now. Raises NotFound when it is gone or being deleted."""
    return _base_state(connection, _state_of(knowledge_base_id), knowledge_base_id)


def _state_of(knowledge_base_id: str) -> Select[Any]:
    return select(
        knowledge_bases.c.log_head,
        knowledge_bases.c.log_floor,
        knowledge_bases.c.embedders,
        knowledge_bases.c.next_embedders,
    ).where(knowledge_bases.c.id == knowledge_base_id, knowledge_bases.c.deleted.is_(False))


def _base_state(connection: Connection, query: Select[Any], knowledge_base_id: str) -> BaseState:
    row = connection.execute(query).one_or_none()
    if row is None:
        raise NotFound(f"There is no knowledge base {knowledge_base_id!r}.")
    return BaseState(
        log_head=row.log_head,
        log_floor=row.log_floor,
        embedders=tuple(row.embedders),
        next_embedders=None if row.next_embedders is None else tuple(row.next_embedders),
    )


def append_changes(connection: Connection, knowledge_base_id: str, told: Iterable[tuple[str, str]]) -> int:
    """Write (document id, aspect) pairs to the log, each in place of the one before it, and return the new head."""
    pairs = list(dict.fromkeys(told))
    head = lock_base(connection, knowledge_base_id).log_head
    if not pairs:
        return head
    first = max(head + 1, time.time_ns() // 1000)
    by_aspect: dict[str, list[str]] = {}
    for document_id, aspect in pairs:
        by_aspect.setdefault(aspect, []).append(document_id)
    for aspect, ids in by_aspect.items():
        for portion in in_portions(ids):
            overtaken = and_(
                changes.c.knowledge_base_id == knowledge_base_id,
                changes.c.document_id.in_(portion),
                changes.c.aspect == aspect,
                changes.c.live.is_(True),
            )
            connection.execute(update(changes).where(overtaken).values(live=False))
    rows = [
        {"knowledge_base_id": knowledge_base_id, "seq": seq, "document_id": document_id, "aspect": aspect, "live": True}
        for seq, (document_id, aspect) in enumerate(pairs, start=first)
    ]
    connection.execute(insert(changes), rows)
    head = first + len(rows) - 1
    connection.execute(update(knowledge_bases).where(knowledge_bases.c.id == knowledge_base_id).values(log_head=head))
    return head


def knows(connection: Connection, knowledge_base_id: str, state: BaseState, position: int) -> bool:
    """Whether an index at `position` can learn the rest from this log.

    It cannot when the position is below the floor, or not one this database ever gave out: then the database was
    restored, and the index holds what never happened.
    """
    if position in (0, state.log_head):
        return True
    if position < state.log_floor:
        return False
    there = exists().where(changes.c.knowledge_base_id == knowledge_base_id, changes.c.seq == position)
    return bool(connection.execute(select(there)).scalar_one())


def read_changes(
    connection: Connection, knowledge_base_id: str, aspect: str, after: int, limit: int
) -> Sequence[Change]:
    """The next at most `limit` changes of an aspect, in order."""
    query = (
        select(changes.c.seq, changes.c.document_id)
        .where(
            changes.c.knowledge_base_id == knowledge_base_id,
            changes.c.aspect == aspect,
            changes.c.live.is_(True),
            changes.c.seq > after,
        )
        .order_by(changes.c.seq)
        .limit(limit)
    )
    return [Change(seq=row.seq, document_id=row.document_id) for row in connection.execute(query)]


def retire_aspect(connection: Connection, knowledge_base_id: str, aspect: str) -> None:
    """Drop what the log says of an aspect that no index follows any more, all but what positions rest on."""
    connection.execute(
        update(changes)
        .where(changes.c.knowledge_base_id == knowledge_base_id, changes.c.aspect == aspect)
        .values(live=False)
    )


def prune(connection: Connection, knowledge_base_id: str) -> int:
    """Drop old rows that say nothing new: overtaken ones, and those of documents that are gone. Returns how many."""
    lock_base(connection, knowledge_base_id)
    mine = changes.c.knowledge_base_id == knowledge_base_id
    newest = select(changes.c.seq).where(mine).order_by(changes.c.seq.desc()).offset(_KEPT_ROWS).limit(1)
    floor = connection.execute(newest).scalar_one_or_none()
    if floor is None:
        return 0
    gone = ~exists().where(documents.c.id == changes.c.document_id)
    dropped = connection.execute(delete(changes).where(mine, changes.c.seq < floor, changes.c.live.is_(False) | gone))
    if dropped.rowcount:
        connection.execute(
            update(knowledge_bases).where(knowledge_bases.c.id == knowledge_base_id).values(log_floor=floor)
        )
    return dropped.rowcount
