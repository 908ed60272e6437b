"""The log of changes of a knowledge base: the only way an index learns anything."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, and_, delete, exists, insert, select, update

from knowledge.documents import in_portions
from knowledge.errors import NotFound
from knowledge.tables import changes, documents, knowledge_bases

TEXT = "text"
_VECTORS = "vectors:"

_KEPT_ROWS = 2000
"""So many of the newest rows are kept whatever they say: an index further behind begins anew."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LogState:
    """How far a log goes, and from where on it is whole."""

    head: int
    floor: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """This aspect of this document is not what it was; what it is now, the database says."""

    seq: int
    document_id: str


def vectors_of(embedder: str) -> str:
    """The aspect of a document that its vectors of this embedder are."""
    return f"{_VECTORS}{embedder}"


@dataclass(frozen=True, kw_only=True, slots=True)
class LockedBase:
    """A base that nobody else writes to until this transaction ends. `embedders`: the present, then the next ones."""

    log_head: int
    embedders: tuple[str, ...]


def lock_base(connection: Connection, knowledge_base_id: str) -> LockedBase:
    """Lock a base. First statement of every write to one: so sequence numbers are in order of commit, and writers of
    one base never wait for each other in a circle. Raises NotFound when the base is gone or being deleted.
    """
    query = select(knowledge_bases.c.log_head, knowledge_bases.c.embedders, knowledge_bases.c.next_embedders).where(
        knowledge_bases.c.id == knowledge_base_id, knowledge_bases.c.deleted.is_(False)
    )
    row = connection.execute(query.with_for_update(key_share=True)).one_or_none()
    if row is None:
        raise NotFound(f"There is no knowledge base {knowledge_base_id!r}.")
    return LockedBase(
        log_head=row.log_head, embedders=tuple(dict.fromkeys((*row.embedders, *(row.next_embedders or ()))))
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


def log_state(connection: Connection, knowledge_base_id: str) -> LogState:
    """Head and floor of a log. Raises NotFound when the base is gone or being deleted."""
    query = select(knowledge_bases.c.log_head, knowledge_bases.c.log_floor).where(
        knowledge_bases.c.id == knowledge_base_id, knowledge_bases.c.deleted.is_(False)
    )
    row = connection.execute(query).one_or_none()
    if row is None:
        raise NotFound(f"There is no knowledge base {knowledge_base_id!r}.")
    return LogState(head=row.log_head, floor=row.log_floor)


def knows(connection: Connection, knowledge_base_id: str, state: LogState, position: int) -> bool:
    """Whether an index at `position` can learn the rest from this log.

    It cannot when the position is below the floor, or not one this database ever gave out: then the database was
    restored, and the index holds what never happened.
    """
    if position in (0, state.head):
        return True
    if position < state.floor:
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


def forget_aspect(connection: Connection, knowledge_base_id: str, aspect: str) -> None:
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
